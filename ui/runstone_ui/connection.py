"""A connection that does not wait for ever: a request has to arrive in time, and there are only so many connections."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

from .headers import completed

MANY_CONNECTIONS = 500  # from here on those make room who let us wait
MOST_CONNECTIONS = 800
SECONDS_TO_SPEAK = 2.0  # in which nobody has to make room: what a client has sent may not have been read yet
SEND_SECONDS = 60.0  # for a piece of a reply to be taken
REQUEST_SECONDS = 10.0  # for a request to arrive with its headers, on a new connection or after a reply
LARGEST_HEAD = 64 * 1024

_REFUSED = orjson.dumps(
    {"error": "UsageError", "message": "this is no request that can be understood", "hint": "Send HTTP/1.1."}
)


class Connection(H11Protocol):
    """A connection of uvicorn's, with a limit to what a client may leave undone."""

    _timer: asyncio.TimerHandle | None = None  # until a request has to be here,
    _taking: asyncio.TimerHandle | None = None  # and until what is being sent has to be taken
    _since = 0.0  # when that began

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request. Where there are too many connections, the one that is waited for longest ends."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._watch()
        if len(self.connections) > MANY_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._since = self.loop.time()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._rest()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take what is sent: give it some time."""
        super().pause_writing()
        if self._taking is None:
            self._since = self.loop.time()
            self._taking = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken what was sent."""
        self._taken()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, with the headers of every reply."""
        del msg
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(_REFUSED)),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % pair for pair in completed(headers))
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + _REFUSED)
        self.transport.close()

    def _make_room(self) -> None:
        """End the connection whose client has let us wait for longest; if there is none, and no room, this one."""
        before = self.loop.time() - SECONDS_TO_SPEAK
        others = [other for other in self.connections if isinstance(other, Connection) and other.is_awaited]
        oldest = min(others, key=lambda other: other._since, default=self)
        if oldest._since < before:
            oldest.transport.abort()
        elif len(self.connections) > MOST_CONNECTIONS:
            self.transport.abort()

    @property
    def is_awaited(self) -> bool:
        """Whether it is the client's turn: to send a request, the rest of one, or to take what it is sent."""
        if self.transport.is_closing():
            return False
        cycle = cast(Any, self.cycle)
        return self._taking is not None or cycle is None or cycle.response_complete or cycle.more_body

    def _watch(self) -> None:
        cycle = cast(Any, self.cycle)
        if cycle is not None and not cycle.response_complete:
            self._rest()
        elif self._timer is None:
            self._timer = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _give_up(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()  # what is left of the reply is not being taken
        else:
            self.transport.close()
