"""Folders and files that a file server refuses for a moment: nothing is missing in silence, and it comes back."""

import errno
import fcntl
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, assert_index_is_right, assert_same_answers, hash_of, index, new_repo, write_run
from processes import QUIET, wait_until
from runstone import Repo, Run, StoreError, Text
from runstone_indexer import intake
from runstone_indexer import watch as watch_module
from runstone_indexer.discovery import hinted, look_into, runs_in_shard, shard_marks
from runstone_indexer.generation import open_generation
from runstone_indexer.indexer import Indexer
from runstone_indexer.lock import IndexLock
from runstone_indexer.manifest import manifest_path
from runstone_indexer.watch import Watcher
from runstone_query.verify import verify
from runstone_writer import accepted
from runstone_writer.cargo import Cargo
from runstone_writer.errors import IndexBusyError
from runstone_writer.layout import Layout, shard
from runstone_writer.part import Part


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


@contextmanager
def refused(
    monkeypatch: pytest.MonkeyPatch, name: str, below: str, error: int = errno.EIO, times: int = 10**9
) -> Iterator[None]:
    """Let a function of `os` fail for paths that begin with `below`, the first so many times."""
    real, left = getattr(os, name), [times]

    def fail(path: Any, *args: Any, **options: Any) -> Any:
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(below) and left[0]:
            left[0] -= 1
            raise OSError(error, os.strerror(error), os.fspath(path))
        return real(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        yield


# -- a script that trains ----------------------------------------------------------------------------------------------


def test_a_resumed_run_goes_on_when_its_logs_cannot_be_read_and_says_so_once(tmp_path, monkeypatch):
    with Run(repo=tmp_path, **QUIET) as first:
        first.track(1.0, name="loss")
    run, folder = Run(first.hash, repo=tmp_path, **QUIET), first._layout.run_folder(first.hash)
    with refused(monkeypatch, "scandir", folder):
        with pytest.warns(RuntimeWarning, match=f"cannot read all of what run {run.hash} has in") as caught:
            run.track(2.0, name="loss")
        run.track(2.0, name="other")
        assert len(caught) == 1
    run.track(3.0, name="third")
    run.close()
    assert len(Repo(tmp_path).get_run(run.hash).get_metric("loss", {}).values) == 2


def test_what_is_refused_once_is_asked_for_again(tmp_path, monkeypatch):
    with Run(repo=tmp_path, **QUIET) as first:
        first.track(1.0, name="loss")
    with Run(first.hash, repo=tmp_path, **QUIET) as run:
        path = first._layout.log_path(first.hash, first._layout.log_names(first.hash)[0])
        with refused(monkeypatch, "open", path, errno.ESTALE, times=1):
            run.track(2.0, name="loss")
    assert Repo(tmp_path).get_run(run.hash).get_metric("loss", {}).values.sparse_list()[0] == [0, 1]


def test_an_artifact_is_stored_when_the_runs_own_folder_cannot_be_read(tmp_path, monkeypatch):
    with Run(repo=tmp_path, **QUIET) as run:
        with (
            refused(monkeypatch, "scandir", run._layout.logs),
            pytest.warns(RuntimeWarning, match="cannot read all"),
        ):
            run.log_artifact(__file__, "test", block=True)
        assert run.artifacts["test"].error is None


def test_a_script_out_of_descriptors_goes_on_without_its_artifact(tmp_path, monkeypatch):
    real = open

    def fail(path: Any, *args: Any, **options: Any) -> Any:
        if path == __file__:
            raise OSError(errno.EMFILE, "Too many open files", path)
        return real(path, *args, **options)

    with Run(repo=tmp_path, **QUIET) as run:
        monkeypatch.setattr("builtins.open", fail)
        with pytest.warns(RuntimeWarning, match="was not stored: Too many open"):
            run.log_artifact(__file__, "test", block=True)
        assert run.artifacts["test"].error is not None


def test_a_run_that_cannot_be_looked_for_is_not_said_to_be_missing(tmp_path, monkeypatch):
    with Run(repo=tmp_path, **QUIET) as run:
        pass
    folder = run._layout.run_folder(run.hash)
    with refused(monkeypatch, "stat", folder, errno.EACCES):
        for ask in (
            lambda: Run(run.hash, repo=tmp_path, **QUIET),
            lambda: Repo(tmp_path).get_run(run.hash),
        ):
            with pytest.raises(StoreError, match="cannot look for run") as caught:
                ask()
            assert caught.value.filename == folder


def test_a_log_that_accepts_tells_where_the_rescue_folder_is(tmp_path, monkeypatch):
    monkeypatch.setattr(accepted, "DRAIN_SECONDS", 0.001)
    run = Run(repo=tmp_path / "repo", durability="accepted", **QUIET)
    wait_until(lambda: run._log.started and not run._log.unwritten())
    home = run._layout.log_path(run.hash, "")

    def full(part: Part, *_: Any) -> None:
        if os.readlink(f"/proc/self/fd/{part.fd}").startswith(home):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(part, *_)

    real, real_begin = Part.append, Part.begin
    monkeypatch.setattr(Part, "append", full)

    def begin(part: Part, bodies: list[bytes]) -> None:
        if os.readlink(f"/proc/self/fd/{part.fd}").startswith(home):
            raise OSError(errno.ENOSPC, "No space left on device")
        real_begin(part, bodies)

    monkeypatch.setattr(Part, "begin", begin)
    run._log.append("prop", name="name", value="late")
    with pytest.warns(RuntimeWarning, match=r"They are in .*: move that file to"):
        run.close()


def test_a_run_that_is_collected_in_the_middle_of_a_visit_waits_for_its_end(tmp_path, monkeypatch):
    """The points that wait for their blobs are not given up by a close() out of the visit that writes them."""
    run = Run(repo=tmp_path, **QUIET)
    real = Cargo.shelve

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Cargo, "shelve", refuse)
    with pytest.warns(RuntimeWarning, match="Training goes on"):
        run.track(Text("x" * 100_000), name="texts")
    log, run_hash = run._log, run.hash
    runs = [run]
    del run

    def collect(*args: Any, **options: Any) -> None:
        runs.clear()
        gc.collect()
        real(*args, **options)

    monkeypatch.setattr(Cargo, "shelve", collect)
    log._cargo._retry_at = 0.0
    log.sync()
    wait_until(lambda: log.sync() or log.closed)
    assert len(Repo(tmp_path).get_run(run_hash).get_text_sequence("texts", {}).values) == 1


