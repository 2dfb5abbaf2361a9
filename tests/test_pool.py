"""The pool: questions in line, stopped ones that hurt nobody, browsers that go away, and an end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import answering
from processes import QUIET
from runstone import Run
from runstone_ui import pool as pools
from runstone_ui.line import LineFullError
from runstone_ui.pool import Pool
from runstone_writer.errors import DamagedBlobError, MissingRepoError, QueryTimeoutError

HELLO = {"text": "hello", "size": 0}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    Run(repo=tmp_path, **QUIET).close()
    return tmp_path


def with_pool(repo: Path, use: Callable[[Pool], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with Pool(repo, seconds=60, answers="answering", **options) as pool:
            await use(pool)

    asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


def test_many_questions_are_answered_by_a_few_workers(repo: Path) -> None:
    async def use(pool: Pool) -> None:
        sizes = range(0, 200_000, 10_000)
        asked = [pool.ask("echo", {"text": str(size), "size": size}) for size in sizes]
        for size, reply in zip(sizes, await asyncio.gather(*asked), strict=True):
            assert (reply.header["text"], reply.body) == (str(size), answering.body(size))

    with_pool(repo, use)


def test_errors_are_those_of_the_answer(repo: Path) -> None:
    async def use(pool: Pool) -> None:
        for _ in range(3):
            with pytest.raises(DamagedBlobError, match="it is gone"):
                await pool.ask("damaged", {})
        assert (await pool.ask("echo", HELLO)).header["text"] == "hello"

    with_pool(repo, use)


def test_a_question_that_is_stopped_does_not_hurt_the_others(repo: Path) -> None:
    async def use(pool: Pool) -> None:
        await asyncio.gather(pool.ask("echo", HELLO), pool.ask("echo", HELLO))
        slow = asyncio.ensure_future(pool.ask("spin", {}, seconds=0.5))
        others = await asyncio.gather(*(pool.ask("echo", HELLO) for _ in range(10)))
        assert [reply.header["text"] for reply in others] == ["hello"] * 10
        with pytest.raises(QueryTimeoutError):
            await slow
        assert (await pool.ask("echo", HELLO)).header["text"] == "hello"

    with_pool(repo, use)


def test_too_long_a_line_is_refused(repo: Path) -> None:
    async def use(pool: Pool) -> None:
        busy = [asyncio.ensure_future(pool.ask("spin", {})) for _ in range(3)]
        await until(lambda: pool._line.waiting == 2)
        with pytest.raises(LineFullError, match="2 questions are waiting"):
            await pool.ask("echo", HELLO)
        for task in busy:
            task.cancel()
        await asyncio.wait(busy)
        assert (await pool.ask("echo", HELLO)).header["text"] == "hello"

    with_pool(repo, use, workers=1, waiting=2)


def test_a_browser_that_goes_away_does_not_wedge_a_worker(repo: Path) -> None:
    async def use(pool: Pool) -> None:
        for _ in range(2):
            await pool.ask("echo", HELLO)
            gone = asyncio.ensure_future(pool.ask("spin", {}))
            await until(lambda: bool(pool._jobs))
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert (await pool.ask("echo", HELLO)).header["text"] == "hello"
        assert pool._workers[0].restarts == 2

    with_pool(repo, use, workers=1)


def test_who_leaves_the_line_is_not_answered(repo: Path) -> None:
    async def use(pool: Pool) -> None:
        await pool.ask("echo", HELLO)
        first = asyncio.ensure_future(pool.ask("spin", {}, seconds=0.5))
        await until(lambda: bool(pool._jobs))
        waiting = [asyncio.ensure_future(pool.ask("spin", {})) for _ in range(3)]
        await until(lambda: pool._line.waiting == 3)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        with pytest.raises(QueryTimeoutError):
            await first
        assert (await pool.ask("echo", HELLO)).header["text"] == "hello"
        assert pool._workers[0].restarts == 1  # only the first was ever begun

    with_pool(repo, use, workers=1)


def test_who_is_cancelled_at_the_moment_of_being_served_gives_the_worker_back(repo: Path) -> None:
    async def use(pool: Pool) -> None:
        for _ in range(20):
            first = asyncio.ensure_future(pool.ask("echo", HELLO))
            second = asyncio.ensure_future(pool.ask("echo", HELLO))
            first.add_done_callback(lambda _, task=second: task.cancel())
            await asyncio.wait((first, second))
        assert (await pool.ask("echo", HELLO)).header["text"] == "hello"
        await until(lambda: pool._line.free == 1)

    with_pool(repo, use, workers=1)


def test_closing_ends_questions_and_the_line(repo: Path) -> None:
    async def run() -> None:
        pool = Pool(repo, seconds=60, workers=1, answers="answering")
        asked = [asyncio.ensure_future(pool.ask("spin", {})) for _ in range(3)]
        await until(lambda: pool._line.waiting == 2)
        await pool.close()
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(each, Exception) for each in ended)
        assert [type(each) for each in ended[1:]] == [LineFullError, LineFullError]
        with pytest.raises(LineFullError, match="being ended"):
            await pool.ask("echo", HELLO)
        assert all(worker._process is None for worker in pool._workers)
        await pool.close()

    asyncio.run(run())


def test_a_repository_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        with pytest.raises(MissingRepoError):
            Pool(tmp_path / "nowhere")

    asyncio.run(run())


def test_the_desk_answers_unless_told_otherwise(repo: Path) -> None:
    async def run() -> None:
        async with Pool(repo, seconds=60) as pool:
            reply = await pool.ask("runs", {"q": ""})
            assert reply.header == {"type": "application/json"}
            assert b'"total":1' in reply.body

    asyncio.run(run())
    assert pools.ANSWERS == "runstone_ui.desk"
