"""Blobs: bytes known by their SHA-256, in memory, in a file of the caller's, or in a repository.

Nothing is read before it is asked for, large contents go through memory in pieces, and what is read from a
repository is verified.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from ..errors import CorruptionError, DamagedBlobError, UsageError
from ..layout import is_digest, is_link, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..layout import Layout

PIECE = 1024 * 1024  # bytes read at once
MEMORY_LIMIT = 8 * 1024 * 1024  # a file up to this size is taken as it is when an object is made of it


class Blob(Protocol):
    """Bytes of a known size and SHA-256."""

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes, as 64 hex digits."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces. What yields other bytes than `digest` says raises when it ends."""

    def read(self) -> bytes:
        """Return the bytes, verified."""

    def open(self) -> BinaryIO:
        """Return the bytes as a file to be read, verified."""


class MemoryBlob:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self._data).hexdigest()

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, self.size, PIECE):
            yield self._data[start : start + PIECE]

    def read(self) -> bytes:
        return self._data

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)


class FileBlob:
    """A file of the caller's that is too large to be kept in memory: it must stay as it is until it is tracked."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stamp = _stamp(os.stat(path))
        self.size = self._stamp[1]

    @cached_property
    def digest(self) -> str:
        found = hashlib.sha256()
        for piece in self._read():
            found.update(piece)
        return found.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        expected, found = self.digest, hashlib.sha256()
        for piece in self._read():
            found.update(piece)
            yield piece
        if found.hexdigest() != expected:
            raise self._changed()

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def open(self) -> BinaryIO:
        return open(self._path, "rb")

    def _read(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb") as file:
                if _stamp(os.fstat(file.fileno())) != self._stamp:
                    raise self._changed()
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise self._changed() from error

    def _changed(self) -> UsageError:
        return UsageError(
            f"{self._path} has changed since an object was made of it",
            hint=f"A file of more than {MEMORY_LIMIT >> 20} MiB is read when it is tracked: track it before you "
            "write to it again.",
        )


class StoredBlob:
    """A blob in a repository. Whatever is read of it is verified first; DamagedBlobError says if it is not right."""

    def __init__(self, layout: Layout, digest: str, size: int) -> None:
        if not is_digest(digest):  # it may not lead out of the repository
            raise CorruptionError(layout.blobs, 0, 0, f"{digest!r:.80} is no blob's name")
        self.digest = digest
        self.size = size
        self.path = layout.blob_path(digest)

    def pieces(self) -> Iterator[bytes]:
        with self._opened() as file:
            yield from self._verified(file)

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def open(self) -> BinaryIO:
        file = self._opened()
        try:
            for _ in self._verified(file):
                pass
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def fault(self) -> str:
        """Return what is wrong with the blob; empty if nothing is."""
        try:
            self.open().close()
        except DamagedBlobError as error:
            return error.reason
        return ""

    def _opened(self) -> BinaryIO:
        try:
            if is_link(os.path.dirname(self.path)):
                raise OSError(errno.ELOOP, "a symbolic link")
            return open(open_file(self.path), "rb")
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            reason = "the blob is missing" if missing else f"the blob cannot be read: {error.strerror}"
            raise self._damaged(reason) from None

    def _verified(self, file: BinaryIO) -> Iterator[bytes]:
        found, length = hashlib.sha256(), 0
        there = os.fstat(file.fileno()).st_size
        if there != self.size:  # before anything is read: it may be enormous
            raise self._damaged(f"the blob has {there:,} bytes in place of {self.size:,}")
        try:
            while piece := file.read(PIECE):
                found.update(piece)
                length += len(piece)
                yield piece
        except OSError as error:
            raise self._damaged(f"the blob cannot be read: {error.strerror}") from error
        if length != self.size:
            raise self._damaged(f"the blob has {length:,} bytes in place of {self.size:,}")
        if found.hexdigest() != self.digest:
            raise self._damaged("the blob's content is not what its name says")

    def _damaged(self, reason: str) -> DamagedBlobError:
        return DamagedBlobError(
            self.path, 0, self.size, reason, hint="Restore the file from a copy. Everything else can be read."
        )


def is_blob(value: Any) -> bool:
    """Tell whether a value is a blob of any kind."""
    return isinstance(value, MemoryBlob | FileBlob | StoredBlob)


def blob_of_file(path: str) -> Blob:
    """Return the content of a file, taken now if it is small. Raises UsageError if it cannot be read."""
    try:
        if os.path.getsize(path) > MEMORY_LIMIT:
            return FileBlob(path)
        with open(path, "rb") as file:
            return MemoryBlob(file.read())
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", hint="Give the path of a file that is there."
        ) from error


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
