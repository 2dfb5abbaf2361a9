"""Clocks that jump, or differ: a few of each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import clock
from campaign import Options

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not clock.library(), reason="there is no libfaketime"),
]


@pytest.mark.parametrize(
    ("name", "trials"), [("clock jumps", 6), ("skewed readers", 1), ("skewed writers", 1)]
)
def test_clocks(name, trials):
    row = clock.CAMPAIGNS[name](Options(seed=1, trials=trials))
    assert (row.failures, row.verdict, row.trials) == ([], "held", trials)
