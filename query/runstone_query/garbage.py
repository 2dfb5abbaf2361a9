"""Garbage: the bytes of runs that were deleted, blobs that no log names, files that killed processes left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from runstone_indexer.discovery import hinted, look_into, sweep
from runstone_indexer.indexer import Indexer
from runstone_indexer.states import DELETED
from runstone_writer.errors import ReadOnlyError
from runstone_writer.layout import Layout
from runstone_writer.liveness import file_system_now, is_written
from runstone_writer.state import RunState

from .blobs import Blob, blobs_in, named_in
from .leftovers import INCOMING, dotted, files, leftovers
from .overlay import Tail
from .repo import Repo
from .trash import Trash

GRACE_SECONDS = 7 * 24 * 3600.0
BLOB_SECONDS = 3600.0  # a writer puts a blob in place before the line that names it
LEFTOVER_SECONDS = 24 * 3600.0

_GONE = re.compile(r"\.gone-([0-9a-f]{64})")
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Collected:
    """What `Repo.gc` removed, or would remove."""

    dry_run: bool = False
    runs: list[str] = field(default_factory=list)
    run_bytes: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    leftovers: int = 0  # files that killed processes left
    leftover_bytes: int = 0
    kept: dict[str, str] = field(default_factory=dict)  # deleted runs that stay, and why
    unreadable: list[str] = field(default_factory=list)  # logs that could not be read: then every blob stays

    @property
    def bytes(self) -> int:
        """How many bytes that is in all."""
        return self.run_bytes + self.blob_bytes + self.leftover_bytes


def collect(
    repo: Repo,
    *,
    grace: float = GRACE_SECONDS,
    dry_run: bool = False,
    runs: bool = True,
    progress: Progress | None = None,
) -> Collected:
    """Remove garbage; see :meth:`Repo.gc`. Without `runs`, deleted runs stay."""
    if repo.read_only and not dry_run:
        raise ReadOnlyError(
            f"cannot remove garbage: the repository {repo.path} was opened read-only",
            hint="Open it with Repo(path), or ask with dry_run=True.",
        )
    now = time.time() if repo.read_only else file_system_now(repo.layout)
    collection = _Collection(repo, Collected(dry_run), now, grace, progress)
    if not dry_run:
        Trash(repo.layout).settle()
        collection.settle_blobs()
    if runs:
        collection.take_runs()
    collection.take_blobs()
    collection.take_leftovers()
    return collection.done


class _Collection:
    """One call of `collect`."""

    def __init__(
        self, repo: Repo, done: Collected, now: float, grace: float, progress: Progress | None
    ) -> None:
        self.done = done
        self._repo = repo
        self._layout = repo.layout
        self._now = now
        self._grace = grace
        self._progress = progress

    # -- runs ------------------------------------------------------------------------------------------

    def take_runs(self) -> None:
        for run in list(_deleted(self._repo, self._refused)):
            hints = hinted(self._layout).get(run, [])
            tail = Tail(self._layout, run, None)  # from the logs: an index may be wrong
            folder = look_into(self._layout, run)
            tail.update(folder)
            reason = self._reason_to_keep(tail, hints)
            if reason == "" and not self.done.dry_run and not Trash(self._layout).remove(run, folder, hints):
                reason = "it was changed a moment ago"
            if reason == "":
                self.done.runs.append(run)
                self.done.run_bytes += sum(folder.sizes.values())
            elif reason is not None:
                self.done.kept[run] = reason
        if self.done.runs and not self.done.dry_run:
            forget(self._repo, self.done.runs)

    def _reason_to_keep(self, tail: Tail, hints: list[str]) -> str | None:
        """Why a run stays: None for one that is not deleted, "" for one that goes."""
        state = tail.state
        if tail.problems:
            return "its logs are damaged, so that it is not certain that it is still deleted"
        if not state.deleted:
            return None
        if is_written(self._layout, state, hints, self._now):
            return "it is being written"
        # A writer's clock may be years slow: the time of its deletion alone would let no grace.
        newest = max([_newest(state) / 1e6, *_changed(self._layout, state.run)])
        age = self._now - newest
        if self._grace and age < self._grace:  # none at all asks no clock
            return f"it was deleted or written {max(age, 0) / 86400:.1f} days ago"
        return ""

    # -- blobs -----------------------------------------------------------------------------------------

    def take_blobs(self) -> None:
        old = [blob for blob in blobs_in(self._layout) if self._is_old(blob.changed)]
        if not old:
            return
        named, sizes = self._named(set(self.done.runs), {})
        old = [blob for blob in old if blob.name not in named]
        if old and not self.done.dry_run:  # what was written while the logs were read
            named, _ = self._named(set(), sizes)
            old = [blob for blob in old if blob.name not in named]
        if self.done.unreadable:
            return
        for blob in old:
            if self.done.dry_run or self._remove_blob(blob):
                self.done.blobs += 1
                self.done.blob_bytes += blob.size

    def _is_old(self, changed: float) -> bool:
        return self._now - changed >= max(BLOB_SECONDS, self._grace)

    def _named(
        self, without: set[str], seen: dict[str, dict[str, int]]
    ) -> tuple[set[str], dict[str, dict[str, int]]]:
        """Return what the logs name, but for those that are as they were `seen`; and how they are now."""
        named: set[str] = set()
        now: dict[str, dict[str, int]] = {}
        runs = [run for run in sweep(self._layout, self._refused) if run not in without]
        for count, run in enumerate(runs):
            try:
                folder = look_into(self._layout, run)
                now[run] = folder.sizes
                self.done.unreadable += [self._layout.log_path(run, name) for name in folder.impostors]
                for name, size in now[run].items():
                    if seen.get(run, {}).get(name) != size:
                        named |= named_in(self._layout.log_path(run, name))
            except OSError as error:
                self.done.unreadable.append(str(error.filename or run))
            if self._progress is not None and not seen:
                self._progress(count + 1, len(runs))
        return named, now

    def _refused(self, error: OSError) -> None:
        self.done.unreadable.append(str(error.filename))

    def _remove_blob(self, blob: Blob) -> bool:
        """Remove a blob unless somebody has relied on it a moment ago: whoever finds one there touches it."""
        gone = os.path.join(os.path.dirname(blob.path), f".gone-{blob.name}")
        try:
            os.rename(blob.path, gone)
            if not self._is_old(os.stat(gone).st_mtime):
                os.rename(gone, blob.path)
                return False
            os.unlink(gone)
        except FileNotFoundError:  # somebody else is collecting too
            return False
        return True

    def settle_blobs(self) -> None:
        """Put back blobs that an earlier call was killed over."""
        for path, _ in dotted(self._layout.blobs):
            found = _GONE.fullmatch(os.path.basename(path))
            if found is not None:
                target = self._layout.blob_path(found[1])
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path) if os.path.exists(target) else os.rename(path, target)

    # -- leftovers -------------------------------------------------------------------------------------

    def take_leftovers(self) -> None:
        for path, status in leftovers(self._layout):
            if self._now - status.st_mtime < LEFTOVER_SECONDS:
                continue
            is_folder = stat.S_ISDIR(status.st_mode)  # a link to one is not
            size = sum(s.st_size for _, s in files(path)) if is_folder else status.st_size
            if not self.done.dry_run:
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(path) if is_folder else os.unlink(path)
            self.done.leftovers += 1
            self.done.leftover_bytes += size
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(self._layout.root, INCOMING))


def forget(repo: Repo, runs: Iterable[str], *, full: bool = True) -> None:
    """Take runs whose folders are gone out of the index, and their hints away. A matter of space and speed alone.

    With ``full=False`` only those that have a hint, which is quicker: so has a run that was deleted just now.
    As long as the index has not forgotten a run that it does not know to be deleted, its hint says so.
    """
    layout = repo.layout
    repo.close()
    if os.path.isdir(layout.index):
        try:
            Indexer(layout).run_once(full=full)
        except OSError:  # somebody else is at it, or nothing can be written: the next pass does it
            return
    for run in runs:
        if not os.path.isdir(layout.run_folder(run)):
            for writer in hinted(layout).get(run, []):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(layout.hint_path(run, writer))


def _deleted(repo: Repo, refused: Callable[[OSError], None]) -> Iterator[str]:
    """Yield the runs that are deleted, as far as is known without reading all logs."""
    generation, fresh = repo.snapshots.take(warns=False)
    for run in sweep(repo.layout, refused):
        if run in fresh:
            if fresh[run].state.deleted:
                yield run
        elif generation is not None and (place := generation.place(run)) is not None:
            file, row = place
            if int(file.column("flags")[row]) & DELETED:
                yield run


def _newest(state: RunState) -> int:
    deleted = 0 if state.deleted_mark is None else state.deleted_mark[0][0]
    return max([deleted, *(writer.last for writer in state.writers.values())])


def _changed(layout: Layout, run: str) -> Iterator[float]:
    """Yield when each log of a run was last written, by the clock of the file system."""
    for name in look_into(layout, run).sizes:
        with contextlib.suppress(OSError):
            yield os.stat(layout.log_path(run, name)).st_mtime
