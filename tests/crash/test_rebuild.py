"""What is derived is deleted, and random queries are answered as before."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import rebuild
from campaign import Options


@pytest.mark.slow
def test_answers_are_the_same_with_any_index_and_with_none():
    row = rebuild.rebuild(Options(seed=1, trials=60))
    assert (row.failures, row.verdict, row.trials) == ([], "held", 60)
