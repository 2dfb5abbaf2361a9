"""A line: those who wait for one of a few things, and get it in turns by who they are, not by how often they ask."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from runstone_writer.errors import RunstoneError

Thing = TypeVar("Thing")


class LineFullError(RunstoneError):
    """Too many are waiting, or nothing is handed out any more."""


class Line(Generic[Thing]):
    """Hands out things, one to each who asks, and takes them back. To be used within one event loop.

    Of those who wait it is the turn of each name, one after the other; of one name whoever came first. At most
    `longest` wait: who has the most of them in line gives way to who has fewer.
    """

    def __init__(self, things: Iterable[Thing], longest: int) -> None:
        # Last in, first out: a worker that has just answered has most of what it needs at hand.
        self._free = list(things)
        self._longest = longest
        self._turns: dict[str, deque[asyncio.Future[Thing]]] = {}  # in the order in which it is their turn
        self._is_closed = False

    @property
    def free(self) -> int:
        """How many things nobody has."""
        return len(self._free)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._turns.values()))

    async def get(self, name: str) -> Thing:
        """Return a thing once there is one. Raises LineFullError; who is cancelled leaves the line."""
        if self._is_closed:
            raise _ended()
        if self._free:  # then nobody waits
            return self._free.pop()
        self._make_room(name)
        turn: asyncio.Future[Thing] = asyncio.get_running_loop().create_future()
        self._turns.setdefault(name, deque()).append(turn)
        try:
            thing = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.put(turn.result())  # it was handed over at the last moment
            else:
                self._leave(name, turn)
            raise
        if self._is_closed:
            raise _ended()
        return thing

    def put(self, thing: Thing) -> None:
        """Give a thing back: it goes to whose turn it is."""
        while self._turns:
            name = next(iter(self._turns))
            turns = self._turns.pop(name)
            turn = turns.popleft()
            if turns:
                self._turns[name] = turns  # behind all others
            if not turn.done():
                turn.set_result(thing)
                return
        self._free.append(thing)

    def close(self) -> None:
        """Hand out nothing any more. Who waits is told."""
        self._is_closed = True
        for turns in self._turns.values():
            for turn in turns:
                if not turn.done():
                    turn.set_exception(_ended())
        self._turns.clear()

    # -- inside ----------------------------------------------------------------------------------------

    def _make_room(self, name: str) -> None:
        if self.waiting < self._longest:
            return
        most = max(self._turns, key=lambda other: len(self._turns[other]), default=name)
        if most == name or len(self._turns[most]) <= len(self._turns.get(name, ())) + 1:
            raise self._full()
        turn = self._turns[most][-1]
        self._leave(most, turn)
        if not turn.done():
            turn.set_exception(self._full())

    def _leave(self, name: str, turn: asyncio.Future[Thing]) -> None:
        turns = self._turns.get(name)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._turns[name]

    def _full(self) -> LineFullError:
        return LineFullError(
            f"{self._longest} questions are waiting for an answer", hint="Try again in a few seconds."
        )


def _ended() -> LineFullError:
    return LineFullError("the server is being ended", hint="Start it again: `runstone up`.")
