"""What a query hands back: the matching runs or sequences, what was skipped, and how it was found."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from runstone_indexer import collector
from runstone_indexer.columns import DamagedColumnsError
from runstone_indexer.states import StateFile
from runstone_writer.values import decode

from .aimql import Query
from .batch import Batch, Expression
from .budget import Budget
from .collection import Collection, RunItem
from .columnar import NotColumnarError, columnar, columnar_cells
from .conjuncts import Parts, split
from .fields import read
from .located import Located, Match, cut
from .ordering import Order
from .policy import Predicate, compile_query
from .record import Record
from .reference import LabelView, Reference
from .report import QueryReportMode
from .run import StoredRun
from .selection import Explanation, Matches, Rows, Selection
from .sequences import CLASSES, KINDS, Sequence, class_of
from .suggestions import hints, order_hints
from .views import RunView, SequenceView

if TYPE_CHECKING:
    from .columnset import Backend
    from .repo import Repo

T = TypeVar("T")

COLUMNS_FROM = 64  # candidates in one file from which evaluating whole columns pays
PREFETCHED_RUNS = 512  # runs whose points are looked up together


class Result:
    """The answer to one query. It is computed when first asked for, and then stays as it is."""

    def __init__(self, repo: Repo, query: Query, order: Order) -> None:
        self.report_mode = QueryReportMode.DISABLED
        self._repo = repo
        self._order = order
        self._query = query
        began = time.perf_counter()
        self._predicate, self._budget, self._fields = compile_query(query)
        self._compiled = time.perf_counter() - began
        self._explanation: Explanation | None = None
        self._matched = 0  # before `limit` and `offset`
        self._found: Any = None

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

    @property
    def hints(self) -> list[str]:
        """What may be wrong with a query that nothing matches, or that sorts by what no match has: names that nothing
        in the repository has.
        """
        how = self.explain()
        if self._order.is_void:
            return order_hints(self._order.fields, self._repo.snapshots.known())
        if how.matched or not how.runs:
            return []
        return hints(self._query, self._fields, self._repo.snapshots.known())

    def __len__(self) -> int:
        return len(self._matches())

    def _matches(self) -> Any:
        if self._found is None:
            self._despite_damage(self._find)
        return self._found

    def _despite_damage(self, ask: Callable[[], T]) -> T:
        def ask_anew() -> T:
            try:
                return ask()
            except DamagedColumnsError:
                self._found = None
                raise

        return self._repo.snapshots.despite_damage(ask_anew)

    def _find(self) -> None:
        selection = self._repo.snapshots.select(self._query)
        explanation = selection.explanation
        began = time.perf_counter()
        with collector.paused():
            self._found = self._evaluate(selection)
        explanation.seconds["evaluate"] = time.perf_counter() - began
        explanation.seconds["compile"] = self._compiled
        explanation.matched = self._matched
        self._explanation = explanation

    def _evaluate(self, selection: Selection) -> Any:
        raise NotImplementedError

    def _with_progress(self, items: Iterator[RunItem]) -> Iterator[Any]:
        if self.report_mode is not QueryReportMode.PROGRESS_TUPLE:
            return items
        total = len(self._matches())
        return ((item, (count, total)) for count, item in enumerate(items, 1))

    def _holds(
        self,
        record: Record,
        run: RunView,
        sequence: Any,
        explanation: Explanation,
        predicate: Predicate | None = None,
        budget: Budget | None = None,
    ) -> bool:
        (budget or self._budget).reset()
        try:
            return bool((predicate or self._predicate)(run, sequence))
        except DamagedColumnsError:  # no fault of the expression's: the logs are asked
            raise
        except Exception as error:  # whatever an expression does to one candidate, the others go on
            explanation.skipped += 1
            if not explanation.first_error:
                explanation.first_error = f"run {record.hash}: {type(error).__name__}: {error}"
            return False


class RunResult(Result):
    """Runs: newest first, unless ordered by something else."""

    def __init__(self, repo: Repo, query: Query, order: Order, after: Record | None = None) -> None:
        """Take only the runs that stand behind the run `after`, if one is given."""
        super().__init__(repo, query, order)
        self._after = None if after is None else (after.created, after.hash)

    def _evaluate(self, selection: Selection) -> Matches | _Arranged:
        found, explanation = Matches(selection), selection.explanation
        for record in selection.fresh():
            if self._holds(record, RunView(record), None, explanation):
                found.add(record)
        by_columns = columnar(self._query)
        for file, rows in selection.parts:
            if by_columns is not None and len(rows) >= COLUMNS_FROM:
                try:
                    found.add_rows(file, rows[by_columns(file)[rows]])
                except NotColumnarError:
                    pass
                else:
                    explanation.by_columns += len(rows)
                    continue
            columns = [read(field, file, rows) for field in self._fields]
            for at, record in enumerate(selection.indexed(file, rows)):
                if self._holds(record, RunView(record, columns, at), None, explanation):
                    found.add(record)
        found.sort(self._after)
        self._matched = len(found)
        if self._order.is_plain:
            found.cut(self._order.part)
            return found
        if self._order.field is not None:
            values = found.read(self._order.field, lambda view: self._order.value(view, None))
            found.pick(self._order.places(values))
            return found
        pairs = list(found.views(self._order.fields))
        return _Arranged(record for record, _ in self._order.arranged(pairs, lambda pair: (pair[1], None)))

    def hashes(self) -> list[str]:
        """Return the hashes of the matching runs, in order."""
        hashes: list[str] = self._despite_damage(lambda: self._matches().hashes())
        return hashes

    def records(self) -> list[Record]:
        """Return the records of the matching runs, in order: for what is asked of all of them together."""
        return self._despite_damage(lambda: list(self._matches()))

    def values(self, expression: Expression) -> list[Any]:
        """Return an expression's value for each matching run, in order."""

        def evaluated() -> list[Any]:
            found = self._matches()
            with collector.paused():
                if expression.field is None or not isinstance(found, Matches):
                    return expression.values(Batch(list(found)))
                return found.read(expression.field, expression.value)

        return self._despite_damage(evaluated)

    def runs(self) -> list[StoredRun]:
        """Return the matching runs, in order."""
        return list(self)

    def iter_runs(self) -> Iterator[Any]:
        """Yield an item with `.run` for each match, as in Aim.

        With QueryReportMode.PROGRESS_TUPLE, yield (item, (how many so far, how many in all)).
        """
        return self._with_progress(RunItem(run, None) for run in self)

    def iter(self) -> Iterator[StoredRun]:
        """Yield the matching runs, in order."""
        return iter(self)

    def __iter__(self) -> Iterator[StoredRun]:
        return (StoredRun(self._repo, record) for record in self._matches())

    def dataframe(
        self,
        only_last: bool = False,
        include_run: bool = True,
        include_name: bool = True,
        include_context: bool = True,
        include_props: bool = True,
        include_params: bool = True,
        backend: Backend = "pandas",
    ) -> Any:
        """Return a data frame with a row per run: hash, properties, parameters.

        The first four arguments are Aim's and say nothing about runs. A parameter that is called like a
        property is in the column ``params.<name>``; lists are JSON text. `backend` is "pandas", "polars" or
        "arrow" (a ``pyarrow.Table``): ImportError says what to install if it is missing. In the last two, a
        parameter that is of different kinds in different runs is text.
        """
        del only_last, include_run, include_name, include_context
        from .frames import run_frame  # noqa: PLC0415 - pandas is loaded only where a frame is asked for

        return run_frame(self, include_props=include_props, include_params=include_params, backend=backend)


