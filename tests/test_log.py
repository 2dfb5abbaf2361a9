"""Appending: nothing acknowledged is lost, whatever happens to the process, its threads or its disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from runstone_writer.layout import Layout, open_repo
from runstone_writer.log import LogWriter
from runstone_writer.replay import Replay, replay
from runstone_writer.run import Run
from runstone_writer.state import RunState

QUIET = {"system_tracking_interval": None, "capture_terminal_logs": False}
RUN = "a" * 24
DEADLINE = 60


def steps_of(layout: Layout, run: str) -> tuple[list[int], Replay, RunState]:
    """Return the step of every point in the order of the logs, and what reading them found."""
    state, steps = RunState(run), []
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


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_repo(tmp_path, create=True)


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
    rest = process.communicate()[0]
    acknowledged = [int(line) for line in rest.split("\n")[:-1]]
    steps, done, state = steps_of(open_repo(tmp_path), run)
    assert steps == list(range(len(steps)))
    assert len(steps) >= (acknowledged[-1] + 1 if acknowledged else 1)
    assert done.problems == []
    assert state.ended is None


def test_threads_share_a_run_and_each_keeps_its_order(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)  # type: ignore[arg-type]

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
    state, found = RunState(run.hash), {}

    def sink(state, writer, rows):  # type: ignore[no-untyped-def]
        for row in rows:
            found.setdefault(state.sequences[writer.declared[row[0]]].name, []).append(row[1])

    done = replay(layout, state, layout.log_names(run.hash), sink)
    assert done.problems == []
    assert found == {f"t{i}": list(range(500)) for i in range(6)}


def test_a_forked_child_goes_on_in_a_log_of_its_own(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)  # type: ignore[arg-type]
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
    run = Run(repo=tmp_path, **QUIET)  # type: ignore[arg-type]
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
    run = Run(repo=tmp_path, **QUIET)  # type: ignore[arg-type]
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
    layout, state, found = open_repo(tmp_path), RunState(run), {}

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
        run = Run(repo=small, **QUIET)  # type: ignore[arg-type]
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
os.close(run._log._fd)
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
    run = Run(repo=tmp_path, **QUIET)  # type: ignore[arg-type]
    for step in range(100):
        run.track(1.0, name="loss", step=step)
    assert len(os.listdir("/proc/self/fd")) - before <= 1
    run.close()
    assert len(os.listdir("/proc/self/fd")) - before == 0
