"""The summary of a sequence: what is indexed of its points. The same however the points come in.

`first` and `last` go by (step, writer, position), `min`, `max` and `mean` leave NaN out. The sum behind the
mean is kept exactly (as floats that add up to it without rounding, or as a fraction where it is too large),
so that an index built in pieces and one built at once give the same mean, to the last bit.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Number = int | float


class Summary:
    """Count, first, last, min, max and mean of a number sequence, mergeable."""

    __slots__ = ("count", "first", "high", "ints", "last", "low", "nans", "sums")

    def __init__(self) -> None:
        self.count = 0
        self.nans = 0
        self.first: tuple[Number, str, Any] | None = None  # step, writer, value
        self.last: tuple[Number, str, Any] | None = None
        self.low: Number | None = None
        self.high: Number | None = None
        self.ints = 0  # the sum of the integers
        self.sums: list[float] | Fraction = []  # floats that add up to the sum of the floats, exactly

    def add(self, writer: str, steps: NDArray[Any], values: list[Any], numbers: NDArray[Any] | None) -> None:
        """Take in a batch of one writer's points, in the order of its log.

        `values` are the points' values; `numbers` the same as a float64 array when all of them are floats
        (then faster), and None for others: numbers among those go to `add_numbers`.
        """
        lowest, highest = int(np.argmin(steps)), len(steps) - 1 - int(np.argmax(steps[::-1]))
        first = (_plain(steps[lowest].item()), writer, values[lowest])
        last = (_plain(steps[highest].item()), writer, values[highest])
        self._add_ends(first, last, len(values))
        if numbers is not None:
            self._add_floats(numbers, values)

    def add_rising(
        self, writer: str, first: int, last: int, values: list[float], low: float, high: float
    ) -> None:
        """Take in a batch whose steps never fall, from `first` to `last`, of finite floats from `low` to `high`,
        neither of which is a zero: the same as `add`, without looking at each.
        """
        self._add_ends((first, writer, values[0]), (last, writer, values[-1]), len(values))
        self._widen(low, high)
        self._add_finite(values)

    def _add_ends(self, first: tuple[Number, str, Any], last: tuple[Number, str, Any], count: int) -> None:
        if self.first is None or first[:2] < self.first[:2]:
            self.first = first
        if self.last is None or last[:2] >= self.last[:2]:
            self.last = last
        self.count += count

    def add_numbers(self, values: list[Number]) -> None:
        """Take values that are not all floats into min, max and mean."""
        ints = [value for value in values if isinstance(value, int)]
        floats = [value for value in values if isinstance(value, float)]
        if ints:
            self.ints += sum(ints)
            self._widen(min(ints), max(ints))
        if floats:
            self._add_floats(np.array(floats), floats)

    def _add_floats(self, numbers: NDArray[Any], values: list[float]) -> None:
        low, high = float(numbers.min()), float(numbers.max())
        if low != low:
            kept = numbers[~np.isnan(numbers)]
            self.nans += len(numbers) - len(kept)
            if not len(kept):
                return
            numbers, low, high, values = kept, float(kept.min()), float(kept.max()), kept.tolist()
        if low == 0.0 or high == 0.0:
            low, high = _with_sign(low, numbers), _with_sign(high, numbers, highest=True)
        self._widen(low, high)
        if math.isinf(low) or math.isinf(high):
            values = [value for value in values if not math.isinf(value)]
        self._add_finite(values)

    def _add_finite(self, values: list[float]) -> None:
        if isinstance(self.sums, Fraction):
            self.sums = _parts_of(self.sums + sum(map(Fraction, values)))
        else:
            self.sums = _exact(values + self.sums)

    def _widen(self, low: Number, high: Number) -> None:
        self.low = low if self.low is None else min(self.low, low, key=_order)
        self.high = high if self.high is None else max(self.high, high, key=_order)

    def mean(self) -> float | None:
        """Return the mean of the values that are numbers, or None if there are none."""
        count = self.count - self.nans
        if not count or self.low is None or self.high is None:
            return None
        ends = {end for end in (self.low, self.high) if end in (math.inf, -math.inf)}
        if ends:
            return math.nan if len(ends) == 2 else float(ends.pop())
        if not self.ints and isinstance(self.sums, list):
            return math.fsum(self.sums) / count
        total = self.ints + (self.sums if isinstance(self.sums, Fraction) else sum(map(Fraction, self.sums)))
        try:
            return float(total / count)
        except OverflowError:
            return math.inf if total > 0 else -math.inf

    def dump(self) -> list[Any]:
        """Return the summary as JSON."""
        sums = self.sums if isinstance(self.sums, list) else [hex(n) for n in self.sums.as_integer_ratio()]
        ends = [None if end is None else [end[0], end[1], to_json(end[2])] for end in (self.first, self.last)]
        low, high = (None if n is None else to_json(n) for n in (self.low, self.high))
        return [self.count, self.nans, *ends, low, high, hex(self.ints) if self.ints else 0, sums]

    @classmethod
    def load(cls, row: list[Any]) -> Summary:
        summary = cls()
        summary.count, summary.nans, first, last, low, high, ints, sums = row
        value_of = from_json if low is not None or summary.nans else _as_is  # a text may well be "nan"
        summary.first = None if first is None else (first[0], first[1], value_of(first[2]))
        summary.last = None if last is None else (last[0], last[1], value_of(last[2]))
        summary.low, summary.high = from_json(low), from_json(high)
        summary.ints = int(ints, 16) if ints else 0
        exact = isinstance(sums, list) and sums and isinstance(sums[0], str)
        summary.sums = Fraction(*(int(n, 16) for n in sums)) if exact else sums
        return summary


def to_json(value: Any) -> Any:
    """Return a point's value the way that a log has it."""
    if type(value) is float:
        return value if value - value == 0.0 else repr(value)
    if type(value) is int and not -(2**63) <= value < 2**64:
        return {"$int": hex(value)}
    return value


