"""A pool: a few workers that answer the questions of many browsers, each in its turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from runstone_query.reply import Reply
from runstone_query.worker import MEMORY, SECONDS, QueryWorker

from .line import Line

WORKERS = 2
WAITING = 32  # questions in line
PATIENCE = 0.5  # seconds that an answer which nobody waits for any more may still take
ANSWERS = "runstone_ui.desk"


class Pool:
    """Workers, and the line in front of them. To be used within one event loop.

    Args:
        path: the repository.
        workers: how many questions are answered at a time.
        waiting: how many may wait while all workers are busy.
        seconds, memory: what one question may take; see QueryWorker.
        answers: the module with what can be asked.
        answered: is told how many bytes a reply has, also where nobody waits for it any more.

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
        answered: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._jobs: set[asyncio.Future[Reply]] = set()
        self._workers = [
            QueryWorker(path, seconds=seconds, memory=memory, answers=answers) for _ in range(workers)
        ]
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="runstone-pool")
        self._answered = answered
        self._line = Line(self._workers, waiting)

    async def ask(
        self, name: str, arguments: dict[str, Any], seconds: float | None = None, client: str = ""
    ) -> Reply:
        """Return the answer to a question, once a worker is free and it is the client's turn.

        Raises what the answer raises, QueryTimeoutError if it takes more than `seconds` (without the time in line) or
        too much memory, and LineFullError if the line is too long. Who is cancelled leaves the line; an answer that
        is under way then is called off, unless it is there at once.
        """
        worker = await self._line.get(client)
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
        self._line.close()
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

    def _done(self, worker: QueryWorker, job: asyncio.Future[Reply]) -> None:
        self._jobs.discard(job)
        if not job.cancelled() and job.exception() is None:  # somebody may have gone without looking at it
            self._answered(len(job.result().body))
        self._line.put(worker)


def _call_off(worker: QueryWorker, job: asyncio.Future[Reply]) -> None:
    if not job.done():  # a job that is done gave its worker back, and that may be at somebody else's
        worker.interrupt()
