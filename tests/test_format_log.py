"""docs/format/log.md and the code say the same: its tables, its numbers and its worked example."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import orjson
import pytest

from runstone_writer.cargo import WAITING_LIMIT as BLOBS_LIMIT
from runstone_writer.kinds import PLAIN
from runstone_writer.layout import LOG_SUFFIX, log_name, open_repo
from runstone_writer.lines import LINE_LIMIT, LOG_FORMAT, key_of
from runstone_writer.log import CHECKPOINT_BYTES, UNSYNCED_LIMIT, WAITING_LIMIT, LogWriter
from runstone_writer.media.audio import Audio
from runstone_writer.media.custom import BUILT_IN, INLINE_LIMIT, RESERVED, CustomObject
from runstone_writer.media.distribution import Distribution
from runstone_writer.media.figure import Figure
from runstone_writer.media.image import Image
from runstone_writer.media.objects import FIELDS
from runstone_writer.media.shelf import PARTIAL
from runstone_writer.media.text import Text
from runstone_writer.reader import Position, parse, read_log
from runstone_writer.replay import ORPHAN_LIMIT, replay
from runstone_writer.run import Run
from runstone_writer.state import EVENTS, PROPS, RunState
from runstone_writer.tender import BEAT_SECONDS, LEASE_SECONDS
from runstone_writer.values import TAGS

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/format/log.md").read_text() if (ROOT / "docs").exists() else ""
FOLDER = Path(__file__).parent / "golden"
GOLDEN, NOTES = FOLDER / f"log-v{LOG_FORMAT}.jsonl", FOLDER / f"notes-v{LOG_FORMAT}.jsonl"
PARTS = [FOLDER / f"parts-v{LOG_FORMAT}.jsonl", FOLDER / f"parts-v{LOG_FORMAT}.1.jsonl"]
GOLDEN_RUN, WRITERS = "5f1e9c0ffee0ddba11ca5cad", ["19a0b5c1d2e-00c0ffee0001", "19a0b5c1d30-00c0ffee0003"]
VERSIONS = pytest.mark.parametrize("version", range(1, LOG_FORMAT + 1))
TYPES = {"integer": int, "string": str, "boolean": bool, "number": (int, float)}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading."""
    below = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def fields() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for event, field, kind, _ in rows("Events"):
        table.setdefault(event, {})[field] = kind
    return table


def test_the_events_of_the_page_are_those_that_readers_know() -> None:
    assert set(fields()) == set(EVENTS)


def test_the_tags_of_the_page_are_those_of_the_code() -> None:
    assert {row[0].strip("`") for row in rows("Tagged JSON")} == set(TAGS)
    views = {tag for row in rows("Plain views") for tag in re.findall(r"`(\$\w+)`", row[0])}
    assert views == set(PLAIN)


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"{LINE_LIMIT:,} bytes" in PAGE
    assert f"{CHECKPOINT_BYTES:,} bytes" in PAGE
    assert f"specification of format {LOG_FORMAT}" in PAGE
    assert f"up to {WAITING_LIMIT >> 20} MiB" in PAGE
    assert f"up to {ORPHAN_LIMIT:,} of them" in PAGE
    assert UNSYNCED_LIMIT == 1_000_000
    assert "at\n  most a million lines" in PAGE
    assert f"up to {INLINE_LIMIT:,} bytes (a bin counts as 20)" in PAGE
    assert f"more than {INLINE_LIMIT:,} are `$blob`" in PAGE
    assert f"(up to {BLOBS_LIMIT >> 20} MiB of blobs)" in PAGE
    repository = (ROOT / "docs/format/repository.md").read_text()
    assert f"`{PARTIAL}`" in repository
    assert f"every {BEAT_SECONDS:.0f} seconds" in repository
    assert f"After {LEASE_SECONDS:.0f} seconds" in repository
    assert all(f'"{name}"' in PAGE for name in PROPS)
    assert f"<writer>{LOG_SUFFIX}" in repository


def test_the_worked_examples_are_the_golden_files() -> None:
    assert f"```\n{GOLDEN.read_text()}```" in PAGE
    assert f"```\n{NOTES.read_text()}```" in PAGE
    assert f"```\n{PARTS[0].read_text()}\n```" in PAGE
    assert f"```\n{PARTS[1].read_text()}```" in PAGE


def test_the_worked_example_reads_back_whole() -> None:
    data = GOLDEN.read_bytes()
    batch = parse(data, Position(), key=key_of(GOLDEN_RUN, log_name(WRITERS[0], 0)))
    assert batch.damage == []
    assert batch.position.offset == len(data)
    assert [event["event"] for event in batch.events] == re.findall(r'"event":"(\w+)"', data.decode())
    others = parse(NOTES.read_bytes(), Position(), key=key_of(GOLDEN_RUN, log_name(WRITERS[1], 0)))
    assert (others.damage, others.position.offset) == ([], len(NOTES.read_bytes()))
    assert {event["event"] for event in batch.events + others.events} == set(EVENTS) - {"resent"}, (
        "the examples have every event"
    )
    assert [row[:3] for row in batch.points] == [[0, 0, 2.302585], [0, 1, 1.871], [0, 2, "nan"]]


