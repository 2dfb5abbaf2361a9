"""`runstone query`, as it is installed."""

import csv
import io
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import lines_of_json, make_run, runstone, three_runs
from processes import QUIET
from runstone import Run


@pytest.fixture
def repo(tmp_path):
    """A repository with three runs, the newest of which is called "c"; returns (path, hashes by name)."""
    return tmp_path, three_runs(tmp_path)


def test_query_shows_a_table_of_what_tells_the_runs_apart(repo):
    path, hashes = repo
    done = runstone("query", "run.hparams.learning_rate > 0.1", "--repo", path)
    head, unit, rule, *rows = done.stdout.splitlines()
    assert f"{head} {unit}".split() == [
        "hparams.",
        "hash",
        "name",
        "experiment",
        "creation_time",
        "learning_rate",
    ]
    assert set(rule) == {"─"}
    assert [row.split()[:3] for row in rows] == [[hashes[n][:8], n, "exp"] for n in "cb"]
    assert [row.split()[-1] for row in rows] == ["0.3", "0.2"]
    assert re.fullmatch(r"2 of 3 runs in [\d.]+ ms\n", done.stderr)


def test_query_prints_json_with_everything(repo):
    path, hashes = repo
    rows = lines_of_json(runstone("query", "--json", "--repo", path).stdout)
    assert [row["hash"] for row in rows] == [hashes[n] for n in "cba"]
    assert rows[0]["params"] == {"hparams": {"learning_rate": 0.3}}
    assert rows[0].keys() == {
        "hash", "name", "description", "archived", "creation_time", "end_time", "active", "experiment", "tags",
        "params",
    }  # fmt: skip


def test_columns_are_asked_for_as_a_query_writes_them_too(repo):
    path, _ = repo

    def asked(*command):
        done = runstone("query", *command, "--json", "--repo", path)
        assert "None of them" not in done.stderr
        return lines_of_json(done.stdout)

    (row, *_) = asked("--columns", "run.name,run.hparams.learning_rate,hparams.learning_rate")
    assert row == {"run.name": "c", "run.hparams.learning_rate": 0.3, "hparams.learning_rate": 0.3}
    (row, *_) = asked("--metrics", "--columns", "metric.name,metric.last,hparams.learning_rate,run.name,run")
    assert row["run.name"] == "c"
    assert row["hparams.learning_rate"] == 0.3
    (same, *_) = asked("--metrics", "--columns", "name,last")
    assert (row["metric.name"], row["metric.last"]) == (same["name"], same["last"])


def test_query_prints_csv_with_every_column(repo):
    path, hashes = repo
    make_run(path, 'd, "e"', 0.4, layers=[1, 2], only=True)
    rows = list(csv.DictReader(io.StringIO(runstone("query", "--csv", "--repo", path).stdout)))
    assert [row["hash"] for row in rows][1:] == [hashes[n] for n in "cba"]
    assert rows[0]["name"] == 'd, "e"'
    assert (rows[0]["hparams.layers"], rows[0]["hparams.only"]) == ("[1, 2]", "True")
    assert (rows[1]["hparams.layers"], rows[1]["hparams.only"]) == ("", "")
    assert [row["hparams.learning_rate"] for row in rows] == ["0.4", "0.3", "0.2", "0.1"]


def test_query_shows_the_columns_asked_for_in_that_order(repo):
    path, _ = repo
    asked = ["query", "--columns", "name, hparams.learning_rate,nothing", "--repo", path]
    done = runstone(*asked)
    assert [line.split() for line in done.stdout.splitlines()][-1] == ["a", "0.1", "-"]
    assert "None of them has 'nothing'." in done.stderr
    assert lines_of_json(runstone(*asked, "--json").stdout)[0] == {
        "name": "c",
        "hparams.learning_rate": 0.3,
        "nothing": None,
    }
    assert runstone(*asked, "--csv").stdout.splitlines()[:2] == [
        "name,hparams.learning_rate,nothing",
        "c,0.3,",
    ]


def test_query_orders_and_cuts(repo):
    path, _ = repo

    def names(*options):
        done = runstone("query", "--columns", "name", "--json", "--repo", path, *options)
        return "".join(row["name"] for row in lines_of_json(done.stdout))

    assert names("--limit", "2") == "cb"
    assert names("--limit", "0") == ""
    assert names("--offset", "2") == "a"
    assert names("--order-by", "run.hparams.learning_rate") == "abc"
    assert names("--order-by", "run.hparams.learning_rate", "--descending", "--limit", "1") == "c"
    assert "3 of 3 runs in" in runstone("query", "--limit", "1", "--repo", path).stderr
    assert "1 shown" in runstone("query", "--limit", "1", "--repo", path).stderr


