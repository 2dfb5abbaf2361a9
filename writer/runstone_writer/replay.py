"""Bringing the state of a run up to date with its logs: from where the state stands to where they end.

Used by the indexer, by queries for what is not indexed yet, and by a resumed Run; all three see the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from .errors import FormatVersionError
from .layout import log_name, parse_log_name
from .reader import CHUNK_BYTES, Batch, Position, read_between, read_log
from .state import LATEST, UNKNOWN_SOURCE, RunState, WriterState
from .values import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .layout import Layout

ORPHAN_LIMIT = 100_000

ALL_SENT = -2  # in place of the part that a part sends again from: everything of that has been read

_NUMBERS = {int, float}
_LENGTHS = {5, 6}
_INT64 = range(-(2**63), 2**63)
_SEQUENCE, _STEP = itemgetter(0), itemgetter(1)
MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError)

PointSink = Callable[[RunState, WriterState, list[list[Any]]], None]


@dataclass(slots=True)
class Problem:
    """Something in a run's folder that could not be read, and where."""

    path: str
    start: int
    end: int
    reason: str


@dataclass(slots=True)
class Replay:
    """What a replay did."""

    bytes_read: int = 0
    bytes_left: int = 0  # behind the last intact line: being written, or torn
    problems: list[Problem] = field(default_factory=list)
    unread: list[Problem] = field(default_factory=list)  # those of them that may be gone the next time
    tails: list[Problem] = field(
        default_factory=list
    )  # where those bytes are: damage once the writer is dead
    unfilled: bool = False  # a tail may be completed without its file getting longer
    stale: bool = False  # the logs are not those that the state was made from: make it again, from nothing


def replay(
    layout: Layout,
    state: RunState,
    names: list[str],
    sink: PointSink,
    *,
    chunk: int = CHUNK_BYTES,
    ends: Mapping[str, int] | None = None,
) -> Replay:
    """Read the logs `names` of a run from where `state` stands and fold them into it.

    Points go to `sink` in batches of one writer, in the order of its log. What cannot be read is in the
    result's `problems`; the rest goes on. `names` are file names in the order of Layout.log_names(). With
    `ends`, each log is read as if it had as many bytes as that says, and those that it does not name had none.
    """
    replaying = _Replaying(layout, state, sink, chunk, ends)
    for name in names:
        parsed = parse_log_name(name)
        if parsed is not None:
            replaying.read(state.writer(parsed[0]), parsed[1])
    replaying.note_tails()
    return replaying.done


def with_unwritten(state: RunState, writer: str, bodies: list[bytes], sink: PointSink) -> RunState:
    """Return a copy of `state` that has taken in what a log could not write yet (LogWriter.unwritten)."""
    copy = RunState.load(state.dump())
    known = copy.writer(writer)
    for body in bodies:
        row = orjson.loads(body + (b"0]" if body[:1] == b"[" else b"0}"))
        if isinstance(row, dict):
            copy.apply(known, row)
        elif row[0] in known.declared:
            sink(copy, known, [row])
    return copy


