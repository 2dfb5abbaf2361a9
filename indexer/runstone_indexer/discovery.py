"""Finding what may not have been read: by the hints in live/, by folders that changed, by a full sweep."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from runstone_writer.layout import Layout, is_safe_hash

SETTLED_SECONDS = 2.0  # a folder changed more recently may change again within its time stamp's granularity


def hinted(layout: Layout) -> dict[str, list[str]]:
    """Return the writers that have a hint file, by run. One listing of one flat folder."""
    found: dict[str, list[str]] = {}
    try:
        with os.scandir(layout.live) as entries:
            for entry in entries:
                run, _, writer = entry.name.rpartition(".")
                if writer and is_safe_hash(run):
                    found.setdefault(run, []).append(writer)
    except FileNotFoundError:
        return {}
    return found


def shard_marks(layout: Layout) -> dict[str, list[int]]:
    """Return, for each shard folder, what changes when a run is added: its time stamp and its link count.

    The link count (one per subfolder) tells what a time stamp's granularity hides. Where the file system
    does not keep one, a folder that changed just now is marked with 0: it may change again within a tick.
    """
    marks: dict[str, list[int]] = {}
    settled = time.time_ns() - int(SETTLED_SECONDS * 1e9)
    try:
        with os.scandir(layout.logs) as entries:
            for entry in entries:
                if len(entry.name) == 2:
                    status = entry.stat()
                    counted = status.st_nlink > 2
                    changed = status.st_mtime_ns
                    marks[entry.name] = [changed if counted or changed < settled else 0, status.st_nlink]
    except FileNotFoundError:
        return {}
    return marks


def runs_in_shard(layout: Layout, shard: str) -> list[str]:
    try:
        return [name for name in os.listdir(os.path.join(layout.logs, shard)) if is_safe_hash(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def changed_shards(layout: Layout, known: dict[str, list[int]]) -> list[str]:
    """Return the shards that are not as they were when `known` was taken."""
    return [name for name, mark in shard_marks(layout).items() if not mark[0] or known.get(name) != mark]


def sweep(layout: Layout) -> Iterator[str]:
    """Yield every run, shard by shard."""
    for shard in sorted(shard_marks(layout)):
        yield from runs_in_shard(layout, shard)


def log_sizes(layout: Layout, run: str) -> dict[str, int]:
    """Return the size of each of a run's log files, in the order in which they apply."""
    folder = layout.run_folder(run)
    sizes = {}
    for name in layout.log_names(run):
        try:
            sizes[name] = os.stat(os.path.join(folder, name)).st_size
        except OSError:
            sizes[name] = -1  # listed and yet not there to be looked at: reading it will say why
    return sizes
