"""A reply: what a worker's process sends back, a line of JSON and bytes. Errors go the same way, and stay what they are."""

from __future__ import annotations

import inspect
import traceback
from typing import Any, NamedTuple

from runstone_writer import errors
from runstone_writer.errors import CorruptionError, QueryError, RunstoneError, StoreError

FAILED = "Exception"  # in place of an error's class: nobody raised it on purpose
LONGEST_TRACE = 10_000  # characters

_CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, RunstoneError)
}


class Reply(NamedTuple):
    """An answer: `header` goes through JSON, `body` as it is."""

    header: dict[str, Any]
    body: bytes = b""


def described(error: Exception) -> dict[str, Any]:
    """Return what `error_from` makes the same error of."""
    if not isinstance(error, RunstoneError):
        where = "".join(traceback.format_exception(error))[-LONGEST_TRACE:]
        what = f"{type(error).__name__}: {error}"[:1000]
        return {"error": FAILED, "message": what, "hint": "", "where": where}
    known = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _CLASSES)
    found: dict[str, Any] = {"error": known, "message": error.message, "hint": error.hint}
    if isinstance(error, QueryError):
        place = {"line": error.lineno, "column": error.offset, "text": error.text, "unknown": error.unknown}
        return found | place
    if isinstance(error, CorruptionError):
        return found | {name: getattr(error, name) for name in ("path", "start", "end", "reason")}
    return found | {"path": error.filename} if isinstance(error, StoreError) else found


def error_from(fields: dict[str, Any]) -> RunstoneError:
    """Return the error that `described` was given; a RunstoneError for one that is none of ours."""
    message, hint = fields["message"], fields["hint"]
    kind = _CLASSES.get(fields["error"])
    if kind is None:
        error = RunstoneError(f"the query failed: {message}", hint=hint)
        error.add_note(fields["where"])  # it is our fault, and is shown where somebody can put it right
        return error
    if issubclass(kind, QueryError):
        place = {name: fields[name] for name in ("line", "column", "text")}
        refused = kind(message, hint=hint, **place)
        refused.unknown = fields["unknown"]
        return refused
    if issubclass(kind, CorruptionError):
        return kind(*(fields[name] for name in ("path", "start", "end", "reason")), hint=hint)
    return (
        kind(message, path=fields["path"], hint=hint)
        if issubclass(kind, StoreError)
        else kind(message, hint=hint)
    )
