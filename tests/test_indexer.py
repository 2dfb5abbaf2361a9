"""The indexer: built in pieces, at once, or not at all, an index never changes an answer."""

import errno
import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from journals import (
    Journal,
    Scribe,
    assert_index_is_right,
    assert_same_answers,
    hash_of,
    index,
    new_repo,
    records,
    write_run,
)
from processes import without_write_permission
from runstone_indexer import indexer as module
from runstone_indexer import intake, parameters
from runstone_indexer.generation import Generation, open_generation
from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import manifest_path, publish
from runstone_query.overlay import Tail
from runstone_query.verify import verify
from runstone_writer.errors import IndexBusyError, StoreError
from runstone_writer.layout import Layout, shard


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def published(layout: Layout) -> Generation:
    generation = open_generation(layout)
    assert generation is not None
    return generation


def problems(layout: Layout) -> list[tuple[str, str]]:
    """What the manifest lists: file name and the start of the reason."""
    found = published(layout).manifest.problems
    return sorted((os.path.basename(path), reason.partition(":")[0]) for path, _, _, reason in found)


# -- the same answers ---------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_built_in_random_pieces_it_is_what_it_would_be_at_once_and_what_the_logs_say(tmp_path_factory, seed):
    layout = new_repo(tmp_path_factory.mktemp("repo"))
    scribe = Scribe(layout, seed)
    for _ in range(scribe.random.randrange(1, 9)):
        scribe.act(scribe.random.randrange(1, 60))
        index(layout, full=scribe.random.random() < 0.6)
    index(layout)
    assert_index_is_right(layout)
    Indexer(layout).reindex()
    assert_index_is_right(layout)


def test_an_indexer_that_stays_open_gives_what_one_that_is_opened_each_time_gives(layout):
    scribe = Scribe(layout, seed=11)
    with Indexer(layout) as indexer:
        for _ in range(12):
            scribe.act(25)
            indexer.run_once(full=scribe.random.random() < 0.3)
        indexer.run_once()
    assert_index_is_right(layout)


@pytest.mark.parametrize(("points", "runs"), [(1, 10**6), (10**6, 1), (7, 3)])
def test_files_that_are_written_in_the_middle_of_a_pass_change_no_answer(layout, monkeypatch, points, runs):
    monkeypatch.setattr(module, "POINTS_PER_PUBLISH", points)
    monkeypatch.setattr(module, "RUNS_PER_PUBLISH", runs)
    for number in range(12):
        write_run(layout, number)
    report = index(layout)
    assert (report.runs, report.points) == (12, 12 * 6)
    assert_index_is_right(layout)
    write_run(layout, 20)
    report = Indexer(layout).reindex()
    assert report.runs == 13
    assert_index_is_right(layout)


def test_a_log_read_in_many_chunks_gives_the_same_summaries(layout, monkeypatch):
    journal = Journal(layout, "run", 1)
    for step in range(300):
        journal.track(step / 7, step=step)
    whole = records(layout, index=False)["run"].state.sequences[0].summary.dump()
    index(layout)
    assert published(layout).find("run").state.sequences[0].summary.dump() == whole


def test_an_empty_repository_has_an_index(layout):
    report = index(layout)
    assert (report.runs, report.points, report.generation) == (0, 0, 1)
    assert records(layout) == {}
    assert index(layout).generation == 1


# -- a report, and what is not done again -----------------------------------------------------------------------


def test_a_pass_reports_what_was_new(layout):
    write_run(layout, 1)
    first = index(layout)
    assert (first.runs, first.points, first.generation, first.problems) == (1, 6, 1, [])
    assert first.bytes_read == os.path.getsize(layout.log_path(hash_of(1), layout.log_names(hash_of(1))[0]))
    again = index(layout)
    assert (again.runs, again.points, again.bytes_read, again.generation) == (0, 0, 0, 1)


