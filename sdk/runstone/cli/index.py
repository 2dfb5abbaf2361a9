"""`runstone index` and `runstone reindex`."""

from __future__ import annotations

import signal
from typing import Any

import click

from runstone_indexer.indexer import Indexer, Report

from .options import json_option, layout_of, repo_option
from .output import ProgressBar, note, print_json
from .text import count_of, printable, show_size


@click.command()
@repo_option
@click.option("--watch", is_flag=True, help="Go on indexing what comes, until Ctrl-C or SIGTERM.")
@json_option
def index(repo: str | None, watch: bool, as_json: bool) -> None:
    """Bring the index up to date. Queries work without: this makes them fast.

    \b
    Examples:
      runstone index
      runstone index --watch
    """
    indexer = Indexer(layout_of(repo))
    if watch:
        _watch(indexer, as_json)
    else:
        _say(indexer.run_once(ProgressBar("indexing")), as_json)


@click.command()
@repo_option
@json_option
def reindex(repo: str | None, as_json: bool) -> None:
    """Build the index from nothing. Queries use the old one until the new one is complete.

    \b
    Example:
      runstone reindex
    """
    _say(Indexer(layout_of(repo)).reindex(ProgressBar("indexing")), as_json)


def _watch(indexer: Indexer, as_json: bool) -> None:
    from runstone_indexer.watch import Watcher  # noqa: PLC0415 - watchdog is loaded only here

    watcher = Watcher(indexer, lambda report: _say(report, as_json))

    def stop(*_: Any) -> None:
        watcher.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    note(f"Watching {printable(indexer.layout.root)} (Ctrl-C ends it)")
    watcher.run()
    note("Stopped. Everything that was read is published.")


def _say(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "runs": report.runs,
                "points": report.points,
                "bytes": report.bytes_read,
                "seconds": report.seconds,
                "generation": report.generation,
                "problems": len(report.problems),
            }
        )
    else:
        runs, points = count_of(report.runs, "run"), count_of(report.points, "point")
        size = show_size(report.bytes_read)
        click.echo(f"Indexed {runs} with something new: {points}, {size}, {report.seconds:.2f} s")
    if report.problems:
        note(f"{count_of(len(report.problems), 'problem')} found: `runstone status` shows where.")
