"""How commands print: JSON lines and CSV for programs, notes and progress on stderr for people."""

from __future__ import annotations

import csv
import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click
import orjson

from runstone_writer.values import is_object

from .text import printable, show_integer

if TYPE_CHECKING:
    from rich.progress import Progress

BAR_AFTER_SECONDS = 0.5

# Valid in JSON as they are, and yet able to confuse a terminal: C1 controls, and marks that change direction.
_ODD = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def print_json(value: Any) -> None:
    """Print a value as one line of JSON; NaN, infinities and integers beyond 64 bits are strings."""
    data = orjson.dumps(plain(value), option=orjson.OPT_NON_STR_KEYS).decode()
    sys.stdout.write(_ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", data) + "\n")
    sys.stdout.flush()  # whoever follows a command that goes on sees each line at once


def plain(value: Any) -> Any:
    """Return a value with nothing in it that JSON would refuse or change silently."""
    if isinstance(value, dict):
        return {_encodable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and value - value != 0.0:
        return repr(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return show_integer(value)
    if is_object(value):  # an image, ...: what is known of it
        return {"type": value._kind(), **plain(value.json())}
    return value


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as CSV: a missing value is empty, a list or dictionary is JSON.

    A terminal gets control characters made visible, a file or pipe gets the texts as they are.
    """
    shown = printable if sys.stdout.isatty() else _encodable
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([shown(column) for column in columns])
    for row in rows:
        writer.writerow([shown(_csv_cell(value)) for value in row])


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(plain(value)) if isinstance(value, list | dict) else str(value)


def _encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: half of a surrogate pair becomes its escape sequence."""
    return text.encode("utf-8", "backslashreplace").decode()


def note(text: str) -> None:
    """Say something about the output on stderr, so that it is in nobody's data."""
    click.secho("\n".join(map(printable, text.splitlines())), err=True, dim=True)


class ProgressBar:
    """A bar on stderr, shown only to a person, only for what takes a while, and gone at the end.

    To be called with (done, to do).
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._began > BAR_AFTER_SECONDS:
            self._bar = _started(self._what)
            click.get_current_context().call_on_close(self._bar.stop)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
            if done >= total:
                self._bar.stop()


def _started(what: str) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - most commands end before they need a bar
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("")
    bar.start()
    return bar
