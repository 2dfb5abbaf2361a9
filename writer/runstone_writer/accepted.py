"""A log for storage that hangs: calls never touch the disk, a thread of the log's own does.

Events are *accepted*, not written: a SIGKILL loses what the thread has not got to (a few milliseconds
of events while the storage answers). What does not fit into memory while it hangs is dropped, oldest
first, and the number dropped is recorded in the log.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from .lines import encode_event
from .log import WAITING_LIMIT, Kind, LogWriter
from .tender import BEAT_SECONDS, SYNC_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .layout import Layout
    from .media.blob import Blob

DRAIN_SECONDS = 0.02
CLOSE_SECONDS = 5.0  # how long close() waits for storage that hangs


_DECLARATION = b'{"event":"sequence"'


class _Laden(bytes):
    """The body of a line that refers to blobs, with them."""

    blobs: list[Blob]


class AcceptedLog(LogWriter):
    """A LogWriter whose callers only ever append to a queue in memory."""

    def __init__(self, layout: Layout, run: str, *, kind: Kind = "run") -> None:
        super().__init__(layout, run, kind=kind)
        self.may_refuse = False  # by the time that the storage refuses, nobody waits for the answer

    def _start(self) -> None:
        super()._start()
        self._gate = threading.RLock()  # guards the queue, and is never held while the disk is asked
        self._early: deque[Callable[[], bytes]] = (
            deque()
        )  # wanted by a signal handler while the gate was shut
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._kept: deque[bytes] = deque()  # declarations that did not fit: one for each sequence at most
        self._draining: bytes | None = None
        self._lost = 0
        self._synced = self._beaten = 0.0
        self._told = False  # that objects are dropped
        self._stop = threading.Event()
        self._drainer: threading.Thread | None = None
        self._close_last = False  # whether the log's own thread closes it, when it gets that far

    def point(self, sequence: int, step: float, value: Any, epoch: float | None) -> None:
        self._submit(partial(self._encode_point, sequence, step, value, epoch))

    def _submit_all(self, makes: list[Callable[[], bytes]]) -> None:
        for make in makes:
            self._submit(make)

    def _submit_with(self, blobs: list[Blob], make: Callable[[], bytes], *, waits: bool) -> None:
        """Accept a line with its blobs: files are read now, and what the storage refuses later is dropped."""
        del waits
        from .media.blob import MemoryBlob  # noqa: PLC0415 - most runs have numbers only

        body = _Laden(make())
        body.blobs = [blob if isinstance(blob, MemoryBlob) else MemoryBlob(blob.read()) for blob in blobs]
        self._submit(lambda: body)

    def _submit(self, make: Callable[[], bytes]) -> None:
        if self._gate._is_owned():  # type: ignore[attr-defined]
            make()  # what is wrong with it is raised here
            self._early.append(make)
            return
        with self._gate:
            self._accept(make())
            self._accept_early()
        self._catch_up()
        self._give_warning()

    def _give_warning(self) -> None:
        if self._warning:
            message, self._warning = self._warning, ""
            warnings.warn(message, RuntimeWarning, stacklevel=5)

    def _accept_early(self) -> None:
        while self._early:
            self._accept(self._early.popleft()())

    def _accept(self, body: bytes) -> None:
        self._queue.append(body)
        self._queued += _weight(body)
        while self._queued > WAITING_LIMIT:
            oldest = self._queue.popleft()
            self._queued -= _weight(oldest)
            if oldest.startswith(_DECLARATION):  # points that are not dropped need it
                self._kept.append(oldest)
            else:
                self._lost += 1
        if self._drainer is None:
            drainer = threading.Thread(target=self._drain_for_ever, name="runstone-log", daemon=True)
            try:
                drainer.start()
            except RuntimeError:  # the interpreter is shutting down: close() does the work
                return
            self._drainer = drainer

    def _settle(self) -> None:
        """Do nothing: whoever submits gets the warning, and no drainer has anything to settle."""

    # -- the log's own thread --------------------------------------------------------------------------

    def _drain_for_ever(self) -> None:
        self._synced = self._beaten = time.monotonic()
        while not self._stop.wait(DRAIN_SECONDS):
            try:
                self._drain_once()
            except Exception:  # no memory, say: what has been accepted is still there, and tried again
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
        self._drain()
        if self._close_last:
            self._finish()

    def _drain_once(self) -> None:
        self._drain()
        now = time.monotonic()
        if now - self._synced >= SYNC_SECONDS:
            super().sync()
            self._synced = now
        if now - self._beaten >= BEAT_SECONDS:
            super().beat()
            self._beaten = now

    def _drain(self) -> None:
        self._catch_up()
        while self._take():
            if self._is_shelved():
                super()._submit(self._taken)
            self._draining = None

    def _take(self) -> bool:
        with self._gate:
            self._accept_early()
            if self._draining is not None:
                return True
            if self._kept:
                self._draining = self._kept.popleft()
            elif self._queue:
                self._draining = self._queue.popleft()
                self._queued -= _weight(self._draining)
            elif self._lost:
                fields = {"event": "dropped", "dt": self.now(), "count": self._lost}
                self._draining, self._lost = encode_event(fields, "the 'dropped' event"), 0
        return self._draining is not None

    def _taken(self) -> bytes:
        return bytes(self._draining or b"")

    def _is_shelved(self) -> bool:
        """Put the blobs of the line that is being written in their place; count the line as lost if that fails."""
        if isinstance(self._draining, _Laden):
            try:
                self._cargo.shelve(self, self._draining.blobs)
            except OSError as error:
                self._lost += 1
                first, self._told = not self._told, True
                self._warn_soon(
                    f"cannot keep an object in {self.layout.blobs}: {error.strerror or error}\nWhat refers to it "
                    f"is dropped from run {self.run}, and counted (`runstone status`)."
                    if first
                    else ""
                )
                return False
        return True

    def unwritten(self) -> list[bytes]:
        """Return the bodies of the lines that have been accepted and are not in a file yet."""
        with self._gate:
            accepted = [*([] if self._draining is None else [self._draining]), *self._kept, *self._queue]
        return super().unwritten() + accepted

    # -- for the tender: it must not wait for storage that may hang -----------------------------------

    def sync(self) -> None:
        """Do nothing: the log's own thread makes it durable."""

    def beat(self) -> None:
        """Do nothing: the log's own thread beats its heart."""

    # -- the end ---------------------------------------------------------------------------------------

    def close(self, final: str | None = None) -> None:
        """Append `final` and wait up to CLOSE_SECONDS for everything to be written."""
        if self._gate._is_owned() or self._lock._is_owned():  # type: ignore[attr-defined]
            self._close_asked = (final,)
            return
        if self.closed or self._close_last:
            return
        if final is not None and self._final is None and (self.started or self._queue or self._drainer):
            self.append(final)
            self._final = final
        self._stop.set()
        if self._drainer is threading.current_thread():  # the collector has closed the run from in here
            self._close_last = True
            return
        if self._drainer is not None:
            self._drainer.join(CLOSE_SECONDS)
            if self._drainer.is_alive():
                self._give_up()
                return
        self._finish()

    def _finish(self) -> None:
        self._drain()
        super().sync()
        super().close()
        self._give_warning()  # such as where the rescue folder is

    def _give_up(self) -> None:
        self._close_last = (
            True  # should the storage come back while the process lives, nothing is lost after all
        )
        warnings.warn(
            f"the storage under {self.path()} does not answer: {len(self.unwritten())} accepted events of run "
            f"{self.run} were not written.",
            RuntimeWarning,
            stacklevel=4,
        )


def _weight(body: bytes) -> int:
    """Return how much memory a line takes, with its blobs."""
    return len(body) + (sum(blob.size for blob in body.blobs) if isinstance(body, _Laden) else 0)
