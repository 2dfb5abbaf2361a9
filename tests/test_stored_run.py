"""Runs as a repository hands them out: what they tell, and edits of them by any process."""

import math
import os
import sys
import time
from datetime import UTC
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer
from runstone import Context, MissingKeyError, MissingRunError, ReadOnlyError, Repo, Run, UsageError
from runstone_indexer.indexer import Indexer

PARAMS = {
    "hparams": {"lr": 0.001, "layers": [1, [2, 3]], "empty": {}, "nothing": None, "on": True, "text": ""},
    "odd": {"a.b": 1, "": 2, 3: math.inf, "é": "\N{PILE OF POO}", "big": 2**100, "bytes": b"\0\xff"},
}


@pytest.fixture(params=["index", "logs", "half"])
def kind(request):
    return request.param


@pytest.fixture
def opened(tmp_path, kind):
    """Opens the repository of the test as `kind` says."""
    return lambda: Repo(tmp_path, index=kind != "logs")


@pytest.fixture
def run_hash(tmp_path, kind):
    """An ended run with parameters and metrics."""
    run = Run(repo=tmp_path, experiment="exp", **QUIET)
    run["hparams"] = PARAMS["hparams"]
    run.track(1.0, name="loss", context={"subset": "train"})
    if kind == "half":
        Indexer(tmp_path).run_once()
    run["odd"] = PARAMS["odd"]
    run.track(0.5, name="loss", context={"subset": "train"})
    run.track(7, name="acc")
    run.close()
    if kind == "index":
        Indexer(tmp_path).run_once()
    return run.hash


# -- what a run tells -----------------------------------------------------------------------------------------


def test_parameters_come_back_as_they_were_given(opened, run_hash):
    run = opened().get_run(run_hash)
    assert run[...] == PARAMS
    assert run["hparams"] == PARAMS["hparams"]
    assert run["hparams", "layers", 1, 0] == 2
    assert run["odd", "a.b"] == 1
    assert run.get("missing", 5) == 5
    assert run.get(("hparams", "lr")) == 0.001


def test_a_missing_parameter_is_told_with_those_that_there_are(opened, run_hash):
    with pytest.raises(KeyError) as raised:
        opened().get_run(run_hash)["hparam"]
    assert isinstance(raised.value, MissingKeyError)
    assert "'hparams', 'odd'" in str(raised.value)


def test_what_is_done_to_a_returned_parameter_changes_nothing(opened, run_hash):
    run = opened().get_run(run_hash)
    run["hparams"]["lr"] = 9
    run["hparams", "layers"].append(9)
    run[...]["odd"].clear()
    assert run[...] == PARAMS


def test_properties_have_aims_names_and_defaults(opened, run_hash):
    run = opened().get_run(run_hash)
    assert (run.hash, run.name, run.experiment) == (run_hash, f"Run: {run_hash}", "exp")
    assert (run.description, run.tags, run.archived, run.active) == (None, [], False, False)
    assert time.time() - 600 < run.creation_time <= run.end_time <= time.time() + 1
    assert run.duration == run.end_time - run.creation_time
    assert run.created_at.replace(tzinfo=UTC).timestamp() == pytest.approx(run.creation_time)
    assert run.finalized_at.replace(tzinfo=UTC).timestamp() == pytest.approx(run.end_time)
    assert run.status == "finished"


def test_metrics_are_found_by_name_and_context(opened, run_hash):
    run = opened().get_run(run_hash)
    assert [(m.name, m.context.to_dict()) for m in run.metrics()] == [
        ("acc", {}),
        ("loss", {"subset": "train"}),
    ]
    assert run.get_metric("loss", {"subset": "train"}).values.tolist() == [1.0, 0.5]
    assert run.get_metric("loss", Context({"subset": "train"})).values.tolist() == [1.0, 0.5]
    assert run.get_metric("acc").values.tolist() == [7]
    assert run.get_metric("loss") is None
    assert run.get_metric("missing") is None
    assert list(run.iter_metrics_info()) == [
        ("acc", Context({}), run),
        ("loss", Context({"subset": "train"}), run),
    ]


def test_equal_runs_are_equal_whoever_holds_them(tmp_path, opened, run_hash):
    one, other = opened().get_run(run_hash), opened().get_run(run_hash)
    assert one == other == Run(run_hash, repo=tmp_path, read_only=True)
    assert len({one, other}) == 1
    assert one != run_hash


