"""Compaction: merging files so that there are never more than a few of each size.

Files stand in the order of their age, and only neighbours are merged: so "newer row wins" (states) and
"position in the log" (series) stay what they were. Where runs come and go, files that are half dead become one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, DamagedColumnsError, Made, Pieces, write_columns
from .labels import merged_labels
from .merging import are_living, merged_series
from .states import GONE, StateFile
from .table import merged_tables

Entry = dict[str, Any]
Array = NDArray[Any]
Merged = Mapping[str, Array | Pieces | Made]

FAN_OUT = 6  # files of about one size; one more, and they become one
SMALLEST = 64 * 1024  # bytes; files below that are all of one size
LARGEST = 256 * 1024 * 1024  # bytes that one merged file may have: what keeps the indexer's memory bounded
# When more than that, and more than half of everything, is of runs that are gone or of rows that have newer ones,
# all files become one.
MANY_ROWS, MANY_POINTS = 256, 64 * 1024
RELEASED_AFTER = 16 * 1024 * 1024  # bytes written of a merged file
MOST_RUNS = 2**31  # their numbers are half of a chunk's key
_BY_ROW = ("run", "created", "ended", "flags", "hash", "files", "read", "document")
_LENGTH = 1  # the place of a column's length in what an entry says of it


def compact_states(folder: str, entries: list[Entry], runs: int | None = None) -> list[Entry]:
    """Return `entries` with some neighbours merged, if that is due; `runs` is how many runs there are."""

    def merged(files: Sequence[Columns], at: int) -> Merged:
        return _merged_states(files, from_oldest=at == 0)

    entries = _merge(folder, entries, "states", merged, next_to_merge([entry["size"] for entry in entries]))
    if not _may_be_half_dead(entries, "run", runs, MANY_ROWS):
        return entries
    living = int(_living(folder, entries).sum())
    chosen = (0, len(entries)) if _is_half_dead(entries, "run", living, MANY_ROWS) else None
    return _merge(folder, entries, "states", merged, chosen)


def compact_series(
    folder: str, entries: list[Entry], states: list[Entry], points: int | None = None
) -> list[Entry]:
    """Return `entries` with some neighbours merged, if that is due; `points` is how many points there are.

    What `states` say is gone is left out.
    """

    def merged(files: Sequence[Columns], _: int) -> Merged:
        return merged_series(files, _living(folder, states))

    entries = _merge(folder, entries, "series", merged, next_to_merge([entry["size"] for entry in entries]))
    if not _may_be_half_dead(entries, "values", points, MANY_POINTS):
        return entries
    living = _living(folder, states)
    files = [Columns(folder, entry) for entry in entries]
    there = sum(int(file["count"][are_living(file, living)].sum()) for file in files)
    chosen = (0, len(entries)) if _is_half_dead(entries, "values", there, MANY_POINTS) else None
    return _merge(folder, entries, "series", merged, chosen)


def _may_be_half_dead(entries: list[Entry], column: str, count: int | None, many: int) -> bool:
    """Whether it is worth finding out how much of some files nobody asks for any more. Large files stay."""
    small = sum(entry["size"] for entry in entries) <= LARGEST
    return count is not None and small and _is_half_dead(entries, column, count, many)


def _is_half_dead(entries: list[Entry], column: str, living: int, many: int) -> bool:
    stored = sum(int(entry["columns"][column][_LENGTH]) for entry in entries)
    return stored - living > max(living, many)


def _living(folder: str, states: list[Entry]) -> NDArray[np.bool_]:
    """Tell for each number whether the newest row of the run that has it does not say that it is gone."""
    files = [Columns(folder, entry) for entry in states]
    runs = 0
    for columns in files:
        behind = int(columns["run"].max(initial=-1)) + 1
        if columns["run"].min(initial=0) < 0 or behind > MOST_RUNS:
            raise DamagedColumnsError(columns.path, reason="numbers of runs that there cannot be")
        runs = max(runs, behind)
    living = np.zeros(runs, bool)
    for columns in files:  # from the oldest, so that the newest has the last word
        living[columns["run"]] = columns["hash"] != GONE.encode()
    return living


def _newest(files: Sequence[Columns]) -> Array:
    """Where the newest row of each run is, if the rows of all files stand behind each other; sorted by run."""
    runs = np.concatenate([columns["run"] for columns in files])
    if bool((runs[1:] > runs[:-1]).all()):
        return np.arange(len(runs))
    source = np.repeat(np.arange(len(files)), [len(columns["run"]) for columns in files])
    order = np.lexsort((source, runs))
    newest: Array = order[np.append(runs[order][1:] != runs[order][:-1], True)] if len(order) else order
    return newest


def _merge(
    folder: str,
    entries: list[Entry],
    kind: str,
    merged: Callable[[Sequence[Columns], int], Merged],
    chosen: tuple[int, int] | None,
) -> list[Entry]:
    if chosen is None:
        return entries
    start, end = chosen
    files = [Columns(folder, entry) for entry in entries[start:end]]
    for columns in files:  # merging would put a good checksum on bad data
        damage = columns.damage()
        if damage is not None:
            raise DamagedColumnsError(columns.path, 0, columns.entry["size"], damage)
    path = os.path.join(folder, f"{kind}-{time.time_ns():x}.npz")
    return [*entries[:start], write_columns(path, merged(files, start), _Release(files)), *entries[end:]]


class _Release:
    """Lets go of files that are being merged, time and again: their pages would count as the indexer's memory."""

    def __init__(self, files: Sequence[Columns]) -> None:
        self._files = files
        self._written = 0

    def __call__(self, size: int) -> None:
        self._written += size
        if self._written >= RELEASED_AFTER:
            self._written = 0
            for columns in self._files:
                columns.release()


