"""Deleted runs: which there are, and the one that somebody means."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runstone_writer.errors import MissingRunError, UsageError
from runstone_writer.history import History

from .hashes import find_hash, short_hashes
from .output import print_json
from .table import Column, print_table
from .text import show_minute

if TYPE_CHECKING:
    from runstone_query.repo import Repo

COLUMNS = (
    Column("hash", whole=True),
    Column("name", least=20),
    Column("experiment", rank=2),
    Column("creation_time", rank=1, whole=True),
    Column("deleted_time", rank=1, whole=True),
)


def list_deleted(repo: Repo, limit: int | None, as_json: bool) -> None:
    """Print the runs that can be restored, the one that was deleted last first. Reads their logs."""
    rows = _rows(repo)[:limit]
    if as_json:
        for row in rows:
            print_json(row)
        return
    short = short_hashes((row["hash"] for row in rows), len(repo.layout.runs()))
    shown: dict[str, Callable[[Any], str]] = {
        "hash": short.__getitem__,
        "creation_time": show_minute,
        "deleted_time": show_minute,
    }
    cells = ([shown[name](value) if name in shown else value for name, value in row.items()] for row in rows)
    print_table(COLUMNS, cells)


def _rows(repo: Repo) -> list[dict[str, Any]]:
    rows = []
    for run in set(repo.layout.runs()) - set(repo.list_all_runs()):
        state = History(repo.layout, run).read()
        if state.deleted and state.deleted_mark is not None:
            (time, _), _ = state.deleted_mark
            about = {"hash": run, "name": state.name, "experiment": state.experiment}
            rows.append(about | {"creation_time": state.created / 1e6, "deleted_time": time / 1e6})
    return sorted(rows, key=lambda row: (-row["deleted_time"], row["hash"]))


def find_deleted(repo: Repo, text: str) -> str:
    """Return the hash of the deleted run that is meant. Raises MissingRunError, UsageError if it is not deleted."""
    try:
        return find_hash(repo.layout, text, lambda name: not repo.run_exists(name))
    except MissingRunError as error:
        with suppress(MissingRunError):
            there = find_hash(repo.layout, text, repo.run_exists)
            raise UsageError(f"run {there} is not deleted") from error
        hint = "`runstone runs ls --deleted` lists them."
        raise MissingRunError(f"there is no deleted run {text!r}", hint=hint) from error