def test_a_stored_run_knows_its_repository(opened, run_hash):
    repo = opened()
    assert repo.get_run(run_hash).repo is repo


# -- a run that is being written ------------------------------------------------------------------------------


def test_a_run_is_running_then_crashed_when_its_process_is_killed(tmp_path, opened):
    with Writer(tmp_path) as writer:
        run = opened().get_run(writer.hash)
        assert run.status == "running"
        assert run.active
        assert run.end_time is None
        assert run.duration >= 0
        writer.kill()
        hint = next((tmp_path / ".runstone" / "live").glob(f"{writer.hash}.*"))
        long_ago = time.time() - 3600
        os.utime(hint, (long_ago, long_ago))
        assert run.status == "crashed"
        assert opened().get_run(writer.hash).status == "crashed"
        assert opened().get_run(writer.hash).active


def test_a_run_that_its_process_ended_is_finished(tmp_path, opened):
    with Writer(tmp_path) as writer:
        writer.end()
    run = opened().get_run(writer.hash)
    assert (run.status, run.active) == ("finished", False)


def test_a_live_run_shows_its_own_metrics_and_those_of_other_processes(tmp_path, opened):
    with Run(repo=tmp_path, **QUIET) as run, Writer(tmp_path, run.hash) as writer:
        assert run.metrics() == []
        run.track(1.0, name="mine")
        writer.do("run.track(2.0, name='theirs')")
        assert {metric.name: metric.values.tolist() for metric in run.metrics()} == {
            "mine": [1.0],
            "theirs": [2.0],
        }
        assert run.get_metric("theirs").summary("last") == 2.0
        assert run.status == "running"
        assert run.repo is run.repo
        assert run.repo.list_all_runs() == [run.hash]


