"""The indexer beside the server: a process of its own that keeps the index up to date, and ends with the server.

It reads a pipe from the server until the end of file. That comes when the server ends, however it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from runstone_indexer.indexer import Indexer
from runstone_indexer.watch import Watcher
from runstone_writer.errors import IndexBusyError, RunstoneError
from runstone_writer.layout import Layout

BUSY_SECONDS = 10.0  # before asking again, while another process indexes
AGAIN_SECONDS = 5.0  # before another one is started in place of one that has ended
END_SECONDS = 3.0  # for it to end what it is doing

_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from runstone_ui.following import follow; follow(sys.argv[2])"
)


class Follower:
    """Keeps an indexer running until it is closed."""

    def __init__(self, layout: Layout) -> None:
        self._root = layout.root
        self._keeping: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.is_indexing = False

    @property
    def pid(self) -> int | None:
        """The process that indexes, or waits for its turn."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the indexer, in the background."""
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End the indexer: after what it is doing, if that does not take long. Killed, it loses nothing."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping

    async def _keep(self) -> None:
        while True:
            await self._run()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _run(self) -> None:
        paths = json.dumps([os.path.abspath(path) for path in sys.path if path])
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", _CODE, paths, self._root,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the server to handle
        )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            while line := await process.stdout.readline():
                self.is_indexing = line == b"indexing\n"
            await process.wait()
        finally:
            self.is_indexing = False
            self._process = None
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    assert process.stdin is not None  # noqa: S101
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def follow(root: str) -> None:
    """Index the repository until stdin ends. What the process does."""
    ended = threading.Event()
    current: list[Watcher] = []

    def stop(*_: Any) -> None:
        ended.set()
        for watcher in current:
            watcher.stop()

    def wait_for_the_end() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        stop()
        threading.Timer(END_SECONDS, os._exit, (0,)).start()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=wait_for_the_end, daemon=True).start()
    while not ended.is_set():
        watcher = Watcher(Indexer(Layout(root)))
        current[:] = [watcher]
        if ended.is_set():
            break
        _say("indexing")
        try:
            watcher.run()
        except IndexBusyError:
            pass
        except RunstoneError as error:  # nothing can be written here: say so once, and let the logs answer
            sys.stderr.write(f"runstone: {error}\n")
            _say("idle")
            ended.wait()
        _say("idle")
        ended.wait(BUSY_SECONDS)
    os._exit(0)  # threads that a timer or Tantivy has left do not matter any more


def _say(word: str) -> None:
    with contextlib.suppress(OSError):  # the server has ended
        os.write(1, f"{word}\n".encode())
