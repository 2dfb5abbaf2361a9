"""Short forms of the siege: a little of each attack, and the controls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "siege"))

import conformity
import outside
import overload
import untouched
from campaign import Options

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


@pytest.mark.parametrize(
    ("campaign", "trials"),
    [
        (outside.outside, 300),
        (untouched.untouched, 100),
        (overload.overload, 1),
        (conformity.conformity, 200),
    ],
)
def test_the_server_withstands(campaign, trials):
    row = campaign(Options(seed=5, trials=trials))
    if row.skipped:
        pytest.skip(row.skipped)
    assert (row.failures, row.verdict) == ([], "held")
