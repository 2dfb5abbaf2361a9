"""Merging series files. Most sequences stand in one of the files only: their points are copied as they are.

A sequence that stands in several is joined, so that it is one chunk again and its steps may advance evenly
as a whole. Points need not stand in the order of the chunk table: each chunk says where it starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, Made
from .labels import ranges
from .series import COLUMNS, NONE, SeriesBuffer, SeriesFile

Array = NDArray[np.int64]
Merged = dict[str, Made]

_TABLE = ("key", "writer", "start", "count", "kind", "first", "stride", "steps_at", "epochs_at", "ints_at")
_PARTS = {"steps": "steps_at", "epochs": "epochs_at", "ints": "ints_at"}  # columns that not every chunk has


def merged_series(files: Sequence[Columns], living: NDArray[np.bool_] | None = None) -> Merged:
    """Return the columns of one file with the chunks of all `files`, which are sorted by age.

    `living` says of each number of a run whether there still is one; the chunks of others are left out.
    """
    alone = _alone(files)
    output = _Output(is_sorted=alone is None)
    several = SeriesBuffer()
    for number, columns in enumerate(files):
        wanted = np.ones(columns.length("key"), bool) if living is None else are_living(columns, living)
        if alone is None:
            output.copy(columns, wanted)
        else:
            output.copy(columns, alone[number] & wanted)
            SeriesFile(columns).gather(np.flatnonzero(~alone[number] & wanted), several)
    output.append(several.columns())
    return output.columns()


def are_living(columns: Columns, living: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which chunks of a file are of runs that there still are, by their numbers."""
    runs = columns["key"] >> 32
    found: NDArray[np.bool_] = runs < len(living)
    found[found] = living[runs[found]]
    return found


def _alone(files: Sequence[Columns]) -> list[NDArray[np.bool_]] | None:
    """Tell for each chunk of each file whether there is no other of its sequence and writer.

    None if each file has higher keys than the one before, as when all runs are new: then each is alone.
    """
    filled = [columns["key"] for columns in files if len(columns["key"])]
    if all(int(before[-1]) < int(after[0]) for before, after in pairwise(filled)):
        return None
    keys = np.concatenate([columns["key"] for columns in files])
    writers = np.concatenate([columns["writer"] for columns in files])
    order = np.lexsort((writers, keys))
    keys, writers = keys[order], writers[order]
    same = (keys[1:] == keys[:-1]) & (writers[1:] == writers[:-1])
    alone = np.empty(len(order), bool)
    alone[order] = ~(np.append(same, False) | np.append(False, same))
    return np.split(alone, np.cumsum([len(columns["key"]) for columns in files])[:-1])


class _Output:
    """Columns that grow, in pieces that stay where they are mapped until they are written."""

    def __init__(self, *, is_sorted: bool) -> None:
        self._is_sorted = is_sorted
        self._pieces: dict[str, list[_Piece]] = {name: [] for name in COLUMNS}
        self._lengths: dict[str, int] = dict.fromkeys(("values", *_PARTS, "exact"), 0)

    def copy(self, columns: Columns, wanted: NDArray[np.bool_]) -> None:
        """Add the chunks of a file that are wanted."""
        if wanted.all():
            self.append(columns)
            return
        rows = np.flatnonzero(wanted)
        starts, counts = columns["start"][rows], columns["count"][rows]
        taken = {name: columns[name][rows] for name in _TABLE}
        taken["start"] = _ends(counts)[:-1]
        for name in ("values", "times"):
            taken[name] = columns[name][ranges(starts, counts)]
        for name, at in _PARTS.items():
            has = taken[at] != NONE
            taken[name] = columns[name][ranges(taken[at][has], counts[has])]
            taken[at] = np.where(has, 0, NONE)
            taken[at][has] = _ends(counts[has])[:-1]
        self.append({**taken, **_exact_of(columns, starts, counts, taken["start"])})

    def append(self, columns: Columns | dict[str, Array]) -> None:
        """Add all chunks of a file."""
        lengths = self._lengths
        shift = {"start": lengths["values"], "exact_at": lengths["values"], "exact_end": lengths["exact"]}
        shift |= {at: lengths[name] for name, at in _PARTS.items()}
        for name in COLUMNS:
            self._pieces[name].append(_Piece(columns, name, shift.get(name, 0)))
        for name in lengths:
            lengths[name] += columns.length(name) if isinstance(columns, Columns) else len(columns[name])

    def columns(self) -> Merged:
        """Return what makes the columns, the chunk table in its order."""
        order = None if self._is_sorted else self._order()
        return {name: self._maker(name, order) for name in COLUMNS}

    def _order(self) -> Array:
        keys, writers = (np.concatenate(self._arrays(name)) for name in ("key", "writer"))
        return np.lexsort((writers, keys))

    def _maker(self, name: str, order: Array | None) -> Made:
        if name in _TABLE and order is not None:
            return lambda: np.concatenate(self._arrays(name))[order]
        if name == "exact_end":
            return lambda: [np.zeros(1, np.int64), *self._arrays(name)]
        return lambda: self._arrays(name)

    def _arrays(self, name: str) -> list[Array]:
        return [piece.made() for piece in self._pieces[name]]


class _Piece(NamedTuple):
    """A column of one file, and how much further back what it says of places lies in the new one."""

    columns: Mapping[str, Array]
    name: str
    shift: int

    def made(self) -> Array:
        column = self.columns[self.name]
        if self.name == "exact_end":
            column = column[1:]
        return np.where(column == NONE, NONE, column + self.shift) if self.shift else column


def _exact_of(columns: Columns, starts: Array, counts: Array, new_starts: Array) -> dict[str, Array]:
    """The exact values of some chunks, which start elsewhere now."""
    places, ends = columns["exact_at"], columns["exact_end"]
    lows, highs = np.searchsorted(places, starts), np.searchsorted(places, starts + counts)
    found = ranges(lows, highs - lows)
    sizes = ends[found + 1] - ends[found]
    return {
        "exact_at": places[found] + np.repeat(new_starts - starts, highs - lows),
        "exact_end": _ends(sizes),
        "exact": columns["exact"][ranges(ends[found], sizes)],
    }


def _ends(counts: Array) -> Array:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
