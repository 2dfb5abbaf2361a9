"""The indexer's lock: one holder, gone with its holder, and not fooled by a folder that was deleted."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from runstone_indexer.lock import IndexLock
from runstone_writer.errors import IndexBusyError, StoreError

HOLDER = """
import sys, time
from runstone_indexer.lock import IndexLock
lock = IndexLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_a_lock_is_held_until_it_is_released(tmp_path):
    one, other = IndexLock(str(tmp_path)), IndexLock(str(tmp_path))
    one.acquire()
    one.acquire()
    assert one.is_held()
    with pytest.raises(IndexBusyError, match="another process is indexing"):
        other.acquire()
    assert not other.is_held()
    one.release()
    one.release()
    assert not one.is_held()
    other.acquire()
    other.release()


def test_a_killed_holder_holds_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        lock = IndexLock(str(tmp_path))
        with pytest.raises(IndexBusyError):
            lock.acquire()
        process.send_signal(signal.SIGKILL)
    lock.acquire()
    lock.release()


def test_a_lock_whose_file_was_deleted_is_not_held_any_more(tmp_path):
    folder = tmp_path / "index"
    one, other = IndexLock(str(folder)), IndexLock(str(folder))
    one.acquire()
    shutil.rmtree(folder)
    assert not one.is_held()
    other.acquire()
    assert not one.is_held()
    with pytest.raises(IndexBusyError):
        one.acquire()
    other.release()
    one.acquire()
    assert one.is_held()
    one.release()


def test_where_nothing_can_be_written_there_is_no_lock(tmp_path):
    (tmp_path / "index").touch()
    with pytest.raises(StoreError, match="cannot write an index") as caught:
        IndexLock(str(tmp_path / "index")).acquire()
    assert "they read the logs" in str(caught.value)


def test_a_lock_keeps_one_descriptor_and_none_when_it_fails(tmp_path):
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    one, other = IndexLock(str(tmp_path)), IndexLock(str(tmp_path))
    one.acquire()
    for _ in range(5):
        with pytest.raises(IndexBusyError):
            other.acquire()
    assert count() == before + 1
    one.release()
    assert count() == before
