"""The indexer: built in pieces, at once, or not at all, an index never changes an answer."""

import os
import resource
import shutil
import sys
from pathlib import Path

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
    problems,
    published,
    records,
    write_run,
)
from runstone_indexer import indexer as module
from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import publish
from runstone_query.overlay import Tail
from runstone_query.verify import verify
from runstone_writer.errors import IndexBusyError
from runstone_writer.layout import Layout, shard


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


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
