"""Blobs in memory, in files and in a repository: read in pieces, verified, and nothing before it is asked for."""

import hashlib
import os
import subprocess
import sys

import pytest

from runstone_writer.errors import CorruptionError, DamagedBlobError, UsageError
from runstone_writer.layout import open_repo
from runstone_writer.media import blob as blob_module
from runstone_writer.media.blob import FileBlob, MemoryBlob, StoredBlob, blob_of_file
from runstone_writer.media.shelf import Shelf

DATA = bytes(range(256)) * 5000


@pytest.fixture(params=["memory", "file", "stored"])
def blob(request, tmp_path):
    if request.param == "memory":
        return MemoryBlob(DATA)
    if request.param == "file":
        (tmp_path / "file").write_bytes(DATA)
        return FileBlob(str(tmp_path / "file"))
    layout = open_repo(tmp_path, create=True)
    Shelf(layout).put(MemoryBlob(DATA), durable=False)
    return StoredBlob(layout, hashlib.sha256(DATA).hexdigest(), len(DATA))


def test_a_blob_has_its_bytes_its_size_and_its_digest(blob):
    assert blob.read() == b"".join(blob.pieces()) == DATA
    assert (blob.size, blob.digest) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    with blob.open() as file:
        assert file.read() == DATA


def test_a_large_blob_comes_in_pieces(blob):
    assert [len(piece) for piece in blob.pieces()] == [blob_module.PIECE, len(DATA) - blob_module.PIECE]


@pytest.mark.parametrize(("limit", "kind"), [(3, MemoryBlob), (2, FileBlob)])
def test_only_a_small_file_is_taken_into_memory(tmp_path, monkeypatch, limit, kind):
    monkeypatch.setattr(blob_module, "MEMORY_LIMIT", limit)
    (tmp_path / "file").write_bytes(b"abc")
    assert type(blob_of_file(str(tmp_path / "file"))) is kind


def test_a_file_that_changes_is_noticed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    for change in (lambda: path.write_bytes(b"abcd"), lambda: os.utime(path, (0, 0)), path.unlink):
        blob = FileBlob(str(path))
        change()
        with pytest.raises(UsageError, match="has changed since"):
            blob.read()


def test_a_file_that_changes_between_two_looks_is_noticed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    blob = FileBlob(str(path))
    stamp = path.stat()
    assert blob.digest == hashlib.sha256(b"abc").hexdigest()
    path.write_bytes(b"abd")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(UsageError, match="has changed since"):
        blob.read()


@pytest.fixture
def stored(tmp_path):
    """A blob in a repository, and the path to it, where it may be written."""
    layout = open_repo(tmp_path, create=True)
    Shelf(layout).put(MemoryBlob(b"abc"), durable=False)
    blob = StoredBlob(layout, hashlib.sha256(b"abc").hexdigest(), 3)
    os.chmod(blob.path, 0o644)
    return blob, blob.path


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (os.unlink, "the blob is missing"),
        (lambda path: write(path, b""), "has 0 bytes in place of 3"),
        (lambda path: write(path, b"abcd"), "has 4 bytes in place of 3"),
        (lambda path: write(path, b"abd"), "content is not what its name says"),
        (lambda path: (os.unlink(path), os.mkdir(path)), "cannot be read: not a file"),
        (lambda path: (os.unlink(path), os.symlink("/etc/passwd", path)), "cannot be read"),
    ],
)
def test_whatever_happens_to_a_stored_blob_is_noticed(stored, damage, reason):
    blob, path = stored
    damage(path)
    for ask in (blob.read, blob.open, lambda: list(blob.pieces())):
        with pytest.raises(DamagedBlobError, match=reason) as caught:
            ask()
        assert (caught.value.path, caught.value.end) == (path, 3)
        assert isinstance(caught.value, CorruptionError)
    assert reason in blob.fault()


def test_nothing_of_a_stored_blob_is_read_before_it_is_asked_for(stored):
    blob, path = stored
    os.unlink(path)
    assert (StoredBlob(open_repo(path.partition(".runstone")[0]), blob.digest, 3).size, blob.size) == (3, 3)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 63 + "/", "a" * 64 + "\n", None, 5]
)
def test_a_name_that_is_none_leads_nowhere(tmp_path, name):
    with pytest.raises(CorruptionError, match="no blob's name"):
        StoredBlob(open_repo(tmp_path, create=True), name, 3)


STREAMED = """
import hashlib, resource, sys
from runstone import Audio, Repo, Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
run["warm"] = "up"
repo = Repo(sys.argv[1])
repo.query_audios()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run.track(Audio(sys.argv[2]), name="x")
found = run.get_audio_sequence("x").values.first_value()
digest = hashlib.sha256()
with found.open() as file:
    while piece := file.read(1 << 20):
        digest.update(piece)
run.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, digest.hexdigest())
"""


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path):
    path, size = tmp_path / "large.wav", 128 * 1024 * 1024
    with path.open("wb") as file:
        file.truncate(size)
    command = [sys.executable, "-c", STREAMED, str(tmp_path), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, digest = done.stdout.split()
    assert int(grown) * 1024 < size // 2  # libraries are loaded on the way
    zeros = hashlib.sha256()
    for _ in range(128):
        zeros.update(bytes(1024 * 1024))
    assert digest == zeros.hexdigest()