class SequenceResult(Result, Collection):
    """Sequences: of the newest run first, in a run by name and context, unless ordered by something else."""

    def _evaluate(self, selection: Selection) -> list[Match]:
        found = [self._one_by_one(record, selection.explanation) for record in selection.fresh()]
        plan, located = split(self._query), []
        for file, rows in selection.parts:
            try:
                located.append(self._located(plan, selection, file, rows))
                continue
            except DamagedColumnsError:
                raise
            except Exception:  # noqa: S110 - one by one, each failure is told from the others
                pass
            records = selection.indexed(file, rows)
            found += [self._one_by_one(record, selection.explanation) for record in records]
        found = [match for match in found if match[1]]
        part, is_counted = self._order.part, plan.rest is None and self._order.is_plain
        if is_counted:
            self._matched = sum(len(matching) for _, matching in found) + sum(len(x.cells) for x in located)
            if part.stop is not None:
                located, found, part = cut(located, found, part)
        for group in located:
            matches = group.grouped(selection)
            found += (
                matches if plan.rest is None else self._of_the_rest(plan.rest, matches, selection.explanation)
            )
        found = [match for match in found if match[1]]
        found.sort(key=lambda match: (-match[0].created, match[0].hash))
        if not is_counted:
            self._matched = sum(len(matching) for _, matching in found)
        return self._arranged(found, part)

    def _arranged(self, found: list[Match], part: slice) -> list[Match]:
        if self._order.is_plain and part == slice(0, None):
            return found
        pairs = [(record, sequence) for record, matching in found for sequence in matching]
        pairs = pairs[part] if self._order.is_plain else self._order.arranged(pairs, _views_of)
        grouped = groupby(pairs, key=lambda pair: id(pair[0]))
        return [(group[0][0], [s for _, s in group]) for group in (list(pairs) for _, pairs in grouped)]

    def _one_by_one(self, record: Record, explanation: Explanation) -> Match:
        kind = KINDS[self._query.entity or "metric"]
        run = RunView(record)
        return record, [
            sequence
            for sequence in sorted(record.state.sequences, key=lambda s: s.identity)
            if sequence.kind == kind
            and sequence.summary is not None
            and self._holds(record, run, SequenceView(record, sequence, run), explanation)
        ]

    def _located(self, plan: Parts, selection: Selection, file: StateFile, rows: Rows) -> Located:
        """Evaluate the run's part once per run, the label's part once per label; the rest is not looked at.

        Lets errors out.
        """
        rows = self._rows_that_hold(plan.run, selection, file, rows)
        kind, labels = KINDS[self._query.entity or "metric"], file.labels.labels
        holds = np.array([label.kind == kind for label in labels], dtype=bool)
        if plan.label is not None:
            predicate, budget, _ = compile_query(plan.label)
            for number in np.flatnonzero(holds).tolist():
                budget.reset()
                view = LabelView(labels[number].name, decode(labels[number].context))
                holds[number] = bool(predicate(None, view))
        owner, cells = file.labels.of(rows)
        kept = holds[file.labels.label[cells]]
        owner, cells = owner[kept], cells[kept]
        if plan.summaries is not None:
            by_columns = columnar_cells(plan.summaries)
            assert by_columns is not None  # noqa: S101 - split() has looked
            kept = by_columns(file, cells)
            owner, cells = owner[kept], cells[kept]
        return Located(file, rows, owner, cells)

    def _of_the_rest(self, query: Query, found: list[Match], explanation: Explanation) -> list[Match]:
        """Keep the sequences for which what has not been evaluated yet holds as well."""
        predicate, budget, _ = compile_query(query)
        kept = []
        for record, references in found:
            run = RunView(record)
            holds = [
                reference
                for reference in references
                if self._holds(
                    record, run, SequenceView(record, reference, run), explanation, predicate, budget
                )
            ]
            kept.append((record, holds))
        return kept

    def _rows_that_hold(self, query: Query | None, selection: Selection, file: StateFile, rows: Rows) -> Rows:
        if query is None:
            return rows
        by_columns = columnar(query)
        if by_columns is not None and len(rows) >= COLUMNS_FROM:
            try:
                return rows[by_columns(file)[rows]]
            except NotColumnarError:
                pass
        predicate, budget, fields = compile_query(query)
        columns = [read(field, file, rows) for field in fields]
        holds = []
        for at, record in enumerate(selection.indexed(file, rows)):
            budget.reset()
            holds.append(bool(predicate(RunView(record, columns, at), None)))
        kept: Rows = rows[np.array(holds, dtype=bool)]
        return kept

    def __iter__(self) -> Iterator[Any]:
        for item in self._items():
            yield from item

    def __len__(self) -> int:
        return sum(len(stored) for _, stored in self._matches())

    def iter_runs(self) -> Iterator[Any]:
        """Yield, for each run with a match, an item with `.run` that iterates over the matching sequences.

        With QueryReportMode.PROGRESS_TUPLE, yield (item, (how many so far, how many in all)).
        """
        return self._with_progress(self._items())

    def _items(self) -> Iterator[RunItem]:
        make = CLASSES[self._query.entity or "metric"]
        matches = self._matches()
        for start in range(0, len(matches), PREFETCHED_RUNS):
            block = matches[start : start + PREFETCHED_RUNS]
            with collector.paused():
                _look_up_points(block)
            for record, stored in block:
                run = StoredRun(self._repo, record)
                yield RunItem(run, [make(run, record, sequence) for sequence in stored])


