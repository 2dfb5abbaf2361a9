"""How commands print: tables for people, JSON lines and CSV for programs."""

from __future__ import annotations

import csv
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from runstone_indexer.summary import to_json

WIDTH_OF_A_PIPE = 200


def console(*, stderr: bool = False) -> Console:
    """Return a console; into a pipe it does not cut lines at 80 columns."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else WIDTH_OF_A_PIPE, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print rows as a table. Control characters in values are shown, not sent to the terminal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(
            Text(printable(column)), justify="right" if column in right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(show(value)) for value in row))
    console().print(table)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as CSV; a value that is missing is empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if value is None else value for value in row])


def print_json(value: Any) -> None:
    """Print a value as one line of JSON. NaN and infinities are strings, as in a log."""
    data = orjson.dumps(plain(value), option=orjson.OPT_NON_STR_KEYS, default=str)
    sys.stdout.write(data.decode() + "\n")


def plain(value: Any) -> Any:
    """Return a value with nothing in it that JSON would change silently."""
    if isinstance(value, dict):
        return {printable_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bytes):
        return value.hex()
    return to_json(value)


def printable_key(key: Any) -> str:
    return str(key).encode("utf-8", "backslashreplace").decode()


def show(value: Any) -> str:
    """Return a value for a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(show, value))
    return printable(str(value))


def printable(text: str) -> str:
    """Return a text with every control character (an escape sequence, say) made visible."""
    shown = "".join(
        c if unicodedata.category(c)[0] != "C" else c.encode("unicode_escape").decode() for c in text
    )
    return shown.encode("utf-8", "backslashreplace").decode()


def show_time(seconds: float | None) -> str:
    """Return a time in the local time zone."""
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def show_size(count: int) -> str:
    """Return a number of bytes for a person."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return ""


def progress_bar(what: str) -> Progress:
    """Return a progress bar on stderr, shown only to a person and gone at the end."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True), transient=True, disable=not sys.stderr.isatty())
