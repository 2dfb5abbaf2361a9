"""File systems that may take away a file while it is open: those where another host removes it.

A process that touches a map of such a file is killed by the kernel (SIGBUS), and no `except` stops that. So what is
derived is copied to this host before it is mapped.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from typing import IO

REMOTE = frozenset((b"nfs", b"nfs4", b"cifs", b"smb3", b"9p", b"afs", b"fuse.sshfs"))
_MOUNTS = "/proc/self/mountinfo"
_BLOCK = 1 << 20


def may_vanish(path: str) -> bool:
    """Tell whether a file there may go while it is mapped; what is not there has gone already."""
    with contextlib.suppress(OSError):
        return _is_remote(os.stat(path).st_dev)
    return False


@lru_cache(maxsize=64)
def _is_remote(device: int) -> bool:
    number = b"%d:%d" % (os.major(device), os.minor(device))
    with contextlib.suppress(OSError, ValueError, IndexError), open(_MOUNTS, "rb") as file:
        for line in file:  # 36 35 98:0 /of/the/device /mount/point options ... - type source options
            fields = line.split()
            if fields[2] == number:
                return fields[fields.index(b"-") + 1] in REMOTE
    return False


@contextlib.contextmanager
def lasting(path: str) -> Iterator[IO[bytes]]:
    """Open a file to be mapped: itself, or a copy on this host. Raises OSError."""
    with open(path, "rb") as file:
        if not _is_remote(os.fstat(file.fileno()).st_dev):
            yield file
            return
        with tempfile.TemporaryFile(prefix="runstone-") as copy:
            while data := file.read(_BLOCK):
                copy.write(data)
            copy.flush()
            yield copy
