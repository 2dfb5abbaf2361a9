"""A batch: some runs of which the same is asked, each field read once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from runstone_indexer.columns import DamagedColumnsError
from runstone_indexer.states import StateFile

from .fields import Field, Property, read
from .policy import compile_query, sole_field
from .record import Record
from .views import IN_STATE, PROPERTIES, RunView

if TYPE_CHECKING:
    from .repo import Repo


class Batch:
    """Records, in an order of the caller's."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        by_file: dict[StateFile, tuple[list[int], list[int]]] = {}
        for place, record in enumerate(records):
            stored = record.stored
            if stored is not None:
                places, rows = by_file.setdefault(stored[0], ([], []))
                places.append(place)
                rows.append(stored[1])
        self._parts = []
        for file, (places, rows) in by_file.items():
            order = np.argsort(np.array(rows, np.int64), kind="stable")
            self._parts.append((file, np.array(places)[order].tolist(), np.array(rows, np.int64)[order]))

    def __len__(self) -> int:
        return len(self.records)

    def read(self, field: Field) -> list[Any]:
        """Return a field's value for each run; IN_STATE where the columns do not have it."""
        values: list[Any] = [IN_STATE] * len(self.records)
        for file, places, rows in self._parts:
            for place, value in zip(places, read(field, file, rows), strict=True):
                values[place] = value
        return values

    def properties(self, name: str) -> list[Any]:
        """Return a property of each run, such as "name" or "creation_time"."""
        values = self.read(Property(name))
        for at, value in enumerate(values):
            if value is IN_STATE:
                values[at] = PROPERTIES[name](self.records[at])
        return values


class Expression:
    """An AimQL expression over `run`, for many runs at once. Raises QueryError for one that can't be right.

    What fails for a run is None there, and counted: `skipped`, `first_error`.
    """

    def __init__(self, repo: Repo, text: str) -> None:
        query = repo.parsed(text)
        self.text = text
        self.skipped = 0
        self.first_error = ""
        self._predicate, self._budget, self.fields = compile_query(query)
        self.field = sole_field(query)

    def values(self, batch: Batch) -> list[Any]:
        """Return the expression's value for each run of a batch."""
        if self.field is None:
            columns = [batch.read(field) for field in self.fields]
            return [self.value(RunView(record, columns, at)) for at, record in enumerate(batch.records)]
        values = batch.read(self.field)
        for at, value in enumerate(values):
            if value is IN_STATE:
                values[at] = self.value(RunView(batch.records[at]))
        return values

    def value(self, view: RunView) -> Any:
        """Return the expression's value for one run."""
        self._budget.reset()
        try:
            return self._predicate(view, None)
        except DamagedColumnsError:  # no fault of the expression's: the logs are asked
            raise
        except Exception as error:
            self.skipped += 1
            if not self.first_error:
                self.first_error = f"run {view.attribute('hash')}: {type(error).__name__}: {error}"
            return None
