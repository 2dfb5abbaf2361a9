"""`runstone status` and `runstone fsck`."""

from __future__ import annotations

import sys
from typing import Any

import click

from runstone_query.health import Health, health_of
from runstone_query.verify import Verdict, verify
from runstone_writer.replay import Problem

from .options import json_option, layout_of, repo_of, repo_option
from .output import console, print_json, print_table, progress_bar, show_size

PROBLEMS_SHOWN = 50


@click.command()
@repo_option
@json_option
def status(repo: str | None, as_json: bool) -> None:
    """Show runs by state, what is not indexed yet, and the damage found while reading.

    \b
    Example:
      runstone status
    """
    health = health_of(repo_of(repo))
    if as_json:
        print_json(_as_json(health))
        return
    rows = [("repository", health.path), *((f"runs {state}", f"{n:,}") for state, n in health.runs.items())]
    rows += [
        ("index", f"generation {health.generation}" if health.generation else "none: queries read the logs"),
        ("points indexed", f"{health.points:,}"),
        ("not indexed yet", f"{show_size(health.unread_bytes)} in {health.unread_runs:,} runs"),
        ("events dropped", f"{health.dropped:,}"),
        ("problems", f"{len(health.problems):,}"),
    ]
    print_table(("status", ""), rows)
    _print_problems("problem", health.problems)


@click.command()
@repo_option
@json_option
def fsck(repo: str | None, as_json: bool) -> None:
    """Verify every checksum, and that the index says what the logs say. Changes nothing.

    Ends with exit code 1 if something is damaged. A torn tail (a line that a killed process did not
    complete) and a foreign file are shown, and are no damage.

    \b
    Example:
      runstone fsck && rsync -a experiments/ backup/
    """
    with progress_bar("verifying") as bar:
        task = bar.add_task("", total=None)
        verdict = verify(layout_of(repo), lambda done, total: bar.update(task, completed=done, total=total))
    if as_json:
        print_json(_as_json(verdict) | {"clean": verdict.clean})
    else:
        _say(verdict)
    if not verdict.clean:
        sys.exit(1)


def _say(verdict: Verdict) -> None:
    click.echo(
        f"Read {show_size(verdict.bytes_read)} in {verdict.logs:,} logs of {verdict.runs:,} runs; "
        f"{verdict.indexed:,} runs compared with the index."
    )
    _print_problems("damage in logs", verdict.damage)
    _print_problems("index", verdict.index)
    _print_problems("not completed", verdict.tails)
    _print_problems("foreign", verdict.foreign)
    if verdict.clean:
        console().print("No damage.", style="green")
        return
    if verdict.damage:
        click.echo(
            "What is damaged in a log is left out of all answers; the rest of it is read. Restore the files"
        )
        click.echo("from a copy if there is one.")
    if verdict.index:
        click.echo("The index is derived: `runstone reindex` makes it anew.")


def _print_problems(what: str, problems: list[Problem]) -> None:
    if not problems:
        return
    shown = problems[:PROBLEMS_SHOWN]
    print_table((what, "file", "bytes"), [(p.reason, p.path, f"{p.start}-{p.end}") for p in shown])
    if len(problems) > len(shown):
        click.echo(f"... and {len(problems) - len(shown):,} more")


def _as_json(data: Health | Verdict) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in data.__slots__:
        value = getattr(data, name)
        if isinstance(value, list):
            value = [{"path": p.path, "start": p.start, "end": p.end, "reason": p.reason} for p in value]
        values[name] = value
    return values
