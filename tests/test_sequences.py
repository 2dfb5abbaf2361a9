"""Sequences as a query hands them out: points in order, with Aim's method names, from index and logs alike."""

import math
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer
from runstone import Context, Metric, Repo, Run, UsageError
from runstone_indexer.indexer import Indexer

HUGE = 2**70


@pytest.fixture(params=["index", "logs", "half"])
def kind(request):
    return request.param


@pytest.fixture
def run(tmp_path):
    """A run that is open for writing."""
    with Run(repo=tmp_path, **QUIET) as run:
        yield run


@pytest.fixture
def metric(tmp_path, kind, run):
    """Tracks what it is given, as (value, keywords) each, and returns the metric as a query finds it."""

    def metric(*points, name="loss"):
        for count, (value, keywords) in enumerate(points):
            if kind == "half" and count == len(points) // 2:
                Indexer(tmp_path).run_once()
            run.track(value, name=name, **keywords)
        if kind == "index":
            Indexer(tmp_path).run_once()
        (found,) = Repo(tmp_path, index=kind != "logs").query_metrics(f"metric.name == {name!r}")
        assert isinstance(found, Metric)
        return found

    return metric


def same(found, expected):
    """Equal down to type, sign of zero and NaN."""
    return repr(found) == repr(expected)


# -- values, steps, epochs, timestamps ------------------------------------------------------------------------


def test_values_come_back_as_they_were_tracked(metric):
    values = [0.1, -0.0, math.nan, math.inf, -math.inf, 1, True, 2**53 + 1, -(2**63), 2**64 - 1, HUGE, 1e-320]
    found = metric(*((value, {}) for value in values))
    assert same(found.values.values_list(), [int(v) if v is True else v for v in values])
    assert found.values.values_numpy().dtype == np.float64
    assert found.values.values_numpy()[-2] == float(HUGE)


def test_integers_stay_integers(metric):
    assert same(metric(*((value, {}) for value in range(4))).values.values_list(), [0, 1, 2, 3])


def test_a_float32_comes_back_as_the_same_number(metric):
    value = np.float32(0.1)
    assert metric((value, {})).values.values_list() == [float(value)]


def test_steps_are_the_real_steps_in_order(metric):
    found = metric((5.0, {"step": 5}), (1.0, {"step": 1}), (3.0, {"step": 3}), (4.0, {}))
    steps, values = found.values.sparse_numpy()
    assert steps.dtype == np.int64
    assert steps.tolist() == [1, 3, 5, 6]
    assert values.tolist() == [1.0, 3.0, 5.0, 4.0]
    assert found.values.sparse_list() == ([1, 3, 5, 6], [1.0, 3.0, 5.0, 4.0])


def test_steps_may_be_fractional_and_negative(metric):
    found = metric((1.0, {"step": 0.5}), (2.0, {"step": -2}), (3.0, {"step": 2}))
    assert found.values.sparse_list() == ([-2.0, 0.5, 2.0], [2.0, 1.0, 3.0])
    assert found.values.indices_numpy().dtype == np.float64


def test_a_step_tracked_twice_is_there_twice_and_the_last_one_counts(metric):
    found = metric((1.0, {"step": 7}), (2.0, {"step": 7}), (3.0, {"step": 8}))
    assert found.values.sparse_list() == ([7, 7, 8], [1.0, 2.0, 3.0])
    assert found.values[7] == 2.0


def test_epochs_are_none_where_none_was_given(metric):
    found = metric((1.0, {"epoch": 0}), (2.0, {}), (3.0, {"epoch": 1.5}))
    assert found.epochs.values_list() == [0, None, 1.5]
    assert same(found.epochs.values_numpy().tolist(), [0.0, math.nan, 1.5])
    assert found.epochs.sparse_list()[0] == [0, 1, 2]


