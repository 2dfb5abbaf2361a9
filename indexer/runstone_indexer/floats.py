"""Folding plain floats: all sequences of a batch at once, for most have few points in one batch.

What is done here for many sequences in a few calls of numpy is what `fold` does for one: the same chunks, and the
same summaries to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runstone_writer.state import LATEST, RunState, WriterState

from .chunk import EXACT, Chunk
from .summary import Summary

Array = NDArray[Any]
Rows = list[list[Any]]

NUMBER = "number"  # the type of sequences that metrics are made of
FEW, LONG = 3, 200  # sequences, and points of each in a batch
_PLAIN = 5  # elements of a point without an epoch
_SEQUENCE, _STEP, _VALUE, _TIME = itemgetter(0), itemgetter(1), itemgetter(2), itemgetter(3)

# Takes the place of the sequence in the run, the place of the writer in the run, and the points.
ChunkSink = Callable[[int, int, Chunk], None]


def fold_floats(state: RunState, writer: WriterState, by: int, rows: Rows, sink: ChunkSink) -> Rows:
    """Take in the points of those sequences that have nothing but floats, whole steps and no epochs.

    Returns the other rows: all of them if steps or times are not of that kind, or if it would not pay.
    """
    present = set(map(_SEQUENCE, rows))
    if len(present) < FEW or len(rows) > LONG * len(present):
        return rows  # one after the other is faster
    taken, left = _parted(state, writer, rows, present)
    if not taken:
        return rows
    try:
        columns = _columns(taken, writer.base)
    except (
        ValueError,
        TypeError,
        OverflowError,
    ):  # numbers that nobody writes: one sequence may have to do without
        return rows
    if columns is None:
        return rows
    numbers, steps, values, times = columns
    ends = np.append(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1, len(numbers))
    starts = np.concatenate([[0], ends[:-1]])
    lows, highs = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    # A zero may have two signs, and what is not finite is summed otherwise.
    is_simple = np.isfinite(lows) & np.isfinite(highs) & (lows != 0.0) & (highs != 0.0)
    rises = steps[1:] >= steps[:-1]
    rises[starts[1:] - 1] = True
    is_simple &= bool(rises.all())
    listed = values.tolist()
    for number, start, end, low, high, simple, first, last in zip(
        numbers[starts].tolist(),
        starts.tolist(),
        ends.tolist(),
        lows.tolist(),
        highs.tolist(),
        is_simple.tolist(),
        steps[starts].tolist(),
        steps[ends - 1].tolist(),
        strict=True,
    ):
        chunk = Chunk(steps[start:end], values[start:end], times[start:end], None)
        sequence = state.sequences[writer.declared[number]]
        summary = sequence.summary
        if summary is None:
            summary = sequence.summary = Summary()
        if simple:
            summary.add_rising(writer.writer, first, last, listed[start:end], low, high)
        else:
            summary.add(writer.writer, chunk.steps, listed[start:end], chunk.values)
        sink(sequence.place, by, chunk)
    return left


def _parted(state: RunState, writer: WriterState, rows: Rows, numbers: set[int]) -> tuple[Rows, Rows]:
    """The rows of sequences that may be dealt with here, and the others."""
    others = {row[0] for row in rows if type(row[2]) is not float or len(row) > _PLAIN}
    for number in numbers - others:
        if state.sequences[writer.declared[number]].kind != NUMBER:
            others.add(number)
    if not others:
        return rows, []
    return [row for row in rows if row[0] not in others], [row for row in rows if row[0] in others]


def _columns(rows: Rows, base: int) -> tuple[Array, Array, Array, Array] | None:
    """Sequences, steps, values and times, sorted by sequence; None if a step is not whole or a time is none."""
    count = len(rows)
    given = np.fromiter(map(_STEP, rows), np.float64, count)
    if not bool((np.abs(given) <= EXACT).all()):
        return None
    steps = given.astype(np.int64)
    dts = np.fromiter(map(_TIME, rows), np.int64, count)
    if not bool((steps == given).all()) or not (-base <= int(dts.min()) and int(dts.max()) <= LATEST - base):
        return None
    numbers = np.fromiter(map(_SEQUENCE, rows), np.int64, count)
    values = np.fromiter(map(_VALUE, rows), np.float64, count)
    times = (dts + base) / 1e6
    if bool((numbers[1:] >= numbers[:-1]).all()):
        return numbers, steps, values, times
    order = np.argsort(numbers, kind="stable")
    return numbers[order], steps[order], values[order], times[order]
