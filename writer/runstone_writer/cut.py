"""Where a log stood at a moment: the offset behind the last line that was written by then.

Times never run backwards within a log, so the place is found by halving, without reading the rest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import orjson

from .layout import open_file, writer_time
from .lines import LINE_LIMIT, chain_after, holds
from .reader import key_in

if TYPE_CHECKING:
    from collections.abc import Iterator

NEAR = 8 * 1024  # bytes from which on it is quicker to read than to halve
_TAIL = 16  # bytes that the end of a line with the digits of its CRC fits into


class _Line(NamedTuple):
    """A line that tells its time."""

    start: int
    end: int
    time: int  # microseconds after the log's time base


def cut_at(path: str, writer: str, moment: int) -> int:
    """Return how many bytes of a log had been written at `moment`, in microseconds since the epoch.

    These are the lines up to the last one that is not later. A line without a time of its own (a header, a
    declaration) belongs to the next one that has one. 0 means that there was no log; the whole size that
    nothing in it is later. Damaged lines tell nothing. Raises OSError if the file cannot be read.
    """
    limit = moment - writer_time(writer)
    if limit < 0:
        return 0
    fd = open_file(path)
    with os.fdopen(fd, "rb", buffering=NEAR) as file:
        return _cut(file, key_in(fd, path), limit)


def _cut(file: BinaryIO, key: int, limit: int) -> int:
    size = os.fstat(file.fileno()).st_size
    low, high, is_cut = 0, size, False  # nothing before `low` is later; if it is cut, all behind `high` is
    while high - low > NEAR:
        middle = (low + high) // 2
        line = next(_timed(file, key, middle, high), None)
        if line is None:
            high = middle
        elif line.time > limit:
            high, is_cut = line.start, True
        else:
            low = line.end
    for line in _timed(file, key, low, high):
        if line.time > limit:
            return low
        low = line.end
    return low if is_cut else size


def _timed(file: BinaryIO, key: int, start: int, end: int) -> Iterator[_Line]:
    """Yield the intact lines with a time that begin at `start` or behind it, and before `end`."""
    offset = max(start - _TAIL, 0)
    file.seek(offset)
    before, is_whole = b"", offset == 0
    while offset < end:
        line = file.readline(LINE_LIMIT)
        if offset >= start and is_whole and line.endswith(b"\n"):
            time = _time_of(line, before, key)
            if time is not None:
                yield _Line(offset, offset + len(line), time)
        if not line:
            return
        is_whole, before = line.endswith(b"\n"), line[-_TAIL:]
        offset += len(line)


def _time_of(line: bytes, before: bytes, key: int) -> int | None:
    chain = chain_after(before, key) if before else 0
    if chain is None or not holds(line, chain, key):
        return None
    try:
        row: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if isinstance(row, dict):
        time = row.get("dt")
    else:
        time = row[3] if isinstance(row, list) and len(row) > 3 else None
    return time if type(time) is int else None