def test_progress_is_told_run_by_run(layout):
    for number in range(4):
        write_run(layout, number)
    told: list[tuple[int, int]] = []
    index(layout, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_points_alone_do_not_touch_the_tantivy_index(layout):
    journal = write_run(layout, 1, end=False)
    index(layout)
    before = published(layout).manifest
    journal.track(5.0, step=50)
    index(layout)
    after = published(layout).manifest
    assert after.generation == before.generation + 1
    assert after.parameters == before.parameters
    journal.set("lr", value=9)
    index(layout)
    assert published(layout).manifest.parameters > before.parameters
    assert_index_is_right(layout)


def test_what_the_manifest_counts_is_there(layout):
    for number in range(5):
        write_run(layout, number)
    deleted = Journal(layout, hash_of(3), 100, kind="edit")
    deleted.delete()
    Journal(layout, "only-edits", 101, kind="edit").prop("name", "x")
    index(layout)
    assert (published(layout).manifest.runs, published(layout).manifest.points) == (4, 30)
    deleted.delete(on=False)
    index(layout)
    assert published(layout).manifest.runs == 5
    assert_index_is_right(layout)


# -- finding what is new -----------------------------------------------------------------------------------------


def test_without_hints_a_full_pass_finds_everything(layout):
    journals = [write_run(layout, number, end=False) for number in range(3)]
    index(layout)
    journals[1].track(7.0, step=70)
    shutil.rmtree(layout.live)
    os.makedirs(layout.live)
    index(layout, full=False)
    assert published(layout).find(hash_of(1)).state.find("loss", {}).summary.count == 3
    index(layout)
    assert published(layout).find(hash_of(1)).state.find("loss", {}).summary.count == 4
    assert_index_is_right(layout)


def test_without_its_folder_of_hints_a_repository_works(layout):
    write_run(layout, 1)
    shutil.rmtree(layout.live)
    index(layout)
    assert_index_is_right(layout)


def test_a_quick_pass_finds_new_runs_without_hints_by_their_folders(layout):
    write_run(layout, 1)
    index(layout)
    write_run(layout, 2, hint=False)
    assert index(layout, full=False).runs == 1
    assert_index_is_right(layout)


def test_a_run_folder_without_logs_is_looked_at_until_there_are_some(layout):
    os.makedirs(layout.run_folder("slow"))
    index(layout)
    assert published(layout).manifest.shards[shard("slow")][0] == 0
    Journal(layout, "slow", 1, hint=False).track(1.0)
    assert index(layout, full=False).runs == 1
    assert published(layout).manifest.shards[shard("slow")][0] != 0
    assert_index_is_right(layout)


def test_the_first_pass_in_a_copy_looks_at_everything(layout, tmp_path):
    journal = write_run(layout, 1, end=False)
    write_run(layout, 2)
    index(layout)
    copy = Layout(str(shutil.copytree(layout.root, tmp_path / "copy" / ".runstone")))
    journal.track(9.0, step=90)
    shutil.copy(journal.path, journal.path.replace(layout.root, copy.root))
    shutil.rmtree(copy.live)
    assert index(copy, full=False).runs == 1
    assert_index_is_right(copy)
    assert index(copy, full=False).runs == 0


def test_a_copy_that_is_published_in_the_middle_of_its_first_pass_is_not_trusted_yet(
    layout, tmp_path, monkeypatch
):
    journals = [write_run(layout, number, end=False) for number in range(6)]
    index(layout)
    copy = Layout(str(shutil.copytree(layout.root, tmp_path / "copy" / ".runstone")))
    shutil.rmtree(copy.live)
    for journal in journals:
        journal.track(9.0, step=90)
        shutil.copy(journal.path, journal.path.replace(layout.root, copy.root))
    monkeypatch.setattr(module, "RUNS_PER_PUBLISH", 2)
    seen = []

    def look(done: int, total: int) -> None:
        assert_same_answers(copy)
        seen.append(published(copy).manifest.generation)

    index(copy, progress=look)
    assert len(set(seen)) > 2
    assert_index_is_right(copy)


# -- edits, deletes, disappearance ---------------------------------------------------------------------------------


def test_a_deleted_run_that_is_restored_is_there_again(layout):
    write_run(layout, 1)
    index(layout)
    edit = Journal(layout, hash_of(1), 9, kind="edit")
    edit.delete()
    index(layout)
    assert records(layout) == {}
    assert published(layout).parameters.count == 0
    edit.delete(on=False)
    index(layout)
    assert list(records(layout)) == [hash_of(1)]
    assert_index_is_right(layout)


def test_edits_that_arrive_before_the_run_itself_make_no_run(layout):
    Journal(layout, hash_of(1), 9, kind="edit").prop("name", "early")
    index(layout)
    assert records(layout) == {}
    write_run(layout, 1)
    index(layout)
    assert records(layout)[hash_of(1)].state.name == "early"
    assert_index_is_right(layout)


def test_a_run_whose_folder_is_gone_is_gone(layout):
    for number in range(3):
        write_run(layout, number)
    index(layout)
    shutil.rmtree(layout.run_folder(hash_of(1)))
    index(layout)
    assert sorted(records(layout)) == [hash_of(0), hash_of(2)]
    assert (published(layout).manifest.runs, published(layout).manifest.points) == (2, 12)
    assert problems(layout) == []
    assert_index_is_right(layout)


def test_a_deleted_run_whose_folder_is_gone_is_gone(layout):
    for number in range(2):
        write_run(layout, number)
    Journal(layout, hash_of(1), 9, kind="edit").delete()
    Journal(layout, hash_of(2), 10, kind="edit").prop("name", "never written")
    index(layout)
    for number in (1, 2):
        shutil.rmtree(layout.run_folder(hash_of(number)))
    index(layout)
    hidden = [file.hash(row) for file, rows in published(layout).locate(None, hidden=True) for row in rows]
    assert hidden == [hash_of(0)]
    assert published(layout).manifest.points == 6
    assert_index_is_right(layout)


def test_a_run_that_comes_back_is_read_again(layout, tmp_path):
    for number in range(3):
        write_run(layout, number)
    index(layout)
    folder = layout.run_folder(hash_of(1))
    shutil.move(folder, tmp_path / "away")
    index(layout)
    shutil.move(tmp_path / "away", folder)
    index(layout)
    assert sorted(records(layout)) == [hash_of(n) for n in range(3)]
    assert_index_is_right(layout)


@pytest.mark.parametrize("hint", [True, False])
def test_a_log_that_was_cut_behind_the_index_is_indexed_anew(layout, hint):
    journal = write_run(layout, 1, points=5, end=False, hint=hint)
    index(layout)
    lines = Path(journal.path).read_bytes().splitlines(keepends=True)
    Path(journal.path).write_bytes(b"".join(lines[:-4]))
    report = index(layout)
    assert [problem.path for problem in report.problems] == [journal.path]
    assert_index_is_right(layout)
    assert problems(layout) == [(os.path.basename(journal.path), report.problems[0].reason.partition(":")[0])]


def test_a_log_whose_end_became_zeros_is_indexed_anew_while_its_writer_has_a_hint(layout):
    """The size is what it was. After a power cut every log that was being written is compared once."""
    journal = write_run(layout, 1, end=False)
    index(layout)
    data = Path(journal.path).read_bytes()
    Path(journal.path).write_bytes(data[:-30] + bytes(30))
    index(layout, full=False)
    assert_same_answers(layout)
    assert verify(layout).index == []


def test_logs_of_a_run_that_are_lost_and_found_again_and_again_leave_one_run(layout, tmp_path):
    first = write_run(layout, 1)
    second = Journal(layout, hash_of(1), 50)
    second.track(5.0, step=50)
    for _ in range(4):
        shutil.move(second.path, tmp_path / "away")
        index(layout)
        assert_index_is_right(layout)
        shutil.move(tmp_path / "away", second.path)
        index(layout)
        assert_index_is_right(layout)
    assert len(records(layout)) == 1
    assert os.path.exists(first.path)


# -- what is wrong with the logs ------------------------------------------------------------------------------------


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


# -- what is wrong with the index -------------------------------------------------------------------------------------


def damage(layout: Layout, how: str, rng: random.Random) -> None:
    epoch = Path(published(layout).folder)
    manifest = Path(manifest_path(layout))
    files = {
        "states": next(epoch.glob("states-*")), "series": next(epoch.glob("series-*")),
        "meta": epoch / "params" / "meta.json", "manifest": manifest,
        "segment": next((epoch / "params").glob("*.idx")), "managed": epoch / "params" / ".managed.json",
    }  # fmt: skip
    what, _, way = how.partition(" ")
    if what == "epoch":
        shutil.rmtree(epoch)
    elif what == "index":
        shutil.rmtree(layout.index)
    elif what == "params":
        shutil.rmtree(epoch / "params")
    elif way == "missing":
        files[what].unlink()
    elif way == "empty":
        os.truncate(files[what], 0)
    elif way == "cut":
        os.truncate(files[what], rng.randrange(files[what].stat().st_size))
    else:
        data = bytearray(files[what].read_bytes())
        for _ in range(20):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        files[what].write_bytes(data)


WAYS = [
    f"{what} {way}"
    for what in ("states", "series", "meta", "manifest")
    for way in ("missing", "empty", "cut")
]
WAYS += ["manifest flip", "meta flip", "segment missing", "segment empty", "segment cut", "managed cut"]
WAYS += ["epoch", "index", "params"]


@pytest.mark.parametrize("how", WAYS)
def test_a_damaged_index_changes_no_answer_and_is_repaired_by_the_next_pass(layout, how):
    rng = random.Random(how)
    for number in range(4):
        write_run(layout, number)
    index(layout)
    damage(layout, how, rng)
    assert_same_answers(layout)
    write_run(layout, 9)
    index(layout, full=False)
    assert_index_is_right(layout)


def test_flipped_bits_in_tantivys_files_are_noticed_before_anything_is_written(layout):
    for number in range(4):
        write_run(layout, number)
    index(layout)
    epoch = published(layout).manifest.epoch
    damage(layout, "segment flip", random.Random(1))
    write_run(layout, 9)
    index(layout)
    assert published(layout).manifest.epoch != epoch
    assert_index_is_right(layout)


@pytest.mark.parametrize("how", ["index", "epoch", "manifest missing"])
def test_an_index_that_is_deleted_under_an_open_indexer_comes_back(layout, how):
    with Indexer(layout) as indexer:
        for number in range(3):
            write_run(layout, number)
            indexer.run_once()
            damage(layout, how, random.Random(1))
            assert_same_answers(layout)
        write_run(layout, 9)
        try:
            indexer.run_once()
        except StoreError:
            indexer.run_once()
        assert_same_answers(layout)
    index(layout)
    assert_index_is_right(layout)


def test_what_a_killed_indexer_left_is_removed(layout):
    write_run(layout, 1)
    index(layout)
    epoch = Path(published(layout).folder)
    (epoch / "states-deadbeef.npz").write_bytes(b"half")
    (epoch.parent / "e123").mkdir()
    (epoch.parent / "e123" / "states-1.npz").write_bytes(b"half")
    (epoch.parent / "MANIFEST.json.12.abc.tmp").write_bytes(b"half")
    (epoch / "params" / ".tmpXyz").write_bytes(b"half")
    index(layout)
    assert_index_is_right(layout)


def test_documents_that_tantivy_has_too_many_or_too_few_are_put_right(layout):
    """As after a kill, or a power cut, between Tantivy's commit and the publication."""
    for number in range(6):
        write_run(layout, number)
    index(layout)
    generation = published(layout)
    writer = parameters.ParameterWriter(os.path.join(generation.folder, "params"))
    state = generation.find(hash_of(1)).state
    other = parameters.document(state)
    state.params.assign(("lr",), (10**18, "z"), "changed")
    changed = parameters.document(state)
    writer.put(generation.find(hash_of(1)).run, changed, replaces=True)
    writer.put(generation.find(hash_of(2)).run, None, replaces=True)
    writer.put(generation.find(hash_of(3)).run, other, replaces=False)
    writer.put(77, other, replaces=False)
    writer.commit()
    writer.close()
    index(layout)
    assert_index_is_right(layout)
    assert published(layout).parameters.count == 6


def test_too_many_open_files_are_no_reason_to_throw_an_index_away(layout, monkeypatch):
    write_run(layout, 1)
    index(layout)
    epoch = published(layout).manifest.epoch

    def refuse(*_: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("runstone_indexer.columns.mmap.mmap", lambda *a, **k: refuse())
    with pytest.raises(StoreError, match="Too many open files"):
        index(layout)
    monkeypatch.undo()
    index(layout)
    assert published(layout).manifest.epoch == epoch


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where", ["write_columns", "publish", "remove_columns", "sync_folder", "compact_series", "state_columns"]
)
@pytest.mark.parametrize("stays_open", [True, False])
def test_after_a_refused_write_the_next_pass_does_everything(layout, monkeypatch, where, stays_open):
    indexer = Indexer(layout)
    journal = write_run(layout, 1, end=False)
    indexer.run_once()

    def refuse(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    def work() -> None:
        for number in range(2, 12):
            write_run(layout, number)
            journal.track(1.0, step=number)
            failing = number % 2 == 0
            with monkeypatch.context() as patch:
                if failing:
                    patch.setattr(module, where, refuse)
                    with pytest.raises(StoreError, match="No space left") as caught:
                        indexer.run_once()
                    assert "Nothing is lost" in str(caught.value)
            assert_same_answers(layout)
            if not failing:
                indexer.run_once()
                assert_same_answers(layout)

    if stays_open:
        with indexer:
            work()
    else:
        work()
    indexer.run_once()
    assert_index_is_right(layout)


def test_a_refused_rebuild_leaves_the_old_index_in_use(layout, monkeypatch):
    for number in range(4):
        write_run(layout, number)
    index(layout)
    epoch = published(layout).manifest.epoch

    def refuse(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Indexer(layout) as indexer:
        monkeypatch.setattr(module, "publish", refuse)
        with pytest.raises(StoreError):
            indexer.reindex()
        assert published(layout).manifest.epoch == epoch
        assert_same_answers(layout)
        monkeypatch.undo()
        write_run(layout, 9)
        indexer.run_once()
        assert published(layout).manifest.epoch == epoch
        assert_index_is_right(layout)
        indexer.reindex()
        assert published(layout).manifest.epoch != epoch
    assert_index_is_right(layout)


def test_an_interrupted_pass_can_be_gone_on_with(layout):
    for number in range(6):
        write_run(layout, number)

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    indexer = Indexer(layout)
    for attempt in (indexer.run_once, indexer.reindex):
        with pytest.raises(KeyboardInterrupt):
            attempt(interrupt)
        assert_same_answers(layout)
    with indexer:
        with pytest.raises(KeyboardInterrupt):
            indexer.run_once(interrupt)
        indexer.run_once()
    assert_index_is_right(layout)


FULL_DISK = """
import sys
sys.path.insert(0, {tests!r})
import resource, signal
from journals import *
from runstone_writer.errors import StoreError
layout = Layout(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
refused = 0
for limit in range(0, 200_000, 12_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        index(layout)
        break
    except StoreError:
        refused += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert_same_answers(layout)
print(refused > 3)
index(layout)
assert_index_is_right(layout)
print("right")
"""


def test_a_disk_that_refuses_at_any_size_costs_nothing_but_the_index(layout):
    for number in range(120):
        write_run(layout, number, points=2)
    script = FULL_DISK.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", script, layout.root], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "right"], done.stderr[-3000:]


def test_where_no_index_can_be_written_the_error_says_that_queries_work(layout):
    write_run(layout, 1)
    script = (
        "import sys\nfrom runstone_indexer.indexer import Indexer\n"
        "from runstone_writer.errors import StoreError\n"
        "try:\n    Indexer(sys.argv[1]).run_once()\n"
        "except StoreError as error:\n    print(error)"
    )
    done = without_write_permission(Path(layout.root), script)
    assert "cannot write an index" in done.stdout
    assert "they read the logs" in done.stdout
    assert done.stderr == ""


# -- one at a time ------------------------------------------------------------------------------------------------------


def test_a_second_indexer_is_refused_and_harms_nothing(layout):
    write_run(layout, 1)
    with Indexer(layout) as first:
        with pytest.raises(IndexBusyError):
            index(layout)
        with pytest.raises(IndexBusyError):
            Indexer(layout).reindex()
        first.run_once()
    index(layout)
    assert_index_is_right(layout)


def test_an_indexer_can_be_used_in_blocks_within_blocks(layout):
    write_run(layout, 1)
    indexer = Indexer(layout)
    with indexer, indexer:
        indexer.run_once()
        with pytest.raises(IndexBusyError):
            index(layout)
    index(layout)


def test_an_index_made_by_an_older_version_of_the_format_is_built_anew(layout):
    write_run(layout, 1)
    index(layout)
    generation = published(layout)
    del generation.manifest.states[0]["columns"]["flags"]
    publish(layout, generation.manifest)
    index(layout)
    assert_index_is_right(layout)


def test_descriptors_stay_few_however_many_files_and_passes_there_are(layout):
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    with Indexer(layout) as indexer:
        for number in range(40):
            write_run(layout, number)
            indexer.run_once()
            assert count() < before + 100
        assert len(published(layout).states) < 10
    del indexer
    assert count() <= before + 2


def test_memory_does_not_grow_with_the_passes_of_an_open_indexer(layout):
    journal = write_run(layout, 1, end=False)
    with Indexer(layout) as indexer:
        for step in range(10):
            journal.track(1.0, step=step)
            indexer.run_once(full=False)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for step in range(100):
            journal.track(1.0, step=step)
            indexer.run_once(full=False)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 20_000  # kB
    tail = Tail(layout, hash_of(1), published(layout))
    tail.update()
    assert not tail.is_fresh
