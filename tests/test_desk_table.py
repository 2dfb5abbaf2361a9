"""The table of runs: pages, orders, columns that are expressions, and what is said about the answer."""

from __future__ import annotations

import json
import math
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from desk import ask, told
from processes import QUIET
from runs import KINDS, NAMES, six_runs
from runstone import QueryError, Repo, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_query.worker import QueryWorker
from runstone_writer.lines import frame


def names(path: Path, **arguments: Any) -> str:
    return "".join(told(path, "runs", **arguments)["runs"]["name"])


@pytest.mark.parametrize("kind", KINDS)
def test_runs_come_newest_first_with_what_is_known_of_each(tmp_path: Path, kind: str) -> None:
    made = six_runs(tmp_path, kind)
    repo = Repo(tmp_path)
    page = told(tmp_path, "runs")
    runs = page["runs"]
    assert (page["total"], page["of"], page["skipped"], page["first_error"]) == (6, 6, 0, "")
    assert (page["hints"], page["columns"]) == ([], [])
    assert page["from_index"] + page["from_logs"] == 6
    assert runs["name"] == list(reversed(NAMES))
    assert runs["hash"] == [made[name] for name in reversed(NAMES)]
    assert runs["experiment"] == ["odd", "even"] * 3
    assert (runs["status"], runs["archived"], runs["tags"]) == (["finished"] * 6, [False] * 6, [[]] * 6)
    stored = [repo.get_run(run) for run in runs["hash"]]
    assert runs["created"] == [run.creation_time for run in stored if run is not None]
    assert runs["ended"] == [run.end_time for run in stored if run is not None]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_follow_each_other_in_any_order(tmp_path: Path, kind: str) -> None:
    six_runs(tmp_path, kind)
    assert names(tmp_path, limit=4) + names(tmp_path, limit=4, offset=4) == "fedcba"
    assert names(tmp_path, order_by="run.hparams.lr", limit="2", offset="1") == "bc"
    assert names(tmp_path, order_by="run.hparams.lr", descending="1", limit=2) == "fe"
    assert names(tmp_path, order_by="-run.hparams.lr", limit=2) == "fe"
    assert (
        names(tmp_path, order_by='run.metrics["loss", {"subset": "train"}].last', q="run.hparams.lr < 0.3")
        == "abc"
    )
    assert told(tmp_path, "runs", limit=0)["total"] == 6
    assert names(tmp_path, offset=100) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_expressions(tmp_path: Path, kind: str) -> None:
    six_runs(tmp_path, kind)
    page = told(
        tmp_path,
        "runs",
        order_by="run.name",
        limit=2,
        column=[
            "run.hparams.lr",
            "run.hparams",
            "run.hparams.lr * 10 + 1",
            'run.metrics["loss", {"subset": "train"}].max',
            "run.nothing",
            "1 / run.hparams.lr",
            "run.hparams.layers",
            "run",
        ],
    )
    tree = {"lr": 0.1, "layers": [1, 2], "opt": {"name": "adam"}}
    first = page["runs"]["hash"]
    assert page["columns"] == [
        [0.0, 0.1],
        [{**tree, "lr": 0.0}, tree],
        [1.0, 2.0],
        [2.0, 2.1],
        [None, None],
        [None, 10.0],
        [[1, 2], [1, 2]],
        [f"<run {run}>" for run in first],
    ]


@pytest.mark.parametrize("is_indexed", [True, False])
def test_values_that_json_lacks_are_tagged(tmp_path: Path, is_indexed: bool) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        run["a"] = {"nan": math.nan, "inf": -math.inf, "huge": 2**70, "$": 1, "half": "\ud800", "n": None}
        run["day"] = date(2026, 11, 22)
        run.name = "half \udc00 name"
    if is_indexed:
        Indexer(tmp_path).run_once()
    paths = ("nan", "inf", "huge", "half", "n")
    page = told(tmp_path, "runs", column=[*(f"run.a.{name}" for name in paths), "run.a", "run.created_at"])
    values = [column[0] for column in page["columns"]]
    tagged = [{"$float": "nan"}, {"$float": "-inf"}, {"$int": hex(2**70)}, {"$str": "7aCA"}, None]
    assert values[:5] == tagged
    pairs = dict(map(tuple, values[5]["$dict"]))  # type: ignore[arg-type]
    assert (pairs["$"], pairs["nan"]) == (1, tagged[0])
    assert set(values[6]) == {"$datetime"}
    assert page["runs"]["name"] == ["half \\udc00 name"]


