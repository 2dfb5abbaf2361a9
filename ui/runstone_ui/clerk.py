"""The one thread of the server that opens the repository itself: for changes, and to find artifacts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from runstone_writer.layout import Layout

if TYPE_CHECKING:
    from runstone_query.repo import Repo

T = TypeVar("T")


class Clerk:
    """Does one thing after the other with a Repo, which is opened when it is needed."""

    def __init__(self, layout: Layout, *, read_only: bool) -> None:
        self._layout = layout
        self._read_only = read_only
        self._repo: Repo | None = None
        self._thread = ThreadPoolExecutor(1, "runstone-clerk")

    async def do(self, work: Callable[[Repo], T]) -> T:
        """Return what `work` gives. It is done to its end, whoever waits for it."""
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._done, work)
        return await asyncio.shield(done)

    def close(self) -> None:
        """End the thread, after what it is doing."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _done(self, work: Callable[[Repo], T]) -> T:
        if self._repo is None:
            from runstone_query.repo import Repo  # noqa: PLC0415 - half a second, which the start does not wait for

            self._repo = Repo(self._layout, read_only=self._read_only)
        return work(self._repo)
