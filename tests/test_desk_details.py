"""Details of one run, its history, what it printed and logged, and its logs as they are."""

from __future__ import annotations

import math
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from desk import ask, told
from journals import Journal, hash_of, new_repo
from processes import QUIET
from runstone import Repo, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_ui.desk import lines
from runstone_writer.errors import MissingRunError
from runstone_writer.layout import Layout
from runstone_writer.log import LogWriter


@pytest.fixture(params=["index", "logs", "half"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """One run with something of everything, in the index or not, or in parts."""
    (tmp_path / "model.bin").write_bytes(b"weights")
    run = Run(repo=tmp_path, experiment="exp", **QUIET)
    run.name, run.description = "first", "of all"
    run["hparams"] = {"lr": 0.1, "nan": math.nan, 5: "five"}
    run["when"] = datetime(2026, 11, 22, tzinfo=UTC)
    run["array"] = np.array([1.0, 2.0])
    run["list"] = [{"a": 1}, {"a": 2}]
    run["list", 0, "a"] = 7
    run.track(1.0, name="loss", context={"subset": "val"})
    if request.param == "half":
        Indexer(tmp_path).run_once()
    run.track(math.inf, name="loss", context={"subset": "val"})
    run.add_tag("good")
    run.log_artifact(tmp_path / "model.bin", "model", block=True)
    run.add_note("look here")
    for number in range(5):
        run.log_info(f"message {number}", number=number, odd=math.nan)
    run.close()
    if request.param == "index":
        Indexer(tmp_path).run_once()
    return tmp_path, run.hash


def test_a_run_is_told_in_full(made: tuple[Path, str]) -> None:
    path, run = made
    found, stored = told(path, "run", hash=run), Repo(path).get_run(run)
    assert stored is not None
    assert {
        name: found[name]
        for name in ("hash", "name", "experiment", "description", "status", "archived", "tags")
    } == {
        "hash": run,
        "name": "first",
        "experiment": "exp",
        "description": "of all",
        "status": "finished",
        "archived": False,
        "tags": ["good"],
    }
    assert (found["created"], found["ended"]) == (stored.creation_time, stored.end_time)
    assert found["duration"] == stored.duration
    assert found["system"] == {}
    (note,) = found["notes"]
    assert (note["text"], note["time"], note["id"]) == (
        "look here",
        stored.notes[0].created,
        stored.notes[0].id,
    )
    (artifact,) = found["artifacts"]
    assert (artifact["name"], artifact["size"], artifact["error"]) == ("model", 7, None)
    assert artifact["uri"] == f".runstone/blobs/{artifact['digest'][:2]}/{artifact['digest']}"
    (writer,) = found["writers"]
    assert (writer["status"], found["problems"]) == ("finished", [])


def test_parameters_are_told_as_the_log_has_them(made: tuple[Path, str]) -> None:
    params = told(made[0], "run", hash=made[1])["params"]
    assert params["hparams"] == {"$dict": [["lr", 0.1], ["nan", {"$float": "nan"}], [5, "five"]]}
    assert params["when"] == {"$datetime": "2026-11-22T00:00:00+00:00"}
    assert params["array"]["$array"][:2] == ["<f8", [2]]
    assert params["list"] == [{"a": 7}, {"a": 2}]


def test_sequences_are_told_with_their_summaries(made: tuple[Path, str]) -> None:
    (sequence,) = told(made[0], "run", hash=made[1])["sequences"]
    assert (sequence["kind"], sequence["name"], sequence["context"]) == ("metric", "loss", {"subset": "val"})
    infinite = {"$float": "inf"}
    assert sequence["summary"] == {
        "first": 1.0, "last": infinite, "min": 1.0, "max": infinite, "mean": infinite,
        "count": 2, "first_step": 0, "last_step": 1,
    }  # fmt: skip


def test_the_environment_stands_apart(tmp_path: Path) -> None:
    with Run(repo=tmp_path, log_system_params=True, **QUIET) as run:
        run["lr"] = 1
    found = told(tmp_path, "run", hash=run.hash)
    assert found["params"] == {"lr": 1}
    assert found["system"]["packages"]["numpy"]
    assert [change["name"] for change in told(tmp_path, "history", hash=run.hash)["changes"]] == ["lr"]


def test_objects_of_every_kind_are_among_the_sequences(tmp_path: Path) -> None:
    ((run, _),) = aimql_repo.build(tmp_path, names="bob").items()
    kinds = [sequence["kind"] for sequence in told(tmp_path, "run", hash=run)["sequences"]]
    assert sorted(set(kinds)) == ["audios", "distributions", "figures", "images", "metric", "texts"]


def test_what_is_damaged_is_said(made: tuple[Path, str]) -> None:
    path, run = made
    (log,) = (path / ".runstone" / "logs").glob(f"*/{run}/*.jsonl")
    data = bytearray(log.read_bytes())
    at = data.index(b'"first"')
    data[at + 2] ^= 1
    log.write_bytes(data)
    (log.parent / "stranger.txt").write_text("?")
    Indexer(path).reindex()
    problems = told(path, "run", hash=run)["problems"]
    assert [problem["file"] for problem in problems] == [log.name, "stranger.txt"]
    assert problems[0]["start"] < at < problems[0]["end"]


def test_several_writers_have_a_status_each(tmp_path: Path) -> None:
    first = Run(repo=tmp_path, **QUIET)
    second = Run(first.hash, repo=tmp_path, **QUIET)
    ended, going = first._log.writer, second._log.writer
    first.close()
    writers = told(tmp_path, "run", hash=first.hash)["writers"]
    assert {writer["id"]: writer["status"] for writer in writers} == {ended: "finished", going: "running"}
    second.close()


@pytest.mark.parametrize("name", ["run", "history", "terminal", "records", "events"])
def test_a_run_that_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    Repo(tmp_path, init=True)
    for run in ("nothing", "../..", ""):
        with pytest.raises(MissingRunError):
            ask(tmp_path, name, hash=run)


# -- history -----------------------------------------------------------------------------------------------------


def test_each_change_is_told_with_what_was_there_before(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run["hparams"] = {"lr": 0.1, "deep": {"a": 1}}
    run["hparams", "lr"] = math.nan
    run["hparams", "deep", "b"] = 2
    del run["hparams", "deep"]
    run["hparams"] = 5
    run.name = "a"
    run.close()
    stored = Repo(tmp_path).get_run(run.hash)
    assert stored is not None
    stored.name = "b"
    stored.add_tag("t")
    stored.remove_tag("t")
    note = stored.add_note("one")
    stored.update_note(note, "two")
    stored.remove_note(note)
    changes = told(tmp_path, "history", hash=run.hash)["changes"]
    assert [
        (c["kind"], c["name"], c["before"], c["after"]) for c in changes if c["name"] != "experiment"
    ] == [
        ("params", "hparams", None, {"lr": 0.1, "deep": {"a": 1}}),
        ("params", "hparams.lr", 0.1, {"$float": "nan"}),
        ("params", "hparams.deep.b", None, 2),
        ("params", "hparams.deep", {"a": 1, "b": 2}, None),
        ("params", "hparams", {"lr": {"$float": "nan"}}, 5),
        ("props", "name", None, "a"),
        ("props", "name", "a", "b"),
        ("tags", "t", False, True),
        ("tags", "t", True, False),
        ("notes", note, None, "one"),
        ("notes", note, "one", "two"),
        ("notes", note, "two", None),
    ]
    times = [change["time"] for change in changes]
    assert times == sorted(times)
    assert time.time() - 600 < times[0] <= times[-1]
    assert len({change["writer"] for change in changes}) > 5


def test_the_last_change_is_what_the_run_has(made: tuple[Path, str]) -> None:
    """Also where an assignment leads into a list."""
    changes = told(made[0], "history", hash=made[1])["changes"]
    assert changes[-1]["kind"] == "notes"
    last = {change["name"]: change["after"] for change in changes if change["kind"] == "params"}
    params = told(made[0], "run", hash=made[1])["params"]
    assert (last["hparams"], last["array"], last["list[0].a"]) == (params["hparams"], params["array"], 7)


@pytest.mark.parametrize("is_indexed", [True, False])
def test_the_duration_of_a_run_that_crashed_ends_with_its_last_event(
    tmp_path: Path, is_indexed: bool
) -> None:
    journal = Journal(new_repo(tmp_path), hash_of(1), 1)
    journal.event("open")
    journal.event("set", key=["lr"], value=0.1)
    os.utime(journal.hint, (0, 0))
    edit = Journal(journal.layout, journal.run, 3600, kind="edit")
    edit.event("tag", name="seen", on=True)
    if is_indexed:
        Indexer(tmp_path).run_once()
    found = told(tmp_path, "run", hash=journal.run)
    assert (found["status"], found["ended"]) == ("crashed", None)
    _, opened, last = (orjson.loads(line).get("dt") for line in Path(journal.path).read_bytes().splitlines())
    assert found["duration"] == pytest.approx((last - opened) / 1e6)


# -- lines -------------------------------------------------------------------------------------------------------


def test_records_come_in_pages(made: tuple[Path, str]) -> None:
    path, run = made

    def messages(**arguments: Any) -> list[str]:
        found = told(path, "records", hash=run, **arguments)
        assert found["total"] == 5
        return [record["message"] for record in found["records"]]

    everything = [f"message {number}" for number in range(5)]
    assert messages() == everything
    assert messages(limit=2) == everything[:2]
    assert messages(after=1, limit=2) == everything[2:4]
    assert messages(after="-2") == everything[3:]
    assert messages(after=-100) == everything
    assert messages(after=4) == messages(limit=0) == []
    record = told(path, "records", hash=run)["records"][3]
    assert (record["step"], record["level"], record["args"]) == (
        3,
        "INFO",
        {"number": 3, "odd": {"$float": "nan"}},
    )


def later_writer(layout: Layout, run: str) -> LogWriter:
    """A writer that comes behind all others: of two that begin in one millisecond chance decides who is first."""
    begun = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == begun:
        pass
    return LogWriter(layout, run)


@pytest.mark.parametrize("is_indexed", [True, False])
def test_the_records_of_several_processes_come_in_pages(tmp_path: Path, is_indexed: bool) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run.close()
    for letter, count in (("a", 5), ("b", 3)):
        log = later_writer(run._layout, run.hash)
        log.declare(0, "__log_records", {}, "log_record")
        rows = [{"level": "INFO", "message": f"{letter}{number}", "args": {}} for number in range(count)]
        log.points(0, list(enumerate(rows)))
        log.close("end")
        if is_indexed and letter == "a":
            Indexer(tmp_path).run_once()

    def messages(**arguments: Any) -> str:
        found = told(tmp_path, "records", hash=run.hash, **arguments)
        assert found["total"] == 8
        return " ".join(record["message"] for record in found["records"])

    everything = "a0 b0 a1 b1 a2 b2 a3 a4"
    assert messages() == everything
    assert messages(limit=3) == "a0 b0 a1 b1"
    assert messages(after=0, limit=2) == "a1 b1"
    assert [messages(after=-number) for number in range(2, 9)] == [
        " ".join(everything.split()[-number:]) for number in range(2, 9)
    ]
    assert messages(after=4) == ""


def printed(path: Path, *, is_indexed: bool) -> str:
    """A run of two processes that print: "a0" to "a9", and "b0" to "b4" under the same numbers. "a3" changes."""
    run = Run(repo=path, **QUIET)
    layout = run._layout
    run.close()
    for letter, count in (("a", 10), ("b", 5)):
        log = later_writer(layout, run.hash)
        log.declare(0, "logs", {}, "log_line")
        log.points(0, [(number, f"{letter}{number}") for number in range(count)])
        if letter == "a":
            log.points(0, [(3, "a3 changed")])
        log.close("end")
        if is_indexed and letter == "a":
            Indexer(path).run_once()
    return run.hash


@pytest.mark.parametrize("is_indexed", [True, False])
def test_what_was_printed_comes_in_pages(tmp_path: Path, is_indexed: bool) -> None:
    run = printed(tmp_path, is_indexed=is_indexed)

    def shown(**arguments: Any) -> str:
        found = told(tmp_path, "terminal", hash=run, **arguments)
        assert found["total"] == 15
        return " ".join(line["text"].replace(" ", "_") for line in found["lines"])

    everything = "a0 b0 a1 b1 a2 b2 a3_changed b3 a4 b4 a5 a6 a7 a8 a9"
    assert shown() == everything
    stored = Repo(tmp_path).get_run(run)
    assert stored is not None
    terminal = stored.get_terminal_logs()
    assert terminal is not None
    assert [line.line.replace(" ", "_") for line in terminal] == everything.split()
    assert shown(limit=2) == "a0 b0"
    assert shown(limit=3) == "a0 b0 a1 b1"  # the rest of a step is not lost between two pages
    assert shown(after=1, limit=4) == "a2 b2 a3_changed b3"
    assert shown(after=8) == "a9"
    assert shown(after=9) == shown(limit=0) == ""
    assert shown(after=-2) == "a8 a9"
    assert shown(after=-6) == "b4 a5 a6 a7 a8 a9"
    assert shown(after="-1000") == everything
    steps = [line["step"] for line in told(tmp_path, "terminal", hash=run, after=3)["lines"]]
    assert steps == [4, 4, 5, 6, 7, 8, 9]


def test_a_run_that_said_nothing_has_no_lines(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1, name="loss")
    assert told(tmp_path, "terminal", hash=run.hash) == {"lines": [], "total": 0}
    assert told(tmp_path, "records", hash=run.hash) == {"records": [], "total": 0}


# -- events ------------------------------------------------------------------------------------------------------


def test_logs_are_shown_line_by_line_as_they_are(made: tuple[Path, str]) -> None:
    path, run = made
    (log,) = (path / ".runstone" / "logs").glob(f"*/{run}/*.jsonl")
    data, at, seen = log.read_bytes(), 0, []
    while at is not None:
        page = told(path, "events", hash=run, log=log.name, offset=at, limit=4)
        assert page["logs"] == [{"file": log.name, "size": len(data)}]
        assert page["log"] == log.name
        assert 1 <= len(page["lines"]) <= 4
        assert page["lines"][0]["offset"] == at
        seen += page["lines"]
        at = page["next"]
    assert "".join(line["text"] + "\n" for line in seen).encode() == data
    assert told(path, "events", hash=run)["log"] == log.name
    assert told(path, "events", hash=run, offset=10**9)["lines"] == []


def test_bytes_that_are_no_text_are_spelled_out(made: tuple[Path, str]) -> None:
    path, run = made
    (log,) = (path / ".runstone" / "logs").glob(f"*/{run}/*.jsonl")
    size = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"\xff\x00torn")
    page = told(path, "events", hash=run, offset=size)
    assert page["lines"] == [{"offset": size, "text": "\\xff\0torn"}]
    assert page["next"] is None


def test_a_page_of_long_lines_ends_early(made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_BYTES", 1)
    page = told(made[0], "events", hash=made[1])
    assert len(page["lines"]) == 1
    assert page["next"] == len(page["lines"][0]["text"]) + 1


def test_no_other_file_is_shown(made: tuple[Path, str]) -> None:
    path, run = made
    folder = next((path / ".runstone" / "logs").glob(f"*/{run}"))
    (folder / "notes.txt").write_text("private")
    (path / "secret.jsonl").write_text("private")
    for name in (
        "notes.txt",
        "../../../secret.jsonl",
        str(path / "secret.jsonl"),
        "19a0b5c1d2e-00c0ffee0001.jsonl",
    ):
        with pytest.raises(UsageError, match="log is not"):
            ask(path, "events", hash=run, log=name)
