"""A crew: processes that read runs for an indexer which has thousands of them to read and nothing published yet.

Each takes some hundred runs at a time, writes their states and points to files of its own, and sends back what the
Tantivy index has to have of them. The indexer alone puts that in, and publishes. A run about which anything has to be
told (damage, a line that is not complete) is left to the indexer, and so is everything if a process dies.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from runstone_writer.layout import Layout

from . import collector
from .columns import write_columns
from .hints import Read, Reads
from .intake import Batch, Intake
from .manifest import Manifest
from .parameters import Document
from .problems import Problems
from .states import state_columns

WORTH_IT = 4_000  # runs; starting the processes takes as long as reading some hundreds
BLOCK = 500  # runs that a process takes at a time
MOST_POINTS = 1_000_000  # after so many it hands in what it has
AHEAD = 2  # blocks that each process may be ahead of the indexer, which may be merging files
LARGEST_CREW = 4  # what the processes send is put in by one
_PROCESS = "from runstone_indexer.crew import main; main()"

Order = dict[str, Any]


class Share(NamedTuple):
    """What a process has done: entries of the manifest, what Tantivy is to have, how far it has read the logs, and the
    runs that it left.

    `rest` are runs that it did not come to, as the others have so many points; their numbers begin with `next_run`.
    """

    states: dict[str, Any] | None
    series: dict[str, Any] | None
    documents: list[tuple[int, Document]]
    said: list[tuple[int, set[str]]]
    read: Reads
    left: list[str]
    rest: list[str]
    next_run: int
    runs: int = 0
    points: int = 0
    bytes_read: int = 0


class Notes:
    """Takes the place of the Tantivy index in a process of the crew."""

    def __init__(self) -> None:
        self.documents: list[tuple[int, int, dict[str, Any]]] = []
        self.said: list[tuple[int, list[str]]] = []

    def put(self, run: int, found: Document | None, *, replaces: bool) -> None:
        assert not replaces  # noqa: S101 - there is nothing yet
        if found is not None:
            self.documents.append((run, found.digest, found.fields))

    def put_said(self, run: int, words: set[str]) -> None:
        self.said.append((run, sorted(words)))


# -- the indexer's side ----------------------------------------------------------------------------------------


def size() -> int:
    """Return how many processes would be at work; 0 where it does not pay, or none can be started."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    is_python = os.path.basename(sys.executable or "").startswith(
        "python"
    )  # and not a program that has one inside
    return min(cores, LARGEST_CREW) if cores > 1 and is_python else 0


@contextlib.contextmanager
def shares(layout: Layout, folder: str, runs: list[str], first_run: int) -> Iterator[Iterator[Share]]:
    """Have `runs`, of which nothing is published, read into files in `folder`; yields each share as it comes.

    Their numbers begin with `first_run`. What a process that died had to do comes as a share that has left all of it.
    """
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    done: queue.SimpleQueue[Share | None] = queue.SimpleQueue()
    blocks = range(0, len(runs), BLOCK)
    for at in blocks:
        order = {
            "root": layout.root,
            "folder": folder,
            "first": first_run + at,
            "runs": runs[at : at + BLOCK],
        }
        orders.put(order)
    hands = min(size(), len(blocks))
    room = threading.Semaphore(hands * AHEAD)
    crew = [_Hand(orders, done, room) for _ in range(hands)]
    try:
        yield _collected(orders, done, room, hands, len(blocks))
    finally:
        for hand in crew:
            hand.is_dismissed = True
        room.release(
            max(hands, 1)
        )  # all at once: whoever still waits for room must not go on with another one's
        for hand in crew:
            hand.end()


def _collected(
    orders: queue.SimpleQueue[Order],
    done: queue.SimpleQueue[Share | None],
    room: threading.Semaphore,
    hands: int,
    missing: int,
) -> Iterator[Share]:
    while missing:
        share = done.get() if hands else _nothing_done(orders.get_nowait())
        if share is None:  # one has stopped
            hands -= 1
        else:
            missing -= not share.rest  # somebody will come to them
            yield share
            room.release()


