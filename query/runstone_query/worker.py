"""A worker: a process that answers other people's queries, and is killed when one takes too long.

The limits of `budget` end nearly every bad query; this ends the rest, also inside one long call of C code. The
process is started once and used for many questions. It has no environment, cannot start processes, write files or
use the network (`confinement`); what goes in and out is in `service`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any, NamedTuple, Self

from runstone_writer.errors import QueryTimeoutError, RunstoneError, UsageError
from runstone_writer.layout import open_repo
from runstone_writer.values import decode

from .aimql import ENTITIES
from .reply import Reply, error_from

SECONDS = 10.0
MEMORY = 512 * 1024 * 1024
START_SECONDS = 120.0
ANSWERS = "runstone_query.answers"

_PIPE = 1 << 20  # bytes: large replies come in few pieces
_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from runstone_query.service import serve; serve(sys.argv[2], int(sys.argv[3]), sys.argv[4])"
)


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
        seconds: how long one question may take, from asking to answer.
        memory: bytes of its own that the process may fill for one question. Index files that it maps do not count.
        answers: the module with what it can be asked (see `answers`).

    Raises MissingRepoError if there is no repository. A question that takes too long, or too much memory, raises
    QueryTimeoutError; the process is replaced, and the next question is answered as if nothing had happened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        answers: str = ANSWERS,
    ) -> None:
        self._path = os.path.dirname(os.path.abspath(open_repo(path).root))
        self._memory = memory
        self._answers = answers
        self._lock = threading.Lock()  # held while a question is answered
        self._changing = threading.Lock()  # held while a process takes the place of another
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""  # what has been read of the pipe, and belongs to the next reply
        self._is_ready = False
        self._is_busy = False  # a question has been asked, and its reply not been read
        self._is_closed = False
        self.seconds = seconds
        self.restarts = -1  # how often the process has been replaced
        self._start()

    def run_hashes(self, query: str) -> Answer:
        """Return the hashes of the runs that match, newest first. Raises QueryError, QueryTimeoutError."""
        return self._found("run_hashes", {"q": query})

    def sequence_keys(self, entity: str, query: str) -> Answer:
        """Return a SequenceKey for each sequence that matches; `entity` is "metric", "images", ..."""
        if entity not in ENTITIES:
            raise UsageError(f"unknown sequence type {entity!r}", hint=f"There are {', '.join(ENTITIES)}.")
        answer = self._found("sequence_keys", {"q": query, "entity": entity})
        answer[:] = [SequenceKey(*key) for key in answer]
        return answer

    def ask(self, name: str, arguments: dict[str, Any], seconds: float | None = None) -> Reply:
        """Return the answer to a question of the module; the arguments go through JSON.

        Errors of Runstone's come back as what they were. QueryTimeoutError after `seconds` (those of the worker if
        not given); the start of the process does not count.
        """
        with self._lock:
            allowed = self.seconds if seconds is None else seconds
            self._wait_until_ready()
            deadline = time.monotonic() + allowed
            self._is_busy = True
            try:
                self._send({"name": name, "arguments": arguments, "seconds": allowed}, deadline)
                fields, body = self._reply(deadline, allowed)
                with self._changing:
                    self._is_busy = False
            except _StoppedError as stopped:
                code = self._start()
                what = str(arguments.get("q", name))[:200]
                raise QueryTimeoutError(
                    f"the query was stopped: {stopped}{_ended(code)}: {what}",
                    hint="Ask for less: conditions that the index knows leave fewer runs to look at.",
                ) from None
            except BaseException:  # Ctrl-C: the next reply must not be this one's
                self._start()
                raise
            if fields.get("retiring"):
                self._start()
        if "error" in fields:
            raise error_from(fields)
        return Reply(fields["header"], body)

    def interrupt(self) -> None:
        """End the process if it is answering a question, which then raises QueryTimeoutError. From any thread."""
        with self._changing:
            if self._process is not None and self._is_busy:
                self._process.kill()

    @property
    def pid(self) -> int:
        """The process that answers."""
        assert self._process is not None  # noqa: S101 - there is one until close()
        return self._process.pid

    def close(self) -> None:
        """End the process, also in the middle of a question."""
        with self._changing:
            self._is_closed = True
            if self._process is not None:
                self._process.kill()
        with self._lock:
            self._kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------------

    def _found(self, name: str, arguments: dict[str, Any]) -> Answer:
        header = self.ask(name, arguments).header
        answer = Answer(decode(header["found"]))
        answer.skipped, answer.first_error = header["skipped"], header["first_error"]
        return answer

    def _wait_until_ready(self) -> None:
        if self._process is None and not self._is_closed:  # the last one did not start
            self._start()
        if self._process is None:
            raise UsageError("the worker is closed")
        if self._is_ready:
            return
        try:
            fields, _ = self._reply(time.monotonic() + START_SECONDS, START_SECONDS)
        except _StoppedError as stopped:
            raise RunstoneError(f"the worker did not start: {stopped}{_ended(self._kill())}") from None
        except BaseException:
            self._kill()
            raise
        if "error" in fields:
            self._kill()
            raise error_from(fields)
        self._is_ready = True

    def _start(self) -> int:
        """Start a process in place of the one that there is, without waiting for it. Returns that one's exit code."""
        code = self._kill()
        paths = json.dumps([os.path.abspath(path) for path in sys.path if path])
        with self._changing:
            if self._is_closed:
                return code
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _CODE, paths, self._path, str(self._memory), self._answers],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={},
                start_new_session=True,  # Ctrl-C is for the parent to handle
            )
            assert self._process.stdout is not None  # noqa: S101
            with contextlib.suppress(OSError, AttributeError):  # it is a matter of speed
                fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
            self.restarts += 1
        return code

    def _kill(self) -> int:
        """End the process, whatever it is doing. Returns its exit code."""
        with self._changing:
            process, self._process = self._process, None
            self._is_ready, self._is_busy, self._rest = False, False, b""
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
            if not _is_open(pipe, select.POLLOUT, deadline):
                raise _StoppedError("its question was not read")
            try:
                data = data[os.write(pipe, data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise _StoppedError("its process had ended") from None

    def _reply(self, deadline: float, allowed: float) -> tuple[dict[str, Any], bytes]:
        """Return the next reply. Raises _StoppedError at the deadline, or if there will be none."""
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            parts.append(self._read(deadline, allowed))
        line, _, rest = b"".join(parts).partition(b"\n")
        fields: dict[str, Any] = json.loads(line)
        if fields.get("stopped"):
            raise _StoppedError(f"it needed more than {self._memory >> 20} MiB")
        parts, missing = [rest], fields["bytes"] - len(rest)
        while missing > 0:
            parts.append(self._read(deadline, allowed))
            missing -= len(parts[-1])
        body = b"".join(parts)
        self._rest = body[fields["bytes"] :]
        return fields, body[: fields["bytes"]]

    def _read(self, deadline: float, allowed: float) -> bytes:
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        pipe = self._process.stdout.fileno()
        if not _is_open(pipe, select.POLLIN, deadline):
            raise _StoppedError(f"it took longer than {allowed:g} s")
        part = os.read(pipe, _PIPE)
        if not part:
            raise _StoppedError("its process ended")
        return part


class _StoppedError(Exception):
    """There is no reply."""


def _is_open(pipe: int, event: int, deadline: float) -> bool:
    """Wait until a pipe can be read or written, or has ended; False at the deadline."""
    left = deadline - time.monotonic()
    poll = select.poll()  # select() knows descriptors up to 1,023
    poll.register(pipe, event)
    return left > 0 and bool(poll.poll(math.ceil(left * 1000)))


def _ended(code: int) -> str:
    return "" if code in (0, -signal.SIGKILL) else f" (exit code {code})"
