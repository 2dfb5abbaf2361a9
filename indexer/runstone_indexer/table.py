"""The parameters of a state file by column: what lets a query load only the parameters that it names.

A column is one path in the nested parameters (or one property, or one tag). It lists the rows that have
it, and for each what kind of value it is and the value in 64 bits. Values that do not fit (lists,
dictionaries, integers beyond 64 bits) are only described; the state has them in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from runstone_writer.state import RunState

from .columns import Columns, Pieces

Array = NDArray[Any]
Path = tuple[str | int, ...]

# Kinds of values. For OTHER, the 64 bits are the length (of a list or dictionary); HUGE is an integer.
NONE, BOOL, INT, FLOAT, TEXT, OTHER, HUGE = range(7)
COLUMNS = ("p_key", "p_key_end", "p_start", "p_row", "p_kind", "p_bits", "p_text", "p_text_end")
PROPERTIES = ("name", "experiment", "description")


def param_key(path: Path) -> bytes:
    """Return the name of the column of a parameter's path."""
    return _key("p", list(path))


def property_key(name: str) -> bytes:
    """Return the name of the column of a property of the run."""
    return _key("r", name)


def tag_key(tag: str) -> bytes:
    """Return the name of the column that the runs with a tag are in."""
    return _key("t", tag)


def _key(space: str, what: Any) -> bytes:
    try:
        return orjson.dumps([space, what])
    except TypeError:  # lone surrogates, huge integers
        return repr([space, what]).encode("utf-8", "backslashreplace")


class Column(NamedTuple):
    """The rows that have a value (ascending), and the values."""

    rows: Array  # int64
    kinds: Array  # uint8
    bits: Array  # int64; for FLOAT the bits of a float64, for TEXT the number of the text


EMPTY = Column(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int64))


def table_columns(states: list[RunState]) -> dict[str, Array]:
    """Return the columns of a file with these states, one a row."""
    cells: dict[bytes, list[tuple[int, int, int]]] = {}
    texts: dict[str, int] = {}
    for row, state in enumerate(states):
        for key, value in _cells(state):
            kind, bits = _encoded(value, texts)
            cells.setdefault(key, []).append((row, kind, bits))
    keys = sorted(cells)
    flat = np.array([cell for key in keys for cell in cells[key]], dtype=np.int64).reshape(-1, 3)
    blobs = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {
        "p_key": _joined(keys),
        "p_key_end": _ends(keys),
        "p_start": np.cumsum([0] + [len(cells[key]) for key in keys]).astype(np.int64),
        "p_row": flat[:, 0].astype(np.uint32),
        "p_kind": flat[:, 1].astype(np.uint8),
        "p_bits": np.ascontiguousarray(flat[:, 2]),
        "p_text": _joined(blobs),
        "p_text_end": _ends(blobs),
    }


def _cells(state: RunState) -> Iterator[tuple[bytes, Any]]:
    yield from _param_cells(state.params.tree(), ())
    for name in PROPERTIES:
        yield property_key(name), getattr(state, name) if name != "description" else state.prop(name)
    tags = state.tags
    if tags:
        yield property_key("tags"), json.dumps(tags)  # in their order; orjson refuses lone surrogates
    for tag in tags:
        yield tag_key(tag), True


def _param_cells(tree: dict[Any, Any], path: Path) -> Iterator[tuple[bytes, Any]]:
    for key, value in tree.items():
        below = (*path, key)
        yield param_key(below), value
        if isinstance(value, dict):
            yield from _param_cells(value, below)


def _encoded(value: Any, texts: dict[str, int]) -> tuple[int, int]:
    kind = type(value)
    if kind is float:
        return FLOAT, int(np.float64(value).view(np.int64))
    if kind is str:
        return TEXT, texts.setdefault(value, len(texts))
    if value is None:
        return NONE, 0
    if kind is bool:
        return BOOL, int(value)
    if kind is int:
        return (INT, value) if -(2**63) <= value < 2**63 else (HUGE, 1)
    return OTHER, len(value)