class _Replaying:
    """One call of replay."""

    def __init__(
        self, layout: Layout, state: RunState, sink: PointSink, chunk: int, ends: Mapping[str, int] | None
    ) -> None:
        self.state = state
        self.done = Replay()
        self._layout = layout
        self._sink = sink
        self._chunk = chunk
        self._ends = ends
        self._tails: list[tuple[WriterState, int, Batch]] = []

    def read(self, writer: WriterState, part: int) -> None:
        """Read a part of a writer's log, and before the first time of it what the earlier parts still have."""
        while len(writer.parts) <= part:
            writer.parts.append([0, 0, UNKNOWN_SOURCE, 0])
        if any(later[0] for later in writer.parts[part + 1 :]):
            self._look_back(writer, part)
            return
        if part and not writer.parts[part][0]:
            for earlier in range(part):
                self._read(writer, earlier)
        self._read(writer, part)

    def _path(self, writer: WriterState, part: int) -> str:
        return self._layout.log_path(self.state.run, log_name(writer.writer, part))

    def _batch(self, writer: WriterState, part: int, position: Position) -> Batch:
        end = None if self._ends is None else self._ends.get(log_name(writer.writer, part), 0)
        return read_log(self._path(writer, part), position, chunk=self._chunk, end=end)

    def _problem(self, path: str, start: int, end: int, reason: str) -> None:
        self.done.problems.append(Problem(path, start, end, reason))

    def _look_back(self, writer: WriterState, part: int) -> None:
        """A later part has been begun, so this one was given up: it has nothing new, or came too late."""
        offset, crc = writer.parts[part][:2]
        try:
            batch = self._batch(writer, part, Position(offset, crc))
        except (OSError, FormatVersionError):
            return
        if batch.replaced or batch.events or batch.points:
            self._stale(writer, part, "lines turned up after a later part of this log had been read")

    def _stale(self, writer: WriterState, part: int, reason: str) -> None:
        self.done.stale = True
        self._problem(self._path(writer, part), 0, writer.parts[part][0], reason)

    def _read(self, writer: WriterState, part: int) -> None:
        path = self._path(writer, part)
        while True:
            offset, crc = writer.parts[part][:2]
            try:
                batch = self._batch(writer, part, Position(offset, crc))
            except (OSError, FormatVersionError) as error:
                self._problem(path, offset, offset, _why(error))
                self.done.unread.append(self.done.problems[-1])
                return
            if batch.replaced:
                self._stale(writer, part, batch.damage[0].reason)
                return
            if not self._belongs(batch, writer, part, path):
                return
            self.done.problems += [Problem(path, *damage) for damage in batch.damage]
            self.done.bytes_read += batch.position.offset - offset
            writer.parts[part][:2] = batch.position
            _Fold(self, writer, part, path, (offset, batch.position.offset)).fold(batch)
            if not batch.more:
                self._tails.append((writer, part, batch))
                return

    def _belongs(self, batch: Batch, writer: WriterState, part: int, path: str) -> bool:
        """Tell whether a log's header speaks of the place where it was found: times hang on the file's name."""
        there = {"run": self.state.run, "writer": writer.writer, "part": part}
        for event in batch.events:
            if event.get("event") == "log":
                for name, value in there.items():
                    if type(event.get(name)) is type(value) and event[name] != value:
                        reason = f"the log of {name} {event[name]!r}, found in the place of {value!r}"
                        self._problem(path, 0, 0, reason)
                        return False
        return True

    def note_tails(self) -> None:
        """Report what stands behind the last intact line, but for parts that were given up: that was sent again."""
        for writer, part, batch in self._tails:
            if any(later[0] for later in writer.parts[part + 1 :]):
                continue
            path, start = self._path(writer, part), batch.position.offset
            self.done.bytes_left += batch.tail
            self.done.unfilled |= batch.unfilled
            if batch.tail:
                reason = f"torn tail of {batch.tail} bytes"
                self.done.tails.append(Problem(path, start, start + batch.tail, reason))
            elif not start:
                self.done.tails.append(Problem(path, 0, 0, "empty log"))

    def sink(self, writer: WriterState, points: list[list[Any]]) -> None:
        self._sink(self.state, writer, points)

    def rows_again(self, writer: WriterState, part: int, start: int) -> Iterator[Batch]:
        """Yield the batches that an earlier part has given from `start` on."""
        path, end = self._path(writer, part), writer.parts[part][0]
        if start < end:
            try:
                yield from read_between(path, start, end, chunk=self._chunk)
            except (OSError, FormatVersionError) as error:
                self._problem(path, start, end, _why(error))


