"""Following the logs: index what is there, then whatever comes, until told to stop.

Notifications are hints that save time; the truth is a look at the sizes of the logs that may grow, every
POLL_SECONDS. So a lost notification, a file system without any (NFS) or an observer that dies costs
a moment's delay and nothing else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from watchdog.events import FileCreatedEvent, FileModifiedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from .discovery import hinted
from .indexer import Indexer, Report

POLL_SECONDS = 1.0
SWEEP_SECONDS = 600.0  # how often every folder is looked at, for logs that no hint tells of
QUIET_SECONDS = 0.05  # events come in bursts: wait that long for the rest of one
WATCH_LIMIT = 512  # run folders watched at once; more of them are left to the poll

_EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileModifiedEvent]

logger = logging.getLogger("runstone.index")


class Watcher(FileSystemEventHandler):
    """Keeps an index up to date until :meth:`stop` is called."""

    def __init__(self, indexer: Indexer, on_pass: Callable[[Report], None] | None = None) -> None:
        self._indexer = indexer
        self._on_pass = on_pass
        self._changed = threading.Event()
        self._stopped = False
        self._observer: BaseObserver | None = None
        self._watches: dict[str, ObservedWatch] = {}

    def on_any_event(self, event: FileSystemEvent) -> None:
        del event  # whatever it was, the sizes tell
        self._changed.set()

    def stop(self) -> None:
        """End :meth:`run` after what it is doing. May be called from a signal handler."""
        self._stopped = True
        self._changed.set()

    def run(self) -> None:
        """Index, and go on doing so. Raises IndexBusyError if another process does."""
        with self._indexer:
            self._start_observer()
            try:
                self._follow()
            finally:
                if self._observer is not None:
                    self._observer.stop()
                    self._observer.join()

    def _follow(self) -> None:
        swept = -SWEEP_SECONDS
        while not self._stopped:
            self._changed.clear()
            full = time.monotonic() - swept >= SWEEP_SECONDS
            if full:
                swept = time.monotonic()
            report = self._indexer.run_once(full=full)
            if self._on_pass is not None and (report.runs or full):
                self._on_pass(report)
            self._watch_active()
            # A pass costs a few fsyncs: wait at least as long as it took, so that they stay a small share.
            if self._changed.wait(POLL_SECONDS) and not self._stopped:
                time.sleep(max(QUIET_SECONDS, min(report.seconds, POLL_SECONDS)))

    def _start_observer(self) -> None:
        observer = Observer()
        try:
            observer.schedule(self, self._indexer.layout.live, event_filter=_EVENTS)
            observer.start()
        except OSError as error:  # out of inotify instances, or a file system without them
            logger.warning("no notifications from the file system (%s): polling", error)
            return
        self._observer = observer

    def _watch_active(self) -> None:
        """Watch the folders of the runs that are being written, and of no others."""
        if self._observer is None:
            return
        layout = self._indexer.layout
        active = list(hinted(layout))[:WATCH_LIMIT]
        for run in [run for run in self._watches if run not in active]:
            self._observer.unschedule(self._watches.pop(run))
        for run in active:
            if run not in self._watches:
                try:
                    folder = layout.run_folder(run)
                    self._watches[run] = self._observer.schedule(self, folder, event_filter=_EVENTS)
                except OSError:
                    return  # the limit on watches, or a folder that is gone: the poll sees to it
