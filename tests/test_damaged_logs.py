"""Damaged logs: what is wrong with them is reported with its place, and nothing else is harmed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import (
    Journal,
    assert_index_is_right,
    assert_same_answers,
    hash_of,
    index,
    new_repo,
    problems,
    records,
    write_run,
)
from runstone_indexer import intake
from runstone_indexer.indexer import Indexer
from runstone_query.verify import verify
from runstone_writer.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def test_everything_wrong_is_reported_with_its_place_and_nothing_else_is_harmed(layout):
    for number in range(4):
        write_run(layout, number)
    torn = write_run(layout, 10, end=False)
    torn.raw(b"[0,3,0.5,")
    os.unlink(torn.hint)
    flipped = write_run(layout, 11)
    flipped.flip(4)
    folder = Path(layout.run_folder(hash_of(0)))
    (folder / "notes.txt").write_text("mine")
    empty = Journal(layout, hash_of(2), 60)
    Path(empty.path).write_bytes(b"")
    os.unlink(empty.hint)
    newer = Journal(layout, hash_of(3), 61)
    os.unlink(newer.path)
    newer.event("log", format=99, run=hash_of(3), writer=newer.writer, part=0, kind="run", host="", pid=1)
    linked = Journal(layout, "linked", 62)
    os.rename(linked.path, f"{linked.path}.away")
    os.symlink(f"{linked.path}.away", linked.path)
    zeros = Journal(layout, "zeros", 63)
    Path(zeros.path).write_bytes(bytes(4096))
    os.unlink(zeros.hint)

    report = index(layout)
    expected = sorted(
        [
            (os.path.basename(torn.path), "torn tail of 9 bytes"),
            (os.path.basename(flipped.path), "checksum mismatch"),
            ("notes.txt", "not a log of Runstone's"),
            (os.path.basename(empty.path), "empty log"),
            (
                os.path.basename(newer.path),
                "a log of run run0003 has log format 99; this Runstone reads up to 2",
            ),
            (os.path.basename(linked.path), "not a log of Runstone's"),
            (f"{os.path.basename(linked.path)}.away", "not a log of Runstone's"),
            (os.path.basename(zeros.path), "torn tail of 4096 bytes"),
        ]
    )
    assert sorted((os.path.basename(p.path), p.reason.partition(":")[0]) for p in report.problems) == expected
    assert problems(layout) == expected
    by_path = {p.path: p for p in report.problems}
    end = os.path.getsize(torn.path)
    assert (by_path[torn.path].start, by_path[torn.path].end) == (end - 9, end)
    assert by_path[flipped.path].end > by_path[flipped.path].start > 0

    verdict = verify(layout)
    assert {p.path for p in verdict.damage} == {flipped.path, newer.path, linked.path}
    assert {p.path for p in verdict.tails} == {torn.path, empty.path, zeros.path}
    assert {os.path.basename(p.path) for p in verdict.foreign} == {
        "notes.txt",
        f"{os.path.basename(linked.path)}.away",
    }
    assert verdict.index == []
    assert_same_answers(layout)
    assert sorted(records(layout)) == sorted([hash_of(n) for n in (0, 1, 2, 3, 10, 11)])


def test_a_problem_that_is_put_right_is_not_reported_any_more(layout):
    torn = write_run(layout, 1, end=False)
    whole = Path(torn.path).read_bytes()
    torn.track(5.0, step=50)
    complete = Path(torn.path).read_bytes()
    Path(torn.path).write_bytes(complete[:-4])
    os.unlink(torn.hint)
    foreign = Path(layout.run_folder(hash_of(1)), "notes.txt")
    foreign.write_text("mine")
    linked = Journal(layout, "linked", 62)
    os.rename(linked.path, f"{linked.path}.tmp")
    os.symlink("/nowhere", linked.path)
    index(layout)
    assert len(problems(layout)) == 4
    assert len(problems(layout)) == len(index(layout).problems)

    Path(torn.path).write_bytes(complete)
    foreign.unlink()
    os.unlink(linked.path)
    os.rename(f"{linked.path}.tmp", linked.path)
    assert index(layout).problems == []
    assert problems(layout) == []
    assert len(whole) < len(complete)
    assert_index_is_right(layout)


def test_damage_is_reported_until_the_index_is_built_anew_from_repaired_logs(layout):
    journal = write_run(layout, 1)
    good = Path(journal.path).read_bytes()
    journal.flip(3)
    index(layout)
    for _ in range(3):
        assert index(layout).problems == []
        assert [reason for _, reason in problems(layout)] == ["checksum mismatch"]
    Path(journal.path).write_bytes(good)
    Indexer(layout).reindex()
    assert problems(layout) == []


def test_the_damage_of_a_log_that_is_gone_is_forgotten(layout):
    journal = write_run(layout, 1)
    journal.flip(3)
    index(layout)
    assert len(problems(layout)) == 1
    shutil.rmtree(layout.run_folder(hash_of(1)))
    index(layout)
    assert problems(layout) == []


def test_the_unfinished_line_of_a_writer_that_lives_is_no_problem(layout):
    journal = write_run(layout, 1, end=False)
    journal.raw(b"[0,3,")
    assert index(layout).problems == []
    os.unlink(journal.hint)
    assert [p.reason for p in index(layout).problems] == ["torn tail of 5 bytes"]


def test_the_clock_of_the_file_system_is_asked_once_a_pass(layout, monkeypatch):
    for number in range(8):
        write_run(layout, number, end=False).raw(b"[0,3,")
    asked = []
    monkeypatch.setattr(intake, "file_system_now", lambda where: asked.append(where) or 0.0)
    index(layout)
    assert len(asked) == 1


def test_a_run_that_cannot_be_indexed_harms_no_other_and_is_found_by_queries(layout, monkeypatch):
    for number in range(3):
        write_run(layout, number, hint=False)
    real = intake.read_on

    def fail(where: Layout, state: Any, folder: Any) -> Any:
        if state.run == hash_of(1):
            raise ZeroDivisionError("no reason")
        return real(where, state, folder)

    monkeypatch.setattr(intake, "read_on", fail)
    with Indexer(layout) as indexer:
        report = indexer.run_once()
        assert [p.reason for p in report.problems] == ["cannot be indexed: ZeroDivisionError: no reason"]
        assert_same_answers(layout)
        assert sorted(records(layout)) == [hash_of(n) for n in range(3)]
        assert indexer.run_once(full=False).problems == []  # not tried again before it changes
    monkeypatch.setattr(intake, "read_on", real)
    assert index(layout).problems == []
    assert_index_is_right(layout)


def test_a_run_of_which_nothing_can_be_read_is_no_run(layout):
    Path(Journal(layout, "empty", 1).path).write_bytes(b"")
    index(layout)
    assert records(layout) == {}
    assert_index_is_right(layout)


UNREADABLE = """
import os, sys
sys.path.insert(0, sys.argv[2])
from journals import *
layout = Layout(sys.argv[1])
file = layout.log_path(hash_of(1), layout.log_names(hash_of(1))[0])
folder = layout.run_folder(hash_of(2))
from runstone_writer.layout import shard
room = os.path.join(layout.logs, shard(hash_of(3)))
places = (file, folder, room)
os.makedirs(layout.index, exist_ok=True)
if sys.argv[3] == "before":
    index(layout)
