"""`runstone index` and `runstone reindex`."""

from __future__ import annotations

import signal
from typing import Any

import click

from runstone_indexer.indexer import Indexer, Report

from .options import json_option, layout_of, repo_option
from .output import print_json, progress_bar, show_size


@click.command()
@repo_option
@click.option("--watch", is_flag=True, help="Go on indexing what comes, until Ctrl-C or SIGTERM.")
@json_option
def index(repo: str | None, watch: bool, as_json: bool) -> None:
    """Bring the index up to date. Queries work without: this makes them fast.

    \b
    Example:
      runstone index --watch
    """
    indexer = Indexer(layout_of(repo))
    if watch:
        _watch(indexer, as_json)
        return
    with progress_bar("indexing") as bar:
        task = bar.add_task("", total=None)
        report = indexer.run_once(lambda done, total: bar.update(task, completed=done, total=total))
    _say(report, as_json)


@click.command()
@repo_option
@json_option
def reindex(repo: str | None, as_json: bool) -> None:
    """Build the index from nothing. Queries use the old one until the new one is complete.

    \b
    Example:
      runstone reindex
    """
    with progress_bar("indexing") as bar:
        task = bar.add_task("", total=None)
        report = Indexer(layout_of(repo)).reindex(
            lambda done, total: bar.update(task, completed=done, total=total)
        )
    _say(report, as_json)


def _watch(indexer: Indexer, as_json: bool) -> None:
    from runstone_indexer.watch import Watcher  # noqa: PLC0415 - watchdog is loaded only here

    watcher = Watcher(indexer, lambda report: _say(report, as_json))

    def stop(*_: Any) -> None:
        watcher.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if not as_json:
        click.echo(f"Watching {indexer.layout.root} (Ctrl-C ends it)")
    watcher.run()
    if not as_json:
        click.echo("Stopped; everything that was read is published.")


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
        return
    size = show_size(report.bytes_read)
    click.echo(f"Indexed {report.runs:,} runs, {report.points:,} points ({size}) in {report.seconds:.2f} s")
    if report.problems:
        click.echo(f"{len(report.problems)} problems found: `runstone status` shows them.", err=True)
