"""A worker: a process that answers other people's queries, and is killed when one takes too long.

The limits of `budget` end nearly every bad query; this ends the rest, also inside one long call of C code. The
process is started once and used for many queries. It has no environment, cannot start processes, write files or
use the network (`confinement`), and only JSON goes in and out.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from runstone_writer import errors
from runstone_writer.errors import QueryError, QueryTimeoutError, RunstoneError, UsageError
from runstone_writer.layout import open_repo
from runstone_writer.values import decode, encode

from .aimql import ENTITIES

SECONDS = 10.0
MEMORY = 512 * 1024 * 1024
START_SECONDS = 120.0

_CALLS = {"metric": "query_metrics", "figures": "query_figure_objects"}
_RAISED = ("CorruptionError", "FormatVersionError", "MissingRepoError", "StoreError", "UsageError")


class SequenceKey(NamedTuple):
    """What tells one sequence from all others."""

    run: str
    name: str
    context: dict[str, Any]


class Answer(list[Any]):
    """What was found, in order; and how many candidates were skipped because their evaluation failed."""

    skipped: int = 0
    first_error: str = ""


class QueryWorker:
    """A confined process that evaluates queries on one repository, read-only.

    Args:
        path: the repository.
        seconds: how long one query may take, from asking to answer.
        memory: bytes that the process may use beyond what it has mapped when it is ready.

    Raises MissingRepoError if there is no repository. A query that takes too long, or too much memory, raises
    QueryTimeoutError; the process is replaced, and the next query is answered as if nothing had happened.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, seconds: float = SECONDS, memory: int = MEMORY
    ) -> None:
        self._path = os.path.dirname(os.path.abspath(open_repo(path).root))
        self._memory = memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self.seconds = seconds
        self.restarts = -1  # how often the process has been replaced
        self._start()

    def run_hashes(self, query: str) -> Answer:
        """Return the hashes of the runs that match, newest first. Raises QueryError, QueryTimeoutError."""
        return self._ask(query, None)

    def sequence_keys(self, entity: str, query: str) -> Answer:
        """Return a SequenceKey for each sequence that matches; `entity` is "metric", "images", ..."""
        if entity not in ENTITIES:
            raise UsageError(f"unknown sequence type {entity!r}", hint=f"There are {', '.join(ENTITIES)}.")
        answer = self._ask(query, entity)
        answer[:] = [SequenceKey(*key) for key in answer]
        return answer

    @property
    def pid(self) -> int:
        """The process that answers."""
        assert self._process is not None  # noqa: S101 - there is one until close()
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------------

    def _ask(self, query: str, entity: str | None) -> Answer:
        with self._lock:
            if self._process is None:
                raise UsageError("the worker is closed")
            if not self._is_ready:
                self._wait_until_ready()
            deadline = time.monotonic() + self.seconds
            try:
                self._send({"query": query, "entity": entity, "seconds": self.seconds}, deadline)
                reply = self._reply(deadline)
            except _StoppedError as stopped:
                code = self._kill()
                self._start()
                raise QueryTimeoutError(
                    f"the query was stopped: {stopped}{_ended(code)}: {query[:200]}",
                    hint="Ask for less: conditions that the index knows leave fewer runs to look at.",
                ) from None
            except BaseException:  # Ctrl-C: the next reply must not be this one's
                self._kill()
                self._start()
                raise
        if "error" in reply:
            raise _error_from(reply)
        answer = Answer(decode(reply["found"]))
        answer.skipped, answer.first_error = reply["skipped"], reply["first_error"]
        return answer

    def _wait_until_ready(self) -> None:
        try:
            reply = self._reply(time.monotonic() + START_SECONDS)
        except _StoppedError as stopped:
            raise RunstoneError(f"the worker did not start: {stopped}{_ended(self._kill())}") from None
        if "error" in reply:
            self._kill()
            raise _error_from(reply)
        self._is_ready = True

    def _start(self) -> None:
        """Start a process, without waiting for it."""
        self._kill()
        code = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); " + (
            "from runstone_query.worker import serve; serve(sys.argv[2], int(sys.argv[3]))"
        )
        paths = json.dumps([os.path.abspath(path) for path in sys.path if path])
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", code, paths, self._path, str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},
            start_new_session=True,  # Ctrl-C is for the parent to handle
        )
        self._is_ready = False
        self.restarts += 1

    def _kill(self) -> int:
        """End the process, whatever it is doing. Returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return process.wait()

    def _send(self, message: dict[str, Any], deadline: float) -> None:
        assert self._process is not None  # noqa: S101
        assert self._process.stdin is not None  # noqa: S101
        pipe = self._process.stdin.fileno()
        os.set_blocking(pipe, False)
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            if not select.select([], [pipe], [], max(deadline - time.monotonic(), 0))[1]:
                raise _StoppedError("its question was not read")
            try:
                data = data[os.write(pipe, data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise _StoppedError("its process had ended") from None

    def _reply(self, deadline: float) -> dict[str, Any]:
        """Return the next reply. Raises _StoppedError at the deadline, or if there will be none."""
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        pipe = self._process.stdout.fileno()
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise _StoppedError(f"it took longer than {self.seconds:g} s")
            part = os.read(pipe, 1 << 20)
            if not part:
                raise _StoppedError("its process ended")
            parts.append(part)
        reply: dict[str, Any] = json.loads(b"".join(parts))
        if reply.get("stopped"):
            raise _StoppedError(f"it needed more than {self._memory >> 20} MiB")
        return reply


class _StoppedError(Exception):
    """There is no reply."""


def _ended(code: int) -> str:
    return "" if code in (0, -signal.SIGKILL) else f" (exit code {code})"


def _error_from(reply: dict[str, Any]) -> RunstoneError:
    message, hint = reply["message"], reply["hint"]
    if reply["error"] == "QueryError":
        return QueryError(message, hint=hint, line=reply["line"], column=reply["column"], text=reply["text"])
    if reply["error"] in _RAISED:
        kind = getattr(errors, reply["error"])
        return (
            RunstoneError(message, hint=hint) if kind is errors.CorruptionError else kind(message, hint=hint)
        )
    return RunstoneError(f"the query failed: {message}", hint=hint)


# -- in the process ----------------------------------------------------------------------------------------------


def serve(path: str, memory: int) -> None:
    """Answer the questions on standard input until it ends. What the worker's process does."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may stand between the replies
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each thread would map memory that nobody needs
    from . import confinement  # noqa: PLC0415

    confinement.use_one_heap()
    try:
        repo = _warm(path)
    except RunstoneError as error:
        _send_reply(replies, {"error": type(error).__name__, "message": error.message, "hint": error.hint})
        return
    import psutil  # noqa: PLC0415

    confinement.confine_calls()
    confinement.confine_resources(memory, psutil.Process().memory_info().vms)
    confinement.confine_python()
    _send_reply(replies, {"ready": True})
    for line in sys.stdin.buffer:
        question = json.loads(line)
        confinement.allow_seconds(question["seconds"])
        _send_reply(replies, _answer(repo, question["query"], question["entity"]))