for place in places:
    os.chmod(place, 0)
report = index(layout)
names = sorted(os.path.basename(p.path) for p in report.problems)
print(sorted(p.reason for p in report.problems), names == sorted(map(os.path.basename, places)))
print(sorted(records(layout)))
for place in places:
    os.chmod(place, 0o755)
print(index(layout).problems)
assert_index_is_right(layout)
print(sorted(records(layout)))
"""


@pytest.mark.parametrize("when", ["before", "never"])
def test_what_may_not_be_read_is_reported_and_indexed_when_it_may(layout, when):
    """Nothing that is indexed already is lost by it."""
    for number in range(5):
        write_run(layout, number)
    everything = [hash_of(n) for n in range(5)]
    script = UNREADABLE.replace("sys.argv[2]", repr(str(Path(__file__).parent))).replace(
        "sys.argv[3]", repr(when)
    )
    done = unprivileged(layout, script)
    refused = ["cannot be read: Permission denied"] * 3
    some = everything if when == "before" else [hash_of(0), hash_of(4)]
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert lines[0] == f"{refused} True" or when == "before"
    assert lines[1:] == [str(some), "[]", str(everything)]


def unprivileged(layout: Layout, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script for which permissions count, for root as well, and that may write."""
    import processes

    command = [sys.executable, "-c", processes.UNPRIVILEGED, "-c", script, layout.root]
    return subprocess.run(command, capture_output=True, text=True, check=False)
