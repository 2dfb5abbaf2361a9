"""`Repo`: a repository, to be asked. Answers are complete: with an index, without, and while one is made."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

from runstone_indexer.states import ENDED
from runstone_writer.errors import (
    DeletedRunError,
    MissingRepoError,
    MissingRunError,
    QueryError,
    ReadOnlyError,
    RunstoneError,
    UsageError,
    ValueTypeError,
)
from runstone_writer.layout import Layout, find_repo, is_safe_hash, open_repo, repo_root

from .aimql import Query, parse
from .catalogue import params_info, sequence_info
from .ordering import Order
from .record import Record
from .report import Bar, QueryReportMode
from .results import Result, RunResult, SequenceResult
from .run import StoredRun, append_edit
from .selection import Explanation, Matches
from .sequences import KINDS
from .snapshot import Snapshots
from .suggestions import improved

if TYPE_CHECKING:
    from .backup import Backup
    from .garbage import Collected
    from .past import PastRepo

R = TypeVar("R", bound=Result)


class Ordering(TypedDict, total=False):
    """What every query for sequences takes: see :meth:`Repo.query_runs`."""

    order_by: str | None
    descending: bool
    limit: int | None
    offset: int


class Repo:
    """The runs of one repository.

    Args:
        path: the folder that holds ``.runstone`` (or that folder itself).
        read_only: never write anything, not even an index.
        init: make the repository if there is none.
        index: whether an index may be used and kept up to date. Without, every answer comes from the logs
            alone: slower, and the same.

    Raises MissingRepoError if there is no repository, FormatVersionError if a newer Runstone wrote it.
    A query sees every event that was acknowledged before it began, indexed or not.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Layout | None = None,
        *,
        read_only: bool | None = None,
        init: bool = False,
        index: bool = True,
    ) -> None:
        if isinstance(path, Layout):
            self.layout = path
        else:
            self.layout = open_repo(os.curdir if path is None else path, create=init)
        self.path = os.path.dirname(self.layout.root)
        self.root_path = self.path
        self.read_only = bool(read_only)
        self.snapshots = Snapshots(self.layout, uses_index=index, may_index=not self.read_only)

    @classmethod
    def from_path(
        cls, path: str | os.PathLike[str], read_only: bool | None = None, init: bool = False
    ) -> Self:
        """Return the repository at `path`, made if asked to. Raises MissingRepoError."""
        return cls(path, read_only=read_only, init=init)

    @classmethod
    def default_repo(cls, init: bool = False) -> Self:
        """Return the nearest repository, from the current folder upwards. Raises MissingRepoError.

        With `init` one is made in the current folder if there is none.
        """
        found = find_repo()
        if found is None and not init:
            raise MissingRepoError(
                f"there is no Runstone repository in {os.getcwd()} or above",
                path=os.getcwd(),
                hint="Create one with `runstone init`, or give a path.",
            )
        return cls(found or os.curdir, init=init)

    @classmethod
    def exists(cls, path: str | os.PathLike[str]) -> bool:
        """Tell whether there is a repository at `path`."""
        return os.path.isfile(os.path.join(repo_root(path), "format.json"))

    @classmethod
    def rm(cls, path: str | os.PathLike[str]) -> None:
        """Delete the repository at `path` and everything in it. Raises MissingRepoError."""
        shutil.rmtree(open_repo(path).root)

    # -- queries ---------------------------------------------------------------------------------------

    def query_runs(
        self,
        query: str = "",
        paginated: bool = False,
        offset: str | int | None = None,
        report_mode: int = QueryReportMode.PROGRESS_BAR,
        *,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> RunResult:
        """Return the runs for which the AimQL expression holds, newest first. Raises QueryError at once.

        `order_by` is an AimQL expression to sort by, such as ``run.hparams.lr`` or
        ``run.metrics["loss", {"subset": "val"}].min``; runs without a value come last. `offset` is how many
        runs to leave out first, or (as in Aim) the hash of a run: only what stands behind it is returned
        (MissingRunError if there is no such run). `report_mode` is a QueryReportMode. `paginated` is Aim's, and
        changes nothing.
        """
        del paginated
        after = self.record(offset) if isinstance(offset, str) else None
        skipped = offset if isinstance(offset, int) else 0
        order = Order(order_by, descending=descending, limit=limit, offset=skipped)
        return self._reported(RunResult(self, self.parsed(query), order, after), report_mode)

    def query_metrics(
        self, query: str = "", report_mode: int = QueryReportMode.PROGRESS_BAR, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the metrics for which the AimQL expression over `metric` and `run` holds."""
        return self._query_sequences(query, "metric", report_mode, **order)

    def query_images(
        self, query: str = "", report_mode: int = QueryReportMode.PROGRESS_BAR, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the image sequences for which the AimQL expression over `images` and `run` holds."""
        return self._query_sequences(query, "images", report_mode, **order)

    def query_audios(
        self, query: str = "", report_mode: int = QueryReportMode.PROGRESS_BAR, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the audio sequences for which the AimQL expression over `audios` and `run` holds."""
        return self._query_sequences(query, "audios", report_mode, **order)

    def query_texts(
        self, query: str = "", report_mode: int = QueryReportMode.PROGRESS_BAR, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the text sequences for which the AimQL expression over `texts` and `run` holds."""
        return self._query_sequences(query, "texts", report_mode, **order)

    def query_distributions(
        self, query: str = "", report_mode: int = QueryReportMode.PROGRESS_BAR, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the distribution sequences for which the AimQL expression over `distributions` and `run` holds."""
        return self._query_sequences(query, "distributions", report_mode, **order)

    def query_figure_objects(
        self, query: str = "", report_mode: int = QueryReportMode.PROGRESS_BAR, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the figure sequences for which the AimQL expression over `figures` and `run` holds."""
        return self._query_sequences(query, "figures", report_mode, **order)

    def _query_sequences(
        self,
        query: str,
        entity: str,
        report_mode: int = QueryReportMode.DISABLED,
        **order: Unpack[Ordering],
    ) -> SequenceResult:
        found = SequenceResult(self, self.parsed(query, entity), Order(entity=entity, **order))
        return self._reported(found, report_mode)

    def _reported(self, result: R, mode: int) -> R:
        try:
            result.report_mode = QueryReportMode(mode)
        except ValueError:
            raise UsageError(
                f"unknown report mode {mode!r}", hint="The modes are those of QueryReportMode: 0, 1 and 2."
            ) from None
        if result.report_mode is QueryReportMode.PROGRESS_BAR and self.snapshots.progress is None:
            self.snapshots.progress = Bar("reading logs")
        return result

    def parsed(self, query: str, entity: str | None = None) -> Query:
        """Return the checked query. Raises QueryError, which names the parameter that may have been meant."""
        try:
            return parse(query, entity)
        except QueryError as error:
            if not error.unknown:
                raise
            raise improved(error, self.snapshots.known()) from None

    def explain(self, query: str, entity: str | None = None) -> Explanation:
        """Answer a query and return how: the prefilter, what it left, what matched, where time went."""
        if entity is None:
            return self.query_runs(query).explain()
        if entity not in KINDS:
            raise UsageError(f"unknown sequence type {entity!r}", hint=f"The types are {', '.join(KINDS)}.")
        return self._query_sequences(query, entity).explain()

    # -- runs ------------------------------------------------------------------------------------------

    def get_run(self, run_hash: str) -> StoredRun | None:
        """Return the run with a hash, or None."""
        try:
            return StoredRun(self, self.record(run_hash))
        except MissingRunError:
            return None

    def run_exists(self, run_hash: str) -> bool:
        """Tell whether there is a run with that hash."""
        return self.get_run(run_hash) is not None

    def iter_runs(self) -> Iterator[StoredRun]:
        """Yield every run, archived ones included, newest first."""
        return (StoredRun(self, record) for record in self._all_records())

    def list_all_runs(self) -> list[str]:
        """Return the hash of every run, archived ones included, newest first."""
        return [record.hash for record in self._all_records()]

    def list_active_runs(self) -> list[str]:
        """Return the hashes of the runs that have not been ended (crashed ones included), newest first."""
        return [
            record.hash
            for record in self._all_records()
            if not record.flags & ENDED and record.state.ended is None
        ]

    def total_runs_count(self) -> int:
        """Return how many runs there are, archived ones included."""
        return len(self._all_records())

    def list_corrupted_runs(self) -> list[str]:
        """Return the hashes of the runs with damage in their logs, as far as it is known.

        Known is what was met while indexing, and in logs that are not indexed; `runstone fsck` reads everything.
        What is damaged is left out of answers, and the rest of such a run is there.
        """
        from .health import damaged_runs  # noqa: PLC0415 - it needs Repo itself

        return damaged_runs(self)

    # -- deleting --------------------------------------------------------------------------------------

    def delete_run(self, run_hash: str) -> bool:
        """Delete a run: an event, after which nothing shows it; `restore_run` undoes it until `gc`.

        Returns True if the run is gone afterwards, as in Aim; also for a hash that there never was.
        """
        return self._mark_deleted(run_hash, on=True)

    def restore_run(self, run_hash: str) -> bool:
        """Undo a delete. Returns whether the run is there afterwards."""
        return self._mark_deleted(run_hash, on=False) and self.run_exists(run_hash)

    def delete_runs(self, run_hashes: list[str]) -> tuple[bool, list[str]]:
        """Delete several runs. Returns (True, []), or (False, those that could not be deleted)."""
        return _each(run_hashes, self.delete_run, "delete")

    def restore_runs(self, run_hashes: list[str]) -> tuple[bool, list[str]]:
        """Undo several deletes. Returns (True, []), or (False, those that are not there)."""
        return _each(run_hashes, self.restore_run, "restore")

    def delete_experiment(self, exp_id: str) -> bool:
        """Delete all runs of an experiment, given by its name. Returns whether there was any.

        An experiment has no id of its own here: it is the name that runs have in common.
        """
        found = [run.hash for run in self.iter_runs() if run.experiment == exp_id]
        return bool(found) and self.delete_runs(found)[0]

    def gc(
        self,
        *,
        grace: timedelta | float = timedelta(days=7),
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Collected:
        """Remove for good what nothing shows any more, and return what that was.

        - The logs of runs whose deletion stands, and to which nothing has happened for `grace` (a timedelta, or
          seconds). A run that is being written stays.
        - Blobs that no log names, untouched for an hour and for `grace`.
        - Temporary files that killed processes left, after a day.

        With `dry_run` nothing is removed, and what would be is returned. After a kill the next call finishes what
        was begun. Raises ReadOnlyError for a repository that was opened read-only.
        """
        from .garbage import collect  # noqa: PLC0415 - it needs Repo itself

        seconds = grace.total_seconds() if isinstance(grace, timedelta) else float(grace)
        if not seconds >= 0:
            raise UsageError(f"grace is a time of 0 seconds or more, not {grace!r}")
        return collect(self, grace=seconds, dry_run=dry_run, progress=progress)

    def prune(self) -> None:
        """Remove what no run refers to, as in Aim: unnamed blobs, leftovers, what an index has of runs that are gone.

        Deleted runs stay; `gc` removes these too.
        """
        from .garbage import collect, forget  # noqa: PLC0415

        collect(self, runs=False)
        forget(self, [])

    # -- copying ---------------------------------------------------------------------------------------

    def copy_run(self, run_hash: str, dest_repo: Repo | str | os.PathLike[str]) -> None:
        """Copy a run, and the blobs that it names, to another repository. Its hash stays the same.

        The copy is there as a whole or not at all, and is durable on return. If the other repository has an older
        copy of the run, that is brought up to date; one that was deleted there is brought back. Raises
        MissingRunError, and UsageError if the run is being written or the other repository has another one of
        that hash.
        """
        from .transfer import copy_run  # noqa: PLC0415 - it needs Repo itself

        copy_run(self, run_hash, self._writable_repo(dest_repo))

    def move_run(self, run_hash: str, dest_repo: Repo | str | os.PathLike[str]) -> None:
        """Move a run to another repository: copy it, compare the copy, delete the run here, remove its bytes.

        A kill leaves the run here, or in both places, or there. Moving it again finishes it. Raises what
        `copy_run` raises.
        """
        from .garbage import forget  # noqa: PLC0415
        from .transfer import move_run  # noqa: PLC0415

        move_run(self._movable(), run_hash, self._writable_repo(dest_repo))
        forget(self, [run_hash], full=False)

    def copy_runs(
        self, run_hashes: list[str], dest_repo: Repo | str | os.PathLike[str]
    ) -> tuple[bool, list[str]]:
        """Copy several runs, as `copy_run` does. Returns (True, []), or (False, those that were not copied).

        A RuntimeWarning says why for each of these.
        """
        from .transfer import copy_run  # noqa: PLC0415

        dest = self._writable_repo(dest_repo)
        return _each(run_hashes, lambda run: copy_run(self, run, dest), "copy")

    def move_runs(
        self, run_hashes: list[str], dest_repo: Repo | str | os.PathLike[str]
    ) -> tuple[bool, list[str]]:
        """Move several runs, as `move_run` does. Returns (True, []), or (False, those that were not moved).

        A RuntimeWarning says why for each of these.
        """
        from .garbage import forget  # noqa: PLC0415
        from .transfer import move_run  # noqa: PLC0415

        dest = self._writable_repo(dest_repo)
        done = _each(run_hashes, lambda run: move_run(self._movable(), run, dest), "move")
        forget(self, [run for run in run_hashes if run not in done[1]], full=False)
        return done

    def _movable(self) -> Self:
        if self.read_only:
            raise self._read_only("move runs out of it")
        return self

    def backup(
        self, dest: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None
    ) -> Backup:
        """Copy the repository to the folder `dest`, or bring the copy there up to date with what is new.

        The copy is a repository: all logs up to the last line that was whole when the call began, and all blobs;
        no index. Runs may be written meanwhile. What is copied is durable and was read back and compared. Nothing
        is removed from a backup: runs that `gc` has removed here stay there. Returns what was done, with the
        problems that were met. Raises UsageError for a folder inside of the repository, and for a
        repository that has other runs alone.
        """
        from .backup import back_up  # noqa: PLC0415 - few need it

        return back_up(self.layout, dest, progress)

    def _writable_repo(self, repo: Repo | str | os.PathLike[str]) -> Repo:
        opened = repo if isinstance(repo, Repo) else Repo(repo)
        if opened.read_only:
            raise opened._read_only("copy runs into it")
        return opened

    def _read_only(self, what: str) -> ReadOnlyError:
        return ReadOnlyError(
            f"cannot {what}: the repository {self.path} was opened read-only", hint="Open it with Repo(path)."
        )

    def _mark_deleted(self, run_hash: str, *, on: bool) -> bool:
        if self.read_only:
            raise self._read_only(f"delete or restore run {run_hash!r}")
        if not is_safe_hash(run_hash) or not self.layout.holds(run_hash):
            return on
        append_edit(self.layout, run_hash, "delete", {"on": on})
        return True

    def record(self, run_hash: str) -> Record:
        """Return the newest record of a run. Raises MissingRunError; DeletedRunError if it can be restored."""
        if is_safe_hash(run_hash) and self.layout.holds(run_hash):
            tail = self.snapshots.tail(run_hash)
            if tail.state.is_there:
                return tail.record()
            if tail.state.known and tail.state.deleted:
                raise DeletedRunError(
                    f"run {run_hash} in {self.path} was deleted",
                    hint=f"`runstone runs restore {run_hash}` brings it back.",
                )
        raise MissingRunError(
            f"there is no run {run_hash!r} in {self.path}", hint="`runstone runs ls` lists the runs."
        )

    # -- what there is ---------------------------------------------------------------------------------

    def collect_params_info(self) -> dict[Any, Any]:
        """Return all parameters of all runs as one tree; each leaf is {"__example_type__": "<class ...>"}."""
        return params_info(self._all_records())

    @staticmethod
    def available_sequence_types() -> list[str]:
        """Return what `collect_sequence_info` can be asked for: "metric", "images", ..."""
        return list(KINDS)

    def collect_sequence_info(
        self, sequence_types: str | tuple[str, ...] | list[str]
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return, for each type asked for ("metric", "images", ...), the contexts of each name in any run."""
        return sequence_info(self._all_records(), sequence_types)

    # -- the past --------------------------------------------------------------------------------------

    def at(self, time: datetime | date | float | str) -> PastRepo:
        """Return the repository as it stood at a moment: it answers every query, and changes nothing.

        `time` is a datetime, seconds since the epoch (such as ``run.creation_time``), or a text such as
        ``"2026-11-22 14:30"``. What has no time zone is meant in the local one. (``run.created_at`` is naive and
        in UTC, as in Aim: take ``run.creation_time``.) An event is in if its writer's clock said `time` or earlier:
        runs and points that came later are absent, runs that were deleted later are there.

        There is no index of the past: the first question reads every log up to then. Runs whose bytes `gc` has
        removed are in no past. Raises UsageError for what is no time.
        """
        from .past import PastRepo  # noqa: PLC0415 - it is a Repo itself

        return PastRepo(self.layout, time)

    def close(self) -> None:
        """Let go of the index's files. The repository may be asked again, and opens them again."""
        self.snapshots.close()

    # -- inside ----------------------------------------------------------------------------------------

    def _all_records(self) -> Matches:
        """All runs but the deleted ones, newest first."""
        selection = self.snapshots.select(parse("run.archived or True"))
        found = Matches(selection)
        for record in selection.fresh():
            found.add(record)
        for file, rows in selection.parts:
            found.add_rows(file, rows)
        return found


def _each(runs: Iterable[str], act: Callable[[str], bool | None], what: str) -> tuple[bool, list[str]]:
    """Do something to each run; return whether all went well, and for which it did not (False, or an error)."""
    if isinstance(runs, str):  # whose letters would be taken for hashes
        raise ValueTypeError(
            f"run hashes come as a list, not as a string: {runs!r}", hint=f"Write [{runs!r}]."
        )
    left = []
    for run in runs:
        try:
            if act(run) is not False:
                continue
        except ReadOnlyError:
            raise
        except (RunstoneError, OSError) as error:
            warnings.warn(f"cannot {what} run {run}: {error}", RuntimeWarning, stacklevel=3)
        left.append(run)
    return not left, left
