"""`Run`, as a training script uses it."""

from __future__ import annotations

import gc
import math
import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runs import points
from runstone import MissingKeyError, MissingRunError, ReadOnlyError, Repo, Run, StoreError, UsageError
from runstone_writer.log import LogWriter


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(repo=tmp_path, **QUIET)


def test_a_new_run_has_aims_defaults(run: Run) -> None:
    assert len(run.hash) == 24
    assert (run.name, run.experiment) == (f"Run: {run.hash}", "default")
    assert (run.description, run.tags, run.archived) == (None, [], False)
    assert (run.active, run.end_time, run.finalized_at) == (True, None, None)
    assert run[...] == {}


def test_parameters_are_set_read_replaced_and_deleted(run: Run) -> None:
    run["hparams"] = {"lr": 0.1, "layers": [1, 2]}
    run["hparams", "lr"] = 0.2
    run["n"] = 5
    assert run["hparams"] == {"layers": [1, 2], "lr": 0.2}
    assert run["hparams", "layers"] == [1, 2]
    assert run.get("nope", 7) == 7
    del run["n"]
    with pytest.raises(MissingKeyError, match="no parameter n"):
        run["n"]
    with pytest.raises(KeyError):
        del run["n"]
    run["hparams"] = {"x": 1}
    assert run[...] == {"hparams": {"x": 1}}
    run[...] = {"all": "new"}
    assert run[...] == {"all": "new"}


def test_what_is_read_can_be_changed_without_changing_the_run(run: Run) -> None:
    run["a"] = {"b": [1]}
    run["a"]["b"].append(2)
    assert run["a"] == {"b": [1]}


def test_a_value_that_cannot_be_kept_is_refused_at_once_by_name(run: Run) -> None:
    with pytest.raises(TypeError, match=r"hparams\.model"):
        run["hparams"] = {"model": object()}
    assert run[...] == {}
    run.set("hparams", {"model": int}, strict=False)
    assert run["hparams"] == {"model": "<class 'int'>"}


def test_resuming_goes_on_with_parameters_and_steps(tmp_path: Path, run: Run) -> None:
    run["lr"] = 1
    for _ in range(5):
        run.track(1.0, name="loss", context={"s": 1})
    run.close()
    assert not run.active
    with Run(run.hash, repo=tmp_path, **QUIET) as again:
        assert again["lr"] == 1
        assert again.active
        again.track(2.0, name="loss", context={"s": 1})
    stored = Repo(tmp_path).get_run(run.hash)
    assert stored is not None
    metric = stored.get_metric("loss", {"s": 1})
    assert metric is not None
    assert metric.values.indices_list() == list(range(6))
    assert len(set(metric.writers)) == 2
    assert stored.end_time is not None


def test_an_unknown_hash_is_refused(tmp_path: Path) -> None:
    Repo(tmp_path, init=True)
    with pytest.raises(MissingRunError, match="no run 'nope'"):
        Run("nope", repo=tmp_path, **QUIET)
    with pytest.raises(UsageError, match="not a run hash"):
        Run("../evil", repo=tmp_path, **QUIET)


def test_a_closed_run_refuses_changes_and_can_be_read(run: Run) -> None:
    run["a"] = 1
    for _ in range(3):
        run.track(1.0, name="loss")
    run.close()
    run.close()
    changes = (partial(run.track, 1.0, name="loss"), partial(run.set, "a", 2), partial(run.add_tag, "x"))
    for change in changes:
        with pytest.raises(UsageError, match="closed"):
            change()
    assert run["a"] == 1
    assert run.end_time is not None


def test_a_run_opened_to_be_read_refuses_changes(tmp_path: Path, run: Run) -> None:
    run["a"] = 1
    reading = Run(run.hash, repo=tmp_path, read_only=True)
    assert reading["a"] == 1
    run["a"] = 2
    assert reading["a"] == 2
    with pytest.raises(ReadOnlyError):
        reading["a"] = 3
    with pytest.raises(ReadOnlyError):
        reading.track(1.0, name="loss")


