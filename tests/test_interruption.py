"""A run that is interrupted by kills, signals and exceptions loses nothing; test_part.py has the same for a part."""

from __future__ import annotations

import contextlib
import dis
import gc
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import steps_of
from processes import QUIET, child
from processes import wait_until as wait_for
from runstone import Repo, Run
from runstone_writer import run as run_module
from runstone_writer.layout import open_repo
from runstone_writer.replay import replay
from runstone_writer.state import RunState

DEADLINE = 60
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