class _Fold:
    """Folding what one read has brought into the state."""

    def __init__(
        self, replaying: _Replaying, writer: WriterState, part: int, path: str, span: tuple[int, int]
    ) -> None:
        self._replaying = replaying
        self._writer = writer
        self._part = part
        self._path = path
        self._span = span

    def fold(self, batch: Batch) -> None:
        row = self._writer.parts[self._part]
        for event in batch.events:
            if event.get("event") == "log":
                self._apply(event)
        if self._part and row[2] != ALL_SENT:
            self._leave_out_sent_again(batch)
        known = len(self._writer.declared)
        for event in batch.events:
            if event.get("event") == "resent":
                row[2] = ALL_SENT
            if event.get("event") != "log":
                self._apply(event)
        points = batch.points
        if self._writer.orphans and len(self._writer.declared) > known:
            points = self._writer.orphans + points
            self._writer.orphans = []
        if points:
            self._fold_points(points, plain=batch.plain and points is batch.points)

    def _problem(self, reason: str) -> None:
        self._replaying.done.problems.append(Problem(self._path, *self._span, reason))

    def _apply(self, event: dict[str, Any]) -> None:
        try:
            self._replaying.state.apply(self._writer, event)
        except MALFORMED as error:
            self._problem(f"malformed {event.get('event')!r} event: {error!r}")

    def _fold_points(self, points: list[list[Any]], *, plain: bool) -> None:
        plain = plain or set(map(type, chain.from_iterable(points))) <= _NUMBERS
        if not (plain and set(map(len, points)) <= _LENGTHS and max(map(_STEP, points)) < _INT64.stop):
            points = self._well_formed(points)
        writer, declared = self._writer, self._writer.declared
        if not set(map(_SEQUENCE, points)) <= declared.keys():
            self._keep_orphans([row for row in points if row[0] not in declared])
            points = [row for row in points if row[0] in declared]
        if points:
            writer.last = max(writer.last, min(writer.base + int(points[-1][3]), LATEST))
            self._replaying.sink(writer, points)

    def _well_formed(self, points: list[list[Any]]) -> list[list[Any]]:
        sequences, declared = self._replaying.state.sequences, self._writer.declared
        numbers = {number for number, place in declared.items() if sequences[place].kind == "number"}
        bad = [row for row in points if not _is_point(row, numbers)]
        if bad:
            self._problem(f"{len(bad)} malformed points, the first: {str(bad[0])[:200]}")
            return [row for row in points if _is_point(row, numbers)]
        return points

    def _keep_orphans(self, orphans: list[list[Any]]) -> None:
        """Points whose declaration is damaged wait for its repetition."""
        room = max(ORPHAN_LIMIT - len(self._writer.orphans), 0)
        self._writer.orphans += orphans[:room]
        if len(orphans) > room:
            self._problem(f"{len(orphans) - room} points of sequences that no intact line declares")

    def _leave_out_sent_again(self, batch: Batch) -> None:
        """Drop from `batch` the lines that were already read in an earlier part, before it was given up."""
        candidates = {_same(row) for row in chain(batch.events, batch.points) if not _is_repeated(row)}
        if not candidates:
            return
        _, _, source, start = self._writer.parts[self._part]
        if source == UNKNOWN_SOURCE:  # its header is damaged: compare with everything
            source = start = 0
        seen: Counter[bytes] = Counter()
        for part in range(source, self._part):
            for earlier in self._replaying.rows_again(self._writer, part, start if part == source else 0):
                keys = map(_same, chain(earlier.events, earlier.points))
                seen.update(key for key in keys if key in candidates)

        def is_new(row: Any) -> bool:
            key = _same(row)
            if seen[key] > 0:
                seen[key] -= 1
                return False
            return True

        batch.points = [row for row in batch.points if is_new(row)]
        batch.events = [event for event in batch.events if _is_repeated(event) or is_new(event)]


def _is_point(row: list[Any], numbers: set[int]) -> bool:
    """Tell whether a row is [sequence, step, value, dt(, epoch), crc] with what belongs there."""
    if len(row) not in _LENGTHS or type(row[0]) is not int or type(row[3]) is not int:
        return False
    if type(row[1]) not in _NUMBERS or (type(row[1]) is int and row[1] not in _INT64):
        return False
    if len(row) == 6 and type(row[4]) not in _NUMBERS:
        return False
    value = row[2]
    if type(value) in _NUMBERS:
        return True
    if row[0] in numbers:
        return value in ("nan", "inf", "-inf") or (isinstance(value, dict) and _is_big_int(value))
    return is_tagged(value)


def _is_big_int(value: dict[str, Any]) -> bool:
    return list(value) == ["$int"] and is_tagged(value)


def is_tagged(data: Any) -> bool:
    """Tell whether `data` is tagged JSON that decodes."""
    try:
        decode(data)
    except MALFORMED:
        return False
    return True


def _is_repeated(row: Any) -> bool:
    """Events that are harmless to apply twice, and repeated within a part as well."""
    return type(row) is dict and row.get("event") in ("log", "sequence", "resent")


def _same(row: Any) -> bytes:
    """A line but for its CRC."""
    if isinstance(row, list):
        return orjson.dumps(row[:-1])
    return orjson.dumps({key: value for key, value in row.items() if key != "crc"})


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return str(error).splitlines()[0]