# -- a reader ----------------------------------------------------------------------------------------------------------


def test_an_error_that_says_a_folder_is_not_there_is_not_believed_when_it_is(layout, monkeypatch):
    write_run(layout, 1, end=False)
    for name, ask, folder in (
        ("scandir", lambda: look_into(layout, hash_of(1)), layout.run_folder(hash_of(1))),
        ("scandir", lambda: hinted(layout), layout.live),
        ("scandir", lambda: shard_marks(layout), layout.logs),
        ("listdir", lambda: runs_in_shard(layout, shard(hash_of(1))), layout.logs),
        ("scandir", lambda: layout.log_names(hash_of(1)), layout.run_folder(hash_of(1))),
    ):
        with refused(monkeypatch, name, folder, errno.ENOENT), pytest.raises(FileNotFoundError):
            ask()
        assert ask()


@pytest.mark.parametrize("indexed", [True, False])
def test_what_an_answer_lacks_is_said_and_the_next_one_has_it(layout, monkeypatch, indexed):
    journals = [write_run(layout, number, end=False) for number in (1, 2)]
    if indexed:
        index(layout)
        journals[0].track(9.0, step=9)
    repo = Repo(layout.root, index=indexed, read_only=True)
    with (
        refused(monkeypatch, "open", journals[0].path, errno.ESTALE),
        pytest.warns(RuntimeWarning, match=f"answers lack what is in {journals[0].path}"),
    ):
        assert hash_of(2) in repo.list_all_runs()
    assert len(repo.get_run(hash_of(1)).get_metric("loss", {}).values) == 3 + indexed
    assert len(repo.list_all_runs()) == 2


def test_hints_that_cannot_be_listed_cost_time_and_no_answer(layout, monkeypatch):
    journal = write_run(layout, 1, end=False)
    index(layout)
    journal.track(9.0, step=9)
    repo = Repo(layout.root, read_only=True)
    with refused(monkeypatch, "scandir", layout.live):
        (found,) = repo.query_metrics("metric.last == 9", 0)
    assert found.run.hash == hash_of(1)


def test_a_reader_that_cannot_list_the_logs_says_so(layout, monkeypatch):
    write_run(layout, 1)
    with refused(monkeypatch, "scandir", layout.root), pytest.raises(StoreError) as caught:
        Repo(layout.root, read_only=True).list_all_runs()
    assert caught.value.filename == layout.logs


def test_a_folder_that_cannot_be_listed_keeps_its_blobs_and_is_told(layout, monkeypatch, tmp_path):
    with Run(repo=layout.root, **QUIET) as run:
        run.track(Text("x" * 100_000), name="texts")
    for path in Path(layout.blobs).glob("*/*"):
        os.utime(path, (1, 1))
    assert list(Path(layout.blobs).glob("*/*"))
    Indexer(layout).run_once()
    place = os.path.join(layout.logs, shard(run.hash))
    with refused(monkeypatch, "listdir", place):
        done = Repo(layout.root).gc(grace=0)
        assert (done.blobs, done.unreadable[:1]) == (0, [place])
        assert [problem.path for problem in verify(layout).damage] == [place]
        assert [problem.path for problem in Repo(layout.root).backup(tmp_path / "copy").problems] == [place]
    assert list(Path(layout.blobs).glob("*/*"))


