"""Replaying logs: in one go or in pieces, in any order of writers, with damage and with malice."""

from __future__ import annotations

import warnings
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstone_writer import replay as replay_module
from runstone_writer.layout import Layout, log_name, new_writer, open_repo
from runstone_writer.lines import LOG_FORMAT, encode_event, encode_point, frame, key_of
from runstone_writer.log import LogWriter
from runstone_writer.replay import replay, with_unwritten
from runstone_writer.state import RunState

RUN = "b" * 24


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_repo(tmp_path, create=True)


def write(layout: Layout, writer: str, bodies: list[bytes], part: int = 0) -> Path:
    folder = Path(layout.run_folder(RUN))
    folder.mkdir(parents=True, exist_ok=True)
    crc, data = 0, b""
    for body in bodies:
        line, crc = frame(body, crc, key_of(RUN, log_name(writer, part)))
        data += line
    path = folder / log_name(writer, part)
    path.write_bytes(data)
    return path


def header(writer: str, **fields: Any) -> bytes:
    event = {
        "event": "log",
        "format": LOG_FORMAT,
        "run": RUN,
        "writer": writer,
        "part": 0,
        "kind": "run",
        "host": "h",
        "pid": 1,
    }
    return encode_event(event | fields, "")


def event(kind: str, dt: Any = 0, /, **fields: Any) -> bytes:
    return encode_event({"event": kind, "dt": dt, **fields}, "")


DECLARED = encode_event({"event": "sequence", "id": 0, "name": "loss", "context": {}, "type": "number"}, "")


