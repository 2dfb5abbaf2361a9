"""In the guest: a process on one of the clients, forked from this one so that it need not import everything anew."""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any

CLONE_NEWUTS = 0x04000000


class Child:
    """Runs `function(say, ...)` in a process of its own whose host's name is that of a client.

    What it says goes into a pipe as JSON, one line each: what has been said is known even of one that is killed.
    """

    def __init__(self, client: str, function: Callable[..., Any], *args: Any) -> None:
        self.client = client
        self._lines: list[Any] = []
        self._rest = b""
        self.status: int | None = None
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            code = 1
            try:
                ctypes.CDLL(None).unshare(CLONE_NEWUTS)
                socket.sethostname(f"host-{client}")
                function(lambda what: os.write(writing, json.dumps(what).encode() + b"\n"), *args)
                code = 0
            except BaseException:
                os.write(writing, json.dumps({"error": traceback.format_exc()}).encode() + b"\n")
            finally:
                os._exit(code)
        os.close(writing)
        self._pipe = reading

    def poll(self, seconds: float = 0.0) -> None:
        """Take in what has been said, waiting for at most so long for something."""
        while select.select([self._pipe], [], [], seconds)[0]:
            data = os.read(self._pipe, 1 << 16)
            if not data:
                return
            seconds = 0.0
            *whole, self._rest = (self._rest + data).split(b"\n")
            self._lines += [json.loads(line) for line in whole]

    @property
    def said(self) -> list[Any]:
        self.poll()
        return [line for line in self._lines if not (isinstance(line, dict) and "error" in line)]

    @property
    def errors(self) -> list[str]:
        self.poll()
        return [line["error"] for line in self._lines if isinstance(line, dict) and "error" in line]

    def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until it has said so many things; tell whether it has."""
        deadline = time.monotonic() + seconds
        while len(self.said) < count and time.monotonic() < deadline and self.runs():
            self.poll(0.05)
        return len(self.said) >= count

    def runs(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is None

    def end(self, seconds: float) -> str:
        """Wait for its end; return what was wrong with it, killing it if it takes too long."""
        deadline = time.monotonic() + seconds
        while self.runs():
            if time.monotonic() > deadline:
                self.kill()
                return f"a process on client {self.client} did not end within {seconds:.0f} s"
            self.poll(0.05)
        if self.errors:
            return f"a process on client {self.client}: {self.errors[-1]}"
        status = self.status or 0
        if os.WIFSIGNALED(status):
            return f"a process on client {self.client} died of {signal.Signals(os.WTERMSIG(status)).name}"
        return "" if status == 0 else f"a process on client {self.client} ended with {status}"

    def signal(self, number: int) -> None:
        if self.runs():
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def gone(self, seconds: float) -> bool:
        """Wait until it is gone, however it went."""
        deadline = time.monotonic() + seconds
        while self.runs() and time.monotonic() < deadline:
            self.poll(0.05)
        return not self.runs()
