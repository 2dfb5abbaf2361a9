"""Export: the same rows in three formats, values as they are."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from desk import ask, told
from processes import QUIET
from runs import KINDS, NAMES, six_runs
from runstone import QueryError, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_query.worker import QueryWorker
from runstone_ui.desk import ANSWERS, export

FACTS = ["hash", "name", "experiment", "status", "created", "ended", "archived", "tags"]
ALL = [
    "run.hparams.layers", "run.hparams.lr", "run.hparams.opt.name", 'run.metrics["epoch"].last',
    'run.metrics["loss", {"subset": "train"}].last',
]  # fmt: skip


def rows(path: Path, kind: str, **arguments: Any) -> list[dict[str, Any]]:
    reply = ask(path, "export", format=kind, **arguments)
    assert reply.header["name"] == f"runs.{kind}"
    if kind == "csv":
        assert reply.header["type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(reply.body.decode())))
    if kind == "json":
        assert reply.header["type"] == "application/json"
        found: list[dict[str, Any]] = json.loads(reply.body)
        return found
    assert reply.header["type"] == "application/vnd.apache.parquet"
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    arrow = pytest.importorskip("pyarrow")
    table: list[dict[str, Any]] = parquet.read_table(arrow.BufferReader(reply.body)).to_pylist()
    return table


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_without_columns_all_parameters_and_last_values_are_there(
    tmp_path: Path, source: str, kind: str
) -> None:
    made = six_runs(tmp_path, source)
    found = rows(tmp_path, kind)
    assert [row["name"] for row in found] == list(reversed(NAMES))
    assert list(found[0]) == FACTS + ALL
    for row in found:
        number = NAMES.index(row["name"])
        assert row["hash"] == made[row["name"]]
        assert float(row["run.hparams.lr"]) == number / 10
        assert float(row[ALL[-1]]) == 2 + number / 10
        assert row["run.hparams.opt.name"] == "adam"
        assert float(row["ended"]) > float(row["created"])
        assert row["run.hparams.layers"] in ("[1,2]", [1, 2])


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_query_an_order_and_columns_can_be_given(tmp_path: Path, kind: str) -> None:
    six_runs(tmp_path, "half")
    found = rows(
        tmp_path,
        kind,
        q="run.hparams.lr > 0.15",
        order_by="run.name",
        descending=1,
        column=["run.hparams.lr * 10"],
    )
    assert list(found[0]) == [*FACTS, "run.hparams.lr * 10"]
    assert [(row["name"], round(float(row["run.hparams.lr * 10"]))) for row in found] == [
        ("f", 5), ("e", 4), ("d", 3), ("c", 2),
    ]  # fmt: skip


def test_only_what_the_matching_runs_have_is_a_column(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with Run(repo=tmp_path, **QUIET) as run:
            run.name = name
            run[f"only_{name}"] = 1
            run.track(1.0, name=f"metric_{name}")
    Indexer(tmp_path).run_once()
    (row,) = rows(tmp_path, "json", q="run.name == 'a'")
    assert list(row)[len(FACTS) :] == ["run.only_a", 'run.metrics["metric_a"].last']
    assert rows(tmp_path, "json", q="run.name == 'z'") == []
    assert ask(tmp_path, "export", q="run.name == 'z'").body.decode() == ",".join(FACTS) + "\n"


def test_values_stay_what_they_are(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        run["a"] = {
            "nan": math.nan,
            "huge": 2**70,
            "text": 'a "b",\n=c',
            "half": "\ud800",
            "none": None,
            "no": False,
        }
    (row,) = rows(tmp_path, "json")
    assert (row["run.a.nan"], row["run.a.huge"]) == ({"$float": "nan"}, {"$int": hex(2**70)})
    assert (row["run.a.text"], row["run.a.none"], row["run.a.no"]) == ('a "b",\n=c', None, False)
    (row,) = rows(tmp_path, "csv")
    assert (row["run.a.nan"], row["run.a.huge"], row["run.a.none"]) == ("nan", str(2**70), "")
    assert (row["run.a.text"], row["run.a.half"], row["run.a.no"]) == ('a "b",\n=c', "\\ud800", "False")
    (row,) = rows(tmp_path, "parquet")
    assert math.isnan(row["run.a.nan"])
    assert (row["run.a.text"], row["run.a.huge"]) == ('a "b",\n=c', str(2**70))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_runs_of_every_make_fit_into_one_table(tmp_path: Path, kind: str) -> None:
    aimql_repo.build(tmp_path)
    found = rows(tmp_path, kind, q="run.archived or True")
    assert len(found) == 6
    assert {row["name"]: row["run.opt"] for row in found}["ada"] == "adam"


def test_blocks_of_rows_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    six_runs(tmp_path, "half")
    whole = [rows(tmp_path, kind) for kind in ("csv", "json", "parquet")]
    monkeypatch.setattr(export, "ROWS", 4)
    assert [rows(tmp_path, kind) for kind in ("csv", "json", "parquet")] == whole


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    six_runs(tmp_path, "logs")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install runstone\[arrow\]"):
        ask(tmp_path, "export", format="parquet")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    six_runs(tmp_path, "logs")
    with pytest.raises(UsageError, match="format is not 'xls'"):
        ask(tmp_path, "export", format="xls")
    with pytest.raises(QueryError):
        ask(tmp_path, "export", column=["run.("])


def test_a_confined_process_answers_every_question_just_so(tmp_path: Path) -> None:
    ada, bob = aimql_repo.build(tmp_path, names="ada bob")
    Indexer(tmp_path).run_once()
    kinds = ("images", "audios", "texts", "figures", "distributions")
    asked: list[tuple[str, dict[str, Any]]] = [
        ("check", {"q": "matches(run.a, 'x')"}), ("names", {}), ("groups", {"by": "run.lr"}),
        *(("run", {"hash": run}) for run in (ada, bob)), ("history", {"hash": ada}), ("events", {"hash": ada}),
        ("terminal", {"hash": ada}), ("records", {"hash": ada}), ("curves", {"q": "", "smooth": 0.5}),
        ("runs", {"column": ["run.hparams"]}), *(("media", {"kind": kind}) for kind in kinds),
        *(("export", {"format": kind}) for kind in ("csv", "json", "parquet")),
    ]  # fmt: skip
    assert {name for name, _ in asked} == set(ANSWERS)
    with QueryWorker(tmp_path, seconds=60, answers="runstone_ui.desk") as worker:
        for name, arguments in asked:
            reply, expected = worker.ask(name, arguments), ask(tmp_path, name, **arguments)
            assert reply.header == expected.header
            if name == "curves" or arguments.get("format") == "parquet":
                assert abs(len(reply.body) - len(expected.body)) < 100  # the header says how long it took
            elif name in ("groups", "media", "runs"):
                assert {**json.loads(reply.body), "seconds": 0} == {**json.loads(expected.body), "seconds": 0}
            else:
                assert reply.body == expected.body
        assert worker.restarts == 0


def test_the_logs_answer_where_the_index_is_damaged(tmp_path: Path) -> None:
    six_runs(tmp_path, "index")
    expected = told(tmp_path, "runs", column=["run.hparams.lr"])
    for file in (tmp_path / ".runstone" / "index").rglob("states-*.npz"):
        data = bytearray(file.read_bytes())
        for at in range(300, len(data) // 2, 100):
            data[at] ^= 0xFF
        file.write_bytes(data)
    with pytest.warns(RuntimeWarning, match="the index is damaged"):
        found = told(tmp_path, "runs", column=["run.hparams.lr"])
    assert (found["runs"], found["columns"]) == (expected["runs"], expected["columns"])
