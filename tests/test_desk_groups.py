"""Groups: counts that add up, and conditions that exactly the runs of a group meet."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from desk import ask, told
from processes import QUIET
from runs import KINDS, six_runs
from runstone import QueryError, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_ui.desk import groups


@pytest.mark.parametrize("kind", KINDS)
def test_runs_are_counted_by_value_the_largest_group_first(tmp_path: Path, kind: str) -> None:
    six_runs(tmp_path, kind)
    found = told(tmp_path, "groups", by="run.experiment", q="run.name != 'a'")
    assert (found["total"], found["of"], found["more"]) == (5, 6, 0)
    assert found["groups"] == [
        {"value": "odd", "count": 3, "where": '(run.experiment) == "odd"'},
        {"value": "even", "count": 2, "where": '(run.experiment) == "even"'},
    ]


@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize(
    "by",
    [
        "run.lr", "run.batch_size", "run.opt", "run.flag", "run.layers", "run.hparams", "run.nan", "run.tags",
        "run.name", "run.lr and run.seed", "run.huge", "run.active", "run.model", "run.created_at", "run.duration > 1e9",
        "run.mixed", 'run.metrics["loss", {"subset": "train"}].min', "run.neg or 1.0",
    ],
)  # fmt: skip
def test_each_condition_finds_exactly_its_group(tmp_path: Path, is_indexed: bool, by: str) -> None:
    aimql_repo.build(tmp_path)
    if is_indexed:
        Indexer(tmp_path).run_once()
    everything = "(run.archived or True)"
    found = told(tmp_path, "groups", by=by, q=everything)
    assert sum(group["count"] for group in found["groups"]) == found["total"] == 6
    for group in found["groups"]:
        page = told(tmp_path, "runs", q=f"{everything} and ({group['where']})")
        assert page["total"] == group["count"], group


def test_equal_numbers_of_different_types_are_one_group(tmp_path: Path) -> None:
    for value in (1, 1.0, True, "1", math.nan, math.nan, None):
        with Run(repo=tmp_path, **QUIET) as run:
            run["a"] = value
    found = told(tmp_path, "groups", by="run.a")["groups"]
    assert [group["count"] for group in found] == [3, 2, 1, 1]
    assert found[1]["value"] == {"$float": "nan"}


def test_runs_for_which_the_expression_fails_are_in_no_group(tmp_path: Path) -> None:
    six_runs(tmp_path, "half")
    found = told(tmp_path, "groups", by="1 / run.hparams.lr > 3")
    assert (found["failed"], "ZeroDivisionError" in found["first_failure"]) == (1, True)
    assert {group["value"]: group["count"] for group in found["groups"]} == {True: 3, False: 2}


def test_only_the_largest_groups_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    six_runs(tmp_path, "logs")
    monkeypatch.setattr(groups, "MOST", 4)
    found = told(tmp_path, "groups", by="run.hash")
    assert (len(found["groups"]), found["more"]) == (4, 2)


@pytest.mark.parametrize("arguments", [{}, {"by": "  "}])
def test_something_to_group_by_has_to_be_given(tmp_path: Path, arguments: dict[str, Any]) -> None:
    six_runs(tmp_path, "logs")
    with pytest.raises(UsageError, match="by is missing"):
        ask(tmp_path, "groups", **arguments)
    with pytest.raises(QueryError):
        ask(tmp_path, "groups", by="run.(")