def test_epochs_are_all_none_when_nobody_gave_one(metric):
    found = metric((1.0, {}), (2.0, {}))
    assert found.epochs.values_list() == [None, None]
    assert np.isnan(found.epochs.values_numpy()).all()


def test_timestamps_tell_when_each_point_was_tracked(metric):
    before = datetime.now().timestamp()
    found = metric((1.0, {}), (2.0, {}), (3.0, {}))
    times = found.timestamps.values_list()
    assert times == sorted(times)
    assert before - 1 <= times[0] <= times[-1] <= datetime.now().timestamp() + 1
    assert found.timestamps.values_numpy().tolist() == times


def test_all_columns_come_together(metric):
    found = metric((1.0, {"epoch": 2}), (4, {"step": 9}))
    times = found.timestamps.values_list()
    assert found.data.items_list() == ([0, 9], [[1.0, 4], [2, None], times])
    assert list(found.data.indices()) == [0, 9]
    assert list(found.data.values()) == [(1.0, 2, times[0]), (4, None, times[1])]
    assert found.data.indices_list() == [0, 9]
    assert found.data.values_list() == [[1.0, 4], [2, None], times]
    assert list(found.data) == list(found.data.items()) == [(0, (1.0, 2, times[0])), (9, (4, None, times[1]))]
    assert len(found.data) == 2
    steps, (values, epochs, timestamps) = found.data.numpy()
    assert steps.tolist() == [0, 9]
    assert values.tolist() == [1.0, 4.0]
    assert same(epochs.tolist(), [2.0, math.nan])
    assert timestamps.tolist() == times


# -- one column -----------------------------------------------------------------------------------------------


def test_a_column_has_the_methods_of_aims_array_view(metric):
    values = metric((1, {"step": 3}), (2.5, {"step": 5}), (HUGE, {"step": 9})).values
    assert list(values) == list(values.values()) == values.tolist() == values.values_list() == [1, 2.5, HUGE]
    assert list(values.keys()) == list(values.indices()) == values.indices_list() == [3, 5, 9]
    assert list(values.items()) == [(3, 1), (5, 2.5), (9, HUGE)]
    assert same(values.first(), (3, 1))
    assert (values.first_idx(), values.first_value()) == (3, 1)
    assert values.last() == (9, HUGE)
    assert (values.last_idx(), values.last_value()) == (9, HUGE)
    assert len(values) == 3
    assert values


def test_a_column_is_read_by_step(metric):
    values = metric((1, {"step": 3}), (2.5, {"step": 5}), (HUGE, {"step": 9})).values
    assert same(values[3], 1)
    assert values[9] == HUGE
    assert values[5.0] == values[np.int64(5)] == 2.5
    for step in (4, -1, 10, 3.5, HUGE, math.nan, "3", None):
        with pytest.raises(KeyError):
            values[step]


def test_a_slice_of_a_column_goes_by_steps(metric):
    values = metric((1, {"step": 3}), (2.5, {"step": 5}), (HUGE, {"step": 9})).values
    assert values[:] == [1, 2.5, HUGE]
    assert values[4:9] == [2.5]
    assert values[:5] == [1]
    assert values[5:] == [2.5, HUGE]
    assert values[::2] == [1, HUGE]
    assert values[6:4] == []


def test_first_and_last_work_for_epochs_too(metric):
    found = metric((1, {"epoch": 1}), (2, {}))
    assert found.epochs.first() == (0, 1)
    assert found.epochs.last() == (1, None)


# -- parts ----------------------------------------------------------------------------------------------------


def test_a_range_has_the_points_of_its_steps(metric):
    found = metric(*((value, {"step": value * 10, "epoch": value}) for value in range(10)))
    part = found.data.range(25, 60)
    assert part.items_list()[0] == [30, 40, 50]
    assert part.items_list()[1][:2] == [[3, 4, 5], [3, 4, 5]]
    assert len(part) == 3
    assert found.data.range(80).indices_list() == [80, 90]
    assert found.data.range(None, 20).indices_list() == [0, 10]
    assert found.data.range().items_list() == found.data.items_list()
    assert found.data.range(41, 49).items_list() == ([], [[], [], []])
    assert found.data.range(60, 20).indices_list() == []
    assert found.data.range(20, 80).range(40).range(None, 60).indices_list() == [40, 50]
    assert found.values[25:60] == [3, 4, 5]


