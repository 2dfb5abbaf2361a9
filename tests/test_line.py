"""The line: everybody's turn comes, whoever else asks how often."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from runstone_ui.line import Line, LineFullError


def in_a_loop(use: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60):
            await use()

    asyncio.run(run())


async def asked(line: Line[str], names: str) -> list[asyncio.Task[str]]:
    """Ask for a thing under each name, in this order."""
    found = []
    for name in names:
        found.append(asyncio.create_task(line.get(name)))
        await asyncio.sleep(0)
    return found


def test_who_asks_often_waits_behind_who_asks_once() -> None:
    async def use() -> None:
        line, order = Line(["worker"], 10), []
        thing = await line.get("a")
        waiting = await asked(line, "aaabac")
        names = dict(zip(waiting, "aaabac", strict=True))
        for task in waiting:
            task.add_done_callback(lambda done: order.append(names[done]))
        for _ in waiting:
            line.put(thing)
            await asyncio.sleep(0.001)
        assert "".join(order) == "abcaaa"
        assert (line.waiting, line.free) == (0, 0)

    in_a_loop(use)


def test_a_full_line_has_room_for_who_has_less_of_it() -> None:
    async def use() -> None:
        line = Line(["worker"], 4)
        thing = await line.get("a")
        waiting = await asked(line, "aaaa")
        with pytest.raises(LineFullError, match="4 questions are waiting"):
            await line.get("a")
        (other,) = await asked(line, "b")
        with pytest.raises(LineFullError):
            await waiting[3]
        line.put(thing)
        line.put(await waiting[0])
        assert await other == "worker"

    in_a_loop(use)


def test_a_line_that_is_shared_evenly_is_full() -> None:
    async def use() -> None:
        line = Line(["worker"], 4)
        await line.get("a")
        waiting = await asked(line, "aabb")
        with pytest.raises(LineFullError):
            await line.get("b")
        waiting += await asked(line, "cd")  # each takes the place of a second one
        with pytest.raises(LineFullError):
            await line.get("e")
        await asyncio.wait([waiting[1], waiting[3]])
        assert [task.done() for task in waiting] == [False, True, False, True, False, False]
        line.close()
        for task in waiting:
            with pytest.raises(LineFullError):
                await task
        with pytest.raises(LineFullError, match="ended"):
            await line.get("f")

    in_a_loop(use)


def test_who_goes_leaves_the_line_and_loses_nothing_that_was_handed_over() -> None:
    async def use() -> None:
        line = Line(["worker"], 4)
        thing = await line.get("a")
        first, second = await asked(line, "bc")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert line.waiting == 1
        line.put(thing)
        second.cancel()  # it has been handed over, and not been taken
        await asyncio.gather(second, return_exceptions=True)
        assert (line.waiting, line.free) == (0, 1)
        assert await line.get("d") == thing

    in_a_loop(use)
