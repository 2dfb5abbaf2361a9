"""What a worker's process does: it answers the questions on standard input until there are no more.

A question is a line of JSON: name, arguments, seconds. What comes back is a line of JSON that says how many bytes
stand behind it, and these.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from runstone_writer.errors import RunstoneError, UsageError

from . import confinement
from .reply import Reply, described

if TYPE_CHECKING:
    from types import ModuleType


def serve(path: str, memory: int, answers: str) -> None:
    """Answer the questions on standard input by the module `answers`, until they end."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may stand between the replies
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each thread would map memory that nobody needs
    confinement.use_one_heap()
    confinement.go_first()
    try:
        repo, module = _ready(path, answers)
    except RunstoneError as error:
        _send(replies, described(error))
        return
    confinement.confine_calls()
    limit = confinement.confine_resources(memory)
    confinement.confine_python()
    _send(replies, {"ready": True})
    for line in sys.stdin.buffer:
        question = json.loads(line)
        if question["may_wait"] and repo.snapshots.is_shut_out():
            _send(replies, {"outdated": True})
            return
        confinement.allow_seconds(question["seconds"])
        limit.allow()
        fields, body = _answer(repo, module, question)
        _send(replies, {**fields, "retiring": limit.is_used_up()}, body)
        del body  # or it would still be there during the next question


def _ready(path: str, answers: str) -> tuple[Any, ModuleType]:
    """Open the repository, and use once whatever an answer may use, so that nothing is imported later."""
    from .repo import Repo  # noqa: PLC0415 - the variable above has to be set before numpy is loaded

    repo, module = Repo(path, read_only=True), importlib.import_module(answers)
    if hasattr(module, "warm"):
        module.warm(repo)
    return repo, module


def _answer(repo: Any, module: ModuleType, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        answer = module.ANSWERS.get(question["name"])
        if answer is None:
            raise UsageError(f"there is no answer to {question['name']!r}")
        reply: Reply = answer(repo, question["arguments"])
        return {"header": reply.header}, reply.body
    except MemoryError:
        return {"stopped": True}, b""
    except Exception as error:
        return described(error), b""


def _send(pipe: BinaryIO, fields: dict[str, Any], body: bytes = b"") -> None:
    pipe.write(json.dumps({**fields, "bytes": len(body)}).encode() + b"\n")
    pipe.write(body)
    pipe.flush()