def test_a_range_of_an_indexed_sequence_copies_nothing(tmp_path, run):
    for step in range(1000):
        run.track(step / 2, name="loss")
    Indexer(tmp_path).run_once()
    (whole,) = Repo(tmp_path).query_metrics()
    (other,) = Repo(tmp_path).query_metrics()
    steps, (values, _, times) = other.data.range(500, 510).numpy()
    assert steps.tolist() == list(range(500, 510))
    assert values.tolist() == [step / 2 for step in range(500, 510)]
    assert not values.flags.owndata
    assert not times.flags.owndata
    assert "_chunk" not in vars(other)  # the rest has not been asked for
    assert np.shares_memory(whole.data.range(0, 10).numpy()[1][0], whole.values.values_numpy())


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.integers(-5, 30) | st.sampled_from([0.5, 7.25]), min_size=1, max_size=25),
    cuts=st.sets(st.integers(0, 25), max_size=2),
    low=st.none() | st.integers(-6, 31),
    high=st.none() | st.floats(-6, 31),
    k=st.integers(0, 30),
)
def test_a_part_is_a_part_of_the_whole(tmp_path_factory, steps, cuts, low, high, k):
    """However many files of the index, and logs, the points lie in."""
    folder = tmp_path_factory.mktemp("repo")
    with Run(repo=folder, **QUIET) as run:
        for count, step in enumerate(steps):
            if count in cuts:
                Indexer(folder).run_once()
            run.track(HUGE if count == 3 else count, name="loss", step=step)
        (found,) = Repo(folder).query_metrics()
        part = found.data.range(low, high).view("values")
        (whole,) = Repo(folder).query_metrics()
        everything = list(zip(whole.values.indices_list(), whole.values.values_list(), strict=True))
        inside = [
            (step, value) for step, value in everything
            if (low is None or step >= low) and (high is None or step < high)
        ]  # fmt: skip
        assert [(step, value) for step, (value,) in part] == inside
        assert found.values[low:high] == [value for _, value in inside]
        sample = [(step, value) for step, (value,) in whole.data.view("values").sample(k)]
        assert len(sample) == min(k, len(everything))
        places = [everything.index(point) for point in sample]
        assert sample[-1:] == everything[-1:] or k == 0
        assert sample[:1] == everything[:1] or k < 2
        gaps = {after - before for before, after in pairwise(places)}
        assert not gaps or max(gaps) - min(gaps) <= 1


def test_a_sample_is_spread_evenly_and_has_the_first_and_the_last(metric):
    found = metric(*((value, {}) for value in range(101)))
    assert found.data.sample(5).indices_list() == [0, 25, 50, 75, 100]
    assert found.data.sample(1).indices_list() == [100]
    assert found.data.sample(0).indices_list() == []
    assert found.data.sample(1000).items_list() == found.data.items_list()
    with pytest.raises(UsageError, match="0 points or more"):
        found.data.sample(-1)


def test_a_view_has_the_columns_that_were_asked_for(metric):
    found = metric((1.5, {"epoch": 2}), (2.5, {"epoch": 3}))
    assert list(found.data.view("values")) == [(0, (1.5,)), (1, (2.5,))]
    assert found.data.view(("epoch", "val")).values_list() == [[1.5, 2.5], [2, 3]]
    assert found.data.view(["time"]).values_list() == [found.timestamps.tolist()]
    steps, (epochs,) = found.data.view("epochs").numpy()
    assert (steps.tolist(), epochs.tolist()) == ([0, 1], [2.0, 3.0])
    for wrong in ("steps", (), ("values", "x")):
        with pytest.raises(UsageError, match="values, epochs, timestamps"):
            found.data.view(wrong)


