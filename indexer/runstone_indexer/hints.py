"""Taking hints away: once the log that a hint points to was ended and has been read, nobody needs it.

And leaving one where a log has changed without its writer.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from itertools import islice
from typing import NamedTuple

from runstone_writer.layout import Layout, log_name, make_folder, sync
from runstone_writer.liveness import file_system_now
from runstone_writer.state import RunState

from .discovery import hints
from .generation import Generation

STALE_SECONDS = 24 * 3600.0  # a writer that has shown no life for so long is taken for dead
# A hint comes before its run's folder; where that is missing after so long, the run was collected. (If it comes all the
# same, from a process that was held up, the time stamp of the folder of folders leads to it.)
BEGINNING_SECONDS = 600.0
SETTLED_SECONDS = 120.0  # after so long the kernel has stored what was written, if its writer has not
MANY = 64  # logs that are made durable one by one
TOGETHER = 10_000  # hints


class Read(NamedTuple):
    """How far the log of a writer has been read: whether it says that it has ended, and to where in each part."""

    ended: bool
    offsets: list[int]


Reads = dict[str, dict[str, Read]]  # by run, and by writer


def read_of(state: RunState) -> dict[str, Read]:
    """Return how far the log of each of a run's writers has been read."""
    return {
        name: Read(writer.end is not None, [part[0] for part in writer.parts])
        for name, writer in state.writers.items()
    }


class _Hint(NamedTuple):
    run: str
    writer: str
    touched: int  # when it was looked at; nanoseconds


class Hints:
    """The hints of one repository, and what is known of those that stay."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._kept: dict[str, bool] = {}  # path -> whether it was stale when it was looked at

    def remove_used(self, generation: Generation, taken_in: Reads) -> None:
        """Delete the hints of logs that `generation`, which is published, has to the end.

        `taken_in` says how far runs were read that are new in it: the hints of all others need a look only once.
        """
        looked_at, self._kept = self._kept, {}
        there = hints(self._layout)
        while block := list(islice(there, TOGETHER)):
            self._remove_of(block, generation, taken_in, looked_at)

    def remove_read(self, generation: Generation, taken_in: Reads) -> None:
        """Do the same for runs that were just taken in, without a look at what other hints there are."""
        block = [(run, writer) for run, read in taken_in.items() for writer in read]
        self._remove_of(block, generation, taken_in, {})

    def _remove_of(
        self,
        block: list[tuple[str, str]],
        generation: Generation,
        taken_in: Reads,
        looked_at: dict[str, bool],
    ) -> None:
        used: dict[str, _Hint] = {}
        has_runs = os.path.isdir(self._layout.logs)  # otherwise they are away, and not gone
        now = file_system_now(self._layout) if block else 0.0  # this host's clock may be years off
        for run, writer in block:
            path = self._layout.hint_path(run, writer)
            read = taken_in.get(run)
            with contextlib.suppress(OSError):
                status = os.stat(path)
                age = now - status.st_mtime
                stale = age > STALE_SECONDS
                gone = (
                    has_runs and age > BEGINNING_SECONDS and not os.path.lexists(self._layout.run_folder(run))
                )
                if read is None and (gone or looked_at.get(path) != stale):
                    place = generation.place(run)
                    read = {} if place is None else read_of(place[0].load(place[1]).state)
                if read is not None and (
                    not read if gone else self._is_used(run, writer, read.get(writer), stale=stale)
                ):
                    used[path] = _Hint(run, writer, status.st_ctime_ns)
                else:
                    self._kept[path] = stale
        self._remove(used)

    def _remove(self, used: dict[str, _Hint]) -> None:
        """Remove hints, once a power cut cannot take anything of their logs any more: nobody would look again."""
        with contextlib.suppress(OSError):  # then they stay for the next pass
            self._make_durable(used.values())
            for path, hint in used.items():
                with contextlib.suppress(FileNotFoundError):
                    if os.stat(path).st_ctime_ns == hint.touched:  # else it has been left for something newer
                        os.unlink(path)

    def _make_durable(self, hints: Collection[_Hint]) -> None:
        recent = file_system_now(self._layout) - SETTLED_SECONDS
        logs = []
        for run, writer, _ in hints:
            for name in self._layout.log_names(run):
                path = self._layout.log_path(run, name)
                if name.startswith(writer) and os.stat(path).st_mtime > recent:
                    logs.append(path)
        if logs and (len(logs) < MANY or not _sync_file_system(self._layout.logs)):
            runs = {os.path.dirname(path) for path in logs}
            shards = {os.path.dirname(run) for run in runs}
            for path in (*logs, *runs, *shards, self._layout.logs):
                sync(path)

    def _is_used(self, run: str, writer: str, read: Read | None, *, stale: bool) -> bool:
        if read is None or not read.offsets:  # killed between its hint and its log
            return stale and self._size(run, writer, 0) is None
        if not read.ended and not stale:
            return False
        last = len(read.offsets) - 1
        offset, size = read.offsets[last], self._size(run, writer, last)
        # Behind what a dead writer left there may be a line that it did not complete.
        is_read = offset == size or (stale and offset > 0)
        return is_read and not self._size(run, writer, last + 1)

    def _size(self, run: str, writer: str, part: int) -> int | None:
        try:
            return os.stat(self._layout.log_path(run, log_name(writer, part))).st_size
        except FileNotFoundError:
            return None


def leave_hint(layout: Layout, run: str, writer: str) -> None:
    """Tell readers and the indexer that a log has come, grown or gone; old enough to be nobody's heartbeat."""
    path = layout.hint_path(run, writer)
    make_folder(layout.live)
    while True:
        with contextlib.suppress(FileExistsError), open(path, "xb"):
            pass
        try:
            os.utime(path, (0, 0), follow_symlinks=False)
        except FileNotFoundError:  # the indexer has just taken it away: that was about what was before
            continue
        return


def _sync_file_system(path: str) -> bool:
    """Make a whole file system durable; return whether that could be asked for."""
    import ctypes  # noqa: PLC0415 - for Linux, when there is much to do

    syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
    if syncfs is None:
        return False
    fd = os.open(path, os.O_RDONLY)
    try:
        return bool(syncfs(fd) == 0)
    finally:
        os.close(fd)
