"""Replaying logs: in one go or in pieces, in any order of writers, with damage and with malice."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from runstone_writer.layout import Layout, log_name, new_writer, open_repo
from runstone_writer.lines import frame
from runstone_writer.log import LogWriter, encode_event, encode_point
from runstone_writer.replay import replay
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
        line, crc = frame(body, crc)
        data += line
    path = folder / log_name(writer, part)
    path.write_bytes(data)
    return path


def header(writer: str, **fields: Any) -> bytes:
    event = {
        "event": "log",
        "format": 1,
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

    def go_on(self, names: list[str] | None = None, chunk: int = 4096) -> Reading:
        names = self.layout.log_names(RUN) if names is None else names
        done = replay(
            self.layout, self.state, names, lambda _s, _w, rows: self.points.extend(rows), chunk=chunk
        )
        self.problems += [problem.reason for problem in done.problems]
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
    assert reading.state.params.tree().get("ok") == 1
    assert reading.state.ended is not None
    assert 7 in [row[1] for row in reading.points]


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
