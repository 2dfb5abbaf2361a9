"""Curves: what stands in the reply, over every axis, thinned out, smoothed and limited."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from desk import ask, columns, drawn, points
from processes import QUIET
from runs import KINDS, NAMES, six_runs
from runstone import QueryError, Repo, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_ui.desk import curves


@pytest.mark.parametrize("kind", KINDS)
def test_every_sequence_comes_with_its_run_and_all_of_its_points(tmp_path: Path, kind: str) -> None:
    made = six_runs(tmp_path, kind)
    header, lines = drawn(tmp_path, q="metric.name == 'loss'", attribute=["run.hparams.lr", "run.nothing"])
    assert (header["total"], header["of"], header["skipped"], header["hints"]) == (6, 6, 0, [])
    assert header["x"] == "step"
    for name, sequence, line in zip(reversed(NAMES), header["sequences"], lines, strict=True):
        number = NAMES.index(name)
        assert (sequence["run"], sequence["run_name"], sequence["status"]) == (made[name], name, "finished")
        assert sequence["experiment"] == ("even" if number % 2 == 0 else "odd")
        assert (sequence["name"], sequence["context"]) == ("loss", {"subset": "train"})
        assert sequence["attributes"] == [number / 10, None]
        assert (sequence["count"], sequence["exact"], sequence["smoothed"]) == (3, True, None)
        assert line == ([0, 1, 2], [number / 10, 1 + number / 10, 2 + number / 10])


def test_a_part_of_the_sequences_can_be_asked_for(tmp_path: Path) -> None:
    six_runs(tmp_path, "half")
    whole = drawn(tmp_path, q="")[0]["sequences"]
    header = drawn(tmp_path, q="", offset=3, limit=4)[0]
    assert header["total"] == 12
    assert [(s["run"], s["name"]) for s in header["sequences"]] == [(s["run"], s["name"]) for s in whole[3:7]]


def written(path: Path) -> str:
    """A run with two metrics, one of which has every other step and epochs."""
    with Run(repo=path, **QUIET) as run:
        for step in range(10):
            run.track(float(step * step), name="loss", step=step)
            if step % 2 == 0:
                run.track(100.0 + step, name="acc", step=step, epoch=step // 4)
        run.track(-1.0, name="acc", step=3, context={"subset": "val"})
    Indexer(path).run_once()
    return run.hash


def test_the_axis_may_be_epochs_times_or_another_metric(tmp_path: Path) -> None:
    run = Repo(tmp_path, init=True).get_run(written(tmp_path))
    assert run is not None
    metric = run.get_metric("acc")
    assert metric is not None
    times = metric.timestamps.values_list()
    acc = "metric.name == 'acc' and metric.context == {}"
    values = [100, 102, 104, 106, 108]
    assert drawn(tmp_path, q=acc, x="epoch")[1] == [([0, 0, 1, 1, 2], values)]
    assert drawn(tmp_path, q=acc, x="time")[1] == [(times, values)]
    relative = drawn(tmp_path, q=acc, x="relative")[1][0][0]
    assert relative == [time - run.creation_time for time in times]
    assert drawn(tmp_path, q=acc, x="metric:loss")[1] == [([0, 4, 16, 36, 64], values)]
    over_acc = drawn(tmp_path, q="metric.name == 'loss'", x="metric:acc")
    assert over_acc[1] == [(values, [0, 4, 16, 36, 64])]
    assert over_acc[0]["sequences"][0]["count"] == 5
    assert drawn(tmp_path, q="metric.name == 'loss'", x="metric:nothing")[1] == [([], [])]


def test_points_without_an_epoch_have_no_place_within_limits(tmp_path: Path) -> None:
    written(tmp_path)
    header, lines = drawn(tmp_path, q="metric.name == 'loss'", x="epoch")
    assert all(math.isnan(x) for x in lines[0][0])
    assert header["sequences"][0]["count"] == 10
    assert drawn(tmp_path, q="metric.name == 'loss'", x="epoch", low=0)[1] == [([], [])]


@pytest.mark.parametrize("smooth", [0, 0.5])
def test_limits_of_x_are_included(tmp_path: Path, smooth: float) -> None:
    written(tmp_path)
    asked = {"q": "metric.name == 'loss'", "smooth": smooth}
    assert drawn(tmp_path, **asked, low=2, high=4)[1] == [([2, 3, 4], [4, 9, 16])]
    assert drawn(tmp_path, **asked, low=7.5)[1] == [([8, 9], [64, 81])]
    assert drawn(tmp_path, **asked, high=-1)[1] == [([], [])]
    assert drawn(tmp_path, **asked, x="metric:acc", low=104, high=106)[1] == [([104, 106], [16, 36])]


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """5,000 points, one of them a peak, three of them not finite."""
    odd = {10: math.nan, 20: math.inf, 30: -math.inf, 1234: 50.0}
    with Run(repo=tmp_path, **QUIET) as run:
        for step in range(5000):
            run.track(odd.get(step, math.sin(step / 100)), name="loss", step=step)
    Indexer(tmp_path).run_once()
    return tmp_path


def test_what_is_long_is_thinned_out_and_says_so(long: Path) -> None:
    header, ((steps, values),) = drawn(long, q="", points=200)
    (sequence,) = header["sequences"]
    assert (sequence["count"], sequence["exact"]) == (5000, False)
    assert 100 <= len(steps) <= 202
    assert (steps[0], steps[-1]) == (0, 4999)
    assert dict(zip(steps, values, strict=True))[1234] == 50.0
    for step, value in zip(steps, values, strict=True):
        assert value == (50.0 if step == 1234 else math.sin(step / 100))


def test_zooming_in_brings_the_rest(long: Path) -> None:
    header, ((steps, values),) = drawn(long, q="", points=200, low=5, high=100)
    assert (header["sequences"][0]["count"], header["sequences"][0]["exact"]) == (96, True)
    assert steps == list(range(5, 101))
    assert math.isnan(values[5])
    assert (values[15], values[25]) == (math.inf, -math.inf)


def test_averages_are_made_of_all_finite_points_before_anything_is_left_out(long: Path) -> None:
    finite = [s for s in range(5000) if s not in (10, 20, 30)]
    values = [50.0 if s == 1234 else math.sin(s / 100) for s in finite]
    expected, average, rest = {}, 0.0, 1.0
    for step, value in zip(finite, values, strict=True):
        average, rest = 0.9 * average + 0.1 * value, rest * 0.9
        expected[step] = average / (1 - rest)
    for limits in ({}, {"low": 1200, "high": 1300}):
        header, numbers = columns(ask(long, "curves", q="", points=200, smooth="0.9", **limits).body)
        steps, averages = points(header["sequences"][0]["smoothed"], numbers)
        assert (steps[0], steps[-1]) == ((1200, 1300) if limits else (0, 4999))
        np.testing.assert_allclose(averages, [expected[step] for step in steps], rtol=1e-9)
        assert 1234 in steps


def test_several_writers_of_one_metric_are_one_curve(tmp_path: Path) -> None:
    first = Run(repo=tmp_path, **QUIET)
    for step in (0, 2, 4):
        first.track(float(step), name="loss", step=step)
    second = Run(first.hash, repo=tmp_path, **QUIET)
    for step in (1, 3):
        second.track(float(step), name="loss", step=step)
    first.close()
    second.close()
    assert drawn(tmp_path, q="")[1] == [([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])]


def test_integers_are_floats(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        for value in (1, 2**60, 10**400):
            run.track(value, name="n")
    assert drawn(tmp_path, q="")[1] == [([0, 1, 2], [1.0, float(2**60), math.inf])]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"x": "steps"}, "x is not 'steps'"),
        ({"x": "metric:"}, "x is not"),
        ({"points": 1}, "points"),
        ({"points": "10001"}, "points"),
        ({"points": 2.5}, "points"),
        ({"limit": 2001}, "limit"),
        ({"limit": -1}, "limit"),
        ({"offset": "x"}, "offset"),
        ({"smooth": 1}, "smooth"),
        ({"smooth": "nan"}, "smooth"),
        ({"low": "inf"}, "low"),
        ({"high": "abc"}, "high"),
        ({"q": 5}, "q is a text"),
        ({"q": "x" * 5000}, "q has 5,000 characters"),
        ({"attribute": [5]}, "attribute"),
        ({"attribute": ["run.a"] * 101}, "attribute"),
    ],
)
def test_an_argument_that_cannot_be_is_named(
    tmp_path: Path, arguments: dict[str, object], named: str
) -> None:
    six_runs(tmp_path, "logs")
    with pytest.raises(UsageError, match=named):
        ask(tmp_path, "curves", **arguments)


def test_a_query_that_cannot_be_right_is_refused(tmp_path: Path) -> None:
    six_runs(tmp_path, "logs")
    for arguments in ({"q": "metric.name =="}, {"attribute": ["run.("]}):
        with pytest.raises(QueryError):
            ask(tmp_path, "curves", **arguments)


def test_more_numbers_than_a_reply_may_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    six_runs(tmp_path, "logs")
    monkeypatch.setattr(curves, "MOST_NUMBERS", 47)
    with pytest.raises(UsageError, match="more than 47 numbers"):
        ask(tmp_path, "curves", q="")
    assert len(drawn(tmp_path, q="", limit=5)[1]) == 5
