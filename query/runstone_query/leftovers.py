"""Leftovers: what a killed process has left, which nobody reads and the next `gc` removes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from runstone_writer.layout import Layout
from runstone_writer.media.shelf import PARTIAL

INCOMING = "incoming"  # where copies of runs are made, before they are put in place whole


def leftovers(layout: Layout) -> Iterator[tuple[str, os.stat_result]]:
    """Yield temporary files, and copies of runs that were never finished."""
    for folder in (layout.logs, layout.live, layout.blobs):
        yield from dotted(folder)
    for path, status in files(layout.blobs):
        name = os.path.basename(path)
        if name.endswith(PARTIAL) and not name.startswith("."):
            yield path, status
    for folder, keep in ((layout.root, re.compile(r".+\.tmp")), (os.path.join(layout.root, INCOMING), None)):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if keep is None or keep.fullmatch(entry.name):
                    yield entry.path, entry.stat(follow_symlinks=False)


def dotted(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    for path, status in files(folder):
        name = os.path.basename(path)
        if name.startswith(".") and not name.startswith(".nfs"):  # those are a file server's own
            yield path, status


def files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with contextlib.suppress(OSError):
                yield path, os.stat(path, follow_symlinks=False)
