"""Run hashes as people handle them: shown short, and accepted by any beginning that only one run has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

from runstone_writer.errors import MissingRunError, UsageError
from runstone_writer.layout import Layout, is_safe_hash

if TYPE_CHECKING:
    from runstone_query.repo import Repo
    from runstone_query.run import StoredRun

SHORTEST = 8
NAMED = 5  # of the runs that an ambiguous hash may mean


def short_hashes(hashes: Iterable[str], total: int) -> dict[str, str]:
    """Return each hash cut to a length at which it stands for one run.

    It does among the given ones for certain; among all `total` runs, whose hashes are not looked at, with odds
    of a thousand to one or better (one that is ambiguous after all is refused, with the choice, when it is used).
    """
    names = set(hashes)
    length = SHORTEST
    while 16**length < 1000 * total * len(names) or len({name[:length] for name in names}) < len(names):
        length += 1
    return {name: name[:length] for name in names}


def find_run(repo: Repo, text: str) -> StoredRun:
    """Return the run whose hash is or starts with `text`. Raises UsageError if several do.

    Raises DeletedRunError if it was deleted, MissingRunError if there is none.
    """
    try:
        run_hash = find_hash(repo.layout, text, repo.run_exists)
    except MissingRunError:
        run_hash = find_hash(repo.layout, text)
    run = repo.get_run(run_hash)
    if run is None:
        repo.record(run_hash)  # says why
        _missing(text)
    return run


def find_hash(layout: Layout, text: str, wanted: Callable[[str], bool] = lambda _: True) -> str:
    """Return the hash of the one `wanted` run whose hash is or starts with `text`."""
    if is_safe_hash(text) and os.path.isdir(layout.run_folder(text)):
        return text
    found = [name for name in layout.runs() if text and name.startswith(text) and wanted(name)]
    if len(found) > 1:
        named = ", ".join(sorted(found)[:NAMED])
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise UsageError(f"{text!r} is the beginning of {len(found)} runs", hint=f"They are {named}{more}.")
    return found[0] if found else _missing(text)


def _missing(text: str) -> NoReturn:
    raise MissingRunError(f"there is no run {text!r}", hint="`runstone runs ls` lists the runs.")
