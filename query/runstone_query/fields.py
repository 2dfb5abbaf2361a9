"""Fields: what a query names of a run (a parameter, a property, a sequence's summary), read by column.

A query that is evaluated run by run loads the fields that it names for all of its candidates in one file
together, and leaves the rest of their states alone.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.states import ARCHIVED, NOT_ENDED, StateFile
from runstone_indexer.table import BOOL, FLOAT, INT, NONE, TEXT, Column, param_key, property_key
from runstone_writer.state import sequence_identity
from runstone_writer.values import encode

from .views import IN_STATE, SUMMARIES, is_short

Rows = NDArray[np.int64]


class Parameter(NamedTuple):
    """`run.a.b`: keys that are all texts."""

    path: tuple[str, ...]


class Property(NamedTuple):
    """`run.name` and its kin."""

    name: str


class Summarised(NamedTuple):
    """`run.metrics["loss", {...}].min`."""

    identity: tuple[str, str]
    name: str


Field = Parameter | Property | Summarised


def summary_of(node: ast.expr, is_run: Callable[[ast.expr], bool]) -> Summarised | None:
    """Return what `run.metrics[<constant>].<summary>` asks for, if a node is that."""
    match node:
        case ast.Attribute(ast.Subscript(ast.Attribute(root, "metrics"), key), name) if name in SUMMARIES:
            if not is_run(root):
                return None
            try:
                value = ast.literal_eval(key)
            except (ValueError, TypeError):
                return None
            called, context = value if isinstance(value, tuple) and len(value) == 2 else (value, {})
            if not isinstance(called, str) or type(context) is not dict or not is_short(context):
                return None
            return Summarised(sequence_identity(called, encode(context)), name)
    return None


def has_column(name: str) -> bool:
    """Whether a property of that name can be read by column."""
    return name in _PROPERTIES


def column_of(field: Parameter | Summarised, file: StateFile) -> Column:
    """Return a field of all rows of a file that have it."""
    if isinstance(field, Parameter):
        return file.table.find(param_key(field.path))
    rows, cells = file.labels.named(field.identity)
    found = file.summaries.read(field.name, cells)
    return Column(rows[found.rows], found.kinds, found.bits)


def read(field: Field, file: StateFile, rows: Rows) -> list[Any]:
    """Return a field's value for each of some rows (ascending): None where it is missing."""
    if isinstance(field, Property):
        return _PROPERTIES[field.name](file, rows)
    return _values(column_of(field, file), file, rows)


def _values(column: Column, file: StateFile, rows: Rows) -> list[Any]:
    values: list[Any] = [None] * len(rows)
    if not len(column.rows):
        return values
    at = np.minimum(np.searchsorted(column.rows, rows), len(column.rows) - 1)
    here = np.flatnonzero(column.rows[at] == rows)
    kinds, bits = column.kinds[at[here]], column.bits[at[here]]
    decoded: list[Any] = bits.tolist()
    for kind in np.unique(kinds).tolist():
        mine = np.flatnonzero(kinds == kind)
        for place, value in zip(mine.tolist(), _decoded(kind, bits[mine], file), strict=True):
            decoded[place] = value
    for place, value in zip(here.tolist(), decoded, strict=True):
        values[place] = value
    return values


def _decoded(kind: int, bits: NDArray[np.int64], file: StateFile) -> list[Any]:
    if kind == INT:
        return list(bits.tolist())
    if kind == FLOAT:
        return list(bits.view(np.float64).tolist())
    if kind == BOOL:
        return list((bits != 0).tolist())
    if kind == TEXT:
        texts = {number: file.table.text(number) for number in np.unique(bits).tolist()}
        return [texts[number] for number in bits.tolist()]
    return [None if kind == NONE else IN_STATE] * len(bits)


# -- properties ------------------------------------------------------------------------------------------------


def _times(name: str) -> Callable[[StateFile, Rows], list[int | None]]:
    def microseconds(file: StateFile, rows: Rows) -> list[int | None]:
        return [None if at == NOT_ENDED else at for at in file.column(name)[rows].tolist()]

    return microseconds


_created, _ended = _times("created"), _times("ended")


def _text(name: str) -> Callable[[StateFile, Rows], list[Any]]:
    key = property_key(name)
    return lambda file, rows: _values(file.table.find(key), file, rows)


def _tags(file: StateFile, rows: Rows) -> list[list[str]]:
    texts = _values(file.table.find(property_key("tags")), file, rows)
    return [[] if text is None else json.loads(text) for text in texts]


def _seconds(times: list[int | None]) -> list[float | None]:
    return [None if at is None else at / 1e6 for at in times]


def _dates(times: list[int | None]) -> list[datetime | None]:
    return [
        None if at is None else datetime.fromtimestamp(at / 1e6, UTC).replace(tzinfo=None) for at in times
    ]


def _durations(file: StateFile, rows: Rows) -> list[float]:
    now = time.time()
    both = zip(_seconds(_created(file, rows)), _seconds(_ended(file, rows)), strict=True)
    return [max((now if end is None else end) - (start or 0.0), 0.0) for start, end in both]


_PROPERTIES: dict[str, Callable[[StateFile, Rows], list[Any]]] = {
    "hash": lambda file, rows: [name.decode() for name in file.column("hash")[rows].tolist()],
    "name": _text("name"),
    "experiment": _text("experiment"),
    "description": _text("description"),
    "tags": _tags,
    "archived": lambda file, rows: ((file.column("flags")[rows] & ARCHIVED) != 0).tolist(),
    "active": lambda file, rows: (file.column("ended")[rows] == NOT_ENDED).tolist(),
    "creation_time": lambda file, rows: _seconds(_created(file, rows)),
    "end_time": lambda file, rows: _seconds(_ended(file, rows)),
    "created_at": lambda file, rows: _dates(_created(file, rows)),
    "finalized_at": lambda file, rows: _dates(_ended(file, rows)),
    "duration": _durations,
}
