"""Spelling: how values and the places of values are written in AimQL."""

from __future__ import annotations

import json
import keyword
import math
import re
from datetime import datetime, timedelta
from typing import Any
from unicodedata import normalize

from runstone_query.aimql import REFUSED_ATTRIBUTES
from runstone_query.views import PROPERTIES

_HALVES = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029]")


def text(value: str) -> str:
    """Return a text in double quotes."""
    quoted = json.dumps(value, ensure_ascii=False)
    return _CONTROL.sub(_escaped, _HALVES.sub(_escaped, quoted))


def literal(value: Any) -> str | None:
    """Return what means a value in a query; None for what cannot be written."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, list | tuple):
        items = [literal(item) for item in value]
        return None if None in items else f"[{', '.join(map(str, items))}]"
    if isinstance(value, dict):
        pairs = [(literal(key), literal(item)) for key, item in value.items()]
        if any(None in pair for pair in pairs):
            return None
        return f"{{{', '.join(f'{key}: {item}' for key, item in pairs)}}}"
    if isinstance(value, datetime) and value.tzinfo is None:
        parts = (
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
        )
        return f"datetime({', '.join(map(str, parts))})"
    if isinstance(value, timedelta):
        return f"timedelta(days={value.days}, seconds={value.seconds}, microseconds={value.microseconds})"
    return None


def parameter(path: tuple[str | int, ...]) -> str:
    """Return the expression of a parameter: `run.hparams.lr`, `run["a b"]`, `run.layers[0]`."""
    written = "run"
    for place, part in enumerate(path):
        if isinstance(part, str) and _is_plain(part) and (place or part not in PROPERTIES):
            written += f".{part}"
        else:
            written += f"[{literal(part)}]"
    return written


def sequence(name: str, context: dict[Any, Any]) -> str:
    """Return the expression of a sequence: `run.metrics["loss", {"subset": "val"}]`."""
    return f"run.metrics[{text(name)}, {literal(context)}]" if context else f"run.metrics[{text(name)}]"


def _is_plain(name: str) -> bool:
    """Whether a name may stand behind a dot. (Python takes a name for what its letters look like.)"""
    is_name = name.isidentifier() and not keyword.iskeyword(name) and name == normalize("NFKC", name)
    return is_name and not name.startswith("_") and name not in REFUSED_ATTRIBUTES


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"