class _Arranged(list[Record]):
    """Records in an order of the caller's."""

    def hashes(self) -> list[str]:
        return [record.hash for record in self]


def _look_up_points(matches: list[Match]) -> None:
    """Find where the points of many sequences are, all at once."""
    wanted = [(record, ref) for record, stored in matches for ref in stored if isinstance(ref, Reference)]
    if wanted and wanted[0][0].generation is not None:
        keys = np.array([(record.number or 0) << 32 | ref.place for record, ref in wanted], dtype=np.int64)
        with contextlib.suppress(DamagedColumnsError):  # then each finds its own, in the logs
            chunks = wanted[0][0].generation.chunks_of(keys)
            for (_, ref), found in zip(wanted, chunks, strict=True):
                ref.found = found


def _views_of(pair: tuple[Record, Any]) -> tuple[RunView, SequenceView]:
    run = RunView(pair[0])
    return run, SequenceView(pair[0], pair[1], run)


def sequences_of(run: StoredRun, entity: str | None) -> list[Sequence]:
    """Return the sequences of a run that queries for `entity` are about (None: all), by name and context."""
    record = run._record
    stored = sorted(record.state.sequences, key=lambda s: s.identity)
    return [
        class_of(s.kind)(run, record, s)
        for s in stored
        if (entity is None or s.kind == KINDS[entity]) and s.summary is not None
    ]
