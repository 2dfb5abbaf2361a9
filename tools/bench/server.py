"""`runstone up` in a process of its own: how soon it says where it is, and what it holds."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

END_SECONDS = 30.0


class ServerError(Exception):
    """The server did not start; the text is what it said."""


class Server:
    """A server on a free port. `seconds`: from the start of the process to its address."""

    def __init__(self, repo: Path, *options: str) -> None:
        command = [sys.executable, "-m", "runstone", "up", "--repo", str(repo), "--port", "0", "--json"]
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.seconds = time.perf_counter() - started
        if not line:
            raise ServerError(self._process.communicate()[1].strip())
        self.address: str = json.loads(line)["address"]

    def memory(self) -> dict[str, float]:
        """The proportional set sizes, in bytes: of the process itself, and of all those that it has started."""
        server = psutil.Process(self._process.pid)
        return {
            "server": held(server),
            "workers": sum(held(process) for process in server.children(recursive=True)),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise


def held(process: psutil.Process) -> float:
    """The PSS of a process: its own memory, and its part of what it shares, mapped index files included."""
    try:
        return float(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0.0
