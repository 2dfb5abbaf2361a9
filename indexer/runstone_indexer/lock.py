"""The lock that lets one indexer at a time write an index. It dies with its holder; readers never ask for it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os

from runstone_writer.errors import IndexBusyError, StoreError
from runstone_writer.layout import is_link


class IndexLock:
    """An OS lock on the file `lock` in a folder of derived data."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, "lock")
        self._fd = -1

    def acquire(self) -> None:
        """Take the lock. Raises IndexBusyError if another has it, StoreError if nothing can be written here."""
        while not self.is_held():
            self.release()
            self._fd = self._open()
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                self.release()
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):  # EACCES: what some file servers say
                    raise self._refused(error) from error
                raise IndexBusyError(
                    f"another process is indexing here: {self._folder}",
                    path=self._folder,
                    hint="It does the work for everybody: queries see new events at once. Stop it to index here.",
                ) from error

    def _open(self) -> int:
        try:
            for folder in (os.path.dirname(self._folder), self._folder):
                if is_link(folder):  # what it leads to is somebody else's, and would be cleared
                    raise OSError(errno.ELOOP, f"{folder} is a symbolic link", folder)
            os.makedirs(self._folder, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            return os.open(self._path, flags, 0o666)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot write an index to {self._folder}: {error.strerror}",
            path=self._folder,
            hint="Queries work without one; they read the logs.",
        )

    def is_held(self) -> bool:
        """Tell whether this process has the lock: not any more if somebody deleted the index with its lock."""
        if self._fd < 0:
            return False
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self._path))
        except OSError:
            return False

    def release(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1
