"""`runstone init`."""

from __future__ import annotations

import os

import click

from runstone_writer.layout import open_repo, repo_root

from .options import json_option
from .output import print_json
from .text import printable


@click.command()
@click.argument("folder", default=".")
@json_option
def init(folder: str, as_json: bool) -> None:
    """Make a repository in FOLDER (the current one if not given).

    One that is there already stays as it is.

    \b
    Example:
      runstone init experiments
    """
    was_there = os.path.exists(os.path.join(repo_root(folder), "format.json"))
    root = open_repo(folder, create=True).root
    if as_json:
        print_json({"repo": root, "created": not was_there})
    else:
        click.echo(
            f"{'There is a repository already' if was_there else 'Made a repository'} at {printable(root)}"
        )
