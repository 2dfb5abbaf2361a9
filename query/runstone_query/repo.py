"""`Repo`: a repository, to be asked. Answers are complete: with an index, without, and while one is made."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.generation import Generation, open_generation
from runstone_indexer.indexer import Indexer
from runstone_writer.errors import IndexBusyError, MissingRepoError, MissingRunError, StoreError, UsageError
from runstone_writer.layout import FOLDER, Layout, find_repo, is_safe_hash, open_repo, repo_root

from .aimql import Query, parse
from .lower import Narrowing, narrowing
from .overlay import Overlay, Tail
from .prefilter import candidates, describe
from .record import Record
from .results import KINDS, Explanation, RunResult, SequenceResult
from .run import StoredRun, append_edit

# With more runs than this to read on the spot, an index is made first, if nobody else is making one.
INDEX_WHEN_FRESH = 64


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
        self._uses_index = index
        self._overlay = Overlay(self.layout)
        self._generation: Generation | None = None

    @classmethod
    def from_path(
        cls, path: str | os.PathLike[str], read_only: bool | None = None, init: bool = False
    ) -> Self:
        """Return the repository at `path`, made if asked to."""
        return cls(path, read_only=read_only, init=init)

    @classmethod
    def default_repo(cls, init: bool = False) -> Self:
        """Return the nearest repository, from the current folder upwards. Raises MissingRepoError."""
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
        """Delete the repository at `path` and everything in it."""
        root = open_repo(path).root
        assert os.path.basename(root) == FOLDER  # noqa: S101 - repo_root() sees to it
        shutil.rmtree(root)

    # -- queries ---------------------------------------------------------------------------------------

    def query_runs(
        self, query: str = "", paginated: bool = False, offset: str | None = None, report_mode: Any = None
    ) -> RunResult:
        """Return the runs for which the AimQL expression holds, newest first. Raises QueryError at once."""
        del paginated, offset, report_mode
        return RunResult(self, parse(query))

    def query_metrics(self, query: str = "", report_mode: Any = None) -> SequenceResult:
        """Return the metrics for which the AimQL expression over `metric` and `run` holds."""
        return self._query_sequences(query, "metric", report_mode)

    def query_images(self, query: str = "", report_mode: Any = None) -> SequenceResult:
        """Return the image sequences for which the expression over `images` and `run` holds."""
        return self._query_sequences(query, "images", report_mode)

    def query_audios(self, query: str = "", report_mode: Any = None) -> SequenceResult:
        """Return the audio sequences for which the expression over `audios` and `run` holds."""
        return self._query_sequences(query, "audios", report_mode)

    def query_texts(self, query: str = "", report_mode: Any = None) -> SequenceResult:
        """Return the text sequences for which the expression over `texts` and `run` holds."""
        return self._query_sequences(query, "texts", report_mode)

    def query_distributions(self, query: str = "", report_mode: Any = None) -> SequenceResult:
        """Return the distribution sequences for which the expression over `distributions` and `run` holds."""
        return self._query_sequences(query, "distributions", report_mode)

    def query_figure_objects(self, query: str = "", report_mode: Any = None) -> SequenceResult:
        """Return the figure sequences for which the expression over `figures` and `run` holds."""
        return self._query_sequences(query, "figures", report_mode)

    def _query_sequences(self, query: str, entity: str, report_mode: Any) -> SequenceResult:
        del report_mode
        return SequenceResult(self, parse(query, entity))

    def explain(self, query: str, entity: str | None = None) -> Explanation:
        """Answer a query and return how: the prefilter, what it left, what matched, where time went."""
        result = (
            RunResult(self, parse(query)) if entity is None else self._query_sequences(query, entity, None)
        )
        return result.explain()

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
        records, _ = self._select(parse("run.archived or True"))
        for record in sorted(records, key=lambda r: (-r.created, r.hash)):
            yield StoredRun(self, record)

    def list_all_runs(self) -> list[str]:
        """Return the hash of every run, archived ones included, newest first."""
        return [run.hash for run in self.iter_runs()]

    def list_active_runs(self) -> list[str]:
        """Return the hashes of the runs that have not been ended."""
        return [run.hash for run in self.iter_runs() if run.active]

    def total_runs_count(self) -> int:
        """Return how many runs there are."""
        return len(self.list_all_runs())

    def delete_run(self, run_hash: str) -> bool:
        """Delete a run: an event, after which nothing shows it. The bytes go with `runstone gc`.

        Returns True if the run is gone afterwards, as in Aim.
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
        self._refuse_if_read_only("delete a run")
        if not is_safe_hash(run_hash) or not os.path.isdir(self.layout.run_folder(run_hash)):
            return on
        append_edit(self.layout, run_hash, "delete", {"on": on})
        return True

    def _refuse_if_read_only(self, what: str) -> None:
        if self.read_only:
            raise UsageError(f"cannot {what}: the repository {self.path} was opened read-only")

    def record(self, run_hash: str) -> Record:
        """Return the newest record of a run. Raises MissingRunError."""
        if is_safe_hash(run_hash) and os.path.isdir(self.layout.run_folder(run_hash)):
            tail = self._overlay.tail(run_hash, self._refreshed())
            if tail.state.known and not tail.state.deleted:
                return tail.record()
        raise MissingRunError(
            f"there is no run {run_hash!r} in {self.path}", hint="`runstone runs ls` lists the runs."
        )

    # -- what there is ---------------------------------------------------------------------------------

    def collect_params_info(self) -> dict[str, Any]:
        """Return all parameters of all runs as one tree; each leaf is {"__example_type__": "<class ...>"}."""
        tree: dict[str, Any] = {}
        for run in self.query_runs():
            _merge_types(tree, run[...])
        return tree

    def collect_sequence_info(
        self, sequence_types: str | tuple[str, ...] | list[str]
    ) -> dict[str, dict[str, Any]]:
        """Return, for each type asked for ("metric", "images", ...), the contexts of each name."""
        wanted = [sequence_types] if isinstance(sequence_types, str) else list(sequence_types)
        unknown = [name for name in wanted if name not in KINDS]
        if unknown:
            raise UsageError(
                f"unknown sequence type {unknown[0]!r}", hint=f"The types are {', '.join(KINDS)}."
            )
        found: dict[str, dict[str, Any]] = {name: {} for name in wanted}
        for name in wanted:
            for sequence in self._query_sequences("", name, None):
                contexts = found[name].setdefault(sequence.name, [])
                if sequence.context.to_dict() not in contexts:
                    contexts.append(sequence.context.to_dict())
        return found

    def close(self) -> None:
        """Let go of the index's files."""
        self._generation = None
        self._overlay = Overlay(self.layout)

    # -- inside ----------------------------------------------------------------------------------------

    def _refreshed(self) -> Generation | None:
        if self._uses_index:
            self._generation = open_generation(self.layout, self._generation)
        return self._generation

    def _snapshot(self) -> tuple[Generation | None, dict[str, Tail]]:
        """Return the newest generation of the index and the runs that it does not fully cover."""
        hints = self._overlay.candidates()
        generation = self._refreshed()
        if self._uses_index and not self.read_only and self._is_far_behind(generation, hints):
            try:
                Indexer(self.layout).run_once(full=generation is None)
                hints = self._overlay.candidates()
                generation = self._refreshed()
            except (IndexBusyError, StoreError):
                pass  # somebody else is at it, or nothing can be written here: the logs have the answer
        return generation, self._overlay.fresh(hints, generation)

    def _is_far_behind(self, generation: Generation | None, hints: dict[str, None]) -> bool:
        if generation is None:
            return True
        if len(hints) <= INDEX_WHEN_FRESH:
            return False
        return len(self._overlay.fresh(hints, generation)) > INDEX_WHEN_FRESH

    def _select(self, query: Query) -> tuple[Iterator[Record], Explanation]:
        """Return the records to evaluate `query` on, and what is known of how they were found."""
        began = time.perf_counter()
        narrowed: Narrowing | None = narrowing(query)
        generation, fresh = self._snapshot()
        explanation = Explanation(query.text, describe(narrowed))
        explanation.seconds["refresh"] = time.perf_counter() - began
        began = time.perf_counter()
        numbers = np.zeros(0, np.int64)
        if generation is not None:
            numbers = self._narrowed(generation, narrowed)
            covered = np.array([t.number for t in fresh.values() if t.number is not None], dtype=np.int64)
            if len(covered):
                numbers = np.setdiff1d(numbers, covered, assume_unique=True)
            explanation.runs = generation.manifest.runs
        explanation.runs += sum(tail.number is None for tail in fresh.values())
        explanation.from_index, explanation.from_logs = len(numbers), len(fresh)
        explanation.seconds["prefilter"] = time.perf_counter() - began
        return self._records(generation, numbers, fresh), explanation

    def _narrowed(self, generation: Generation, narrowed: Narrowing | None) -> NDArray[np.int64]:
        found = None if narrowed is None else candidates(generation.parameters, narrowed)
        return generation.all_runs() if found is None else found

    def _records(
        self, generation: Generation | None, numbers: NDArray[np.int64], fresh: dict[str, Tail]
    ) -> Iterator[Record]:
        for tail in fresh.values():
            if tail.state.known and not tail.state.deleted:
                yield tail.record()
        if generation is not None:
            for file, row in generation.locate(numbers):
                yield Record.indexed(generation, file, row)


def _merge_types(tree: dict[str, Any], params: dict[Any, Any]) -> None:
    for key, value in params.items():
        if isinstance(value, dict):
            below = tree.setdefault(str(key), {})
            if "__example_type__" not in below:
                _merge_types(below, value)
        else:
            tree.setdefault(str(key), {"__example_type__": str(type(value))})
