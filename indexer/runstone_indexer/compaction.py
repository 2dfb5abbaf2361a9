"""Compaction: merging files so that there are never more than a few of each size.

Files stand in the order of their age, and only neighbours are merged: so "newer row wins" (states) and
"position in the log" (series) stay what they were.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, write_columns
from .labels import merged_labels
from .series import SeriesBuffer, SeriesFile
from .states import StateFile
from .table import merged_tables

Entry = dict[str, Any]


class DamagedColumnsError(ValueError):
    """A published file is not what was written: merging it would put a good checksum on bad data."""


Array = NDArray[Any]

FAN_OUT = 6  # files of about one size; one more, and they become one
SMALLEST = 64 * 1024  # bytes; files below that are all of one size


def compact_states(folder: str, entries: list[Entry]) -> list[Entry]:
    """Return `entries` with the newest ones merged as far as they need to be."""
    return _compact(folder, entries, "states", _merged_states)


def compact_series(folder: str, entries: list[Entry]) -> list[Entry]:
    """Return `entries` with the newest ones merged as far as they need to be."""
    return _compact(folder, entries, "series", _merged_series)


def _compact(
    folder: str, entries: list[Entry], kind: str, merged: Callable[[Sequence[Columns]], dict[str, Array]]
) -> list[Entry]:
    start = first_to_merge([entry["size"] for entry in entries])
    if start is None:
        return entries
    files = [Columns(folder, entry) for entry in entries[start:]]
    for columns in files:
        damage = columns.damage()
        if damage is not None:
            raise DamagedColumnsError(f"{columns.path}: {damage}")
    path = os.path.join(folder, f"{kind}-{time.time_ns():x}.npz")
    return [*entries[:start], write_columns(path, merged(files))]


def first_to_merge(sizes: list[int]) -> int | None:
    """Return from which file on (to the newest) all should become one, or None.

    Looks for the longest tail of more than FAN_OUT files none of which is much larger than the rest.
    """
    levels = [max(size // SMALLEST, 1).bit_length() // 3 for size in sizes]
    for level in range(max(levels, default=0), -1, -1):
        start = len(levels)
        while start > 0 and levels[start - 1] <= level:
            start -= 1
        if len([at for at in levels[start:] if at == level]) > FAN_OUT:
            return start
    if len(sizes) > 4 * FAN_OUT:
        return len(sizes) - 2 * FAN_OUT
    return None


def _merged_series(files: Sequence[Columns]) -> dict[str, Array]:
    buffer = SeriesBuffer()
    for columns in files:
        SeriesFile(columns).all(buffer)
    return buffer.columns()


def _merged_states(files: Sequence[Columns]) -> dict[str, Array]:
    """The newest row of each run, without looking into the states."""
    runs = np.concatenate([columns["run"] for columns in files])
    source = np.repeat(np.arange(len(files)), [len(columns["run"]) for columns in files])
    row = np.concatenate([np.arange(len(columns["run"])) for columns in files])
    order = np.lexsort((source, runs))
    newest = order[np.append(runs[order][1:] != runs[order][:-1], True)]
    opened = [StateFile(columns) for columns in files]
    names = np.concatenate([_names(file) for file in opened])[newest]
    by_name = np.argsort(names, kind="stable")
    blobs = []
    for file, at in zip(source[newest].tolist(), row[newest].tolist(), strict=True):
        start, end = files[file]["end"][at : at + 2].tolist()
        blobs.append(files[file]["state"][start:end])
    taken = {
        name: np.concatenate([columns[name] for columns in files])[newest]
        for name in ("run", "created", "flags", "hash", "files", "read", "document")
    }
    return {
        **taken,
        "name": names[by_name],
        "name_row": by_name.astype(np.int64),
        "end": np.cumsum([0] + [len(blob) for blob in blobs]).astype(np.int64),
        "state": np.concatenate(blobs) if blobs else np.zeros(0, np.uint8),
        **merged_tables([file.table for file in opened], source[newest], row[newest]),
        **merged_labels([file.labels for file in opened], source[newest], row[newest]),
    }


def _names(file: StateFile) -> Array:
    names = np.empty(len(file.run), np.uint64)
    names[file.column("name_row")] = file.column("name")
    return names
