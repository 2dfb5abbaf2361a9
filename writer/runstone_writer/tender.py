"""The one background thread of a training process: makes logs durable, beats their hearts, mends them.

It is shared by every open log, starts with the first and never stands between a caller and its log.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from typing import Protocol

SYNC_SECONDS = 0.9  # with the time that an fsync takes, "durable within a second"
BEAT_SECONDS = 5.0
LEASE_SECONDS = 30.0  # a writer whose heartbeat has stood still for this long has crashed


class Tended(Protocol):
    """What the tender looks after."""

    def sync(self) -> None:
        """Make durable what has been written."""

    def beat(self) -> None:
        """Show that the writer lives."""


class Tender:
    """Visits every log once per SYNC_SECONDS, and beats each heart every BEAT_SECONDS."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._logs: set[Tended] = set()
        self._lock = threading.RLock()  # the collector may close a run in the middle of anything
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, log: Tended) -> None:
        with self._lock:
            self._logs.add(log)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="runstone-tender", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is shutting down: drain() does the work
                    return
                self._thread = thread

    def remove(self, log: Tended) -> None:
        with self._lock:
            self._logs.discard(log)

    def drain(self) -> None:
        """Make everything durable now: called when the interpreter exits."""
        for log in self._snapshot():
            log.sync()

    def _snapshot(self) -> list[Tended]:
        with self._lock:
            return list(self._logs)

    def _run(self) -> None:
        beaten = time.monotonic()
        while True:
            self._wake.wait(SYNC_SECONDS)
            now = time.monotonic()
            due = now - beaten >= BEAT_SECONDS
            if due:
                beaten = now
            for log in self._snapshot():
                _tend(log, due)


def _tend(log: Tended, due: bool) -> None:
    try:
        log.sync()
        if due:
            log.beat()
    except Exception:
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


TENDER = Tender()
atexit.register(TENDER.drain)
os.register_at_fork(after_in_child=TENDER._reset)
