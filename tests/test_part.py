"""A part and its log under interruption: exceptions and calls out of signal handlers, at every instant there is.

Python runs signal handlers only at certain moments. These tests find each of them in the writer's code, one after
the other, and let a handler raise, track or close there; then the log must be what was acknowledged.
"""

from __future__ import annotations

import contextlib
import dis
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import runstone_writer
from processes import files_up_to
from runstone_writer import part as part_module
from runstone_writer.errors import UsageError
from runstone_writer.layout import Layout
from runstone_writer.log import LogWriter
from runstone_writer.part import Part
from runstone_writer.replay import Replay, replay
from runstone_writer.state import RunState, WriterState
from runstone_writer.tender import TENDER

RUN = "a1"
PACKAGE = os.path.dirname(runstone_writer.__file__)


class Found:
    """What a reader finds in the logs of the only writer."""

    def __init__(self, layout: Layout) -> None:
        self.state = RunState(RUN)
        self.points: list[list[Any]] = []
        self.replay: Replay = replay(layout, self.state, layout.log_names(RUN), self._take)
        assert self.replay.problems == []
        assert self.replay.tails == []

    def _take(self, _state: RunState, _writer: WriterState, points: list[list[Any]]) -> None:
        self.points += points

    def steps(self, sequence: int) -> list[int]:
        return [row[1] for row in self.points if row[0] == sequence]

    @property
    def times(self) -> list[int]:
        return [row[3] for row in self.points]


# Python runs signal handlers when one of these has been executed, and at no other moment.
_HANDLERS_RUN_AFTER = ("RESUME", "CALL", "JUMP_BACKWARD", "POP_JUMP_BACKWARD")
_NOT_AFTER = ("JUMP_BACKWARD_NO_INTERRUPT", "CALL_INTRINSIC")


class Interrupted(BaseException):
    """What the signal handler raises."""


