"""Short forms of the campaigns with hostile repositories: a few kinds, and a few lines of the fuzzer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import hostile_repository
from hostile_kinds import KINDS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "name", ["a log: a FIFO", "a manifest: an epoch that leads out", "a run's folder: a link"]
)
def test_a_kind_of_hostility_does_no_harm(name):
    with hostile_repository._place() as place:
        assert hostile_repository.judge(name, place).wrong == []


def test_the_fuzzer_breaks_nothing_and_every_point_between_is_read():
    with hostile_repository._place() as place:
        assert hostile_repository._judge_fuzz(place, "3:0", 60) == []


@pytest.mark.parametrize("control", ["_control_pickle", "_control_links"])
def test_without_a_protection_the_harm_is_seen(control):
    with hostile_repository._place() as place:
        assert getattr(hostile_repository, control)(place)


def test_the_table_of_kinds_is_as_long_as_it_should_be():
    assert len(KINDS) > 150
