"""What a script says on its way: log records, as the sequence ``__log_records``, and reports of progress."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import UsageError, ValueTypeError
from .properties import Properties
from .values import as_number, encode

if TYPE_CHECKING:
    from .log import LogWriter
    from .state import RunState, WriterState

NAME = "__log_records"
KIND = "log_record"


class Messages(Properties):
    """The part of a run that takes what the script says."""

    _records: Records | None

    def _writable(self) -> LogWriter:
        raise NotImplementedError

    def log_debug(self, msg: Any, **params: Any) -> None:
        """Keep a log record of level DEBUG: ``str(msg)`` as it is (nothing is filled in), and `params`.

        A parameter of a kind that cannot be kept is kept as its ``repr``: a message is no reason to stop.
        Read them back with ``get_log_records()``.
        """
        self._say("DEBUG", msg, params)

    def log_info(self, msg: Any, **params: Any) -> None:
        """Keep a log record of level INFO; see ``log_debug()``."""
        self._say("INFO", msg, params)

    def log_warning(self, msg: Any, **params: Any) -> None:
        """Keep a log record of level WARNING; see ``log_debug()``."""
        self._say("WARNING", msg, params)

    def log_error(self, msg: Any, **params: Any) -> None:
        """Keep a log record of level ERROR; see ``log_debug()``."""
        self._say("ERROR", msg, params)

    def _say(self, level: str, message: Any, arguments: dict[str, Any]) -> None:
        self._writable()
        assert self._records is not None  # noqa: S101 - a run that can be written has some
        self._records.add(level, message, arguments)

    def report_progress(self, *, expect_next_in: float = 0, block: bool = False) -> None:
        """Say that the script gets on, and within how many seconds it will say so again (0: it is not known).

        Until then the run is not taken for crashed, even if its heart stands still (a long call into C, a
        suspended job); ``run.progress.overdue`` tells when it is late. With `block` it is durable on return.
        """
        self._report(checked_seconds(expect_next_in), False, block)

    def report_successful_finish(self, *, block: bool = True) -> None:
        """Say that the script has done what it wanted: killed from now on, the run is finished, not crashed."""
        self._report(0, True, block)

    def _report(self, seconds: float, done: bool, block: bool) -> None:
        log = self._writable()
        log.append("progress", expect=seconds, done=done)
        log.beat()
        if block:
            log.sync()

    @property
    def progress(self) -> Progress | None:
        """The newest report of progress by any process of the run, or None."""
        return latest(self._fresh_state())


class Records:
    """Appends the log records of one run. It knows the run's log and not the run, so that it can be collected."""

    def __init__(self, log: LogWriter, number: Callable[[], int], first_step: Callable[[], int]) -> None:
        self._log = log
        self._new_number = number
        self._number: int | None = None  # of the sequence in the log
        self._first_step = first_step  # may be slow (a resumed run): asked when there is a record
        self._next: int | None = None
        self._declared = 0
        self._lock = threading.RLock()

    def add(self, level: str, message: Any, arguments: dict[str, Any]) -> None:
        """Append one record. Arguments of a kind that cannot be kept are kept as their repr."""
        value = {
            "level": level,
            "message": encode(str(message)),
            "args": encode(arguments, ("log record",), strict=False),
        }
        with self._lock:
            step = self._first_step() if self._next is None else self._next
            self._next = step + 1
            if self._number is None:
                self._number = self._new_number()
            if self._declared < 2:  # twice, so that one damaged line does not orphan the sequence
                self._declared += 1
                self._log.declare(self._number, NAME, {}, KIND)
            self._log.point(self._number, step, value, None)

    def forget(self) -> None:
        """In a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.RLock()
        self._declared = 0


class Progress(NamedTuple):
    """The last report of progress: when, how soon the next is to come (0: not said), whether it was the end."""

    reported_at: float  # seconds since the epoch
    expect_next_in: float
    finished: bool

    @property
    def overdue(self) -> float:
        """By how many seconds the next report is late, by this host's clock; 0.0 if it is not."""
        if self.finished or not self.expect_next_in:
            return 0.0
        return max(time.time() - self.reported_at - self.expect_next_in, 0.0)


def checked_seconds(value: Any) -> float:
    """Return the seconds to the next report of progress. Raises ValueError for what is no such number."""
    number = value if isinstance(value, int | float) else as_number(value)
    if number is None:
        raise ValueTypeError(f"expect_next_in is a number of seconds, not {type(value).__name__}: {value!r}")
    if not math.isfinite(number) or number < 0:
        raise UsageError(f"expect_next_in is a number of seconds from 0 on, not {number!r}")
    return number


def latest(state: RunState) -> Progress | None:
    """Return the newest report of any writer of a run."""
    reports = [writer.progress for writer in state.writers.values() if writer.progress is not None]
    if not reports:
        return None
    when, seconds, done = max(reports)
    return Progress(when / 1e6, seconds, done)


def lease(writer: WriterState, seconds: float) -> float:
    """Return how long a writer's heart may stand still: `seconds`, or longer if it has said so."""
    return seconds if writer.progress is None else max(seconds, writer.progress[1])


def is_done(writer: WriterState) -> bool:
    """Tell whether a writer has reported that it has done what it wanted to."""
    return writer.progress is not None and bool(writer.progress[2])


__all__ = ["Progress", "Records", "checked_seconds", "is_done", "latest", "lease"]
