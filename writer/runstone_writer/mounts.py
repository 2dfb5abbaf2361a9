"""File systems that other hosts write to as well, where some things are not as they are on a disk of one's own.

- A file that another host removes is gone, open or not. A process that touches a map of it is killed (SIGBUS).
- What another host has written comes in pieces, and not in their order: there may be zeros in a file that are
  filled a moment later.
"""

from __future__ import annotations

import contextlib
import os
from functools import lru_cache

REMOTE = frozenset((b"nfs", b"nfs4", b"cifs", b"smb3", b"9p", b"afs", b"fuse.sshfs"))
_MOUNTS = "/proc/self/mountinfo"


@lru_cache(maxsize=64)
def is_remote(device: int) -> bool:
    """Tell whether a device (st_dev) is such a file system; where mounts are not listed, none is."""
    number = b"%d:%d" % (os.major(device), os.minor(device))
    with contextlib.suppress(OSError, ValueError, IndexError), open(_MOUNTS, "rb") as file:
        for line in file:  # 36 35 98:0 /of/the/device /mount/point options ... - type source options
            fields = line.split()
            if fields[2] == number:
                return fields[fields.index(b"-") + 1] in REMOTE
    return False


def may_vanish(path: str) -> bool:
    """Tell whether a file there may go while it is mapped; what is not there has gone already."""
    with contextlib.suppress(OSError):
        return is_remote(os.stat(path).st_dev)
    return False