class Instants:
    """Calls `handler` at the `when`-th moment at which a signal handler could run inside of `calls`."""

    def __init__(self, calls: Calls, when: int, handler: Callable[[], None]) -> None:
        self.calls = calls
        self.when = when
        self.count = 0
        self._handler = handler
        self._previous: dict[FrameType, str] = {}
        self._codes: dict[Any, dict[int, str]] = {}

    def __enter__(self) -> Instants:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.settrace(None)
        self._previous.clear()

    def _trace(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._on_opcode

    def _on_opcode(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event != "opcode":
            return self._on_opcode
        names = self._codes.get(frame.f_code)
        if names is None:
            found = dis.get_instructions(frame.f_code)
            names = self._codes[frame.f_code] = {each.offset: each.opname for each in found}
        before = self._previous.get(frame, "")
        self._previous[frame] = names[frame.f_lasti]
        is_moment = before.startswith(_HANDLERS_RUN_AFTER) and not before.startswith(_NOT_AFTER)
        if is_moment and self.calls.inside:
            self.count += 1
            if self.count == self.when:
                sys.settrace(None)
                self._handler()
        return self._on_opcode


class Calls:
    """Calls whose return counts as an acknowledgement, made by a script that survives its own Ctrl-C."""

    def __init__(self, layout: Layout) -> None:
        os.makedirs(layout.live, exist_ok=True)
        self.layout = layout
        self.log = LogWriter(layout, RUN)
        self.begun = 0
        self.returned: list[int] = []
        self.interrupted = 0
        self.inside = False

    def make(self, call: Callable[[], None]) -> bool:
        self.inside = True
        try:
            call()
        except Interrupted:
            self.interrupted += 1
            return False
        finally:
            self.inside = False
        return True

    def point(self) -> None:
        step = self.begun
        self.begun += 1
        if self.make(lambda: self.log.point(1, step, 0.5, None)):
            self.returned.append(step)

    def declare(self) -> None:
        while not self.make(lambda: self.log.declare(1, "loss", {}, "number")):
            pass

    def close(self) -> None:
        while not self.make(lambda: self.log.close("end")):
            pass

    def check(self) -> None:
        found = Found(self.layout)
        steps = found.steps(1)
        assert len(steps) == len(set(steps)), "a point came twice"
        assert steps == sorted(steps), "points changed places"
        assert set(steps) >= set(self.returned), "an acknowledged point is not there"
        assert found.times == sorted(found.times), "time ran backwards"
        assert found.state.ended is not None
        assert self.log.unwritten() == []


def ordinary(calls: Calls) -> None:
    calls.declare()
    for _ in range(3):
        calls.point()
    calls.make(calls.log.sync)
    calls.make(lambda: calls.log.append("set", key=["a"], value=1))
    calls.point()
    calls.close()


def with_a_full_disk(calls: Calls) -> None:
    calls.declare()
    calls.point()
    with files_up_to(os.path.getsize(calls.log.path()) + 10):
        for _ in range(3):
            calls.point()
    calls.point()
    calls.log._retry_at = 0.0
    calls.point()
    calls.close()


def with_a_failing_fsync(calls: Calls) -> None:
    calls.declare()
    calls.point()
    calls.make(calls.log.sync)
    calls.point()
    good, part_module._fdatasync = part_module._fdatasync, _failing
    try:
        calls.make(calls.log.sync)
    finally:
        part_module._fdatasync = good
    for _ in range(2):
        calls.point()
    calls.close()


def _failing(_fd: int) -> None:
    raise OSError(5, "Input/output error")


SCRIPTS = [ordinary, with_a_full_disk, with_a_failing_fsync]
every_instant = pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="Python 3.12 does not tell a tracer of every instruction"
)


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every run of a script takes the same way: no tender comes in between, no run of another test is collected,
    and no disk is waited for.
    """
    monkeypatch.setattr(TENDER, "add", lambda log: None)
    monkeypatch.setattr(TENDER, "remove", lambda log: None)
    monkeypatch.setattr(part_module, "_fdatasync", lambda fd: None)
    monkeypatch.setattr(part_module, "sync_folder", lambda path: None)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@every_instant
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.usefixtures("undisturbed")
def test_an_exception_at_any_instant_leaves_the_log_intact(
    script: Callable[[Calls], None], tmp_path: Path
) -> None:
    def interrupt() -> None:
        raise Interrupted

    when, interrupted = 0, 1
    while interrupted:
        when += 1
        calls = Calls(Layout(str(tmp_path / str(when))))
        with Instants(calls, when, interrupt):
            script(calls)
        calls.check()
        interrupted = calls.interrupted
    assert when > 100  # how many instants there are depends on the Python


@every_instant
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.usefixtures("undisturbed")
def test_a_signal_handler_may_track_at_any_instant(
    script: Callable[[Calls], None], raises: bool, tmp_path: Path
) -> None:
    when, reached = 0, True
    while reached:
        when += 1
        calls = Calls(Layout(str(tmp_path / str(when))))
        handled: list[int] = []

        def handle(calls: Calls = calls, handled: list[int] = handled) -> None:
            if not calls.log.closed:
                calls.log.point(2, 0, 0.5, None)
                handled.append(1)
            if raises:
                raise Interrupted

        calls.log.declarations[2] = (
            b'{"event":"sequence","id":2,"name":"handler","context":{},"type":"number","crc":'
        )
        with Instants(calls, when, handle) as instants:
            script(calls)
        reached = instants.count >= when
        check_handled(calls, len(handled))
    assert when > 100  # how many instants there are depends on the Python


def check_handled(calls: Calls, handled: int) -> None:
    found = Found(calls.layout)
    mine = found.steps(1)
    assert mine == sorted(set(mine))
    assert set(mine) >= set(calls.returned)
    assert len(found.steps(2)) == handled
    assert found.times == sorted(found.times)


@every_instant
@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.usefixtures("undisturbed")
def test_a_signal_handler_may_close_at_any_instant(raises: bool, tmp_path: Path) -> None:
    when, reached = 0, True
    while reached:
        when += 1
        calls = Calls(Layout(str(tmp_path / str(when))))

        def handle(calls: Calls = calls) -> None:
            calls.log.close("end")
            if raises:
                raise Interrupted

        with Instants(calls, when, handle) as instants, contextlib.suppress(UsageError):
            ordinary(calls)
        reached = instants.count >= when
        calls.log.close("end")
        if calls.log.started:
            calls.check()
    assert when > 100  # how many instants there are depends on the Python


def test_a_storm_of_interrupts_loses_and_doubles_nothing(tmp_path: Path) -> None:
    calls = Calls(Layout(str(tmp_path)))
    calls.declare()

    def interrupt(_signal: int, _frame: Any) -> None:
        if calls.inside:
            raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0003)
        while calls.interrupted < 200:
            calls.point()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    calls.close()
    calls.check()


def test_a_part_that_nobody_holds_any_more_is_closed(tmp_path: Path) -> None:
    part = Part(0, os.open(tmp_path / "part", os.O_RDWR | os.O_CREAT), 0)
    fd = part.fd
    del part
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_line_of_which_any_amount_is_in_the_file_is_completed(tmp_path: Path) -> None:
    body = b'{"event":"open","dt":5,"crc":'
    whole = Part(0, os.open(tmp_path / "whole", os.O_RDWR | os.O_CREAT | os.O_APPEND), 0)
    whole.append(body)
    line = (tmp_path / "whole").read_bytes()
    for size in range(len(line) + 1):
        path = tmp_path / str(size)
        path.write_bytes(line[:size])
        part = Part(0, os.open(path, os.O_RDWR | os.O_APPEND), 0)
        part.complete(body)
        assert (path.read_bytes(), part.crc, part.lines) == (line, whole.crc, [line])
        part.complete(body)
        assert path.read_bytes() == line


def test_a_file_that_somebody_else_has_written_to_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "part"
    part = Part(0, os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), 0)
    path.write_bytes(b"x" * 100)
    with pytest.raises(OSError, match="not as long as what was written"):
        part.complete(b'{"event":"open","crc":')
