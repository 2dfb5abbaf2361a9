"""The group of commands, and how errors reach the terminal."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import Any

import click

from runstone_writer.errors import RunstoneError, UsageError

from .._version import __version__
from .text import printable

# In the order of --help: a command and the module that it is in, which is loaded when it is called.
COMMANDS = {
    "init": "init",
    "up": "up",
    "query": "query",
    "runs": "runs",
    "history": "history",
    "tail": "tail",
    "index": "index",
    "reindex": "index",
    "status": "status",
    "fsck": "status",
    "gc": "gc",
    "backup": "gc",
}


class _Group(click.Group):
    """Loads a command's module when it is called, and says our errors without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{COMMANDS[cmd_name]}", __package__), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal's encoding lacks is no error
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:  # `runstone query ... | head`: the reader has what it wanted
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except RunstoneError as error:
            _complain(str(error))
            sys.exit(2 if isinstance(error, UsageError) else 1)
        except OSError as error:
            _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
            sys.exit(1)


def _complain(text: str) -> None:
    click.echo("runstone: " + "\n".join(map(printable, text.splitlines())), err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runstone")
def main() -> None:
    """Runstone: search and follow machine-learning runs.

    Exit codes: 0 all well, 1 it failed or damage was found, 2 a wrong call.

    \b
    Example:
      runstone query "run.hparams.lr > 0.001 and 'best' in run.tags"
    """
