"""The order of an answer, and which part of it is wanted: `order_by`, `descending`, `limit`, `offset`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from operator import itemgetter
from typing import Any, TypeVar

from runstone_writer.errors import UsageError

from .aimql import parse
from .fields import Field
from .policy import compile_query, sole_field

T = TypeVar("T")


class Order:
    """Sorts matches by an AimQL expression (a parameter, a property, a summary), and cuts a part out.

    Numbers come before texts, texts before times; NaN behind all numbers. What has no value, or none that can
    be sorted, comes last, whichever way the rest goes. Equal ones stay as they were: newest first.
    """

    def __init__(
        self,
        order_by: str | None = None,
        *,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
        entity: str | None = None,
    ) -> None:
        """Raises QueryError for an expression that can't be right, UsageError for a negative number."""
        for name, number in (("limit", limit), ("offset", offset)):
            if number is not None and number < 0:
                raise UsageError(f"{name} is a number of matches, not {number}")
        self.descending = descending
        self.part = slice(offset, None if limit is None else offset + limit)
        query = None if order_by is None else parse(order_by, entity)
        self._value = None if query is None else compile_query(query)
        self.field = None if query is None or entity is not None else sole_field(query)
        self.is_void = False  # there were some to sort, and none had a value

    @property
    def fields(self) -> list[Field]:
        """What the order names of the run: can be loaded for many runs at once."""
        return [] if self._value is None else self._value.fields

    @property
    def is_plain(self) -> bool:
        """Whether the matches stay in the order in which they are found."""
        return self._value is None

    def arranged(self, items: list[T], views: Callable[[T], tuple[Any, Any]]) -> list[T]:
        """Return the wanted part of `items` in order; `views` gives the run's view and the sequence's."""
        if self._value is None:
            return items[self.part]
        values = [self.value(*views(item)) for item in items]
        return [items[place] for place in self.places(values)]

    def value(self, run: Any, sequence: Any) -> Any:
        """Return what is sorted by; None if that cannot be found out."""
        assert self._value is not None  # noqa: S101 - nothing is asked of a plain order
        self._value.budget.reset()
        try:
            return self._value.predicate(run, sequence)
        except Exception:
            return None

    def places(self, values: list[Any]) -> list[int]:
        """Return the places of the wanted part of what has these values, in order."""
        ranked: list[tuple[tuple[int, Any], int]] = []
        last: list[int] = []
        for place, value in enumerate(values):
            rank = _rank(value)
            if rank is None:
                last.append(place)
            else:
                ranked.append((rank, place))
        self.is_void = bool(values) and not ranked
        ranked.sort(key=_RANK, reverse=self.descending)
        return ([place for _, place in ranked] + last)[self.part]


_RANK = itemgetter(0)  # equal ones stay as they were


def _rank(value: Any) -> tuple[int, Any] | None:
    if isinstance(value, int | float):
        return (0, value) if value == value else (1, 0)
    if isinstance(value, str):
        return (2, value)
    if isinstance(value, timedelta):
        return (3, value.total_seconds())
    if isinstance(value, date):
        return (4, value.isoformat())
    return None
