"""What lines of a log refer to: blobs, which are put in their place before the line is written.

When the storage refuses a blob, a point waits for it in memory, and comes later in the log than it would have;
a parameter does not wait (a later value might be overwritten by it) and is dropped. Dropped events are counted
in the log, so that no line ever claims a blob that was not there.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from .errors import RunstoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .log import LogWriter
    from .media.blob import Blob
    from .media.shelf import Shelf

RETRY_SECONDS = 1.0  # after a refusal points do not ask the storage again for so long
WAITING_LIMIT = 64 * 1024 * 1024  # bytes of blobs kept in memory while the storage refuses them


class Cargo:
    """The blobs of one log on their way to the shelf, and the points that wait for them."""

    def __init__(self) -> None:
        self._shelf: Shelf | None = None
        self._waiting: deque[tuple[list[Blob], Callable[[], bytes]]] = deque()
        self._bytes = 0
        self._warned = self._warned_of_sync = False
        self._at_work = False
        self._refusal: OSError | None = None
        self._retry_at = 0.0

    def shelve(self, log: LogWriter, blobs: list[Blob], *, may_wait: bool = False) -> None:
        """Put blobs in their place. Raises OSError if the storage refuses one.

        With `may_wait`, also without asking it again if it has refused one a moment ago.
        """
        if may_wait and self._refusal is not None and time.monotonic() < self._retry_at:
            raise self._refusal
        if self._shelf is None:
            from .media.shelf import Shelf  # noqa: PLC0415 - most runs have numbers only

            self._shelf = Shelf(log.layout)
        try:
            for blob in blobs:
                self._shelf.put(blob, durable=log.durable)
        except OSError as error:
            self._refusal = error.with_traceback(None)  # that would keep the blobs
            self._retry_at = time.monotonic() + RETRY_SECONDS
            raise
        self._refusal = None

    def refused(
        self, log: LogWriter, error: OSError, blobs: list[Blob], make: Callable[[], bytes] | None
    ) -> str:
        """Keep the line that `make` gives until its blobs can be kept, or count it as dropped.

        Return what to warn of, the first time.
        """
        size = sum(blob.size for blob in blobs)
        if make is None or self._bytes + size > WAITING_LIMIT:
            log.append("dropped", count=1)
        else:
            self._waiting.append((blobs, make))
            self._bytes += size
        first, self._warned = not self._warned, True
        if not first:
            return ""
        return (
            f"cannot keep an object in {log.layout.blobs}: {error.strerror or error}\nTraining goes on: points of "
            f"run {log.run} that have objects wait in memory (up to {WAITING_LIMIT >> 20} MiB) and are written as "
            "soon as the storage takes them. What does not fit, and parameters that have objects, are dropped and "
            "counted (`runstone status`)."
        )

    def retry(self, log: LogWriter, *, at_once: bool = False) -> None:
        """Write what waits, as far as the storage takes it. One thread at a time."""
        if self._at_work or not (self._waiting and (at_once or time.monotonic() >= self._retry_at)):
            return
        self._at_work = True
        try:
            while self._waiting:
                blobs, make = self._waiting[0]
                lost = False
                try:
                    self.shelve(log, blobs)
                except OSError:
                    return
                except RunstoneError:  # the file that it is to be made of is not what it was
                    lost = True
                self._waiting.popleft()
                self._bytes -= sum(blob.size for blob in blobs)
                if lost:
                    log.append("dropped", count=1)
                else:
                    log._submit(make)
        finally:
            self._at_work = False

    def sync(self) -> str:
        """Make durable what has been put in its place. Return what to warn of."""
        try:
            if self._shelf is not None:
                self._shelf.sync()
        except OSError as error:
            first, self._warned_of_sync = not self._warned_of_sync, True
            if first:
                return f"objects may not survive a power cut: {error.strerror or error}\nThey are verified when read."
        return ""

    def give_up(self, log: LogWriter) -> str:
        """The log is about to end: count what still waits as dropped. Return what to warn of."""
        count = len(self._waiting)
        if not count:
            return ""
        self._waiting.clear()
        self._bytes = 0
        log.append("dropped", count=count)
        return (
            f"{count} points of run {log.run} that have objects are lost: {log.layout.blobs} refused these."
        )
