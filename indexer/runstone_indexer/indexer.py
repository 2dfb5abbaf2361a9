"""The indexer: reads what is new in the logs, folds it, publishes a generation; killed, it goes on."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from runstone_writer.errors import StoreError
from runstone_writer.layout import Layout, open_repo, shard, sync_folder
from runstone_writer.replay import Problem

from . import collector, crew
from .columns import DamagedColumnsError, remove_columns, write_columns
from .compaction import compact_series, compact_states
from .discovery import UNSETTLED, changed_shards, hints, runs_in_shard, shard_marks
from .generation import Generation, epoch_folder, fault_of, open_generation
from .hints import Hints
from .intake import Batch, Intake
from .lock import IndexLock
from .manifest import Manifest, home_of, index_folder, manifest_path, publish
from .parameters import DamagedParametersError, ParameterWriter, document
from .problems import Problems
from .states import NO_DOCUMENT, StateRow, state_columns

POINTS_PER_PUBLISH = 4_000_000
RUNS_PER_PUBLISH = 2_000
FILES_PER_PUBLISH = 8  # that a crew has written

Progress = Callable[[int, int], None]  # runs done, runs to do
Marks = dict[str, list[int]]


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

    Use as a context manager, or call :meth:`run_once`, which opens and closes it as needed. What is in
    memory is only ever a copy of what is published: after an error all of it is read again.
    """

    def __init__(self, repo: str | os.PathLike[str] | Layout) -> None:
        self.layout = repo if isinstance(repo, Layout) else open_repo(repo)
        self._lock = IndexLock(index_folder(self.layout))
        self._hints = Hints(self.layout)
        self._depth = 0
        self._published = Manifest(epoch="")
        self._draft = self._published  # of the next generation
        self._generation: Generation | None = None
        self._parameters: ParameterWriter | None = None
        self._problems = Problems(self.layout, self._published)
        self._intake = Intake(self.layout, self._problems)

    # -- opening ---------------------------------------------------------------------------------------

    def __enter__(self) -> Indexer:
        with self._failures_told():
            self._open()
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._close()

    def _open(self) -> None:
        """Take the lock and read what is published, unless that has been done."""
        if not self._lock.is_held():
            self._drop()  # somebody deleted the index, lock and all
            self._refuse_to_make_a_repository()
            self._lock.acquire()
        if self._generation is not None and not self._is_there():
            self._drop()
        if self._parameters is None:
            self._resume()

    def _refuse_to_make_a_repository(self) -> None:
        """Where it was moved away, a folder in its place would stand in the way of what is moved back."""
        if not os.path.isdir(self.layout.root):
            raise self._no_repository()

    def _no_repository(self) -> StoreError:
        return StoreError(
            f"the repository is not there any more: {self.layout.root}",
            path=self.layout.root,
            hint="Was it moved, or is its disk not mounted? Indexing goes on once it is back.",
        )

    def _is_there(self) -> bool:
        return os.path.isdir(self._folder) and os.path.exists(manifest_path(self.layout))

    def _close(self) -> None:
        self._drop()
        self._lock.release()

    def _drop(self) -> None:
        """Forget everything that is not published."""
        parameters, self._parameters = self._parameters, None
        self._generation = None
        if parameters is not None:
            with contextlib.suppress(Exception):  # it may be what failed
                parameters.close()

    @contextlib.contextmanager
    def _failures_told(self) -> Iterator[None]:
        """After any failure start from what is published; say in our own words that the disk said no."""
        try:
            yield
        except BaseException as error:
            self._drop()
            explanation = self._explanation(error)
            if self._depth == 0:
                self._lock.release()
            if explanation is not None:
                raise explanation from error
            if not isinstance(error, OSError | DamagedParametersError) or isinstance(error, StoreError):
                raise
            folder = index_folder(self.layout)
            raise StoreError(
                f"cannot write the index in {folder}: {error}",
                path=folder,
                hint="Nothing is lost: the logs have everything, and queries read them.",
            ) from error

    def _explanation(self, error: BaseException) -> StoreError | None:
        """What has happened to the place that something could not be written to; None if there it is."""
        if not isinstance(error, OSError):
            return None
        if not os.path.isdir(self.layout.root):
            return self._no_repository()
        return None if isinstance(error, StoreError) else self._lock.loss()

    def _resume(self) -> None:
        self._generation = open_generation(self.layout)
        if self._generation is None:
            fault = fault_of(self.layout)
            if isinstance(fault, OSError) and fault.errno not in (None, errno.ENOENT):
                raise fault  # out of descriptors, say: no reason to throw a good index away
        else:
            self._published = self._generation.manifest
            self._draft = self._published.draft()
            try:
                self._open_parameters()
                self._reconcile(self._generation)
            except DamagedParametersError:  # all of it is derived: make it anew
                self._drop()
        if self._generation is None:
            self._start_epoch(0)
        self._problems = Problems(self.layout, self._draft)
        self._intake = Intake(self.layout, self._problems)
        self._remove_leftovers()

    @property
    def _folder(self) -> str:
        return epoch_folder(self.layout, self._draft.epoch)

    def _open_parameters(self) -> ParameterWriter:
        self._parameters = ParameterWriter(os.path.join(self._folder, "params"))
        return self._parameters

    def _start_epoch(self, generation: int) -> None:
        """Begin an index from nothing. The published one stays until this one is published."""
        self._drop()
        self._draft = Manifest(epoch=f"e{time.time_ns():x}", generation=generation, home=home_of(self.layout))
        os.makedirs(self._folder)
        self._problems = Problems(self.layout, self._draft)
        self._intake = Intake(self.layout, self._problems)
        self._open_parameters()

    def _reconcile(self, generation: Generation) -> None:
        """Make the Tantivy index agree with the state files, where it does not stem from the same moment.

        It is newer if an indexer was killed between the two, and may know of events that no log has any
        more (a power cut took them). Afterwards equal digests mean equal documents again.
        """
        parameters = self._parameters
        if parameters is None or parameters.commit() == generation.manifest.parameters:
            return
        runs, digests = parameters.documents()
        there = dict(zip(runs.tolist(), digests.tolist(), strict=True))
        single, counts = np.unique(runs, return_counts=True)
        doubled = set(single[counts > 1].tolist())
        for file, rows in generation.locate(None):
            for run, row, digest in zip(
                file.run[rows].tolist(), rows.tolist(), file.column("document")[rows].tolist(), strict=True
            ):
                if there.pop(run, NO_DOCUMENT) != digest or run in doubled:
                    parameters.put(run, document(file.load(row).state), replaces=True)
        for run in there:
            parameters.put(run, None, replaces=True)
        self._draft.parameters = parameters.commit()

    def _remove_leftovers(self) -> None:
        """Delete what a killed indexer left: files and epochs that no published manifest names."""
        folder = index_folder(self.layout)
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.isdir(path) and name != self._draft.epoch:
                shutil.rmtree(path, ignore_errors=True)
            elif name.endswith(".tmp"):
                os.unlink(path)
        there = {name for name in os.listdir(self._folder) if name.endswith(".npz")}
        remove_columns(self._folder, there - self._draft.files())

    # -- working ---------------------------------------------------------------------------------------

    def run_once(self, progress: Progress | None = None, *, full: bool = True) -> Report:
        """Index everything that is there. With ``full=False`` look only where hints and folders point to.

        Raises IndexBusyError if another process is at it, StoreError if the index can't be written.
        """
        with self, self._failures_told():
            self._open()
            try:
                return self._pass(progress, full=full)
            except DamagedColumnsError:  # found when files were to be merged: make everything anew
                return self._rebuild(progress)

    def reindex(self, progress: Progress | None = None) -> Report:
        """Build the index from nothing. Readers keep the old one until the new one is complete."""
        with self, self._failures_told():
            self._open()
            return self._rebuild(progress)

    def _rebuild(self, progress: Progress | None) -> Report:
        self._start_epoch(self._published.generation)
        report = self._pass(progress, full=True, at_once=True)
        self._remove_leftovers()
        return report

    def _pass(self, progress: Progress | None, *, full: bool, at_once: bool = False) -> Report:
        """Look at all runs, or at those that may have changed, and publish what is new."""
        began = time.perf_counter()
        home, marks = home_of(self.layout), shard_marks(self.layout)
        in_use = {run: run for run, _ in hints(self.layout)}
        full = full or home != self._draft.home  # a copy: what is read is not known to be all that was there
        parameters = self._parameters
        assert parameters is not None  # noqa: S101 - opened together with the lock
        batch = Batch(self._draft.next_run, parameters)
        self._intake.start_pass(self._generation, batch, in_use, again=full)
        if full:
            self._problems.start_over()
        todo = self._everything(marks, in_use) if full else self._pointed_to(marks, in_use)
        is_first = self._generation is None
        with collector.paused():
            rest, total = todo, len(todo)
            if is_first and total >= crew.WORTH_IT and crew.size():
                rest = self._taken_by_crew(todo, in_use, batch, progress, at_once=at_once)
            for count, run in enumerate(rest, total - len(rest)):
                self._intake.take(run, in_use=run in in_use or self._intake.refused.get(run, False))
                if batch.series.points >= POINTS_PER_PUBLISH or len(batch.rows) >= RUNS_PER_PUBLISH:
                    self._write_files(batch)
                    if not at_once:
                        self._publish()
                        self._remove_hints()
                if progress is not None:
                    progress(count + 1, total)
            if full and not is_first:
                self._intake.take_away(self._vanished(set(todo)))
            self._write_files(batch)
            self._finish(home, marks)
        if self._generation is not None:
            self._hints.remove_used(self._generation, self._intake.in_use)
        return self._report(began)

    def _remove_hints(self) -> None:
        """Take away the hints of what was just published."""
        if self._generation is not None:
            self._hints.remove_read(self._generation, self._intake.in_use)
        self._intake.in_use.clear()

    def _taken_by_crew(
        self,
        todo: list[str],
        in_use: Collection[str],
        batch: Batch,
        progress: Progress | None,
        *,
        at_once: bool,
    ) -> list[str]:
        """Have a crew read many runs, publish that from time to time, and return those that it has left."""
        left: list[str] = []
        first = batch.next_run
        batch.next_run = self._draft.next_run = first + len(todo)
        with crew.shares(self.layout, self._folder, todo, first) as shares:
            for share in shares:
                self._put(share, in_use)
                left += share.left
                if progress is not None:
                    progress(self._intake.runs, len(todo))
                unpublished = self._draft.files() - self._published.files()
                if len(unpublished) >= FILES_PER_PUBLISH and not at_once:
                    self._commit()
                    self._publish()
                    self._remove_hints()
        self._commit()
        return left

    def _put(self, share: crew.Share, in_use: Collection[str]) -> None:
        """Take in what a process of a crew has read."""
        draft, parameters = self._draft, self._parameters
        assert parameters is not None  # noqa: S101 - opened together with the lock
        draft.states += [share.states] if share.states else []
        draft.series += [share.series] if share.series else []
        for run, found in share.documents:
            parameters.put(run, found, replaces=False)
        for run, words in share.said:
            parameters.put_said(run, words)
        draft.runs += len(share.documents)
        draft.points += share.points
        self._intake.in_use.update((run, read) for run, read in share.read.items() if run in in_use)
        self._intake.add(share.runs, share.points, share.bytes_read)

    def _commit(self) -> None:
        assert self._parameters is not None  # noqa: S101 - opened together with the lock
        self._lock.check()
        self._draft.parameters = self._parameters.commit()

    def _report(self, began: float) -> Report:
        intake = self._intake
        return Report(
            runs=intake.runs,
            points=intake.points,
            bytes_read=intake.bytes_read,
            problems=intake.found,
            seconds=time.perf_counter() - began,
            generation=self._published.generation,
        )

    def _everything(self, marks: Marks, in_use: dict[str, str]) -> list[str]:
        """Every run that has a folder; shards that cannot be read are problems.

        A hash that is `in_use` is the same string there and here: a million of them are 73 MB.
        """
        found: list[str] = []
        for name in sorted(marks):
            try:
                found += [in_use.get(run, run) for run in runs_in_shard(self.layout, name)]
            except OSError as error:
                marks[name][0] = UNSETTLED  # so that it is looked at again, by queries as well
                path = os.path.join(self.layout.logs, name)
                self._intake.wait(name, [Problem(path, 0, 0, f"cannot be read: {error.strerror}")])
        return found

    def _pointed_to(self, marks: Marks, in_use: Collection[str]) -> list[str]:
        found = dict.fromkeys([*in_use, *self._intake.refused])
        for name in changed_shards(marks, self._draft.shards):
            try:
                for run in runs_in_shard(self.layout, name):
                    if run not in found and (self._generation is None or not self._generation.knows(run)):
                        found[run] = None
            except OSError:
                marks[name][0] = UNSETTLED
        return list(found)

    def _vanished(self, there: set[str]) -> list[StateRow]:
        """The rows of runs whose folders are not there any more."""
        if self._generation is None or not os.path.isdir(self.layout.logs):
            return []
        gone = []
        for file, rows in self._generation.locate(None, hidden=True):
            for row in rows.tolist():
                run = file.hash(row)
                if run not in there and not _may_be_there(self.layout, run):
                    gone.append(file.load(row))
        return gone

    # -- publishing ------------------------------------------------------------------------------------

    def _write_files(self, batch: Batch) -> None:
        """Write what a batch has gathered to files that are not published yet, and empty it."""
        draft, number, parameters = self._draft, time.time_ns(), self._parameters
        assert parameters is not None  # noqa: S101 - opened together with the lock
        self._lock.check()
        with _Beside(parameters.commit if batch.rows else None) as committing:
            if batch.rows:
                rows = [batch.rows[run] for run in sorted(batch.rows)]
                path = os.path.join(self._folder, f"states-{number:x}.npz")
                draft.states.append(write_columns(path, state_columns(rows)))
                draft.runs += batch.documents
            if batch.series.points:
                path = os.path.join(self._folder, f"series-{number:x}.npz")
                draft.series.append(write_columns(path, batch.series.columns()))
        draft.parameters = draft.parameters if committing.result is None else committing.result
        draft.points += batch.series.points - batch.points_gone
        draft.next_run = batch.next_run
        batch.clear()

    def _finish(self, home: list[int], marks: Marks) -> None:
        """Publish, if there is anything that a reader of the last manifest would not know."""
        draft = self._draft
        for run in self._intake.without_row:
            if shard(run) in marks:
                marks[shard(run)][0] = UNSETTLED  # so that queries go on looking for it there
        draft.home, draft.shards = home, marks
        self._problems.write_to(draft)
        if draft != self._published:
            self._publish()

    def _publish(self) -> None:
        draft = self._draft
        before = draft.files()  # merged ones may be published or have just been written
        if self._published.epoch == draft.epoch:
            before |= self._published.files()
        draft.states = compact_states(self._folder, draft.states, draft.runs)
        draft.series = compact_series(self._folder, draft.series, draft.states, draft.points)
        draft.generation += 1
        sync_folder(os.path.join(self._folder, "params"))
        sync_folder(self._folder)
        self._lock.check()
        publish(self.layout, draft)
        self._published, self._draft = draft, draft.draft()
        self._generation = Generation(self.layout, draft, older=self._generation)
        remove_columns(self._folder, before - draft.files())


class _Beside:
    """Does something in a thread while the block runs: Tantivy writes and waits for the disk without Python."""

    def __init__(self, work: Callable[[], int] | None) -> None:
        self._work = work
        self.result: int | None = None

    def __enter__(self) -> _Beside:
        self._pool = ThreadPoolExecutor(1)
        self._future: Future[int] | None = None
        if self._work is not None:
            with contextlib.suppress(RuntimeError):  # no more threads: then afterwards
                self._future = self._pool.submit(self._work)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown()  # whatever has happened in the block: nobody goes on while something is being written
        if kind is None and self._work is not None:
            self.result = self._work() if self._future is None else self._future.result()


def _may_be_there(layout: Layout, run: str) -> bool:
    """Whether a run's folder is there, or cannot be looked for."""
    try:
        os.stat(layout.run_folder(run))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True
