"""Values on their way out: tagged JSON, as in a log, and JSON of everything else."""

from __future__ import annotations

from typing import Any

import orjson

from runstone_query.reply import Reply
from runstone_writer.values import encode

JSON = "application/json"

_EXACT = 2**53 - 1  # JavaScript reads any number as a float: an integer beyond this would lose digits


def tagged(value: Any) -> Any:
    """Return a value of a query as tagged JSON; what is no value (a run, a function) as what Python calls it."""
    return with_all_digits(encode(value, strict=False))


def with_all_digits(data: Any) -> Any:
    """Return tagged JSON in which the integers that JavaScript cannot hold are tagged as well."""
    kind = type(data)
    if kind is int:
        return data if -_EXACT <= data <= _EXACT else {"$int": hex(data)}
    if kind is dict:
        return {key: with_all_digits(item) for key, item in data.items()}
    if kind is list:
        return [with_all_digits(item) for item in data]
    return data


def reply(data: Any) -> Reply:
    """Return data as a reply in JSON."""
    return Reply({"type": JSON}, json_of(data))


def json_of(data: Any) -> bytes:
    """Return data as JSON; what is no text in UTF-8 (a name with half of a character) is spelled out."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return orjson.dumps(_spelled(data))


def _spelled(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, dict):
        return {_spelled(key): _spelled(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_spelled(item) for item in data]
    return data
