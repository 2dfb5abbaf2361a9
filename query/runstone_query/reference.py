"""A reference to a sequence of a record, by its place and label: what a query needs of it until more is asked."""

from __future__ import annotations

from typing import Any

from runstone_indexer.labels import Label
from runstone_indexer.series import Found

from .record import Record
from .views import View


class Reference:
    """Stands for a stored sequence. Its summary is in the run's state, which is loaded when it is asked for."""

    __slots__ = ("_label", "_record", "found", "place")

    def __init__(self, record: Record, place: int, label: Label) -> None:
        self._record = record
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
        return self._record.state.sequences[self.place].summary


class LabelView(View):
    """A sequence of which only name and context are known."""

    __slots__ = ("_context", "_name")

    def __init__(self, name: str, context: Any) -> None:
        self._name = name
        self._context = context

    def attribute(self, name: str) -> Any:
        return self._name if name == "name" else self._context if name == "context" else None
