"""Sequences that a file of the index has, located by number: what a query finds, before any of it is made an object."""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.states import StateFile

from .record import Record
from .reference import Reference
from .selection import Rows, Selection, newest_first

Match = tuple[Record, list[Any]]  # a run, and those of its sequences that were found
Mask = NDArray[np.bool_]


class Located(NamedTuple):
    """Sequences in some rows of a file."""

    file: StateFile
    rows: Rows
    owner: Rows  # which of the rows each sequence belongs to
    cells: Rows  # where the columns have it

    def only(self, kept: Mask) -> Located:
        """Return those of the rows that are kept."""
        mine = kept[self.owner]
        return self._replace(owner=self.owner[mine], cells=self.cells[mine])

    def grouped(self, selection: Selection) -> list[Match]:
        """Return the sequences by run, in each by name and context."""
        file, owner, cells = self.file, self.owner, self.cells
        if not len(cells):
            return []
        labels, numbers = file.labels.labels, file.labels.label[cells]
        rank = np.empty(len(labels), np.int64)
        rank[sorted(range(len(labels)), key=lambda number: labels[number].identity)] = np.arange(len(labels))
        order = np.lexsort((rank[numbers], owner))
        owner, cells, numbers = owner[order], cells[order], numbers[order]
        places = cells - file.labels.start[self.rows[owner]]
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        records = selection.indexed(file, self.rows[owner[first]])
        found: list[Match] = []
        columns = zip(cells.tolist(), places.tolist(), numbers.tolist(), strict=True)
        ends = [*first[1:].tolist(), len(owner)]
        start = 0
        for record, end in zip(records, ends, strict=True):
            references = [
                Reference(record, file, cell, place, labels[number])
                for cell, place, number in islice(columns, end - start)
            ]
            found.append((record, references))
            start = end
        return found


def cut(located: list[Located], single: list[Match], part: slice) -> tuple[list[Located], list[Match], slice]:
    """Leave out the runs none of whose sequences are in a part of the answer, which has the newest run first.

    Return what is left, and the same part of that. There may be millions of sequences, and a part is a few hundred.
    """
    times = [file.column("created")[rows] for file, rows, _, _ in located]
    times.append(np.array([record.created for record, _ in single], np.int64))
    hashes = [file.column("hash")[rows] for file, rows, _, _ in located if len(rows)]
    if single:
        hashes.append(np.array([record.hash.encode() for record, _ in single], np.bytes_))
    counts = np.concatenate(
        [np.bincount(found.owner, minlength=len(found.rows)) for found in located]
        + [np.array([len(sequences) for _, sequences in single], np.int64)]
    )
    if not len(counts):
        return located, single, part
    order = newest_first(np.concatenate(times), np.concatenate(hashes))
    ends = np.cumsum(counts[order])
    starts = ends - counts[order]
    inside = (ends > part.start) & (starts < part.stop) & (starts < ends)
    kept = np.zeros(len(counts), bool)
    kept[order[inside]] = True
    before = int(starts[np.argmax(inside)]) if inside.any() else 0
    sizes = np.cumsum([len(found.rows) for found in located])
    masks = np.split(kept, sizes)
    left = [found.only(mask) for found, mask in zip(located, masks, strict=False)]
    alone = [match for match, is_kept in zip(single, masks[-1].tolist(), strict=True) if is_kept]
    return left, alone, slice(part.start - before, part.stop - before)
