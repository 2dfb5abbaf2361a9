"""A chunk: points of one sequence by one writer, as numpy columns, in the order of the writer's log."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstone_writer.state import LATEST

from .summary import from_json, to_json

Array = NDArray[Any]

FLOAT, INT, MIXED, OBJECT = range(4)  # what the values are


class Chunk(NamedTuple):
    """Columns of equal length. For OBJECT, `values` is zeros and `exact` holds every value (as in the log).

    For INT and MIXED, `exact` holds the integers that a float64 cannot, by position; for MIXED, `ints`
    marks which points were integers. `epochs` is None when no point has one.
    """

    steps: Array  # int64, or float64 if any step is fractional
    values: Array  # float64
    times: Array  # float64, seconds since the epoch
    epochs: Array | None  # float64, NaN for none
    kind: int = FLOAT
    ints: Array | None = None  # uint8
    exact: dict[int, Any] = {}
    ordered: bool = False  # whether the steps are known to ascend

    def python_values(self) -> list[Any]:
        """Return the values as they were tracked."""
        if self.kind == OBJECT:
            return [self.exact[i] for i in range(len(self.steps))]
        values: list[Any] = self.values.tolist()
        if self.kind == INT:
            exact = self.exact  # an integer beyond the floats is an infinity among the values
            values = (
                [int(v) if i not in exact else 0 for i, v in enumerate(values)]
                if exact
                else list(map(int, values))
            )
        elif self.kind == MIXED and self.ints is not None:
            for i in np.flatnonzero(self.ints).tolist():
                values[i] = 0 if i in self.exact else int(values[i])
        for i, value in self.exact.items():
            values[i] = value
        return values


def by_sequence(rows: list[list[Any]]) -> dict[int, list[list[Any]]]:
    """Sort a batch of a log's points by the log's number of their sequence, keeping their order."""
    groups: dict[int, list[list[Any]]] = {}
    for row in rows:
        group = groups.get(row[0])
        if group is None:
            groups[row[0]] = [row]
        else:
            group.append(row)
    return groups


def chunk_of(rows: list[list[Any]], base: int, is_number: bool) -> Chunk:
    """Make a chunk of the points of one sequence; `base` is the log's time base in microseconds.

    The rows are as `replay` passes them on: steps are numbers and times integers. Raises ValueError, TypeError
    or OverflowError if a value is not of the kind that the sequence has.
    """
    steps = _steps_of(rows)
    dts = np.fromiter(map(_TIME, rows), np.int64, len(rows))
    if not (-base <= int(dts.min()) and int(dts.max()) <= LATEST - base):
        raise ValueError("a time that is none")
    times = (dts + base) / 1e6
    epochs = None
    if max(map(len, rows)) > 5:
        given = [row[4] if len(row) > 5 else None for row in rows]
        epochs = np.array(given, dtype=np.float64)
    values = list(map(_VALUE, rows))
    if not is_number:
        return Chunk(steps, np.zeros(len(rows)), times, epochs, OBJECT, exact=dict(enumerate(values)))
    kinds = set(map(type, values))
    if kinds == {float}:
        return Chunk(steps, np.array(values), times, epochs)
    if not kinds <= {int, float}:
        values = [from_json(value) for value in values]
        kinds = set(map(type, values))
        if not kinds <= {int, float}:
            raise TypeError("a value is not a number")
    return _with_ints(steps, values, times, epochs, kinds)


_STEP, _VALUE, _TIME = itemgetter(1), itemgetter(2), itemgetter(3)
EXACT = 2**53  # up to there a float64 has every integer


def _steps_of(rows: list[list[Any]]) -> Array:
    """Return the steps as int64 if all are whole, so that 1.0 and 1 are kept alike; as float64 otherwise."""
    numbers = np.fromiter(map(_STEP, rows), np.float64, len(rows))
    if not bool((np.abs(numbers) <= EXACT).all()):
        numbers = np.array(list(map(_STEP, rows)))
        return numbers if numbers.dtype == np.int64 else numbers.astype(np.float64)
    whole = numbers.astype(np.int64)
    return whole if bool((whole == numbers).all()) else numbers


def _with_ints(
    steps: Array, values: list[Any], times: Array, epochs: Array | None, kinds: set[type]
) -> Chunk:
    if kinds == {float}:
        return Chunk(steps, np.array(values), times, epochs)
    exact = {i: v for i, v in enumerate(values) if type(v) is int and not -EXACT <= v <= EXACT}
    numbers = np.array([_as_float(v) for v in values])
    if kinds == {int}:
        return Chunk(steps, numbers, times, epochs, INT, exact=exact)
    ints = np.fromiter((type(v) is int for v in values), np.uint8, len(values))
    return Chunk(steps, numbers, times, epochs, MIXED, ints, exact)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def join(chunks: list[Chunk]) -> Chunk:
    """Return the chunks one after the other as one."""
    if len(chunks) == 1:
        return chunks[0]
    kinds = {chunk.kind for chunk in chunks}
    kind = kinds.pop() if len(kinds) == 1 else (OBJECT if OBJECT in kinds else MIXED)
    ints = None
    if kind == MIXED:
        ints = np.concatenate([_int_marks(chunk) for chunk in chunks])
    epochs = None
    if any(chunk.epochs is not None for chunk in chunks):
        epochs = np.concatenate([_epochs(chunk) for chunk in chunks])
    exact: dict[int, Any] = {}
    at = 0
    for chunk in chunks:
        found = chunk.exact if chunk.kind == kind or kind == MIXED else _as_objects(chunk)
        exact.update((at + i, value) for i, value in found.items())
        at += len(chunk.steps)
    return Chunk(
        np.concatenate([chunk.steps for chunk in chunks]),
        np.concatenate([chunk.values for chunk in chunks]),
        np.concatenate([chunk.times for chunk in chunks]),
        epochs,
        kind,
        ints,
        exact,
    )


def merge(chunks: list[tuple[str, Chunk]]) -> tuple[Chunk, list[str], Array | None]:
    """Merge chunks of several writers by (step, writer, position).

    Each writer's chunks stand in the order of its log. Returns the points, the writers, and for each
    point the place of its writer in that list (None if there is only one).
    """
    writers = sorted({writer for writer, _ in chunks})
    whole = join([chunk for _, chunk in chunks])
    if len(writers) == 1:
        steps = whole.steps
        if bool((steps[1:] >= steps[:-1]).all()):
            return whole, writers, None
        return take(whole, np.argsort(steps, kind="stable")), writers, None
    rank = {writer: i for i, writer in enumerate(writers)}
    by = np.repeat([rank[writer] for writer, _ in chunks], [len(chunk.steps) for _, chunk in chunks])
    order = np.lexsort((by, whole.steps))
    return take(whole, order), writers, by[order]


def take(chunk: Chunk, order: Array) -> Chunk:
    """Return the points of a chunk at the positions `order`."""
    exact: dict[int, Any] = {}
    if chunk.exact:
        found = chunk.exact
        exact = {new: found[old] for new, old in enumerate(order.tolist()) if old in found}
    return Chunk(
        chunk.steps[order],
        chunk.values[order],
        chunk.times[order],
        None if chunk.epochs is None else chunk.epochs[order],
        chunk.kind,
        None if chunk.ints is None else chunk.ints[order],
        exact,
    )


def part_of(chunk: Chunk, low: int, high: int) -> Chunk:
    """Return the points of a chunk from position `low` to `high`: views of its columns, nothing is copied."""
    exact: dict[int, Any] = {}
    if chunk.exact:
        found = chunk.exact
        exact = {place - low: found[place] for place in range(low, high) if place in found}
    return Chunk(
        chunk.steps[low:high],
        chunk.values[low:high],
        chunk.times[low:high],
        None if chunk.epochs is None else chunk.epochs[low:high],
        chunk.kind,
        None if chunk.ints is None else chunk.ints[low:high],
        exact,
        chunk.ordered,
    )


def between(chunk: Chunk, low: float | None, high: float | None) -> Chunk:
    """Return the points whose steps are at least `low` and below `high` (None: no limit), in their order."""
    steps = chunk.steps
    if chunk.ordered or bool((steps[1:] >= steps[:-1]).all()):
        start = 0 if low is None else int(np.searchsorted(steps, low))
        end = len(steps) if high is None else int(np.searchsorted(steps, high))
        return part_of(chunk, start, max(start, end))
    inside = np.ones(len(steps), bool)
    if low is not None:
        inside &= steps >= low
    if high is not None:
        inside &= steps < high
    return take(chunk, np.flatnonzero(inside))


def _int_marks(chunk: Chunk) -> Array:
    if chunk.ints is not None:
        return chunk.ints
    return np.full(len(chunk.steps), chunk.kind == INT, np.uint8)


def _as_objects(chunk: Chunk) -> dict[int, Any]:
    """What an OBJECT chunk with the same values has in `exact`."""
    return {i: to_json(value) for i, value in enumerate(chunk.python_values())}


def _epochs(chunk: Chunk) -> Array:
    return np.full(len(chunk.steps), np.nan) if chunk.epochs is None else chunk.epochs


EMPTY = Chunk(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), None)
