"""Parts of answers about sequences: the same as those of the whole answer, without making all of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runs import KINDS, six_runs
from runstone import Repo
from runstone_query.selection import newest_first

QUERIES = (
    "",
    "metric.name == 'loss'",
    "run.hparams.lr > 0.2",
    "metric.last > 1.2",
    "metric.name == 'loss' and metric.last - metric.first > run.hparams.lr",  # evaluated one by one
    "metric.name == 'nothing'",
)


def keys(found: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [(s.run.hash, s.name, s.context.to_dict()) for s in found]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", QUERIES)
def test_a_part_is_that_of_the_whole_answer(tmp_path: Path, kind: str, query: str) -> None:
    six_runs(tmp_path, kind)
    repo = Repo(tmp_path, index=kind != "logs")
    whole = keys(repo.query_metrics(query))
    for limit in (0, 1, 2, 3, 5, 100):
        for offset in (0, 1, 2, 5, 11, 12, 13):
            part = repo.query_metrics(query, limit=limit, offset=offset)
            assert keys(part) == whole[offset : offset + limit]
            assert part.explain().matched == len(whole)


def test_runs_of_the_same_moment_come_by_their_hashes() -> None:
    times = np.array([5, 7, 5, 7, 9, 5])
    hashes = np.array([b"b", b"d", b"a", b"c", b"x", b"c"])
    assert newest_first(times, hashes).tolist() == [4, 3, 1, 2, 0, 5]
    assert newest_first(times[:2], hashes[:2]).tolist() == [1, 0]
