"""Merging series files. Most sequences stand in one of the files only: their points are copied as they are.

A sequence that stands in several is joined, so that it is one chunk again and its steps may advance evenly
as a whole. Points need not stand in the order of the chunk table: each chunk says where it starts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, Pieces
from .labels import ranges
from .series import COLUMNS, NONE, SeriesBuffer, SeriesFile

Array = NDArray[np.int64]

_TABLE = ("key", "writer", "start", "count", "kind", "first", "stride", "steps_at", "epochs_at", "ints_at")
_PARTS = {"steps": "steps_at", "epochs": "epochs_at", "ints": "ints_at"}  # columns that not every chunk has


def merged_series(files: Sequence[Columns], living: Array | None = None) -> dict[str, Array | Pieces]:
    """Return the columns of one file with the chunks of all `files`, which are sorted by age.

    `living` are the numbers of the runs that there still are; the chunks of others are left out.
    """
    alone = _alone(files)
    output = _Output()
    several = SeriesBuffer()
    for columns, mine in zip(files, alone, strict=True):
        wanted = np.ones(len(mine), bool) if living is None else np.isin(columns["key"] >> 32, living)
        output.copy(columns, np.flatnonzero(mine & wanted))
        SeriesFile(columns).gather(np.flatnonzero(~mine & wanted), several)
    output.append(several.columns())
    return output.columns()


def _alone(files: Sequence[Columns]) -> list[NDArray[np.bool_]]:
    """Tell for each chunk of each file whether there is no other of its sequence and writer."""
    keys = np.concatenate([columns["key"] for columns in files])
    writers = np.concatenate([columns["writer"] for columns in files])
    order = np.lexsort((writers, keys))
    keys, writers = keys[order], writers[order]
    same = (keys[1:] == keys[:-1]) & (writers[1:] == writers[:-1])
    alone = np.empty(len(order), bool)
    alone[order] = ~(np.append(same, False) | np.append(False, same))
    return np.split(alone, np.cumsum([len(columns["key"]) for columns in files])[:-1])


class _Output:
    """Columns that grow, in pieces that stay where they are mapped for as long as possible."""

    def __init__(self) -> None:
        self._pieces: dict[str, Pieces] = {}
        self._lengths: dict[str, int] = {}

    def copy(self, columns: Columns, rows: Array) -> None:
        """Add some chunks of a file."""
        if len(rows) == len(columns["key"]):
            self.append(columns)
            return
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
        shift = {"start": self._lengths.get("values", 0)}
        shift |= {at: self._lengths.get(name, 0) for name, at in _PARTS.items()}
        for name in _TABLE:
            column = columns[name]
            if name in shift:
                column = np.where(column == NONE, NONE, column + shift[name])
            self._add(name, column)
        self._add("exact_at", columns["exact_at"] + shift["start"])
        self._add("exact_end", columns["exact_end"][1:] + self._lengths.get("exact", 0))
        for name in ("values", "times", *_PARTS, "exact"):
            self._add(name, columns[name])

    def _add(self, name: str, column: Array) -> None:
        self._pieces.setdefault(name, []).append(column)
        self._lengths[name] = self._lengths.get(name, 0) + len(column)

    def columns(self) -> dict[str, Array | Pieces]:
        """Return the columns, the chunk table in its order."""
        table = {name: np.concatenate(self._pieces.pop(name)) for name in _TABLE}
        order = np.lexsort((table["writer"], table["key"]))
        sorted_table: dict[str, Array | Pieces] = {name: column[order] for name, column in table.items()}
        self._pieces["exact_end"].insert(0, np.zeros(1, np.int64))
        return {name: sorted_table[name] if name in sorted_table else self._pieces[name] for name in COLUMNS}


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