def test_query_shows_metrics_with_their_summaries(repo):
    path, hashes = repo
    asked = ["query", "--metrics", "metric.last > 0.3", "--repo", path]
    done = runstone(*asked)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["run", "name", "context", "count", "last_step", "last", "min", "max"],
        ["─" * len(done.stdout.splitlines()[1])],
        [hashes["c"][:8], "loss", "subset=train", "3", "2", "0.6", "0", "0.6"],
        [hashes["b"][:8], "loss", "subset=train", "3", "2", "0.4", "0", "0.4"],
    ]
    assert "2 metrics of 3 runs" in done.stderr
    row = lines_of_json(runstone(*asked, "--json").stdout)[0]
    assert row | {"mean": 0.3} == {
        "run": hashes["c"], "name": "loss", "context": {"subset": "train"}, "count": 3, "first_step": 0,
        "last_step": 2, "first": 0.0, "last": 0.6, "min": 0.0, "max": 0.6, "mean": 0.3,
    }  # fmt: skip
    (row, *_) = lines_of_json(
        runstone(*asked, "--json", "--columns", "last,run.name,run.hparams.learning_rate").stdout
    )
    assert row == {"last": 0.6, "run.name": "c", "run.hparams.learning_rate": 0.3}
    assert runstone(*asked, "--csv").stdout.splitlines()[0].startswith("run,name,context,count")


def test_query_explains_how_the_answer_was_found(repo):
    path, _ = repo
    text = runstone("query", "run.hparams.learning_rate == 0.1", "--explain", "--repo", path).stdout
    for word in ("prefilter", "hparams.learning_rate", "candidates", "matched", "evaluate"):
        assert word in text
    *_, how = lines_of_json(
        runstone("query", "run.hparams.learning_rate == 0.1", "--explain", "--json", "--repo", path).stdout
    )
    assert (how["explain"]["matched"], how["explain"]["runs"]) == (1, 3)


def test_query_tells_what_it_skipped(repo):
    path, hashes = repo
    for options in ([], ["--json"], ["--csv"]):
        done = runstone("query", "1 / (run.hparams.learning_rate - 0.1) > 0", *options, "--repo", path)
        assert "1 skipped because their evaluation failed" in done.stderr
        assert hashes["a"] in done.stderr
        assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("run.x ==", "invalid syntax"),
        ("__import__('os')", "unknown name"),
        ("run.\x1b[31m", "\\x1b[31m"),
    ],
)
def test_a_query_that_cannot_be_right_ends_with_2(repo, expression, told):
    done = runstone("query", expression, "--repo", repo[0], code=2)
    assert done.stdout == ""
    assert told in done.stderr
    assert "line 1, column" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_query_for_metrics_is_told_the_option(repo):
    done = runstone("query", "metric.name == 'loss'", "--repo", repo[0], code=2)
    assert "that is a query for metrics: add --metrics." in done.stderr


def test_csv_and_json_exclude_each_other(repo):
    assert "exclude each other" in runstone("query", "--csv", "--json", "--repo", repo[0], code=2).stderr


def test_nothing_found_is_no_failure(repo):
    for options in ([], ["--metrics"]):
        done = runstone("query", "run.name == 'z'", *options, "--repo", repo[0])
        assert "0 " in done.stderr
        assert runstone("query", "run.name == 'z'", *options, "--json", "--repo", repo[0]).stdout == ""
        assert (
            len(
                runstone("query", "run.name == 'z'", *options, "--csv", "--repo", repo[0]).stdout.splitlines()
            )
            == 1
        )


def test_numbers_that_json_has_not_are_strings(tmp_path):
    values = {
        "nan": float("nan"),
        "inf": float("inf"),
        "low": -float("inf"),
        "big": 2**70,
        "bytes": b"\0\xff",
    }
    with Run(repo=tmp_path, **QUIET) as run:
        run["p"] = {**values, "list": [float("nan")]}
        run.track(float("nan"), name="loss")
    (row,) = lines_of_json(runstone("query", "--json", "--repo", tmp_path).stdout)
    assert row["params"]["p"] == {
        "nan": "nan", "inf": "inf", "low": "-inf", "big": str(2**70), "bytes": "00ff", "list": ["nan"],
    }  # fmt: skip
    (metric,) = lines_of_json(runstone("query", "--metrics", "--json", "--repo", tmp_path).stdout)
    assert metric["last"] == "nan"
    (shown,) = lines_of_json(runstone("runs", "show", run.hash, "--json", "--repo", tmp_path).stdout)
    assert (shown["params"]["p"]["inf"], shown["metrics"][0]["last"]) == ("inf", "nan")
    points = lines_of_json(runstone("tail", run.hash, "--no-follow", "--json", "--repo", tmp_path).stdout)
    assert [event["value"] for event in points if event["event"] == "point"] == ["nan"]


def test_parameters_of_the_system_are_shown_where_they_are_asked_for(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["__system_params"] = {"executable": "python"}
    assert "python" not in runstone("query", "--csv", "--repo", tmp_path).stdout
    assert "python" in runstone("query", "--json", "--repo", tmp_path).stdout
    asked = runstone("query", "--csv", "--columns", "__system_params.executable", "--repo", tmp_path)
    assert asked.stdout.splitlines()[1] == "python"
