"""A log for storage that hangs: calls never touch the disk, a thread of the log's own does.

Events are *accepted*, not written: a SIGKILL loses what the thread has not got to (a few milliseconds
of events while the storage answers). What does not fit into memory while it hangs is dropped, oldest
first, and the number dropped is recorded in the log.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import deque
from typing import Any

from .layout import Layout
from .log import WAITING_LIMIT, Kind, LogWriter, encode_event, encode_point
from .tender import BEAT_SECONDS, SYNC_SECONDS

DRAIN_SECONDS = 0.02
CLOSE_SECONDS = 5.0  # how long close() waits for storage that hangs


class AcceptedLog(LogWriter):
    """A LogWriter whose callers only ever append to a queue in memory."""

    def __init__(self, layout: Layout, run: str, *, kind: Kind = "run") -> None:
        super().__init__(layout, run, kind=kind)

    def _start(self) -> None:
        super()._start()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._lost = 0
        self._stop = threading.Event()
        self._drainer: threading.Thread | None = None

    def point(self, sequence: int, step: float, value: Any, epoch: float | None) -> None:
        self._accept(encode_point(sequence, step, value, self.now(), epoch))

    def append(self, event: str, **fields: Any) -> None:
        self._accept(encode_event({"event": event, "dt": self.now(), **fields}, f"the {event!r} event"))

    def declare(self, sequence: int, name: str, context: Any, kind: str) -> None:
        fields = {"event": "sequence", "id": sequence, "name": name, "context": context, "type": kind}
        body = encode_event(fields, f"the declaration of sequence {name!r}")
        self.declarations[sequence] = body
        self._accept(body)

    def _accept(self, body: bytes) -> None:
        self._queue.append(body)
        self._queued += len(body)
        if self._queued > WAITING_LIMIT:
            self._queued -= len(self._queue.popleft())
            self._lost += 1
        if self._drainer is None:
            self._drainer = threading.Thread(target=self._drain_for_ever, name="runstone-log", daemon=True)
            self._drainer.start()

    def _drain_for_ever(self) -> None:
        synced = beaten = time.monotonic()
        while not self._stop.wait(DRAIN_SECONDS):
            self._drain()
            now = time.monotonic()
            if now - synced >= SYNC_SECONDS:
                super().sync()
                synced = now
            if now - beaten >= BEAT_SECONDS:
                super().beat()
                beaten = now

    def _drain(self) -> None:
        while self._queue:
            body = self._queue.popleft()
            self._queued -= len(body)
            with self._lock:
                self._append(body)
        if self._lost:
            lost, self._lost = self._lost, 0
            with self._lock:
                self._append(encode_event({"event": "dropped", "dt": self.now(), "count": lost}, "the count"))

    def sync(self) -> None:
        """Do nothing: the shared tender must not wait for storage that may hang."""

    def beat(self) -> None:
        """Do nothing: the log's own thread beats its heart."""

    def close(self, final: str | None = None) -> None:
        """Append `final` and wait up to CLOSE_SECONDS for everything to be written."""
        if self.closed:
            return
        if self._drainer is not None:
            if final is not None:
                self.append(final)
            until = time.monotonic() + CLOSE_SECONDS
            while self._queue and time.monotonic() < until:
                time.sleep(DRAIN_SECONDS)
            self._stop.set()
            self._drainer.join(max(until - time.monotonic(), 0.1))
            if self._drainer.is_alive():
                warnings.warn(
                    f"the storage under {self.path()} does not answer: {len(self._queue)} accepted events of run "
                    f"{self.run} were not written.",
                    RuntimeWarning,
                    stacklevel=3,
                )
                self.closed = True
                return
            self._drain()
            super().sync()
        super().close()
