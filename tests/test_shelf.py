"""The blobs of a repository: whole or not there, written once, put right after a power cut."""

import errno
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from runstone_writer.errors import UsageError
from runstone_writer.layout import open_repo
from runstone_writer.media import shelf as shelf_module
from runstone_writer.media.blob import FileBlob, MemoryBlob, StoredBlob
from runstone_writer.media.shelf import Shelf, stored_blobs

ABC = sha256(b"abc").hexdigest()


@pytest.fixture
def layout(tmp_path):
    return open_repo(tmp_path, create=True)


@pytest.fixture
def shelf(layout):
    return Shelf(layout)


def files(layout):
    return sorted(
        str(path.relative_to(layout.blobs)) for path in Path(layout.blobs).rglob("*") if path.is_file()
    )


def test_a_blob_stands_where_its_name_says_and_cannot_be_written_to(layout, shelf):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    assert files(layout) == [f"{ABC[:2]}/{ABC}"]
    path = Path(layout.blob_path(ABC))
    assert path.read_bytes() == b"abc"
    assert path.stat().st_mode & 0o777 == 0o444 & ~current_umask()


def failing(calls, times):
    """An fsync that fails so many times, and then claims success, as the kernel does; `calls` gets what it did."""

    def fsync(fd):
        calls.append(os.readlink(f"/proc/self/fd/{fd}"))
        if len(calls) <= times:
            raise OSError(errno.EIO, "Input/output error")

    return fsync


@pytest.mark.parametrize("durable", [False, True])
def test_a_blob_whose_fsync_failed_is_written_to_a_new_file(layout, shelf, monkeypatch, durable):
    if durable:  # its content is durable before it is put in place
        monkeypatch.setattr(shelf_module, "_sync_file", refuse_once())
    else:
        shelf.put(MemoryBlob(b"abc"), durable=False)
        monkeypatch.setattr(os, "fsync", failing([], 1))
    with pytest.raises(OSError, match="Input/output"):
        shelf.put(MemoryBlob(b"abc"), durable=True) if durable else shelf.sync()
    before = os.stat(layout.blob_path(ABC)).st_ino
    calls = []
    monkeypatch.setattr(os, "fsync", failing(calls, 0))
    shelf.sync()
    assert os.stat(layout.blob_path(ABC)).st_ino != before
    assert any(call.endswith(".partial") for call in calls)  # the new file, before it has its name
    assert Path(layout.blob_path(ABC)).read_bytes() == b"abc"


def refuse_once():
    left = [1]

    def sync_file(path):
        if left:
            left.pop()
            raise OSError(errno.EIO, "Input/output error")

    return sync_file


def test_a_blob_whose_folder_could_not_be_made_durable_is_written_again(layout, shelf, monkeypatch):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    calls = []
    monkeypatch.setattr(os, "fsync", lambda fd: calls.append(fd) if not calls else failing([], 1)(fd))
    with pytest.raises(OSError, match="Input/output"):
        shelf.sync()
    monkeypatch.undo()
    before = os.stat(layout.blob_path(ABC)).st_ino
    shelf.sync()
    assert os.stat(layout.blob_path(ABC)).st_ino != before


def test_a_doubtful_blob_that_the_cache_has_lost_is_put_right_by_whoever_has_the_content(
    layout, shelf, monkeypatch
):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    monkeypatch.setattr(os, "fsync", failing([], 1))
    with pytest.raises(OSError, match="Input/output"):
        shelf.sync()
    monkeypatch.undo()
    os.chmod(layout.blob_path(ABC), 0o644)
    Path(layout.blob_path(ABC)).write_bytes(bytes(3))
    shelf.sync()
    shelf.put(MemoryBlob(b"abc"), durable=True)
    assert Path(layout.blob_path(ABC)).read_bytes() == b"abc"


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("other", [False, True])
def test_a_blob_that_is_there_is_not_written_again(layout, shelf, other):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    os.utime(layout.blob_path(ABC), (1, 1))
    before = os.stat(layout.blob_path(ABC))
    (Shelf(layout) if other else shelf).put(MemoryBlob(b"abc"), durable=True)
    after = os.stat(layout.blob_path(ABC))
    assert after.st_ino == before.st_ino
    assert after.st_mtime > 1_000_000_000  # it looks new, so that gc waits for the line that names it


