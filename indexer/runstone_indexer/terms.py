"""How values become index terms: one mapping, used to write documents and to lower queries.

Every mapping here only ever makes different things equal, never equal things different, and the numeric
one is monotone. That is what makes a prefilter built on it a superset (docs/format/index.md, "Terms").
"""

from __future__ import annotations

import sys
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

Path = tuple[str | int, ...]

PREFIX_LENGTH = 200  # characters of a string that are indexed
_LARGEST = sys.float_info.max


def param_token(path: Path) -> str:
    """Return the opaque token of a parameter's path: safe in every place where Tantivy takes a name."""
    if all(type(part) is str for part in path):
        return _named("p", path)
    return _token("p", list(path))


def property_token(name: str) -> str:
    """Return the token of a property of the run (name, experiment, ...)."""
    return _token("r", name)


def sequence_token(name: str) -> str:
    """Return the token that a run has for each name that its sequences have."""
    return _token("s", name)


def context_token(path: Path, value: Any) -> str | None:
    """Return the token that a run has for each value in a context; None for one that is not indexed."""
    if isinstance(value, str):
        return _token("c", [list(path), text_term(value)])
    if isinstance(value, int | float):
        number = number_term(value)
        return None if number is None else _token("c", [list(path), number])
    return None


def number_term(value: Any) -> float | None:
    """Return the float64 that stands for a number or bool: monotone, and equal for equal numbers.

    None for NaN, which is equal to nothing and in no range.
    """
    try:
        number = float(value)
    except OverflowError:
        number = _LARGEST if value > 0 else -_LARGEST
    if number != number:
        return None
    return min(max(number, -_LARGEST), _LARGEST) + 0.0  # the sum makes 0.0 of -0.0


def text_term(value: str) -> str:
    """Return the text that stands for a string: cut, guarded against being taken for a date, valid UTF-8."""
    text = value[:PREFIX_LENGTH].replace("\0", "?")
    return "s" + text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=4_096)
def _named(space: str, names: Path) -> str:
    """The runs of an experiment have the same names: hash each of them once."""
    return _token(space, list(names))


def _token(space: str, what: Any) -> str:
    try:
        data = orjson.dumps([space, what])
    except TypeError:  # lone surrogates, huge integers: any function of the value will do
        data = repr([space, what]).encode("utf-8", "backslashreplace")
    return "k" + blake2b(data, digest_size=6).hexdigest()