# -- an indexer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "place"), [("scandir", "run"), ("listdir", "shard")])
@pytest.mark.parametrize("full", [True, False])
def test_queries_look_at_what_an_indexer_could_not_list(layout, monkeypatch, name, place, full):
    index(layout)
    write_run(layout, 1, hint=False)
    folder = layout.run_folder(hash_of(1))
    with refused(monkeypatch, name, folder if place == "run" else os.path.dirname(folder)):
        index(layout, full=full)
    assert_same_answers(layout)
    index(layout, full=False)
    assert_index_is_right(layout)


def test_queries_look_at_what_an_indexer_could_read_a_part_of(layout, monkeypatch):
    first, second = write_run(layout, 1), Journal(layout, hash_of(1), 2, hint=False)
    second.track(5.0, step=9)
    second.end()
    with refused(monkeypatch, "open", first.path):
        Indexer(layout).reindex()
    for hint in Path(layout.live).iterdir():
        hint.unlink()
    assert_same_answers(layout)


def test_an_indexer_reads_what_was_refused_at_its_next_pass(layout, monkeypatch):
    journal = write_run(layout, 1)
    with Indexer(layout) as indexer:
        with refused(monkeypatch, "open", journal.path):
            indexer.run_once()
        os.unlink(journal.hint)
        assert indexer.run_once(full=False).points == 6
    assert_index_is_right(layout)


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "No space left on device")])
def test_half_of_a_run_is_never_published(layout, monkeypatch, error):
    """What fails between a run's row and its points fails the whole pass."""
    write_run(layout, 1)

    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(intake.SeriesBuffer, "add", fail)
        with pytest.raises((MemoryError, StoreError)):
            index(layout)
    assert_same_answers(layout)
    index(layout)
    assert_index_is_right(layout)


def test_a_lock_that_fails_is_not_taken_for_another_indexer(tmp_path, monkeypatch):
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(StoreError, match="No locks available") as caught:
        IndexLock(str(tmp_path)).acquire()
    assert not isinstance(caught.value, IndexBusyError)


def test_a_manifest_that_cannot_be_read_is_no_reason_to_make_the_index_anew(layout, monkeypatch):
    write_run(layout, 1)
    index(layout)
    epoch = open_generation(layout).manifest.epoch
    real = os.open

    def fail(path: Any, *args: Any, **options: Any) -> Any:
        if path == manifest_path(layout):
            raise OSError(errno.EIO, "Input/output error", path)
        return real(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("os.open", fail)
        with pytest.raises(StoreError, match="Input/output error"):
            index(layout)
    index(layout)
    assert open_generation(layout).manifest.epoch == epoch


def test_a_watcher_survives_whatever_fails_in_a_pass_and_says_it_once(layout, monkeypatch, caplog):
    monkeypatch.setattr(watch_module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(watch_module, "RETRY_SECONDS", 0.02)
    failures: list[int] = []
    real: Callable[..., Any] = Indexer.run_once

    def fail(self: Indexer, *args: Any, **options: Any) -> Any:
        if len(failures) < 3:
            failures.append(1)
            raise MemoryError
        return real(self, *args, **options)

    monkeypatch.setattr(Indexer, "run_once", fail)
    write_run(layout, 1)
    watcher = Watcher(Indexer(layout))
    thread = threading.Thread(target=watcher.run)
    with caplog.at_level(logging.WARNING, "runstone.index"):
        thread.start()
        try:
            wait_until(lambda: (found := open_generation(layout)) is not None and found.knows(hash_of(1)))
        finally:
            watcher.stop()
            thread.join(60)
    assert len(failures) == 3
    assert caplog.text.count("indexing failed: MemoryError()") == 1


def test_a_folder_that_cannot_be_looked_at_when_a_run_is_opened_stops_no_training(tmp_path, monkeypatch):
    Run(repo=tmp_path, **QUIET).close()
    real = os.lstat

    def fail(path: Any, *args: Any, **options: Any) -> Any:
        if str(path).endswith("blobs"):
            raise OSError(errno.EIO, "Input/output error", path)
        return real(path, *args, **options)

    monkeypatch.setattr("os.lstat", fail)
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
    assert Repo(tmp_path).get_run(run.hash).get_metric("loss").values.sparse_list() == ([0], [1.0])
