"""Export: a row for each matching run, as CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import Any

import numpy as np

from runstone_indexer.states import StateFile
from runstone_query.batch import Batch, Expression
from runstone_query.columnset import arrow_table
from runstone_query.record import Record
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_writer.errors import UsageError
from runstone_writer.values import encode

from .arguments import Arguments
from .facts import COLUMNS, facts
from .inventory import Inventory
from .table import selected
from .values import JSON, json_of

FORMATS = ("csv", "json", "parquet")
ROWS = 20_000  # that are looked at together

Block = list[list[Any]]  # the values of some runs, column by column


def export(repo: Repo, arguments: Arguments) -> Reply:
    """`GET export`."""
    kind = arguments.one_of("format", FORMATS, "csv")
    given = [Expression(repo, text) for text in arguments.texts("column")]
    records = selected(repo, arguments).records()
    columns = given or [Expression(repo, text) for text in default_columns(records)]
    names = [*COLUMNS, *(column.text for column in columns)]
    types = {"csv": "text/csv; charset=utf-8", "json": JSON, "parquet": "application/vnd.apache.parquet"}
    write = {"csv": _csv, "json": _json, "parquet": _parquet}[kind]
    data = write(names, _blocks(repo, records, columns))
    return Reply({"type": types[kind], "name": f"runs.{kind}"}, data)


def default_columns(records: list[Record]) -> list[str]:
    """Return the expressions of all parameters that any of the runs has, and of the last value of each metric."""
    met, rows = Inventory(), dict[StateFile, list[int]]()
    for record in records:
        stored = record.stored
        if stored is None:
            met.add_state(record.state)
        else:
            rows.setdefault(stored[0], []).append(stored[1])
    for file, mine in rows.items():
        met.add_rows(file, np.array(mine, np.int64), exactly=True)
    return [*met.parameters(), *(f"{expression}.last" for _, _, expression in met.sequences("number"))]


def _blocks(repo: Repo, records: list[Record], columns: list[Expression]) -> Iterator[Block]:
    for start in range(0, len(records), ROWS):
        batch = Batch(records[start : start + ROWS])
        yield [*facts(repo, batch).values(), *(column.values(batch) for column in columns)]


def _csv(names: list[str], blocks: Iterator[Block]) -> bytes:
    data = io.BytesIO()
    for block in chain([[[name] for name in names]], blocks):
        text = io.StringIO()
        rows = zip(*(map(_cell, column) for column in block), strict=True)
        csv.writer(text, lineterminator="\n").writerows(rows)
        data.write(text.getvalue().encode("utf-8", "backslashreplace"))
    return data.getvalue()


def _cell(value: Any) -> Any:
    """Numbers and texts as they are, nothing for None, JSON for lists and the like."""
    if value is None or isinstance(value, str | int | float):
        return value
    return value.isoformat() if isinstance(value, date) else json_of(encode(value, strict=False)).decode()


def _json(names: list[str], blocks: Iterator[Block]) -> bytes:
    rows = (row for block in blocks for row in zip(*block, strict=True))
    objects = (
        json_of({name: encode(value, strict=False) for name, value in zip(names, row, strict=True)})
        for row in rows
    )
    return b"[" + b",\n".join(objects) + b"]\n"


def _parquet(names: list[str], blocks: Iterator[Block]) -> bytes:
    columns: dict[str, list[Any]] = {name: [] for name in names}
    try:
        import pyarrow  # noqa: PLC0415 - who has none can have the other formats
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise UsageError(
            "format is parquet, which needs pyarrow, and that is not installed",
            hint="Install it where `runstone up` runs with `pip install runstone[arrow]`, or take csv or json.",
        ) from None
    for block in blocks:
        for name, values in zip(names, block, strict=True):
            columns[name] += [_cell(value) for value in values]
    file = pyarrow.BufferOutputStream()
    parquet.write_table(arrow_table(columns), file)
    data: bytes = file.getvalue().to_pybytes()
    return data
