"""Short forms of the damage campaigns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import damage
import index_damage
from campaign import Options


@pytest.mark.parametrize("name", ["cuts", "flips"])
def test_a_log_that_is_cut_or_has_a_flipped_bit_is_read_right(name):
    row = damage.CAMPAIGNS[name](Options(seed=3, trials=1500))
    assert row.failures == []
    assert row.verdict == "held"


@pytest.mark.slow
def test_sectors_and_pages_of_a_log_may_be_anything():
    row = damage.sectors(Options(seed=3, trials=30))
    assert row.failures == []
    assert row.verdict == "held"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "trials"), [("index", 30), ("files", 12), ("blobs", 30)])
def test_nothing_is_answered_wrong_in_silence(name, trials):
    row = index_damage.CAMPAIGNS[name](Options(seed=4, trials=trials))
    assert row.failures == []
    assert row.trials == trials
    assert row.caught or name == "files"
