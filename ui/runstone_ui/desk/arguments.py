"""The arguments of a question: taken by name, checked, as texts (of an address) or as what they are."""

from __future__ import annotations

import math
from typing import Any

from runstone_writer.errors import UsageError

LONGEST_QUERY = 4_096  # characters
MOST_ROWS = 10_000
MOST_EXPRESSIONS = 100


class Arguments:
    """What came with a question. Every method raises UsageError that names the parameter."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given

    def text(self, name: str, default: str = "") -> str:
        """A text; a query or an expression, mostly."""
        value = self._given.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise UsageError(f"{name} is a text, not {value!r:.80}")
        if len(value) > LONGEST_QUERY:
            raise UsageError(
                f"{name} has {len(value):,} characters", hint=f"At most {LONGEST_QUERY:,} are allowed."
            )
        return value

    def one_of(self, name: str, known: tuple[str, ...], default: str) -> str:
        """One of some words."""
        value = self.text(name) or default
        if value not in known:
            raise UsageError(f"{name} is not {value!r:.80}", hint=f"It is one of {', '.join(known)}.")
        return value

    def texts(self, name: str) -> list[str]:
        """Several texts; none of them is empty."""
        value = self._given.get(name)
        values = [value] if isinstance(value, str) else [] if value is None else value
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise UsageError(f"{name} is a list of texts, not {value!r:.80}")
        if len(values) > MOST_EXPRESSIONS:
            raise UsageError(
                f"{name} is given {len(values):,} times", hint=f"At most {MOST_EXPRESSIONS} are allowed."
            )
        return [Arguments({name: each}).text(name) for each in values if each.strip()]

    def flag(self, name: str) -> bool:
        """0 or 1."""
        return self.whole(name, 0, 0, 1) == 1

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within limits."""
        value = self._given.get(name)
        if value is None or value == "":
            return default
        try:
            number = int(value)
            fits = not isinstance(value, float) and least <= number <= most
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise UsageError(f"{name} is a whole number from {least:,} to {most:,}, not {value!r:.80}")
        return number

    def number(self, name: str, least: float = -math.inf, most: float = math.inf) -> float | None:
        """A finite number within limits, or None."""
        value = self._given.get(name)
        if value is None or value == "":
            return None
        try:
            number = float(value)
            fits = math.isfinite(number) and least <= number <= most
        except (TypeError, ValueError, OverflowError):
            fits = False
        if not fits:
            limits = f" from {least:g} to {most:g}" if math.isfinite(least) else ""
            raise UsageError(f"{name} is a number{limits}, not {value!r:.80}")
        return number

    def limit(self, default: int, most: int = MOST_ROWS) -> int:
        """How many rows are wanted."""
        return self.whole("limit", default, 0, most)

    def offset(self) -> int:
        """How many rows are left out first."""
        return self.whole("offset", 0, 0, 2**53)
