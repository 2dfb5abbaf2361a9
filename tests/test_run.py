"""`Run`, as a training script uses it."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runstone import MissingKeyError, MissingRunError, ReadOnlyError, Repo, Run, StoreError, UsageError
from runstone_writer.log import LogWriter

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(repo=tmp_path, **QUIET)


def points(repo: Path, run: Run, name: str = "loss") -> tuple[list[float], list[Any]]:
    stored = Repo(repo, index=False).get_run(run.hash)
    assert stored is not None
    metric = stored.get_metric(name)
    assert metric is not None
    return metric.values.sparse_list()


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
    run.set("hparams", {"model": {1}}, strict=False)
    assert run["hparams"] == {"model": "{1}"}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, 1),
        (1.5, 1.5),
        (True, 1),
        (math.inf, math.inf),
        (-0.0, -0.0),
        (2**70, 2**70),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int8(3), 3),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        ([4.5], 4.5),
    ],
)
def test_numbers_of_every_kind_are_tracked_exactly(tmp_path: Path, run: Run, value: Any, kept: Any) -> None:
    for _ in range(3):
        run.track(value, name="loss")
    steps, values = points(tmp_path, run)
    assert steps == [0, 1, 2]
    assert [repr(v) for v in values] == [repr(kept)] * 3


def test_nan_is_kept(tmp_path: Path, run: Run) -> None:
    run.track(float("nan"), name="loss")
    assert math.isnan(points(tmp_path, run)[1][0])


@pytest.mark.parametrize("value", ["x", None, 1j, np.zeros(3), object()])
def test_what_is_no_number_is_refused(run: Run, value: Any) -> None:
    with pytest.raises(ValueError, match="neither python number nor AimObject"):
        run.track(value, name="loss")


def test_names_and_dictionaries_of_values_follow_aim(tmp_path: Path, run: Run) -> None:
    with pytest.raises(ValueError, match="'name' should not be None"):
        run.track(1.0)
    with pytest.raises(ValueError, match="'name' should be None"):
        run.track({"a": 1}, name="x")
    run.track({"a": 1, "b": 2.5}, step=4, epoch=2)
    assert points(tmp_path, run, "a") == ([4], [1])
    assert points(tmp_path, run, "b") == ([4], [2.5])


def test_steps_go_on_from_the_highest(tmp_path: Path, run: Run) -> None:
    for step in (None, 10, None, 3, None, -5, 2.5, None):
        run.track(1.0, name="loss", step=step)
    assert points(tmp_path, run)[0] == [-5, 0, 2.5, 3, 10, 11, 12, 13]


@pytest.mark.parametrize("step", ["1", float("nan"), float("inf"), 2**70, True, None.__class__])
def test_a_step_is_a_finite_number(run: Run, step: Any) -> None:
    run.track(1.0, name="loss")
    run.track(1.0, name="loss")
    run.track(1.0, name="loss")
    with pytest.raises((ValueError, TypeError)):
        run.track(1.0, name="loss", step=step)


def test_a_context_is_what_it_holds_in_whatever_order_and_depth(tmp_path: Path, run: Run) -> None:
    for context in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1.0, "b": 2}, {"a": 1, "b": 2}):
        run.track(1.0, name="loss", context=context)
    run.track(2.0, name="loss", context={"deep": {"list": [1, {"x": None}]}})
    run.track(2.0, name="loss", context={"deep": {"list": [1, {"x": None}]}})
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    assert sorted(len(metric.values) for metric in stored.metrics()) == [2, 4]


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
    for change in (lambda: run.track(1.0, name="loss"), lambda: run.set("a", 2), lambda: run.add_tag("x")):
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
