"""How what went wrong is said to a client: a status, a kind and a sentence, from fixed tables (docs/api.md)."""

from __future__ import annotations

import html
import logging
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from starlette.responses import Response

from runstone_writer.errors import (
    CorruptionError,
    DamagedBlobError,
    DeletedRunError,
    MissingKeyError,
    MissingRunError,
    QueryError,
    QueryTimeoutError,
    ReadOnlyError,
    RunstoneError,
    StoreError,
    UsageError,
)
from runstone_writer.layout import Layout

from .line import LineFullError
from .notice import HTML, notice

JSON = "application/json"

logger = logging.getLogger("runstone.up")


class RefusedError(RunstoneError):
    """A request that is not answered, and the status that says so; `allow` has the methods that there are."""

    def __init__(self, kind: str, message: str, *, hint: str = "", allow: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.allow = allow
        self.status = STATUS[kind]


STATUS = {
    "UsageError": 400,
    "TokenError": 401,
    "ForbiddenError": 403,
    "MissingError": 404,
    "MethodError": 405,
    "SlowRequestError": 408,
    "TooLargeError": 413,
    "HostError": 421,
    "InternalError": 500,
    "BusyError": 503,
}


class _Said(NamedTuple):
    kind: str
    status: int
    message: str = ""  # in place of the error's own, which may name files of this machine
    hint: str = ""


# The first class that fits counts. What is not in here is our own fault, and only an id is said of it.
_ERRORS: tuple[tuple[type[Exception], _Said], ...] = (
    (QueryTimeoutError, _Said("QueryTimeoutError", 408)),
    (QueryError, _Said("QueryError", 400)),
    (ReadOnlyError, _Said("ReadOnlyError", 403, "this server changes nothing: it was started read-only")),
    (UsageError, _Said("UsageError", 400)),
    (
        DeletedRunError,
        _Said("DeletedRunError", 404, "this run was deleted", "Its deletion can still be undone."),
    ),
    (MissingRunError, _Said("MissingRunError", 404, "there is no such run", "It may have been deleted.")),
    (MissingKeyError, _Said("MissingKeyError", 404)),
    (
        DamagedBlobError,
        _Said("DamagedBlobError", 404, "this blob is missing or damaged", "`runstone fsck` says which are."),
    ),
    (
        CorruptionError,
        _Said("CorruptionError", 500, "something in the repository is damaged", "`runstone fsck` says what."),
    ),
    (
        StoreError,
        _Said(
            "StoreError",
            503,
            "the storage has refused to do this",
            "The server's terminal says what it refused.",
        ),
    ),
    (LineFullError, _Said("BusyError", 503)),
)
KINDS = {**STATUS, **{said.kind: said.status for _, said in _ERRORS}}


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a reply of JSON."""
    return Response(orjson.dumps(value), status, headers, JSON)


def refusal_reply(error: Exception, layout: Layout) -> Response:
    """Return what a client is told of an error; what it is not told goes to the log."""
    if isinstance(error, RefusedError):
        said = _Said(error.kind, error.status)
    else:
        said = next((said for kind, said in _ERRORS if isinstance(error, kind)), _Said("", 500))
    if not said.kind:
        return internal_error(error)
    if isinstance(error, StoreError | CorruptionError):
        logger.warning("%s", error)
    assert isinstance(error, RunstoneError)  # noqa: S101 - all kinds in the table are
    body: dict[str, Any] = {
        "error": said.kind,
        "message": said.message or without_paths(error.message, layout),
        "hint": said.hint or ("" if said.message else without_paths(error.hint, layout)),
    }
    if isinstance(error, QueryError):
        body |= {"line": error.lineno, "column": error.offset, "text": encodable(error.text or "")}
    return reply(body, said.status, _headers_of(error, said.status))


def refusal_page(error: RefusedError) -> Response:
    """Return what somebody sees in a browser who is refused: what happened, and what to do."""
    text = notice(f"Runstone: {html.escape(error.message)}", html.escape(error.hint))
    return Response(text, error.status, _headers_of(error, error.status), HTML)


def _headers_of(error: Exception, status: int) -> dict[str, str]:
    headers = _HEADERS.get(status, {})
    return {**headers, "Allow": error.allow} if isinstance(error, RefusedError) and error.allow else headers


_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


def internal_error(error: BaseException) -> Response:
    """Return what is said of a fault of ours: an id, under which the log has the rest."""
    name = os.urandom(6).hex()
    logger.error("error %s", name, exc_info=error)
    body = {
        "error": "InternalError",
        "message": f"the server has made a mistake; its number is {name}",
        "hint": "The server's terminal has the details under this number.",
    }
    return reply(body, 500)


def without_paths(text: str, layout: Layout) -> str:
    """Return a message without the place of the repository on this machine."""
    for path, name in ((layout.root, ".runstone"), (os.path.dirname(layout.root), "the repository")):
        if len(path) > 1:
            text = text.replace(path, name)
    return encodable(text)


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: half of a surrogate pair becomes its escape sequence."""
    return text.encode("utf-8", "backslashreplace").decode()