# -- the sequence itself --------------------------------------------------------------------------------------


def test_a_metric_knows_its_name_context_run_and_type(metric, run):
    context = {"subset": "val", "fold": {"k": [1, 2]}}
    found = metric((1.0, {"context": context}))
    assert found.name == "loss"
    assert found.context == context
    assert isinstance(found.context, Context)
    assert found.context.to_dict() == context
    assert found.run.hash == run.hash
    assert found.type == "number"
    assert repr(found) == f"<Metric 'loss' {context!r} of run {run.hash}>"


def test_summaries_are_there_without_the_points(metric):
    found = metric((2, {"step": 4}), (math.nan, {}), (0.5, {}), (math.inf, {}), (-3, {"step": 1}))
    assert [found.summary(name) for name in ("first", "last", "min", "max", "count")] == [
        -3,
        math.inf,
        -3,
        math.inf,
        5,
    ]
    assert found.summary("mean") == math.inf
    assert (found.first_step(), found.last_step()) == (1, 7)
    assert len(found) == 5
    assert found


def test_points_stay_as_they_were_when_they_were_loaded(tmp_path, metric, run):
    found = metric((1.0, {}), (2.0, {}))
    found.preload()
    run.track(3.0, name="loss")
    assert len(found.values) == 2
    assert Repo(tmp_path).get_run(run.hash).get_metric("loss").values.tolist() == [1.0, 2.0, 3.0]


def test_contexts_keep_sequences_of_one_name_apart(tmp_path, kind, run):
    contexts = [
        {},
        {"a": 1},
        {"a": "1"},
        {"a": None},
        {"a": 1, "b": 2},
        {"a": {"b": 1}},
        {"a.b": 1},
        {"a": [1]},
    ]
    for value, context in enumerate(contexts):
        run.track(value, name="loss", context=context)
    if kind != "logs":
        Indexer(tmp_path).run_once()
    stored = Repo(tmp_path, index=kind != "logs").get_run(run.hash)
    assert len(stored.metrics()) == len(contexts)
    for value, context in enumerate(contexts):
        assert stored.get_metric("loss", context).values.tolist() == [value]
        assert stored.get_metric("loss", Context(context)).values.tolist() == [value]


def test_equal_contexts_are_one_sequence(tmp_path, run):
    for context in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1.0, "b": 2}, {"a": True, "b": 2}):
        run.track(1, name="loss", context=context)
    (found,) = Repo(tmp_path).get_run(run.hash).metrics()
    assert len(found) == 4


def test_any_name_is_kept(tmp_path, kind, run):
    names = ["", " ", "a/b", "a.b", "é", "\N{PILE OF POO}", "x" * 1000, "\0\n", "'\"", "loss{}"]
    for name in names:
        run.track(1.0, name=name)
    if kind != "logs":
        Indexer(tmp_path).run_once()
    stored = Repo(tmp_path, index=kind != "logs").get_run(run.hash)
    assert sorted(metric.name for metric in stored.metrics()) == sorted(names)


# -- several writers ------------------------------------------------------------------------------------------


def test_points_of_several_writers_merge_by_step_and_then_by_writer(tmp_path, kind):
    Repo(tmp_path, init=True)
    with Writer(tmp_path) as first, Writer(tmp_path, first.hash) as second:
        for step in range(3):
            second.do(f"run.track({step} + 0.25, name='loss', step={step}, epoch=1)")
            first.do(f"run.track({step}, name='loss', step={step})")
            if kind == "half" and step == 1:
                Indexer(tmp_path).run_once()
        second.do("run.track(10.25, name='loss', step=10)")
        if kind == "index":
            Indexer(tmp_path).run_once()
        (found,) = Repo(tmp_path, index=kind != "logs").query_metrics("metric.name == 'loss'")
        assert found.values.sparse_list() == ([0, 0, 1, 1, 2, 2, 10], [0, 0.25, 1, 1.25, 2, 2.25, 10.25])
        assert found.epochs.values_list() == [None, 1, None, 1, None, 1, None]
        assert found.values[1] == 1.25
        assert (found.summary("first"), found.summary("last"), found.summary("count")) == (0, 10.25, 7)
        writers = found.writers
        assert sorted(set(writers)) == [writers[0], writers[1]]
        assert writers == [writers[0], writers[1]] * 3 + [writers[1]]


