"""`runstone init`."""

from __future__ import annotations

import click

from runstone_writer.layout import open_repo

from .options import json_option
from .output import print_json


@click.command()
@click.argument("folder", default=".")
@json_option
def init(folder: str, as_json: bool) -> None:
    """Make a repository in FOLDER (the current one if not given). One that is there stays as it is.

    \b
    Example:
      runstone init experiments
    """
    root = open_repo(folder, create=True).root
    if as_json:
        print_json({"repo": root})
    else:
        click.echo(f"Repository at {root}")
