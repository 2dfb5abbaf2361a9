"""The reading end of a log: from a position to the last intact line, damage set aside and counted.

A reader only ever moves forward over lines that are proven. An incomplete, zero-filled or mismatching
tail means "not yet": it is left for the next call. The same code replays a dead log and follows a live one.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .errors import FormatVersionError
from .layout import log_name, open_file
from .lines import (
    LINE_LIMIT,
    LOG_FORMAT,
    NO_KEY,
    Damage,
    chain_after,
    holds,
    key_of,
    sift,
    whole_chunk_holds,
)
from .mounts import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK_BYTES = 4 * 1024 * 1024
BEFORE_BYTES = 64 * 1024  # that are looked at again where there is damage
SENT_SECONDS = 3600.0  # within which another host has sent what it wrote, or never will
UNKNOWN = -1  # in place of a CRC: behind damage without a readable line, nothing is known of the chain

_TAIL = 16  # bytes that the digits of a CRC, and what stands around them, fit into
_HEAD = 4096  # bytes that the header of a log fits into, with some lines more


class Position(NamedTuple):
    """How far a log has been read: an offset, and the CRC of everything before it (which proves the file)."""

    offset: int = 0
    crc: int = 0


START = Position()


@dataclass(slots=True)
class Batch:
    """What one read brought, in the order of the file."""

    events: list[dict[str, Any]] = field(default_factory=list)
    points: list[list[Any]] = field(default_factory=list)  # [sequence, step, value, dt(, epoch), crc]
    plain: bool = False  # whether it is known that there are only numbers in `points`
    damage: list[Damage] = field(default_factory=list)
    position: Position = START
    tail: int = 0  # bytes behind `position` that are not (yet) an intact line
    unfilled: bool = False  # that tail may become one without the file getting longer: see _may_be_filled
    more: bool = False  # there was more than one chunk's worth
    replaced: bool = False  # the file is not the one that was read before: this is the new one from its start


def read_log(
    path: str, position: Position = START, *, chunk: int = CHUNK_BYTES, end: int | None = None
) -> Batch:
    """Read up to about `chunk` bytes of whole lines behind `position`; with `end` as if the file ended there.

    Raises OSError if the file cannot be read, FormatVersionError if a newer Runstone wrote it. A position
    that does not fit the file (it was replaced or cut) is reported as damage, and reading starts over.
    """
    fd = open_file(path)
    try:
        return _read(fd, key_in(fd, path), position, chunk, end)
    finally:
        with contextlib.suppress(OSError):  # what was read is proven, whatever closing says
            os.close(fd)


def read_between(path: str, start: int, end: int, *, chunk: int = CHUNK_BYTES) -> Iterator[Batch]:
    """Read the intact lines between two offsets once more, both of them ends of lines."""
    fd = open_file(path)
    try:
        key = key_in(fd, path)
        position = Position(start, _crc_before(fd, start, key))
        while position.offset < end:
            data = _whole_lines(fd, position.offset, min(end - position.offset, chunk))
            if not data:
                return
            batch = parse(data, position, key=key)
            yield batch
            if batch.position == position:
                _step_over(batch, data, position, key)
            position = batch.position
    finally:
        with contextlib.suppress(OSError):  # what was read is proven, whatever closing says
            os.close(fd)


def _read(fd: int, key: int, position: Position, chunk: int, end: int | None) -> Batch:
    size = os.fstat(fd).st_size
    if end is not None:
        size = min(size, end)
    replaced = position.offset > size or _crc_before(fd, position.offset, key) != position.crc
    if replaced:
        lost = Damage(0, min(position.offset, size), "the file is not the one that was read before")
        position = START
    data, batch, covered = _parse_some(fd, key, position, size, chunk)
    if replaced:
        batch.damage.insert(0, lost)
        batch.replaced = True
    if not data:
        _skip_unending(fd, key, position.offset, size, batch)
    elif batch.position == position and len(data) > LINE_LIMIT:
        _step_over(batch, data, position, key)
        batch.more = True
    else:
        batch.more = not covered
    batch.tail = max(size - batch.position.offset, 0)
    batch.unfilled = batch.tail > 0 and _may_be_filled(fd, batch.tail)
    return batch


def _parse_some(fd: int, key: int, position: Position, size: int, chunk: int) -> tuple[bytes, Batch, bool]:
    """Read a chunk; if nothing in it is intact, read more, for damage has to be told from a tail still to come.

    Also returns whether that was all of the file.
    """
    while True:
        covered = position.offset + chunk >= size
        data = _whole_lines(fd, position.offset, min(size - position.offset, chunk))
        if b"\0" in data and _may_be_filled(fd, size - position.offset):
            data = data[: data.rfind(b"\n", 0, data.find(b"\0")) + 1]
            return data, parse(data, position, partial(_before, fd, position.offset), key), True
        batch = parse(data, position, partial(_before, fd, position.offset), key)
        if covered or not data or batch.position != position or len(data) > LINE_LIMIT:
            return data, batch, covered
        chunk = 2 * max(chunk, len(data))


def _may_be_filled(fd: int, length: int) -> bool:
    """Tell whether zeros among so many bytes may be what another host has written and not sent yet.

    It sends what follows them as well, and repeats it until the server has all. Where nobody has written for a
    long time, or a lot has come since, nothing will come any more.
    """
    status = os.fstat(fd)
    return length <= LINE_LIMIT and time.time() - status.st_mtime < SENT_SECONDS and is_remote(status.st_dev)


def parse(data: bytes, position: Position, before: Callable[[], bytes] = bytes, key: int = NO_KEY) -> Batch:
    """Decode whole lines that stand at `position` in a log; `before` gives some of what stands before them."""
    batch = Batch(position=position)
    if not data:
        return batch
    if position.crc != UNKNOWN and whole_chunk_holds(data, position.crc, key):
        after = chain_after(_last_line(data), key)
        batch.position = Position(position.offset + len(data), UNKNOWN if after is None else after)
        rows = _decode_all(data)
        batch.plain = rows is not None and _has_only_numbers(data, rows)
        if rows is None:
            rows = _decode_each(_numbered(data, position.offset), batch.damage)
    else:
        known = None if position.crc == UNKNOWN else position.crc
        kept, done, after, batch.damage = sift(data, known, position.offset, before(), key)
        batch.position = Position(position.offset + done, UNKNOWN if after is None else after)
        rows = _decode_all(b"".join(line for _, line in kept))
        if rows is None:
            rows = _decode_each(kept, batch.damage)
    _sort_rows(rows, batch)
    return batch


def _before(fd: int, offset: int) -> bytes:
    """Return what a sector that was written to a second place may have in common with what stands before it."""
    start = max(offset - BEFORE_BYTES, 0)
    return os.pread(fd, offset - start, start)


def key_in(fd: int, path: str) -> int:
    """Return the key of an open log: the one that its first line is written under, or a later one if that is damaged.

    That is the key of its name, or none in format 1. A log in the place of another one has that of its own name: so
    that it can be told what it is.
    """
    folder, name = os.path.split(path)
    key = key_of(os.path.basename(folder), name)
    lines = os.pread(fd, _HEAD, 0).splitlines(keepends=True)
    if not lines or holds(lines[0], 0, key):
        return key
    for other in (NO_KEY, _key_said(lines[0])):
        if holds(lines[0], 0, other):
            return other
    return NO_KEY if not _fits(lines, key) and _fits(lines, NO_KEY) else key


def _fits(lines: list[bytes], key: int) -> bool:
    """Tell whether one of these lines fits the one before it."""
    chains = ((chain_after(before, key), line) for before, line in pairwise(lines))
    return any(chain is not None and holds(line, chain, key) for chain, line in chains)


def _key_said(line: bytes) -> int:
    """Return the key of the log that a header says it is of."""
    try:
        header = orjson.loads(line)
        return key_of(header["run"], log_name(header["writer"], header["part"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return NO_KEY


def _crc_before(fd: int, offset: int, key: int) -> int:
    """Return the CRC that the digits right before `offset` claim for all that stands before it."""
    if offset == 0:
        return 0
    start = max(offset - _TAIL, 0)
    after = chain_after(os.pread(fd, offset - start, start), key)
    return UNKNOWN if after is None else after


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


def _last_line(data: bytes) -> bytes:
    return data[data.rfind(b"\n", 0, len(data) - 1) + 1 :]


def _step_over(batch: Batch, data: bytes, position: Position, key: int) -> None:
    """Set aside damage as long as all that may be read at once, so that memory stays bounded."""
    end = position.offset + len(data)
    _set_aside(batch, Damage(position.offset, end, "checksum mismatch"), _last_line(data), key)


def _skip_unending(fd: int, key: int, start: int, size: int, batch: Batch) -> None:
    """Step over more bytes than a line can have, if there is a newline at their end."""
    if size - start <= LINE_LIMIT:
        return
    offset = start
    while offset < size:
        data = os.pread(fd, CHUNK_BYTES, offset)
        newline = data.find(b"\n")
        if newline >= 0:
            end = offset + newline + 1
            last = os.pread(fd, min(_TAIL, end - start), max(end - _TAIL, start))
            _set_aside(batch, Damage(start, end, "a line longer than a line may be"), last, key)
            batch.more = end < size
            return
        offset += len(data)
        if not data:
            return


def _set_aside(batch: Batch, damage: Damage, last: bytes, key: int) -> None:
    after = chain_after(last, key)
    batch.damage.append(damage)
    batch.position = Position(damage.end, UNKNOWN if after is None else after)


def _decode_all(lines: bytes) -> list[Any] | None:
    """Return the values of all lines; None if that cannot be done in one go."""
    if not lines:
        return []
    try:
        rows: list[Any] = orjson.loads(b"[" + lines[:-1].replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        return None
    return rows if len(rows) == lines.count(b"\n") else None


def _has_only_numbers(lines: bytes, rows: list[Any]) -> bool:
    """Tell whether all arrays among the lines hold nothing but numbers: a look at the bytes is cheaper than at
    the elements.
    """
    events = lines.count(b"\n{") + lines.startswith(b"{")
    if events > len(rows) // 8:
        return False
    start = brackets = 0
    while start < len(lines):
        event = start if lines.startswith(b"{", start) else lines.find(b"\n{", start) + 1 or len(lines)
        arrays = lines[start:event]
        if arrays.translate(None, b"0123456789+-.eE,[]\n"):
            return False
        brackets += arrays.count(b"[")
        start = lines.find(b"\n", event) + 1 or len(lines)
    return brackets == len(rows) - events


def _numbered(lines: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    for line in lines.splitlines(keepends=True):
        yield offset, line
        offset += len(line)


def _decode_each(
    lines: Iterator[tuple[int, bytes]] | list[tuple[int, bytes]], damage: list[Damage]
) -> list[Any]:
    """Decode lines of which one at least is intact by its CRC and yet no JSON: somebody wrote it on purpose."""
    rows = []
    for offset, line in lines:
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            damage.append(Damage(offset, offset + len(line), f"not JSON: {error}"))
    return rows


def _sort_rows(rows: list[Any], batch: Batch) -> None:
    batch.points = [row for row in rows if type(row) is list]
    if len(batch.points) < len(rows):  # points are many and events few
        batch.events = [row for row in rows if type(row) is dict]
        for event in batch.events:
            if event.get("event") == "log":
                _check_version(event)


def _check_version(header: dict[str, Any]) -> None:
    version = header.get("format")
    if isinstance(version, int) and version > LOG_FORMAT:
        raise FormatVersionError(
            f"a log of run {header.get('run')} has log format {version}; this Runstone reads up to {LOG_FORMAT}",
            hint="Upgrade with `pip install --upgrade runstone`. Nothing was changed.",
        )
