"""What a request asks for, read from its address and its body, and held to the table of endpoints."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

from runstone_writer.errors import UsageError

from .endpoints import MOST_EXPRESSIONS, Endpoint, Parameter
from .refusals import RefusedError
from .schema import Schema, check

MOST_FIELDS = 1000
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


def parsed_places(endpoint: Endpoint, places: dict[str, str]) -> dict[str, Any]:
    """Return what stands in the path. Raises RefusedError if there cannot be such a thing."""
    for name, schema in endpoint.places.items():
        try:
            check(places[name], schema, name)
        except UsageError as error:
            raise RefusedError("MissingError", "there is nothing of that name", hint=error.hint) from None
    return dict(places)


def parsed_query(endpoint: Endpoint, query: bytes) -> dict[str, Any]:
    """Return all parameters of an endpoint, with their defaults. Raises UsageError."""
    known = {parameter.name: parameter for parameter in endpoint.parameters}
    found: dict[str, Any] = {name: [] if p.many else p.default for name, p in known.items()}
    given: set[str] = set()
    for name, text in _fields(query):
        parameter = known.get(name)
        if parameter is None:
            raise UsageError(
                "there is no parameter of that name", hint=f"There are {', '.join(known) or 'none here'}."
            )
        if name in given and not parameter.many:
            raise UsageError(f"{name!r} is given more than once")
        given.add(name)
        if not text and parameter.schema["type"] != "string":
            continue  # a field that was left empty
        value = _value(parameter, text)
        check(value, parameter.schema, f"{name!r}")
        if parameter.many:
            found[name].append(value)
        else:
            found[name] = value
    _check_all(endpoint, found, given)
    return found


def _check_all(endpoint: Endpoint, found: dict[str, Any], given: set[str]) -> None:
    for parameter in endpoint.parameters:
        if parameter.required and parameter.name not in given:
            raise UsageError(f"{parameter.name!r} is missing")
        if parameter.many and len(found[parameter.name]) > MOST_EXPRESSIONS:
            raise UsageError(
                f"{parameter.name!r} is given too often", hint=f"There may be {MOST_EXPRESSIONS} of them."
            )


def _fields(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:  # as UnicodeDecodeError is
        raise UsageError("the parameters are not in UTF-8, or too many") from None


def _value(parameter: Parameter, text: str) -> Any:
    kind = parameter.schema["type"]
    if kind == "string":
        return text
    if kind == "boolean" and text in _FLAGS:
        return _FLAGS[text]
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    raise UsageError(f"{parameter.name!r} cannot be that", hint=f"It is {_NAMES[kind]}.")


_NAMES = {"boolean": "0 or 1", "integer": "an integer", "number": "a number"}


def parsed_body(body: bytes, schema: Schema) -> dict[str, Any]:
    """Return the body of a request. Raises UsageError if it is not as the schema says."""
    try:
        value = orjson.loads(body)
    except ValueError:
        raise UsageError("the body is not JSON") from None
    check(value, schema, "the body")
    assert isinstance(value, dict)  # noqa: S101 - every schema of a body is that of an object
    return value
