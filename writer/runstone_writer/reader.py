"""The reading end of a log: from a position to the last intact line, damage set aside and counted.

A reader only ever moves forward over lines that are proven. An incomplete, zero-filled or mismatching
tail means "not yet": it is left for the next call. The same code replays a dead log and follows a live one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from .errors import FormatVersionError
from .lines import LINE_LIMIT, Damage, chain_after, claimed, sift, whole_chunk_holds
from .log import LOG_FORMAT

CHUNK_BYTES = 4 * 1024 * 1024
UNKNOWN = -1  # in place of a CRC: behind damage without a readable line, nothing is known of the chain


class Position(NamedTuple):
    """How far a log has been read: an offset, and the CRC of everything before it (which proves the file)."""

    offset: int = 0
    crc: int = 0


START = Position()


@dataclass(slots=True)
class Batch:
    """What one read brought: events and points in file order (points as [sequence, step, value, dt(, epoch), crc])."""

    events: list[dict[str, Any]] = field(default_factory=list)
    points: list[list[Any]] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    position: Position = START
    tail: int = 0  # bytes behind `position` that are not (yet) an intact line
    more: bool = False  # there was more than one chunk's worth


def read_log(path: str, position: Position = START, *, chunk: int = CHUNK_BYTES) -> Batch:
    """Read up to about `chunk` bytes of whole lines behind `position`.

    Raises OSError if the file cannot be read, FormatVersionError if a newer Runstone wrote it. A position
    that does not fit the file (it was replaced or cut) is reported as damage, and reading starts over.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return _read(fd, position, chunk)
    finally:
        os.close(fd)


def _read(fd: int, position: Position, chunk: int) -> Batch:
    size = os.fstat(fd).st_size
    damage: list[Damage] = []
    if position.offset and not _fits(fd, position, size):
        damage.append(Damage(0, min(position.offset, size), "the file is not the one that was read before"))
        position = START
    data = _whole_lines(fd, position.offset, min(size - position.offset, chunk))
    batch = parse(data, position)
    batch.damage[:0] = damage
    end = position.offset + len(data)
    if end < size and data:
        if (
            batch.position == position
        ):  # damage as long as the chunk: set it aside, so that memory stays bounded
            last = data[data.rfind(b"\n", 0, len(data) - 1) + 1 :]
            _set_aside(batch, position.offset, end, last, "checksum mismatch")
        batch.more = True
    elif end < size:
        _skip_unending(fd, end, size, batch)
    batch.tail = size - batch.position.offset
    return batch


def parse(data: bytes, position: Position) -> Batch:
    """Decode whole lines that stand at `position` in a log."""
    batch = Batch(position=position)
    if not data:
        return batch
    done, crc = len(data), chain_after(data[data.rfind(b"\n", 0, len(data) - 1) + 1 :])
    if position.crc != UNKNOWN and whole_chunk_holds(data, position.crc):
        rows = _decode_all(data)
    else:
        known = None if position.crc == UNKNOWN else position.crc
        kept, done, crc, batch.damage = sift(data, known, position.offset)
        rows = _decode_all(b"".join(kept))
    if rows is None:  # intact by its CRC and yet no JSON: somebody wrote it on purpose
        rows = _decode_each(data[:done], position.offset, batch.damage)
    batch.position = Position(position.offset + done, UNKNOWN if crc is None else crc)
    _sort_rows(rows, batch)
    return batch


def line_bodies(path: str, start: int, end: int) -> list[bytes]:
    """Return the lines between two offsets without their CRCs: what a later part may have sent again."""
    with open(path, "rb") as file:
        file.seek(start)
        data = file.read(max(end - start, 0))
    found = ((line, claimed(line)) for line in data.splitlines(keepends=True))
    return [line[: place[0]] for line, place in found if place is not None]


def _fits(fd: int, position: Position, size: int) -> bool:
    """The bytes right before the position hold the digits of the CRC that the position was saved with."""
    if position.offset > size or position.crc == UNKNOWN:
        return position.offset <= size
    start = max(position.offset - 16, 0)
    return chain_after(os.pread(fd, position.offset - start, start)) == position.crc


def _whole_lines(fd: int, offset: int, length: int) -> bytes:
    """Read at least one whole line, if there is one within the length that a line may have."""
    data = os.pread(fd, length, offset)
    newline = data.rfind(b"\n") + 1
    while newline == 0 and 0 < len(data) <= LINE_LIMIT:
        more = os.pread(fd, CHUNK_BYTES, offset + len(data))
        if not more:
            return b""
        data += more
        newline = data.rfind(b"\n") + 1
    return data[:newline]


def _skip_unending(fd: int, start: int, size: int, batch: Batch) -> None:
    """Step over more bytes than a line can have, without a newline in them, if an intact line follows."""
    if size - start <= LINE_LIMIT:
        return
    offset = start
    while offset < size:
        data = os.pread(fd, CHUNK_BYTES, offset)
        newline = data.find(b"\n")
        if newline >= 0:
            end = offset + newline + 1
            last = os.pread(fd, min(16, end - start), max(end - 16, start))
            _set_aside(batch, start, end, last, "a line longer than a line may be")
            batch.more = end < size
            return
        offset += len(data)
        if not data:
            return


def _set_aside(batch: Batch, start: int, end: int, last: bytes, reason: str) -> None:
    after = chain_after(last)
    batch.damage.append(Damage(start, end, reason))
    batch.position = Position(end, UNKNOWN if after is None else after)


def _decode_all(lines: bytes) -> list[Any] | None:
    if not lines:
        return []
    try:
        rows: list[Any] = orjson.loads(b"[" + lines[:-1].replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        return None
    return rows


def _decode_each(lines: bytes, offset: int, damage: list[Damage]) -> list[Any]:
    rows = []
    for line in lines.splitlines(keepends=True):
        if claimed(line) is not None:
            try:
                rows.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                damage.append(Damage(offset, offset + len(line), f"not JSON: {error}"))
        offset += len(line)
    return rows


def _sort_rows(rows: list[Any], batch: Batch) -> None:
    batch.points = [row for row in rows if type(row) is list]
    if len(batch.points) < len(rows):
        batch.events = [row for row in rows if type(row) is dict]
        for event in batch.events:
            if event.get("event") == "log":
                version = event.get("format")
                if not isinstance(version, int) or version > LOG_FORMAT:
                    raise FormatVersionError(
                        f"a log of run {event.get('run')} has log format {version}; this Runstone reads up to "
                        f"{LOG_FORMAT}",
                        hint="Upgrade with `pip install --upgrade runstone`. Nothing was changed.",
                    )
