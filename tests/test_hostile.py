"""A short form of the campaign of tools/fuzz/hostile.py, with a fixed seed; and that it would notice."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools" / "fuzz"))

import hostile

pytestmark = [pytest.mark.checkout, pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")]
KNOWN = len(hostile.ESCAPES) + len(hostile.EXHAUSTING)


def test_hostile_expressions_end_in_little_memory_and_change_nothing() -> None:
    report = hostile.campaign(20_26, 500, watch=False, timed=False)
    assert report.failures == []
    assert report.count == 500
    assert {"refused", "LimitError", "answered"} <= set(report.outcomes)


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")
def test_hostile_expressions_ask_nothing_of_the_system() -> None:
    report = hostile.campaign(1, KNOWN, timed=False)
    assert report.watched
    assert report.failures == []


@pytest.mark.parametrize("sabotage", hostile.SABOTAGES)
def test_a_guard_that_is_taken_away_is_noticed(sabotage: str) -> None:
    assert hostile.campaign(1, KNOWN, sabotage=sabotage, watch=False, timed=False).failures


def test_the_same_seed_asks_the_same_questions() -> None:
    assert list(hostile.Hostile(5).questions(300)) == list(hostile.Hostile(5).questions(300))
    assert list(hostile.Hostile(5).questions(300)) != list(hostile.Hostile(6).questions(300))
