"""Servers of `runstone up`: in a thread of this process, or a process of their own; and what is sent over a socket."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson

from processes import DEADLINE_SECONDS, wait_until
from runstone_ui.app import Application
from runstone_ui.serving import Server, bound
from runstone_ui.settings import Settings
from runstone_writer.layout import open_repo

JSON = {"content-type": "application/json"}


class Served:
    """A server in a thread, on a free port of the loopback interface."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.settings = application.settings
        self.address = self.settings.address.rstrip("/")
        self.http = httpx.Client(base_url=self.address, timeout=DEADLINE_SECONDS, trust_env=False)

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.http.get(path, **kwargs)

    def post(self, path: str, body: Any, **kwargs: Any) -> httpx.Response:
        return self.http.post(path, json=body, **kwargs)

    def raw(self, data: bytes) -> bytes:
        """Send bytes on a connection of its own; return all that comes back until it is closed."""
        with self.connected() as connection:
            connection.sendall(data)
            return received(connection)

    def asked(self, target: str, *headers: str, method: str = "GET", host: str | None = None) -> bytes:
        """Send a request with just this target and these headers; return the reply as it came."""
        lines = [f"{method} {target} HTTP/1.1", *headers, "Connection: close", "", ""]
        if host != "":
            lines.insert(1, f"Host: {host or self.host}")
        return self.raw("\r\n".join(lines).encode("utf-8", "surrogateescape"))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.settings.port}"

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.settings.port), DEADLINE_SECONDS)


def received(connection: socket.socket) -> bytes:
    """Return what comes over a connection until the other side closes it."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            found += data
    return found


def status_of(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


@contextlib.contextmanager
def served(repo: Path, **settings: Any) -> Iterator[Served]:
    """Serve a repository, made if there is none; nothing is indexed unless that is asked for."""
    options = {"port": 0, "index": False, **settings}
    listening, checked = bound(Settings(open_repo(repo, create=True), **options))
    started = threading.Event()
    server = Server(Application(checked), listening, started.set)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: started.is_set() or not thread.is_alive())
        found = Served(server.application)
        with found.http:
            yield found
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


class Up:
    """`runstone up` as a process; what it says on stderr goes to a file."""

    def __init__(self, repo: Path, log: Path, *options: str, **environment: str) -> None:
        command = [sys.executable, "-m", "runstone", "up", "--repo", str(repo), "--json", *options]
        self.log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **environment}
            )

    def said(self) -> dict[str, Any]:
        """Return what it says once it serves."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        found: dict[str, Any] = orjson.loads(line)
        return found

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
