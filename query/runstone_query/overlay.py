"""The overlay: runs whose logs have events that the index has not read, brought up to date on the spot."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Collection, Iterator

from runstone_indexer.columns import DamagedColumnsError
from runstone_indexer.discovery import (
    Hinted,
    RunFolder,
    changed_shards,
    look_into,
    runs_in_shard,
    shard_marks,
    sweep,
)
from runstone_indexer.generation import Generation
from runstone_indexer.manifest import home_of
from runstone_indexer.reading import read_on
from runstone_writer.errors import StoreError
from runstone_writer.layout import Layout, is_safe_hash
from runstone_writer.replay import Problem
from runstone_writer.state import RunState

from .record import Record, TailChunks

OLDER_GENERATIONS = 2  # that tails may stand on besides the newest
POINTS_KEPT = 200_000  # read from logs by one tail, before it moves on to a newer generation
NOTHING = (-1, -1)  # the extent of a folder that nothing is known of
ATTEMPTS = 2  # what a file server has refused once, it gives when it is asked again


class Tail:
    """One run, read from where the index stands to where its logs end. Goes on from call to call."""

    def __init__(self, layout: Layout, run: str, generation: Generation | None) -> None:
        self._layout = layout
        self.generation = generation
        place = None if generation is None else generation.place(run)
        self.number = None if place is None else int(place[0].run[place[1]])  # in the newest generation
        row = None
        if place is not None:
            with contextlib.suppress(DamagedColumnsError):  # the logs have it
                row = place[0].load(place[1])
        self.base = None if row is None else row.run  # in the generation that this tail goes on from
        self.state = RunState(run) if row is None else row.state
        self._read_to = NOTHING if row is None else (row.files, row.read)
        self._seen = NOTHING
        self._proven = row is None
        self._chunks: TailChunks = {}
        self._damage: list[Problem] = []
        self._waiting: list[Problem] = []
        self.points = 0  # read from logs
        self.bytes_read = 0
        self.tails: list[Problem] = []  # lines that are not complete: being written, or torn
        self.is_whole = True  # whether reading went as it should
        self._has_news = place is not None and row is None
        self._is_shared = False  # whether a record of the present state has been handed out

    @property
    def is_fresh(self) -> bool:
        """Whether there is anything that the index does not have."""
        return self._has_news and self.is_whole

    @property
    def unread(self) -> list[Problem]:
        """What could not be read the last time, so that something may be missing."""
        return self._waiting

    @property
    def problems(self) -> list[Problem]:
        """What was found damaged or unreadable on the way."""
        return self._damage + self._waiting

    def update(self, folder: RunFolder | None = None) -> None:
        """Read on to the end of the logs; `folder` is what the run's folder was just seen to hold."""
        try:
            folder = folder or look_into(self._layout, self.state.run)
            known = (self._read_to,) if self._waiting else (self._read_to, self._seen)
            if folder.extent not in known or not self._proven:
                self._read(folder)
        except Exception as error:  # whatever is wrong with one run, the others can be asked
            self.is_whole = False
            where = self._layout.run_folder(self.state.run)
            self._waiting = [Problem(where, 0, 0, f"cannot be read: {type(error).__name__}: {error}")]

    def _read(self, folder: RunFolder) -> None:
        if self._is_shared:  # what was handed out stays as it was
            self.state, self._is_shared = _copied(self.state), False
            self._chunks = {place: list(chunks) for place, chunks in self._chunks.items()}
        reading = read_on(self._layout, self.state, folder)
        if reading.started_over:
            self.base, self._chunks, self.points, self._has_news = None, {}, 0, True
        self.state, self.tails = reading.state, reading.tails
        for place, by, chunk in reading.chunks:
            self._chunks.setdefault(place, []).append((by, chunk))
            self.points += len(chunk.steps)
        self._damage += reading.damage
        self._waiting = reading.unread
        self.bytes_read += reading.bytes_read
        is_known = self._read_to[0] in (NOTHING[0], len(folder.sizes))
        self._has_news = (
            self._has_news or reading.bytes_read > 0 or not is_known
        )  # a log without a line is news
        self._read_to, self._proven = (len(folder.sizes), reading.extent), True
        self._seen = NOTHING if reading.unfilled else folder.extent
        if not reading.extent:  # writers of whom nothing has been read yet do not make a run
            self.state = RunState(self.state.run)

    def positions(self) -> dict[tuple[str, int], int]:
        """Return how far each log has been read."""
        writers = self.state.writers.values()
        return {(w.writer, part): at[0] for w in writers for part, at in enumerate(w.parts)}

    def record(self) -> Record:
        self._is_shared = True
        return Record.fresh(self.generation, self.base, self.state, dict(self._chunks))


def _copied(state: RunState) -> RunState:
    """Return an equal state that shares nothing that folding changes."""
    twin = RunState.load(state.dump())
    for writer in twin.writers.values():
        writer.parts, writer.orphans = [list(part) for part in writer.parts], list(writer.orphans)
    for sequence in twin.sequences:
        sequence.summary = copy.copy(sequence.summary)
    return twin


