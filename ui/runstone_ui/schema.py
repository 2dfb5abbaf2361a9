"""The part of JSON Schema in which parameters and bodies are described, and values held to it."""

from __future__ import annotations

import re
from typing import Any

from runstone_writer.errors import UsageError

Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def check(value: Any, schema: Schema, where: str) -> None:
    """Raise UsageError if a value is not as the schema says; `where` is what to call it."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is_of(value, kind) for kind in kinds):
        raise UsageError(f"{where} is {_said(value)}", hint=f"It has to be {' or '.join(kinds)}.")
    if "enum" in schema and value not in schema["enum"]:
        raise UsageError(
            f"{where} cannot be that", hint=f"It is one of {', '.join(map(str, schema['enum']))}."
        )
    if isinstance(value, str):
        _check_text(value, schema, where)
    elif isinstance(value, list):
        _check_size(len(value), schema.get("minItems", 0), schema["maxItems"], where, "entries")
        for item in value:
            check(item, schema["items"], f"an entry of {where}")
    elif isinstance(value, dict):
        _check_object(value, schema, where)
    elif not isinstance(value, bool) and isinstance(value, int | float):
        _check_number(value, schema, where)


def _is_of(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _check_text(text: str, schema: Schema, where: str) -> None:
    _check_size(len(text), schema.get("minLength", 0), schema["maxLength"], where, "characters")
    if "pattern" in schema and not re.fullmatch(schema["pattern"].strip("^$"), text):
        raise UsageError(f"{where} cannot be that", hint=schema.get("description", ""))


def _check_size(size: int, least: int, most: int, where: str, what: str) -> None:
    if size > most:
        raise UsageError(f"{where} has {size:,} {what}", hint=f"There may be {most:,}.")
    if size < least:
        raise UsageError(f"{where} has {size:,} {what}", hint=f"There have to be {least:,}.")


def _check_object(value: dict[str, Any], schema: Schema, where: str) -> None:
    known = schema["properties"]
    for name in schema.get("required", ()):
        if name not in value:
            raise UsageError(f"{where} lacks {name!r}", hint=f"It has {', '.join(known)}.")
    for name, item in value.items():
        if name not in known:
            raise UsageError(f"{where} has something unknown", hint=f"It may have {', '.join(known)}.")
        check(item, known[name], f"{name!r}")


def _check_number(value: float, schema: Schema, where: str) -> None:
    if value - value != 0:
        raise UsageError(f"{where} is not finite")
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        low, high = schema.get("minimum", "any"), schema.get("maximum", "any")
        raise UsageError(f"{where} is out of its range", hint=f"It goes from {low} to {high}.")


def _said(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "null"}.get(
        type(value), "something else"
    )
