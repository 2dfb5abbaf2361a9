"""Repair: what is derived is made anew, what is damaged is set aside with a note. No log is ever changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import index_folder
from runstone_writer.errors import StoreError
from runstone_writer.layout import Layout, is_link, make_folder, sync_folder
from runstone_writer.replay import Problem

from .damaged import Damaged
from .verify import Verdict, verify

ROUNDS = 3  # what is moved leaves a gap, which is found and written down by the next
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Repaired:
    """What a repair did, or would do."""

    dry_run: bool = False
    noted: list[Problem] = field(default_factory=list)  # written down; the file stays where it is
    moved: list[Problem] = field(default_factory=list)  # to damaged/
    rebuilt: list[Problem] = field(default_factory=list)  # why the index was made anew
    left: list[Problem] = field(default_factory=list)  # what only somebody else can put right
    folders: list[str] = field(default_factory=list)  # that were missing

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.noted or self.moved or self.rebuilt or self.folders)


def repair(
    layout: Layout, *, dry_run: bool = False, verdict: Verdict | None = None, progress: Progress | None = None
) -> Repaired:
    """Repair a repository; `verdict` is what `verify` has just found in it.

    With `dry_run` nothing is changed. Killed at any point it can be called again; called again it changes nothing.
    Raises StoreError if the repository cannot be written, IndexBusyError while another process indexes.
    """
    found = verify(layout, progress) if verdict is None else verdict
    done = Repaired(dry_run)
    if dry_run:
        _act(layout, found, done)
        return done
    if not os.access(layout.root, os.W_OK):
        raise StoreError(
            f"cannot repair {os.path.dirname(layout.root)}: it cannot be written",
            path=layout.root,
            hint="`runstone fsck` alone changes nothing. Copy the repository with `runstone backup`, and repair the copy.",
        )
    Damaged(layout).clear()
    for _ in range(ROUNDS):
        before, done.left = _count(done), []
        _act(layout, found, done)
        if _count(done) == before:
            break
        found = verify(layout)
    return done


def _count(done: Repaired) -> int:
    return len(done.noted) + len(done.moved) + len(done.rebuilt) + len(done.folders)


def _act(layout: Layout, found: Verdict, done: Repaired) -> None:
    """Do what can be done about everything that was found; in a dry run only say it."""
    damaged = Damaged(layout)
    for name in ("logs", "live"):
        path = os.path.join(layout.root, name)
        if not os.path.lexists(path):
            done.folders.append(path)
            if not done.dry_run:
                make_folder(path)
                sync_folder(layout.root)
    for problem in found.damage:
        if _is_for_others(problem):
            done.left.append(problem)
            continue
        moves = _is_in(problem.path, layout.blobs) and os.path.lexists(problem.path)
        (done.moved if moves else done.noted).append(problem)
        if not done.dry_run:
            damaged.note(problem, moves=moves)
    if found.index:
        done.rebuilt += found.index
        for problem in _in_the_way(layout):
            done.moved.append(problem)
            if not done.dry_run:
                damaged.note(problem, moves=True)
        if not done.dry_run:
            for problem in found.index:
                if not os.path.lexists(
                    problem.path
                ):  # a run of which only the index knew: after this nobody does
                    damaged.note(problem)
            Indexer(layout).reindex()


def _in_the_way(layout: Layout) -> Iterator[Problem]:
    for folder in (layout.index, index_folder(layout)):
        if os.path.lexists(folder) and (is_link(folder) or not os.path.isdir(folder)):
            yield Problem(folder, 0, 0, "in the place of the index, and not a folder")
            return


def _is_for_others(problem: Problem) -> bool:
    """Whether all that is wrong is that it cannot be read here, by this process and this version."""
    unreadable = problem.start == problem.end and os.path.lexists(problem.path)
    return unreadable and ("cannot be read" in problem.reason or "has log format" in problem.reason)


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder + os.sep)
