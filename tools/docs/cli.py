"""Writes docs/cli.md, the --help of every command. Run it after a change of the command line:

python tools/docs/cli.py
"""

from collections.abc import Iterator
from pathlib import Path

import click

from runstone.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
WIDTH = 100
INTRODUCTION = """\
# The command line

This page is made by `python tools/docs/cli.py` from what the program itself says; a test compares the two.

Data goes to stdout, notes and errors go to stderr. With `--json` every line of stdout is one JSON value: NaN,
infinities and integers beyond 64 bits are strings in it, and nothing is cut. Tables are as wide as the terminal (or
`$COLUMNS`) at most, and into a pipe as wide as it takes; their numbers have six digits, where `--json` and `--csv` have
all. Control characters in names and values are shown as escapes, in tables and in JSON.

A run is named by its hash, or by any beginning of it that no other run has.

| exit code | meaning |
|---|---|
| 0 | all well |
| 1 | it failed, or `runstone fsck` found damage |
| 2 | a wrong call: an unknown option, a query that cannot be right, a beginning that several runs have |
"""


def page() -> str:
    """Return the page as it should be."""
    top = click.Context(main, info_name="runstone", terminal_width=WIDTH, **main.context_settings)
    sections = [f"## {c.command_path}\n\n```text\n{c.command.get_help(c)}\n```\n" for c in contexts(top)]
    return "\n".join([INTRODUCTION, *sections])


def contexts(context: click.Context) -> Iterator[click.Context]:
    """Yield a command and all below it, in the order of --help."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from contexts(click.Context(command, info_name=name, parent=context))


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"Wrote {PAGE}")