def _warm(path: str) -> Any:
    """Open the repository, and use once whatever a query may use, so that nothing is imported later."""
    import re2  # noqa: F401, PLC0415

    from .repo import Repo  # noqa: PLC0415

    repo = Repo(path, read_only=True)
    warming = "matches(run.é, 'x') or datetime.strptime('1', '%d').strftime('%d')"
    len(repo.query_runs(warming))
    len(repo.query_metrics(warming))
    return repo


def _send_reply(pipe: BinaryIO, message: dict[str, Any]) -> None:
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.flush()


def _answer(repo: Any, query: str, entity: str | None) -> dict[str, Any]:
    try:
        if entity is None:
            result = repo.query_runs(query)
            found: list[Any] = result.hashes()
        else:
            call = _CALLS.get(entity, f"query_{entity}")
            result = getattr(repo, call)(query)
            found = [[s.run.hash, s.name, dict(s.context)] for s in result]
        return {"found": encode(found), "skipped": result.skipped, "first_error": result.first_error}
    except QueryError as error:
        place = {"line": error.lineno, "column": error.offset, "text": error.text}
        return {"error": "QueryError", "message": error.message, "hint": error.hint, **place}
    except MemoryError:
        return {"stopped": True}
    except RunstoneError as error:
        return {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    except Exception as error:
        return {"error": "Exception", "message": f"{type(error).__name__}: {error}"[:1000], "hint": ""}