def test_a_live_run_makes_no_index(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
        assert len(run.metrics()) == 1
    assert not (tmp_path / ".runstone" / "index").exists()


# -- edits ----------------------------------------------------------------------------------------------------


def test_an_ended_run_is_edited_by_any_process(opened, run_hash):
    run = opened().get_run(run_hash)
    run.name = "best \N{PILE OF POO}\n"
    run.description = "of\nall"
    run.experiment = "other"
    run.archived = True
    run.add_tag("a")
    run.add_tag("b")
    assert run.remove_tag("a") is True
    assert run.remove_tag("a") is False
    for seen in (run, opened().get_run(run_hash)):
        assert (seen.name, seen.description, seen.experiment) == (
            "best \N{PILE OF POO}\n",
            "of\nall",
            "other",
        )
        assert (seen.archived, seen.tags) == (True, ["b"])
        assert not seen.active
        assert seen[...] == PARAMS


def test_a_running_run_is_edited_without_a_word_to_its_writer(tmp_path, opened):
    with Writer(tmp_path) as writer:
        writer.do("setattr(run, 'name', 'theirs')")
        run = opened().get_run(writer.hash)
        run.name = "ours"
        run.add_tag("watched")
        writer.do("run.track(1.0, name='loss')")
        writer.do("assert_ = run.name == 'ours' and run.tags == ['watched'] or 1 / 0")
        writer.do("run.add_tag('theirs')")
        writer.do("setattr(run, 'name', 'theirs again')")
        found = opened().get_run(writer.hash)
        assert (found.name, found.tags) == ("theirs again", ["watched", "theirs"])
        assert found.active


def test_an_edit_survives_indexing_and_deleting_the_index(tmp_path, opened, run_hash):
    opened().get_run(run_hash).name = "kept"
    Indexer(tmp_path).run_once()
    assert opened().get_run(run_hash).name == "kept"
    Indexer(tmp_path).reindex()
    assert opened().get_run(run_hash).name == "kept"
    assert opened().query_runs("run.name == 'kept'").hashes() == [run_hash]


def test_an_edit_does_not_make_an_ended_run_active(opened, run_hash):
    before = opened().get_run(run_hash)
    before.description = "x"
    after = opened().get_run(run_hash)
    assert (after.active, after.end_time, after.creation_time) == (
        False,
        before.end_time,
        before.creation_time,
    )


def test_a_tag_that_is_there_is_put_on_once_with_a_warning(opened, run_hash):
    run = opened().get_run(run_hash)
    run.add_tag("best")
    with pytest.warns(UserWarning, match="best"):
        run.add_tag("best")
    assert run.tags == ["best"]


def test_an_edit_of_another_type_is_refused(opened, run_hash):
    run = opened().get_run(run_hash)
    for change in (lambda: setattr(run, "name", 5), lambda: run.add_tag(None)):
        with pytest.raises(TypeError, match="string"):
            change()


def test_parameters_and_points_of_a_stored_run_are_read_only(opened, run_hash):
    run = opened().get_run(run_hash)
    for change in (
        lambda: run.track(1.0, name="loss"),
        lambda: run.set("x", 1),
        lambda: run.__setitem__("x", 1),
        lambda: run.__delitem__("hparams"),
    ):
        with pytest.raises(ReadOnlyError) as raised:
            change()
        assert isinstance(raised.value, UsageError)
        assert "Run(hash)" in raised.value.hint
    assert run[...] == PARAMS


def test_closing_a_stored_run_does_nothing(opened, run_hash):
    with opened().get_run(run_hash) as run:
        run.close()
    assert run.name == f"Run: {run_hash}"


def test_a_run_deleted_meanwhile_is_told_when_it_is_edited(opened, run_hash):
    repo = opened()
    run = repo.get_run(run_hash)
    repo.delete_run(run_hash)
    with pytest.raises(MissingRunError):
        run.name = "late"


def test_a_run_stays_as_it_was_when_it_was_handed_out(tmp_path, opened):
    with Writer(tmp_path) as writer:
        writer.do("run.set('x', 1)")
        writer.do("run.track(1.0, name='loss')")
        repo = opened()
        repo.query_runs().hashes()
        run = repo.get_run(writer.hash)
        (metric,) = run.metrics()
        writer.do("run.set('x', 2)")
        writer.do("run.track(2.0, name='loss')")
        writer.do("setattr(run, 'name', 'new')")
        assert repo.get_run(writer.hash)["x"] == 2
        assert (run["x"], run.name) == (1, f"Run: {writer.hash}")
        assert (len(metric), metric.summary("last"), metric.values.tolist()) == (1, 1.0, [1.0])


# -- data frames ----------------------------------------------------------------------------------------------


def test_a_data_frame_of_a_run_has_properties_and_flat_parameters(opened, run_hash):
    run = opened().get_run(run_hash)
    run.add_tag("best")
    frame = run.dataframe()
    assert len(frame) == 1
    row = frame.iloc[0].to_dict()
    assert list(row)[:9] == [
        "hash", "name", "description", "archived", "creation_time", "end_time", "active", "experiment", "tags",
    ]  # fmt: skip
    assert (row["hash"], row["experiment"], row["tags"]) == (run_hash, "exp", '["best"]')
    assert (row["hparams.lr"], row["hparams.layers"]) == (0.001, "[1, [2, 3]]")
    assert (row["odd['a.b']"], row["odd['']"], row["odd[3]"], row["odd.é"]) == (
        1,
        2,
        math.inf,
        "\N{PILE OF POO}",
    )
    assert row["odd.big"] == 2**100


def test_a_data_frame_of_a_run_may_leave_out_properties_and_parameters(opened, run_hash):
    run = opened().get_run(run_hash)
    assert list(run.dataframe(include_props=False, include_params=False).columns) == ["hash"]
    assert "hparams.lr" not in run.dataframe(include_params=False)
    assert "name" not in run.dataframe(include_props=False)


def test_a_parameter_called_like_a_property_does_not_hide_it(tmp_path, opened):
    with Run(repo=tmp_path, **QUIET) as run:
        run["name"], run["hash"] = "parameter", "parameter"
    row = opened().get_run(run.hash).dataframe().iloc[0]
    assert (row["name"], row["params.name"]) == (f"Run: {run.hash}", "parameter")
    assert (row["hash"], row["params.hash"]) == (run.hash, "parameter")


@pytest.mark.parametrize("context", ["val", ["subset"], 5, ""])
def test_what_is_no_dictionary_is_no_context(tmp_path, context):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss", context={"subset": "val"})
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    for asked in (run, stored):
        with pytest.raises(TypeError, match="a context is a dictionary"):
            asked.get_metric("loss", context)
        with pytest.raises(TypeError, match="a context is a dictionary"):
            asked.get_sequence("loss", context)
    assert stored.get_metric("loss", {"subset": "val"}).values.values_list() == [1.0]
