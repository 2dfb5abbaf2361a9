"""Ordering and cutting an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstone import QueryError, Repo, Run, UsageError
from runstone_query import selection

RATES = {"a": 0.3, "b": None, "c": 1, "d": "text", "e": float("nan"), "f": 0.1}


@pytest.fixture(params=[True, False], ids=["index", "logs"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    for name, rate in RATES.items():
        run = Run(repo=tmp_path, system_tracking_interval=None, capture_terminal_logs=False)
        run.name = name
        if rate is not None:
            run["lr"] = rate
        for step in range(3):
            run.track(len(RATES) - ord(name) + step / 10, name="loss", context={"subset": "train"})
            run.track(float(step), name="acc")
        run.close()
    return Repo(tmp_path, index=request.param)


def names(runs: object) -> str:
    return "".join(run.name for run in runs)  # type: ignore[attr-defined]


def test_runs_come_newest_first_unless_told_otherwise(repo: Repo) -> None:
    assert names(repo.query_runs()) == "fedcba"


def test_numbers_come_before_nan_before_texts_and_what_is_missing_comes_last(repo: Repo) -> None:
    assert names(repo.query_runs(order_by="run.lr")) == "facedb"


def test_what_is_missing_comes_last_in_a_descending_order_too(repo: Repo) -> None:
    assert names(repo.query_runs(order_by="run.lr", descending=True)) == "decafb"


def test_an_order_may_be_any_expression(repo: Repo) -> None:
    assert names(repo.query_runs(order_by="run.name")) == "abcdef"
    by_summary = 'run.metrics["loss", {"subset": "train"}].min'
    assert names(repo.query_runs(order_by=by_summary)) == "fedcba"


def test_what_cannot_be_computed_comes_last(repo: Repo) -> None:
    assert names(repo.query_runs("run.lr == 1 or run.lr == 0.3", order_by="1 / (run.lr - 1)")) == "ac"


def test_limit_and_offset_cut_a_part_out_after_sorting(repo: Repo) -> None:
    result = repo.query_runs(order_by="run.name", limit=2, offset=1)
    assert names(result) == "bc"
    assert len(result) == 2
    assert result.explain().matched == 6
    assert result.hashes() == [run.hash for run in result]
    assert names(repo.query_runs(limit=2)) == "fe"
    assert names(repo.query_runs(limit=2, offset=5)) == "a"
    assert names(repo.query_runs(limit=0)) == ""


@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 6, 7])
def test_hashes_come_in_the_same_order_however_many_are_read_at_once(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(selection, "AT_ONCE", at_once)
    assert repo.query_runs().hashes() == [run.hash for run in repo.query_runs()]
    assert repo.query_runs(offset=1, limit=4).hashes() == [run.hash for run in repo.query_runs()][1:5]


def test_sequences_are_ordered_one_by_one(repo: Repo) -> None:
    result = repo.query_metrics(
        "run.lr == 0.3 or run.lr == 1", order_by="metric.last", descending=True, limit=3
    )
    assert [(m.run.name, m.name) for m in result] == [("c", "acc"), ("a", "acc"), ("a", "loss")]
    assert len(result) == 3
    assert result.explain().matched == 4


def test_runs_of_ordered_sequences_are_grouped_in_that_order(repo: Repo) -> None:
    items = list(repo.query_metrics("metric.name == 'loss'", order_by="metric.min", limit=3).iter_runs())
    assert [item.run.name for item in items] == ["f", "e", "d"]


def test_an_order_that_cannot_be_right_is_refused_at_once(repo: Repo) -> None:
    with pytest.raises(QueryError, match="unknown name"):
        repo.query_runs(order_by="lr")
    with pytest.raises(UsageError, match="limit"):
        repo.query_runs(limit=-1)