def test_a_run_that_nobody_holds_any_more_ends(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    name = run.hash
    del run
    gc.collect()
    stored = Repo(tmp_path, index=False).get_run(name)
    assert stored is not None
    assert stored.end_time is not None


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise RuntimeError"])
def test_a_run_ends_with_its_process(tmp_path: Path, ending: str) -> None:
    code = f"import sys; from runstone import Run; run = Run(repo=sys.argv[1]); print(run.hash); {ending}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    stored = Repo(tmp_path, index=False).get_run(done.stdout.split()[0])
    assert stored is not None
    assert stored.end_time is not None


def test_tags_are_put_on_once_and_taken_off(run: Run) -> None:
    run.add_tag("best")
    run.add_tag("gpu")
    with pytest.warns(UserWarning, match="already"):
        run.add_tag("best")
    assert run.tags == ["best", "gpu"]
    assert run.remove_tag("best")
    assert not run.remove_tag("best")
    run.add_tag("best")
    assert run.tags == ["gpu", "best"]


@pytest.mark.parametrize("text", ["\ud800", 5, None])
def test_a_tag_and_a_sequence_have_names_that_can_be_written(run: Run, text: Any) -> None:
    with pytest.raises(TypeError):
        run.add_tag(text)
    with pytest.raises((TypeError, ValueError)):
        run.track(1.0, name=text)
    run.add_tag("fine")


def test_any_key_and_any_text_come_back(run: Run) -> None:
    odd = {"": 1, "a.b": {"$int": 2}, "\ud800": "\udfff", 7: {"x": "é\x00"}}
    for key, value in odd.items():
        run[key] = value
    assert run[...] == odd
    run.name = "\ud800 \x1b[31m"
    assert run.name == "\ud800 \x1b[31m"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_a_wrong_call(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Give a folder"):
        Run(repo=tmp_path, **QUIET)


def test_a_repository_in_the_place_of_a_file_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Give a folder"):
        Run(repo=tmp_path / "file", **QUIET)


def test_one_line_of_the_log_has_a_limit_that_names_what_is_too_long(run: Run) -> None:
    with pytest.raises(UsageError, match="bytes long"):
        run["text"] = "x" * (17 * 1024 * 1024)
    run["ok"] = 1
    assert run[...] == {"ok": 1}


def test_accepted_events_are_all_there_after_closing(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, durability="accepted", **QUIET)
    run["a"] = 1
    for step in range(5000):
        run.track(step * 1.0, name="loss")
    run.close()
    assert points(tmp_path, run)[0] == list(range(5000))
    with pytest.raises(UsageError, match="durability"):
        Run(repo=tmp_path, durability="maybe", **QUIET)  # type: ignore[arg-type]


def test_the_writer_of_a_run_is_a_plain_log_writer(run: Run) -> None:
    assert type(run._log) is LogWriter


@pytest.mark.parametrize("value", [0, False, 5, b"x", []])
def test_a_description_is_text_or_nothing(run: Run, value: Any) -> None:
    with pytest.raises(TypeError, match="description"):
        run.description = value
    run.description = "text"
    run.description = None
    assert run.description is None


def test_all_parameters_can_be_deleted_and_set_anew(run: Run, tmp_path: Path) -> None:
    run["a"] = 1
    del run[...]
    assert run[...] == {}
    run["b"] = {"$float": 2}
    assert Run(run.hash, repo=tmp_path, read_only=True)[...] == {"b": {"$float": 2}}
    with pytest.raises(TypeError, match="all parameters together are a dictionary"):
        run[...] = 5
    with pytest.raises(TypeError, match="all parameters together are a dictionary"):
        run[...] = b"x"


def test_a_default_is_given_back_as_it_is(run: Run) -> None:
    default = object()
    assert run.get("nothing", default) is default


def test_the_hash_of_a_run_cannot_be_changed(run: Run) -> None:
    before = run.hash
    with pytest.raises(AttributeError):
        run.hash = "another"  # type: ignore[misc]
    assert run.hash == before


@pytest.mark.parametrize("address", ["aim://localhost:53800", "http://host/experiments"])
def test_an_address_is_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is an address"):
        Run(repo=address, **QUIET)
    with pytest.raises(UsageError, match="is an address"):
        Repo(address, init=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interval", ["10", [10], object()])
def test_a_wrong_interval_is_refused_before_there_is_a_run(tmp_path: Path, interval: Any) -> None:
    with pytest.raises(TypeError, match="system_tracking_interval is a number of seconds"):
        Run(repo=tmp_path, system_tracking_interval=interval)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interval", [np.int64(0), np.float32(-1), 0, -5.0, math.inf])
def test_an_interval_out_of_range_turns_system_metrics_off(tmp_path: Path, interval: Any) -> None:
    with Run(repo=tmp_path, capture_terminal_logs=False, system_tracking_interval=interval) as run:
        pass
    assert run.metrics() == []


def test_going_on_with_a_deleted_run_is_told(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
    repo = Repo(tmp_path, index=False)
    repo.delete_run(run.hash)
    with pytest.warns(RuntimeWarning, match="was deleted") as told:
        again = Run(run.hash, repo=tmp_path, **QUIET)
    assert [warning.filename for warning in told] == [__file__]
    with again:
        again.track(2.0, name="loss")
        again.track(3.0, name="loss")
    assert repo.restore_run(run.hash)
    assert points(tmp_path, run) == ([0, 1, 2], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("value", ["yes", "", None, 2])
def test_archived_is_true_or_false(run: Run, value: Any) -> None:
    with pytest.raises(TypeError, match="archived is True or False"):
        run.archived = value
    run.archived = np.bool_(True)  # type: ignore[assignment]
    assert run.archived is True


def test_a_tag_is_not_empty(run: Run) -> None:
    with pytest.raises(UsageError, match="cannot be empty"):
        run.add_tag("")
    assert run.tags == []


def test_a_run_knows_what_it_has_set_while_the_disk_is_full(run: Run, tmp_path: Path) -> None:
    run["a"] = 1
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        with pytest.warns(RuntimeWarning, match="Training goes on"):
            run["b"] = 2
        run.add_tag("x")
        run.track(1.0, name="loss")
        assert (run[...], run.tags) == ({"a": 1, "b": 2}, ["x"])
        del run["a"]
        assert run.get("a") is None
        assert Run(run.hash, repo=tmp_path, read_only=True)[...] == {"a": 1}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    run.close()
    assert Run(run.hash, repo=tmp_path, read_only=True)[...] == {"b": 2}
    assert points(tmp_path, run) == ([0], [1.0])
