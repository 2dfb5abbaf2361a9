"""Reading logs: positions, tails that may still grow, files that are not what they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runstone import FormatVersionError
from runstone_writer import reader
from runstone_writer.layout import Layout, open_repo
from runstone_writer.lines import LINE_LIMIT, encode_event, encode_point, frame, frame_all
from runstone_writer.log import LogWriter
from runstone_writer.reader import START, read_between, read_log

GOLDEN = (Path(__file__).parent / "golden/log-v1.jsonl").read_bytes()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOLDEN)
    return path


def test_a_line_that_is_being_written_is_waited_for(log: Path) -> None:
    log.write_bytes(GOLDEN[:-5])
    first = read_log(str(log))
    assert first.tail > 0
    assert first.damage == []
    log.write_bytes(GOLDEN)
    second = read_log(str(log), first.position)
    assert [event["event"] for event in second.events] == ["end"]
    assert second.tail == 0


def test_reading_in_small_chunks_gives_the_same(log: Path) -> None:
    whole, position, events, points = read_log(str(log)), START, [], []
    more = True
    while more:
        batch = read_log(str(log), position, chunk=100)
        events += batch.events
        points += batch.points
        position, more = batch.position, batch.more
    assert (events, points, position) == (whole.events, whole.points, whole.position)


def test_a_file_that_was_replaced_is_noticed_and_read_anew(log: Path) -> None:
    position = read_log(str(log)).position
    crc, other = 0, b""
    for step in range(40):
        line, crc = frame(encode_point(0, step, 1.5, step, None), crc)
        other += line
    log.write_bytes(other)
    batch = read_log(str(log), position)
    assert batch.damage[0].reason == "the file is not the one that was read before"
    assert len(batch.points) == 40


def test_a_file_that_became_shorter_is_noticed(log: Path) -> None:
    position = read_log(str(log)).position
    log.write_bytes(GOLDEN[:400])
    assert read_log(str(log), position).damage


def test_zeros_at_the_end_are_not_yet_written(log: Path) -> None:
    log.write_bytes(GOLDEN + bytes(5000))
    batch = read_log(str(log))
    assert (batch.tail, batch.damage) == (5000, [])


def test_damage_longer_than_a_chunk_is_stepped_over_in_bounded_memory(log: Path) -> None:
    lines = GOLDEN.splitlines(keepends=True)
    garbage = b"".join(b"garbage %d\n" % i for i in range(5000))
    log.write_bytes(b"".join(lines[:5]) + garbage + b"".join(lines[5:]))
    position, events, points, damage, more = START, 0, 0, 0, True
    while more:
        batch = read_log(str(log), position, chunk=4096)
        events, points, damage = (
            events + len(batch.events),
            points + len(batch.points),
            damage + len(batch.damage),
        )
        position, more = batch.position, batch.more
    assert damage >= 1
    assert events + points >= len(lines) - 2
    assert position.offset == log.stat().st_size


def test_a_line_longer_than_a_line_may_be_is_damage(log: Path) -> None:
    lines = GOLDEN.splitlines(keepends=True)
    with log.open("wb") as file:
        file.write(b"".join(lines[:5]))
        file.seek(LINE_LIMIT * 2, os.SEEK_CUR)
        file.write(b"\n" + b"".join(lines[5:]))
    position, found, damage, more = START, 0, [], True
    while more:
        batch = read_log(str(log), position)
        found += len(batch.events) + len(batch.points)
        damage += batch.damage
        position, more = batch.position, batch.more
    assert any("longer than a line" in d.reason for d in damage)
    assert found >= len(lines) - 2


def test_a_valid_crc_does_not_make_json(log: Path) -> None:
    line, crc = frame(b"[1,2,nonsense,", 0)
    good, _ = frame(encode_point(0, 1, 2.5, 3, None), crc)
    log.write_bytes(line + good)
    batch = read_log(str(log))
    assert len(batch.points) == 1
    assert "not JSON" in batch.damage[0].reason


def test_a_log_of_a_newer_format_is_refused_with_what_to_do(log: Path) -> None:
    line, _ = frame(encode_event({"event": "log", "format": 99, "run": "r"}, ""), 0)
    log.write_bytes(line)
    with pytest.raises(FormatVersionError, match=r"log format 99[\s\S]*pip install --upgrade"):
        read_log(str(log))


def test_a_symbolic_link_is_not_followed(log: Path) -> None:
    link = log.with_name("link.jsonl")
    link.symlink_to(log)
    with pytest.raises(OSError, match="symbolic"):
        read_log(str(link))


def log_of(*bodies: bytes) -> bytes:
    return b"".join(frame_all(list(bodies), 0)[0])


@pytest.mark.parametrize("chunk", [1, 50, 4096])
def test_a_tail_that_does_not_fit_is_waited_for_in_chunks_of_any_size(log: Path, chunk: int) -> None:
    lines = GOLDEN.splitlines(keepends=True)
    torn = [line[:5] + b"#" + line[6:] for line in lines[-3:]]
    log.write_bytes(b"".join(lines[:-3] + torn))
    position, damage, more = START, [], True
    while more:
        batch = read_log(str(log), position, chunk=chunk)
        position, more = batch.position, batch.more
        damage += batch.damage
    assert damage == []
    assert (position.offset, batch.tail) == (len(b"".join(lines[:-3])), len(b"".join(torn)))


def test_a_damaged_line_is_not_read_because_another_one_is_not_json(log: Path) -> None:
    data = log_of(b"[1,2,nonsense,", *(encode_point(0, step, 1.5, 3, None) for step in range(5)))
    lines = data.splitlines(keepends=True)
    lines[3] = lines[3].replace(b"1.5", b"9.5")
    log.write_bytes(b"".join(lines))
    batch = read_log(str(log))
    assert [row[1:3] for row in batch.points] == [[0, 1.5], [1, 1.5], [3, 1.5], [4, 1.5]]
    assert sorted(damage.reason.split(":")[0] for damage in batch.damage) == ["checksum mismatch", "not JSON"]
    for damage in batch.damage:
        assert log.read_bytes()[damage.start : damage.end] in (lines[0], lines[3])


def test_two_values_in_one_line_are_not_two_lines(log: Path) -> None:
    log.write_bytes(log_of(b"[0,1,2,3],[0,1,2,3,", encode_point(0, 5, 1.5, 3, None)))
    batch = read_log(str(log))
    assert [row[1] for row in batch.points] == [5]
    assert len(batch.damage) == 1


@pytest.mark.parametrize(
    ("bodies", "plain"),
    [
        ([encode_point(0, 1, 1.5e-7, 3, None), encode_point(0, -1, 2, 3, 0.5)] * 9, True),
        ([encode_event({"event": "open"}, ""), *[encode_point(0, 1, 1.5, 3, None)] * 9], True),
        ([*[encode_point(0, 1, 1.5, 3, None)] * 9, encode_event({"event": "open"}, "")], True),
        ([encode_point(0, 1, "nan", 3, None)] * 9, False),
        ([*[encode_point(0, 1, 1.5, 3, None)] * 9, b"[0,true,1.5,3,"], False),
        ([*[encode_point(0, 1, 1.5, 3, None)] * 9, b"[0,null,1.5,3,"], False),
        ([*[encode_point(0, 1, 1.5, 3, None)] * 9, b"[0,[1],1.5,3,"], False),
        ([b'{"x":[1],"crc":', *[encode_point(0, 1, 1.5, 3, None)] * 9], True),
    ],
)
def test_points_are_plain_if_there_are_only_numbers_in_them(
    log: Path, bodies: list[bytes], plain: bool
) -> None:
    log.write_bytes(log_of(*bodies))
    assert read_log(str(log)).plain is plain


@pytest.mark.parametrize("chunk", [1, 60, 4096])
def test_lines_can_be_read_once_more_from_any_line_on(log: Path, chunk: int) -> None:
    lines = GOLDEN.splitlines(keepends=True)
    whole = read_log(str(log))
    for first in range(len(lines)):
        start = len(b"".join(lines[:first]))
        batches = list(read_between(str(log), start, len(GOLDEN), chunk=chunk))
        events = [event for batch in batches for event in batch.events]
        points = [row for batch in batches for row in batch.points]
        assert len(events) + len(points) == len(lines) - first
        assert events == whole.events[len(whole.events) - len(events) :]
        assert points == whole.points[len(whole.points) - len(points) :]


def test_a_zero_filled_stretch_in_the_middle_is_damage(log: Path) -> None:
    lines = GOLDEN.splitlines(keepends=True)
    start, end = len(b"".join(lines[:3])), len(b"".join(lines[:7])) + 10
    log.write_bytes(GOLDEN[:start] + bytes(end - start) + GOLDEN[end:])
    batch = read_log(str(log))
    assert [damage.start for damage in batch.damage] == [start]
    assert len(batch.events) + len(batch.points) == len(lines) - 5
    assert batch.tail == 0


def with_zeros(log: Path) -> tuple[int, int]:
    """Take some lines in the middle of a log away, as if they were still on their way to the server."""
    lines = GOLDEN.splitlines(keepends=True)
    start = len(b"".join(lines[:4])) + 7
    end = start + len(lines[5])
    log.write_bytes(GOLDEN[:start] + bytes(end - start) + GOLDEN[end:])
    return start, end


def test_zeros_are_waited_for_where_another_host_may_fill_them(log: Path, monkeypatch) -> None:
    start, _ = with_zeros(log)
    monkeypatch.setattr(reader, "is_remote", lambda device: True)
    first = read_log(str(log))
    assert first.damage == []
    assert first.position.offset <= start
    assert not first.more
    assert first.tail == len(GOLDEN) - first.position.offset
    log.write_bytes(GOLDEN)
    second, whole = read_log(str(log), first.position), read_log_all()
    assert first.events + second.events == whole.events
    assert first.points + second.points == whole.points
    assert second.damage == []


def test_zeros_that_nobody_will_fill_are_damage_as_on_a_disk_of_ones_own(log: Path, monkeypatch) -> None:
    with_zeros(log)
    on_disk = read_log(str(log))
    assert len(on_disk.damage) == 1
    monkeypatch.setattr(reader, "is_remote", lambda device: True)
    long_ago = os.stat(log).st_mtime - 2 * reader.SENT_SECONDS
    os.utime(log, (long_ago, long_ago))
    assert read_log(str(log)) == on_disk


def read_log_all() -> reader.Batch:
    return reader.parse(GOLDEN, START)


def test_a_fifo_and_a_link_in_the_place_of_a_log_are_refused_at_once(tmp_path):
    fifo, link = tmp_path / "fifo", tmp_path / "link"
    os.mkfifo(fifo)
    link.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_bytes(b"")
    for path in (fifo, link, tmp_path):
        with pytest.raises(OSError, match=r"not a file|symbolic links"):
            read_log(str(path))


def test_lines_that_claim_nothing_are_passed_over_and_what_fits_behind_them_is_read(tmp_path):
    first, crc = frame(b'{"event":"open","dt":1,"crc":', 0)
    second, _ = frame(b'{"event":"end","dt":2,"crc":', crc)
    path = tmp_path / "log"
    path.write_bytes(b"\n" * 5000 + b"x}\n" * 5000 + first + b"\n" * 5000 + second)
    assert read_log(str(path)).events == []
    path.write_bytes(first + b"\n" * 5000 + second)
    batch = read_log(str(path))
    assert [event["event"] for event in batch.events] == ["open"]
    path.write_bytes(first + first[:-1] + b"\n" * 3 + first + second)
    assert [event["event"] for event in read_log(str(path)).events] == ["open", "end"]


def written(layout: Layout, run: str, points: int = 400) -> Path:
    log = LogWriter(layout, run)
    log.declare(0, "loss", {}, "number")
    for step in range(points):
        log.point(0, step, step * 0.5, None)
    log.close("end")
    return Path(log.path())


def test_lines_of_another_log_fit_nowhere_in_this_one_not_even_each_other(tmp_path: Path) -> None:
    layout = open_repo(tmp_path, create=True)
    one, other = written(layout, "a" * 24), written(layout, "b" * 24)
    known = {row[1]: row for row in read_log(str(one)).points}
    data, foreign = one.read_bytes(), other.read_bytes()
    for at in range(
        4096, len(data), 512
    ):  # a misdirected write; or, at the end, a block that was somebody else's
        one.write_bytes(data[:at] + foreign[at : at + 4096] + data[at + 4096 :])
        batch = read_log(str(one))
        assert all(known[row[1]] == row for row in batch.points)
        assert batch.damage or batch.tail
        one.write_bytes(data[:at] + foreign[at:])
        assert all(known[row[1]] == row for row in read_log(str(one)).points)


def test_a_log_of_format_1_takes_lines_of_another_one_and_one_of_today_does_not(tmp_path: Path) -> None:
    """The control of the test above: with the key away, what it is for goes unnoticed."""
    body = encode_event({"event": "log", "format": 1}, "")
    rows = [encode_point(0, step, 0.5, step, None) for step in range(9)]
    (one, _), (other, _) = frame_all([body, *rows[:3]], 0), frame_all([body, *rows], 7)
    path = tmp_path / "log"
    path.write_bytes(b"".join(one + other[5:]))
    assert [row[1] for row in read_log(str(path)).points] == [0, 1, 2, 5, 6, 7, 8]


def test_a_log_under_the_name_of_another_says_which_it_is(tmp_path: Path) -> None:
    layout = open_repo(tmp_path, create=True)
    log = written(layout, "a" * 24, points=3)
    elsewhere = log.rename(tmp_path / "elsewhere.jsonl")
    batch = read_log(str(elsewhere))
    assert (batch.damage, len(batch.points)) == ([], 3)
    assert batch.events[0]["run"] == "a" * 24


def test_a_log_of_format_1_whose_header_is_damaged_is_read_on(log: Path) -> None:
    log.write_bytes(GOLDEN.replace(b'"pid":4242', b'"pid":4243', 1))
    batch = read_log(str(log))
    assert len(batch.damage) == 1
    assert len(batch.points) == 3
