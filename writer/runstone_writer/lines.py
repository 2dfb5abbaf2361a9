"""Lines of a log and the chain of CRCs that runs through them (docs/format/log.md).

A line is one JSON value whose last element (array) or last key (object) is the CRC-32 of everything
in the file before the CRC's own digits. So one ``crc32`` call proves a whole chunk; a missing or
exchanged line breaks the chain; and the digits that stand before a line are enough to check it alone.

The digits are written under the log's key, a number that its name gives: so lines that a disk has put into the
wrong file fit nothing there, not even each other.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from .errors import UsageError, ValueTypeError

LOG_FORMAT = 2
NO_KEY = 0  # that of a log of format 1
LINE_LIMIT = 16 * 1024 * 1024  # bytes; a longer line is refused by the writer and skipped by readers
LONGEST_BODY = LINE_LIMIT - 16  # with its CRC it is a line

_CLOSE = {ord("["): b"]\n", ord("{"): b"}\n"}
_END = re.compile(rb"[0-9][\]}]\n")
_DIGITS = frozenset(b"0123456789")


class Damage(NamedTuple):
    """A stretch of a log that is not what was written, followed by something that is."""

    start: int
    end: int
    reason: str


def encode_point(sequence: int, step: float, value: Any, dt: int, epoch: float | None) -> bytes:
    """Return a point's line up to where its CRC's digits go."""
    fields = (sequence, step, value, dt, 0) if epoch is None else (sequence, step, value, dt, epoch, 0)
    return _checked(orjson.dumps(fields)[:-2], "the point")


def encode_event(fields: dict[str, Any], what: str) -> bytes:
    """Return an event's line up to where its CRC's digits go.

    Raises ValueTypeError for what JSON cannot hold, UsageError for a line that would be too long.
    """
    try:
        return _checked(orjson.dumps(fields)[:-1] + b',"crc":', what)
    except TypeError as error:
        raise ValueTypeError(
            f"{what} has something that cannot be kept: {error}",
            hint="Names and tags are text that UTF-8 can hold.",
        ) from None


def _checked(body: bytes, what: str) -> bytes:
    if len(body) > LONGEST_BODY:
        raise too_long(body, what)
    return body


def too_long(body: bytes, what: str) -> UsageError:
    """Return the error to raise for a line that would be longer than a line may be."""
    return UsageError(
        f"{what} is {len(body):,} bytes long; a line of the log holds at most {LINE_LIMIT:,}",
        hint="Keep large values as files, and log where they are.",
    )


def key_of(run: str, name: str) -> int:
    """Return the key of a run's log with that file name."""
    return crc32(f"{run}/{name}".encode())


def frame(body: bytes, crc: int, key: int = NO_KEY) -> tuple[bytes, int]:
    """Close `body` (a JSON value up to where its CRC's digits go); return the line and the CRC after it."""
    own = crc32(body, crc)
    tail = b"%d" % (own ^ key) + _CLOSE[body[0]]
    return body + tail, crc32(tail, own)


def frame_all(bodies: list[bytes], crc: int, key: int = NO_KEY) -> tuple[list[bytes], int]:
    """Close several bodies, one behind the other; return the lines and the CRC after the last."""
    lines = []
    for body in bodies:
        line, crc = frame(body, crc, key)
        lines.append(line)
    return lines, crc


def claimed(line: bytes) -> tuple[int, int] | None:
    """Return where the CRC's digits start in `line` and their value; None if it does not end like a line."""
    if line[-2:] not in (b"]\n", b"}\n"):
        return None
    start = len(line) - 2
    while start > 0 and line[start - 1] in _DIGITS:
        start -= 1
    digits = line[start:-2]
    if not digits or len(digits) > 10 or (len(digits) > 1 and digits[:1] == b"0"):
        return None
    if line[start - 1 : start] != (b"," if line[-2:] == b"]\n" else b":"):
        return None
    return start, int(digits)


def chain_after(line: bytes, key: int = NO_KEY) -> int | None:
    """Return the CRC of the whole file up to the end of `line`, going by the digits in it."""
    found = claimed(line)
    return None if found is None else crc32(line[found[0] :], found[1] ^ key)


def body_of(line: bytes) -> bytes:
    """Return `line` up to where its CRC's digits start."""
    found = claimed(line)
    return line if found is None else line[: found[0]]


def holds(line: bytes, crc: int, key: int = NO_KEY) -> bool:
    """Tell whether `line` is what was written after a file whose CRC is `crc`."""
    found = claimed(line)
    return found is not None and crc32(line[: found[0]], crc) == found[1] ^ key


def whole_chunk_holds(chunk: bytes, crc: int, key: int = NO_KEY) -> bool:
    """Tell whether `chunk`, which ends in a newline, is intact: one CRC over all of its lines."""
    last = chunk.rfind(b"\n", 0, len(chunk) - 1) + 1
    found = claimed(chunk[last:])
    return found is not None and crc32(memoryview(chunk)[: last + found[0]], crc) == found[1] ^ key


def sift(
    chunk: bytes, crc: int | None, start: int, before: bytes = b"", key: int = NO_KEY
) -> tuple[list[tuple[int, bytes]], int, int | None, list[Damage]]:
    """Take the intact lines out of a damaged chunk.

    `start` is the chunk's offset in the file, `crc` the chain up to there (None: not known), `before` some of
    what stands before it. Returns the
    intact lines with their offsets in the file, the bytes dealt with (up to the end of the last intact line),
    the CRC there, and the damage met on the way. What follows the last intact line is left: it may be a line
    that is still being written. Behind damage, a line that was met before (its sector was written to a second
    place) is damage too.
    """
    lines: list[tuple[int, bytes]] = []
    damage: list[Damage] = []
    done = position = 0
    claim = crc  # the chain up to `position`: known, claimed by a bad line, or unknown
    met: set[bytes] | None = None  # the lines before, once there has been damage
    while True:
        if claim is None:  # nothing fits before a line that claims something: look for the next
            found = _END.search(chunk, position)
            if found is None:
                break
            start_of_line = max(chunk.rfind(b"\n", position, found.end() - 1) + 1, position)
            claim, position = chain_after(chunk[start_of_line : found.end()], key), found.end()
            continue
        end = chunk.find(b"\n", position) + 1
        if end == 0:
            break
        line = chunk[position:end]
        if position > done and met is None:
            met = {known for _, known in lines}.union(before.splitlines(keepends=True))
        if holds(line, claim, key) and (met is None or line not in met):
            if position > done:
                damage.append(Damage(start + done, start + position, "checksum mismatch"))
            lines.append((start + position, line))
            if met is not None:
                met.add(line)
            done = end
            crc = claim = _after(line, key)
        else:
            claim = chain_after(line, key)
        position = end
    return lines, done, crc, damage


def _after(line: bytes, key: int) -> int:
    after = chain_after(line, key)
    assert after is not None  # noqa: S101 - the line has just been checked
    return after
