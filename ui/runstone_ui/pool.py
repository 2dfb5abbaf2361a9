"""A pool: a few workers that answer the questions of many browsers, each in its turn."""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from runstone_query.reply import Reply
from runstone_query.worker import MEMORY, SECONDS, QueryWorker
from runstone_writer.errors import RunstoneError

WORKERS = 2
WAITING = 32  # questions in line
PATIENCE = 0.5  # seconds that an answer which nobody waits for any more may still take
ANSWERS = "runstone_ui.desk"


class PoolBusyError(RunstoneError):
    """Too many questions are waiting, or the pool is closed: try again later."""


class Pool:
    """Workers, and the line in front of them. To be used within one event loop.

    Args:
        path: the repository.
        workers: how many questions are answered at a time.
        waiting: how many may wait while all workers are busy.
        seconds, memory: what one question may take; see QueryWorker.
        answers: the module with what can be asked.

    Raises MissingRepoError if there is no repository.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        workers: int = WORKERS,
        waiting: int = WAITING,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        answers: str = ANSWERS,
    ) -> None:
        self._longest = waiting
        self._waiting = 0
        self._is_closed = False
        self._closing = asyncio.Event()
        self._jobs: set[asyncio.Future[Reply]] = set()
        self._workers = [
            QueryWorker(path, seconds=seconds, memory=memory, answers=answers) for _ in range(workers)
        ]
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="runstone-pool")
        # Last in, first out: a worker that has just answered has most of what it needs at hand.
        self._free: asyncio.LifoQueue[QueryWorker] = asyncio.LifoQueue()
        for worker in self._workers:
            self._free.put_nowait(worker)

    async def ask(self, name: str, arguments: dict[str, Any], seconds: float | None = None) -> Reply:
        """Return the answer to a question, once a worker is free.

        Raises what the answer raises, QueryTimeoutError if it takes more than `seconds` (without the time in line) or
        too much memory, and PoolBusyError if the line is too long. Who is cancelled leaves the line; an answer that
        is under way then is called off, unless it is there at once.
        """
        worker = await self._next_worker()
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._threads, worker.ask, name, arguments, seconds)
        self._jobs.add(job)
        job.add_done_callback(lambda done: self._done(worker, done))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            if not job.done():
                loop.call_later(PATIENCE, _call_off, worker, job)
            raise

    async def close(self) -> None:
        """End all workers. Who waits is told that nobody answers any more."""
        self._is_closed = True
        self._closing.set()
        await asyncio.gather(*(asyncio.to_thread(worker.close) for worker in self._workers))
        if self._jobs:
            await asyncio.wait(self._jobs)
        self._threads.shutdown()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- inside ----------------------------------------------------------------------------------------

    async def _next_worker(self) -> QueryWorker:
        self._refuse_if_closed()
        with contextlib.suppress(asyncio.QueueEmpty):
            if not self._waiting:  # else it is somebody else's turn
                return self._free.get_nowait()
        if self._waiting >= self._longest:
            raise PoolBusyError(
                f"{self._waiting} questions are waiting for an answer", hint="Try again in a few seconds."
            )
        self._waiting += 1
        getting, closing = (
            asyncio.ensure_future(self._free.get()),
            asyncio.ensure_future(self._closing.wait()),
        )
        try:
            await asyncio.wait((getting, closing), return_when=asyncio.FIRST_COMPLETED)
            self._refuse_if_closed()
            return getting.result()
        except BaseException:
            if getting.done() and not getting.cancelled():  # a worker was handed over at the last moment
                self._free.put_nowait(getting.result())
            getting.cancel()
            raise
        finally:
            closing.cancel()
            self._waiting -= 1

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise PoolBusyError("the server is being ended", hint="Start it again: `runstone up`.")

    def _done(self, worker: QueryWorker, job: asyncio.Future[Reply]) -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # somebody may have gone without looking at it
        self._free.put_nowait(worker)


def _call_off(worker: QueryWorker, job: asyncio.Future[Reply]) -> None:
    if not job.done():  # a job that is done gave its worker back, and that may be at somebody else's
        worker.interrupt()
