"""The overlay: runs whose logs have events that the index has not read, brought up to date on the spot."""

from __future__ import annotations

from typing import Any

from runstone_indexer.chunk import Chunk
from runstone_indexer.discovery import changed_shards, hinted, log_sizes, runs_in_shard, sweep
from runstone_indexer.fold import fold_points
from runstone_indexer.generation import Generation
from runstone_indexer.manifest import home_of
from runstone_writer.layout import Layout
from runstone_writer.replay import Problem, replay
from runstone_writer.state import RunState, WriterState

from .record import Record, TailChunks


class Tail:
    """One run, read from where the index stands to where its logs end. Goes on from call to call."""

    def __init__(self, layout: Layout, run: str, generation: Generation | None) -> None:
        self._layout = layout
        self.generation = generation
        row = None if generation is None else generation.find(run)
        self.number = None if row is None else row.run
        self.state = RunState(run) if row is None else row.state
        self._files = -1 if row is None else row.files
        self._total = -1 if row is None else row.read
        self._chunks: TailChunks = {}
        self.is_fresh = False  # whether there is anything that the index does not have
        self.problems: list[Problem] = []

    def update(self) -> None:
        """Read on to the end of the logs."""
        sizes = log_sizes(self._layout, self.state.run)
        if (len(sizes), sum(sizes.values())) == (self._files, self._total):
            return
        done = replay(self._layout, self.state, list(sizes), self._take)
        self._files, self._total = len(sizes), sum(sizes.values()) if not done.bytes_left else -1
        self.problems += done.problems
        self.is_fresh = self.is_fresh or done.bytes_read > 0

    def _take(self, state: RunState, writer: WriterState, rows: list[list[Any]]) -> None:
        def add(place: int, by: int, chunk: Chunk) -> None:
            self._chunks.setdefault(place, []).append((by, chunk))

        try:
            fold_points(state, writer, rows, add)
        except ValueError as error:
            folder = self._layout.run_folder(state.run)
            self.problems.append(Problem(folder, 0, 0, str(error)))

    def record(self) -> Record:
        return Record.fresh(self.generation, self.number, self.state, dict(self._chunks))


class Overlay:
    """The tails of one repository, kept between queries so that each event is read once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._tails: dict[str, Tail] = {}
        self._swept: Generation | None = None

    def tail(self, run: str, generation: Generation | None) -> Tail:
        """Return the tail of a run, read to the end."""
        tail = self._tails.get(run)
        if tail is None or tail.generation is not generation:
            tail = self._tails[run] = Tail(self._layout, run, generation)
        tail.update()
        return tail

    def candidates(self) -> dict[str, None]:
        """Return the runs that hints point to. Asked for before the manifest is read: a hint that has gone
        by then was taken away only after a manifest was published that has all of its log.
        """
        return dict.fromkeys(hinted(self._layout))

    def fresh(self, hints: dict[str, None], generation: Generation | None) -> dict[str, Tail]:
        """Return the runs with something unread, by hash, each read to the end."""
        runs = hints if generation is None else {**hints, **self._without_hint(generation)}
        if generation is None:
            runs = {**hints, **dict.fromkeys(sweep(self._layout))}
        for run in [run for run in self._tails if run not in runs]:
            del self._tails[run]
        found = {}
        for run in runs:
            tail = self.tail(run, generation)
            if tail.is_fresh:
                found[run] = tail
        return found

    def _without_hint(self, generation: Generation) -> dict[str, None]:
        """Runs that no hint tells of: in folders that have changed; anywhere if the index came as a copy."""
        manifest = generation.manifest
        if manifest.home != home_of(self._layout):
            return dict.fromkeys(sweep(self._layout))
        found: dict[str, None] = {}
        for shard in changed_shards(self._layout, manifest.shards):
            for run in runs_in_shard(self._layout, shard):
                if run in self._tails or generation.find(run) is None:
                    found[run] = None
        return found
