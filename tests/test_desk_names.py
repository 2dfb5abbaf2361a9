"""Names for completion, checked queries, and expressions that mean what they were made of."""

from __future__ import annotations

import math
import sys
import tempfile
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from desk import ask, told
from processes import QUIET
from runs import KINDS, six_runs
from runstone import QueryError, Repo, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_query.batch import Batch, Expression
from runstone_query.record import Record
from runstone_ui.desk import spelling
from runstone_writer.params import Params
from runstone_writer.state import RunState
from runstone_writer.values import encode


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_any_run_has_is_named(tmp_path: Path, kind: str) -> None:
    six_runs(tmp_path, kind)
    found = told(tmp_path, "names")
    assert found["params"] == ["run.hparams.layers", "run.hparams.lr", "run.hparams.opt.name"]
    assert found["metrics"] == [
        {"name": "epoch", "context": {}, "expression": 'run.metrics["epoch"]'},
        {
            "name": "loss",
            "context": {"subset": "train"},
            "expression": 'run.metrics["loss", {"subset": "train"}]',
        },
    ]
    assert found["sequences"] == {"images": [], "audios": [], "texts": [], "distributions": [], "figures": []}
    assert (found["experiments"], found["tags"]) == (["even", "odd"], [])


@pytest.mark.parametrize("is_indexed", [True, False])
def test_every_expression_that_is_offered_finds_something(tmp_path: Path, is_indexed: bool) -> None:
    aimql_repo.build(tmp_path)
    if is_indexed:
        Indexer(tmp_path).run_once()
    found = told(tmp_path, "names")
    kinds = ("images", "audios", "texts", "figures", "distributions")
    assert [found["sequences"][kind][0]["name"] for kind in kinds] == ["imgs", "clip", "txt", "fig", "dist"]
    assert (found["experiments"], found["tags"]) == (["default", "text", "vision"], ["best", "gpu", "old"])
    nones = ["run.hparams.none"]
    assert 'run["name"]' in found["params"]
    assert 'run["_hidden"]' in found["params"]
    sequences = [*found["metrics"], *(each for kind in kinds for each in found["sequences"][kind])]
    offered = found["params"] + [f"{each['expression']}.count" for each in sequences]
    assert len(offered) > 40
    for expression in offered:
        page = told(tmp_path, "runs", q="run.archived or True", column=[expression])
        assert (expression in nones) == (page["columns"][0] == [None] * 6), expression


def test_what_is_gone_is_offered_no_more(tmp_path: Path) -> None:
    made = six_runs(tmp_path, "index")
    repo = Repo(tmp_path)
    for name in "ace":
        repo.delete_run(made[name])
    assert told(tmp_path, "names")["experiments"] == ["even"] or told(tmp_path, "names")["experiments"] == [
        "odd"
    ]


def test_the_environment_is_not_offered(tmp_path: Path) -> None:
    with Run(repo=tmp_path, log_system_params=True, **QUIET) as run:
        run["lr"] = 1
    for _ in range(2):
        assert told(tmp_path, "names")["params"] == ["run.lr"]
        Indexer(tmp_path).run_once()


def test_a_query_is_checked_with_the_place_of_what_is_wrong(tmp_path: Path) -> None:
    six_runs(tmp_path, "half")
    assert told(tmp_path, "check", q="run.hparams.lr > 0.1") == {"ok": True}
    assert told(tmp_path, "check", q="") == {"ok": True}
    assert told(tmp_path, "check", q="images.name == 'x'", kind="images") == {"ok": True}
    for query, kind in (
        ("run.lr = 1 and\n lenn(x)", "runs"),
        ("matches(run.a, '(')", "runs"),
        ("metric.", "metric"),
    ):
        with pytest.raises(QueryError) as raised:
            ask(tmp_path, "check", q=query, kind=kind)
        assert raised.value.text == query
        assert raised.value.lineno == query.count("\n") + 1
    with pytest.raises(QueryError, match="metric"):
        ask(tmp_path, "check", q="metric.name == 'x'", kind="runs")
    with pytest.raises(UsageError, match="kind is not 'pictures'"):
        ask(tmp_path, "check", q="", kind="pictures")


keys = st.text(min_size=1, max_size=8) | st.sampled_from(
    ["class", "name", "ﬁ", "get", "_x", "f_code", "a b", "1", '"']
)


@given(st.lists(keys, min_size=1, max_size=4))
def test_the_expression_of_a_parameter_reads_it(path: list[str]) -> None:
    state = RunState("run")
    state.params = Params()
    state.params.assign(tuple(path), (1, "w"), 42)
    value = Expression(_anywhere(), spelling.parameter(tuple(path))).values(
        Batch([Record.fresh(None, None, state, {})])
    )
    assert value == [42]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=10)
    | st.datetimes() | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(values)
def test_a_literal_means_the_value(value: Any) -> None:
    written = spelling.literal(value)
    assert written is not None
    (found,) = Expression(_anywhere(), written).values(Batch([Record.fresh(None, None, RunState("run"), {})]))
    assert repr(found) == repr(value) or encode(found) == encode(value)


def test_what_cannot_be_written_has_no_literal() -> None:
    assert spelling.literal(object()) is None
    assert spelling.literal([1, object()]) is None
    assert spelling.literal({"a": object()}) is None
    assert spelling.literal(-math.inf) == 'float("-inf")'
    assert spelling.literal(datetime(2026, 11, 22, 1, 2, 3, 4)) == "datetime(2026, 11, 22, 1, 2, 3, 4)"
    assert spelling.literal(timedelta(1, 2, 3)) == "timedelta(days=1, seconds=2, microseconds=3)"


@cache
def _anywhere() -> Repo:
    """An empty repository: an expression needs one to suggest names from."""
    return Repo(tempfile.mkdtemp(), init=True)
