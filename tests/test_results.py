"""What a query hands back, and its data frames."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Repo, Run
from runstone_indexer.generation import open_generation
from runstone_indexer.indexer import Indexer

HUGE = 2**70


@pytest.fixture(params=["index", "logs", "half"])
def repo(request, tmp_path):
    """Three runs, the newest of which has neither parameters nor metrics."""
    for name, rate in (("a", 0.1), ("b", None)):
        with Run(repo=tmp_path, experiment="exp", **QUIET) as run:
            run.name = name
            run["hparams"] = {"lr": rate, "layers": [1, 2], "big": HUGE}
            run["name"] = "parameter"
            for step in range(2):
                run.track(step / 2, name="loss", context={"subset": "train"}, epoch=step)
            run.track(math.nan, name="acc")
            run.add_tag("x")
        if request.param == "half" and name == "a":
            Indexer(tmp_path).run_once()
    with Run(repo=tmp_path, **QUIET) as run:
        run.name = "c"
    if request.param == "index":
        Indexer(tmp_path).run_once()
    return Repo(tmp_path, index=request.param != "logs")


def test_a_result_is_counted_iterated_and_listed(repo):
    result = repo.query_runs()
    assert len(result) == 3
    assert [run.name for run in result] == [run.name for run in result.runs()] == ["c", "b", "a"]
    assert result.hashes() == [run.hash for run in result]
    assert [item.run.name for item in result.iter_runs()] == ["c", "b", "a"]
    metrics = repo.query_metrics()
    assert len(metrics) == 4
    assert [(m.run.name, m.name) for m in metrics] == [
        ("b", "acc"),
        ("b", "loss"),
        ("a", "acc"),
        ("a", "loss"),
    ]


def test_a_result_may_be_iterated_again(repo):
    result = repo.query_metrics("metric.name == 'loss'")
    assert [m.run.hash for m in result] == [m.run.hash for m in result]
    assert len(list(result.iter_runs())) == len(list(result.iter_runs())) == 2


def test_an_empty_result_is_empty_everywhere(repo):
    runs, metrics = repo.query_runs("run.name == 'z'"), repo.query_metrics("run.name == 'z'")
    for result in (runs, metrics):
        assert len(result) == 0
        assert not result
        assert list(result) == []
        assert list(result.iter_runs()) == []
        assert (result.skipped, result.first_error) == (0, "")
        assert len(result.dataframe()) == 0
    assert list(metrics.dataframe().columns) == ["idx", "step", "value", "epoch", "time"]


def test_an_explanation_says_how_the_answer_was_found(repo):
    how = repo.explain("run.hparams.lr == 0.1")
    assert "hparams.lr" in how.prefilter
    assert how.query == "run.hparams.lr == 0.1"
    assert (how.runs, how.matched, how.skipped, how.first_error) == (3, 1, 0, "")
    assert how.from_index + how.from_logs <= 3
    assert {"compile", "refresh", "prefilter", "evaluate"} <= how.seconds.keys()
    assert all(seconds >= 0 for seconds in how.seconds.values())


def test_an_explanation_of_a_sequence_query_counts_sequences(repo):
    assert repo.explain("metric.name == 'loss' or metric.name == 'acc'", "metric").matched == 4


def test_what_fails_for_one_candidate_is_skipped_counted_and_told(repo):
    result = repo.query_metrics("metric.last + run.hparams.layers[0] > 0 and 1 / metric.first_step == 0")
    assert len(result) == 0
    assert result.skipped == result.explain().skipped > 0
    assert "ZeroDivisionError" in result.first_error
    assert "run " in result.first_error


# -- data frames ----------------------------------------------------------------------------------------------


def test_a_data_frame_of_runs_has_a_row_per_run(repo):
    frame = repo.query_runs().dataframe()
    assert frame["name"].tolist() == ["c", "b", "a"]
    assert frame["hash"].tolist() == repo.list_all_runs()
    assert frame["tags"].tolist() == ["[]", '["x"]', '["x"]']
    assert frame["hparams.lr"].iloc[2] == 0.1
    assert frame["hparams.layers"].tolist()[1:] == ["[1, 2]", "[1, 2]"]
    assert frame["hparams.big"].iloc[1] == HUGE
    assert frame["params.name"].tolist()[1:] == ["parameter", "parameter"]


def test_a_data_frame_of_runs_may_leave_out_properties_and_parameters(repo):
    frame = repo.query_runs().dataframe(include_props=False, include_params=False)
    assert list(frame.columns) == ["hash"]
    assert "experiment" in repo.query_runs().dataframe(include_params=False)
    assert "hparams.lr" in repo.query_runs().dataframe(include_props=False)


def test_a_data_frame_of_metrics_has_a_row_per_point(repo):
    frame = repo.query_metrics("run.name == 'a'").dataframe()
    assert frame["metric.name"].tolist() == ["acc", "loss", "loss"]
    assert frame["value"].tolist()[1:] == [0.0, 0.5]
    assert np.isnan(frame["value"].iloc[0])
    assert frame["epoch"].tolist()[1:] == [0, 1]
    assert frame["metric.context.subset"].tolist()[1:] == ["train", "train"]
    assert frame["run.hash"].nunique() == 1
    assert set(frame["run.name"]) == {"a"}
    assert set(frame["run.params.name"]) == {"parameter"}
    assert set(frame["run.hparams.lr"]) == {0.1}
    assert frame.index.tolist() == [0, 1, 2]


def test_a_data_frame_of_metrics_has_what_is_asked_for(repo):
    result = repo.query_metrics("metric.name == 'loss'")
    points = ["idx", "step", "value", "epoch", "time"]
    bare = result.dataframe(include_run=False, include_name=False, include_context=False)
    assert list(bare.columns) == points
    assert len(result.dataframe(only_last=True)) == 2
    assert result.dataframe(only_last=True)["step"].tolist() == [1, 1]
    named = result.dataframe(include_props=False, include_params=False, include_context=False)
    assert list(named.columns) == [*points, "run.hash", "metric.name"]
    assert "run.experiment" in result.dataframe(include_params=False)
    assert "run.hparams.lr" in result.dataframe(include_props=False)


WITHOUT_PANDAS = """
import sys
sys.modules["pandas"] = None  # as if it were not installed
from runstone import Repo
repo = Repo(sys.argv[1])
for ask in (repo.query_runs().dataframe, repo.query_metrics().dataframe, next(iter(repo.query_metrics())).dataframe,
            repo.get_run(repo.list_all_runs()[0]).dataframe):
    try:
        ask()
    except ImportError as error:
        print(error)
