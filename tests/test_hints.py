"""Hints: kept as long as their log may have unread bytes, and not a day longer than anybody needs them."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, assert_same_answers, hash_of, index, new_repo, write_run
from runstone_indexer import hints as hints_module
from runstone_indexer.generation import open_generation
from runstone_indexer.hints import BEGINNING_SECONDS, STALE_SECONDS, leave_hint
from runstone_indexer.indexer import Indexer
from runstone_writer.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def hints(layout: Layout) -> list[str]:
    return sorted(os.listdir(layout.live))


def make_stale(journal: Journal) -> None:
    old = time.time() - STALE_SECONDS - 10
    os.utime(journal.hint, (old, old))


def test_the_hint_of_an_ended_log_goes_when_it_has_been_indexed(layout):
    write_run(layout, 1)
    assert len(hints(layout)) == 1
    index(layout)
    assert hints(layout) == []


def test_the_hint_of_a_log_that_goes_on_stays(layout):
    journal = write_run(layout, 1, end=False)
    with Indexer(layout) as indexer:
        for _ in range(3):
            indexer.run_once(full=False)
            assert len(hints(layout)) == 1
        journal.end()
        indexer.run_once(full=False)
    assert hints(layout) == []


def test_the_hint_of_a_log_that_goes_on_stays_where_the_clock_is_years_ahead(layout, monkeypatch):
    write_run(layout, 1, end=False)
    ahead = time.time() + 10 * 365 * 86400
    monkeypatch.setattr(time, "time", lambda: ahead)
    index(layout)
    index(layout)
    assert len(hints(layout)) == 1


def test_the_hints_of_two_writers_of_one_run_go_one_by_one(layout):
    first, second = Journal(layout, "run", 1), Journal(layout, "run", 2)
    first.end()
    index(layout)
    assert hints(layout) == [os.path.basename(second.hint)]


def test_a_hint_left_by_a_killed_indexer_goes_with_the_next_pass(layout):
    journal = write_run(layout, 1)
    index(layout)
    Path(journal.hint).touch()
    index(layout, full=False)
    assert hints(layout) == []


def test_the_hint_of_a_log_with_an_unfinished_line_stays_until_its_writer_is_long_dead(layout):
    journal = write_run(layout, 1, end=False)
    journal.raw(b"[0,7,")
    index(layout)
    assert len(hints(layout)) == 1
    make_stale(journal)
    index(layout)
    assert hints(layout) == []


def test_the_hint_of_a_crashed_writer_goes_after_a_day(layout):
    journal = write_run(layout, 1, end=False)
    with Indexer(layout) as indexer:
        indexer.run_once()
        assert len(hints(layout)) == 1
        make_stale(journal)
        indexer.run_once(full=False)
    assert hints(layout) == []
    assert_same_answers(layout)


def test_a_writer_that_wakes_up_after_its_hint_was_taken_away_makes_a_new_one(layout):
    journal = write_run(layout, 1, end=False)
    make_stale(journal)
    index(layout)
    Path(journal.hint).touch()  # the heart beats every few seconds
    journal.track(9.0, step=99)
    assert_same_answers(layout)


def test_the_hint_of_a_writer_that_was_killed_before_it_wrote_goes_after_a_day(layout):
    journal = Journal(layout, "run", 1)
    os.unlink(journal.path)
    index(layout)
    assert len(hints(layout)) == 1
    make_stale(journal)
    index(layout)
    assert hints(layout) == []


def make_old(path: str) -> None:
    old = time.time() - BEGINNING_SECONDS - 10
    os.utime(path, (old, old))


def test_the_hint_of_a_writer_that_was_killed_before_it_made_a_folder_goes_after_ten_minutes(layout):
    write_run(layout, 1)
    hint = layout.hint_path("run0009", "19f6a5bd800-000000000000")
    Path(hint).touch()
    with Indexer(layout) as indexer:
        indexer.run_once(full=False)
        assert len(hints(layout)) == 1
        make_old(hint)
        indexer.run_once(full=False)
    assert hints(layout) == []


def test_the_hint_of_a_crashed_run_that_was_collected_goes_after_ten_minutes(layout):
    """Also while somebody else indexes, so that `gc` does not take it away itself."""
    crashed = write_run(layout, 1, end=False)
    write_run(layout, 2)
    with Indexer(layout) as indexer:
        indexer.run_once()
        make_old(crashed.hint)
        indexer.run_once(full=False)
        assert len(hints(layout)) == 1
        shutil.rmtree(layout.run_folder(hash_of(1)))
        indexer.run_once(full=False)  # forgets the run, which the hint leads to
        assert open_generation(layout).place(hash_of(1)) is None
        indexer.run_once(full=False)
        assert hints(layout) == []
    assert_same_answers(layout)


def test_hints_stay_while_the_folder_of_all_runs_is_away(layout):
    hint = layout.hint_path("run0009", "19f6a5bd800-000000000000")
    Path(hint).touch()
    make_old(hint)
    away = f"{layout.logs}.away"
    os.rename(layout.logs, away)
    with Indexer(layout) as indexer:
        indexer.run_once(full=False)
        assert len(hints(layout)) == 1
        os.rename(away, layout.logs)
        indexer.run_once(full=False)
    assert hints(layout) == []


def test_the_hint_of_a_log_of_a_newer_format_stays(layout):
    journal = Journal(layout, "run", 1)
    Path(journal.path).unlink()
    journal.event("log", format=99, run="run", writer=journal.writer, part=0, kind="run", host="", pid=1)
    make_stale(journal)
    index(layout)
    assert len(hints(layout)) == 1


def test_the_hint_of_a_log_that_has_a_next_part_stays_until_that_is_read(layout):
    write_run(layout, 1)
    part = Journal(layout, hash_of(1), 1, part=1)
    folder = layout.run_folder(hash_of(1))
    hidden = os.path.join(folder, "hidden")
    os.rename(part.path, hidden)
    with Indexer(layout) as indexer:
        indexer._hints.remove_used = lambda *_: None  # as if it were killed here
        indexer.run_once()
    os.rename(hidden, part.path)
    assert len(hints(layout)) == 1
    index(layout, full=False)
    assert hints(layout) == []
    assert_same_answers(layout)


@pytest.mark.parametrize("many", [False, True])
def test_a_hint_goes_only_when_a_power_cut_can_take_nothing_of_its_log(layout, monkeypatch, many):
    """Its writer may be in the middle of the last fsync, and nobody would look at the log again."""
    monkeypatch.setattr(hints_module, "MANY", 1 if many else 64)
    journal = write_run(layout, 1)
    asked = []
    monkeypatch.setattr(hints_module, "sync", asked.append)
    monkeypatch.setattr(hints_module, "_sync_file_system", lambda path: asked.append(path) is None)
    unlink = os.unlink
    monkeypatch.setattr(os, "unlink", lambda path: (asked.append("unlinked"), unlink(path)))
    index(layout)
    run = layout.run_folder(hash_of(1))
    folders = [run, os.path.dirname(run), layout.logs]
    assert asked[: asked.index("unlinked")] == ([layout.logs] if many else [journal.path, *folders])
    assert hints(layout) == []


def test_a_hint_stays_while_its_log_cannot_be_made_durable(layout, monkeypatch):
    write_run(layout, 1)

    def refuse(path):
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(hints_module, "sync", refuse)
    index(layout)
    assert len(hints(layout)) == 1
    monkeypatch.undo()
    index(layout)
    assert hints(layout) == []


def test_a_hint_that_is_left_while_it_is_being_taken_away_stays(layout, monkeypatch):
    """What it is left for may be newer than what the indexer has read."""
    journal = write_run(layout, 1)
    real = hints_module.Hints._make_durable

    def meanwhile(self, used):
        leave_hint(layout, hash_of(1), journal.writer)
        real(self, used)

    with monkeypatch.context() as patch:
        patch.setattr(hints_module.Hints, "_make_durable", meanwhile)
        index(layout)
        assert len(hints(layout)) == 1
        index(layout)  # and once more, when it was as old before
        assert len(hints(layout)) == 1
    index(layout)
    assert hints(layout) == []


def test_a_hint_is_left_again_if_the_indexer_takes_it_away_in_that_moment(layout, monkeypatch):
    journal = write_run(layout, 1)
    touch, times = os.utime, []

    def taken_away(path, *rest, **more):
        if len(times) < 2:
            os.unlink(path)
        times.append(path)
        touch(path, *rest, **more)

    monkeypatch.setattr(os, "utime", taken_away)
    leave_hint(layout, hash_of(1), journal.writer)
    assert len(times) == 3
    assert hints(layout) == [f"{hash_of(1)}.{journal.writer}"]


def test_a_log_that_was_stored_long_ago_is_not_made_durable_again(layout, monkeypatch):
    journal = write_run(layout, 1)
    old = time.time() - hints_module.SETTLED_SECONDS - 10
    os.utime(journal.path, (old, old))
    monkeypatch.setattr(hints_module, "sync", pytest.fail)
    index(layout)
    assert hints(layout) == []


def test_a_whole_file_system_can_be_made_durable(layout):
    assert hints_module._sync_file_system(layout.logs)
