"""The watcher: what is written is indexed while it runs, with notifications or without, until it is told to stop."""

import errno
import logging
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, assert_index_is_right, hash_of, index, new_repo, write_run
from processes import wait_until
from runstone_indexer import indexer as indexer_module
from runstone_indexer import watch as module
from runstone_indexer.generation import open_generation
from runstone_indexer.indexer import Indexer, Report
from runstone_indexer.lock import IndexLock
from runstone_indexer.watch import Watcher
from runstone_writer.errors import IndexBusyError
from runstone_writer.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.01)


@contextmanager
def watching(layout: Layout, on_pass: Any = None) -> Iterator[Watcher]:
    """A watcher in a thread; an exception in it fails the test."""
    watcher, failed = Watcher(Indexer(layout), on_pass), []

    def run() -> None:
        try:
            watcher.run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.stop()
        thread.join(60)
        assert not thread.is_alive()
    assert failed == []


def count(layout: Layout, run: str) -> int:
    """How many points of a run's first sequence are indexed."""
    generation = open_generation(layout)
    row = None if generation is None else generation.find(run)
    if row is None or not row.state.sequences or row.state.sequences[0].summary is None:
        return 0
    return int(row.state.sequences[0].summary.count)


def test_what_is_there_and_what_comes_is_indexed_until_it_is_stopped(layout):
    journal = write_run(layout, 1, end=False)
    with watching(layout):
        wait_until(lambda: count(layout, hash_of(1)) == 3)
        for step in range(3, 6):
            journal.track(0.5, "loss", step)
            wait_until(lambda step=step: count(layout, hash_of(1)) == step + 1)
        journal.end()
        wait_until(lambda: os.listdir(layout.live) == [])
    assert_index_is_right(layout)


def test_runs_that_begin_later_are_followed(layout):
    with watching(layout):
        wait_until(lambda: open_generation(layout) is not None)
        for number in range(3):
            journal = write_run(layout, number, end=False)
            wait_until(lambda number=number: count(layout, hash_of(number)) == 3)
            journal.track(0.5, "loss", 50)
            wait_until(lambda number=number: count(layout, hash_of(number)) == 4)
    assert_index_is_right(layout)


def test_the_beginning_of_a_run_is_noticed_before_the_next_poll(layout, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 3600.0)
    with watching(layout):
        wait_until(lambda: open_generation(layout) is not None)
        write_run(layout, 1)
        # The pass that the notification leads to may come before the log has all of its lines.
        wait_until(lambda: open_generation(layout).knows(hash_of(1)))


@pytest.mark.parametrize("how", ["its folder is replaced", "its threads end"])
def test_an_observer_that_dies_is_told_once_and_it_polls(layout, monkeypatch, caplog, how):
    observers, real = [], module.Watcher._started_observer
    monkeypatch.setattr(
        module.Watcher, "_started_observer", lambda self: observers.append(real(self)) or observers[-1]
    )
    with caplog.at_level(logging.WARNING), watching(layout):
        wait_until(lambda: open_generation(layout) is not None)
        if how == "its threads end":
            observers[0].unschedule_all()
        else:
            shutil.rmtree(layout.live)
            os.mkdir(layout.live)
        wait_until(lambda: "have ended: polling" in caplog.text)
        for number in range(3):
            write_run(layout, number)
            wait_until(lambda number=number: count(layout, hash_of(number)) == 3)
    assert caplog.text.count("polling") == 1
    assert_index_is_right(layout)


def test_a_repository_that_is_moved_away_is_not_made_again_and_followed_when_it_is_back(
    layout, tmp_path, caplog
):
    write_run(layout, 1)
    with caplog.at_level(logging.WARNING), watching(layout):
        wait_until(lambda: count(layout, hash_of(1)) == 3)
        shutil.move(layout.root, tmp_path / "away")
        wait_until(lambda: "not there any more" in caplog.text)
        assert not os.path.exists(layout.root)
        shutil.move(tmp_path / "away", layout.root)
        write_run(layout, 2)
        wait_until(lambda: count(layout, hash_of(2)) == 3)
    assert caplog.text.count("not there any more") == 1
    assert_index_is_right(layout)


@pytest.mark.parametrize("how", ["refused", "refused at once", "no folder"])
def test_without_notifications_it_polls(layout, monkeypatch, caplog, how):
    if how != "no folder":

        def refuse(*_: Any, **__: Any) -> None:
            raise OSError(errno.EMFILE, "inotify instance limit reached")

        monkeypatch.setattr(
            *((module.Observer, "start") if how == "refused" else (module, "Observer")), refuse
        )
    else:
        shutil.rmtree(layout.live)
    with caplog.at_level(logging.WARNING), watching(layout):
        write_run(layout, 1, hint=how != "no folder")
        wait_until(lambda: count(layout, hash_of(1)) == 3)
    assert "polling" in caplog.text
    assert_index_is_right(layout)


def test_an_observer_that_dies_costs_nothing(layout, monkeypatch):
    observers = []
    real = module.Watcher._started_observer

    def started(self: Watcher) -> Any:
        observers.append(real(self))
        return observers[-1]

    monkeypatch.setattr(Watcher, "_started_observer", started)
    with watching(layout):
        wait_until(lambda: observers)
        observers[0].stop()
        observers[0].join()
        journal = write_run(layout, 1, end=False)
        wait_until(lambda: count(layout, hash_of(1)) == 3)
        journal.track(0.5, "loss", 9)
        wait_until(lambda: count(layout, hash_of(1)) == 4)


