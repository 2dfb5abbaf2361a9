"""What a query hands back: the matching runs or sequences, what was skipped, and how it was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .aimql import Query
from .policy import compile_query
from .record import Record
from .run import StoredRun
from .sequences import Metric, Sequence
from .views import RunView, SequenceView

if TYPE_CHECKING:
    import pandas as pd

    from .repo import Repo
    from .run import Run

# The type in a sequence's declaration, by the name that a query has for such sequences.
KINDS = {
    "metric": "number",
    "images": "image",
    "audios": "audio",
    "texts": "text",
    "distributions": "distribution",
    "figures": "figure",
}


@dataclass(slots=True)
class Explanation:
    """How a query was answered."""

    query: str
    prefilter: str
    runs: int = 0  # in the repository
    from_index: int = 0  # candidates that the index named
    from_logs: int = 0  # candidates with events that are not indexed
    matched: int = 0
    skipped: int = 0  # candidates whose evaluation failed
    first_error: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


class Result:
    """The answer to one query. It is computed when first asked for, and then stays as it is."""

    def __init__(self, repo: Repo, query: Query) -> None:
        self._repo = repo
        self._query = query
        began = time.perf_counter()
        self._predicate, self._budget = compile_query(query)
        self._compiled = time.perf_counter() - began
        self._explanation: Explanation | None = None
        self._found: list[Any] | None = None

    def explain(self) -> Explanation:
        """Return the prefilter, what it left, what matched, what was skipped and where the time went."""
        self._matches()
        assert self._explanation is not None  # noqa: S101 - _matches has made it
        return self._explanation

    @property
    def skipped(self) -> int:
        """How many candidates were left out because their evaluation failed."""
        return self.explain().skipped

    @property
    def first_error(self) -> str:
        """The first such failure, with the run that it happened in; empty if there was none."""
        return self.explain().first_error

    def __len__(self) -> int:
        return len(self._matches())

    def _matches(self) -> list[Any]:
        if self._found is None:
            records, explanation = self._repo._select(self._query)
            began = time.perf_counter()
            found: list[Any] = []
            self._evaluate(records, found, explanation)
            explanation.matched = len(found)
            explanation.seconds["evaluate"] = time.perf_counter() - began
            explanation.seconds["compile"] = self._compiled
            self._explanation, self._found = explanation, found
        return self._found

    def _evaluate(self, records: Iterator[Record], found: list[Any], explanation: Explanation) -> None:
        raise NotImplementedError

    def _holds(self, record: Record, run: RunView, sequence: Any, explanation: Explanation) -> bool:
        self._budget.reset()
        try:
            return bool(self._predicate(run, sequence))
        except Exception as error:  # whatever an expression does to one candidate, the others go on
            explanation.skipped += 1
            if not explanation.first_error:
                explanation.first_error = f"run {record.hash}: {type(error).__name__}: {error}"
            return False


class RunResult(Result):
    """Runs, newest first."""

    def _evaluate(self, records: Iterator[Record], found: list[Any], explanation: Explanation) -> None:
        archived_too = self._query.asks_for_archived
        for record in records:
            if not archived_too and record.archived:
                continue
            if self._holds(record, RunView(record), None, explanation):
                found.append(record)
        found.sort(key=lambda record: (-record.created, record.hash))

    def hashes(self) -> list[str]:
        """Return the hashes of the matching runs, newest first."""
        return [record.hash for record in self._matches()]

    def runs(self) -> list[StoredRun]:
        """Return the matching runs, newest first."""
        return [StoredRun(self._repo, record) for record in self._matches()]

    def iter_runs(self) -> Iterator[RunItem]:
        """Yield an item with `.run` for each match, as in Aim."""
        for record in self._matches():
            yield RunItem(StoredRun(self._repo, record), None)

    def __iter__(self) -> Iterator[StoredRun]:
        return iter(self.runs())

    def dataframe(self, include_props: bool = True, include_params: bool = True) -> pd.DataFrame:
        """Return a pandas DataFrame with a row per run. Needs pandas."""
        import pandas as pd  # noqa: PLC0415 - only where a frame is asked for

        options = {"include_props": include_props, "include_params": include_params}
        return pd.DataFrame([run_columns(run, **options) for run in self.runs()])


class SequenceResult(Result):
    """Sequences: of the newest run first, and in a run by name and context."""

    def _evaluate(self, records: Iterator[Record], found: list[Any], explanation: Explanation) -> None:
        kind = KINDS[self._query.entity or "metric"]
        archived_too = self._query.asks_for_archived
        for record in records:
            if not archived_too and record.archived:
                continue
            run = RunView(record)
            matching = [
                sequence
                for sequence in sorted(record.state.sequences, key=lambda s: s.identity)
                if sequence.kind == kind
                and sequence.summary is not None
                and self._holds(record, run, SequenceView(record, sequence, run), explanation)
            ]
            if matching:
                found.append((record, matching))
        found.sort(key=lambda match: (-match[0].created, match[0].hash))

    def _items(self) -> Iterator[RunItem]:
        make = Metric if self._query.entity == "metric" else Sequence
        for record, stored in self._matches():
            run = StoredRun(self._repo, record)
            yield RunItem(run, [make(run, record, sequence) for sequence in stored])

    def __iter__(self) -> Iterator[Any]:
        for item in self._items():
            yield from item

    def __len__(self) -> int:
        return sum(len(stored) for _, stored in self._matches())

    def iter_runs(self) -> Iterator[RunItem]:
        """Yield, for each run with a match, an item with `.run` that iterates over the matching sequences."""
        return self._items()

    def dataframe(
        self,
        only_last: bool = False,
        include_run: bool = True,
        include_name: bool = True,
        include_context: bool = True,
    ) -> pd.DataFrame:
        """Return a pandas DataFrame with a row per point of every matching metric. Needs pandas."""
        import pandas as pd  # noqa: PLC0415

        frames = [
            metric.dataframe(include_name, include_context, include_run, only_last) for metric in iter(self)
        ]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


class RunItem:
    """One run of a result, and its matching sequences (all of its metrics in the result of a run query)."""

    def __init__(self, run: StoredRun, sequences: list[Any] | None) -> None:
        self.run = run
        self._sequences = sequences

    def __iter__(self) -> Iterator[Any]:
        return iter(self.run.metrics() if self._sequences is None else self._sequences)


def sequences_of(run: StoredRun, entity: str) -> list[Sequence]:
    """Return the sequences of a run that queries for `entity` are about, by name and context."""
    make: Callable[..., Sequence] = Metric if entity == "metric" else Sequence
    record = run._record
    stored = sorted(record.state.sequences, key=lambda s: s.identity)
    return [make(run, record, s) for s in stored if s.kind == KINDS[entity] and s.summary is not None]


def run_columns(run: Run, *, include_props: bool, include_params: bool) -> dict[str, Any]:
    """Return a run as one flat row: properties, and parameters under dotted names."""
    row: dict[str, Any] = {"hash": run.hash}
    if include_props:
        for name in (
            "name",
            "description",
            "archived",
            "creation_time",
            "end_time",
            "active",
            "experiment",
            "tags",
        ):
            row[name] = getattr(run, name)
    if include_params:
        row.update(flat_params(run[...]))
    return row


def flat_params(params: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters under dotted names."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, dict) and value:
            flat.update(flat_params(value, name))
        else:
            flat[name] = value
    return flat
