"""What goes out: replies that stand in memory until they are taken, so many bytes at most, and not for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runstone_indexer.collector import give_back
from runstone_writer.layout import Layout

from .refusals import RefusedError, refusal_reply

MOST = 192 * 1024 * 1024  # bytes of replies that have not been taken yet,
SHARE = 128 * 1024 * 1024  # and of those to one address
LARGE = 1024 * 1024  # bytes of a reply after which memory is given back to the system,
REST = 2.0  # once a while has gone by
SMALL = 256 * 1024  # bytes of a reply that is always sent: there are only so many connections
PATIENCE = 60.0  # seconds to take a reply,
SLOWEST = 64 * 1024  # and one more for each so many bytes


class Outgoing:
    """Knows how much is being sent, and to whom."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._held: Counter[str] = Counter()
        self._giving_back: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """How many bytes have not been taken yet."""
        return self._held.total()

    def reply(self, response: Response) -> ASGIApp:
        """Return what sends a reply, or says that too much is being sent already."""

        async def send_it(scope: Scope, receive: Receive, send: Send) -> None:
            name, size = client_of(scope), len(response.body)
            if size > SMALL and self._is_too_much(name, size):
                busy = RefusedError(
                    "BusyError", "replies that nobody takes fill the memory", hint="Try again in a minute."
                )
                await refusal_reply(busy, self._layout)(scope, receive, send)
                return
            self._held[name] += size
            try:
                # What is left of a reply that is not taken in time is not sent: the connection ends.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE + size / SLOWEST):
                        await response(scope, receive, send)
            finally:
                self._held[name] -= size
                if not self._held[name]:
                    del self._held[name]
                self.freed(size)

        return send_it

    def freed(self, size: int) -> None:
        """Say that somebody has let go of so many bytes, or will at once."""
        if size > LARGE and self._giving_back is None:
            self._giving_back = asyncio.get_running_loop().call_later(REST, self._give_back)

    def _give_back(self) -> None:
        """Return to the system what is free: the C library keeps it, and each thread some of its own."""
        self._giving_back = None
        asyncio.get_running_loop().run_in_executor(None, give_back)

    def _is_too_much(self, name: str, size: int) -> bool:
        """One reply is sent, however large, if it is the only one."""
        own, held = self._held[name], self.held
        return bool(own and own + size > SHARE) or bool(held and held + size > MOST)


def client_of(scope: Scope) -> str:
    """Return who asks: the address at the other end of the connection."""
    client = scope.get("client")
    return str(client[0]) if client else ""
