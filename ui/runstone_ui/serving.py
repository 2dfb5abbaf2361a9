"""Serving: a socket, uvicorn on it, and an end that comes quickly."""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import uvicorn

from runstone_writer.errors import StoreError, UsageError

from .app import Application
from .connection import LARGEST_HEAD, Connection
from .settings import Settings

ACCEPTED = 16  # new connections at a time: then it is the turn of those that are there
GRACE_SECONDS = 2  # for replies that are under way when the server is to end

logger = logging.getLogger("runstone.up")


def bound(settings: Settings) -> tuple[socket.socket, Settings]:
    """Return a listening socket, and the settings with the port that it has got.

    Raises StoreError if the port is taken, or the address is not this machine's.
    """
    settings = settings.checked()
    host = settings.host.strip("[]")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {settings.host}: {error.strerror}",
            hint="Give an address of this machine: --host.",
        ) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(socket.SOMAXCONN)
    except OSError as error:
        listening.close()
        raise StoreError(
            f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}",
            hint="Another `runstone up` may be there already. --port 0 takes any port that is free.",
        ) from error
    return listening, replace(settings, port=listening.getsockname()[1])


class Server(uvicorn.Server):
    """A server of one application, on a socket that is bound already."""

    def __init__(self, application: Application, listening: socket.socket, ready: Callable[[], None]) -> None:
        settings = application.settings
        config = uvicorn.Config(
            application.asgi,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="critical",  # what went wrong is in our own log, under an id
            access_log=False,  # addresses may have a token in them
            proxy_headers=False,  # who asks, and how, is what the connection says
            server_header=False,
            backlog=ACCEPTED,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=LARGEST_HEAD,
            ssl_keyfile=settings.ssl_keyfile,
            ssl_certfile=settings.ssl_certfile,
        )
        super().__init__(config)
        self.application = application
        self._listening = listening
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets or [self._listening])
        if self.started:
            self._listening.listen(socket.SOMAXCONN)  # the rest of them wait in the kernel
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; streams that would go on for ever are ended first."""
        await self.application.live.close()
        await super().shutdown(sockets or [self._listening])


def serve(settings: Settings, ready: Callable[[Settings], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. `ready` is told of the settings, with the port, once requests are answered.

    Raises UsageError and StoreError for what keeps it from beginning.
    """
    listening, settings = bound(settings)
    with listening:
        server = Server(Application(settings), listening, lambda: ready(settings))
        try:
            server.config.load()
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"the key or the certificate cannot be used: {error}", hint="Both are to be in PEM format."
            ) from error
        _log_to_stderr()
        before = signal.signal(signal.SIGTERM, _end)
        try:
            server.run()
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGTERM, before)


def _end(*_: Any) -> None:
    raise SystemExit(0)


def _log_to_stderr() -> None:
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Printable("runstone: %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False


class _Printable(logging.Formatter):
    """Writes a message as no terminal can misunderstand it: control characters as escapes."""

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).split("\n")
        return "\n".join("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in lines)
