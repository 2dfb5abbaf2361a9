"""A fence: a memory cgroup, of the first or the second kind, in which a server and all its processes have to do."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIRST = Path("/sys/fs/cgroup/memory")
SECOND = Path("/sys/fs/cgroup")
LEAVING_SECONDS = 10.0

_numbers = itertools.count()


@dataclass(frozen=True)
class Fence:
    """A group, and what has become of those in it."""

    path: Path

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed for their memory."""
        for name in ("memory.oom_control", "memory.events"):
            with contextlib.suppress(OSError):
                found = re.search(r"^oom_kill (\d+)$", (self.path / name).read_text(), re.MULTILINE)
                return int(found[1]) if found else 0
        return 0


def lacking() -> str:
    """Return why there can be no fence here; empty if there can."""
    if os.geteuid() != 0:
        return "a memory cgroup needs root"
    return "" if _parent() else "there is no memory cgroup"


def _parent() -> Path | None:
    if (FIRST / "memory.limit_in_bytes").exists():
        return FIRST
    with contextlib.suppress(OSError):
        if "memory" in (SECOND / "cgroup.subtree_control").read_text().split():
            return SECOND
    return None


@contextlib.contextmanager
def fenced(size: int) -> Iterator[Fence]:
    """Make a group that may have `size` bytes; it is gone afterwards, as all who were in it have to be."""
    parent = _parent()
    assert parent is not None, lacking()
    group = parent / f"runstone-siege-{os.getpid()}-{next(_numbers)}"
    group.mkdir()
    try:
        limit = "memory.limit_in_bytes" if parent == FIRST else "memory.max"
        (group / limit).write_text(str(size))
        if parent == SECOND:
            with contextlib.suppress(OSError):
                (group / "memory.swap.max").write_text("0")
        yield Fence(group)
    finally:
        _emptied(group)


def _emptied(group: Path) -> None:
    """Wait until all who were in a group are gone, and take it away; who does not go is ended."""
    ends = time.monotonic() + LEAVING_SECONDS
    while True:
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > ends:
                for pid in (group / "cgroup.procs").read_text().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                ends += LEAVING_SECONDS
            time.sleep(0.05)