class Reading:
    """One state, read on from call to call, and the points that came."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.state = layout, RunState(RUN)
        self.points: list[list[Any]] = []
        self.problems: list[str] = []
        self.stale = False
        self.tails: list[str] = []

    def go_on(self, names: list[str] | None = None, chunk: int = 4096) -> Reading:
        names = self.layout.log_names(RUN) if names is None else names
        done = replay(
            self.layout, self.state, names, lambda _s, _w, rows: self.points.extend(rows), chunk=chunk
        )
        self.problems += [problem.reason for problem in done.problems]
        self.tails = [tail.reason for tail in done.tails]
        self.stale = done.stale
        return self

    def dump(self) -> bytes:
        data = self.state.dump()
        data["writers"].sort()
        return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("seed", range(5))
def test_reading_in_pieces_gives_what_reading_at_once_gives(layout: Layout, seed: int) -> None:
    random = Random(seed)
    logs = [LogWriter(layout, RUN, kind=random.choice(("run", "edit"))) for _ in range(3)]
    pieces = Reading(layout)
    for log in logs:
        log.append("open")
        log.declare(0, "loss", {"w": random.randrange(2)}, "number")
    for step in range(200):
        log = random.choice(logs)
        roll = random.random()
        if roll < 0.7:
            log.point(0, step, random.random(), None)
        elif roll < 0.85:
            log.append("set", key=[random.choice("ab")], value=random.randrange(9))
        else:
            log.append("tag", name=random.choice("xyz"), on=random.random() < 0.6)
        if random.random() < 0.1:
            pieces.go_on(chunk=random.choice((64, 500, 4096)))
    for log in logs:
        log.close("end")
    pieces.go_on()
    whole = Reading(layout).go_on()
    assert pieces.state.params.tree() == whole.state.params.tree()
    assert sorted(pieces.state.tags) == sorted(whole.state.tags)
    assert (pieces.state.created, pieces.state.ended) == (whole.state.created, whole.state.ended)
    assert sorted(map(orjson.dumps, pieces.points)) == sorted(map(orjson.dumps, whole.points))
    assert pieces.problems == whole.problems == []


def test_a_state_that_is_dumped_and_loaded_goes_on_where_it_was(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.append("open")
    log.append("set", key=["a"], value=1)
    reading = Reading(layout).go_on()
    loaded = Reading(layout)
    loaded.state = RunState.load(orjson.loads(orjson.dumps(reading.state.dump())))
    assert loaded.dump() == reading.dump()
    log.append("set", key=["a"], value=2)
    log.close("end")
    assert loaded.go_on().dump() == reading.go_on().dump()
    assert loaded.state.params.tree() == {"a": 2}


def test_what_a_new_part_sends_again_is_left_out_once(layout: Layout) -> None:
    writer = new_writer()
    points = [encode_point(0, step, step * 0.5, step, None) for step in range(6)]
    first = write(layout, writer, [header(writer), DECLARED, *points[:4]])
    start = len(first.read_bytes()) - sum(
        len(line) for line in first.read_bytes().splitlines(keepends=True)[-2:]
    )
    reading = Reading(layout).go_on()
    again = [header(writer, part=1, **{"from": [0, start]}), DECLARED, *points[2:]]
    write(layout, writer, again, part=1)
    reading.go_on()
    assert [row[1] for row in reading.points] == list(range(6))
    assert [row[1] for row in Reading(layout).go_on().points] == list(range(6))


def test_a_point_whose_declaration_is_damaged_waits_for_the_next_one(layout: Layout) -> None:
    writer = new_writer()
    bodies = [
        header(writer),
        DECLARED,
        encode_point(0, 0, 0.5, 1, None),
        DECLARED,
        encode_point(0, 1, 1.5, 2, None),
    ]
    path = write(layout, writer, bodies)
    data = bytearray(path.read_bytes())
    data[data.index(b"loss") + 1] ^= 1
    cut = bytes(data).index(b"\n", bytes(data).index(b"[0,0,")) + 1
    path.write_bytes(bytes(data)[:cut])
    reading = Reading(layout).go_on()
    assert reading.points == []
    path.write_bytes(bytes(data))
    reading.go_on()
    steps = [row[1] for row in reading.points]
    assert steps[-1] == 1
    assert steps in ([0, 1], [1])
    assert [row[1] for row in Reading(layout).go_on().points] == steps


@pytest.mark.parametrize(
    "bad",
    [
        event("set", key=["a"]),
        event("set", key=5, value=1),
        event("set", key=[{"$dict": []}], value=1),
        event("tag", name=["x"], on=True),
        event("sequence", id=[1], name=5, context=3, type=None),
        event("prop", name={}, value=1),
        event("dropped", count="many"),
        event("end", "soon"),
        event("set", key=["a"], value={"$nonsense": 1}),
        encode_event({"event": 5}, ""),
        encode_event({"nothing": 5}, ""),
        b"[0,",
        b"[0,1,",
        b"[0,1,1.5,3,4,5,6,",
        b"[0,9223372036854775808,1.5,3,",
        b'[0,1,1.5,3,"epoch",',
        b"[0,1,1.5,3,null,",
        b"[0,true,1.5,3,",
        b"[true,1,1.5,3,",
        b'[0,1,"text",3,',
        b"[0,1,null,3,",
        b'[0,1,{"$int":5},3,',
        b'[0,1,{"$float":"nan"},3,',
        b"[0,1,[1],3,",
        b'["x",1,2,3,',
        b'[0,"step",1.5,3,',
        b"[[0],1,1.5,3,",
        b'[0,1,1.5,"time",',
        b"[0,1,1.5,null,",
    ],
)
def test_a_malformed_line_with_a_right_checksum_is_a_problem_and_the_rest_is_read(
    layout: Layout, bad: bytes
) -> None:
    writer = new_writer()
    good = [encode_point(0, 7, 1.5, 5, None), event("set", 6, key=["ok"], value=1), event("end", 9)]
    write(layout, writer, [header(writer), event("open", 1), DECLARED, bad, *good])
    reading = Reading(layout).go_on()
    assert len(reading.problems) == 1
    assert reading.problems[0].startswith(("malformed", "1 malformed points"))
    assert reading.state.params.tree() == {"ok": 1}
    assert reading.state.ended is not None
    assert [row[1] for row in reading.points] == [7]


def test_an_unknown_event_is_passed_over(layout: Layout) -> None:
    writer = new_writer()
    write(layout, writer, [header(writer), event("open", 1), event("telepathy", 2, x=1), event("end", 3)])
    reading = Reading(layout).go_on()
    assert reading.problems == []
    assert reading.state.ended is not None


def test_files_of_other_names_are_not_read(layout: Layout) -> None:
    writer = new_writer()
    write(layout, writer, [header(writer), event("open", 1)])
    folder = Path(layout.run_folder(RUN))
    for name in ("notes.txt", "x.jsonl", f"{writer}.01.jsonl", ".hidden.jsonl", f"{writer}.jsonl.swp"):
        (folder / name).write_text('{"event":"set","dt":0,"key":["evil"],"value":1,"crc":1}\n')
    assert Reading(layout).go_on().state.params.tree() == {}
    assert len(layout.foreign_names(RUN)) >= 3


def test_a_run_that_was_killed_and_resumed_is_judged_by_its_last_writer(layout: Layout) -> None:
    early, late = "19a0b5c1d2e-00c0ffee0001", "19a0b5c9999-00c0ffee0002"
    write(layout, early, [header(early), event("open", 1), event("set", 5, key=["a"], value=1)])
    assert Reading(layout).go_on().state.ended is None
    write(layout, late, [header(late), event("open", 1), event("end", 8)])
    assert Reading(layout).go_on().state.ended is not None


# -- parts -------------------------------------------------------------------------------------------------------


def parts_of(layout: Layout, writer: str = "19a0b5c1d2e-00c0ffee0001") -> list[Path]:
    """Two parts: an fsync failed behind point 1; the rest comes again, with what could not be written at first."""
    points = [encode_point(0, step, step * 0.5, 10 + step, None) for step in range(8)]
    first = write(layout, writer, [header(writer), event("open", 1), DECLARED, *points[:5]])
    start = len(b"".join(first.read_bytes().splitlines(keepends=True)[:5]))
    head = header(writer, part=1, **{"from": [0, start]})
    again = [head, DECLARED, *points[2:7], event("resent", 30), points[7], event("end", 40)]
    return [first, write(layout, writer, again, part=1)]


@pytest.mark.parametrize("chunk", [1, 64, 100, 4096])
def test_each_point_of_two_parts_comes_once_in_whatever_pieces_they_are_read(
    layout: Layout, chunk: int
) -> None:
    parts_of(layout)
    reading = Reading(layout)
    for _ in range(3):
        reading.go_on(chunk=chunk)
    assert [row[1] for row in reading.points] == list(range(8))
    assert reading.problems == []


def test_the_torn_tail_of_a_part_that_was_given_up_is_no_damage(layout: Layout) -> None:
    first, second = parts_of(layout)
    first.write_bytes(first.read_bytes() + b"[0,5,2.5")
    assert Reading(layout).go_on().tails == []
    second.unlink()
    assert Reading(layout).go_on().tails == ["torn tail of 8 bytes"]


def test_a_line_that_was_damaged_in_the_first_part_is_taken_from_the_second(layout: Layout) -> None:
    first, _ = parts_of(layout)
    lines = first.read_bytes().splitlines(keepends=True)
    for damaged in (5, 6, 7):
        # A flip in the digits of the CRC: the line and the next one are left out, and both come again.
        flipped = lines[damaged][:-4] + bytes([lines[damaged][-4] ^ 1]) + lines[damaged][-3:]
        first.write_bytes(b"".join([*lines[:damaged], flipped, *lines[damaged + 1 :]]))
        reading = Reading(layout).go_on()
        assert sorted(row[1] for row in reading.points) == list(range(8))


def test_a_damaged_header_doubles_nothing(layout: Layout) -> None:
    first, second = parts_of(layout)
    data = bytearray(second.read_bytes())
    data[data.index(b"from")] ^= 1
    second.write_bytes(bytes(data))
    reading = Reading(layout).go_on()
    assert [row[1] for row in reading.points] == list(range(8))
    assert reading.problems == ["checksum mismatch"]
    assert first.exists()


def test_every_bit_that_flips_in_two_parts_costs_little_and_doubles_nothing(layout: Layout) -> None:
    parts = parts_of(layout)
    truth = {orjson.dumps(row[:-1]) for row in Reading(layout).go_on().points}
    for path in parts:
        data = path.read_bytes()
        for bit in range(0, len(data) * 8, 3):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            path.write_bytes(bytes(damaged))
            reading = Reading(layout).go_on()
            found = [orjson.dumps(row[:-1]) for row in reading.points]
            assert len(found) == len(set(found)), f"bit {bit} doubled a point"
            assert set(found) <= truth, f"bit {bit} was read as something else"
            assert len(found) >= len(truth) - 2, f"bit {bit} cost more than two points"
        path.write_bytes(data)


def test_every_truncation_of_two_parts_is_read_up_to_where_it_is_cut(layout: Layout) -> None:
    first, second = parts_of(layout)
    data = second.read_bytes()
    for size in range(len(data)):
        second.write_bytes(data[:size])
        steps = [row[1] for row in Reading(layout).go_on().points]
        assert steps == list(range(len(steps)))
        assert len(steps) >= 5
    second.write_bytes(data)
    data = first.read_bytes()
    for size in range(len(data)):
        first.write_bytes(data[:size])
        steps = [row[1] for row in Reading(layout).go_on().points]
        assert steps in ([*range(kept), *range(2, 8)] for kept in range(3)) or steps == list(range(8))


def test_a_part_that_turns_up_late_makes_the_state_stale_and_a_new_one_is_right(layout: Layout) -> None:
    first, _ = parts_of(layout)
    data = first.read_bytes()
    first.unlink()
    reading = Reading(layout).go_on()
    assert [row[1] for row in reading.points] == list(range(2, 8))
    assert reading.problems == ["cannot be read: No such file or directory"]
    first.write_bytes(data)
    reading.go_on()
    assert reading.stale
    assert [row[1] for row in reading.points] == list(range(2, 8)), "nothing was folded on top"
    again = Reading(layout).go_on()
    assert [row[1] for row in again.points] == list(range(8))
    assert not again.stale


def test_earlier_parts_are_read_first_whatever_names_are_given(layout: Layout) -> None:
    _, second = parts_of(layout)
    reading = Reading(layout).go_on([second.name])
    assert [row[1] for row in reading.points] == list(range(8))


@pytest.mark.parametrize("seed", range(8))
def test_a_reader_that_follows_a_failing_writer_sees_each_point_once(
    layout: Layout, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, broken = Random(seed), [False]

    def fdatasync(_fd: int) -> None:
        if broken[0]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("runstone_writer.part._fdatasync", fdatasync)
    monkeypatch.setattr("runstone_writer.log.RETRY_SECONDS", 0.0)
    log = LogWriter(layout, RUN)
    log.declare(0, "loss", {}, "number")
    reading = Reading(layout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for step in range(150):
            broken[0] = random.random() < 0.3
            log.point(0, step, 0.5, None)
            if random.random() < 0.2:
                log.sync()
            if random.random() < 0.2:
                reading.go_on(chunk=random.choice((50, 300, 4096)))
                assert [row[1] for row in reading.points] == list(range(step + 1))
        broken[0] = False
        log.close("end")
    assert [row[1] for row in reading.go_on().points] == list(range(150))
    assert [row[1] for row in Reading(layout).go_on().points] == list(range(150))
    assert len(layout.log_names(RUN)) > 3
    assert reading.problems == []


# -- files that are not what they were, or not what they say -------------------------------------------------------


def test_a_file_that_was_replaced_makes_the_state_stale_and_nothing_is_folded_on_top(layout: Layout) -> None:
    writer = new_writer()
    path = write(layout, writer, [header(writer), DECLARED, encode_point(0, 1, 0.5, 1, None)])
    reading = Reading(layout).go_on()
    write(
        layout,
        writer,
        [header(writer), DECLARED, *(encode_point(0, step, 1.5, 1, None) for step in range(5))],
    )
    reading.go_on()
    assert reading.stale
    assert reading.problems == ["the file is not the one that was read before"]
    assert [row[1] for row in reading.points] == [1]
    path.write_bytes(path.read_bytes()[:40])
    reading.go_on()
    assert reading.stale


@pytest.mark.parametrize("wrong", [{"run": "e" * 24}, {"writer": "19a0b5c1d2e-ffffffffffff"}, {"part": 1}])
def test_a_log_that_belongs_elsewhere_is_left_alone(layout: Layout, wrong: dict[str, Any]) -> None:
    writer, good = new_writer(), new_writer()
    head = header(**{"writer": writer} | wrong)
    write(layout, writer, [head, event("set", 1, key=["a"], value=1)])
    write(layout, good, [header(good), event("set", 1, key=["b"], value=2)])
    reading = Reading(layout).go_on().go_on()
    assert reading.state.params.tree() == {"b": 2}
    assert len(reading.problems) == 2
    assert "found in the place of" in reading.problems[0]


def test_a_newer_log_is_a_problem_and_the_others_are_read(layout: Layout) -> None:
    writer, good = new_writer(), new_writer()
    write(layout, writer, [header(writer, format=LOG_FORMAT + 1), event("set", 1, key=["a"], value=1)])
    write(layout, good, [header(good), event("set", 1, key=["b"], value=2)])
    reading = Reading(layout).go_on()
    assert reading.state.params.tree() == {"b": 2}
    assert len(reading.problems) == 1
    assert f"log format {LOG_FORMAT + 1}" in reading.problems[0]


def test_a_folder_with_the_name_of_a_log_is_foreign_and_the_logs_are_read(layout: Layout) -> None:
    writer, good = new_writer(), new_writer()
    write(layout, good, [header(good), event("set", 1, key=["b"], value=2)])
    Path(layout.log_path(RUN, log_name(writer, 0))).mkdir()
    reading = Reading(layout).go_on()
    assert reading.state.params.tree() == {"b": 2}
    assert reading.problems == []
    assert layout.foreign_names(RUN) == [log_name(writer, 0)]


def test_points_that_nothing_declares_are_kept_up_to_a_limit_and_then_reported(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "ORPHAN_LIMIT", 10)
    writer = new_writer()
    points = [encode_point(0, step, 0.5, step, None) for step in range(15)]
    write(layout, writer, [header(writer), *points])
    reading = Reading(layout).go_on()
    assert reading.points == []
    assert reading.problems == ["5 points of sequences that no intact line declares"]
    write(layout, writer, [header(writer), *points, DECLARED])
    assert [row[1] for row in reading.go_on().points] == list(range(10))


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [b"{}", b"[]", b"[[]]", b'{"event":"log"}', b"null", b'{"event":"set","key":["a"]}']
            ),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers(-(2**63), 2**64 - 1)
                | st.floats(-9, 9)
                | st.text(max_size=4),
                lambda inner: (
                    st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
                ),
                max_leaves=8,
            )
            .map(lambda value: value if isinstance(value, dict | list) else [value])
            .map(orjson.dumps),
        ),
        max_size=10,
    )
)
@settings(max_examples=150, deadline=None)
def test_no_line_with_a_right_checksum_is_ever_an_exception(
    tmp_path_factory: pytest.TempPathFactory, values: list[bytes]
) -> None:
    layout = open_repo(tmp_path_factory.mktemp("repo"), create=True)
    writer = new_writer()
    bodies = [
        v[:-1] + (b"," if v[-1:] == b"]" else b',"crc":')
        for v in values
        if len(v) > 1 and v[:1] in (b"[", b"{")
    ]
    write(layout, writer, [header(writer), DECLARED, *(b for b in bodies if b"\n" not in b), event("end", 9)])
    reading = Reading(layout).go_on(chunk=64)
    assert reading.state.ended is not None
    assert orjson.dumps(reading.state.dump())


# -- what is not written yet -----------------------------------------------------------------------------------------


def test_what_waits_for_the_storage_can_be_laid_over_a_state(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.append("set", key=["a"], value=1)
    state = Reading(layout).go_on().state
    points: list[list[Any]] = []
    waiting = [
        event("set", 10**9, key=["a"], value=2),
        DECLARED[: -len(b',"crc":')] + b',"crc":',
        encode_point(0, 3, 0.5, 10**9, None),
        encode_point(7, 3, 0.5, 10**9, None),
    ]
    over = with_unwritten(state, log.writer, waiting, lambda _s, _w, rows: points.extend(rows))
    assert over.params.tree() == {"a": 2}
    assert [row[:3] for row in points] == [[0, 3, 0.5]]
    assert state.params.tree() == {"a": 1}
    log.close()
