"""Worker processes of multiprocessing: they end without Python's own exit, so what is open has to be told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any


class _Promise:
    """To call `close` where a worker process ends; those of a higher priority come first."""

    def __init__(self, close: Callable[[], None], priority: int) -> None:
        self._close = close
        self._priority = priority
        self._given_in = 0  # the process that knows of it

    def give(self, util: Any) -> None:
        if self._given_in != os.getpid():
            self.give_again(util)

    def give_again(self, util: Any) -> None:
        if sys.modules["multiprocessing.process"].parent_process() is not None:
            self._given_in = os.getpid()
            util.Finalize(None, self._close, exitpriority=self._priority)


_promises: dict[str, _Promise] = {}


def at_end_of_worker(name: str, close: Callable[[], None], priority: int) -> None:
    """Have `close` called where this process ends, if multiprocessing made it; also in workers made by this one.

    Elsewhere nothing happens: the interpreter's exit does it.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is None:
        return
    if name not in _promises:
        _promises[name] = _Promise(close, priority)
        # A worker forgets what was promised when it begins, after it has unpickled its arguments.
        util.register_after_fork(_promises[name], lambda promise: promise.give_again(util))
    _promises[name].give(util)
