"""Collections of sequences: what belongs to one run is iterated over and made a data frame as results are."""

import pytest

from runstone import QueryReportMode, Repo, Run


@pytest.fixture
def repo(tmp_path):
    for name in ("a", "b"):
        with Run(repo=tmp_path, system_tracking_interval=None, capture_terminal_logs=False) as run:
            run.name = name
            run["lr"] = 0.5
            for step in range(3):
                run.track(step + 0.5, name="loss", context={"subset": name})
            run.track(2.0, name="acc")
            run.track(5.0, name="other", step=7)
    return Repo(tmp_path)


def columns(frame):
    return {name: frame[name].to_list() for name in frame.columns}


def test_the_metrics_of_a_run_are_a_list_and_a_collection(repo):
    run = repo.get_run(repo.list_all_runs()[0])
    metrics = run.metrics()
    assert [metric.name for metric in metrics] == [metric.name for metric in metrics.iter()]
    assert metrics == list(metrics)
    assert isinstance(metrics, list)
    assert metrics.run is run
    assert list(metrics.iter_runs()) == [metrics]


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_its_data_frame_is_the_part_of_the_results_that_is_about_the_run(repo, backend):
    pytest.importorskip(backend)
    for run in repo.iter_runs():
        expected = repo.query_metrics(f"run.name == {run.name!r}").dataframe(backend=backend)
        found = run.metrics().dataframe(backend=backend)
        assert columns(found)["run.name"] == [run.name] * 5
        # NaN stands for an epoch that was not given, and is not equal to itself
        assert repr(columns(found)) == repr(columns(expected))


def test_an_item_of_a_result_has_its_own_sequences_alone(repo):
    (item,) = repo.query_metrics("run.name == 'b' and metric.name == 'loss'").iter_runs()
    assert [metric.name for metric in item.iter()] == ["loss"]
    assert list(item.dataframe(include_run=False, only_last=True)["value"]) == [2.5]
    assert list(item.iter_runs()) == [item]
    (item,) = repo.query_runs("run.name == 'b'").iter_runs()
    assert sorted(metric.name for metric in item) == ["acc", "loss", "other"]
    assert sorted(item.dataframe()["value"]) == [0.5, 1.5, 2.0, 2.5, 5.0]


def test_an_item_with_progress_is_one_too(repo):
    pairs = list(repo.query_runs(report_mode=QueryReportMode.PROGRESS_TUPLE).iter_runs())
    assert [(item.run.name, len(item.dataframe()), at) for item, at in pairs] == [
        ("b", 5, (1, 2)),
        ("a", 5, (2, 2)),
    ]


def test_a_run_says_which_parameters_it_has_and_is_no_list_of_them(tmp_path):
    with Run(repo=tmp_path, system_tracking_interval=None, capture_terminal_logs=False) as run:
        run["hparams"] = {"lr": None}
        for one in (run, Repo(tmp_path).get_run(run.hash)):
            assert "hparams" in one
            assert ("hparams", "lr") in one
            assert ("hparams", "rl") not in one
            assert "lr" not in one
            with pytest.raises(TypeError, match="not iterable"):
                list(one)
