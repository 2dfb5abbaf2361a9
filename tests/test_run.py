"""`Run`, as a training script uses it."""

from __future__ import annotations

import contextlib
import dis
import gc
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from runstone import MissingKeyError, MissingRunError, ReadOnlyError, Repo, Run, StoreError, UsageError
from runstone_writer import run as run_module
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
    run.set("hparams", {"model": int}, strict=False)
    assert run["hparams"] == {"model": "<class 'int'>"}


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


# -- odd values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step", [-(2**63), -1, 0, 2**63 - 2, 2.5, np.int64(4), np.float32(0.5), np.array([7])]
)
def test_a_step_may_be_any_number_of_64_bits(tmp_path: Path, run: Run, step: Any) -> None:
    for _ in range(3):
        run.track(1.0, name="loss", step=step)
    assert points(tmp_path, run)[0] == [step] * 3


@pytest.mark.parametrize(
    "step", [-(2**63) - 1, 2**63 - 1, 1e300, -1e300, "1", None.__class__, np.bool_(True), 1j]
)
def test_another_step_is_refused_and_counts_for_nothing(tmp_path: Path, run: Run, step: Any) -> None:
    for count in range(4):
        with pytest.raises((ValueError, TypeError)):
            run.track(1.0, name="loss", step=step)
        run.track(1.0, name="loss")
        assert points(tmp_path, run)[0] == list(range(count + 1))


@pytest.mark.parametrize(
    ("epoch", "kept"), [(None, None), (3, 3), (0.5, 0.5), (np.float64(1.5), 1.5), (True, 1)]
)
def test_an_epoch_is_a_number(tmp_path: Path, run: Run, epoch: Any, kept: Any) -> None:
    for _ in range(3):
        run.track(1.0, name="loss", epoch=epoch)
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    metric = stored.get_metric("loss")
    assert metric is not None
    assert [None if epoch != epoch else epoch for epoch in metric.epochs.values_list()] == [kept] * 3


@pytest.mark.parametrize("epoch", [math.inf, "1", 2**70, [1, 2]])
def test_another_epoch_is_refused_and_counts_for_nothing(tmp_path: Path, run: Run, epoch: Any) -> None:
    for _ in range(4):
        with pytest.raises((ValueError, TypeError)):
            run.track(1.0, name="loss", epoch=epoch)
        run.track(1.0, name="loss")
    assert points(tmp_path, run)[0] == [0, 1, 2, 3]


@pytest.mark.parametrize("context", ["train", 5, [1], {"a": object()}, {"a": {1}}, {1.5: 2}])
def test_another_context_is_refused(run: Run, context: Any) -> None:
    for _ in range(4):
        with pytest.raises((ValueError, TypeError)):
            run.track(1.0, name="loss", context=context)
    assert Path(run._log.path()).read_bytes().count(b"sequence") == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "context", [{"a": [1, {"b": None}]}, {"a": {"b": {}}}, {1: 2}, {"a": float("nan")}, {}, None]
)
def test_a_context_may_hold_whatever_a_parameter_may(tmp_path: Path, run: Run, context: Any) -> None:
    for _ in range(5):
        run.track(1.0, name="loss", context=context)
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    (metric,) = stored.metrics()
    assert len(metric.values) == 5


class Tensor:
    """What torch, jax and others have in common."""

    def __init__(self, *values: float) -> None:
        self.values, self.ndim = values, 0 if len(values) == 1 else 1

    def item(self) -> float:
        if len(self.values) > 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.values[0]


def test_a_tensor_of_one_element_is_a_number(tmp_path: Path, run: Run) -> None:
    for _ in range(3):
        run.track(Tensor(2.5), name="loss", step=Tensor(3))  # type: ignore[arg-type]
    run["x"] = Tensor(2.5)
    assert points(tmp_path, run) == ([3] * 3, [2.5] * 3)
    assert run["x"] == 2.5
    with pytest.raises(ValueError, match="neither python number"):
        run.track(Tensor(1, 2), name="loss")


