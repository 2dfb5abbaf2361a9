"""Server-sent events: what changes in the repository, told to everybody who listens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from .endpoints import EVENTS
from .lookout import Lookout, News
from .refusals import RefusedError

LOOK_SECONDS = 0.5
REST = 4.0  # times what a look took
COMMENT_SECONDS = 15.0
MOST_LISTENERS = 100
AGAIN_MILLISECONDS = 2000  # after which a browser that was cut off connects again

logger = logging.getLogger("runstone.up")


class Live:
    """Looks at the repository while somebody listens, and tells all listeners what is new."""

    def __init__(self, lookout: Lookout) -> None:
        self._lookout = lookout
        self._listeners: set[Listener] = set()
        self._looking = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def indexed(self) -> int | None:
        """How many runs the index has; None without one."""
        return self._lookout.indexed

    async def now(self) -> News:
        """Return what there is to say at present: the generation, and how many runs are being written."""
        await self._look()
        return News(self._lookout.generation, self._lookout.active)

    def listen(self) -> Listener:
        """Return a new listener. Raises RefusedError if there are too many, or the server is about to end."""
        if self._is_closed or len(self._listeners) >= MOST_LISTENERS:
            raise RefusedError(
                "BusyError",
                f"{MOST_LISTENERS} pages listen already" if not self._is_closed else "the server is ending",
                hint="Close some of them.",
            )
        listener = Listener(self)
        self._listeners.add(listener)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)

    def touched(self, runs: Iterable[str]) -> None:
        """Tell at once of what this server has changed itself."""
        found = News(self._lookout.generation, self._lookout.active)
        found.add(News(found.generation, found.active, dict.fromkeys(runs)))
        self._tell(found)

    async def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for listener in list(self._listeners):
            listener.end()
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        while self._listeners:
            began = time.monotonic()
            try:
                await self._look()
            except Exception as error:  # whatever it was, the next look may find the disk well again
                logger.warning("cannot look for changes: %r", error)
            # Where there are very many hints, or a slow disk, looking stays a small share of the time.
            await asyncio.sleep(max(LOOK_SECONDS, REST * (time.monotonic() - began)))

    async def _look(self) -> None:
        async with self._looking:
            news = await asyncio.to_thread(self._lookout.look)
        if news is not None:
            self._tell(news)

    def _tell(self, news: News) -> None:
        for listener in self._listeners:
            listener.hear(news)


class Listener:
    """One stream, as an ASGI reply. What it has not sent yet is merged, so it never holds up anybody else."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._news: News | None = None
        self._woken = asyncio.Event()
        self._is_ended = False

    def hear(self, news: News) -> None:
        """Take in what is new, to be sent when the connection has room."""
        if self._news is None:
            self._news = News()
        self._news.add(news)
        self._woken.set()

    def end(self) -> None:
        """End the stream."""
        self._is_ended = True
        self._woken.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            self.end()
        gone = asyncio.ensure_future(_gone(receive))
        try:
            headers = [(b"content-type", EVENTS.encode()), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            hello = await self._live.now()
            await _send(send, b"retry: %d\n" % AGAIN_MILLISECONDS + _event("hello", hello))
            while not self._is_ended and not gone.done():
                await self._wait(gone)
                if self._news is not None:
                    news, self._news = self._news, None
                    await _send(send, _event("changed", news))
                elif not self._is_ended and not gone.done():
                    await _send(send, b": still here\n\n")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._live.leave(self)

    async def _wait(self, gone: asyncio.Future[None]) -> None:
        """Wait until there is something to do, or it is time for a comment."""
        woken = asyncio.ensure_future(self._woken.wait())
        waited: set[asyncio.Future[Any]] = {woken, gone}
        await asyncio.wait(waited, timeout=COMMENT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        self._woken.clear()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _event(name: str, news: News) -> bytes:
    said = {"generation": news.generation, "runs": list(news.runs), "more": news.more, "active": news.active}
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(said))
