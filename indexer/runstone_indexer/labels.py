"""The sequences of a state file by column: which run has which, by label, without looking into its state.

A label is a name, a context and a type. A file keeps each label once; a row of the file has a range of
label numbers, one for each of the run's sequences, in the order of their places.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from runstone_writer.state import RunState, sequence_identity

from . import summaries
from .columns import Made

Array = NDArray[Any]

COLUMNS = ("s_start", "s_label", "s_filled", "s_text", "s_text_end")
_BY_SEQUENCE = ("s_filled", *summaries.COLUMNS)  # one value for each sequence, whatever file it is in


class Label(NamedTuple):
    """What sequences of many runs have in common."""

    name: str
    context: Any  # tagged JSON
    kind: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What sequences are sorted by within a run."""
        return *sequence_identity(self.name, self.context), self.kind


def label_columns(states: list[RunState]) -> dict[str, Array]:
    """Return the columns of a file with these states, one a row."""
    texts: dict[bytes, int] = {}
    labels: list[int] = []
    filled: list[bool] = []
    starts = [0]
    for state in states:
        for sequence in state.sequences:
            text = orjson.dumps([sequence.name, sequence.context, sequence.kind])
            labels.append(texts.setdefault(text, len(texts)))
            filled.append(sequence.summary is not None)
        starts.append(len(labels))
    return _columns(np.array(starts), np.array(labels), np.array(filled, dtype=bool), list(texts))


def merged_labels(files: list[Labels], source: Array, row: Array) -> dict[str, Array | Made]:
    """Return the columns of a file whose i-th row is row `row[i]` of file `source[i]`."""
    texts: dict[bytes, int] = {}
    renamed = [np.array([texts.setdefault(t, len(texts)) for t in file.texts()], np.int64) for file in files]
    counts = np.zeros(len(row), np.int64)
    for number, file in enumerate(files):
        mine = source == number
        counts[mine] = np.diff(file.start)[row[mine]]
    starts = np.concatenate([[0], np.cumsum(counts)])
    places: list[tuple[Array, Array]] = []  # of cells, in the new file and in each old one
    for number, file in enumerate(files):
        mine = np.flatnonzero(source == number)
        places.append((ranges(starts[mine], counts[mine]), ranges(file.start[row[mine]], counts[mine])))

    def joined(name: str) -> Array:
        column = np.zeros(starts[-1], files[0].column(name).dtype)
        for file, (to, taken) in zip(files, places, strict=True):
            column[to] = file.column(name)[taken]
        return column

    labels = np.zeros(starts[-1], np.uint32)
    for file, new, (to, taken) in zip(files, renamed, places, strict=True):
        labels[to] = new[file.label[taken]]
    used = np.bincount(labels, minlength=len(texts)) > 0  # runs that are gone leave no labels behind
    labels = (np.cumsum(used) - 1)[labels]
    kept = [text for text, is_used in zip(texts, used.tolist(), strict=True) if is_used]
    by_sequence: dict[str, Made] = {name: partial(joined, name) for name in _BY_SEQUENCE}
    return {**_columns(starts, labels, np.zeros(0, bool), kept), **by_sequence}


def _columns(starts: Array, labels: Array, filled: Array, texts: list[bytes]) -> dict[str, Array]:
    return {
        "s_start": starts.astype(np.int64),
        "s_label": labels.astype(np.uint32),
        "s_filled": filled,
        "s_text": np.frombuffer(b"".join(texts), np.uint8),
        "s_text_end": np.cumsum([0] + [len(text) for text in texts]).astype(np.int64),
    }


class Labels:
    """The sequences of the runs in a published state file."""

    def __init__(self, column: Callable[[str], Array]) -> None:
        self.column = column
        self._labels: list[Label] | None = None

    # Read, and verified, when they are asked for: many queries are not about sequences.

    @property
    def start(self) -> Array:
        """Where the cells of each row begin."""
        return self.column("s_start")

    @property
    def label(self) -> Array:
        """The number of the label in each cell."""
        return self.column("s_label")

    @property
    def filled(self) -> Array:
        """Whether the sequence in each cell has any points."""
        return self.column("s_filled")

    def texts(self) -> list[bytes]:
        data = self.column("s_text").tobytes()
        return [data[start:end] for start, end in pairwise(self.column("s_text_end").tolist())]

    @property
    def labels(self) -> list[Label]:
        """Every label of the file, by number."""
        if self._labels is None:
            self._labels = [Label(*orjson.loads(text)) for text in self.texts()]
        return self._labels

    def of(self, rows: Array) -> tuple[Array, Array]:
        """Return (which of `rows`, its cell) of each sequence with points of these rows.

        A cell is where the columns have a sequence: its label, and its summaries.
        """
        starts = self.start[rows]
        counts = self.start[rows + 1] - starts
        at = ranges(starts, counts)
        owner = np.repeat(np.arange(len(rows)), counts)
        filled = self.filled[at]
        return owner[filled], at[filled]

    def named(self, identity: tuple[str, str]) -> tuple[Array, Array]:
        """Return (row, cell) of the sequence with a name and context of each row that has one: as RunState.find."""
        same = [number for number, label in enumerate(self.labels) if label.identity[:2] == identity]
        cells = np.flatnonzero(np.isin(self.label, np.array(same, np.uint32)))
        rows = np.searchsorted(self.start, cells, side="right") - 1
        if len({self.labels[number].kind for number in same}) > 1:
            same.sort(key=lambda number: (self.labels[number].kind != "number", self.labels[number].kind))
            rank = np.empty(len(self.labels), np.int64)
            rank[same] = np.arange(len(same))
            cells = cells[np.lexsort((rank[self.label[cells]], rows))]
            rows, first = np.unique(np.searchsorted(self.start, cells, side="right") - 1, return_index=True)
            cells = cells[first]
        return rows, cells


def ranges(starts: Array, counts: Array) -> Array:
    """Return the numbers of several ranges behind each other."""
    total = int(counts.sum())
    if not total:
        return np.zeros(0, np.int64)
    ends = np.cumsum(counts)
    found: Array = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return found
