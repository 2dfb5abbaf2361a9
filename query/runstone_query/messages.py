"""What a run has said: the log records of its script, and what its processes have printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.chunk import Chunk, part_of
from runstone_writer import messages, terminal
from runstone_writer.kinds import exact
from runstone_writer.values import decode

from .sequences import Sequence

if TYPE_CHECKING:
    from .run import StoredRun


Array = NDArray[Any]
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
        return self._made(self.chunk)

    def page(self, after: int, limit: int) -> tuple[list[LogRecord], int]:
        """Return the records behind the step `after`, or the last ones for `-N`; see `TerminalLogs.page`."""
        place = self._stored.place
        steps = np.concatenate([np.zeros(0, np.int64), *(part for _, part in self._record.steps(place))])
        if not _ascend(steps):
            steps = np.sort(steps)
        start, end = _page(steps, after, limit)
        if start == end:
            return [], len(steps)
        chunk = self._record.chunk_between(place, steps[start].item(), _behind(steps[end - 1]))
        before = start - int(np.searchsorted(steps, steps[start]))  # of the same step, and not asked for
        return list(self._made(part_of(chunk, before, before + end - start))), len(steps)

    def _made(self, chunk: Chunk) -> Iterator[LogRecord]:
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

    def page(self, after: int, limit: int) -> tuple[list[LogLine], int]:
        """Return the lines behind the step `after`, `limit` of them (and what has the same step as the last one); and
        how many lines there are. -1 is before the first line, and `-N` with N from 2 on means the last N lines.

        No others are made, whatever there is of them.
        """
        place = self._stored.place
        steps, owners = self._numbers(place)
        start, end = _page(steps, after, limit)
        if start == end:
            return [], len(steps)
        found: dict[tuple[float, int], LogLine] = {}
        for by, part in self._record.parts_between(place, steps[start].item(), _behind(steps[end - 1])):
            rows = zip(part.steps.tolist(), part.python_values(), part.times.tolist(), strict=True)
            found.update(((step, by), LogLine(step, decode(value), when)) for step, value, when in rows)
        wanted = zip(steps[start:end].tolist(), owners[start:end].tolist(), strict=True)
        return [found[key] for key in wanted], len(steps)

    def _numbers(self, place: int) -> tuple[Array, Array]:
        """Return the number of each line, ascending, and the place of its writer."""
        stood: dict[int, list[Array]] = {}
        for by, steps in self._record.steps(place):
            stood.setdefault(by, []).append(steps)
        writers = list(self._record.state.writers)
        own = {by: _once(np.concatenate(stood[by])) for by in sorted(stood, key=writers.__getitem__)}
        if not own:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        steps = np.concatenate(list(own.values()))
        owners = np.repeat(list(own), [len(numbers) for numbers in own.values()])
        if len(own) == 1:
            return steps, owners
        order = np.argsort(steps, kind="stable")
        return steps[order], owners[order]

    def __str__(self) -> str:
        return "\n".join(line.line for line in self)


def _ascend(steps: Array) -> bool:
    return bool((steps[1:] >= steps[:-1]).all())


def _once(steps: Array) -> Array:
    """Return each of the steps once, ascending."""
    return steps if bool((steps[1:] > steps[:-1]).all()) else np.unique(steps)


def _behind(step: Any) -> float:
    """Return the limit that this step, and none that is greater, is below."""
    return float(np.nextafter(float(step), np.inf))


def _page(steps: Array, after: int, limit: int) -> tuple[int, int]:
    """Return where a page of what has these steps (ascending) begins and ends."""
    if after < -1:
        start = max(len(steps) + after, 0)
    else:
        start = int(np.searchsorted(steps, after, side="right"))
    end = min(start + limit, len(steps))
    if start < end < len(steps):
        end = int(np.searchsorted(steps, steps[end - 1], side="right"))
    return start, end


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