def merged_tables(files: list[Table], source: Array, row: Array) -> dict[str, Array | Pieces]:
    """Return the columns of a file whose i-th row is row `row[i]` of file `source[i]`."""
    texts: dict[bytes, int] = {}
    parts: dict[bytes, list[Column]] = {}
    for number, file in enumerate(files):
        target = np.full(file.rows, -1, np.int64)
        mine = np.flatnonzero(source == number)
        target[row[mine]] = mine
        renamed = np.array([texts.setdefault(text, len(texts)) for text in file.raw_texts()], dtype=np.int64)
        for key, column in file.all():
            to = target[column.rows]
            kept = to >= 0
            bits = column.bits.copy()
            is_text = column.kinds == TEXT
            bits[is_text] = renamed[bits[is_text]]
            if kept.any():
                found = Column(to[kept].astype(np.uint32), column.kinds[kept], bits[kept])
                parts.setdefault(key, []).append(found)
    keys = sorted(parts)
    joined, blobs = _with_texts_in_use([_in_order(parts.pop(key)) for key in keys], list(texts))
    joined.append(EMPTY)
    return {
        "p_key": _joined(keys),
        "p_key_end": _ends(keys),
        "p_start": np.cumsum([0] + [len(column.rows) for column in joined[:-1]]).astype(np.int64),
        "p_row": [column.rows.astype(np.uint32, copy=False) for column in joined],
        "p_kind": [column.kinds for column in joined],
        "p_bits": [column.bits for column in joined],
        "p_text": _joined(blobs),
        "p_text_end": _ends(blobs),
    }


def _with_texts_in_use(columns: list[Column], texts: list[bytes]) -> tuple[list[Column], list[bytes]]:
    """Leave out the texts that nobody has any more: those of rows that have newer ones, or are gone."""
    if not columns:
        return [], []
    used = np.unique(np.concatenate([column.bits[column.kinds == TEXT] for column in columns]))
    for column in columns:
        is_text = column.kinds == TEXT
        column.bits[is_text] = np.searchsorted(used, column.bits[is_text])
    return columns, [texts[i] for i in used.tolist()]


def _in_order(parts: list[Column]) -> Column:
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows)
    kinds = np.concatenate([part.kinds for part in parts])
    return Column(rows[order], kinds[order], np.concatenate([part.bits for part in parts])[order])


class Table:
    """The columns of a published state file."""

    def __init__(self, columns: Columns, rows: int) -> None:
        self.rows = rows
        self._column = columns.__getitem__
        self._part = columns.part

    def find(self, key: bytes) -> Column:
        """Return a column; an empty one if no row has it."""
        ends = self._column("p_key_end")
        names = self._column("p_key")
        low, high = 0, len(ends) - 1
        while low < high:
            middle = (low + high) // 2
            name = names[ends[middle] : ends[middle + 1]].tobytes()
            if name == key:
                return self._at(middle)
            if name < key:
                low = middle + 1
            else:
                high = middle
        return EMPTY

    def _at(self, place: int) -> Column:
        start, end = self._column("p_start")[place : place + 2].tolist()
        rows = self._part("p_row", start, end).astype(np.int64)
        return Column(rows, self._part("p_kind", start, end), self._part("p_bits", start, end))

    def text(self, number: int) -> str:
        """Return a text by its number."""
        start, end = self._column("p_text_end")[number : number + 2].tolist()
        return self._part("p_text", start, end).tobytes().decode("utf-8", "surrogatepass")

    def raw_texts(self) -> Iterator[bytes]:
        """Yield every text as it is stored, in the order of their numbers."""
        data = self._column("p_text").tobytes()
        ends = self._column("p_text_end").tolist()
        for start, end in pairwise(ends):
            yield data[start:end]

    def keys(self) -> list[bytes]:
        """Return the name of every column."""
        names = self._column("p_key").tobytes()
        return [names[start:end] for start, end in pairwise(self._column("p_key_end").tolist())]

    def all(self) -> Iterator[tuple[bytes, Column]]:
        """Yield every column with its name."""
        for place, name in enumerate(self.keys()):
            yield name, self._at(place)


def _joined(parts: list[bytes]) -> Array:
    return np.frombuffer(b"".join(parts), np.uint8)


def _ends(parts: list[bytes]) -> Array:
    return np.cumsum([0] + [len(part) for part in parts]).astype(np.int64)
