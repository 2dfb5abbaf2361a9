"""The indexer: reads what is new in the logs, folds it, publishes a generation; killed, it goes on."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runstone_writer.errors import IndexBusyError, StoreError
from runstone_writer.layout import Layout, log_name, open_repo, parse_log_name, sync_folder
from runstone_writer.liveness import beat_age, file_system_now
from runstone_writer.replay import Problem, replay
from runstone_writer.state import RunState, WriterState
from runstone_writer.tender import LEASE_SECONDS

from .chunk import Chunk
from .columns import remove_columns, write_columns
from .compaction import compact_series, compact_states
from .discovery import changed_shards, hinted, log_sizes, runs_in_shard, shard_marks, sweep
from .fold import fold_points
from .generation import Generation, epoch_folder, open_generation
from .manifest import PROBLEM_LIMIT, Manifest, home_of, index_folder, publish
from .parameters import ParameterWriter
from .series import SeriesBuffer
from .states import StateRow, state_columns

POINTS_PER_PUBLISH = 4_000_000
RUNS_PER_PUBLISH = 50_000
STALE_HINT_SECONDS = 24 * 3600.0  # then only sweeps look at a log whose writer never ended it

Progress = Callable[[int, int], None]  # runs done, runs to do


@dataclass(slots=True)
class Report:
    """What one pass of the indexer did."""

    runs: int = 0  # runs that had something new
    points: int = 0
    bytes_read: int = 0
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0
    generation: int = 0


class Indexer:
    """Keeps the index of one repository up to date. One at a time: the others get IndexBusyError.

    Use as a context manager, or call :meth:`run_once`, which opens and closes it as needed.
    """

    def __init__(self, repo: str | os.PathLike[str] | Layout) -> None:
        self.layout = repo if isinstance(repo, Layout) else open_repo(repo)
        self._lock_fd = -1
        self._depth = 0
        self._generation: Generation | None = None
        self._manifest = Manifest(epoch="")
        self._parameters: ParameterWriter | None = None
        self._sizes: dict[str, dict[str, int]] = {}  # of the runs that were looked at, while this is open

    # -- opening ---------------------------------------------------------------------------------------

    def __enter__(self) -> Indexer:
        if self._depth == 0:
            self._open()
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._close()

    def _open(self) -> None:
        folder = index_folder(self.layout)
        try:
            os.makedirs(folder, exist_ok=True)
            self._lock_fd = os.open(
                os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            raise StoreError(
                f"cannot write an index to {folder}: {error.strerror}",
                path=folder,
                hint="Queries work without one; they read the logs.",
            ) from error
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock_fd)
            raise IndexBusyError(
                f"another process is indexing {self.layout.root}",
                path=folder,
                hint="It does the work for everybody: queries see new events at once. Stop it to index here.",
            ) from error
        try:
            self._resume()
        except BaseException:
            self._close()
            raise

    def _resume(self) -> None:
        self._generation = open_generation(self.layout)
        if self._generation is not None:
            self._manifest = self._generation.manifest
            try:
                self._open_parameters()
            except ValueError:  # Tantivy's files are damaged: all of it is derived, so make it anew
                self._generation = None
        if self._generation is None:
            self._start_epoch()
        self._remove_leftovers()

    def _open_parameters(self) -> None:
        self._parameters = ParameterWriter(os.path.join(self._folder, "params"))

    def _start_epoch(self) -> None:
        self._generation = None
        self._manifest = Manifest(epoch=f"e{time.time_ns():x}", home=home_of(self.layout))
        os.makedirs(self._folder)
        self._open_parameters()

    @property
    def _folder(self) -> str:
        return epoch_folder(self.layout, self._manifest.epoch)

    def _remove_leftovers(self) -> None:
        """Delete what a killed indexer left: files and epochs that no published manifest names."""
        folder = index_folder(self.layout)
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.isdir(path) and name != self._manifest.epoch:
                shutil.rmtree(path, ignore_errors=True)
            elif name.endswith(".tmp"):
                os.unlink(path)
        there = {name for name in os.listdir(self._folder) if name.endswith(".npz")}
        remove_columns(self._folder, there - self._manifest.files())

    def _close(self) -> None:
        if self._parameters is not None:
            self._parameters.close()
            self._parameters = None
        self._generation = None
        self._sizes = {}
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    # -- working ---------------------------------------------------------------------------------------

    def run_once(self, progress: Progress | None = None, *, full: bool = True) -> Report:
        """Index everything that is there. With ``full=False`` look only where hints and folders point to.

        Raises IndexBusyError if another process is at it, StoreError if the index can't be written.
        """
        with self:
            copied = self._manifest.home != home_of(self.layout)
            shards = shard_marks(self.layout)
            todo = list(sweep(self.layout)) if full or copied else self._pointed_to()
            report = self._work(todo, shards, progress)
            self._remove_hints()
            return report

    def reindex(self, progress: Progress | None = None) -> Report:
        """Build the index from nothing. Readers keep the old one until the new one is complete."""
        with self:
            old, parameters = self._manifest, self._parameters
            if parameters is not None:
                parameters.close()
            self._start_epoch()
            self._manifest.generation = old.generation
            shards = shard_marks(self.layout)
            todo = list(sweep(self.layout))
            report = self._work(todo, shards, progress, at_once=True)
            self._remove_leftovers()
            self._remove_hints()
            return report

    def _pointed_to(self) -> list[str]:
        found = dict.fromkeys(hinted(self.layout))
        for name in changed_shards(self.layout, self._manifest.shards):
            for run in runs_in_shard(self.layout, name):
                if run not in found and (self._generation is None or self._generation.find(run) is None):
                    found[run] = None
        return list(found)

    def _work(
        self,
        todo: list[str],
        shards: dict[str, list[int]],
        progress: Progress | None,
        *,
        at_once: bool = False,
    ) -> Report:
        began = time.perf_counter()
        report = Report()
        was_enabled = gc.isenabled()
        gc.disable()  # decoding makes millions of lists and no cycles: the collector would double its time
        try:
            batch = _Batch(self._manifest.next_run)
            for count, run in enumerate(todo):
                self._take_in(run, batch, report)
                full = batch.series.points >= POINTS_PER_PUBLISH or len(batch.rows) >= RUNS_PER_PUBLISH
                if full and not at_once:
                    self._publish(batch, {}, report)
                    batch = _Batch(self._manifest.next_run)
                elif full:
                    self._write_files(batch)
                if progress is not None:
                    progress(count + 1, len(todo))
            if batch.rows or shards != self._manifest.shards or self._generation is None:
                self._publish(batch, shards, report)
        finally:
            if was_enabled:
                gc.enable()
        report.seconds = time.perf_counter() - began
        report.generation = self._manifest.generation
        return report

    def _take_in(self, run: str, batch: _Batch, report: Report) -> None:
        sizes = log_sizes(self.layout, run)
        if self._sizes.get(run) == sizes:
            return
        row = self._known_row(run, batch)
        if row is None:
            if not sizes:
                return  # a folder whose writer has not made its log yet
            row = StateRow(batch.next_run, RunState(run))
        elif row.files == len(sizes) and row.read == sum(sizes.values()):
            return
        chunks: list[tuple[int, int, Chunk]] = []
        errors: list[str] = []

        def sink(state: RunState, writer: WriterState, points: list[list[Any]]) -> None:
            try:
                fold_points(state, writer, points, lambda *chunk: chunks.append(chunk))
            except ValueError as error:
                errors.append(str(error))

        done = replay(self.layout, row.state, list(sizes), sink)
        self._sizes[run] = sizes
        folder = self.layout.run_folder(run)
        report.problems += done.problems + [Problem(folder, 0, 0, error) for error in errors]
        report.problems += [p for p in done.tails if not self._may_go_on(run, p.path)]
        report.problems += [
            Problem(os.path.join(folder, name), 0, 0, "not a log of Runstone's")
            for name in self.layout.foreign_names(run)
        ]
        if not done.bytes_read and row.files == len(sizes):
            return
        if row.run == batch.next_run:
            batch.next_run += 1
        row.files = len(sizes)
        row.read = sum(part[0] for writer in row.state.writers.values() for part in writer.parts)
        batch.rows[row.run] = row
        batch.names[run] = row.run
        for place, writer, chunk in chunks:
            batch.series.add((row.run, place, writer), chunk)
        report.runs += 1
        report.bytes_read += done.bytes_read
        report.points += sum(len(chunk.steps) for _, _, chunk in chunks)

    def _may_go_on(self, run: str, path: str) -> bool:
        """Whether a log's writer lives, so that a line that is not complete may yet become so."""
        name = parse_log_name(os.path.basename(path))
        now = file_system_now(self.layout)
        return name is not None and beat_age(self.layout, run, name[0], now) < LEASE_SECONDS

    def _known_row(self, run: str, batch: _Batch) -> StateRow | None:
        if run in batch.names:
            return batch.rows[batch.names[run]]
        return None if self._generation is None else self._generation.find(run)

    # -- publishing --------------------------------------------------------------------------------------

    def _write_files(self, batch: _Batch) -> None:
        """Write what a batch has gathered to files that are not published yet, and empty it."""
        manifest, number = self._manifest, time.time_ns()
        if batch.rows:
            rows = [batch.rows[run] for run in sorted(batch.rows)]
            path = os.path.join(self._folder, f"states-{number:x}.npz")
            manifest.states.append(write_columns(path, state_columns(rows)))
            assert self._parameters is not None  # noqa: S101 - opened together with the lock
            for row in rows:
                known = row.run < manifest.next_run
                self._parameters.put(row.run, row.state, known=known)
                manifest.runs += not known
            self._parameters.commit()
        if batch.series.points:
            path = os.path.join(self._folder, f"series-{number:x}.npz")
            manifest.series.append(write_columns(path, batch.series.columns()))
            manifest.points += batch.series.points
        manifest.next_run = batch.next_run
        batch.clear()

    def _publish(self, batch: _Batch, shards: dict[str, list[int]], report: Report) -> None:
        before = self._manifest.files()
        self._write_files(batch)
        manifest = self._manifest
        manifest.states = compact_states(self._folder, manifest.states)
        manifest.series = compact_series(self._folder, manifest.series)
        manifest.generation += 1
        manifest.home = home_of(self.layout)
        manifest.shards = shards or manifest.shards
        manifest.problems = _merged(manifest.problems, report.problems)
        sync_folder(self._folder)
        publish(self.layout, manifest)
        parameters = self._generation._parameters if self._generation is not None else None
        self._generation = Generation(self.layout, manifest, parameters)
        remove_columns(self._folder, before - manifest.files())

    def _remove_hints(self) -> None:
        """Take away the hints of logs that were ended and have been read to the end."""
        now = time.time()
        for run, writers in hinted(self.layout).items():
            row = self._generation.find(run) if self._generation is not None else None
            for writer in writers:
                path = self.layout.hint_path(run, writer)
                with contextlib.suppress(OSError):
                    stale = now - os.stat(path).st_mtime > STALE_HINT_SECONDS
                    if row is not None and self._is_read(row.state, writer, ended=not stale):
                        os.unlink(path)

    def _is_read(self, state: RunState, writer: str, *, ended: bool) -> bool:
        known = state.writers.get(writer)
        if known is None or not known.parts or (ended and known.end is None):
            return False
        part = len(known.parts) - 1
        folder = self.layout.run_folder(state.run)
        if os.path.exists(os.path.join(folder, log_name(writer, part + 1))):
            return False
        return os.stat(os.path.join(folder, log_name(writer, part))).st_size == known.parts[part][0]


def _merged(old: list[list[Any]], found: list[Problem]) -> list[list[Any]]:
    """Problems known before and found now, once each: a later finding at a place replaces an earlier one."""
    places = {(path, start): [path, start, end, reason] for path, start, end, reason in old}
    places.update({(p.path, p.start): [p.path, p.start, p.end, p.reason] for p in found})
    return list(places.values())[-PROBLEM_LIMIT:]


class _Batch:
    """What has been read since the last publication."""

    def __init__(self, next_run: int) -> None:
        self.next_run = next_run
        self.clear()

    def clear(self) -> None:
        self.rows: dict[int, StateRow] = {}
        self.names: dict[str, int] = {}
        self.series = SeriesBuffer()
