"""`runstone gc` and `runstone backup`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .options import json_option, repo_of, repo_option
from .output import ProgressBar, note, print_json
from .text import count_of, printable, show_path, show_size

if TYPE_CHECKING:
    from runstone_query.garbage import Collected

SHOWN = 20


@click.command()
@repo_option
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=7.0,
    show_default=True,
    metavar="DAYS",
    help="Leave alone what was deleted or touched since.",
)
@click.option("--now", is_flag=True, help="The same as --grace 0.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def gc(repo: str | None, grace: float, now: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove for good what was deleted or is left over.

    That is the bytes of deleted runs, blobs that no log names, and temporary files of killed processes.
    What is removed cannot be restored. A run that is being written stays, whatever was deleted.

    \b
    Examples:
      runstone gc --dry-run
      runstone gc --now --yes
    """
    opened = repo_of(repo)
    seconds = 0.0 if now else grace * 86400
    if not (dry_run or yes):
        planned = opened.gc(grace=seconds, dry_run=True)
        if planned.runs:
            for run in planned.runs[:SHOWN]:
                click.echo(run, err=True)
            if len(planned.runs) > SHOWN:
                click.echo(f"... and {len(planned.runs) - SHOWN:,} more", err=True)
            click.confirm(
                f"Remove {count_of(len(planned.runs), 'deleted run')} for good?", abort=True, err=True
            )
    done = opened.gc(grace=seconds, dry_run=dry_run, progress=ProgressBar("reading logs"))
    if as_json:
        print_json(asdict(done) | {"bytes": done.bytes})
    else:
        _say(done)


def _say(done: Collected) -> None:
    verb = "Would remove" if done.dry_run else "Removed"
    click.echo(
        f"{verb} {count_of(len(done.runs), 'run')} ({show_size(done.run_bytes)}), "
        f"{count_of(done.blobs, 'blob')} ({show_size(done.blob_bytes)}), "
        f"{count_of(done.leftovers, 'temporary file')} ({show_size(done.leftover_bytes)})."
    )
    for run in done.runs if done.dry_run else ():
        click.echo(f"  {run}")
    for run, why in list(done.kept.items())[:SHOWN]:
        note(f"Kept {run}: {why}.")
    if len(done.kept) > SHOWN:
        note(f"... and {len(done.kept) - SHOWN:,} more: --json has all")
    for path in done.unreadable[:SHOWN]:
        note(f"Every blob stays, because this cannot be read: {show_path(path)}")


@click.command()
@click.argument("dest")
@repo_option
@json_option
def backup(dest: str, repo: str | None, as_json: bool) -> None:
    """Copy what is new to the backup in the folder DEST.

    The first time that is everything. Runs may be written meanwhile. The copy is a repository itself, without an index.
    Nothing is ever removed from it. Ends with exit code 1 if something could not be copied or is damaged.

    \b
    Example:
      runstone backup /mnt/backup/experiments
    """
    opened = repo_of(repo)
    done = opened.backup(dest, ProgressBar("copying"))
    if as_json:
        problems = [
            {"path": p.path, "start": p.start, "end": p.end, "reason": p.reason} for p in done.problems
        ]
        print_json(asdict(done) | {"problems": problems})
    else:
        click.echo(
            f"Copied {show_size(done.log_bytes)} of {count_of(done.logs, 'log')} and "
            f"{count_of(done.blobs, 'blob')} ({show_size(done.blob_bytes)}) to {printable(done.path)}, "
            f"which has {count_of(done.runs, 'run')}."
        )
        for problem in done.problems:
            click.echo(f"  {printable(problem.reason)}\n    {show_path(problem.path)}")
    if done.problems:
        click.get_current_context().exit(1)
