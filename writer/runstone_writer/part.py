"""One file of a log at the end where it is written: the chain, and what is not known to be durable yet.

A part never outlives its trouble: after a write or an fsync that failed, its log goes on in the next one.
Every method may be cut short by an exception out of a signal handler (Ctrl-C) and leaves something that
`complete` can put right. Python runs such handlers only when a call returns, a function begins or a loop
turns, so plain assignments that follow each other are never torn apart.
"""

from __future__ import annotations

import contextlib
import errno
import os

from .layout import sync_folder
from .lines import body_of, chain_after, frame, frame_all

_close = os.close  # still there when the interpreter takes the modules apart
_fdatasync = getattr(os, "fdatasync", os.fsync)


class Part:
    """An open file and what its lines hang on. One thread at a time is in here: the log's lock sees to that."""

    __slots__ = (
        "caught_up",
        "checkpoint",
        "crc",
        "durable_end",
        "failure",
        "fd",
        "flying",
        "key",
        "lines",
        "mark",
        "mark_crc",
        "named",
        "number",
        "syncing",
    )

    def __init__(self, number: int, fd: int, key: int) -> None:
        self.number = number
        self.fd = fd
        self.key = key
        self.crc = 0  # of everything in the file
        self.lines: list[bytes] = []  # written behind `mark`
        self.mark = 0  # where the last fsync was asked for,
        self.mark_crc = 0  # and the chain there
        self.flying: list[
            bytes
        ] = []  # between `durable_end` and `mark`: the fsync is under way, or went wrong
        self.durable_end = 0
        self.named = False  # whether the folder entry is durable
        self.caught_up = number == 0  # whether everything that had to be sent again is in here
        self.checkpoint = 0
        self.syncing = 0
        self.failure: OSError | None = None  # what an fsync said: the next one may lie, so the part is lost

    def __del__(self) -> None:
        self.close()  # the last one to let go of a part closes it, perhaps a thread that waits for an fsync

    def close(self) -> None:
        """Close the file. What else is written fails with EBADF."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                _close(fd)

    def begin(self, bodies: list[bytes]) -> None:
        """Write the first lines, with a single call."""
        self.lines, self.crc = frame_all(bodies, 0, self.key)
        self._write(b"".join(self.lines))

    def append(self, body: bytes) -> None:
        """Write one line."""
        line, crc = frame(body, self.crc, self.key)
        if os.write(self.fd, line) == len(line):
            self.lines.append(line)
            self.crc = crc
        else:
            self.complete(body)

    def complete(self, body: bytes) -> None:
        """Write as much of a line as is not in the file already: nothing, all, or what a short write left."""
        lines = self.lines
        crc = chain_after(lines[-1], self.key) if lines else self.mark_crc
        written = os.fstat(self.fd).st_size - self.mark - sum(map(len, lines))
        if written == 0 and lines and lines[-1].startswith(body):
            self.crc = crc or 0
            return
        line, after = frame(body, crc or 0, self.key)
        if not 0 <= written <= len(line):
            raise OSError(errno.EIO, "the file is not as long as what was written to it")
        self._write(line[written:])
        lines.append(line)
        self.crc = after

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.fd, data) :]

    # -- durability ------------------------------------------------------------------------------------

    @property
    def is_durable(self) -> bool:
        """Whether there is nothing for an fsync to do."""
        return self.named and not self.lines and not self.flying

    def take_off(self) -> int:
        """Set apart what the coming fsync covers; return the offset where it ends."""
        status = os.fstat(self.fd)
        if status.st_nlink == 0:
            self.failure = FileNotFoundError(errno.ENOENT, "the file was deleted")
            raise self.failure
        end = status.st_size
        flying = self.flying + self.lines if self.flying else self.lines
        rest: list[bytes] = []
        self.flying, self.lines, self.mark, self.mark_crc = flying, rest, end, self.crc
        self.syncing += 1
        return end

    def sync(self, folders: list[str]) -> None:
        """Make what was set apart durable, with its folder entries the first time. Keeps an error in `failure`."""
        try:
            if self.fd < 0:  # closed by a signal handler, with everything durable
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            _fdatasync(self.fd)
            if not self.named:
                for folder in folders:
                    sync_folder(folder)
        except OSError as error:
            self.failure = error

    def land(self, end: int) -> None:
        """The fsync of what stands before `end` has come back."""
        self.syncing -= 1
        if self.failure is None:
            self.named = True
            if end == self.mark:
                self.durable_end, self.flying = end, []

    def give_up(self, folders: list[str]) -> tuple[int, list[bytes]]:
        """Return from which offset on everything has to be sent again, and the bodies of that."""
        if (
            self.failure is None and not self.syncing
        ):  # an fsync under way may be the one that hears of the error
            size = self.mark + sum(map(len, self.lines))
            self.sync(folders)
            if self.failure is None:
                return size, []
        return self.durable_end, [body_of(line) for line in self.flying + self.lines]
