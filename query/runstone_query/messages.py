"""What a run has said: the log records of its script, and what its processes have printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from runstone_writer import messages, terminal
from runstone_writer.kinds import exact
from runstone_writer.values import decode

from .sequences import Sequence

if TYPE_CHECKING:
    from .run import StoredRun


_Logs = TypeVar("_Logs", bound=Sequence)


class LogRecord(NamedTuple):
    """One call of ``run.log_info()`` or its kin."""

    step: float
    level: str  # "DEBUG", "INFO", "WARNING" or "ERROR"
    message: str
    args: dict[str, Any]
    timestamp: float  # seconds since the epoch

    def json(self) -> dict[str, Any]:
        """Return the record as Aim shows it: message, log_level, timestamp, args."""
        return {
            "message": self.message,
            "log_level": self.level,
            "timestamp": self.timestamp,
            "args": self.args or None,
        }


class LogLine(NamedTuple):
    """One line that a process has printed, as it was last shown."""

    step: float  # the number of the line in its process
    line: str
    timestamp: float  # seconds since the epoch

    def json(self) -> str:
        """Return the line, as Aim does."""
        return self.line

    def __str__(self) -> str:
        return self.line


class LogRecords(Sequence):
    """The log records of a run, in the order of their steps; iterate to get each as a LogRecord."""

    def __iter__(self) -> Iterator[LogRecord]:
        chunk = self.chunk
        for step, value, when in zip(
            chunk.steps.tolist(), chunk.python_values(), chunk.times.tolist(), strict=True
        ):
            message, args = decode(value["message"]), exact(value["args"])
            yield LogRecord(step, value["level"], message, args, when)


class TerminalLogs(Sequence):
    """What the processes of a run have printed; iterate to get each line once, as a LogLine.

    The lines of several processes stand between each other, by their numbers.
    """

    def __iter__(self) -> Iterator[LogLine]:
        chunk = self.chunk
        rows = zip(
            chunk.steps.tolist(), chunk.python_values(), chunk.times.tolist(), self.writers, strict=True
        )
        lines: dict[tuple[float, str], LogLine] = {}
        for step, value, when, writer in rows:  # a line that changed is there again, under its number
            lines[step, writer] = LogLine(step, decode(value), when)
        yield from lines.values()

    def __str__(self) -> str:
        return "\n".join(line.line for line in self)


def records_of(run: StoredRun) -> LogRecords | None:
    """Return the log records of a run, or None if there are none."""
    return _find(run, messages.NAME, messages.KIND, LogRecords)


def terminal_of(run: StoredRun) -> TerminalLogs | None:
    """Return what the processes of a run have printed, or None if it was not captured."""
    return _find(run, terminal.NAME, terminal.KIND, TerminalLogs)


def _find(run: StoredRun, name: str, kind: str, make: type[_Logs]) -> _Logs | None:
    record = run._record
    stored = record.state.find(name, {}, kind)
    if stored is None or stored.kind != kind or stored.summary is None:
        return None
    return make(run, record, stored)
