"""Artifacts on their way: copied by threads of their own, so that training does not wait for a network."""

from __future__ import annotations

import os
import threading
import warnings
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from .stores import address, store
from .values import encode

if TYPE_CHECKING:
    from .layout import Layout
    from .log import LogWriter

THREADS = 4


class Uploads:
    """What one run is storing. It knows the run's log and not the run, so that the run can be collected."""

    def __init__(self, log: LogWriter, layout: Layout) -> None:
        self._log = log
        self._layout = layout
        self.forget()

    def forget(self) -> None:
        """In a forked child: the threads are the parent's, and so is what they do."""
        self._pool: ThreadPoolExecutor | None = None
        self._pending: set[Future[None]] = set()
        self._lock = threading.RLock()
        self._last: dict[str, Future[None]] = {}  # by name: two files of one name are stored in order

    def put(self, name: str, source: str, base: str | None, *, block: bool) -> None:
        """Store a file under a name, at an address or in the repository; with `block` it is done on return."""
        uri = None if base is None else address(base, name)
        with self._lock:
            before = self._last.get(name)
            future = self._submit(before, name, source, uri)
            if future is not None:
                self._last[name] = future
        if future is None:
            self._store(before, name, source, uri)
        elif block:
            wait([future])

    def _submit(
        self, before: Future[None] | None, name: str, source: str, uri: str | None
    ) -> Future[None] | None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="runstone-artifacts")
        try:
            future = self._pool.submit(self._store, before, name, source, uri)
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            return None
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def _store(self, before: Future[None] | None, name: str, source: str, uri: str | None) -> None:
        known: dict[str, Any] = {"path": encode(source)} | ({} if uri is None else {"uri": encode(uri)})
        if before is not None:  # which began earlier: it does not wait for this one
            wait([before])
        try:
            known |= store(self._layout, source, uri)
        except Exception as error:  # whatever a network or a library does, training goes on
            why = _text_of(error)
            self._log.append("artifact", name=name, **known, error=why)
            warnings.warn(
                f"artifact {name!r} of run {self._log.run} was not stored: {why}\nTraining goes on. Store it "
                f"again from {source}: run.artifacts[{name!r}].upload()",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            self._log.append("artifact", name=name, **known)

    def wait(self) -> None:
        """Return when everything is stored that was put up to now, or could not be."""
        wait(list(self._pending))

    def close(self) -> None:
        """Wait for what is on its way."""
        self.wait()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def _text_of(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = (
            error.strerror if error.filename is None else f"{error.strerror}: {os.fsdecode(error.filename)}"
        )
    return text.encode(errors="replace").decode()[:1000]
