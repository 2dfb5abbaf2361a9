"""What one evaluation of a query may use: time, counted in small steps, and memory, counted in characters.

The counts are the same on every machine and in every order of candidates, so a query that goes over its
limits for one run does so always. The clock is looked at too, as a last resort.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from .views import View

FUEL_LIMIT = 100_000  # steps
SIZE_LIMIT = 4_000_000  # characters that one evaluation may make; an element of a list counts as ELEMENT
TIME_LIMIT = 0.15  # seconds of the processor: how busy the machine is must not change an answer
ELEMENT = 8
SCAN = 512  # characters that C code reads in one step, at a nanosecond each
DEPTH_LIMIT = 120  # of lists in lists

PLAIN = frozenset((int, float, bool, type(None), datetime, date, timedelta))
_NESTING = frozenset((list, tuple, set, frozenset, dict, slice))


class LimitError(Exception):
    """An evaluation wanted more time or memory than a query may take."""


class Budget:
    """What is left for the evaluation of one candidate."""

    __slots__ = ("_deadline", "fuel", "size")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start the next evaluation."""
        self.fuel = FUEL_LIMIT
        self.size = SIZE_LIMIT
        self._deadline = 0.0

    def work(self, steps: int) -> None:
        """Count steps that are about to be done. Raises LimitError if too few are left."""
        self.fuel -= steps
        if self.fuel < 0:
            raise LimitError(f"the evaluation takes more than {FUEL_LIMIT:,} steps")
        if steps > 64:
            self._check_time()

    def forgive(self, seconds: float) -> None:
        """Do not count time of the processor that went into loading what is evaluated."""
        if self._deadline:
            self._deadline += seconds

    def scan(self, characters: int) -> None:
        """Count characters or bytes that C code is about to read."""
        if characters > SCAN:
            self.work(characters // SCAN)

    def search(self, text: str, part: str) -> None:
        """Count a search for `part` in `text`, from the left. At its worst it takes this long, and no longer."""
        self.scan((len(text) + len(part)) * 5)

    def make(self, size: int) -> None:
        """Count what is about to be made, in characters. Raises LimitError if it is too much."""
        self.size -= size
        if self.size < 0:
            raise LimitError(f"the evaluation makes more than {SIZE_LIMIT:,} characters")
        if size > SCAN:
            self.work(size // SCAN)

    def iterate(self, values: Any, weight: int = 1) -> Iterator[Any]:
        """What `for x in values` goes over: nothing if it is missing or no collection.

        `weight` is how many steps one turn of the loop takes.
        """
        for value in self._elements(values):
            fuel = self.fuel
            self.fuel = fuel - weight
            if fuel >> 8 != (fuel - weight) >> 8:
                self.work(0)
                self._check_time()
            yield value

    def _elements(self, values: Any) -> Any:
        kind = type(values)
        if kind in _LISTS:
            return values
        if kind is set or kind is frozenset:
            return self.in_order(values)
        if isinstance(values, View):
            return values.elements()
        return ()

    def in_order(self, values: set[Any] | frozenset[Any]) -> list[Any]:
        """Return the elements of a set, always in the same order, so that answers never differ."""
        weight = self.weigh(values)
        self.scan(weight * len(values).bit_length())
        try:
            return sorted(values)
        except TypeError:
            self.make(weight * 2)
            return sorted(values, key=lambda value: (type(value).__name__, repr(value)))

    def listed(self, values: Any) -> list[Any]:
        """Return what `iterate` goes over as a list, its memory counted."""
        made = []
        for value in self.iterate(values):
            self.size -= ELEMENT
            if self.size < 0:
                self.make(0)
            made.append(value)
        return made

    def _check_time(self) -> None:
        now = time.thread_time()
        if not self._deadline:
            self._deadline = now + TIME_LIMIT
        elif now > self._deadline:
            raise LimitError(f"the evaluation takes longer than {TIME_LIMIT} s")

    def weigh(self, value: Any) -> int:
        """Return about how many characters C code reads when it goes through all of a value.

        A list that stands in another one many times over weighs as many times: that is what makes
        comparing or printing a few hundred bytes of memory take hours.
        """
        kind = type(value)
        if kind in PLAIN:
            return 1
        if kind is str or kind is bytes:
            return 1 + len(value)
        if kind in _NESTING:
            return self._weigh_all(value, {}, 0)
        return 1

    def _weigh_all(self, value: Any, known: dict[int, int], depth: int) -> int:
        found = known.get(id(value))
        if found is not None:
            return found
        if depth > DEPTH_LIMIT:
            raise LimitError(f"a value is nested deeper than {DEPTH_LIMIT}")
        items = value
        if type(value) is dict:
            items = [*value.keys(), *value.values()]
        elif type(value) is slice:
            items = (value.start, value.stop, value.step)
        self.fuel -= len(items) >> 1
        if self.fuel < 0:
            self.work(0)
        weight = 1
        for item in items:
            kind = type(item)
            if kind is str:
                weight += len(item) + ELEMENT
            elif kind in _NESTING:
                weight += self._weigh_all(item, known, depth + 1) + ELEMENT
            else:
                weight += ELEMENT
        known[id(value)] = weight
        return weight


def _generator() -> Iterator[None]:
    yield


_LISTS = frozenset((list, tuple, str, dict, range, type(_generator()), bytes))
