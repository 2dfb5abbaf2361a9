"""Data frames of three libraries: the same rows in each, and no value that is silently another one."""

import math
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Repo, Run, UsageError
from runstone_query.columnset import ColumnSet

HUGE = 2**70


@pytest.fixture
def repo(tmp_path):
    """Two runs, of which the newer one has other parameters."""
    with Run(repo=tmp_path, experiment="exp", **QUIET) as run:
        run["hparams"] = {"lr": 0.1, "depth": 3, "opt": "adam", "big": HUGE, "mixed": 1, "layers": [1, 2]}
        run.track(0.5, name="loss", context={"subset": "val"}, epoch=1)
        run.track(0.25, name="loss", context={"subset": "val"}, step=7)
        run.track(3, name="count")
    with Run(repo=tmp_path, **QUIET) as run:
        run["hparams"] = {"lr": 1, "mixed": "one", "extra": True}
        run.track(HUGE, name="count", step=0.5)
    return Repo(tmp_path)


def rows_of(frame, backend):
    if backend == "polars":
        return frame.to_dicts()
    return frame.to_pylist() if backend == "arrow" else frame.to_dict("records")


def same(one, other):
    missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in (one, other)]
    return all(missing) or one == other


@pytest.mark.parametrize("backend", ["polars", "arrow"])
def test_each_library_has_the_rows_that_pandas_has(repo, backend):
    pytest.importorskip({"arrow": "pyarrow"}.get(backend, backend))
    for result in (repo.query_runs(), repo.query_metrics()):
        theirs = rows_of(result.dataframe(), "pandas")
        ours = rows_of(result.dataframe(backend=backend), backend)
        assert len(ours) == len(theirs) > 0
        for mine, other in zip(ours, theirs, strict=True):
            assert list(mine) == list(other)
            for name in mine:
                if name == "time":
                    assert mine[name].utcoffset() is not None
                    assert mine[name].timestamp() == pytest.approx(other[name].timestamp(), abs=2e-6)
                elif name.endswith(("mixed", "big")) or name == "value":
                    assert same(mine[name], other[name]) or mine[name] == str(other[name])
                else:
                    assert same(mine[name], other[name]), name


def test_polars_has_types(repo):
    polars = pytest.importorskip("polars")
    frame = repo.query_runs().dataframe(backend="polars")
    assert frame.schema["hparams.lr"] == polars.Float64
    assert frame.schema["hparams.depth"] == polars.Int64
    assert frame.schema["hparams.mixed"] == polars.String
    assert frame.schema["archived"] == polars.Boolean
    assert frame.schema["description"] == polars.Null
    points = repo.query_metrics("metric.name == 'loss'").dataframe(backend="polars", only_last=True)
    assert points.schema["time"] == polars.Datetime("us", "UTC")
    assert points["step"].to_list() == [7]
    assert points["run.hparams.lr"].to_list() == [0.1]
    (metric,) = repo.query_metrics("metric.name == 'loss'")
    assert metric.dataframe(backend="polars")["value"].to_list() == [0.5, 0.25]
    assert repo.get_run(metric.run.hash).dataframe(backend="polars").height == 1


def test_arrow_makes_a_table(repo):
    arrow = pytest.importorskip("pyarrow")
    table = repo.query_metrics("metric.name == 'loss'").dataframe(backend="arrow", include_run=False)
    assert isinstance(table, arrow.Table)
    assert table["value"].to_pylist() == [0.5, 0.25]
    assert table["metric.context.subset"].to_pylist() == ["val", "val"]
    assert table.schema.field("time").type == arrow.timestamp("us", "UTC")


@pytest.mark.parametrize("backend", ["pandas", "polars", "arrow"])
def test_an_empty_answer_is_an_empty_frame(repo, backend):
    pytest.importorskip({"arrow": "pyarrow"}.get(backend, backend))
    assert len(repo.query_runs("run.x == 1").dataframe(backend=backend)) == 0
    frame = repo.query_metrics("run.x == 1").dataframe(backend=backend)
    names = frame.column_names if backend == "arrow" else list(frame.columns)
    assert (len(frame), names) == (0, ["idx", "step", "value", "epoch", "time"])


def test_an_unknown_library_is_refused(repo):
    with pytest.raises(UsageError, match=r"unknown backend 'spark'\n.*pandas, polars, arrow"):
        repo.query_runs().dataframe(backend="spark")


WITHOUT = """
import sys
sys.modules["polars"] = sys.modules["pyarrow"] = None  # as if they were not installed
from runstone import Repo
for backend in ("polars", "arrow"):
    try:
        Repo(sys.argv[1]).query_metrics().dataframe(backend=backend)
    except ImportError as error:
        print(error)
"""


def test_a_library_that_is_missing_is_named_with_what_to_install(repo):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, repo.path], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        'dataframe(backend="polars") needs polars, which is not installed',
        "Install it with `pip install runstone[polars]`.",
        'dataframe(backend="arrow") needs pyarrow, which is not installed',
        "Install it with `pip install runstone[arrow]`.",
    ]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.floats(), st.text(st.characters(), max_size=5)
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(VALUES, st.integers(0, 3)), max_size=6), st.sampled_from(["pandas", "polars", "arrow"])
)
def test_no_value_becomes_another_one(rows, backend):
    """What a column cannot hold as it is becomes text, and a number stays the same number."""
    pytest.importorskip({"arrow": "pyarrow"}.get(backend, backend))
    columns = ColumnSet(backend)
    for value, count in rows:
        columns.add_rows({"x": value}, count)
    expected = [value for value, count in rows for _ in range(count)]
    found = [row["x"] for row in rows_of(columns.frame(), backend)] if expected else []
    assert len(found) == len(expected)
    for mine, value in zip(found, expected, strict=True):
        if isinstance(mine, str) and not isinstance(value, str):
            assert mine in (
                repr(value),
                {True: "true", False: "false"}.get(value),
                "NaN",
                "Infinity",
                "-Infinity",
            )
        elif isinstance(value, str):
            assert mine == value or "\\ud" in mine
        else:
            assert same(mine, value)


def test_a_time_is_that_of_the_point(repo):
    pytest.importorskip("polars")
    (metric,) = repo.query_metrics("metric.name == 'loss'")
    first = metric.dataframe(backend="polars")["time"][0]
    assert first == datetime.fromtimestamp(metric.timestamps.first_value(), UTC)


@pytest.mark.parametrize("backend", ["pandas", "polars", "arrow"])
def test_half_of_a_surrogate_pair_in_one_run_leaves_the_frame_of_all_runs_alone(tmp_path, backend):
    pytest.importorskip({"arrow": "pyarrow"}.get(backend, backend))
    with Run(repo=tmp_path, **QUIET) as run:
        run["path"] = "caf\udce9.txt"  # what os.fsdecode() gives for a name that is no UTF-8
        run["odd \ud800"] = "key"
    with Run(repo=tmp_path, **QUIET) as run:
        run["path"] = "plain.txt"
    found = rows_of(Repo(tmp_path).query_runs("").dataframe(backend=backend), backend)
    texts = {value for row in found for value in row.values() if isinstance(value, str) and ".txt" in value}
    assert texts == {"plain.txt", "caf\udce9.txt" if backend == "pandas" else "caf\\udce9.txt"}
    assert any("odd" in name and row[name] == "key" for row in found for name in row)
