"""Options that several commands share, and what they open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runstone_writer.errors import MissingRepoError
from runstone_writer.layout import Layout, find_repo, open_repo

from .output import ProgressBar

if TYPE_CHECKING:
    from runstone_query.repo import Repo

repo_option = click.option(
    "--repo",
    metavar="DIR",
    envvar="RUNSTONE_REPO",
    help="The folder that holds .runstone; the nearest one upwards if not given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one value a line.")
limit_option = click.option("--limit", type=click.IntRange(0), help="Show at most so many.")

time_option = click.option(
    "--at",
    "time",
    metavar="TIME",
    help="As it stood then: '2026-11-22 14:30' (local time, unless it has a zone), or seconds since the epoch.",
)


def layout_of(repo: str | None) -> Layout:
    """Return the repository that the command is about. Raises MissingRepoError."""
    if repo is not None:
        return open_repo(repo)
    found = find_repo()
    if found is None:
        raise MissingRepoError(
            "there is no Runstone repository here or in a folder above",
            hint="Give one with --repo DIR, or create one with `runstone init`.",
        )
    return open_repo(found)


def repo_of(repo: str | None, time: str | None = None) -> Repo:
    """Return the Repo that the command is about, at a time if one is given; it shows how far it is if that takes long."""
    from runstone_query.repo import Repo  # noqa: PLC0415 - loads the whole query layer

    opened: Repo = Repo(layout_of(repo))
    if time is not None:
        opened = opened.at(_seconds(time))
    opened.snapshots.progress = ProgressBar("indexing" if time is None else "reading logs")
    return opened


def _seconds(time: str) -> float | str:
    try:
        number = float(time)
    except ValueError:
        return time
    return number if number > LATEST_DATE else time


LATEST_DATE = 99_991_231  # what is above cannot be a date without its dashes