def test_every_point_of_a_single_writer_has_its_id(metric):
    found = metric((1.0, {}), (2.0, {}))
    assert len(found.writers) == 2
    assert len(set(found.writers)) == 1


def test_a_resumed_run_goes_on_behind_its_last_step(tmp_path, metric, run):
    metric((1.0, {}), (2.0, {"step": 10}))
    run.close()
    with Run(run.hash, repo=tmp_path, **QUIET) as resumed:
        resumed.track(3.0, name="loss")
    found = Repo(tmp_path).get_run(run.hash).get_metric("loss")
    assert found.values.sparse_list() == ([0, 10, 11], [1.0, 2.0, 3.0])


# -- data frames ----------------------------------------------------------------------------------------------


def test_a_data_frame_has_a_row_per_point(metric):
    found = metric((1, {"epoch": 2}), (2, {"step": 5}))
    frame = found.dataframe()
    assert list(frame.columns) == ["idx", "step", "value", "epoch", "time"]
    assert frame["idx"].tolist() == [0, 1]
    assert frame["step"].tolist() == [0, 5]
    assert frame["value"].tolist() == [1, 2]
    assert frame["value"].dtype == np.int64
    assert same(frame["epoch"].tolist(), [2.0, math.nan])
    assert [time.timestamp() for time in frame["time"]] == pytest.approx(found.timestamps.values_list())


def test_a_data_frame_may_name_metric_context_and_run(metric, run):
    run["hparams"] = {"lr": 0.1, "layers": [1, 2]}
    found = metric((1.0, {"epoch": 1, "context": {"subset": "val", "fold": {"k": 1}}}))
    frame = found.dataframe(include_name=True, include_context=True, include_run=True)
    assert frame.iloc[0].to_dict() == {
        **found.dataframe().iloc[0].to_dict(),
        "run.hash": run.hash,
        "run.hparams.lr": 0.1,
        "run.hparams.layers": "[1, 2]",
        "metric.name": "loss",
        "metric.context.subset": "val",
        "metric.context.fold.k": 1,
    }


def test_a_data_frame_may_have_the_last_point_only(metric):
    frame = metric((1.0, {}), (2.0, {"step": 5}), (3.0, {"step": 3})).dataframe(only_last=True)
    assert frame[["idx", "step", "value"]].to_dict("records") == [{"idx": 2, "step": 5, "value": 2.0}]


def test_a_data_frame_keeps_integers_that_no_float_can_hold(metric):
    assert metric((HUGE + 1, {}), (0.5, {})).dataframe()["value"].tolist() == [HUGE + 1, 0.5]


def test_a_data_frame_may_be_changed(metric):
    found = metric((1.0, {}), (2.0, {}))
    frame = found.dataframe()
    frame.loc[0, "value"] = 9.0
    frame["value"] += 1
    assert found.values.tolist() == [1.0, 2.0]
    assert isinstance(frame, pd.DataFrame)


@pytest.mark.parametrize("size", [1.5, "3", None])
def test_the_size_of_a_sample_is_a_whole_number(tmp_path, size):
    with Run(repo=tmp_path, **QUIET) as run:
        for step in range(5):
            run.track(1.0 * step, name="loss")
    data = run.get_metric("loss").data
    with pytest.raises(TypeError, match="a whole number"):
        data.sample(size)
    assert data.sample(np.int64(2)).indices_list() == [0, 4]
