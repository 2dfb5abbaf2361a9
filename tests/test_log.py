"""Appending: nothing acknowledged is lost, whatever happens to the process, its threads or its disk.

What comes out of signal handlers, at every instant, is in test_part.py.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstone_writer import log as log_module
from runstone_writer import part as part_module
from runstone_writer.errors import StoreError, UsageError, ValueTypeError
from runstone_writer.layout import Layout, log_name, open_repo, parse_log_name, shard
from runstone_writer.lines import LINE_LIMIT
from runstone_writer.log import LogWriter
from runstone_writer.reader import read_log
from runstone_writer.replay import Replay, replay
from runstone_writer.run import Run
from runstone_writer.state import RunState, WriterState
from runstone_writer.tender import TENDER

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
RUN = "a" * 24
DEADLINE = 60


def steps_of(layout: Layout, run: str) -> tuple[list[int], Replay, RunState]:
    """Return the step of every point in the order of the logs, and what reading them found."""
    state = RunState(run)
    steps: list[int] = []
    done = replay(
        layout, state, layout.log_names(run), lambda _s, _w, rows: steps.extend(row[1] for row in rows)
    )
    return steps, done, state


def child(code: str, *args: str, **kwargs: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)  # type: ignore[call-overload, no-any-return]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, "the condition did not come true"
        time.sleep(0.005)


class Found:
    """What a reader finds in all the logs of the run."""

    def __init__(self, layout: Layout, *, missing: int = 0) -> None:
        self.state = RunState(RUN)
        self.points: dict[str, list[list[Any]]] = {}
        self.replay: Replay = replay(layout, self.state, layout.log_names(RUN), self._take)
        reasons = [problem.reason for problem in self.replay.problems]
        assert reasons == ["cannot be read: No such file or directory"] * missing

    def _take(self, _state: RunState, writer: WriterState, points: list[list[Any]]) -> None:
        self.points.setdefault(writer.writer, []).extend(points)

    @property
    def steps(self) -> list[int]:
        """The steps of the only writer's points, in the order of its log."""
        assert len(self.points) <= 1
        return [row[1] for rows in self.points.values() for row in rows]

    @property
    def times(self) -> list[int]:
        return [row[3] for rows in self.points.values() for row in rows]

    @property
    def params(self) -> dict[Any, Any]:
        return self.state.params.tree()

    @property
    def dropped(self) -> int:
        return sum(writer.dropped for writer in self.state.writers.values())


def lines_of(layout: Layout) -> list[list[Any]]:
    """Every line of the only writer's parts, one list per part."""
    return [
        [orjson.loads(line) for line in Path(layout.log_path(RUN, name)).read_bytes().splitlines()]
        for name in layout.log_names(RUN)
    ]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_repo(tmp_path, create=True)


@pytest.fixture
def open_log(layout: Layout) -> Iterator[Callable[..., LogWriter]]:
    """Opens logs that a background thread does not touch, and closes them after the test."""
    logs: list[LogWriter] = []

    def open_log(where: Layout = layout, **keywords: Any) -> LogWriter:
        logs.append(LogWriter(where, RUN, **keywords))
        return logs[-1]

    yield open_log
    for log in logs:
        log.close()


