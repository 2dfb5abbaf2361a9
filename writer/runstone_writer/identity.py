"""What makes two sequences the same: their name, and contexts that are equal as in Python."""

from __future__ import annotations

from typing import Any

import orjson

_IDENTITIES: dict[tuple[str, str], tuple[str, str]] = {}
_IDENTITY_LIMIT = 4_096


def sequence_identity(name: str, context: Any) -> tuple[str, str]:
    """Return what two declarations of one sequence have in common: contexts compare as in Python.

    So the order of keys does not matter, and 1, 1.0 and True are the same (as in Aim).
    """
    if not context:
        return name, "{}"
    spelled = name, orjson.dumps(context).decode()  # the bytes that orjson returns keep a kilobyte or two
    identity = _IDENTITIES.get(spelled)
    if identity is None:  # thousands of runs have the same few sequences
        if len(_IDENTITIES) >= _IDENTITY_LIMIT:
            _IDENTITIES.clear()
        canonical = orjson.dumps(_canonical(context), option=orjson.OPT_SORT_KEYS).decode()
        identity = _IDENTITIES[spelled] = name, canonical
    return identity


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        if "$dict" in value:
            return {"$dict": sorted(map(_canonical, value["$dict"]), key=orjson.dumps)}
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer() and abs(value) < 2**63):
        return int(value)
    return value
