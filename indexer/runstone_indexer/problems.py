"""What is wrong with the logs, kept for the manifest: until it is put right, and no longer."""

from __future__ import annotations

import os

from runstone_writer.layout import Layout
from runstone_writer.replay import Problem

from .manifest import Manifest, Row

LISTED = 1000  # of each kind in the manifest; more are only counted


class Problems:
    """Two kinds. Damage lies in bytes that have been read: it is met once, and kept as long as the file is
    there. Everything else is looked at again with its run: what is not found then is gone.
    """

    def __init__(self, layout: Layout, manifest: Manifest) -> None:
        self._layout = layout
        self._damage = {tuple(row): Problem(*row) for row in manifest.damage}
        self._waiting: dict[str, list[Problem]] = {}
        self._unlisted = list(manifest.unlisted)
        for row in manifest.waiting:
            self._waiting.setdefault(self._run_of(row[0]), []).append(Problem(*row))

    def add_damage(self, found: list[Problem]) -> None:
        for problem in found:
            self._damage[tuple(_row(problem))] = problem

    def set_waiting(self, run: str, found: list[Problem]) -> None:
        """Set what waits to be put right in a run's folder (or in a shard's)."""
        if found:
            self._waiting[run] = found
        else:
            self._waiting.pop(run, None)

    def start_over(self) -> None:
        """Prepare for looking at everything."""
        self._waiting.clear()
        self._unlisted[1] = 0
        self._damage = {key: p for key, p in self._damage.items() if os.path.lexists(p.path)}

    def write_to(self, manifest: Manifest) -> None:
        waiting = [problem for found in self._waiting.values() for problem in found]
        manifest.damage = [_row(problem) for problem in list(self._damage.values())[-LISTED:]]
        manifest.waiting = [_row(problem) for problem in waiting[-LISTED:]]
        more = [max(len(found) - LISTED, 0) for found in (self._damage, waiting)]
        manifest.unlisted = [old + new for old, new in zip(self._unlisted, more, strict=True)]

    def _run_of(self, path: str) -> str:
        parts = os.path.relpath(path, self._layout.logs).split(os.sep)
        return parts[1] if len(parts) > 1 else parts[0]


def _row(problem: Problem) -> Row:
    """Names of foreign files may be any bytes; JSON is UTF-8."""
    path = problem.path.encode("utf-8", "backslashreplace").decode()
    return [path, problem.start, problem.end, problem.reason]
