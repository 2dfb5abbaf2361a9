"""The folder ``damaged``: what a repair has set aside, each with a note (docs/format/repository.md)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from zlib import crc32

import orjson

from runstone_writer.layout import Layout, make_folder, open_file, sync_folder, write_whole
from runstone_writer.replay import Problem

from .blobs import PIECE

FOLDER = "damaged"


class Damaged:
    """The folder ``damaged`` of one repository."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.root = os.path.join(layout.root, FOLDER)

    def has(self, problem: Problem) -> bool:
        """Tell whether there is a note of just this: the same bytes in the same place."""
        return os.path.isfile(self._note(problem))

    def note(self, problem: Problem, *, moves: bool = False) -> None:
        """Write a problem down, and move the file that has it if asked to. Raises OSError."""
        path, target = self._note(problem), self._note(problem).removesuffix(".json")
        if not os.path.isfile(path):
            make_folder(self.root)
            fields = {**self._facts(problem), "moved": moves, "time": time.time()}
            write_whole(path, orjson.dumps(fields, option=orjson.OPT_INDENT_2) + b"\n")
            sync_folder(self._layout.root)
        if moves and os.path.lexists(problem.path):
            os.rename(problem.path, target)
            sync_folder(self.root)
            sync_folder(os.path.dirname(problem.path))

    def clear(self) -> None:
        """Remove what a repair that was killed has left of a note."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(self.root):
                if name.endswith(".tmp"):
                    os.unlink(os.path.join(self.root, name))

    def _note(self, problem: Problem) -> str:
        name = hashlib.sha256(orjson.dumps(list(self._facts(problem).values()))).hexdigest()[:16]
        return os.path.join(self.root, f"{name}.json")

    def _facts(self, problem: Problem) -> dict[str, str | int | None]:
        path = os.path.relpath(problem.path, self._layout.root).encode("utf-8", "backslashreplace").decode()
        reason = problem.reason.encode("utf-8", "backslashreplace").decode()
        facts: dict[str, str | int | None] = {
            "path": path,
            "start": problem.start,
            "end": problem.end,
            "reason": reason,
        }
        facts["crc"] = _crc_of(problem)
        return facts


def set_aside(layout: Layout, problems: Iterable[Problem]) -> tuple[list[Problem], list[Problem]]:
    """Return the problems that have been set aside, and the others."""
    damaged = Damaged(layout)
    known: list[Problem] = []
    others: list[Problem] = []
    for problem in problems:
        (known if damaged.has(problem) else others).append(problem)
    return known, others


def bytes_of(problem: Problem) -> Iterator[bytes]:
    """Yield the bytes that a problem is about, in pieces; nothing if they cannot be read."""
    left = problem.end - problem.start
    with contextlib.suppress(OSError), open(open_file(problem.path), "rb", buffering=0) as file:
        file.seek(problem.start)
        while left > 0 and (data := file.read(min(PIECE, left))):
            left -= len(data)
            yield data


def _crc_of(problem: Problem) -> int | None:
    if not os.path.isfile(problem.path):
        return None
    crc = 0
    for data in bytes_of(problem):
        crc = crc32(data, crc)
    return crc