"""


def test_without_pandas_a_data_frame_is_refused_with_what_to_install(repo):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PANDAS, repo.path], capture_output=True, text=True, check=True
    )
    message = (
        "dataframe() needs pandas, which is not installed\nInstall it with `pip install runstone[pandas]`.\n"
    )
    assert done.stdout == message * 4


# -- damage in the index, met in the middle of an answer -------------------------------------------------------------


def answers(repo):
    runs = repo.query_runs("run.lr > 0.15 and 'x' in run.tags")
    metrics = list(repo.query_metrics("metric.name == 'loss' and metric.last > 1.0 and run.lr > 0"))
    return (
        sorted(runs.hashes()),
        sorted(run["lr"] for run in repo.query_runs("run.lr * 1 > 0.15")),
        sorted((m.run.hash, m.summary("max"), m.values.sparse_list(), tuple(m.writers)) for m in metrics),
        sorted(
            (m.run.hash, m.data.range(1, 2).values_list())
            for m in repo.query_metrics("metric.name == 'loss'")
        ),
    )


@pytest.mark.parametrize("kind", ["states", "series"])
@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.filterwarnings("ignore:the index is damaged")
def test_an_answer_is_right_wherever_the_index_is_damaged(tmp_path, kind, read_only):
    for number in range(4):
        with Run(repo=tmp_path, **QUIET) as run:
            run["lr"] = number / 10
            run.add_tag("x")
            for step in range(3):
                run.track(number + step / 10, name="loss", context={"subset": "val"})
    Indexer(tmp_path).run_once()
    expected = answers(Repo(tmp_path, index=False))
    assert expected[0]
    assert expected[2]
    generation = open_generation(Repo(tmp_path).layout)
    kept = shutil.copytree(generation.layout.index, tmp_path / "kept")
    (entry,) = getattr(generation.manifest, kind)
    for column, (_, length, offset) in entry["columns"].items():
        if not length or column == "crc":
            continue
        shutil.rmtree(generation.layout.index)
        shutil.copytree(kept, generation.layout.index)
        (path,) = Path(generation.layout.index).rglob(entry["file"])
        data = bytearray(path.read_bytes())
        data[offset] ^= 1
        path.write_bytes(data)
        assert answers(Repo(tmp_path, read_only=read_only)) == expected, column


def test_a_damaged_index_is_made_anew_and_told(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["lr"] = 0.5
        run.track(1.0, name="loss")
    Indexer(tmp_path).run_once()
    before = open_generation(Repo(tmp_path).layout).manifest
    (path,) = Path(Repo(tmp_path).layout.index).rglob(before.states[0]["file"])
    data = bytearray(path.read_bytes())
    data[before.states[0]["columns"]["p_bits"][2]] ^= 1
    path.write_bytes(data)
    with pytest.warns(
        RuntimeWarning, match="the index is damaged in .*checksum[\\s\\S]*made anew from the logs"
    ):
        assert Repo(tmp_path).query_runs("run.lr > 0.1").hashes() == [run.hash]
    assert open_generation(Repo(tmp_path).layout).manifest.epoch != before.epoch
    assert Repo(tmp_path).query_runs("run.lr > 0.1").hashes() == [run.hash]
