"""The summaries of a state file by column, beside the labels: what a query asks of a sequence's points.

A cell is one sequence of one run, at the same place as its label. Each summary is 64 bits and says what
they are: nothing, an integer, a float, or a number that does not fit, which the state has in full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runstone_writer.state import RunState

from .floats import NUMBER
from .summary import Summary
from .table import FLOAT, HUGE, INT, NONE, Column

Array = NDArray[Any]

NAMES = ("first", "last", "min", "max", "mean", "first_step", "last_step")
COLUMNS = ("m_count", "m_kinds", *(f"m_{name}" for name in NAMES))
# What a cell is, in two bits of m_kinds (the lowest two for the first of NAMES), and the kind in `table`.
KINDS = (NONE, INT, FLOAT, HUGE)
_KIND_OF = np.array(KINDS, np.uint8)
_NOTHING, _INT, _FLOAT, _HUGE = range(4)


def summary_columns(states: list[RunState]) -> dict[str, Array]:
    """Return the columns of a file with these states, one a row."""
    counts: list[int] = []
    kinds: list[int] = []
    cells: list[list[Any]] = []
    for state in states:
        for sequence in state.sequences:
            summary: Summary | None = sequence.summary
            counts.append(0 if summary is None else summary.count)
            row = _values(summary, sequence.kind == NUMBER)
            cells.append(row)
            kinds.append(sum(_kind(value) << (2 * place) for place, value in enumerate(row)))
    columns: dict[str, Array] = {"m_count": np.array(counts, np.int64), "m_kinds": np.array(kinds, np.uint16)}
    for place, name in enumerate(NAMES):
        columns[f"m_{name}"] = _bits([row[place] for row in cells])
    return columns


def _values(summary: Summary | None, is_number: bool) -> list[Any]:
    if summary is None:
        return [None] * len(NAMES)
    first, last = summary.first, summary.last
    steps = [None if first is None else first[0], None if last is None else last[0]]
    if not is_number:
        return [None] * 5 + steps
    ends = [None if first is None else first[2], None if last is None else last[2]]
    return [*ends, summary.low, summary.high, summary.mean(), *steps]


def _kind(value: Any) -> int:
    if value is None:
        return _NOTHING
    if type(value) is float:
        return _FLOAT
    return _INT if -(2**63) <= value < 2**63 else _HUGE


def _bits(values: list[Any]) -> Array:
    """Floats in one go; the few that are integers by themselves."""
    floats = np.array([value if type(value) is float else 0.0 for value in values], np.float64)
    bits: Array = floats.view(np.int64)
    for at, value in enumerate(values):
        if type(value) is int:
            bits[at] = value if _kind(value) == _INT else 1  # true, as it is no zero
    return bits


class Summaries:
    """The summaries of the sequences in a published state file."""

    def __init__(self, column: Callable[[str], Array]) -> None:
        self._column = column

    def read(self, name: str, at: Array) -> Column:
        """Return a summary of the sequences in the cells `at`: the rows of the column count these cells."""
        if name == "count":
            counts = self._column("m_count")[at]
            rows = np.flatnonzero(counts)
            return Column(rows, np.full(len(rows), INT, np.uint8), counts[rows])
        kinds = (self._column("m_kinds")[at] >> (2 * NAMES.index(name))) & 3
        rows = np.flatnonzero(kinds)
        return Column(rows, _KIND_OF[kinds[rows]], self._column(f"m_{name}")[at[rows]])

    def value(self, name: str, cell: int) -> tuple[int, int]:
        """Return one summary: its kind, and 64 bits."""
        if name == "count":
            count = int(self._column("m_count")[cell])
            return (INT, count) if count else (NONE, 0)
        kind = (int(self._column("m_kinds")[cell]) >> (2 * NAMES.index(name))) & 3
        return KINDS[kind], int(self._column(f"m_{name}")[cell])
