"""The indexer's lock: one holder, gone with its holder, and not fooled by a folder that was deleted."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import new_repo, write_run
from runstone_indexer import lock as module
from runstone_indexer.indexer import Indexer
from runstone_indexer.lock import IndexLock
from runstone_indexer.manifest import read_manifest
from runstone_writer.errors import IndexBusyError, StoreError
from runstone_writer.tender import LEASE_SECONDS

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


def test_a_lock_that_was_deleted_with_the_index_is_no_other_host(tmp_path):
    lock = IndexLock(str(tmp_path))
    lock.acquire()
    os.unlink(tmp_path / "lock")
    with pytest.raises(StoreError, match="the index was deleted while it was being written") as caught:
        lock.check()
    assert not isinstance(caught.value, IndexBusyError)
    lock.release()


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


@pytest.fixture
def hosts(monkeypatch, tmp_path):
    """Two hosts whose file system does not pass locks on from one to the other."""
    monkeypatch.setattr(module, "may_vanish", lambda folder: True)
    monkeypatch.setattr(module.fcntl, "flock", lambda fd, how: None)

    def lock_of(name: str) -> IndexLock:
        monkeypatch.setattr(module, "host", lambda: name)
        return IndexLock(str(tmp_path))

    return lock_of


def test_where_locks_are_not_passed_on_the_file_says_which_host_is_indexing(hosts):
    one = hosts("one")
    one.acquire()
    assert one.is_held()
    other = hosts("other")
    with pytest.raises(IndexBusyError, match="the host one is indexing"):
        other.acquire()
    assert one.is_held()
    one.release()
    other.acquire()
    assert other.is_held()
    other.release()


def test_while_one_host_looks_who_has_the_lock_another_does_not_take_it(hosts, tmp_path):
    """Both would find nobody there, and both would write themselves into the file."""
    one, other = hosts("one"), hosts("other")
    refused = []
    write_owner = one._write_owner

    def slowly() -> bytes:
        with pytest.raises(IndexBusyError, match="another host") as caught:
            other.acquire()
        refused.append(caught.value)
        return write_owner()

    one._write_owner = slowly
    one.acquire()
    assert len(refused) == 1
    assert one.is_held()
    assert os.listdir(tmp_path) == ["lock"]
    one.release()


def test_a_claim_of_a_host_that_died_is_in_nobodys_way_for_long(hosts, tmp_path):
    claim = tmp_path / "lock.claim"
    claim.touch()
    one = hosts("one")
    with pytest.raises(IndexBusyError):
        one.acquire()
    long_ago = claim.stat().st_mtime - 2 * LEASE_SECONDS
    os.utime(claim, (long_ago, long_ago))
    one.acquire()
    assert one.is_held()
    one.release()


def test_a_host_that_shows_no_life_is_replaced_and_notices_it(hosts, tmp_path):
    one = hosts("one")
    one.acquire()
    long_ago = os.stat(tmp_path / "lock").st_mtime - 2 * LEASE_SECONDS
    os.utime(tmp_path / "lock", (long_ago, long_ago))
    other = hosts("other")
    other.acquire()
    assert not one.is_held()
    with pytest.raises(IndexBusyError, match="took this one for dead"):
        one.check()
    one.release()  # takes nothing away from the other
    other.check()
    other.release()


def test_a_killed_indexer_of_the_same_host_is_replaced_at_once(hosts, tmp_path):
    killed = hosts("one")
    killed.acquire()
    another = hosts("one")
    another.acquire()
    assert another.is_held()
    assert not killed.is_held()
    killed.release()
    another.release()
    assert (tmp_path / "lock").read_bytes() == b""


def test_an_indexer_that_was_replaced_publishes_nothing(monkeypatch, tmp_path):
    layout = new_repo(tmp_path)
    write_run(layout, 1)
    monkeypatch.setattr(module, "may_vanish", lambda folder: True)
    with Indexer(layout) as indexer:
        indexer.run_once()
        before = read_manifest(layout)
        write_run(layout, 2)
        read = indexer._intake.take

        def replaced(run, *, in_use):
            read(run, in_use=in_use)
            Path(layout.index, "v1", "lock").write_bytes(b"elsewhere - 0123456789abcdef\n")

        monkeypatch.setattr(indexer._intake, "take", replaced)
        with pytest.raises(IndexBusyError):
            indexer.run_once()
    assert read_manifest(layout) == before
