"""Values as text that is harmless in a terminal."""

from __future__ import annotations

import os
import unicodedata
from datetime import datetime
from typing import Any


def show(value: Any) -> str:
    """Return a value the way that a person reads it, on one line."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(show, value))
    if isinstance(value, int):
        return show_integer(value)
    return printable(str(value))


def show_integer(value: int) -> str:
    """Return an integer in decimal; in hex if it is so long that Python refuses that."""
    try:
        return str(value)
    except ValueError:
        return hex(value)


def printable(text: str) -> str:
    """Return a text with every control character (an escape sequence, a line break) made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(c) if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" else c for c in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def show_context(context: dict[str, Any]) -> str:
    """Return a sequence's context as ``key=value, key=value``."""
    return printable(", ".join(f"{key}={value}" for key, value in context.items())) or "-"


def show_time(seconds: float | None) -> str:
    """Return a time in the local time zone."""
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def show_minute(seconds: float | None) -> str:
    """Return a time in the local time zone, without the seconds."""
    return show_time(seconds)[:16]


def show_duration(seconds: float | None) -> str:
    """Return a number of seconds in the unit that fits it."""
    if seconds is None:
        return "-"
    for limit, unit in ((60, 1), (3600, 60), (86400, 3600)):
        if seconds < limit:
            return f"{seconds / unit:.1f} {'s' if unit == 1 else 'min' if unit == 60 else 'h'}"
    return f"{seconds / 86400:.1f} d"


def show_size(count: int) -> str:
    """Return a number of bytes in the unit that fits it."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def show_path(path: str) -> str:
    """Return a path from the current folder if that is shorter."""
    return printable(min(path, os.path.relpath(path), key=len))


def count_of(count: int, noun: str) -> str:
    """Return ``1 run``, ``2,000 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
