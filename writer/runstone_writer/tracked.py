"""What may be tracked, and in which sequence: a number or an object is checked and made the JSON of a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .values import as_number, is_object

if TYPE_CHECKING:
    from .media.blob import Blob

NUMBER = "number"  # the type of sequences of numbers
TERMINAL = "log_line"  # that of what the process prints
EMPTY = ""  # in place of the type: of an empty list
LIST = "list"  # in place of the type: of a list of what is no object


def encoded_value(value: Any) -> tuple[str, Any, list[Blob]]:
    """Return what a value to track is: the type of its sequence, its JSON, and the blobs that this refers to.

    Raises UsageError for what cannot be tracked.
    """
    if type(value) is float or type(value) is int:
        return NUMBER, _encoded_number(value), []
    if isinstance(value, list | tuple) and not value:
        return EMPTY, [], []
    if is_object(value) or isinstance(value, list | tuple):
        from .media.objects import encode_point  # noqa: PLC0415 - most runs have no objects

        found = encode_point(value)
        if found is not None:
            return found
    if isinstance(value, list | tuple):
        return LIST, [], []  # as in Aim no number, not even if it has a single one
    return NUMBER, _encoded_number(value), []


def checked_number(value: Any, name: str | None) -> Any:
    """Return the JSON of a value for a sequence that is known to hold numbers."""
    if type(value) is int:
        return value if -(2**63) <= value < 2**64 else {"$int": hex(value)}
    kind, data, _ = encoded_value(value)
    check_kind(name, NUMBER, kind, value)
    return data


def check_kind(name: str | None, has: str, kind: str, value: Any) -> None:
    """Raise UsageError unless a sequence that has values of one type can take one of another."""
    if has == kind == LIST:
        raise _no_number(value)
    if kind == EMPTY and has in (EMPTY, NUMBER):
        raise UsageError(
            f"Cannot log an empty list on sequence {name!r}: nothing says what it is a list of.",
            hint="A sequence that has objects takes it.",
        )
    if has == kind or (kind == EMPTY and has != TERMINAL):
        return
    hint = f"It has values of type {has!r}, not {kind!r}: take another name or context."
    if kind == LIST:
        hint = f"It has values of type {has!r}, not lists of something else."
    if has == TERMINAL:
        hint = "It holds what the process prints: take another name, or Run(capture_terminal_logs=False)."
    shown = f"{value!s:.80}"
    raise UsageError(f"Cannot log value '{shown}' on sequence {name!r}. Incompatible data types.", hint=hint)


def _no_number(value: Any) -> UsageError:
    hint = "Wrap it: Text(string), Image(array), Distribution(numbers); or keep it as a parameter."
    if isinstance(value, list | tuple):
        hint = "Numbers are tracked one by one; many at a time may be a Distribution or a parameter."
    return UsageError(f"Input type {type(value)} is neither python number nor AimObject", hint=hint)


def _encoded_number(value: Any) -> Any:
    kind = type(value)
    if kind is not int and kind is not float:
        number = value if isinstance(value, int | float) else as_number(value)
        if number is None:
            raise _no_number(value)
        value = float(number) if isinstance(number, float) else int(number)
    if isinstance(value, float):
        return value if value - value == 0.0 else repr(value)
    return value if -(2**63) <= value < 2**64 else {"$int": hex(value)}