@VERSIONS
def test_the_golden_file_gives_the_state_that_it_always_gave(tmp_path: Path, version: int) -> None:
    layout = open_repo(tmp_path, create=True)
    run, writer = GOLDEN_RUN, WRITERS[0]
    folder = Path(layout.run_folder(run))
    folder.mkdir(parents=True)
    (folder / f"{writer}.jsonl").write_bytes((FOLDER / f"log-v{version}.jsonl").read_bytes())
    state, points = RunState(run), []
    done = replay(layout, state, layout.log_names(run), lambda _s, _w, batch: points.extend(batch))
    assert (done.problems, done.bytes_left) == ([], 0)
    assert state.params.tree() == {"hparams": {"lr": 0.001, "layers": [64, 64]}}
    assert (state.experiment, state.tags, state.deleted, len(points)) == ("digits", ["baseline"], False, 3)
    assert state.created == 0x19A0B5C1D2E * 1000 + 310
    assert state.ended == 0x19A0B5C1D2E * 1000 + 36650
    assert state.writers[writer].dropped == 3


@VERSIONS
def test_the_golden_parts_give_each_point_once(tmp_path: Path, version: int) -> None:
    layout = open_repo(tmp_path, create=True)
    run, writer = "5f1e9c0ffee0ddba11ca5cad", "19a0b5c1d2e-00c0ffee0002"
    Path(layout.run_folder(run)).mkdir(parents=True)
    for number, part in enumerate((f"parts-v{version}.jsonl", f"parts-v{version}.1.jsonl")):
        Path(layout.log_path(run, log_name(writer, number))).write_bytes((FOLDER / part).read_bytes())
    state, points = RunState(run), []
    done = replay(layout, state, layout.log_names(run), lambda _s, _w, batch: points.extend(batch))
    assert (done.problems, done.tails, done.bytes_left) == ([], [], 0)
    assert [row[1:3] for row in points] == [[0, 0.5], [1, 0.625], [2, 0.75], [3, 0.8125], [4, 0.875]]