@pytest.mark.parametrize(
    "value", [np.datetime64("2020-01-01", "ns"), np.timedelta64(5, "ns"), np.array([object()])]
)
def test_what_would_come_back_as_something_else_is_refused(run: Run, value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be kept exactly"):
        run["x"] = value
    if value.ndim == 0:
        with pytest.raises(ValueError, match="neither python number"):
            run.track(value, name="loss")


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


# -- storage that refuses --------------------------------------------------------------------------------------------


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


# -- forks, threads, signals -----------------------------------------------------------------------------------------


def forked(work: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def track_and_read(run: Run, name: str) -> None:
    run.track(2.0, name=name)
    assert run.tags == []


def test_a_child_forked_while_a_thread_declares_sequences_is_not_stuck(tmp_path: Path, run: Run) -> None:
    stop = threading.Event()

    def work() -> None:
        count = 0
        while not stop.is_set():
            run.track(1.0, name=f"s{count}")
            assert run.tags == []
            count += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(10):
            assert forked(partial(track_and_read, run, f"child {number}")) == 0
    finally:
        stop.set()
        thread.join()
    run.close()
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    names = {metric.name: metric.values.sparse_list() for metric in stored.metrics()}
    assert {name for name in names if name.startswith("child")} == {f"child {number}" for number in range(10)}
    assert all(values == ([0], [1.0 if name[0] == "s" else 2.0]) for name, values in names.items())


def in_worker(arguments: tuple[Run, int]) -> None:
    run, number = arguments
    for step in range(20):
        run.track(float(step), name="loss", context={"worker": number})


def test_workers_of_multiprocessing_log_into_the_run_that_they_inherit(tmp_path: Path, run: Run) -> None:
    run.track(1.0, name="parent")
    context = multiprocessing.get_context("fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        workers = [context.Process(target=in_worker, args=((run, number),)) for number in range(3)]
        for worker in workers:
            worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    run.track(2.0, name="parent")
    run.close()
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    assert len(os.listdir(os.path.dirname(run._log.path()))) == 4  # type: ignore[union-attr]
    for number in range(3):
        metric = stored.get_metric("loss", {"worker": number})
        assert metric is not None
        assert metric.values.sparse_list() == (list(range(20)), [float(step) for step in range(20)])


def test_threads_that_meet_new_sequences_at_once_agree_on_their_numbers(tmp_path: Path, run: Run) -> None:
    def work() -> None:
        for step in range(10):
            for name in range(30):
                run.track(float(name), name=f"s{name}", step=step)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    for metric in stored.metrics():
        steps, values = metric.values.sparse_list()
        assert steps == sorted(list(range(10)) * 4)
        assert values == [float(metric.name[1:])] * 40


class Interrupted(BaseException):
    """What a signal handler raises."""


def each_instant(script: Callable[[], object], handler: Callable[[], None], when: int) -> bool:
    """Run `script`, and `handler` at the `when`-th moment at which a signal could come in run.py; tell whether it did.

    Python runs signal handlers when a call has returned, a function begins or a loop turns (test_part.py).
    """
    file, count, before = run_module.__file__, 0, dict[FrameType, str]()

    def on_opcode(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if event == "opcode":
            name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before.get(frame, "").startswith(("RESUME", "CALL", "JUMP_BACKWARD")):
                count += 1
                if count == when:
                    sys.settrace(None)
                    handler()
            before[frame] = name
        return on_opcode

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename != file:
            return None
        frame.f_trace_opcodes = True
        return on_opcode

    gc.collect()
    gc.disable()  # no run of another test is collected, and traced, in between
    sys.settrace(trace)
    try:
        script()
    finally:
        sys.settrace(None)
        gc.enable()
    return count >= when


def sequences_of(run: Run, repo: Path) -> dict[str, tuple[list[float], list[Any]]]:
    stored = Repo(repo, index=False).get_run(run.hash)
    assert stored is not None
    return {metric.name: metric.values.sparse_list() for metric in stored.metrics()}


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="Python 3.12 does not tell a tracer of every instruction"
)
def test_an_exception_at_any_instant_of_track_orphans_no_point(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise Interrupted

    when, reached = 0, True
    while reached:
        when += 1
        run = Run(repo=tmp_path, **QUIET)
        acknowledged: list[float] = []

        def script(run: Run = run, acknowledged: list[float] = acknowledged) -> None:
            for value in range(5):
                with contextlib.suppress(Interrupted):
                    run.track(float(value), name="loss")
                    acknowledged.append(float(value))

        with contextlib.suppress(Interrupted):
            reached = each_instant(script, interrupt, when)
        run.close()
        steps, values = sequences_of(run, tmp_path)["loss"]
        assert set(values) >= set(acknowledged)
        assert len(set(steps)) == len(steps) == len(set(values))
    assert when > 40


def test_a_handler_that_tracks_at_any_instant_gets_sequences_of_its_own(tmp_path: Path) -> None:
    when, reached = 0, True
    while reached:
        when += 1
        run = Run(repo=tmp_path, **QUIET)

        def handler(run: Run = run) -> None:
            run.track(-1.0, name="handler")
            run.track(7.0, name="loss", step=1000)
            run["handled"] = True

        def script(run: Run = run) -> None:
            for value in range(4):
                run.track(float(value), name="loss", step=value)
                run.track(float(value), name="other", step=value)

        reached = each_instant(script, handler, when)
        run.close()
        found = sequences_of(run, tmp_path)
        handled = found.pop("handler", ([], []))
        assert found["other"] == ([0, 1, 2, 3], [0.0, 1.0, 2.0, 3.0])
        if reached:
            assert handled == ([0], [-1.0])
            assert found["loss"] == ([0, 1, 2, 3, 1000], [0.0, 1.0, 2.0, 3.0, 7.0])
    assert when > 40


def test_a_close_that_was_cut_short_can_be_repeated(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise Interrupted

    when, reached = 0, True
    while reached:
        when += 1
        run = Run(repo=tmp_path, **QUIET)
        run.track(1.0, name="loss")
        reached = True
        try:
            reached = each_instant(run.close, interrupt, when)
        except Interrupted:
            run.close()
        assert run.end_time is not None
        assert not run._finalizer.alive


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
