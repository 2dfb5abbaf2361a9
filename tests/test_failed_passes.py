"""Passes of the indexer that fail: the storage refuses, or somebody interrupts; the next one does everything."""

import errno
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import assert_index_is_right, assert_same_answers, index, new_repo, published, write_run
from processes import without_write_permission
from runstone_indexer import indexer as module
from runstone_indexer.indexer import Indexer
from runstone_writer.errors import StoreError
from runstone_writer.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


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


@pytest.mark.parametrize("others", [False, True])
def test_a_refused_commit_beside_other_files_fails_the_pass(layout, monkeypatch, others):
    def refuse(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Indexer(layout) as indexer:
        for number in range(6):
            write_run(layout, number)
            with monkeypatch.context() as patch:
                patch.setattr(module.ParameterWriter, "commit", refuse)
                if others:
                    patch.setattr(module, "write_columns", refuse)
                with pytest.raises(StoreError, match="No space left"):
                    indexer.run_once()
            assert_same_answers(layout)
            if number % 2:
                indexer.run_once()
                assert_same_answers(layout)
    assert_index_is_right(layout)


def test_where_no_thread_can_be_started_all_is_written_one_after_the_other(layout, monkeypatch):
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    for number in range(3):
        write_run(layout, number)
    with Indexer(layout) as indexer:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert indexer.run_once().runs == 3
        monkeypatch.undo()
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