def next_to_merge(sizes: list[int]) -> tuple[int, int] | None:
    """Return which neighbours should become one file (from, to but not including), or None.

    That is the longest tail of more than FAN_OUT files none of which is much larger than the rest. Files of half
    the LARGEST size are done with; what was left between two of them becomes one.
    """
    done = [at for at, size in enumerate(sizes) if size >= LARGEST // 2]
    for before, after in zip([-1, *done], done, strict=False):
        if after - before > 2:
            return _within_limit(sizes, before + 1, after)
    first = done[-1] + 1 if done else 0
    start = _start_of_tail(sizes[first:])
    return None if start is None else _within_limit(sizes, first + start, len(sizes))


def _within_limit(sizes: list[int], start: int, end: int) -> tuple[int, int]:
    while sum(sizes[start:end]) > LARGEST and end - start > 2:
        start += 1
    return start, end


def _start_of_tail(sizes: list[int]) -> int | None:
    levels = [max(size // SMALLEST, 1).bit_length() // 3 for size in sizes]
    for level in range(max(levels, default=0), -1, -1):
        start = len(levels)
        while start > 0 and levels[start - 1] <= level:
            start -= 1
        if levels[start:].count(level) > FAN_OUT:
            return start
    return len(sizes) - 2 * FAN_OUT if len(sizes) > 4 * FAN_OUT else None


def _merged_states(files: Sequence[Columns], *, from_oldest: bool = False) -> Merged:
    """The newest row of each run, without looking into the states.

    A row that says that a number is gone hides what older files have of it. `from_oldest` says that there are none.
    """
    source = np.repeat(np.arange(len(files)), [len(columns["run"]) for columns in files])
    row = np.concatenate([np.arange(len(columns["run"])) for columns in files])
    newest = _newest(files)
    if from_oldest:
        is_gone = np.concatenate([columns["hash"] == GONE.encode() for columns in files])
        newest = newest[~is_gone[newest]]
    source, row = source[newest], row[newest]
    opened = [StateFile(columns) for columns in files]
    names = np.concatenate([_names(file) for file in opened])[newest]
    by_name = np.argsort(names, kind="stable")

    def taken(name: str) -> Made:
        return lambda: np.concatenate([columns[name] for columns in files])[newest]

    sizes = np.concatenate([np.diff(columns["end"]) for columns in files])[newest]
    return {
        **{name: taken(name) for name in _BY_ROW},
        "name": names[by_name],
        "name_row": by_name.astype(np.int64),
        "end": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        "state": lambda: _states_of(files, source, row),
        **merged_tables([file.table for file in opened], source, row),
        **merged_labels([file.labels for file in opened], source, row),
    }


def _states_of(files: Sequence[Columns], source: Array, row: Array) -> Pieces:
    """The states of these rows; those that stand behind each other in a file are one piece."""
    breaks = np.flatnonzero((np.diff(source) != 0) | (np.diff(row) != 1)) + 1
    starts, ends = [0, *breaks.tolist()], [*breaks.tolist(), len(row)]
    pieces = [np.zeros(0, np.uint8)]
    for start, end in zip(starts, ends, strict=True):
        if end > start:
            columns = files[int(source[start])]
            low, high = columns["end"][row[start]], columns["end"][row[end - 1] + 1]
            pieces.append(columns.part("state", int(low), int(high)))
    return pieces


def _names(file: StateFile) -> Array:
    names = np.empty(len(file.run), np.uint64)
    names[file.column("name_row")] = file.column("name")
    return names
