"""Finding what may not have been read: by the hints in live/, by folders that changed, by a full sweep."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from runstone_writer.layout import Layout, is_link, is_log, is_safe_hash, log_order, parse_log_name, shard
from runstone_writer.mounts import is_remote

# Bytes that the folder of hints takes itself, if it is not to be listed for each query.
LARGE_FOLDER = 1 << 20
SETTLED_SECONDS = 2.0  # a folder changed more recently may change again within its time stamp's granularity
_SHARDS = frozenset(f"{number:02x}" for number in range(256))
UNSETTLED = 0  # in place of a time stamp: look at the folder again, whatever its time stamp is then


class RunFolder(NamedTuple):
    """What is in a run's folder: the size of each log, in the order in which they apply, and other names."""

    sizes: dict[str, int]
    foreign: list[str]

    @property
    def extent(self) -> tuple[int, int]:
        """How many logs there are, and how many bytes they have."""
        return len(self.sizes), sum(self.sizes.values())

    @property
    def impostors(self) -> list[str]:
        """The other names that a log would have: somebody has put a link or a folder in the place of one."""
        return [name for name in self.foreign if parse_log_name(name) is not None]


def look_into(layout: Layout, run: str) -> RunFolder:
    """Look at a run's folder; one that is not there is empty. Raises OSError if it cannot be read."""
    sizes, foreign = {}, []
    folder = layout.run_folder(run)
    _refuse_link(os.path.dirname(folder))
    _refuse_link(folder)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_log(entry):
                    sizes[entry.name] = _size(entry)
                elif not entry.name.startswith("."):
                    foreign.append(entry.name)
    except (FileNotFoundError, NotADirectoryError) as error:
        _believe(error, layout.run_folder(run))
        return RunFolder({}, [])
    return RunFolder({name: sizes[name] for name in sorted(sizes, key=log_order)}, sorted(foreign))


def _refuse_link(folder: str) -> None:
    if is_link(folder):
        raise OSError(errno.ELOOP, "a symbolic link, which may lead out of the repository", folder)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return -1  # listed and yet not there to be looked at: reading it will say why


def log_sizes(layout: Layout, run: str) -> dict[str, int]:
    """Return the size of each of a run's log files, in the order in which they apply."""
    return look_into(layout, run).sizes


def hints(layout: Layout) -> Iterator[tuple[str, str]]:
    """Yield (run, writer) of each hint. One listing of one flat folder; hints that have been yielded may be removed."""
    try:
        with os.scandir(layout.live) as entries:
            for entry in entries:
                run, _, writer = entry.name.rpartition(".")
                if writer and is_safe_hash(run):
                    yield run, writer
    except (FileNotFoundError, NotADirectoryError) as error:
        _believe(error, layout.live)


def hinted(layout: Layout) -> dict[str, list[str]]:
    """Return the writers that have a hint file, by run."""
    found: dict[str, list[str]] = {}
    for run, writer in hints(layout):
        found.setdefault(run, []).append(writer)
    return found


class Hinted:
    """What `hinted` returns, for somebody who asks often.

    A folder that has held very many hints stays large on some file systems, and takes milliseconds to be listed. So a
    large one is listed only if it has changed. Not where other hosts write: a time stamp may be late there.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._mark: tuple[int, int, int] | None = None  # of the folder, when it was listed and had settled
        self._found: dict[str, list[str]] = {}

    def now(self) -> dict[str, list[str]]:
        """Return the writers by run, not to be changed. Raises OSError if nothing is known of the folder."""
        mark = self._mark_of_large()
        if mark is None or mark != self._mark:
            self._mark = None  # until it has been listed
            self._found = hinted(self._layout)
            self._mark = mark
        return self._found

    def _mark_of_large(self) -> tuple[int, int, int] | None:
        """What changes with the folder; None if it has to be listed in any case."""
        try:
            status = os.lstat(self._layout.live)
        except OSError:
            return None
        is_settled = status.st_mtime_ns < time.time_ns() - int(SETTLED_SECONDS * 1e9)
        if status.st_size < LARGE_FOLDER or not is_settled or is_remote(status.st_dev):
            return None
        return status.st_mtime_ns, status.st_ino, status.st_dev


def _believe(error: OSError, folder: str) -> None:
    """Raise `error`, which says that a folder is not there, if it is: then nothing is known of what is in it."""
    if isinstance(error, FileNotFoundError) and os.path.lexists(folder):
        raise error


def shard_marks(layout: Layout) -> dict[str, list[int]]:
    """Return, for each shard folder, what changes when a run is added: its time stamp and its link count."""
    marks: dict[str, list[int]] = {}
    settled = time.time_ns() - int(SETTLED_SECONDS * 1e9)
    try:
        with _entries_of(layout.logs) as entries:
            for entry in entries:
                if entry.name in _SHARDS:
                    status = entry.stat(follow_symlinks=False)
                    marks[entry.name] = mark_of(status.st_mtime_ns, status.st_nlink, settled)
    except (FileNotFoundError, NotADirectoryError) as error:
        _believe(error, layout.logs)
        return {}
    return marks


@contextlib.contextmanager
def _entries_of(folder: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    """List a folder by its descriptor, where that can be done: each look at an entry then has a shorter way to go."""
    if os.scandir not in os.supports_fd:
        with os.scandir(folder) as entries:
            yield entries
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(fd) as entries:
            yield entries
    except OSError as error:
        error.filename = folder  # it has the descriptor there
        raise
    finally:
        os.close(fd)


def mark_of(changed: int, links: int, settled: int) -> list[int]:
    """Return the mark of a shard folder.

    The link count (one per subfolder) tells what a time stamp's granularity hides. Where the file system
    does not keep one, a folder that changed just now is UNSETTLED: it may change again within a tick.
    """
    return [changed if links > 2 or changed < settled else UNSETTLED, links]


def runs_in_shard(layout: Layout, name: str) -> list[str]:
    """Return the runs in a shard folder. Raises OSError if it is there and cannot be read."""
    folder = os.path.join(layout.logs, name)
    _refuse_link(folder)
    try:
        found = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        _believe(error, folder)
        return []
    return [run for run in found if is_safe_hash(run) and shard(run) == name]


def changed_shards(marks: dict[str, list[int]], known: dict[str, list[int]]) -> list[str]:
    """Return the shards whose marks are not as they were when `known` was taken."""
    return [name for name, mark in marks.items() if mark[0] == UNSETTLED or known.get(name) != mark]


def sweep(layout: Layout, refused: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """Yield every run, shard by shard; `refused` is told of shards that cannot be read (or else it is raised)."""
    for name in sorted(shard_marks(layout)):
        try:
            yield from runs_in_shard(layout, name)
        except OSError as error:
            if refused is None:
                raise
            refused(error)
