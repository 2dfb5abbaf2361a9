"""The lock that lets one indexer at a time write an index. It dies with its holder; readers never ask for it.

The kernel keeps it for all processes of a host, and for all hosts where the file system passes it on. NFS need not
(v3 with `nolock`), and takes it away from a host that it has not heard of for a while. There the file also says
which host has it, as long as that one keeps touching it (docs/format/index.md, "One indexer").
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator

from runstone_writer.errors import IndexBusyError, StoreError
from runstone_writer.layout import host, is_link
from runstone_writer.mounts import may_vanish
from runstone_writer.tender import BEAT_SECONDS, LEASE_SECONDS

_BOOT = "/proc/sys/kernel/random/boot_id"


class IndexLock:
    """An OS lock on the file `lock` in a folder of derived data."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, "lock")
        self._fd = -1
        self._owner = (
            b""  # what the file has to say as long as this process has the lock; empty if it need not
        )
        self._stop = threading.Event()

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
                raise self._busy("another process") from error
            if may_vanish(self._folder):
                self._claim()

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

    def _busy(self, who: str) -> IndexBusyError:
        return IndexBusyError(
            f"{who} is indexing here: {self._folder}",
            path=self._folder,
            hint="It does the work for everybody: queries see new events at once. Stop it to index here.",
        )

    def is_held(self) -> bool:
        """Tell whether this process has the lock: not any more if somebody deleted the index with its lock, or if
        another host has taken this one for dead.
        """
        if self._fd < 0:
            return False
        try:
            if not os.path.samestat(os.fstat(self._fd), os.stat(self._path)):
                return False
            if not self._owner:
                return True
            with open(
                self._path, "rb"
            ) as file:  # opened anew, or a network file system shows what it remembers
                return file.read() == self._owner
        except OSError:
            return False

    def check(self) -> None:
        """To be asked right before something is written for good. Raises IndexBusyError if another host has taken
        the lock, StoreError if it went with the whole index.
        """
        lost = self.loss()
        if lost is not None:
            raise lost

    def loss(self) -> StoreError | None:
        """Return what `check` would raise; None if the lock is held, or was never taken."""
        if self._fd < 0 or self.is_held():
            return None
        if self._owner and os.path.exists(self._path):
            return self._busy("another host, which took this one for dead,")
        return StoreError(
            f"the index was deleted while it was being written: {self._folder}",
            path=self._folder,
            hint="Nothing is lost: the logs have everything. The next pass makes an index from nothing.",
        )

    def release(self) -> None:
        self._stop.set()
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                if self._owner and self.is_held():
                    os.ftruncate(self._fd, 0)
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1
        self._owner = b""

    # -- between hosts ---------------------------------------------------------------------------------

    def _claim(self) -> None:
        """Write this process into the file, unless a host that lives stands there. Raises IndexBusyError."""
        try:
            with self._alone():
                owner = self._write_owner()
        except OSError as error:
            self.release()
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"cannot write an index to {self._folder}: {error.strerror}", path=self._folder
            ) from error
        self._owner, self._stop = owner, threading.Event()
        threading.Thread(target=self._beat, args=(self._path, self._stop), daemon=True).start()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one host at a time look who has the lock and take it: a file server makes a new file only once."""
        claim = self._path + ".claim"
        with contextlib.suppress(FileNotFoundError):
            if self._age(os.stat(claim)) > LEASE_SECONDS:  # of a host that died right then
                os.unlink(claim)
        try:
            os.close(os.open(claim, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        except FileExistsError:
            raise self._busy("another host") from None
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(claim)

    def _write_owner(self) -> bytes:
        here = f"{host()} {_boot()}"
        with open(self._path, "rb") as file:  # opened anew, or what was read before is shown
            said, _, _ = file.read(1000).decode(errors="replace").rpartition(" ")
        # This host's own would have the lock.
        if said and said != here and self._age(os.fstat(self._fd)) < LEASE_SECONDS:
            raise self._busy(f"the host {said.split()[0]}")
        owner = f"{here} {os.urandom(8).hex()}\n".encode()
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, owner, 0)
        os.fsync(self._fd)
        return owner

    def _age(self, of: os.stat_result) -> float:
        """Return how long ago a file was touched, by the clock of the file system."""
        with tempfile.TemporaryFile(dir=self._folder) as probe:
            return os.fstat(probe.fileno()).st_mtime - of.st_mtime

    @staticmethod
    def _beat(path: str, stop: threading.Event) -> None:
        while not stop.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(path)


def _boot() -> str:
    """Return what tells this kernel from others, and from itself before it was started anew."""
    try:
        with open(_BOOT, "rb") as file:
            return file.read().decode().strip()
    except OSError:
        return "-"
