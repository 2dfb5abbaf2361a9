"""`runstone runs`: list, show and edit runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from runstone_query.repo import Repo
from runstone_query.results import flat_params
from runstone_query.run import StoredRun
from runstone_writer.errors import MissingRunError
from runstone_writer.liveness import file_system_now, status_of

from .options import json_option, repo_of, repo_option
from .output import print_json, print_table, show_time


@click.group()
def runs() -> None:
    """List, show and edit runs.

    \b
    Example:
      runstone runs ls --status crashed
    """


@runs.command()
@repo_option
@click.option(
    "--status", type=click.Choice(["running", "finished", "crashed"]), help="Only runs that are so."
)
@click.option("--limit", type=click.IntRange(0), help="Show at most so many.")
@json_option
def ls(repo: str | None, status: str | None, limit: int | None, as_json: bool) -> None:
    """List all runs, newest first, archived ones included.

    \b
    Example:
      runstone runs ls --limit 20
    """
    opened: Repo = repo_of(repo)
    now = file_system_now(opened.layout)
    rows: list[dict[str, Any]] = []
    for run in opened.iter_runs():
        if limit is not None and len(rows) >= limit:
            break
        is_now = status_of(opened.layout, run._record.state, now)
        if status is None or status == is_now:
            rows.append(
                {
                    "hash": run.hash,
                    "status": is_now,
                    "name": run.name,
                    "experiment": run.experiment,
                    "created": run.creation_time,
                    "seconds": None if run.active else run.duration,
                    "tags": run.tags,
                    "archived": run.archived,
                }
            )
    if as_json:
        for row in rows:
            print_json(row)
        return
    shown = ("hash", "status", "name", "experiment", "created", "seconds", "tags")
    cells = ([show_time(row[name]) if name == "created" else row[name] for name in shown] for row in rows)
    print_table(shown, cells, right=("seconds",))


@runs.command()
@click.argument("run_hash")
@repo_option
@json_option
def show(run_hash: str, repo: str | None, as_json: bool) -> None:
    """Show one run: properties, parameters, metrics.

    \b
    Example:
      runstone runs show 3f2a9c...
    """
    run = _run(repo_of(repo), run_hash)
    properties = {
        "hash": run.hash, "name": run.name, "status": run.status, "experiment": run.experiment,
        "description": run.description, "tags": run.tags, "archived": run.archived,
        "created": run.creation_time, "end": run.end_time,
    }  # fmt: skip
    metrics = [
        {"name": m.name, "context": m.context.to_dict()}
        | {
            name: m.summary(name)
            for name in ("count", "first_step", "last_step", "first", "last", "min", "max", "mean")
        }
        for m in run.metrics()
    ]
    if as_json:
        print_json(properties | {"params": run[...], "metrics": metrics})
        return
    times = {"created": show_time(run.creation_time), "end": show_time(run.end_time)}
    print_table(("property", "value"), (properties | times).items())
    click.echo()
    print_table(("parameter", "value"), flat_params(run[...]).items())
    click.echo()
    columns = ("name", "context", "count", "last_step", "last", "min", "max", "mean")
    cells = ([_context(m[c]) if c == "context" else m[c] for c in columns] for m in metrics)
    print_table(columns, cells, right=columns[2:])


@runs.command()
@click.argument("run_hashes", nargs=-1, required=True)
@repo_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def rm(run_hashes: tuple[str, ...], repo: str | None, yes: bool) -> None:
    """Delete runs. `runstone runs restore` undoes it, until `runstone gc` removes the bytes.

    \b
    Example:
      runstone runs rm 3f2a9c... --yes
    """
    opened: Repo = repo_of(repo)
    found = [_run(opened, run_hash) for run_hash in run_hashes]
    if not yes:
        click.confirm(f"Delete {len(found)} runs?", abort=True)
    for run in found:
        opened.delete_run(run.hash)
        click.echo(f"deleted {run.hash}")


@runs.command()
@click.argument("run_hashes", nargs=-1, required=True)
@repo_option
def restore(run_hashes: tuple[str, ...], repo: str | None) -> None:
    """Bring deleted runs back.

    \b
    Example:
      runstone runs restore 3f2a9c...
    """
    opened: Repo = repo_of(repo)
    for run_hash in run_hashes:
        if not opened.restore_run(run_hash):
            raise MissingRunError(f"there is no run {run_hash!r} in {opened.path}")
        click.echo(f"restored {run_hash}")


@runs.command()
@click.argument("run_hashes", nargs=-1, required=True)
@repo_option
@click.option("--undo", is_flag=True, help="Bring them back out of the archive.")
def archive(run_hashes: tuple[str, ...], repo: str | None, undo: bool) -> None:
    """Archive runs: queries leave them out unless they ask for `run.archived`.

    \b
    Example:
      runstone runs archive 3f2a9c...
    """
    for run in _runs(repo, run_hashes):
        run.archived = not undo
        click.echo(f"{'unarchived' if undo else 'archived'} {run.hash}")


@runs.command()
@click.argument("tag_name", metavar="TAG")
@click.argument("run_hashes", nargs=-1, required=True)
@repo_option
@click.option("--remove", is_flag=True, help="Take the tag off.")
def tag(tag_name: str, run_hashes: tuple[str, ...], repo: str | None, remove: bool) -> None:
    """Put a TAG on runs.

    \b
    Example:
      runstone runs tag best 3f2a9c...
    """
    for run in _runs(repo, run_hashes):
        if remove:
            run.remove_tag(tag_name)
        elif tag_name not in run.tags:
            run.add_tag(tag_name)
        click.echo(f"{run.hash}: {', '.join(run.tags) or 'no tags'}")


def _runs(repo: str | None, run_hashes: Iterable[str]) -> list[StoredRun]:
    opened: Repo = repo_of(repo)
    return [_run(opened, run_hash) for run_hash in run_hashes]


def _run(repo: Repo, run_hash: str) -> StoredRun:
    run = repo.get_run(run_hash)
    if run is None:
        raise MissingRunError(
            f"there is no run {run_hash!r} in {repo.path}", hint="`runstone runs ls` lists the runs."
        )
    return run


def _context(context: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in context.items()) or "-"
