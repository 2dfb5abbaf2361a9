"""`runstone history`: what was changed in a run, when and by whom."""

from __future__ import annotations

from typing import Any, cast

import click

from runstone_writer.changes import KINDS
from runstone_writer.values import show_key

from .hashes import find_run
from .options import json_option, repo_of, repo_option, time_option
from .output import note, print_json
from .table import Column, print_table
from .text import show_time

COLUMNS = (
    Column("time", whole=True),
    Column("of", rank=2, whole=True),
    Column("what", least=16),
    Column("value", least=16),
    Column("host", rank=1),
    Column("writer", rank=3, whole=True),
)


@click.command()
@click.argument("run_hash", metavar="RUN")
@click.argument("key", required=False)
@repo_option
@click.option("--of", type=click.Choice(KINDS), help="What KEY is; parameters if not given.")
@time_option
@json_option
def history(
    run_hash: str, key: str | None, repo: str | None, of: str | None, time: str | None, as_json: bool
) -> None:
    """Show each value that KEY has had in a run, with time and writer.

    Without KEY all changes are shown. KEY is a parameter such as hparams.lr; with --of a property (name,
    description, experiment, archived), a tag, or one of opened, ended and deleted.

    \b
    Examples:
      runstone history 3f2a9c hparams.lr
      runstone history 3f2a9c name --of props
    """
    run = find_run(repo_of(repo, time), run_hash)
    changes = run.history(key, cast(Any, of))
    if as_json:
        for change in changes:
            print_json(change._asdict())
        return
    rows = [
        (
            show_time(change.time),
            change.of,
            show_key(change.key) if change.of == "params" else change.key[0],
            "(deleted)" if change.deleted else repr(change.value),
            change.host,
            change.writer,
        )
        for change in changes
    ]
    print_table(COLUMNS, rows)
    if key is not None and not changes:
        note(f"The run never had {key!r}.")
