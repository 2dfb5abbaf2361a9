"""A few processes write one run; two that share a file are found out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import writers
from campaign import Options


@pytest.mark.slow
def test_several_processes_write_one_run():
    row = writers.one_run(Options(seed=1, trials=1))
    assert (row.failures, row.verdict, row.caught) == ([], "held", 1)
