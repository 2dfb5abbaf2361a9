"""`runstone status` and `runstone fsck`."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import Any

import click

from runstone_query.health import Health, health_of
from runstone_query.repair import Repaired, repair
from runstone_query.verify import Verdict, verify
from runstone_writer.replay import Problem

from .options import json_option, layout_of, repo_of, repo_option
from .output import ProgressBar, print_json
from .text import count_of, printable, show_path, show_size

PROBLEMS_SHOWN = 50


@click.command()
@repo_option
@json_option
def status(repo: str | None, as_json: bool) -> None:
    """Show runs by state, what is not indexed, and known damage.

    Known is what was found while indexing, and in the logs that are not indexed; `runstone fsck` reads everything.
    Nothing is changed.

    \b
    Example:
      runstone status
    """
    health = health_of(repo_of(repo))
    if as_json:
        print_json(_as_json(health))
        return
    total = count_of(sum(health.runs.values()), "run")
    states = ", ".join(f"{count:,} {state}" for state, count in health.runs.items() if count)
    unread = f"{show_size(health.unread_bytes)} in {count_of(health.unread_runs, 'run')}"
    rows = {
        "repository": printable(health.path),
        "runs": f"{total}: {states}" if states else total,
        "index": f"generation {health.generation}, {count_of(health.points, 'point')}"
        if health.generation
        else "none: queries read the logs, until `runstone index` makes one",
        "not indexed": unread if health.unread_runs else "nothing",
        "dropped": count_of(health.dropped, "event") if health.dropped else "nothing",
        "problems": f"{len(health.problems):,}",
    }
    for name, value in rows.items():
        click.echo(f"{name:<12}  {value}")
    _print_problems("Problems", health.problems)


@click.command()
@repo_option
@click.option(
    "--repair", "repairs", is_flag=True, help="Set aside what is damaged, and make a damaged index anew."
)
@click.option("--dry-run", is_flag=True, help="Say what --repair would do, and change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def fsck(repo: str | None, repairs: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Verify every checksum, and the index against the logs.

    Ends with exit code 1 if something is damaged. A torn tail (a line that a killed process did not complete), a
    foreign file and what the next gc or index pass finishes are shown, and are no damage. Nothing is changed without
    --repair.

    A repair changes no log: the intact lines of a damaged one are in all answers, and what is damaged is written down
    in the folder `damaged` of the repository, and known from then on. Damaged blobs are moved there. The index is made
    anew from the logs.

    \b
    Examples:
      runstone fsck && rsync -a experiments/ backup/
      runstone fsck --repair --dry-run
    """
    if dry_run and not repairs:
        raise click.UsageError("--dry-run is for --repair: without that nothing is changed.")
    layout = layout_of(repo)
    verdict = verify(layout, ProgressBar("verifying"))
    if not as_json:
        _say(verdict)
    done = None
    if repairs:
        planned = repair(layout, dry_run=True, verdict=verdict)
        if not (dry_run or yes or planned.nothing):
            click.confirm("Set aside what is damaged, and make anew what is derived?", abort=True, err=True)
        done = planned if dry_run else repair(layout, verdict=verdict)
    if as_json:
        repaired = {} if done is None else {"repair": _as_json(done)}
        print_json(_as_json(verdict) | {"clean": verdict.clean} | repaired)
    elif done is not None:
        _say_repaired(done)
    if not verdict.clean and (done is None or dry_run or done.left):
        sys.stdout.flush()
        sys.exit(1)


def _say_repaired(done: Repaired) -> None:
    if done.nothing:
        click.echo("\nThere is nothing to repair.")
    verb = "Would be" if done.dry_run else "Was"
    _print_problems(f"{verb} written down as known (the file stays)", done.noted)
    _print_problems(f"{verb} moved to the folder damaged", done.moved)
    _print_problems(f"{verb} put right by a new index", done.rebuilt)
    _print_problems("Left alone: it cannot be read here", done.left)


def _say(verdict: Verdict) -> None:
    click.echo(
        f"Read {show_size(verdict.bytes_read)} in {count_of(verdict.logs, 'log')} of "
        f"{count_of(verdict.runs, 'run')} and {count_of(verdict.blobs, 'blob')}; {count_of(verdict.indexed, 'run')} "
        "compared with the index."
    )
    _print_problems("Damage in logs and blobs", verdict.damage)
    _print_problems("Damage in the index", verdict.index)
    _print_problems("Known, and set aside", verdict.known)
    _print_problems("Never completed (no damage)", verdict.tails)
    _print_problems("Interrupted, or at work (no damage)", verdict.unfinished)
    _print_problems("Foreign (no damage)", verdict.foreign)
    if verdict.clean:
        click.echo("No damage but what is known." if verdict.known else "No damage.")
        return
    click.echo()
    if verdict.damage:
        if verdict.lost_bytes:
            lost = f"{count_of(verdict.lost_lines, 'line')} ({show_size(verdict.lost_bytes)})"
            click.echo(f"About {lost} of logs cannot be read any more.")
        click.echo("What is damaged in a log is left out of all answers, and the rest of the log is read.")
        click.echo(
            "A blob is the content of an image or another object: what the log says of it can be read."
        )
        click.echo(
            "Restore the file from a copy if there is one; `runstone fsck --repair` sets aside what there is not."
        )
    if verdict.index:
        click.echo("The index is derived: `runstone reindex` makes it anew.")


def _print_problems(title: str, problems: list[Problem]) -> None:
    """Two lines each: a path is never cut, so that it can be copied."""
    if not problems:
        return
    click.echo(f"\n{title}:")
    for problem in problems[:PROBLEMS_SHOWN]:
        place = f", bytes {problem.start} to {problem.end}" if problem.end else ""
        click.echo(f"  {printable(problem.reason)}\n    {show_path(problem.path)}{place}")
    if len(problems) > PROBLEMS_SHOWN:
        click.echo(f"  ... and {len(problems) - PROBLEMS_SHOWN:,} more: --json has all")


def _as_json(data: Health | Verdict | Repaired) -> dict[str, Any]:
    values = {field.name: getattr(data, field.name) for field in fields(data)}
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = [_problem_as_json(item) for item in value]
    return values


def _problem_as_json(problem: Problem | str) -> Any:
    if isinstance(problem, str):
        return problem
    return {"path": problem.path, "start": problem.start, "end": problem.end, "reason": problem.reason}
