"""A selection: the runs that a query has to be evaluated on, and how they were found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.generation import Generation
from runstone_indexer.states import ARCHIVED, StateFile

from .fields import Field, read
from .overlay import Tail
from .record import Record
from .views import IN_STATE, RunView

Rows = NDArray[np.int64]
AT_ONCE = 50_000  # hashes: all at once would be in memory twice


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
    by_columns: int = 0  # candidates that were evaluated as whole columns
    seconds: dict[str, float] = field(default_factory=dict)


class Selection:
    """Candidates: rows of the index's files, and runs with events that the index does not have."""

    def __init__(
        self,
        generation: Generation | None,
        numbers: Rows | None,
        fresh: dict[str, Tail],
        explanation: Explanation,
        *,
        archived_too: bool,
    ) -> None:
        """Take the runs with `numbers` (None for all) from the index, but for those in `fresh`."""
        self.generation = generation
        self.explanation = explanation
        self._archived_too = archived_too
        self._fresh = [tail for tail in fresh.values() if tail.state.is_there]
        self._covered = np.array([t.number for t in fresh.values() if t.number is not None], dtype=np.int64)
        self.parts: list[tuple[StateFile, Rows]] = []
        if generation is not None:
            self.parts = [(file, self._kept(file, rows)) for file, rows in generation.locate(numbers)]
        explanation.from_index = sum(len(rows) for _, rows in self.parts)
        explanation.from_logs = len(self._fresh)

    def _kept(self, file: StateFile, rows: Rows) -> Rows:
        if len(self._covered):
            rows = rows[~np.isin(file.run[rows], self._covered)]
        if not self._archived_too:
            rows = rows[(file.column("flags")[rows] & ARCHIVED) == 0]
        return rows

    def fresh(self) -> Iterator[Record]:
        """Yield the candidates that were read from their logs."""
        for tail in self._fresh:
            if self._archived_too or not tail.state.archived:
                yield tail.record()

    def indexed(self, file: StateFile, rows: Rows) -> Iterator[Record]:
        """Yield the records of rows of a file of this selection."""
        if self.generation is not None:
            columns = (file.column(name)[rows].tolist() for name in ("run", "created", "hash"))
            for row, number, time, name in zip(rows.tolist(), *columns, strict=True):
                yield Record.indexed(self.generation, file, row, number, time, name)

    def __iter__(self) -> Iterator[Record]:
        yield from self.fresh()
        for file, rows in self.parts:
            yield from self.indexed(file, rows)


class Matches:
    """The runs that match, newest first and by hash among equals. A record is made when it is asked for."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._records: list[Record] = []
        self._blocks: list[tuple[StateFile, Rows]] = []
        self._order: Rows | None = None
        self._hashes: NDArray[Any] = np.zeros(0, np.bytes_)

    def add(self, record: Record) -> None:
        self._records.append(record)

    def add_rows(self, file: StateFile, rows: Rows) -> None:
        self._blocks.append((file, rows))

    def sort(self, after: tuple[int, str] | None = None) -> None:
        """Put all in order, and drop what stands up to `after` (creation time, hash) if one is given."""
        created = [np.array([record.created for record in self._records], dtype=np.int64)]
        created += [file.column("created")[rows] for file, rows in self._blocks]
        hashes: list[NDArray[Any]] = []
        if self._records:
            hashes.append(np.array([record.hash.encode() for record in self._records], dtype=np.bytes_))
        hashes += [file.column("hash")[rows] for file, rows in self._blocks if len(rows)]
        times = np.concatenate(created)
        self._hashes = np.concatenate(hashes) if hashes else np.zeros(0, np.bytes_)
        self._order = newest_first(times, self._hashes)
        if after is not None:
            time, name = after
            behind = (times < time) | ((times == time) & (self._hashes > name.encode()))
            self._order = self._order[behind[self._order]]

    def cut(self, part: slice) -> None:
        """Keep only a part of the sorted matches."""
        self._order = self._sorted()[part]

    def pick(self, places: list[int]) -> None:
        """Keep only some of the sorted matches, in this order."""
        self._order = self._sorted()[np.array(places, np.int64)]

    def read(self, field: Field, otherwise: Callable[[RunView], Any]) -> list[Any]:
        """Return a field of all matches, in order; what the columns do not have is asked of the run's view."""
        values: list[Any] = [IN_STATE] * len(self._records)
        for file, rows in self._blocks:
            values += read(field, file, rows)
        values = [values[place] for place in self._sorted().tolist()]
        places = [place for place, value in enumerate(values) if value is IN_STATE]
        if places:
            order = self._order
            self.pick(places)
            for place, record in zip(places, self, strict=True):
                values[place] = otherwise(RunView(record))
            self._order = order
        return values

    def hashes(self) -> list[str]:
        found: list[str] = []
        order = self._sorted()
        for start in range(0, len(order), AT_ONCE):
            found += [name.decode() for name in self._hashes[order[start : start + AT_ONCE]].tolist()]
        return found

    def __len__(self) -> int:
        return len(self._sorted())

    def __iter__(self) -> Iterator[Record]:
        return (record for record, _ in self._with_places())

    def views(self, fields: list[Field]) -> Iterator[tuple[Record, RunView]]:
        """Yield the records with views that have some fields loaded."""
        columns = [[read(field, file, rows) for field in fields] for file, rows in self._blocks]
        for record, (block, at) in self._with_places():
            yield record, RunView(record) if block == 0 else RunView(record, columns[block - 1], at)

    def _with_places(self) -> Iterator[tuple[Record, tuple[int, int]]]:
        """Yield the records, each with its block (0 for single ones) and where in that it stands."""
        starts = np.cumsum([len(self._records)] + [len(rows) for _, rows in self._blocks])
        order = self._sorted()
        blocks = np.searchsorted(starts, order, side="right")
        places = order - np.concatenate([[0], starts])[blocks]
        generation = self._selection.generation
        for block, at in zip(blocks.tolist(), places.tolist(), strict=True):
            if block == 0:
                yield self._records[at], (block, at)
                continue
            file, rows = self._blocks[block - 1]
            assert generation is not None  # noqa: S101 - blocks come from one
            yield Record.indexed(generation, file, int(rows[at])), (block, at)

    def _sorted(self) -> Rows:
        if self._order is None:
            self.sort()
        assert self._order is not None  # noqa: S101
        return self._order


def newest_first(times: Rows, hashes: NDArray[Any]) -> Rows:
    """Return the order of runs in an answer: by creation time, and by hash where that is the same."""
    order: Rows = np.argsort(-times, kind="stable")
    if bool((np.diff(times[order]) == 0).any()):  # hardly ever: comparing texts takes four times as long
        order = np.lexsort((hashes, -times))
    return order
