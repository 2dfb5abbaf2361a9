"""Tables for people: as wide as the terminal at most, with what did not fit named by the caller."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .text import printable, show

GAP = 2
SHORTEST = 10
NO_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is shown. The higher `rank`, the sooner it is left out for want of space; 0 never is."""

    title: str
    right: bool = False
    rank: int = 0
    least: int = SHORTEST  # characters that it keeps when it is cut
    whole: bool = False  # never cut, because a part of it is of no use


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Print rows on one line each; return the titles of the columns that there was no space for.

    What is longer than its column ends in `…`. Into a pipe everything is printed in full.
    """
    cells = [[show(value) for value in row] for row in rows]
    titles = [_title(column.title) for column in columns]
    natural = [
        max([cell_len(line) for line in titles[i].split("\n")] + [cell_len(row[i]) for row in cells])
        for i in range(len(columns))
    ]
    widths = fit(columns, natural, terminal_width())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0))
    for i in widths:
        table.add_column(
            Text(titles[i]),
            justify="right" if columns[i].right else "left",
            vertical="bottom",
            width=widths[i],
            overflow="ellipsis",
            no_wrap=True,
        )
    for row in cells:
        table.add_row(*(Text(row[i]) for i in widths))
    write(table)
    return [column.title for i, column in enumerate(columns) if i not in widths]


def fit(columns: Sequence[Column], natural: Sequence[int], limit: int) -> dict[int, int]:
    """Return the width of each column that is shown, by its place."""
    widths = dict(enumerate(natural))
    while _total(widths) > limit:
        least = {i: w if columns[i].whole else min(w, columns[i].least) for i, w in widths.items()}
        if _total(least) <= limit:
            while _total(widths) > limit:  # the widest of those that can be cut, by one
                widths[max((i for i in widths if widths[i] > least[i]), key=widths.__getitem__)] -= 1
            return widths
        last = max(widths, key=lambda i: (columns[i].rank, i))
        if not columns[last].rank:
            return least
        del widths[last]
    return widths


def terminal_width() -> int:
    """Return how many characters fit on a line: $COLUMNS, or as the terminal says, or without end into a pipe."""
    return shutil.get_terminal_size((NO_LIMIT, 0)).columns


def write(table: Table) -> None:
    """Print a table without the empty space that fills up its lines."""
    console = Console(width=NO_LIMIT, highlight=False, force_terminal=sys.stdout.isatty())
    with console.capture() as capture:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _title(name: str) -> str:
    """Break a long parameter's name before its last part: values are mostly shorter than names."""
    text = printable(name)
    head, dot, last = text.rpartition(".")
    return f"{head}.\n{last}" if dot and len(text) > SHORTEST else text
