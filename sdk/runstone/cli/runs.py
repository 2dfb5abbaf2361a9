"""`runstone runs`: list, show, edit, copy and move runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import click

from runstone_query.frames import flat_params, run_row
from runstone_query.results import sequences_of
from runstone_query.run import StoredRun
from runstone_query.sequences import ObjectSequence
from runstone_writer import messages
from runstone_writer.errors import MissingRunError

from .deleted import find_deleted, list_deleted
from .hashes import find_hash, find_run, short_hashes
from .options import json_option, limit_option, repo_of, repo_option
from .output import note, print_json
from .table import Column, print_table
from .text import printable, show_context, show_duration, show_minute, show_time

STATUSES = ("running", "finished", "crashed")
SUMMARIES = ("count", "first_step", "last_step", "first", "last", "min", "max", "mean")
COLUMNS = {
    "hash": Column("hash", whole=True),
    "status": Column("status", whole=True),
    "name": Column("name", least=20),
    "experiment": Column("experiment", rank=2),
    "creation_time": Column("creation_time", rank=1, whole=True),
    "duration": Column("duration", right=True, rank=3, whole=True),
    "tags": Column("tags", rank=4),
}


@click.group()
def runs() -> None:
    """List, show, edit, copy and move runs. A run is named by its hash, or by any beginning that no other run has.

    \b
    Example:
      runstone runs ls --status crashed
    """


@runs.command()
@repo_option
@click.option("--status", type=click.Choice(STATUSES), help="Only runs that are so.")
@click.option("--deleted", is_flag=True, help="Runs that were deleted and can be restored.")
@limit_option
@json_option
def ls(repo: str | None, status: str | None, deleted: bool, limit: int | None, as_json: bool) -> None:
    """List all runs, newest first, archived ones included.

    \b
    Examples:
      runstone runs ls --limit 20
      runstone runs ls --deleted
    """
    opened = repo_of(repo)
    if deleted:
        if status:
            raise click.UsageError("--deleted and --status exclude each other.")
        list_deleted(opened, limit, as_json)
        return
    total = 0

    def chosen() -> Iterator[dict[str, Any]]:
        nonlocal total
        for run in opened.iter_runs():
            total += 1
            row = _properties(run)
            if status in (None, row["status"]):
                yield row

    rows = list(islice(chosen(), limit))
    if as_json:
        for row in rows:
            print_json(row)
        return
    short = short_hashes((row["hash"] for row in rows), total)
    _print_rows(rows, {"hash": short.__getitem__})


def _properties(run: StoredRun) -> dict[str, Any]:
    row = {"hash": run.hash, "status": run.status} | run_row(run, include_params=False)
    return row | {"duration": None if run.active else run.duration}


def _print_rows(rows: list[dict[str, Any]], shown: dict[str, Callable[[Any], str]]) -> None:
    shown = {"creation_time": show_minute, "duration": show_duration, **shown}
    cells = ([shown[name](row[name]) if name in shown else row[name] for name in COLUMNS] for row in rows)
    missing = print_table(list(COLUMNS.values()), cells)
    if missing:
        note(f"No space for {', '.join(missing)}: --json has all.")


@runs.command()
@click.argument("run_hash", metavar="RUN")
@repo_option
@json_option
def show(run_hash: str, repo: str | None, as_json: bool) -> None:
    """Show one run: properties, parameters, metrics, images and the like, notes, artifacts.

    \b
    Example:
      runstone runs show 3f2a9c
    """
    run = find_run(repo_of(repo), run_hash)
    properties = _properties(run)
    metrics = [
        {"name": m.name, "context": m.context.to_dict()} | {name: m.summary(name) for name in SUMMARIES}
        for m in run.metrics()
    ]
    sequences = [
        {"name": s.name, "type": s.type, "context": s.context.to_dict()}
        | {name: s.summary(name) for name in ("count", "first_step", "last_step")}
        for s in sequences_of(run, None)
        if isinstance(s, ObjectSequence) and s.type != messages.KIND
    ]
    notes = [note._asdict() for note in run.notes]
    artifacts = [
        {"name": a.name, "size": a.size, "sha256": a.sha256, "uri": a.uri, "error": a.error}
        for a in run.artifacts.values()
    ]
    if as_json:
        params = run.plain_params()
        print_json(
            properties
            | {"params": params, "metrics": metrics, "sequences": sequences}
            | {"notes": notes, "artifacts": artifacts}
        )
        return
    times = {"creation_time": show_time(run.creation_time), "end_time": show_time(run.end_time)}
    lasted = {"duration": show_duration(properties["duration"])}
    print_table((Column("property", whole=True), Column("value")), (properties | times | lasted).items())
    params = flat_params(run.plain_params())
    if params:
        click.echo()
        print_table((Column("parameter"), Column("value")), params.items())
    if metrics:
        click.echo()
        _print_metrics(sorted(metrics, key=lambda metric: metric["name"].startswith("__")))
    if sequences:
        click.echo()
        _print_sequences(sequences)
    if artifacts:
        click.echo()
        columns = (Column("artifact"), Column("bytes", right=True, whole=True), Column("where"))
        print_table(columns, ((a["name"], a["size"], a["error"] or a["uri"]) for a in artifacts))
    for each in notes:
        click.echo()
        click.echo(f"{show_time(each['updated'])}  note {printable(each['id'])}")
        click.echo("\n".join(f"  {printable(line)}" for line in each["text"].splitlines()))


def _print_metrics(metrics: list[dict[str, Any]]) -> None:
    ranks = {"first_step": 5, "first": 4, "mean": 3, "max": 2, "min": 1}
    columns = [Column("metric", least=16), Column("context", least=14)]
    columns += [Column(name, right=True, rank=ranks.get(name, 0), whole=True) for name in SUMMARIES]
    rows = ([m["name"], show_context(m["context"]), *(m[name] for name in SUMMARIES)] for m in metrics)
    missing = print_table(columns, rows)
    if missing:
        note(f"No space for {', '.join(missing)}: --json has all.")


def _print_sequences(sequences: list[dict[str, Any]]) -> None:
    columns = [Column("sequence", least=16), Column("type", least=12), Column("context", least=14)]
    columns += [Column(name, right=True, whole=True) for name in ("count", "last_step")]
    rows = ([s["name"], s["type"], show_context(s["context"]), s["count"], s["last_step"]] for s in sequences)
    print_table(columns, rows)


@runs.command()
@click.argument("run_hashes", metavar="RUN...", nargs=-1, required=True)
@repo_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def rm(run_hashes: tuple[str, ...], repo: str | None, yes: bool, as_json: bool) -> None:
    """Delete runs: nothing shows them any more. `runstone runs restore` brings them back, until `runstone gc`.

    \b
    Example:
      runstone runs rm 3f2a9c --yes
    """
    opened = repo_of(repo)
    found = [find_run(opened, run_hash) for run_hash in run_hashes]
    if not yes:
        for run in found:
            click.echo(f"{run.hash}  {printable(run.name)}", err=True)
        click.confirm(
            f"Delete {'it' if len(found) == 1 else f'these {len(found)} runs'}?", abort=True, err=True
        )
    for run in found:
        opened.delete_run(run.hash)
    _say([run.hash for run in found], "deleted", as_json)


@runs.command()
@click.argument("run_hashes", metavar="RUN...", nargs=-1, required=True)
@repo_option
@json_option
def restore(run_hashes: tuple[str, ...], repo: str | None, as_json: bool) -> None:
    """Bring deleted runs back.

    \b
    Example:
      runstone runs restore 3f2a9c
    """
    opened = repo_of(repo)
    found = [find_deleted(opened, run_hash) for run_hash in run_hashes]
    for run_hash in found:
        if not opened.restore_run(run_hash):
            raise MissingRunError(f"there is no run {run_hash!r} in {opened.path}")
    _say(found, "restored", as_json)


def _transfer(what: str, done: str) -> click.Command:
    """Return the command that copies or moves runs."""

    @runs.command(
        what,
        help=f"""{what.capitalize()} runs to the repository in the folder DEST, under the same hashes.

    A run is in place there as a whole or not at all. One that is being written is refused, and so is one whose hash
    another run has there.

    \b
    Example:
      runstone runs {what} 3f2a9c 77b01e --to ../archive
    """,
    )
    @click.argument("run_hashes", metavar="RUN...", nargs=-1, required=True)
    @click.option("--to", "dest", metavar="DEST", required=True, help="The folder that holds .runstone.")
    @repo_option
    @json_option
    def transfer(run_hashes: tuple[str, ...], dest: str, repo: str | None, as_json: bool) -> None:
        opened, target = repo_of(repo), repo_of(dest)
        found = [find_hash(opened.layout, run_hash, opened.run_exists) for run_hash in run_hashes]
        for run_hash in found:
            getattr(opened, f"{what}_run")(run_hash, target)
            _say([run_hash], done, as_json)

    return transfer


copy, move = _transfer("copy", "copied"), _transfer("move", "moved")


@runs.command()
@click.argument("run_hashes", metavar="RUN...", nargs=-1, required=True)
@repo_option
@click.option("--undo", is_flag=True, help="Bring them back out of the archive.")
@json_option
def archive(run_hashes: tuple[str, ...], repo: str | None, undo: bool, as_json: bool) -> None:
    """Archive runs: queries leave them out unless they ask for `run.archived`.

    \b
    Example:
      runstone runs archive 3f2a9c
    """
    opened = repo_of(repo)
    found = [find_run(opened, run_hash) for run_hash in run_hashes]
    for run in found:
        run.archived = not undo
    _say([run.hash for run in found], "unarchived" if undo else "archived", as_json)


@runs.command()
@click.argument("tag_name", metavar="TAG")
@click.argument("run_hashes", metavar="RUN...", nargs=-1, required=True)
@repo_option
@click.option("--remove", is_flag=True, help="Take the tag off.")
@json_option
def tag(tag_name: str, run_hashes: tuple[str, ...], repo: str | None, remove: bool, as_json: bool) -> None:
    """Put a TAG on runs.

    \b
    Example:
      runstone runs tag best 3f2a9c
    """
    opened = repo_of(repo)
    found = [find_run(opened, run_hash) for run_hash in run_hashes]
    for run in found:
        if remove:
            run.remove_tag(tag_name)
        elif tag_name not in run.tags:
            run.add_tag(tag_name)
    for run in found:
        if as_json:
            print_json({"hash": run.hash, "tags": run.tags})
        else:
            click.echo(f"{run.hash}: {printable(', '.join(run.tags)) or 'no tags'}")


def _say(hashes: list[str], what: str, as_json: bool) -> None:
    for run_hash in hashes:
        if as_json:
            print_json({"hash": run_hash, "done": what})
        else:
            click.echo(f"{what} {run_hash}")
