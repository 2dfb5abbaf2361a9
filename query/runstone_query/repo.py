"""`Repo`: a repository, to be asked. Answers are complete: with an index, without, and while one is made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any, Self, TypedDict, Unpack

from runstone_indexer.states import ENDED
from runstone_writer.errors import MissingRepoError, MissingRunError, QueryError, ReadOnlyError, UsageError
from runstone_writer.layout import Layout, find_repo, is_safe_hash, open_repo, repo_root

from .aimql import Query, parse
from .catalogue import params_info, sequence_info
from .ordering import Order
from .record import Record
from .results import RunResult, SequenceResult
from .run import StoredRun, append_edit
from .selection import Explanation, Matches
from .sequences import KINDS
from .snapshot import Snapshots
from .suggestions import improved


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
        report_mode: Any = None,
        *,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> RunResult:
        """Return the runs for which the AimQL expression holds, newest first. Raises QueryError at once.

        `order_by` is an AimQL expression to sort by, such as ``run.hparams.lr`` or
        ``run.metrics["loss", {"subset": "val"}].min``; runs without a value come last. `offset` is how many
        runs to leave out first, or (as in Aim) the hash of a run: only what stands behind it is returned
        (MissingRunError if there is no such run). `paginated` and `report_mode` are Aim's, and change nothing.
        """
        del paginated, report_mode
        after = self.record(offset) if isinstance(offset, str) else None
        skipped = offset if isinstance(offset, int) else 0
        order = Order(order_by, descending=descending, limit=limit, offset=skipped)
        return RunResult(self, self._parsed(query), order, after)

    def query_metrics(
        self, query: str = "", report_mode: Any = None, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the metrics for which the AimQL expression over `metric` and `run` holds."""
        return self._query_sequences(query, "metric", report_mode, **order)

    def query_images(
        self, query: str = "", report_mode: Any = None, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the image sequences for which the AimQL expression over `images` and `run` holds."""
        return self._query_sequences(query, "images", report_mode, **order)

    def query_audios(
        self, query: str = "", report_mode: Any = None, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the audio sequences for which the AimQL expression over `audios` and `run` holds."""
        return self._query_sequences(query, "audios", report_mode, **order)

    def query_texts(
        self, query: str = "", report_mode: Any = None, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the text sequences for which the AimQL expression over `texts` and `run` holds."""
        return self._query_sequences(query, "texts", report_mode, **order)

    def query_distributions(
        self, query: str = "", report_mode: Any = None, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the distribution sequences for which the AimQL expression over `distributions` and `run` holds."""
        return self._query_sequences(query, "distributions", report_mode, **order)

    def query_figure_objects(
        self, query: str = "", report_mode: Any = None, **order: Unpack[Ordering]
    ) -> SequenceResult:
        """Return the figure sequences for which the AimQL expression over `figures` and `run` holds."""
        return self._query_sequences(query, "figures", report_mode, **order)

    def _query_sequences(
        self, query: str, entity: str, report_mode: Any = None, **order: Unpack[Ordering]
    ) -> SequenceResult:
        del report_mode
        return SequenceResult(self, self._parsed(query, entity), Order(entity=entity, **order))

    def _parsed(self, query: str, entity: str | None = None) -> Query:
        """Return the checked query; an error names the parameter that may have been meant."""
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

    def delete_run(self, run_hash: str) -> bool:
        """Delete a run: an event, after which nothing shows it; `restore_run` undoes it.

        Returns True if the run is gone afterwards, as in Aim; also for a hash that there never was.
        """
        return self._mark_deleted(run_hash, on=True)

    def restore_run(self, run_hash: str) -> bool:
        """Undo a delete. Returns whether the run is there afterwards."""
        return self._mark_deleted(run_hash, on=False) and self.run_exists(run_hash)

    def delete_runs(self, run_hashes: list[str]) -> tuple[bool, list[str]]:
        """Delete several runs. Returns (True, []), or (False, those that could not be deleted)."""
        left = [run for run in run_hashes if not self.delete_run(run)]
        return not left, left

    def _mark_deleted(self, run_hash: str, *, on: bool) -> bool:
        if self.read_only:
            raise ReadOnlyError(
                f"cannot delete or restore run {run_hash!r}: the repository {self.path} was opened read-only",
                hint="Open it with Repo(path).",
            )
        if not is_safe_hash(run_hash) or not os.path.isdir(self.layout.run_folder(run_hash)):
            return on
        append_edit(self.layout, run_hash, "delete", {"on": on})
        return True

    def record(self, run_hash: str) -> Record:
        """Return the newest record of a run. Raises MissingRunError."""
        if is_safe_hash(run_hash) and os.path.isdir(self.layout.run_folder(run_hash)):
            tail = self.snapshots.tail(run_hash)
            if tail.state.known and not tail.state.deleted:
                return tail.record()
        raise MissingRunError(
            f"there is no run {run_hash!r} in {self.path}", hint="`runstone runs ls` lists the runs."
        )

    # -- what there is ---------------------------------------------------------------------------------

    def collect_params_info(self) -> dict[Any, Any]:
        """Return all parameters of all runs as one tree; each leaf is {"__example_type__": "<class ...>"}."""
        return params_info(self._all_records())

    def collect_sequence_info(
        self, sequence_types: str | tuple[str, ...] | list[str]
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return, for each type asked for ("metric", "images", ...), the contexts of each name in any run."""
        return sequence_info(self._all_records(), sequence_types)

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
