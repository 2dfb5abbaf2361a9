"""`runstone up`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from .._version import __version__
from .options import json_option, layout_of, repo_option
from .output import note, print_json
from .text import printable

if TYPE_CHECKING:
    from runstone_ui.settings import Settings


@click.command()
@repo_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=43800,
    show_default=True,
    help="The port; 0 takes any that is free.",
)
@click.option("--read-only", is_flag=True, help="Change nothing, not even the index.")
@click.option("--no-index", is_flag=True, help="Leave indexing to others.")
@click.option("--base-path", metavar="PATH", default="", help="What stands before all paths behind a proxy.")
@click.option(
    "--token",
    envvar="RUNSTONE_TOKEN",
    default="",
    help="What whoever asks has to know. Made up if others than this machine can reach the server.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME[:PORT]",
    multiple=True,
    help="A host name under which the server is reached besides its own, as behind a proxy.",
)
@click.option("--ssl-keyfile", type=click.Path(exists=True, dir_okay=False), help="The key, for HTTPS.")
@click.option(
    "--ssl-certfile", type=click.Path(exists=True, dir_okay=False), help="The certificate, for HTTPS."
)
@json_option
def up(
    repo: str | None,
    host: str,
    port: int,
    read_only: bool,
    no_index: bool,
    base_path: str,
    token: str,
    allowed_hosts: tuple[str, ...],
    ssl_keyfile: str | None,
    ssl_certfile: str | None,
    as_json: bool,
) -> None:
    """Serve the page on which runs are looked at, until Ctrl-C.

    Only this machine can reach it, unless --host says otherwise: then it asks for the token that is
    in the address that it prints. What it knows is indexed in the background.

    \b
    Examples:
      runstone up
      runstone up --port 0 --read-only
      runstone up --host 0.0.0.0 --allowed-host gpu-7.lab.example
    """
    from runstone_ui.serving import serve  # noqa: PLC0415 - the web server is loaded only here
    from runstone_ui.settings import Settings  # noqa: PLC0415

    layout = layout_of(repo)
    settings = Settings(
        layout,
        host=host,
        port=port,
        read_only=read_only or not os.access(layout.logs, os.W_OK),
        base_path=base_path,
        token=token,
        allowed_hosts=allowed_hosts,
        ssl_keyfile=ssl_keyfile,
        ssl_certfile=ssl_certfile,
        index=not no_index,
        version=__version__,
    )
    serve(settings, lambda ready: _say(ready, as_json))
    if not as_json:
        note("Stopped.")


def _say(settings: Settings, as_json: bool) -> None:
    address = settings.address + (f"?token={settings.token}" if settings.token else "")
    if as_json:
        print_json({"address": address, "pid": os.getpid(), "read_only": settings.read_only})
        return
    click.echo(address)
    note(f"Serving {printable(settings.layout.root)} (Ctrl-C ends it)")
    if settings.read_only:
        note("Nothing can be changed: it is read-only.")
    if not settings.is_local and not settings.ssl_certfile:
        note(
            "Whoever can read the traffic of this network can read the token. --ssl-keyfile and --ssl-certfile help."
        )
