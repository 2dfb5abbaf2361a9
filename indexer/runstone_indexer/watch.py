"""Following the logs: index what is there, then whatever comes, until told to stop.

The truth is a look at the sizes of the logs that may grow, every POLL_SECONDS. A notification only makes that
look come sooner when a run begins; a file system without any (NFS), or an observer that dies, costs a
moment's delay and nothing else. The logs themselves are not watched: each point would be an event, and
queries see what is not indexed yet anyway.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from watchdog.events import FileCreatedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from runstone_writer.errors import IndexBusyError, StoreError
from runstone_writer.refusal import is_hopeless

from .collector import give_back
from .indexer import Indexer, Report

POLL_SECONDS = 1.0
SWEEP_SECONDS = 600.0  # how often every folder is looked at, for logs that no hint tells of
RETRY_SECONDS = 5.0  # after the disk refused to take an index
PATIENCE_SECONDS = 2.0  # with another process that indexes: it may be a query that does so for a moment
QUIET_SECONDS = 0.2  # runs begin in bursts: wait that long for the rest of one

logger = logging.getLogger("runstone.index")
T = TypeVar("T")


class Watcher(FileSystemEventHandler):
    """Keeps an index up to date until :meth:`stop` is called."""

    def __init__(self, indexer: Indexer, on_pass: Callable[[Report], None] | None = None) -> None:
        self._indexer = indexer
        self._on_pass = on_pass
        self._begun = threading.Event()  # a run has begun, or the watcher is to stop
        self._stop_asked = threading.Event()
        self._refused = False

    def on_any_event(self, event: FileSystemEvent) -> None:
        del event  # whatever it was, the sizes tell
        self._begun.set()

    def stop(self) -> None:
        """End :meth:`run` after what it is doing. May be called from a signal handler."""
        self._stop_asked.set()
        self._begun.set()

    def run(self) -> None:
        """Index, and go on doing so. Raises IndexBusyError if another process does.

        Whatever fails is tried again, and said once: a disk that is full, memory that runs out. Nothing is lost
        meanwhile, as queries read the logs.
        """
        with contextlib.ExitStack() as held:
            while not self._begin(held):
                if self._stop_asked.wait(RETRY_SECONDS):
                    return
            observer = self._started_observer()
            try:
                self._follow(observer)
            finally:
                if observer is not None:
                    observer.stop()
                    observer.join()

    def _begin(self, held: contextlib.ExitStack) -> bool:
        """Take the lock, and read what is published. Raises StoreError where nothing can ever be written."""
        try:
            self._patiently(lambda: held.enter_context(self._indexer))
        except IndexBusyError:
            raise
        except Exception as error:
            if isinstance(error.__cause__, OSError) and is_hopeless(error.__cause__):
                raise
            self._tell(error)
            return False
        return True

    def _patiently(self, do: Callable[[], T]) -> T:
        """Return what `do` gives, waiting a while for others who index: a query does so for a moment."""
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return do()
            except IndexBusyError:
                if time.monotonic() >= patient_until or self._stop_asked.wait(QUIET_SECONDS):
                    raise

    def _tell(self, error: Exception) -> None:
        if not self._refused:
            logger.warning("%s", error if isinstance(error, StoreError) else f"indexing failed: {error!r}")
        self._refused = True

    def _follow(self, observer: BaseObserver | None) -> None:
        swept = -SWEEP_SECONDS
        while not self._stop_asked.is_set():
            self._begun.clear()
            if observer is not None and not _lives(observer):
                logger.warning("the notifications from the file system have ended: polling")
                observer = None
            full = time.monotonic() - swept >= SWEEP_SECONDS
            report = self._pass(full=full)
            if report is None:
                self._stop_asked.wait(RETRY_SECONDS)
                continue
            if full:
                swept = time.monotonic()
            if self._on_pass is not None and (report.runs or full):
                self._on_pass(report)
            # A pass costs a few fsyncs: wait at least as long as it took, so that they stay a small share.
            if self._begun.wait(POLL_SECONDS):
                self._stop_asked.wait(max(QUIET_SECONDS, min(report.seconds, POLL_SECONDS)))

    def _pass(self, *, full: bool) -> Report | None:
        """Return the report of one pass; None if it failed."""
        try:
            report = self._patiently(lambda: self._indexer.run_once(full=full))
        except IndexBusyError:
            if self._stop_asked.is_set():
                return None
            raise
        except Exception as error:  # what it was in the middle of is not published, and read again
            self._tell(error)
            return None
        self._refused = False
        if report.runs:
            give_back()
        return report

    def _started_observer(self) -> BaseObserver | None:
        try:
            observer = Observer()  # this may be where it asks for an instance
            observer.schedule(self, self._indexer.layout.live, event_filter=[FileCreatedEvent])
            observer.start()
        except OSError as error:  # out of inotify instances, or a file system without them
            logger.warning("no notifications from the file system (%s): polling", error)
            return None
        return observer


def _lives(observer: BaseObserver) -> bool:
    """Whether all threads of an observer run: one ends when the folder that it watches is taken away."""
    return observer.is_alive() and bool(observer.emitters) and all(e.is_alive() for e in observer.emitters)