class Overlay:
    """The tails of one repository, kept between queries so that each event is read once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._hinted = Hinted(layout)
        self._tails: dict[str, Tail] = {}
        self._proven: set[str] = set()  # runs whose logs were seen to be the ones that the index has read
        self.unread: dict[str, Problem] = {}  # what the last answers may lack, by run or folder

    def tail(self, run: str, generation: Generation | None) -> Tail:
        """Return the tail of a run, read to the end."""
        is_kept = run in self._tails
        tail = self._brought_up(run, generation, None)
        if not is_kept and not tail.is_fresh:
            del self._tails[run]
        return tail

    def candidates(self) -> Collection[str]:
        """Return the runs that hints point to. Asked for before the manifest is read: a hint that has gone
        by then was taken away only after a manifest was published that has all of its log.
        """
        try:
            return self._hinted.now()
        except OSError:  # without hints every run may have something new
            return set(sweep(self._layout, self._refused))

    def fresh(self, hints: Collection[str], generation: Generation | None) -> dict[str, Tail]:
        """Return the runs with something unread, by hash, each read to the end."""
        self.unread.clear()
        runs = dict.fromkeys([*hints, *self._without_hint(generation)])
        self._let_go(runs, generation)
        found = {}
        for run in runs:
            folder = None
            with contextlib.suppress(OSError):  # it is for the tail to say what is wrong
                folder = look_into(self._layout, run)
            if (
                generation is not None
                and folder is not None
                and self._is_covered(run, folder, generation, hints)
            ):
                self._tails.pop(run, None)
                continue
            tail = self._brought_up(run, generation, folder)
            if tail.is_fresh:
                found[run] = tail
        return found

    def _is_covered(
        self, run: str, folder: RunFolder, generation: Generation, hints: Collection[str]
    ) -> bool:
        """Whether the index has all of a run. One that is being written is compared with its logs once."""
        place = generation.place(run)
        if place is None or place[0].extent(place[1]) != folder.extent:
            return False
        return run not in hints or run in self._proven

    def _brought_up(self, run: str, generation: Generation | None, folder: RunFolder | None) -> Tail:
        tail = self._updated(run, generation, folder)
        for _ in range(ATTEMPTS - 1):
            if tail.unread:
                tail = self._updated(run, generation, None)
        if not tail.unread:
            self._proven.add(run)
            self.unread.pop(run, None)
        elif not self._is_gone(run):
            self.unread[run] = tail.unread[0]
        return tail

    def _updated(self, run: str, generation: Generation | None, folder: RunFolder | None) -> Tail:
        tail = self._tails.get(run)
        if tail is not None and tail.generation is not generation:
            tail = self._moved(tail, generation)
        if tail is None or not tail.is_whole:
            tail = self._tails[run] = Tail(self._layout, run, generation)
        tail.update(folder)
        return tail

    def _is_gone(self, run: str) -> bool:
        """Whether a run has just been taken away."""
        try:
            return not self._layout.holds(run)
        except StoreError:
            return False

    def _refused_to_the_indexer(self, generation: Generation) -> Iterator[str]:
        """Yield the runs of which the index has only a part, because a log of theirs could not be read."""
        for path, _, _, reason in generation.manifest.waiting:
            parts = os.path.relpath(path, self._layout.logs).split(os.sep)
            if reason.startswith("cannot be ") and len(parts) > 1 and is_safe_hash(parts[1]):
                yield parts[1]

    def _refused(self, error: OSError) -> None:
        path = str(error.filename or self._layout.logs)
        self.unread[path] = Problem(path, 0, 0, f"cannot be read: {error.strerror}")

    def _moved(self, tail: Tail, generation: Generation | None) -> Tail | None:
        """Return a tail that stands on an older generation, if it can be used with a newer one."""
        if generation is None:
            return None
        place = generation.place(tail.state.run)
        tail.number = None if place is None else int(place[0].run[place[1]])
        return tail if tail.base in (None, tail.number) else None

    def _let_go(self, runs: dict[str, None], generation: Generation | None) -> None:
        """Forget tails that nobody asks for, and those that stand on what is too old.

        A tail stays right whatever is published after it: it goes on from the generation that it began
        with. Beginning anew each time costs more than reading what has come since.
        """
        self._proven.intersection_update(runs)
        used = [t.generation for t in self._tails.values() if t.generation is not None]
        older = sorted({g.manifest.generation for g in used if g is not generation})[-OLDER_GENERATIONS:]
        for run, tail in list(self._tails.items()):
            if run not in runs or not self._may_stay(tail, generation, older):
                del self._tails[run]

    def _may_stay(self, tail: Tail, generation: Generation | None, older: list[int]) -> bool:
        base = tail.generation
        if base is generation:
            return True
        if base is None or generation is None or base.manifest.epoch != generation.manifest.epoch:
            return False
        return base.manifest.generation in older and tail.points < POINTS_KEPT

    def _without_hint(self, generation: Generation | None) -> dict[str, None]:
        """Runs that no hint tells of: in folders that have changed; anywhere if the index came as a copy."""
        if generation is None or generation.manifest.home != home_of(self._layout):
            return dict.fromkeys(sweep(self._layout, self._refused))
        found = dict.fromkeys(self._refused_to_the_indexer(generation))
        for shard in changed_shards(shard_marks(self._layout), generation.manifest.shards):
            try:
                for run in runs_in_shard(self._layout, shard):
                    if run in self._tails or not generation.knows(run):
                        found[run] = None
            except OSError as error:
                self._refused(error)
        return found
