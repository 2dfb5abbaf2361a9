"""What those of Aim's own tests ask for that open its files or call its inside: the same behaviour, from outside."""

import re

import pytest

from runstone import Context, Repo, Run

QUIET = {"system_tracking_interval": None, "capture_terminal_logs": False}


@pytest.fixture
def run(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        yield run


def test_each_context_has_its_names(run):
    train, val = {"subset": "train"}, {"subset": "val"}
    tracked = [
        ("metric 1", train),
        ("metric 2", train),
        ("metric 1", val),
        ("metric 2", val),
        ("metric 3", val),
    ]
    for name, context in tracked:
        run.track(1.0, name=name, context=context)
    run.track(0.0, name="metric")
    found = {(name, context) for name, context, _ in run.iter_metrics_info()}
    assert found == {(name, Context(context)) for name, context in [*tracked, ("metric", {})]}
    run.close()
    info = Repo(run.repo.path).collect_sequence_info("metric")["metric"]
    assert {name: sorted(map(str, contexts)) for name, contexts in info.items()} == {
        "metric": ["{}"],
        "metric 1": [str(train), str(val)],
        "metric 2": [str(train), str(val)],
        "metric 3": [str(val)],
    }


def test_a_dictionary_is_several_sequences_with_one_step(run):
    for index in range(10):
        run.track({"numbers": index, "squares": index**2})
    infos = {info["name"]: info["values"] for info in run.collect_sequence_info("metric")["metric"]}
    assert (infos["numbers"]["last"], infos["squares"]["last"]) == (9, 81)
    assert {info["last_step"] for info in infos.values()} == {9}


@pytest.mark.parametrize("steps", [(None, None, None), (10, 20, 30), (30, 10, 20)])
def test_points_come_back_by_step_with_value_epoch_and_time(run, steps):
    for place, step in enumerate(steps):
        run.track(float(place), name="metric 1", step=step)
    found, (values, epochs, times) = run.get_metric("metric 1").data.items_list()
    expected = sorted((place if step is None else step, float(place)) for place, step in enumerate(steps))
    assert list(zip(found, values, strict=True)) == expected
    assert epochs == [None] * 3
    assert all(run.creation_time <= time <= run.creation_time + run.duration for time in times)


@pytest.mark.parametrize(
    "value", [1, {"foo": "bar"}, 0.0, True, ["x", 1, 2], None, "baz\u0565\x00a-a", b"blob"]
)
def test_a_parameter_keeps_value_and_type(run, value):
    run["p"] = value
    found = Repo(run.repo.path).get_run(run.hash)["p"]
    assert (found, type(found)) == (value, type(value))


def test_a_hash_is_24_hexadecimal_digits(run):
    assert re.fullmatch("[0-9a-f]{24}", run.hash)


def test_the_runs_of_an_experiment_are_found_by_its_name(tmp_path):
    hashes = set()
    for _ in range(3):
        with Run(repo=tmp_path, experiment="my experiment", **QUIET) as run:
            hashes.add(run.hash)
    with Run(repo=tmp_path, **QUIET):
        pass
    found = Repo(tmp_path).query_runs('run.experiment == "my experiment"')
    assert {run.hash for run in found} == hashes


def test_a_folder_named_in_any_way_is_the_same_repository(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    for path in (".", "./", tmp_path, f"{tmp_path}/", tmp_path / ".runstone", "../" + tmp_path.name):
        assert Repo(path).list_all_runs() == [run.hash]