@contextlib.contextmanager
def one_warning(text: str) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 1, messages
    assert text in messages[0]


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: a full disk that needs no root. Writes fall short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_appended_is_read_back_in_order(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.declare(0, "loss", {}, "number")
    for step in range(1000):
        log.point(0, step, step / 3, None)
    steps, done, _ = steps_of(layout, RUN)
    assert steps == list(range(1000))
    assert (done.problems, done.bytes_left) == ([], 0)
    log.close("end")
    assert steps_of(layout, RUN)[2].ended is not None


def test_a_log_that_is_never_written_to_leaves_no_trace(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.close("end")
    assert os.listdir(layout.logs) == []
    assert os.listdir(layout.live) == []


KILLED = """
import sys
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False, durability=sys.argv[2])
print(run.hash, flush=True)
step = 0
while True:
    run.track(step * 0.5, name="loss", step=step)
    print(step, flush=True)
    step += 1
"""


@pytest.mark.parametrize("durability", ["written", "durable"])
@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_loses_nothing_that_it_was_acknowledged(
    tmp_path: Path, durability: str, seed: int
) -> None:
    process = child(KILLED, str(tmp_path), durability)
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    for _ in range(random.Random(seed).randrange(1, 400)):
        process.stdout.readline()
    process.kill()
    rest = process.stdout.read()  # not communicate(): that passes over what the file object has read ahead
    process.communicate()
    acknowledged = [int(line) for line in rest.split("\n")[:-1]]
    steps, done, state = steps_of(open_repo(tmp_path), run)
    assert steps == list(range(len(steps)))
    assert len(steps) >= (acknowledged[-1] + 1 if acknowledged else 1)
    assert done.problems == []
    assert state.ended is None


def test_threads_share_a_run_and_each_keeps_its_order(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)

    def work(name: str) -> None:
        for step in range(500):
            run.track(step * 1.0, name=name, step=step)

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.close()
    layout = open_repo(tmp_path)
    state = RunState(run.hash)
    found: dict[str, list[int]] = {}

    def sink(state, writer, rows):  # type: ignore[no-untyped-def]
        for row in rows:
            found.setdefault(state.sequences[writer.declared[row[0]]].name, []).append(row[1])

    done = replay(layout, state, layout.log_names(run.hash), sink)
    assert done.problems == []
    assert found == {f"t{i}": list(range(500)) for i in range(6)}


def test_a_forked_child_goes_on_in_a_log_of_its_own(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run.track(1.0, name="loss", step=0)
    run.track(1.0, name="loss", step=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        try:
            for step in range(100, 150):
                run.track(2.0, name="loss", step=step)
            run.close()
        finally:
            os._exit(0)
    for step in range(2, 50):
        run.track(3.0, name="loss", step=step)
    assert os.waitpid(pid, 0)[1] == 0
    run.close()
    layout = open_repo(tmp_path)
    steps, done, state = steps_of(layout, run.hash)
    assert sorted(steps) == [*range(50), *range(100, 150)]
    assert done.problems == []
    assert len(state.writers) == 2
    assert all(writer.end is not None for writer in state.writers.values())


def test_a_child_that_logs_nothing_leaves_no_log(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        run.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    run.track(1.0, name="loss")
    run.close()
    assert len(open_repo(tmp_path).log_names(run.hash)) == 1


def test_several_processes_write_one_run_at_once(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    code = """
import sys
from runstone_writer.run import Run
run = Run(sys.argv[2], repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
for step in range(300):
    run.track(step * 1.0, name="loss", step=step)
run.close()
"""
    children = [child(code, str(tmp_path), run.hash) for _ in range(4)]
    for process in children:
        _, errors = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, errors
    run.close()
    steps, done, state = steps_of(open_repo(tmp_path), run.hash)
    assert sorted(steps) == sorted(list(range(300)) * 4)
    assert done.problems == []
    assert len(state.writers) == 5


def test_a_signal_handler_may_log_in_the_middle_of_a_write(tmp_path: Path) -> None:
    code = """
import signal, sys
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
calls = 0
def handler(*_):
    global calls
    step, calls = calls, calls + 1
    run.track(-1.0, name="alarm", step=step)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
for step in range(60000):
    run.track(1.0, name="loss", step=step)
signal.setitimer(signal.ITIMER_REAL, 0)
print(run.hash, calls)
run.close()
"""
    process = child(code, str(tmp_path))
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    run, calls = output.split()
    layout, state = open_repo(tmp_path), RunState(run)
    found: dict[str, list[int]] = {}

    def sink(state, writer, rows):  # type: ignore[no-untyped-def]
        for row in rows:
            found.setdefault(state.sequences[writer.declared[row[0]]].name, []).append(row[1])

    done = replay(layout, state, layout.log_names(run), sink)
    assert done.problems == []
    assert found["loss"] == list(range(60000))
    assert sorted(found["alarm"]) == list(range(int(calls)))  # a handler may interrupt a handler
    assert int(calls) > 5


def test_exceptions_at_any_instant_leave_the_log_intact(tmp_path: Path) -> None:
    code = """
import signal, sys
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
class Interrupt(BaseException): pass
armed = False
def handler(*_):
    if armed:
        raise Interrupt
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0003)
acknowledged, step, interrupts = [], 0, 0
while step < 40000:
    try:
        armed = True
        run.track(1.0, name="loss", step=step)
        acknowledged.append(step)
        armed = False
    except Interrupt:
        armed = False
        interrupts += 1
    step += 1
signal.setitimer(signal.ITIMER_REAL, 0)
run.close()
print(run.hash, interrupts)
print(*acknowledged)
"""
    process = child(code, str(tmp_path))
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    head, tail = output.splitlines()
    run, interrupts = head.split()
    steps, done, state = steps_of(open_repo(tmp_path), run)
    assert done.problems == []
    assert int(interrupts) > 5
    assert len(set(steps)) == len(steps), "a point came twice"
    assert set(map(int, tail.split())) <= set(steps)
    assert state.ended is not None


def test_sigterm_handlers_may_close_the_run(tmp_path: Path) -> None:
    code = """
import signal, sys
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
def handler(*_):
    run.track(0.0, name="last", step=0)
    run.close()
    sys.exit(0)
signal.signal(signal.SIGTERM, handler)
print(run.hash, flush=True)
step = 0
while True:
    run.track(1.0, name="loss", step=step)
    step += 1
"""
    process = child(code, str(tmp_path))
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    layout = open_repo(tmp_path)
    wait_for(lambda: len(steps_of(layout, run)[0]) > 1000)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    _, done, state = steps_of(layout, run)
    assert done.problems == []
    assert state.ended is not None
    assert {sequence.name for sequence in state.sequences} == {"loss", "last"}


def test_a_disk_that_is_full_for_a_while_costs_nothing(tmp_path: Path) -> None:
    """The file size limit is a full disk that needs no root: short writes, then errors, then room again."""
    code = """
import resource, signal, sys, time, warnings
from runstone_writer.run import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for step in range(1000):
        run.track(step * 1.0, name="loss", step=step)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until = time.monotonic() + 60
    while run._log._waiting and time.monotonic() < until:
        time.sleep(0.01)
    for step in range(1000, 1100):
        run.track(step * 1.0, name="loss", step=step)
    run.close()
print(run.hash, len(caught), run._log.part)
print(caught[0].message)
"""
    process = child(code, str(tmp_path))
    output, errors = process.communicate(timeout=DEADLINE * 2)
    assert process.returncode == 0, errors
    run, warned, part = output.splitlines()[0].split()
    assert int(warned) == 1
    assert "Training goes on" in output
    assert int(part) >= 1
    layout = open_repo(tmp_path)
    steps, done, state = steps_of(layout, run)
    assert steps == list(range(1100)), "lost, doubled or out of order"
    assert [p for p in done.problems if "torn" not in p.reason] == []
    assert state.ended is not None


def track_steps(run: Run, count: int) -> None:
    for step in range(count):
        run.track(step * 1.0, name="loss", step=step)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_file_system_is_survived_and_space_that_returns_is_used(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False
    ).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        ballast = small / "ballast"
        run = Run(repo=small, **QUIET)
        ballast.write_bytes(bytes(50_000))
        with pytest.warns(RuntimeWarning, match="Training goes on"):
            track_steps(run, 800)
        ballast.unlink()
        log = run._log
        assert log is not None
        wait_for(lambda: not log._waiting)
        run.close()
        steps, _, _ = steps_of(open_repo(small), run.hash)
        assert steps == list(range(800))
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_events_that_cannot_be_delivered_at_the_end_are_left_where_they_can_be_fetched(
    tmp_path: Path,
) -> None:
    code = """
import resource, signal, sys, tempfile
tempfile.tempdir = sys.argv[2]
from runstone_writer.run import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
path = run._log.path()
run.track(0.5, name="loss", step=0)
import os, shutil
shutil.rmtree(os.path.dirname(path))
os.close(run._log._part.fd)
open(os.path.dirname(path), "w").close()
run.track(1.5, name="loss", step=1)
run.close()
print(run.hash)
"""
    rescue = tmp_path / "rescue"
    rescue.mkdir()
    process = child(code, str(tmp_path / "repo"), str(rescue))
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    assert "move that file to" in errors
    kept = list(rescue.rglob("*.jsonl"))
    assert len(kept) == 1
    assert b'"loss"' in kept[0].read_bytes()
    assert output.strip() in str(kept[0])


@pytest.mark.skipif(not Path("/usr/bin/strace").exists(), reason="strace injects the fault")
def test_a_failed_fsync_leads_to_a_new_part_and_no_doubles(tmp_path: Path) -> None:
    code = """
import sys
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False, durability="durable")
for step in range(20):
    run.track(step * 1.0, name="loss", step=step)
run.close()
print(run.hash, run._log.part)
"""
    inject = "inject=fdatasync,fsync:error=EIO:when=7"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", inject]
    command += [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    run, part = done.stdout.split()
    assert int(part) >= 1
    steps, found, state = steps_of(open_repo(tmp_path), run)
    assert steps == list(range(20))
    assert found.problems == []
    assert state.ended is not None


def test_long_logs_repeat_their_declarations(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.declare(0, "loss", {"a": 1}, "number")
    step = 0
    while os.path.getsize(log.path()) < 1_200_000 if log.started else True:
        log.point(0, step, step / 3, None)
        step += 1
    log.sync()
    log.point(0, step, 0.5, None)
    data = Path(log.path()).read_bytes()
    assert data.count(b'"event":"sequence"') >= 2
    assert data.count(b'"event":"log"') >= 2
    assert steps_of(layout, RUN)[0] == list(range(step + 1))
    log.close("end")


def test_a_writer_holds_one_descriptor(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    run = Run(repo=tmp_path, **QUIET)
    for step in range(100):
        run.track(1.0, name="loss", step=step)
    assert len(os.listdir("/proc/self/fd")) - before <= 1
    run.close()
    assert len(os.listdir("/proc/self/fd")) - before == 0


# -- writing ---------------------------------------------------------------------------------------------


def test_a_line_is_in_the_file_when_the_call_returns(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    for step in range(5):
        log.point(1, step, step / 2, None)
        assert [row[1] for row in read_log(log.path()).points] == list(range(step + 1))
    log.append("set", key=["a"], value=1)
    assert Found(layout).params == {"a": 1}


def test_the_hint_is_there_before_the_log(layout: Layout, open_log: Any, monkeypatch: Any) -> None:
    log = open_log()
    seen = []

    def make_folder(path: str) -> None:
        seen.append(os.listdir(layout.live))
        os.makedirs(path)

    monkeypatch.setattr(log_module, "make_folder", make_folder)
    log.append("open")
    assert seen == [[f"{RUN}.{log.writer}"]]


def test_the_heartbeat_moves_on(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("open")
    TENDER.remove(log)  # it would beat as well
    hint = Path(layout.hint_path(RUN, log.writer))
    assert hint.read_text() == "0\n"
    log.beat()
    log.beat()
    assert hint.read_text() == "2\n"
    log.close()
    log.beat()
    assert hint.read_text() == "2\n"


def test_closing_appends_the_final_event_once(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("open")
    log.close("end")
    log.close("end")
    assert [line["event"] for line in lines_of(layout)[0]] == ["log", "open", "end"]


def test_a_closed_log_refuses_another_line(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("open")
    log.close("end")
    with pytest.raises(UsageError, match=r"run a{24} is closed"):
        log.point(1, 0, 0.5, None)
    with pytest.raises(UsageError, match=r"run a{24} is closed"):
        log.append("open")
    assert len(lines_of(layout)) == 1


def test_a_line_longer_than_a_line_may_be_is_refused_and_nothing_happens(
    layout: Layout, open_log: Any
) -> None:
    log = open_log()
    log.append("open")
    with pytest.raises(UsageError, match="a line of the log holds at most 16,777,216"):
        log.append("set", key=["a"], value="x" * LINE_LIMIT)
    with pytest.raises(UsageError, match="the point is"):
        log.point(1, 0, "x" * LINE_LIMIT, None)
    log.append("set", key=["b"], value=1)
    assert Found(layout).params == {"b": 1}


def test_the_longest_line_can_be_read_back(layout: Layout, open_log: Any) -> None:
    log = open_log()
    room = LINE_LIMIT - 16 - len(b'{"event":"set","dt":123456,"key":["a"],"value":"","crc":') - 8
    log.append("set", key=["a"], value="x" * room)
    log.append("open")
    assert Found(layout).params == {"a": "x" * room}


def test_text_that_is_no_text_is_refused_by_a_value_type_error(layout: Layout, open_log: Any) -> None:
    log = open_log()
    with pytest.raises(ValueTypeError, match="the declaration of sequence"):
        log.declare(1, "\ud800", {}, "number")
    with pytest.raises(ValueTypeError, match="the 'tag' event has something that cannot be kept"):
        log.append("tag", name="\udfff", on=True)
    log.append("open")
    assert [line["event"] for line in lines_of(layout)[0]] == ["log", "open"]


def test_times_never_run_backwards_even_if_the_wall_clock_does(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    log.point(1, 1, 0.5, None)
    assert Found(layout).times == sorted(Found(layout).times)
    assert min(Found(layout).times) >= 0


def test_header_and_declarations_are_repeated_once_per_mebibyte(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {"subset": "train"}, "number")
    for _ in range(3):
        log.append("set", key=["a"], value="x" * log_module.CHECKPOINT_BYTES)
        log.sync()
        log.append("open")
        log.sync()
    events = [line["event"] for line in lines_of(layout)[0]]
    assert events == ["log", "sequence", *["set", "log", "sequence", "open"] * 3]
    assert Found(layout).replay.bytes_left == 0


def test_a_repository_that_can_never_be_written_to_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = LogWriter(Layout(str(tmp_path / "file")), RUN)
    with pytest.raises(StoreError, match=r"cannot write to .*Not a directory"):
        log.append("open")
    log.close("end")


# -- durability ------------------------------------------------------------------------------------------


def test_a_durable_log_is_synced_with_its_folders_before_the_call_returns(
    open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(part_module, "_fdatasync", lambda fd: synced.append("file"))
    monkeypatch.setattr(part_module, "sync_folder", lambda path: synced.append(os.path.basename(path)))
    log = open_log(durable=True)
    log.append("open")
    assert synced == ["file", RUN, shard(RUN), "logs"]
    log.point(1, 0, 0.5, None)
    assert synced[4:] == ["file"]


def test_the_tender_makes_a_log_durable_by_itself(open_log: Any) -> None:
    log = open_log()
    log.append("open")
    wait_for(lambda: log._part.is_durable)


def test_a_line_written_during_an_fsync_is_left_for_the_next(
    open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    TENDER.remove(log)
    log.append("open")
    TENDER.remove(log)
    monkeypatch.setattr(part_module, "_fdatasync", lambda fd: log.append("open"))
    log.sync()
    assert not log._part.is_durable
    monkeypatch.undo()
    log.sync()
    assert log._part.is_durable
    assert log._part.durable_end == os.path.getsize(log.path())


def test_while_an_fsync_takes_its_time_lines_do_not_pile_up_without_end(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "UNSYNCED_LIMIT", 100)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    begun, go_on = threading.Event(), threading.Event()

    def fdatasync(_fd: int) -> None:
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    slow = threading.Thread(target=log.sync)
    slow.start()
    begun.wait(60)
    written: list[int] = []

    def write() -> None:
        for step in range(1000):
            log.point(1, step, 0.5, None)
            written.append(step)

    writer = threading.Thread(target=write)
    writer.start()
    wait_for(lambda: len(written) >= 100)
    assert len(log._part.lines) <= 101
    go_on.set()
    writer.join()
    slow.join()
    assert Found(layout).steps == list(range(1000))


# -- storage that refuses --------------------------------------------------------------------------------


def test_a_full_disk_costs_one_warning_and_nothing_is_lost(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.append("set", key=["a"], value="x" * 900)
    with files_up_to(1200), one_warning("Training goes on"):
        for step in range(400):
            log.point(1, step, 0.5, None)
    log.point(1, 400, 0.5, None)
    log.close("end")
    assert Found(layout).steps == list(range(401))
    assert Found(layout).times == sorted(Found(layout).times)
    assert Found(layout).state.ended is not None


def test_when_no_file_can_be_made_events_wait_in_memory_and_follow_in_order(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    with files_up_to(10), one_warning("wait in memory"):
        for step in range(1, 50):
            log.point(1, step, 0.5, None)
        assert Found(layout).steps == [0]
        assert len(log.unwritten()) == 49
    log.point(1, 50, 0.5, None)
    assert log.unwritten() == []
    assert Found(layout).steps == list(range(51))
    assert [line["event"] for line in lines_of(layout)[1] if isinstance(line, dict)] == [
        "log",
        "sequence",
        "resent",
    ]


def test_a_log_that_cannot_be_begun_on_a_full_disk_begins_when_it_can(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    log = open_log()
    with files_up_to(2), one_warning("cannot open a log"):
        log.append("set", key=["a"], value=1)
        assert layout.log_names(RUN) == []
    log.append("set", key=["b"], value=2)
    assert Found(layout).params == {"a": 1, "b": 2}
    assert layout.log_names(RUN) == [log_name(log.writer, 0)]


def test_each_part_takes_what_it_can(layout: Layout, open_log: Any) -> None:
    log = open_log()
    with files_up_to(4096), one_warning("File too large"):
        log.declare(1, "loss", {}, "number")
        for step in range(2000):
            log.point(1, step, 0.5, None)
        assert log.unwritten() == []
    found = Found(layout)
    assert found.steps == list(range(2000))
    assert len(layout.log_names(RUN)) > 10


def test_memory_is_bounded_and_what_was_dropped_is_counted(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(log_module, "WAITING_LIMIT", 1000)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    with files_up_to(10), one_warning("wait in memory"):
        for step in range(500):
            log.point(1, step, 0.5, None)
        assert sum(map(len, log.unwritten())) <= 1000
    log.point(1, 500, 0.5, None)
    found = Found(layout)
    assert found.steps == list(range(501 - len(found.steps), 501))
    assert found.dropped == 501 - len(found.steps) > 0


def test_what_still_waits_at_the_end_is_left_in_the_temporary_folder(
    layout: Layout, open_log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    folder = layout.run_folder(RUN)
    os.rename(folder, folder + ".away")
    log._part.failure = OSError(5, "Input/output error")
    log.point(1, 1, 0.5, None)
    with one_warning("move that file to"):
        log.close("end")
    os.rename(folder + ".away", folder)
    place = log.path()
    assert place.startswith(str(tmp_path / "runstone-rescue-"))
    os.rename(place, layout.log_path(RUN, os.path.basename(place)))
    assert Found(layout).steps == [0, 1]
    assert Found(layout).state.ended is not None


def test_a_log_deleted_under_its_writer_is_noticed(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("set", key=["a"], value=1)
    os.unlink(log.path())
    log.sync()
    with pytest.warns(RuntimeWarning, match="deleted"):
        log.append("set", key=["b"], value=2)
    assert Found(layout, missing=1).params == {"a": 1, "b": 2}


def test_while_every_fsync_fails_there_is_one_new_part_a_second_and_no_more(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening and writing work, as these only reach the cache: each call of a durable log would make a part."""
    log = open_log(durable=True)
    log.declare(1, "loss", {}, "number")
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 3600.0)
    with monkeypatch.context() as refusing:

        def fdatasync(fd: int) -> None:
            raise OSError(5, "Input/output error")

        refusing.setattr(part_module, "_fdatasync", fdatasync)
        with one_warning("Input/output error"):
            for step in range(50):
                log.point(1, step, 0.5, None)
        assert log.part == 1  # it is tried again once, at once
        log._retry_at = 0.0
        log.point(1, 50, 0.5, None)
        assert log.part == 2
    log._retry_at = 0.0
    log.point(1, 51, 0.5, None)
    assert log._part.is_durable
    log.close("end")
    assert Found(layout).steps == list(range(52))


@pytest.mark.parametrize("times", [1, 3])
def test_a_failed_fsync_means_a_new_part_and_nothing_twice(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    failures = [OSError(5, "Input/output error")] * times

    def fdatasync(fd: int) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    TENDER.remove(log)
    with one_warning("Input/output error"):
        for step in range(1, 20):
            log.sync()
            log.point(1, step, 0.5, None)
    log.close("end")
    assert len(lines_of(layout)) == times + 1
    assert [line[1] for line in lines_of(layout)[times] if isinstance(line, list)] == list(range(20))
    assert Found(layout).steps == list(range(20))


def test_a_write_error_during_an_fsync_trusts_no_other_fsync(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the device is told to one fsync only: the one under way may have heard of it."""
    log = open_log()
    log.declare(1, "loss", {}, "number")
    TENDER.remove(log)
    log.point(1, 0, 0.5, None)

    def fdatasync(fd: int) -> None:
        monkeypatch.setattr(part_module, "_fdatasync", lambda fd: None)
        with files_up_to(1):
            log.point(1, 1, 0.5, None)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    with one_warning("File too large"):
        log.sync()
        log._retry_at = 0.0
        log.point(1, 2, 0.5, None)
    assert [line[1] for line in lines_of(layout)[1] if isinstance(line, list)] == [0, 1, 2]
    assert Found(layout).steps == [0, 1, 2]


def test_a_part_is_closed_when_nobody_needs_it_any_more(open_log: Any) -> None:
    log = open_log()
    log.append("open")
    fd = log._part.fd
    with files_up_to(1), pytest.warns(RuntimeWarning):
        log.append("open")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


# -- several at once -------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], None]) -> int:
    """Do `work` in a forked child; return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_forked_while_a_thread_writes_is_not_stuck(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    stop = threading.Event()

    def work() -> None:
        step = 0
        while not stop.is_set():
            log.point(1, step, 0.5, None)
            step += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for round_ in range(20):
            assert in_a_child(partial(log.point, 1, -round_, 0.5, None)) == 0
    finally:
        stop.set()
        thread.join()
    points = Found(layout).points
    parent = [row[1] for row in points.pop(log.writer)]
    assert parent == list(range(len(parent)))
    assert sorted(rows[0][1] for rows in points.values()) == sorted(-i for i in range(20))


# -- a log against a list ------------------------------------------------------------------------------------

OPERATIONS = st.lists(st.sampled_from(["point", "sync", "full", "reopen", "fork", "event"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_log_behaves_like_a_list(operations: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    layout = open_repo(tmp_path_factory.mktemp("repo"), create=True)
    log = LogWriter(layout, RUN)
    expected: dict[str, list[int]] = {}
    params: dict[str, int] = {}
    log.declare(1, "loss", {}, "number")
    for step, operation in enumerate(operations):
        if operation == "point":
            log.point(1, step, 0.5, None)
            expected.setdefault(log.writer, []).append(step)
        elif operation == "event":
            log.append("set", key=[str(step)], value=step)
            params[str(step)] = step
        elif operation == "sync":
            log.sync()
        elif operation == "full":
            log._retry_at = 0.0
            with files_up_to(max(os.path.getsize(log.path()) - 1, 0)):
                log.point(1, step, 0.5, None)
            expected.setdefault(log.writer, []).append(step)
            log._retry_at = 0.0
        elif operation == "reopen":
            log.close("end")
            log = LogWriter(layout, RUN)
            log.declare(1, "loss", {}, "number")
        elif operation == "fork":
            assert in_a_child(partial(log.point, 1, step, 0.5, None)) == 0
            expected[f"fork {step}"] = [step]
    log.close("end")
    found = {writer: [row[1] for row in rows] for writer, rows in Found(layout).points.items()}
    assert sorted(found.values()) == sorted(expected.values())
    assert {writer: found[writer] for writer in found if writer in expected} == {
        writer: steps for writer, steps in expected.items() if not writer.startswith("fork")
    }
    assert Found(layout).params == params


def test_part_numbers_follow_each_other(layout: Layout, open_log: Any) -> None:
    log = open_log()
    with files_up_to(1000), one_warning("File too large"):
        for _ in range(100):
            log.append("open")
    parts = [parse_log_name(name) for name in layout.log_names(RUN)]
    assert parts == [(log.writer, number) for number in range(len(parts))]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="asks /proc what is synced")
def test_what_is_sent_again_because_the_last_fsync_failed_is_made_durable_before_the_end(
    tmp_path, monkeypatch
):
    log = LogWriter(open_repo(tmp_path, create=True), RUN)
    log.append("open")
    real, synced = part_module._fdatasync, []

    def fdatasync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        if len(synced) == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    with pytest.warns(RuntimeWarning, match="Input/output error"):
        log.close("end")
    assert len(log.layout.log_names(RUN)) == 2
    assert synced[-1] == log.path()
