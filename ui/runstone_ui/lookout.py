"""What has changed in a repository since the last look: by hints, sizes of logs and the manifest.

Of a log it reads the header, once, as an edit has a hint as a run has, and is none; and the last line when it has grown,
as a run that has ended keeps its hints until it is indexed.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from dataclasses import dataclass, field, replace
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

from runstone_indexer.discovery import Hinted, look_into
from runstone_indexer.manifest import Manifest, manifest_path, read_manifest
from runstone_writer.history import has_ended, is_edit
from runstone_writer.layout import Layout, log_name
from runstone_writer.tender import LEASE_SECONDS

MOST_LOOKS = 1000  # into folders of runs, at one look; the others have their turn at the next
UNSEEN = (-1, -1)
MOST_NEWS = 1000  # runs that are named; of more it is said that there are others


@dataclass(slots=True)
class News:
    """What is new: the runs in which something has happened, and whether there are others than those."""

    generation: int | None = None
    active: int = 0
    runs: dict[str, None] = field(default_factory=dict)
    more: bool = False

    def add(self, later: News) -> None:
        """Take in what came later."""
        self.generation, self.active = later.generation, later.active
        self.runs |= later.runs
        self.more = self.more or later.more or len(self.runs) > MOST_NEWS
        self.runs = dict(islice(self.runs.items(), MOST_NEWS))


class _Heart(NamedTuple):
    """The heart of a writer of a run: the time stamp of its hint, and when that was seen to move, on our own clock."""

    beat: float
    heard: float


@dataclass(slots=True)
class _Known:
    """What the last look at a run with hints has found."""

    writers: frozenset[str]
    extent: tuple[int, int] = UNSEEN
    hearts: dict[str, _Heart] = field(default_factory=dict)
    done: frozenset[str] = (
        frozenset()
    )  # writers that write no more: they have ended, or have only changed the run

    def of(self, writers: list[str]) -> _Known:
        """Return what is known now that the run has other writers."""
        return replace(self, writers=frozenset(writers))

    @property
    def heard(self) -> float:
        """When a heart was last heard."""
        return max((heart.heard for heart in self.hearts.values()), default=-math.inf)


class Lookout:
    """Looks at a repository again and again. Blocks for as long as the file system takes; one thread at a time."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._hinted = Hinted(layout)
        self._known: dict[str, _Known] = {}
        self._turn = 0
        self._stamp: tuple[int, ...] = ()
        self._files: frozenset[str] | None = None
        self.generation: int | None = None
        self.indexed: int | None = None  # how many runs the index has

    def look(self) -> News | None:
        """Return what has happened since the last look; None if nothing has. The first look finds nothing new."""
        is_first = self._files is None
        before = self.active
        found = News()
        self._look_at_hints(found, is_first)
        moved = self._look_at_index(found)
        found.generation, found.active = self.generation, self.active
        if is_first or not (found.runs or found.more or moved or found.active != before):
            return None
        return found

    @property
    def active(self) -> int:
        """How many runs are being written: those whose heart has beaten within the lease."""
        now = time.monotonic()
        return sum(now - known.heard < LEASE_SECONDS for known in self._known.values())

    def _look_at_hints(self, found: News, is_first: bool) -> None:
        try:
            hints = self._hinted.now()
        except OSError:
            return
        news = News()
        for run in self._known.keys() - hints.keys():  # it has been ended, and indexed
            news.runs[run] = None
            del self._known[run]
        for run, writers in hints.items():
            known = self._known.get(run)
            if known is None or known.writers != frozenset(writers):
                self._known[run] = _Known(frozenset(writers)) if known is None else known.of(writers)
                news.runs[run] = None
        for run in self._in_turn():
            known = self._known[run]
            seen = self._seen(run, known)
            if known.extent not in (UNSEEN, seen.extent):
                news.runs[run] = None
            self._known[run] = seen
        if not is_first:
            found.add(news)

    def _in_turn(self) -> list[str]:
        """Return the runs to look at now: those that nobody has looked at yet, the latest writers' first."""
        unseen = (run for run, known in self._known.items() if known.extent == UNSEEN)
        first = nlargest(MOST_LOOKS, unseen, key=lambda run: max(self._known[run].writers))
        runs = list(self._known)
        start = self._turn if self._turn < len(runs) else 0
        self._turn = start + MOST_LOOKS - len(first)
        return list(dict.fromkeys(first + runs[start : self._turn]))

    def _seen(self, run: str, before: _Known) -> _Known:
        found = _Known(before.writers, before.extent, done=before.done & before.writers)
        with contextlib.suppress(OSError):
            found.extent = look_into(self._layout, run).extent
        for writer in found.writers - found.done:
            known = before.hearts.get(writer)
            # A hint is there before its log; what nothing is known of yet is asked for again at the next look.
            is_other = False if known is not None else is_edit(self._layout, run, log_name(writer, 0))
            if is_other or (found.extent != before.extent and has_ended(self._layout, run, writer)):
                found.done |= {writer}
            elif is_other is not None:
                found.hearts[writer] = _heart(_stamp_of(self._layout.hint_path(run, writer)), known)
        return found

    def _look_at_index(self, found: News) -> bool:
        """Look at the manifest; return whether another generation has been published."""
        try:
            status = os.stat(manifest_path(self._layout))
            stamp: tuple[int, ...] = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (0,)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        manifest = read_manifest(self._layout)
        before, self.generation = self.generation, None if manifest is None else manifest.generation
        self.indexed = None if manifest is None else manifest.runs
        files = frozenset() if manifest is None else frozenset(entry["file"] for entry in manifest.states)
        if manifest is not None and self._files is not None:
            found.add(_runs_in(self._layout, manifest, files - self._files))
        self._files = files
        return before != self.generation


def _runs_in(layout: Layout, manifest: Manifest, files: frozenset[str]) -> News:
    """Return the runs whose states stand in files of an index that are new."""
    from runstone_indexer.columns import Columns, DamagedColumnsError  # noqa: PLC0415 - the start does not wait for it
    from runstone_indexer.generation import epoch_folder  # noqa: PLC0415

    news = News()
    for entry in manifest.states:
        if entry["file"] not in files:
            continue
        try:
            if entry["columns"]["hash"][1] > MOST_NEWS:
                news.more = True
                continue
            hashes = Columns(epoch_folder(layout, manifest.epoch), entry)["hash"]
            news.runs |= dict.fromkeys(name.decode() for name in hashes.tolist() if name)
        except (OSError, ValueError, KeyError, DamagedColumnsError):
            news.more = True
    return news


def _heart(beat: float, before: _Heart | None) -> _Heart:
    if before is None:  # at first sight there is only the clock
        return _Heart(beat, time.monotonic() - max(time.time() - beat, 0.0))
    return before if beat == before.beat else _Heart(beat, time.monotonic())


def _stamp_of(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
