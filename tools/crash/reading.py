"""Calls that fail while a repository is read: the answer is right, or an error or a warning says what it lacks.

    python tools/crash/reading.py --seed 7

The oracle is what the same questions were answered before.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from campaign import Options, Row, lacking, main
from failing import Fault, Nursery, Orders, Outcome, Say, remove
from faults import (
    ask,
    sweep,
    two_runs,
    workshop,
)

from runstone import Repo


def read(say: Say, orders: Orders, repo: str, index: bool, held: bool, ends: bool) -> None:
    """Ask under a fault, and again when it has ended."""
    del ends
    orders.lift()
    opened = Repo(repo, index=index, read_only=True) if held else None
    if opened is not None:
        say("before", ask(opened))
    orders.arm()
    from runstone_writer.errors import RunstoneError

    try:
        if opened is None:
            opened = Repo(repo, index=index, read_only=True)
        say("under", ask(opened))
    except RunstoneError as error:
        orders.lift()
        say("refused", str(error))
    orders.lift()
    if opened is None:
        opened = Repo(repo, index=index, read_only=True)
    say("after", ask(opened))


def reader(options: Options) -> Row:
    """A reader: a Repo that is held open, and a new one, with an index and without."""
    row = Row("R7", "calls that fail in a reader", "faults", control="what cannot be read is passed over")
    row.skipped = lacking("cc")
    if row.skipped:
        return row
    with workshop() as (folder, nursery):
        prepared = two_runs(folder, nursery)
        shutil.copytree(prepared, folder / "repo", symlinks=True)
        expected = nursery.run(read, Fault(), folder / "repo", folder / "repo", False, False, False).said
        check = partial(check_reading, expected[-1][1])
        share = options if options.trials is None else Options(options.seed, options.trials // 4 + 1)
        for index in (True, False):
            for held in (True, False):
                what = f"{'held' if held else 'new'}, {'with' if index else 'without'} an index"
                sweep(
                    row, folder, nursery, share, read, check, index, held, prepared=prepared, may_end=False, what=what
                )  # fmt: skip
        _control_reader(row, folder, nursery, prepared, check)
    return row


def check_reading(expected: Any, repo: Path, done: Outcome) -> list[str]:
    """An answer is right, or somebody said which file is in its way."""
    if done.code is None:
        return ["the reader hangs"]
    if done.code != 0:
        return [f"the reader died ({done.code}): {done.error[-700:]}{done.stderr[-600:]}"]
    said = {what[0]: what[1] for what in done.said}
    found = []
    for moment in ("before", "after"):
        if moment in said and said[moment] != expected:
            found.append(f"the answer {moment} the fault is not right: {said[moment]}")
    told = [text for text in [*done.warnings, said.get("refused", "")] if str(repo) in text]
    if "refused" in said and not told:
        found.append(f"the error names no file: {said['refused']}")
    if "under" in said and said["under"] != expected and not told:
        found.append(f"in silence: {_difference(expected, said['under'])}")
    return found


def _difference(expected: Any, given: Any) -> str:
    wrong = [key for key in expected if given.get(key) != expected[key]]
    return f"not right for {wrong}, such as {given.get(wrong[0])}" if wrong else f"too much: {sorted(given)}"


def _control_reader(
    row: Row, folder: Path, nursery: Nursery, prepared: Path, check: Callable[[Path, Outcome], list[str]]
) -> None:
    place = folder / "repo"
    for nth in range(1, 9):
        remove(place)
        shutil.copytree(prepared, place, symlinks=True)
        fault = Fault("read", "EIO", nth, for_ever=True)
        done = nursery.run(read_carelessly, fault, place, place, False, False, False)
        row.controls += 1
        row.caught += bool(done.failed and check(place, done))


def read_carelessly(say: Say, orders: Orders, *args: Any) -> None:
    """The control: a reader that passes over what it cannot read, without a word."""
    import warnings

    warnings.showwarning = lambda *_, **__: None
    read(say, orders, *args)


CAMPAIGNS = {"reader": reader}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
