"""Several indexers and readers at one repository, for a few passes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import indexers
from campaign import Options


@pytest.mark.slow
def test_two_indexers_and_readers_while_everything_is_moved():
    row = indexers.crowd(Options(seed=1, trials=1))
    assert (row.failures, row.verdict, row.caught) == ([], "held", 1)
