"""Bringing the state of a run up to date with its logs: from where the state stands to where they end.

Used by the indexer, by queries for what is not indexed yet, and by a resumed Run; all three see the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from .errors import FormatVersionError
from .layout import Layout, parse_log_name
from .reader import CHUNK_BYTES, Batch, Position, line_bodies, read_log
from .state import RunState, WriterState

ORPHAN_LIMIT = 100_000

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
    tails: list[Problem] = field(
        default_factory=list
    )  # where those bytes are: damage once the writer is dead


def replay(
    layout: Layout, state: RunState, names: list[str], sink: PointSink, *, chunk: int = CHUNK_BYTES
) -> Replay:
    """Read the logs `names` of a run from where `state` stands and fold them into it.

    Points go to `sink` in batches of one writer, in the order of its log. What cannot be read is in the
    result's `problems`; the rest goes on. `names` are file names in the order of Layout.log_names().
    """
    done = Replay()
    for name in names:
        parsed = parse_log_name(name)
        if parsed is None:
            continue
        writer, part = state.writer(parsed[0]), parsed[1]
        while len(writer.parts) <= part:
            writer.parts.append([0, 0, -1, 0])
        if any(later[0] for later in writer.parts[part + 1 :]):
            continue  # the writer gave this part up, and has begun the next
        _read_part(layout, state, writer, part, layout.log_path(state.run, name), sink, chunk, done)
    return done


def _read_part(
    layout: Layout,
    state: RunState,
    writer: WriterState,
    part: int,
    path: str,
    sink: PointSink,
    chunk: int,
    done: Replay,
) -> None:
    while True:
        offset, crc = writer.parts[part][:2]
        try:
            batch = read_log(path, Position(offset, crc), chunk=chunk)
        except (OSError, FormatVersionError) as error:
            done.problems.append(Problem(path, offset, offset, _why(error)))
            return
        done.problems += [Problem(path, *damage) for damage in batch.damage]
        if batch.position.offset >= offset:
            done.bytes_read += batch.position.offset - offset
            writer.parts[part][:2] = batch.position
            _fold(layout, state, writer, part, batch, sink, done, path)
        if not batch.more:
            done.bytes_left += batch.tail
            end = batch.position.offset + batch.tail
            if batch.tail:
                done.tails.append(
                    Problem(path, batch.position.offset, end, f"torn tail of {batch.tail} bytes")
                )
            elif not end:
                done.tails.append(Problem(path, 0, 0, "empty log"))
            return


def _fold(
    layout: Layout,
    state: RunState,
    writer: WriterState,
    part: int,
    batch: Batch,
    sink: PointSink,
    done: Replay,
    path: str,
) -> None:
    for event in batch.events:
        if event.get("event") == "log":
            _apply(state, writer, event, done, path)
    if part:
        _leave_out_sent_again(layout, state, writer, part, batch)
    known = len(writer.declared)
    for event in batch.events:
        if event.get("event") != "log":
            _apply(state, writer, event, done, path)
    points = batch.points
    if writer.orphans and len(writer.declared) > known:
        points = writer.orphans + points
        writer.orphans = []
    if not points:
        return
    declared = writer.declared
    try:
        orphans = [row for row in points if row[0] not in declared]
    except (IndexError, TypeError):
        done.problems.append(Problem(path, 0, 0, "malformed points"))
        return
    if orphans:
        room = ORPHAN_LIMIT - len(writer.orphans)
        writer.orphans += orphans[: max(room, 0)]
        points = [row for row in points if row[0] in declared]
    if points:
        writer.last = max(writer.last, writer.base + points[-1][3])
        sink(state, writer, points)


def _apply(state: RunState, writer: WriterState, event: dict[str, Any], done: Replay, path: str) -> None:
    try:
        state.apply(writer, event)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        done.problems.append(Problem(path, 0, 0, f"malformed {event.get('event')!r} event: {error!r}"))


def _leave_out_sent_again(
    layout: Layout, state: RunState, writer: WriterState, part: int, batch: Batch
) -> None:
    """Drop from `batch` the lines that were already read in an earlier part, before it was given up."""
    seen: Counter[bytes] = Counter()
    for later in writer.parts[1 : part + 1]:
        source, start = later[2], later[3]
        if source < 0 or start >= writer.parts[source][0]:
            continue
        name = f"{writer.writer}.{source}.jsonl" if source else f"{writer.writer}.jsonl"
        path = os.path.join(layout.run_folder(state.run), name)
        for body in line_bodies(path, start, writer.parts[source][0]):
            seen[_same(orjson.loads(body + (b"0]" if body[:1] == b"[" else b"0}")))] += 1
    if not seen:
        return

    def is_new(row: Any) -> bool:
        key = _same(row)
        if seen[key] > 0:
            seen[key] -= 1
            return False
        return True

    batch.points = [row for row in batch.points if is_new(row)]
    repeats = ("log", "sequence")  # harmless to apply twice, and repeated within a part as well
    batch.events = [event for event in batch.events if event.get("event") in repeats or is_new(event)]


def _same(row: Any) -> bytes:
    """A line but for its CRC."""
    if isinstance(row, list):
        return orjson.dumps(row[:-1])
    return orjson.dumps({key: value for key, value in row.items() if key != "crc"})


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return str(error).splitlines()[0]
