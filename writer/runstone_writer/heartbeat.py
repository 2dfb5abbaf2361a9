"""A writer's heartbeat: a counter in its hint file, so that any host can see that it moves (repository.md, "live/")."""

from __future__ import annotations

import contextlib
import os

from .layout import Layout


class Heartbeat:
    """The hint of one writer."""

    def __init__(self, layout: Layout, run: str, writer: str) -> None:
        self._path = layout.hint_path(run, writer)
        self._beats = 0

    def begin(self) -> None:
        """Make the hint. Raises OSError if the storage refuses it."""
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.pwrite(fd, b"%d\n" % self._beats, 0)
        finally:
            os.close(fd)

    def beat(self) -> None:
        """Move the counter on."""
        self._beats += 1
        with contextlib.suppress(OSError):
            self.begin()
