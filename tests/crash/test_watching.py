"""Watching without the notifications that it may have hoped for: one of each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import watching
from campaign import Options

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not watching.QUEUE.exists(), reason="there is no inotify"),
]


@pytest.mark.parametrize(("name", "trials"), [("overflow", 1), ("limits", 2), ("deaths", 3), ("many", 2)])
def test_watching(name, trials):
    row = watching.CAMPAIGNS[name](Options(seed=1, trials=trials))
    if row.skipped:
        pytest.skip(row.skipped)
    assert (row.failures, row.verdict) == ([], "held")