def from_json(value: Any) -> Any:
    """Return a number from the way that a log has it; what is not a number as it is."""
    if type(value) is str and value in ("nan", "inf", "-inf"):
        return float(value)
    if type(value) is dict and len(value) == 1 and "$int" in value:
        return int(value["$int"], 16)
    return value


def _as_is(value: Any) -> Any:
    return value


def _plain(step: Number) -> Number:
    """Steps that came among fractional ones are floats: the same step is the same number in any company."""
    return int(step) if isinstance(step, float) and step.is_integer() else step


def _order(number: Number) -> tuple[Number, int]:
    """Order equal numbers too, so that it does not matter which of them comes first: -0.0, 0, 0.0."""
    if isinstance(number, int):
        return number, 1
    return number, 0 if number == 0.0 and math.copysign(1.0, number) < 0.0 else 2


def _with_sign(end: float, numbers: NDArray[Any], *, highest: bool = False) -> float:
    """As numpy takes either zero for the lowest or highest number."""
    if end != 0.0:
        return end
    negative = np.signbit(numbers[numbers == 0.0])
    return -0.0 if (negative.all() if highest else negative.any()) else 0.0


def _exact(values: list[float]) -> list[float] | Fraction:
    """Return a few floats with exactly the same sum; the sum itself if it is too large for them.

    `values` is used up.
    """
    count, parts = len(values), []
    try:
        while rest := math.fsum(values):
            parts.append(rest)
            values.append(-rest)
    except OverflowError:
        return _parts_of(sum(map(Fraction, values[:count]), Fraction(0)))
    return parts


def _parts_of(total: Fraction) -> list[float] | Fraction:
    """The same as `_exact` of any floats with that sum."""
    parts: list[float] = []
    rest = total
    while rest:
        try:
            parts.append(float(rest))
        except OverflowError:
            return total
        rest -= Fraction(parts[-1])
    return parts
