"""Short forms of the campaigns of calls that fail, of two faults in a row, and of memory that runs out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import compound
import faults
import memory
import reading
from campaign import Campaign, Options

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("campaign", "trials"),
    [
        pytest.param(faults.writer, 12, id="writer"),
        pytest.param(faults.indexer, 4, id="indexer"),
        pytest.param(faults.watching, 2, id="watching"),
        pytest.param(reading.reader, 8, id="reader"),
        pytest.param(compound.pairs, 3, id="compound"),
        pytest.param(memory.track, 12, id="track"),
        pytest.param(memory.malloc, 4, id="malloc"),
    ],
)
def test_a_short_form_holds_and_its_control_is_caught(campaign: Campaign, trials: int):
    row = campaign(Options(seed=7, trials=trials))
    assert row.failures == []
    assert row.verdict == "held", row
