"""The group of commands, and how errors reach the terminal."""

from __future__ import annotations

import sys
from typing import Any

import click

from runstone_writer.errors import QueryError, RunstoneError, UsageError

from .._version import __version__


class _Group(click.Group):
    """Loads a command's module when it is called, and says our errors without a traceback."""

    commands_at = {
        "init": "init", "index": "index", "reindex": "index", "query": "query", "runs": "runs", "tail": "tail",
        "status": "status", "fsck": "status",
    }  # fmt: skip

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in self.commands_at:
            return None
        from importlib import import_module  # noqa: PLC0415

        module = import_module(f".{self.commands_at[cmd_name]}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RunstoneError as error:
            click.echo(f"runstone: {error}", err=True)
            sys.exit(2 if isinstance(error, UsageError | QueryError) else 1)
        except BrokenPipeError:  # `runstone query ... | head`
            sys.stderr.close()
            sys.exit(0)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runstone")
def main() -> None:
    """Runstone: search and follow machine-learning runs.

    \b
    Example:
      runstone query "run.hparams.lr > 0.001 and 'best' in run.tags"
    """
