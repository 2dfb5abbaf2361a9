"""Where a log stood at a moment: the same place that reading every line finds."""

import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, new_repo
from runstone_writer import cut
from runstone_writer.cut import cut_at
from runstone_writer.layout import writer_time
from runstone_writer.lines import NO_KEY, chain_after, frame, holds


def write(path, rows):
    """Write a log of these times (None for a line without one); return where each line ends."""
    data, crc, ends = bytearray(), 0, []
    for count, time in enumerate(rows):
        if time is None:
            body = b'{"event":"sequence","id":%d,"name":"%s","crc":' % (count, b"x" * (count % 50))
        elif count % 3:
            body = b"[0,%d,0.5,%d," % (count, time)
        else:
            body = b'{"event":"tag","dt":%d,"name":"%s","on":true,"crc":' % (time, b"y" * (count * 7 % 300))
        line, crc = frame(body, crc)
        data += line
        ends.append(len(data))
    path.write_bytes(data)
    return ends


def expected(rows, ends, limit):
    later = [at for at, time in enumerate(rows) if time is not None and time > limit]
    if not later:
        return ends[-1]
    before = [at for at in range(later[0]) if rows[at] is not None]
    return ends[before[-1]] if before else 0


WRITER = "19a0b5c1d2e-00c0ffee0001"
BASE = writer_time(WRITER)


@settings(deadline=None)
@given(
    steps=st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=300),
    limit=st.integers(0, 400),
    near=st.sampled_from([2, 100, 8192]),
)
def test_halving_finds_what_reading_every_line_finds(tmp_path_factory, steps, limit, near):
    rows, time = [], 0
    for step in steps:
        time += step or 0
        rows.append(None if step is None else time)
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    ends = write(path, rows)
    before, cut.NEAR = cut.NEAR, near
    try:
        assert cut_at(path, WRITER, BASE + limit) == expected(rows, ends, limit)
    finally:
        cut.NEAR = before


def by_reading_all(data, limit):
    """The same rule, line by line: a line that does not fit the digits before it tells nothing."""
    kept, before = 0, b""
    for at, line in zip(starts(data), data.splitlines(keepends=True), strict=True):
        chain = chain_after(before) if at else 0
        if chain is not None and line.endswith(b"\n") and holds(line, chain):
            row = orjson.loads(line)
            time = row.get("dt") if isinstance(row, dict) else row[3]
            if time is not None and time > limit:
                return kept
            kept = kept if time is None else at + len(line)
        before = line
    return len(data)


def starts(data):
    at = 0
    for line in data.splitlines(keepends=True):
        yield at
        at += len(line)


@settings(deadline=None)
@given(
    places=st.lists(st.integers(0, 20_000), max_size=6),
    limit=st.integers(0, 2200),
    tail=st.sampled_from([b"", b"\0" * 500, b"[0,1,2.0,99999,1", b"x\n"]),
)
def test_damage_and_a_torn_tail_tell_nothing_of_time(tmp_path_factory, places, limit, tail):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    write(path, [time if time % 7 else None for time in range(0, 2000, 5)])
    data = bytearray(path.read_bytes())
    for place in places:
        data[place % len(data)] ^= 1
    data += tail
    path.write_bytes(data)
    assert cut_at(path, WRITER, BASE + limit) == by_reading_all(bytes(data), limit)


def test_nothing_was_there_before_the_writer_was(tmp_path):
    path = tmp_path / "log.jsonl"
    ends = write(path, [None, 5, 6])
    assert cut_at(path, WRITER, BASE - 1) == 0
    assert cut_at(path, WRITER, BASE + 4) == 0
    assert cut_at(path, WRITER, BASE + 5) == ends[1]


def test_a_log_that_has_a_header_and_nothing_else_was_there_from_its_time_base_on(tmp_path):
    path = tmp_path / "log.jsonl"
    ends = write(path, [None])
    assert cut_at(path, WRITER, BASE) == ends[0]
    assert cut_at(path, WRITER, BASE - 1) == 0


def test_a_large_log_is_not_read_to_find_the_place(tmp_path):
    journal = Journal(new_repo(tmp_path), "run", 1)
    path = Path(journal.path)
    ends = write(path, list(range(100_000)))
    read = []

    class Counting:
        def __init__(self, file):
            self._file = file

        def readline(self, limit):
            line = self._file.readline(limit)
            read.append(len(line))
            return line

        def seek(self, offset):
            self._file.seek(offset)

        def fileno(self):
            return self._file.fileno()

    with path.open("rb") as file:
        assert cut._cut(Counting(file), NO_KEY, 70_000) == ends[70_000]
    assert sum(read) < path.stat().st_size / 20


def test_a_log_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        cut_at(tmp_path / "none.jsonl", WRITER, BASE + 1)


def test_the_lines_of_this_test_are_lines(tmp_path):
    write(tmp_path / "log", [None, 1, 2, 3])
    assert [type(orjson.loads(line)) for line in (tmp_path / "log").read_bytes().splitlines()] == [
        dict, list, list, dict
    ]  # fmt: skip