@pytest.mark.parametrize("damage", [b"", b"xyz", b"abcd"])
def test_a_blob_that_a_power_cut_has_emptied_is_put_right(layout, shelf, damage):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    path = Path(layout.blob_path(ABC))
    path.chmod(0o644)
    path.write_bytes(damage)
    Shelf(layout).put(MemoryBlob(b"abc"), durable=False)
    assert path.read_bytes() == b"abc"


def test_a_blob_that_was_taken_away_is_written_again(layout, shelf):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    os.unlink(layout.blob_path(ABC))
    shelf.put(MemoryBlob(b"abc"), durable=False)
    assert files(layout) == [f"{ABC[:2]}/{ABC}"]


def test_a_file_that_changes_in_the_middle_leaves_nothing(layout, shelf, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    blob = FileBlob(str(path))
    stamp = path.stat()
    assert blob.digest == ABC
    path.write_bytes(b"abd")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(UsageError, match="has changed"):
        shelf.put(blob, durable=False)
    assert files(layout) == []


def test_a_blob_goes_from_one_repository_to_another(layout, shelf, tmp_path):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    other = open_repo(tmp_path / "other", create=True)
    Shelf(other).put(StoredBlob(layout, ABC, 3), durable=False)
    assert StoredBlob(other, ABC, 3).read() == b"abc"


def traced_syncs(monkeypatch):
    """Note what is fsynced, by path."""
    synced, fsync = [], os.fsync

    def noted(fd):
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    return synced


def test_a_durable_blob_is_synced_with_its_folders_before_put_returns(layout, shelf, monkeypatch):
    synced = traced_syncs(monkeypatch)
    shelf.put(MemoryBlob(b"abc"), durable=True)
    path = layout.blob_path(ABC)
    assert synced[0].endswith(shelf_module.PARTIAL)  # before it has its name
    assert {path, os.path.dirname(path), layout.blobs, layout.root} <= set(synced)


def test_other_blobs_are_synced_when_the_log_is(layout, shelf, monkeypatch):
    synced = traced_syncs(monkeypatch)
    shelf.put(MemoryBlob(b"abc"), durable=False)
    assert synced == []
    shelf.sync()
    assert {layout.blob_path(ABC), layout.blobs} <= set(synced)
    synced.clear()
    shelf.sync()
    assert synced == []


def test_what_another_process_has_just_put_there_is_synced_too(layout, shelf, monkeypatch):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    synced = traced_syncs(monkeypatch)
    Shelf(layout).put(MemoryBlob(b"abc"), durable=True)
    assert layout.blob_path(ABC) in synced


def test_a_blob_that_was_taken_away_does_not_stop_the_others(layout, shelf):
    shelf.put(MemoryBlob(b"abc"), durable=False)
    shelf.put(MemoryBlob(b"def"), durable=False)
    os.unlink(layout.blob_path(ABC))
    shelf.sync()


KILLED = """
import os, sys
from runstone_writer.layout import open_repo
from runstone_writer.media.blob import MemoryBlob
from runstone_writer.media.shelf import Shelf

class Dying(MemoryBlob):
    def pieces(self):
        yield b"ab"
        os.kill(os.getpid(), 9)

Shelf(open_repo(sys.argv[1])).put(Dying(b"abc"), durable=False)
"""


def test_a_kill_in_the_middle_leaves_nothing_that_is_taken_for_a_blob(layout, shelf, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = files(layout)
    assert left.endswith(shelf_module.PARTIAL)
    assert not os.path.exists(layout.blob_path(ABC))
    assert [blob for blob in stored_blobs(layout) if not isinstance(blob, str)] == []
    shelf.put(MemoryBlob(b"abc"), durable=False)
    assert StoredBlob(layout, ABC, 3).read() == b"abc"


def test_what_else_is_there_is_told_from_blobs(layout, shelf):
    assert list(stored_blobs(layout)) == []
    shelf.put(MemoryBlob(b"abc"), durable=False)
    top = Path(layout.blobs)
    strange = [top / "file", top / "00" / ABC, top / ABC[:2] / "x", top / ABC[:2] / ("a" * 64)]
    for path in strange:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (top / ABC[:2] / (ABC[:-1] + "0")).symlink_to("/etc/passwd")
    found = list(stored_blobs(layout))
    assert [blob.digest for blob in found if not isinstance(blob, str)] == [ABC]
    assert {path for path in found if isinstance(path, str)} >= set(map(str, strange))
    assert len(found) == 6
