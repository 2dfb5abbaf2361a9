"""How a query reports that it is under way: `QueryReportMode`, and a bar on a terminal."""

from __future__ import annotations

import sys
import time
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

BAR_AFTER_SECONDS = 0.5


class QueryReportMode(IntEnum):
    """What a query shows while it works, as in Aim."""

    DISABLED = 0
    """Nothing."""
    PROGRESS_BAR = 1
    """A bar on stderr, if that is a terminal and it takes longer than half a second."""
    PROGRESS_TUPLE = 2
    """`iter_runs()` yields ``(item, (done, total))`` instead of ``item``."""


class Bar:
    """A bar on stderr for what takes a while, gone at the end. To be called with (done, total)."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = 0.0
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        if done <= 1 or not self._began:
            self._began = time.monotonic()
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._began > BAR_AFTER_SECONDS:
            self._bar = _started(self._what)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
            if done >= total:
                self._bar.stop()
                self._bar = None


def _started(what: str) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - most queries end before they need a bar
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("")
    bar.start()
    return bar
