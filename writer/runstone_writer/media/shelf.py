"""The blobs of a repository: put there once, whole or not at all, and never changed (docs/format/repository.md)."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from ..errors import DamagedBlobError
from ..layout import is_digest, make_folder, sync_folder
from .blob import StoredBlob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..layout import Layout
    from .blob import Blob

PARTIAL = ".partial"  # ends the name of a blob that is being written


class Shelf:
    """Where the blobs of one repository stand."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._proven: set[str] = set()  # what was put here, or read in full, by this process
        self._unsynced: deque[StoredBlob] = deque()
        self._sync_lock = threading.RLock()
        self._doubtful: set[str] = (
            set()
        )  # whose fsync failed: it may claim success the next time, and the bytes are gone

    def put(self, blob: Blob, *, durable: bool) -> None:
        """Put a blob in its place, unless it stands there. Raises OSError if the storage refuses it."""
        path = self._layout.blob_path(blob.digest)
        if not self._has(path, blob):
            self._write(path, blob, durable)
            self._proven.add(blob.digest)
            self._unsynced.append(StoredBlob(self._layout, blob.digest, blob.size))
        if durable:
            self.sync()

    def _has(self, path: str, blob: Blob) -> bool:
        """Whether the blob is there and intact: one that a power cut has emptied is written once more."""
        if blob.digest in self._doubtful:
            return False
        try:
            if os.stat(path).st_size != blob.size:
                return False
        except OSError:
            return False
        if blob.digest not in self._proven:
            stored = StoredBlob(self._layout, blob.digest, blob.size)
            if stored.fault():
                return False
            self._proven.add(blob.digest)
            self._unsynced.append(stored)  # another process may have put it there a moment ago
        return renewed(path)

    def _write(self, path: str, blob: Blob, durable: bool) -> None:
        make_folder(os.path.dirname(path))
        partial = f"{path}.{os.getpid()}-{os.urandom(6).hex()}{PARTIAL}"
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            try:
                for piece in blob.pieces():
                    rest = memoryview(piece)
                    while rest:
                        rest = rest[os.write(fd, rest) :]
                if durable:
                    os.fsync(fd)
            finally:
                os.close(fd)
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(partial)
            raise
        self._doubtful.discard(blob.digest)

    def sync(self) -> None:
        """Make everything durable that was put here. Raises OSError; the rest is made durable all the same.

        What could not be made durable is written once more, to a new file, by the next call.
        """
        with self._sync_lock:  # who finds nothing to do may have to wait for somebody who is at it
            failure = self._sync_all()
        if failure is not None:
            raise failure

    def _sync_all(self) -> OSError | None:
        failure: OSError | None = None
        synced: list[StoredBlob] = []
        for _ in range(len(self._unsynced)):
            blob = self._unsynced.popleft()
            try:
                if blob.digest not in self._doubtful:
                    _sync_file(blob.path)
                elif failure is None:
                    self._write(blob.path, blob, durable=True)
                else:
                    raise failure
                synced.append(blob)
            except FileNotFoundError:  # taken away since: it is nobody's any more
                self._doubtful.discard(blob.digest)
            except DamagedBlobError:  # the cache had the last copy: whoever has the content puts it right
                self._proven.discard(blob.digest)
                self._doubtful.discard(blob.digest)
            except OSError as error:
                failure = error
                self._doubt(blob)
        try:
            self._sync_folders(synced)
        except OSError as error:
            failure = error
            for blob in synced:
                self._doubt(blob)
        return failure

    def _doubt(self, blob: StoredBlob) -> None:
        self._doubtful.add(blob.digest)
        self._unsynced.append(blob)

    def _sync_folders(self, blobs: list[StoredBlob]) -> None:
        folders = dict.fromkeys(os.path.dirname(blob.path) for blob in blobs)
        for folder in (*folders, *((self._layout.blobs, self._layout.root) if folders else ())):
            sync_folder(folder)


def renewed(path: str) -> bool:
    """Make a blob that is there look new, so that no gc takes it away before a line names it; False if it is gone."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:  # somebody else's, or on media that keep no times
        return os.path.exists(path)
    return True


def _sync_file(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def stored_blobs(layout: Layout) -> Iterator[StoredBlob | str]:
    """Yield every blob of a repository, and the path of everything else that is where they are."""
    for folder in _listed(layout.blobs):
        if not folder.is_dir(follow_symlinks=False):
            yield folder.path
            continue
        for entry in _listed(folder.path):
            right = is_digest(entry.name) and layout.blob_path(entry.name) == entry.path
            if right and entry.is_file(follow_symlinks=False):
                yield StoredBlob(layout, entry.name, entry.stat().st_size)
            else:
                yield entry.path


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
