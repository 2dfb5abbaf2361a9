"""A reference to a sequence of a record, by its place and label: what a query needs of it until more is asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from runstone_indexer.columns import DamagedColumnsError
from runstone_indexer.labels import Label
from runstone_indexer.series import Found
from runstone_indexer.states import StateFile
from runstone_indexer.table import FLOAT, INT, NONE

from .record import Record
from .views import View, value_in


class Reference:
    """Stands for a stored sequence: its label and its summaries are read from the columns of a state file."""

    __slots__ = ("_cell", "_file", "_label", "_record", "found", "place")

    def __init__(self, record: Record, file: StateFile, cell: int, place: int, label: Label) -> None:
        self._record = record
        self._file = file
        self._cell = cell
        self._label = label
        self.place = place
        self.found: list[Found] | None = None  # the stored points, if they have been looked up

    @property
    def name(self) -> str:
        return self._label.name

    @property
    def context(self) -> Any:
        return self._label.context

    @property
    def kind(self) -> str:
        return self._label.kind

    @property
    def summary(self) -> Any:
        same = self._record.state.find(self.name, self.context, self.kind)
        return None if same is None else same.summary

    def summary_value(self, name: str) -> Any:
        """Return one of SUMMARIES."""
        try:
            kind, bits = self._file.summaries.value(name, self._cell)
        except DamagedColumnsError:
            return value_in(self.summary, self.kind, name)
        if kind == INT:
            return bits
        if kind == FLOAT:
            return float(np.int64(bits).view(np.float64))
        return None if kind == NONE else value_in(self.summary, self.kind, name)


class LabelView(View):
    """A sequence of which only name and context are known."""

    __slots__ = ("_context", "_name")

    def __init__(self, name: str, context: Any) -> None:
        self._name = name
        self._context = context

    def attribute(self, name: str) -> Any:
        return self._name if name == "name" else self._context if name == "context" else None