def _nothing_done(order: Order) -> Share:
    return Share(None, None, [], [], {}, order["runs"], [], order["first"])


class _Hand:
    """One process, and the thread that speaks with it. What it has done waits in memory, so there has to be `room`."""

    def __init__(
        self,
        orders: queue.SimpleQueue[Order],
        done: queue.SimpleQueue[Share | None],
        room: threading.Semaphore,
    ) -> None:
        self._orders, self._done, self._room = orders, done, room
        command = [sys.executable, "-P", "-c", _PROCESS]
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):  # then nothing is done, and the indexer does it
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.is_dismissed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        """Hand orders over, and shares in, until there are no more or the process has died."""
        with contextlib.suppress(queue.Empty):
            while self._process is not None and self._has_room():
                order = self._orders.get_nowait()
                share = self._carried_out(order)
                if share is not None and share.rest:
                    self._orders.put({**order, "first": share.next_run, "runs": share.rest})
                self._done.put(share or _nothing_done(order))
                if share is None:
                    break
        self._done.put(None)

    def _has_room(self) -> bool:
        self._room.acquire()
        return not self.is_dismissed

    def _carried_out(self, order: Order) -> Share | None:
        process = self._process
        assert process is not None  # noqa: S101 - asked for above
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(orjson.dumps(order) + b"\n")
            process.stdin.flush()
            return _share_of(orjson.loads(process.stdout.readline()))
        except (OSError, ValueError):  # it has died
            return None

    def end(self) -> None:
        """End the process and its thread, after it was dismissed."""
        process = self._process
        if process is not None:
            process.kill()  # what it has not handed in is nobody's
        self._thread.join()
        if process is not None:
            with contextlib.suppress(OSError), process:  # closes the pipes, and waits
                pass


def _share_of(answer: dict[str, Any]) -> Share:
    documents = [(run, Document(digest, fields)) for run, digest, fields in answer.pop("documents")]
    said = [(run, set(words)) for run, words in answer.pop("said")]
    read = {
        run: {writer: Read(*how) for writer, how in writers.items()}
        for run, writers in answer.pop("read").items()
    }
    return Share(documents=documents, said=said, read=read, **answer)


# -- in a process of the crew ----------------------------------------------------------------------------------


def carry_out(order: Order) -> dict[str, Any]:
    """Read the runs of an order; return the fields of a Share."""
    layout, runs, folder, first = Layout(order["root"]), order["runs"], order["folder"], order["first"]
    notes = Notes()
    batch, intake, left = Batch(first, notes), Intake(layout, Problems(layout, Manifest(epoch=""))), []
    intake.start_pass(None, batch, (), again=True)
    done = 0
    while done < len(runs) and batch.series.points < MOST_POINTS:
        if not intake.take_clean(runs[done]):
            left.append(runs[done])
        done += 1
    states = series = None
    if batch.rows:
        rows = [batch.rows[run] for run in sorted(batch.rows)]
        states = write_columns(os.path.join(folder, f"states-{first:x}c.npz"), state_columns(rows))
    if batch.series.points:
        series = write_columns(os.path.join(folder, f"series-{first:x}c.npz"), batch.series.columns())
    return {
        "states": states,
        "series": series,
        "documents": notes.documents,
        "said": notes.said,
        "read": {
            run: {writer: list(how) for writer, how in writers.items()}
            for run, writers in intake.in_use.items()
        },
        "left": left,
        "rest": runs[done:],
        "next_run": batch.next_run,
        "runs": intake.runs,
        "points": intake.points,
        "bytes_read": intake.bytes_read,
    }


def main() -> None:
    """Carry out orders from standard input until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it goes to everybody; the indexer ends its crew
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    with collector.paused():
        for line in orders:
            answers.write(orjson.dumps(carry_out(orjson.loads(line))) + b"\n")
            answers.flush()
