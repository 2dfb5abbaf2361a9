"""Options that several commands share."""

from __future__ import annotations

from typing import Any

import click

from runstone_writer.errors import MissingRepoError
from runstone_writer.layout import Layout, find_repo, open_repo

repo_option = click.option(
    "--repo",
    metavar="DIR",
    envvar="RUNSTONE_REPO",
    help="The folder that holds .runstone; the nearest one upwards if not given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one value a line.")


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


def repo_of(repo: str | None) -> Any:
    """Return the Repo that the command is about."""
    from runstone_query.repo import Repo  # noqa: PLC0415 - loads the whole query layer

    return Repo(layout_of(repo))