def test_statuses_are_told_from_ends_and_heartbeats(tmp_path: Path) -> None:
    found = {name: run for run, name in aimql_repo.build(tmp_path, names="ada dee").items()}
    alive = Run(repo=tmp_path, **QUIET)
    alive.track(1.0, name="loss")
    for hint in (tmp_path / ".runstone" / "live").iterdir():
        if hint.name.startswith(found["dee"]):
            hint.unlink()
    for _ in range(2):
        page = told(tmp_path, "runs")["runs"]
        statuses = dict(zip(page["hash"], page["status"], strict=True))
        assert statuses == {found["ada"]: "finished", found["dee"]: "crashed", alive.hash: "running"}
        assert page["ended"][page["hash"].index(alive.hash)] is None
        Indexer(tmp_path).run_once()
    alive.close()


def test_archived_runs_come_when_they_are_asked_for(tmp_path: Path) -> None:
    aimql_repo.build(tmp_path, names="ada cat")
    assert told(tmp_path, "runs")["runs"]["name"] == ["ada"]
    page = told(tmp_path, "runs", q="run.archived or True")["runs"]
    assert (page["name"], page["archived"], page["tags"]) == (
        ["cat", "ada"],
        [True, False],
        [["old"], ["best", "gpu"]],
    )


def test_what_may_be_wrong_is_said(tmp_path: Path) -> None:
    six_runs(tmp_path, "half")
    page = told(tmp_path, "runs", q="1 / run.hparams.lr > 0")
    assert (page["total"], page["skipped"]) == (5, 1)
    assert "ZeroDivisionError" in page["first_error"]
    assert "run.hparams.lr" in told(tmp_path, "runs", q="run.hparam.lr > 0")["hints"][0]


def test_what_cannot_be_read_is_said_with_every_answer(tmp_path: Path) -> None:
    """Here a log of a later format."""
    made = six_runs(tmp_path, "logs")
    (log,) = (tmp_path / ".runstone" / "logs").glob(f"*/{made['c']}/*.jsonl")
    log.write_bytes(frame(b'{"event":"log","format":99,"run":"x","crc":', 0)[0])
    repo = Repo(tmp_path, read_only=True)
    with pytest.warns(RuntimeWarning, match="answers lack"):
        hints = told(repo, "runs")["hints"]
    assert len(hints) == 1
    assert hints[0].startswith(f"Answers lack what is in {log}: ")
    assert told(repo, "runs")["hints"] == hints


@pytest.mark.parametrize(
    "arguments",
    [{"q": "run.lr ="}, {"order_by": "run.lr +"}, {"column": ["run.a", "lenn(run.b)"]}],
)
def test_an_expression_that_cannot_be_right_is_refused_with_its_place(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    six_runs(tmp_path, "logs")
    with pytest.raises(QueryError) as raised:
        ask(tmp_path, "runs", **arguments)
    assert raised.value.text in ("run.lr =", "run.lr +", "lenn(run.b)")


@pytest.mark.parametrize("name", ["limit", "offset", "descending"])
def test_an_argument_that_cannot_be_is_named(tmp_path: Path, name: str) -> None:
    six_runs(tmp_path, "logs")
    with pytest.raises(UsageError, match=name):
        ask(tmp_path, "runs", **{name: "10001x"})


def test_a_confined_process_gives_the_same_answers(tmp_path: Path) -> None:
    six_runs(tmp_path, "half")
    asked = {"q": "run.hparams.lr > 0.1", "order_by": "run.name", "column": ["run.hparams"]}
    expected = told(tmp_path, "runs", **asked)
    with QueryWorker(tmp_path, seconds=60, answers="runstone_ui.desk") as worker:
        found = json.loads(worker.ask("runs", asked).body)
        assert found["runs"] == expected["runs"]
        assert found["columns"] == expected["columns"]
        assert worker.ask("curves", {"q": ""}).header == {"type": "application/vnd.runstone.columns"}
