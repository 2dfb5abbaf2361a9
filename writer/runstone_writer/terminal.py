"""What the process prints, as the text sequence ``logs``: one point per line, its step the line's number.

While a run listens, `write` of sys.stdout and sys.stderr is wrapped; the last run to close gives the
streams back as they were. Lines are appended about once a second and at the end, so SIGKILL takes the
last second's. A line that changes later (progress bars that move the cursor up) is appended again under
its number; each process numbers its own lines. What bypasses Python's streams (a C library, a child
process) is not seen.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .tender import TENDER
from .values import encode

if TYPE_CHECKING:
    from .log import LogWriter

NAME = "logs"
KIND = "log_line"
LONGEST_LINE = 1024 * 1024  # characters; a longer one goes on in the next line
WAITING_LIMIT = 1024 * 1024  # characters in memory; then whoever prints writes them down

_ROWS = 64  # how far up a progress bar may move the cursor
_CONTROL = re.compile(r"(\n|\x1b\[[0-9;?]*[@-ln-~])")  # a newline, or any control sequence but colour ("m")

Listener = Callable[[str], None]


class Row:
    """One line of a stream: what it shows, and how it has been kept (number, text) since it was finished."""

    __slots__ = ("kept", "number", "returned", "text")

    def __init__(self) -> None:
        self.text = ""
        self.returned = False  # the cursor is at its start: what comes next replaces it
        self.number: int | None = None
        self.kept = ""


class Screen:
    """The last lines of one stream, as a terminal would show them (a column is not kept track of).

    A line is finished when the cursor leaves it downwards. It may change later: several progress bars
    at once move the cursor up and down.
    """

    def __init__(self) -> None:
        self._rows = [Row()]
        self._at = 0

    def feed(self, text: str) -> list[Row]:
        """Show `text`; return the rows that it finished or changed, in the order of the stream."""
        touched: dict[int, Row] = {}
        for piece in _CONTROL.split(text):
            if piece == "\n":
                self._line_feed(touched)
            elif piece[:2] == "\x1b[" and piece[-1] != "m" and _CONTROL.fullmatch(piece):
                self._control(piece[2:-1], piece[-1], touched)
            elif piece:
                self._show(piece, touched)
        return [row for row in touched.values() if row is not self._rows[-1] or row.number is not None]

    def rest(self) -> list[Row]:
        """Return the unfinished last row, if it shows anything."""
        row = self._rows[-1]
        return [row] if row.number is None and row.text.strip() else []

    def _show(self, piece: str, touched: dict[int, Row]) -> None:
        row = self._rows[self._at]
        head, *states = piece.split("\r")
        if head:
            row.text = head if row.returned else row.text + head
            row.returned = False
        if states:
            row.text = next((state for state in reversed(states) if state), row.text)
            row.returned = not states[-1]
        touched[id(row)] = row
        if len(row.text) > LONGEST_LINE:
            self._break_up(row.text, touched)

    def _break_up(self, text: str, touched: dict[int, Row]) -> None:
        self._rows[self._at].text = text[:LONGEST_LINE]
        for start in range(LONGEST_LINE, len(text), LONGEST_LINE):
            self._line_feed(touched)
            row = self._rows[self._at]
            row.text, row.returned = text[start : start + LONGEST_LINE], False

    def _line_feed(self, touched: dict[int, Row]) -> None:
        row = self._rows[self._at]
        touched[id(row)] = row
        self._at += 1
        if self._at == len(self._rows):
            self._rows.append(Row())
            if len(self._rows) > _ROWS:
                del self._rows[0]
                self._at -= 1
        self._rows[self._at].returned = True

    def _control(self, argument: str, command: str, touched: dict[int, Row]) -> None:
        count = int(argument) if argument.isdecimal() else 1
        if command == "A":
            self._at = max(self._at - count, 0)
        elif command == "B":
            self._at = min(self._at + count, len(self._rows) - 1)
        elif command == "K" and (argument == "2" or self._rows[self._at].returned):
            row = self._rows[self._at]
            row.text = ""
            touched[id(row)] = row


class Tap:
    """The wrapped `write` of one stream: everything goes on to the stream first, then to the listeners."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.listeners: tuple[Listener, ...] = ()
        self._patched_before = "write" in vars(stream)
        self._before = stream.write
        self._hook = self._write
        stream.write = self._hook

    def _write(self, text: str) -> Any:
        count = self._before(text)
        for listener in self.listeners:
            listener(text)
        return count

    def remove(self) -> None:
        """Give the stream back as it was. Under a later patch the wrapper stays, and only passes on."""
        if vars(self.stream).get("write") is not self._hook:
            return
        if self._patched_before:
            self.stream.write = self._before
        else:
            del self.stream.write