def test_a_sweep_finds_what_lost_its_hint(layout, monkeypatch):
    journal = write_run(layout, 1, end=False)
    index(layout)
    os.unlink(journal.hint)
    journal.track(0.5, "loss", 9)
    with watching(layout):
        wait_until(lambda: count(layout, hash_of(1)) == 4)
        monkeypatch.setattr(module, "SWEEP_SECONDS", 0.0)
        journal.track(0.5, "loss", 10)
        wait_until(lambda: count(layout, hash_of(1)) == 5)


def test_it_can_be_stopped_before_it_begins(layout):
    watcher = Watcher(Indexer(layout))
    watcher.stop()
    watcher.run()
    index(layout)


def test_while_another_indexes_it_does_not(layout):
    with Indexer(layout), pytest.raises(IndexBusyError):
        Watcher(Indexer(layout)).run()
    with watching(layout):
        wait_until(lambda: open_generation(layout) is not None)
        with pytest.raises(IndexBusyError):
            index(layout)


def test_passes_that_brought_something_are_told(layout):
    reports: list[Report] = []
    with watching(layout, reports.append):
        wait_until(lambda: reports)
        assert reports[0].runs == 0
        write_run(layout, 1)
        wait_until(lambda: sum(report.points for report in reports) == 6)
    assert all(report.runs for report in reports[1:])


def test_a_full_disk_is_told_once_and_tried_again(layout, monkeypatch, caplog):
    def refuse(*_: Any) -> Any:
        refused.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    refused: list[int] = []
    write_run(layout, 1)
    with caplog.at_level(logging.WARNING), monkeypatch.context() as patch:
        patch.setattr(indexer_module, "publish", refuse)
        with watching(layout):
            wait_until(lambda: len(refused) > 3)
            patch.undo()
            wait_until(lambda: count(layout, hash_of(1)) == 3)
    assert len([r for r in caplog.records if "No space left" in r.getMessage()]) == 1
    assert_index_is_right(layout)


def test_an_index_that_is_deleted_meanwhile_is_made_again(layout):
    write_run(layout, 1)
    with watching(layout):
        for number in range(2, 6):
            wait_until(lambda number=number: count(layout, hash_of(number - 1)) == 3)
            shutil.rmtree(layout.index, ignore_errors=True)
            Journal(layout, hash_of(number), number).track(1.0)
            wait_until(lambda number=number: count(layout, hash_of(number)) == 1)
            write_run(layout, number + 100)
            for step in range(2):
                journal = Journal(layout, hash_of(number), 200 + 10 * number + step)
                journal.track(1.0, step=step + 1)
            wait_until(lambda number=number: count(layout, hash_of(number)) == 3)
    index(layout)
    assert_index_is_right(layout)


def test_an_index_that_is_deleted_in_the_middle_of_a_pass_is_made_again(layout, monkeypatch):
    """The lock goes with it, which is not another host that has taken it."""
    deleted = []
    write_files = Indexer._write_files

    def interrupted(self: Indexer, batch: Any) -> None:
        if batch.rows and not deleted:
            shutil.rmtree(layout.index)
            deleted.append(True)
        write_files(self, batch)

    monkeypatch.setattr(Indexer, "_write_files", interrupted)
    with watching(layout):
        write_run(layout, 1)
        wait_until(lambda: count(layout, hash_of(1)) == 3)
    assert deleted == [True]
    assert_index_is_right(layout)


def test_the_watcher_waits_for_a_query_that_makes_the_index_anew(layout, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60)
    write_run(layout, 1)
    with watching(layout):
        wait_until(lambda: count(layout, hash_of(1)) == 3)
        other = IndexLock(os.path.join(layout.index, "v1"))
        while True:  # somebody deletes the index, and a query is there before the watcher
            shutil.rmtree(layout.index, ignore_errors=True)
            try:
                other.acquire()
            except IndexBusyError:
                continue
            break
        write_run(layout, 2)
        busy = threading.Event()
        with pytest.MonkeyPatch.context() as patch:
            real = IndexLock._busy
            patch.setattr(IndexLock, "_busy", lambda self, who: busy.set() or real(self, who))
            assert busy.wait(60)
        other.release()
        wait_until(lambda: count(layout, hash_of(2)) == 3)
    assert_index_is_right(layout)


def test_the_watcher_leaves_no_thread_behind(layout):
    before = threading.active_count()
    with watching(layout):
        wait_until(lambda: open_generation(layout) is not None)
    assert threading.active_count() == before


def test_one_that_begins_while_a_query_indexes_for_a_moment_waits_for_it(layout):
    write_run(layout, 1)
    tried = threading.Event()

    class Trying(Indexer):
        def __enter__(self):
            tried.set()
            return super().__enter__()

    watcher, failed = Watcher(Trying(layout)), []

    def run() -> None:
        try:
            watcher.run()
        except BaseException as error:
            failed.append(error)

    with Indexer(layout):
        thread = threading.Thread(target=run)
        thread.start()
        assert tried.wait(60)
    wait_until(lambda: failed or open_generation(layout) is not None)
    watcher.stop()
    thread.join(60)
    assert failed == []
    assert_index_is_right(layout)


FREED = """
from runstone_indexer.collector import give_back

def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

kept = [bytearray(1000) for _ in range(100_000)]
del kept[:-1]  # the last one keeps the heap from shrinking by itself
before = held()
give_back()
print(before - held() > 50_000)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries keep nothing, or cannot be asked"
)
def test_freed_memory_is_given_back():
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
