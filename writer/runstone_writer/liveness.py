"""Whether a writer lives: by its heartbeat, a counter in its hint file that the tender moves on.

A process that watches for a while compares the counter with what it saw before, on its own clock. One
that looks only once goes by the age of the file, against the clock of the same file system: it asks that
clock by making a file where it may. No process id, no lock, no other host's clock.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from typing import Literal

from .layout import Layout, is_link
from .messages import is_done, lease
from .state import RunState
from .tender import LEASE_SECONDS

Status = Literal["running", "finished", "crashed"]


def status_of(layout: Layout, state: RunState, now: float | None = None) -> Status:
    """Return what a run is doing. `now` is file_system_now(layout), to be asked once for many runs."""
    waiting = state.open_writers()
    if not waiting:
        return "finished"
    moment = file_system_now(layout) if now is None else now
    if any(
        beat_age(layout, state.run, writer.writer, moment) < lease(writer, LEASE_SECONDS)
        for writer in waiting
    ):
        return "running"
    return "finished" if all(map(is_done, waiting)) else "crashed"


def is_written(layout: Layout, state: RunState, hinted: list[str], now: float) -> bool:
    """Tell whether any of the writers with a hint lives and has not ended; one without a log may be about to."""
    for writer in hinted:
        known = state.writers.get(writer)
        if (known is None or known.end is None) and beat_age(layout, state.run, writer, now) < LEASE_SECONDS:
            return True
    return False


def beat_age(layout: Layout, run: str, writer: str, now: float) -> float:
    """Return how many seconds ago a writer's heart last beat; infinite if it has no hint file."""
    try:
        return now - os.stat(layout.hint_path(run, writer)).st_mtime
    except OSError:
        return float("inf")


def file_system_now(layout: Layout) -> float:
    """Return the time by the clock that stamps the repository's files; this host's if it may not be written."""
    folder = layout.index if os.path.isdir(layout.index) and not is_link(layout.index) else layout.root
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime
    return time.time()