def test_a_second_part_is_written_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogWriter(open_repo(tmp_path, create=True), "a" * 24)
    log.declare(0, "acc", {}, "number")
    log.sync()
    first, durable = Path(log.path()), Path(log.path()).stat().st_size
    log.point(0, 1, 0.625, None)

    def failing(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("runstone_writer.part._fdatasync", failing)
    log.sync()
    monkeypatch.undo()
    with pytest.warns(RuntimeWarning, match="Input/output error"):
        log.point(0, 2, 0.75, None)
    second = [orjson.loads(line) for line in Path(log.path()).read_bytes().splitlines()]
    log.close("end")
    assert second[0]["from"] == [0, durable]
    assert [row["event"] if isinstance(row, dict) else row[1] for row in second] == [
        "log",
        "sequence",
        1,
        "resent",
        2,
    ]
    assert first.read_bytes()[durable:].startswith(b"[0,1,0.625,")
    for row in second:
        if isinstance(row, dict):
            assert row.keys() - {"event", "crc"} <= fields()[row["event"]].keys()


def test_what_a_run_writes_is_on_the_page(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, experiment="x", system_tracking_interval=None, capture_terminal_logs=False)
    run["hparams"] = {"lr": 0.1}
    del run["hparams", "lr"]
    run.name, run.description, run.archived = "n", "d", True
    run.add_tag("t")
    run.remove_tag("t")
    for step in range(3):
        run.track(0.5, name="loss", context={"a": 1}, epoch=step)
    run.update_note(run.add_note("a"), "b")
    run.log_info("hello", n=1)
    run.report_progress(expect_next_in=0.5)
    run.report_successful_finish()
    path = run._log.path()  # type: ignore[union-attr]
    run.close()
    known = fields()
    written = set()
    for event in read_log(path).events:
        written.add(event["event"])
        allowed = known[event["event"]]
        for field, value in event.items():
            if field not in ("event", "crc"):
                assert field in allowed, f"{event['event']}.{field} is not on the page"
                assert isinstance(value, TYPES.get(allowed[field], object))
    assert written == {
        "log", "open", "set", "unset", "prop", "tag", "sequence", "note", "progress", "end",
    }  # fmt: skip


@VERSIONS
def test_the_golden_log_of_a_forked_process_gives_the_state_that_it_always_gave(
    tmp_path: Path, version: int
) -> None:
    layout = open_repo(tmp_path, create=True)
    run, writer = GOLDEN_RUN, WRITERS[1]
    Path(layout.run_folder(run)).mkdir(parents=True)
    Path(layout.log_path(run, log_name(writer, 0))).write_bytes(
        (FOLDER / f"notes-v{version}.jsonl").read_bytes()
    )
    state = RunState(run)
    assert replay(layout, state, layout.log_names(run), lambda *_: None).problems == []
    base = 0x19A0B5C1D30 * 1000
    assert state.note_marks == {"a1b2c3d4e5f6": (base + 120, (base + 180, writer), None)}
    assert {name: kept["path"] for name, (_, kept) in state.artifact_marks.items()} == {
        "model.pt": "out/model.pt",
        "big.pt": "out/big.pt",
    }
    assert state.writers[writer].progress == [base + 200, 60, False]
    assert state.writers[writer].parent == "19a0b5c1d2e-00c0ffee0001"


def test_an_edit_says_that_it_is_one(tmp_path: Path) -> None:
    layout = open_repo(tmp_path, create=True)
    log = LogWriter(layout, "a" * 24, kind="edit")
    log.append("delete", on=True)
    log.close("end")
    header = orjson.loads(Path(log.path()).read_bytes().splitlines()[0])
    assert header["kind"] == "edit"


def states() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for kind, field, meaning in rows("Objects"):
        table.setdefault(kind, {})[field] = meaning
    return table


def test_the_kinds_of_objects_and_their_fields_are_on_the_page() -> None:
    assert tuple(states()) == BUILT_IN == tuple(FIELDS)
    assert {kind: set(fields) for kind, fields in states().items()} == {
        kind: set(fields) for kind, fields in FIELDS.items()
    }
    others = [name for name in RESERVED if name not in BUILT_IN]
    assert f"Types {', '.join(map(repr, others[:-1]))} and {others[-1]!r}".replace("'", '"') in PAGE


def test_what_objects_are_in_a_log_is_on_the_page(tmp_path: Path) -> None:
    import numpy as np
    import plotly.graph_objects as go

    objects: dict[str, tuple[CustomObject, bool]] = {
        "image": (Image(np.zeros((2, 3), np.uint8), caption="c"), True),
        "audio": (Audio(np.zeros(3, np.int16)), True),
        "text": (Text("t"), False),
        "texts": (Text("t" * (INLINE_LIMIT + 1)), True),
        "distribution": (Distribution([1, 2]), False),
        "distributions": (Distribution([1, 2], INLINE_LIMIT // 20 + 1), True),
        "figure": (Figure(go.Figure()), True),
    }
    run = Run(repo=tmp_path, system_tracking_interval=None, capture_terminal_logs=False)
    for name, (one, _) in objects.items():
        run.track(one, name=name)
        run.track([one, one], name=name)
        run["p"] = one
    path = run._log.path()  # type: ignore[union-attr]
    run.close()
    batch = read_log(path)
    declared = {event["id"]: event for event in batch.events if event["event"] == "sequence"}
    parameters = [event["value"]["$object"] for event in batch.events if event["event"] == "set"]
    points = [(declared[row[0]], row[2]) for row in batch.points]
    for (declaration, single), (_, several), parameter in zip(
        points[::2], points[1::2], parameters, strict=True
    ):
        kind, (_, in_blob) = declaration["type"], objects[declaration["name"]]
        assert kind == declaration["name"].removesuffix("s")
        assert several == [single, single]
        assert parameter == [kind, single]
        known = set(states()[kind])
        assert set(single) == (known - {"data"} | {"blob", "size"} if in_blob else known)
        if in_blob:
            content = Path(run._layout.blob_path(single["blob"])).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (single["blob"], single["size"])
            assert Path(run._layout.blob_path(single["blob"])).parent.name == single["blob"][:2]
    text, weights = points[6][1], points[10][1]
    assert Path(run._layout.blob_path(text["blob"])).read_text() == "t" * (INLINE_LIMIT + 1)
    data = Path(run._layout.blob_path(weights["blob"])).read_bytes()
    assert np.frombuffer(data, weights["dtype"]).sum() == 2


def test_bytes_of_somebodys_own_object_are_as_the_page_says(tmp_path: Path) -> None:
    class Own(CustomObject):
        AIM_NAME = "tests.format"

    own = Own()
    own.storage.update({"short": b"ab", "long": b"x" * (INLINE_LIMIT + 1)})
    run = Run(repo=tmp_path, system_tracking_interval=None, capture_terminal_logs=False)
    run.track(own, name="x")
    path = run._log.path()  # type: ignore[union-attr]
    run.close()
    batch = read_log(path)
    (declaration,) = (event for event in batch.events if event["event"] == "sequence")
    (row,) = batch.points
    digest = hashlib.sha256(b"x" * (INLINE_LIMIT + 1)).hexdigest()
    assert declaration["type"] == "tests.format"
    assert row[2] == {
        "short": {"$bytes": "YWI="},
        "long": {"$blob": {"blob": digest, "size": INLINE_LIMIT + 1}},
    }
