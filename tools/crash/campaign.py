"""A campaign: one kind of fault, done to real processes and files many times over, and what came of it.

A module of campaigns has a table `CAMPAIGNS` of functions from Options to Row, and ends with

    if __name__ == "__main__":
        sys.exit(main(__doc__, CAMPAIGNS))

so that each can be run alone, with a seed, for as many trials as wanted. `main.py` runs all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SHOWN = 10  # failures that are printed; all are in the JSON


@dataclass(frozen=True)
class Options:
    """How a campaign is to be run. `trials` is None for its full length."""

    seed: int = 1
    trials: int | None = None

    def count(self, full: int) -> int:
        """Return how many trials to make, where the full campaign makes so many."""
        return full if self.trials is None else self.trials


_begun: list[Row] = []  # so that Ctrl-C shows what a campaign of hours has found so far


@dataclass
class Row:
    """What one campaign found.

    `failures` has a line for each: what was wrong, and what repeats it. `control` says what the negative control
    takes away, `caught` how many of its trials failed, as they have to.
    """

    key: str  # in the scorecard: R1
    campaign: str
    unit: str = "trials"
    trials: int = 0
    failures: list[str] = field(default_factory=list)
    control: str = ""
    controls: int = 0
    caught: int = 0
    seconds: float = 0.0
    figures: dict[str, int | float | str] = field(default_factory=dict)
    skipped: str = ""
    is_interrupted: bool = False

    def __post_init__(self) -> None:
        _begun.append(self)

    @property
    def verdict(self) -> str:
        """One of "held", "failed", "proves nothing" (its control went unnoticed), "interrupted" and "not run"."""
        if self.skipped:
            return "not run"
        if self.failures:
            return "failed"
        if self.is_interrupted:
            return "interrupted"
        return "proves nothing" if self.trials == 0 or (self.control and not self.caught) else "held"


Campaign = Callable[[Options], Row]


def lacking(*tools: str, root: bool = False) -> str:
    """Return why a campaign cannot be run here, for want of a tool or of rights; empty if it can."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        return f"there is no {', '.join(missing)}"
    return "it needs root" if root and os.geteuid() != 0 else ""


def run(campaigns: dict[str, Campaign], names: Iterable[str], options: Options) -> list[Row]:
    """Run campaigns one after the other, and time them. Ctrl-C ends that, and what was found so far is returned."""
    rows: list[Row] = []
    for name in names:
        _begun.clear()
        began = time.monotonic()
        try:
            row = campaigns[name](options)
        except KeyboardInterrupt:
            if not _begun:
                break
            row = _begun[0]
            row.is_interrupted = True
        row.seconds = round(time.monotonic() - began, 1)
        rows.append(row)
        if row.is_interrupted:
            break
    return rows


def main(doc: str | None, campaigns: dict[str, Campaign]) -> int:
    """Run campaigns from the command line; the exit code is 1 unless each one held or could not be run here."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(campaigns), help="may be given several times")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the clock")
    parser.add_argument("--trials", type=int, help="default: the full campaign")
    parser.add_argument("--json", type=Path, metavar="FILE", help="put everything that was found there")
    given = parser.parse_args()
    console = Console()
    console.print(f"seed {given.seed}")
    rows = run(campaigns, given.only or campaigns, Options(given.seed, given.trials))
    show(console, rows)
    if given.json:
        given.json.write_text(json.dumps([as_json(row) for row in rows], indent=1))
    return int(any(row.verdict not in ("held", "not run") for row in rows))


def as_json(row: Row) -> dict[str, Any]:
    """Return everything in a row, its verdict too."""
    return {**asdict(row), "verdict": row.verdict}


def from_json(fields: dict[str, Any]) -> Row:
    """Return the row that as_json() has given."""
    return Row(**{name: value for name, value in fields.items() if name != "verdict"})


def show(console: Console, rows: Iterable[Row]) -> None:
    """Print one row a campaign, and below them what failed."""
    rows = list(rows)
    table = Table("", "campaign", "trials", "failures", "control", "caught", "time", "verdict")
    for row in rows:
        caught = f"{row.caught:,} of {row.controls:,}" if row.control else ""
        colour = {"held": "green", "not run": "yellow"}.get(row.verdict, "red")
        table.add_row(
            row.key,
            row.campaign,
            f"{row.trials:,} {row.unit}" if row.trials else "",
            f"{len(row.failures):,}",
            row.control,
            caught,
            f"{row.seconds:,.0f} s",
            f"[{colour}]{row.verdict}[/]",
        )
    console.print(table)
    for row in rows:
        if row.figures:
            counted = ", ".join(f"{name} {_plain(value)}" for name, value in row.figures.items())
            console.print(f"{row.key} {row.campaign}: {counted}", markup=False, highlight=False)
        if row.skipped:
            console.print(f"{row.key} {row.campaign}: not run, {row.skipped}", markup=False, highlight=False)
        for failure in row.failures[:SHOWN]:
            console.print(f"  {row.key}: {failure}", markup=False, highlight=False)
        if len(row.failures) > SHOWN:
            console.print(f"  {row.key}: and {len(row.failures) - SHOWN:,} more")


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"
