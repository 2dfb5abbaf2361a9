"""The blobs of a repository: files named by the SHA-256 of what is in them, to which lines of logs refer."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

from runstone_writer.errors import CorruptionError
from runstone_writer.layout import Layout, is_link, make_folder, open_file, sync_folder
from runstone_writer.media.blob import StoredBlob
from runstone_writer.media.shelf import renewed

PIECE = 4 * 1024 * 1024  # bytes read at a time
_REFERENCE = re.compile(rb'"blob":"([0-9a-f]{64})"')
_NAME = re.compile(r"[0-9a-f]{64}")
_LONGEST = len(b'"blob":""') + 64


class Blob(NamedTuple):
    """A blob that is there."""

    name: str
    path: str
    size: int
    changed: float  # its time stamp: when it was written, or last found to be there already


def blobs_in(layout: Layout) -> Iterator[Blob]:
    """Yield every blob of a repository. What else lies there is passed over."""
    for shard in sorted(_names_in(layout.blobs)):
        if is_link(os.path.join(layout.blobs, shard)):
            continue
        for name in sorted(_names_in(os.path.join(layout.blobs, shard))):
            if _NAME.fullmatch(name) and name[:2] == shard:
                path = layout.blob_path(name)
                with contextlib.suppress(OSError):  # taken away in this moment
                    status = os.stat(path, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield Blob(name, path, status.st_size, status.st_mtime)


def named_in(path: str, end: int | None = None) -> set[str]:
    """Return the blobs that a log names in its first `end` bytes, in damaged lines too. Raises OSError."""
    found: set[str] = set()
    rest = b""
    with open(open_file(path), "rb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size if end is None else end
        while left > 0 and (data := file.read(min(PIECE, left))):
            left -= len(data)
            data = rest + data
            found.update(name.decode() for name in _REFERENCE.findall(data))
            rest = data[-_LONGEST:]
    return found


def copy_blob(source: Layout, dest: Layout, name: str, *, trusting: bool) -> int:
    """Copy a blob, durable on return, unless it is there already. Return how many bytes were copied.

    Unless it is `trusting`, one that is there is read, and replaced if it is not what was written. Raises OSError
    if that cannot be done, CorruptionError if what is in the source's does not fit its name.
    """
    target = dest.blob_path(name)
    if renewed(target) and (trusting or _is_whole(dest, name)):
        return 0
    make_folder(os.path.dirname(target))
    temporary = os.path.join(os.path.dirname(target), f".{name}.{os.getpid()}.{os.urandom(4).hex()}")
    digest, size = hashlib.sha256(), 0
    try:
        with (
            open(open_file(source.blob_path(name)), "rb", buffering=0) as file,
            open(temporary, "xb") as copy,
        ):
            while data := file.read(PIECE):
                digest.update(data)
                size += len(data)
                copy.write(data)
            copy.flush()
            os.fsync(copy.fileno())
        if digest.hexdigest() != name:
            path = source.blob_path(name)
            raise CorruptionError(path, 0, size, "a blob is not what was written")
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    sync_folder(os.path.dirname(target))
    sync_folder(dest.blobs)
    return size


def _is_whole(layout: Layout, name: str) -> bool:
    with contextlib.suppress(OSError):
        return not StoredBlob(layout, name, os.stat(layout.blob_path(name)).st_size).fault()
    return False


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