class Capture:
    """The listener of one run. It knows the run's log and not the run, so that the run can be collected."""

    def __init__(self, log: LogWriter, sequence: int, first_line: Callable[[], int]) -> None:
        self._log = log
        self._sequence = sequence
        self._first_line = first_line  # may be slow (a resumed run): asked when there is a line to keep
        self._next_line: int | None = None
        self._declared = 0
        self._waiting: deque[tuple[int, str]] = deque()
        self._size = 0
        self._screens = (Screen(), Screen())
        self._lock = threading.RLock()
        self._busy = False
        self._listeners: list[tuple[Any, Listener]] = []
        self.closed = False
        _captures.add(self)
        streams = [sys.stdout] if sys.stderr is sys.stdout else [sys.stdout, sys.stderr]
        for number, stream in enumerate(streams):
            listener = partial(self._hear, number)
            if _listen(stream, listener):
                self._listeners.append((stream, listener))
        TENDER.add(self)

    def _hear(self, screen: int, text: str) -> None:
        if not isinstance(text, str):
            return
        self._waiting.append((screen, text))  # no lock: a signal handler may print in the middle of anything
        self._size += len(text)
        if self._size > WAITING_LIMIT and self._lock.acquire(blocking=False):
            try:
                self._flush()
            finally:
                self._lock.release()

    def sync(self) -> None:
        """Append the lines that have been finished: called about once a second."""
        with self._lock:
            self._flush()

    def beat(self) -> None:
        """Do nothing: the log has the heart."""

    def close(self) -> None:
        """Append what is left, an unfinished line too, and stop listening."""
        for stream, listener in self._listeners:
            _leave(stream, listener)
        with self._lock:
            if self.closed:
                return
            self._flush()
            self.closed = True
            with contextlib.suppress(Exception):
                for screen in self._screens:
                    self._keep(screen.rest())
        _captures.discard(self)
        TENDER.remove(self)

    def forget(self) -> None:
        """In a forked child: what waits belongs to the parent, which writes it."""
        self._lock = threading.RLock()
        self._waiting.clear()
        self.closed = True

    def _flush(self) -> None:
        if self._busy or self.closed:  # busy: writing a line has made somebody print
            return
        self._busy = True
        try:
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._size = 0
            for screen, pieces in groupby(taken, itemgetter(0)):
                self._keep(self._screens[screen].feed("".join(text for _, text in pieces)))
        except Exception:  # noqa: S110 - whoever prints, or tends the logs, must not suffer from it
            pass
        finally:
            self._busy = False

    def _keep(self, rows: list[Row]) -> None:
        lines: list[tuple[float, Any]] = []
        for row in rows:
            if self._next_line is None:
                self._next_line = self._first_line()
            if row.number is None:
                row.number = self._next_line
                self._next_line += 1
            elif row.kept == row.text:
                continue
            row.kept = row.text
            lines.append((row.number, encode(row.text)))
        while lines and self._declared < 2:  # twice, so that one damaged line does not orphan the sequence
            self._declared += 1
            self._log.declare(self._sequence, NAME, {}, KIND)
            self._log.points(self._sequence, [lines.pop(0)])
        self._log.points(self._sequence, lines)


_captures: set[Capture] = set()
_taps: list[Tap] = []
_taps_lock = threading.RLock()


def _listen(stream: Any, listener: Listener) -> bool:
    """Have `listener` told what is written to `stream`; False for a stream that cannot be wrapped."""
    with _taps_lock:
        tap = next((tap for tap in _taps if tap.stream is stream), None)
        if tap is None:
            try:
                tap = Tap(stream)
            except (AttributeError, TypeError):  # None (no console), or without attributes of its own
                return False
            _taps.append(tap)
        tap.listeners = (*tap.listeners, listener)
        return True


def _leave(stream: Any, listener: Listener) -> None:
    with _taps_lock:
        for tap in [tap for tap in _taps if tap.stream is stream]:
            tap.listeners = tuple(other for other in tap.listeners if other is not listener)
            if not tap.listeners:
                _taps.remove(tap)
                tap.remove()


def _after_fork() -> None:
    """A forked child prints to its own streams, and into no run: its lines would mix with the parent's."""
    global _taps_lock  # noqa: PLW0603 - another thread of the parent may have held it
    _taps_lock = threading.RLock()
    for tap in _taps:
        tap.listeners = ()
        tap.remove()
    _taps.clear()
    for capture in _captures:
        capture.forget()
    _captures.clear()


os.register_at_fork(after_in_child=_after_fork)
