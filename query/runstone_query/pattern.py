"""Regular expressions for `matches`: RE2, whose time is linear in the text whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from runstone_writer.errors import UsageError

from .budget import Budget, LimitError

PATTERN_LIMIT = 1_000  # characters
PROGRAM_LIMIT = 5_000  # instructions that a pattern may become
STEP = 64  # characters times instructions in a step of the budget: what RE2 does at its slowest
MEMORY = 256 * 1024  # bytes for the automaton of one pattern


class PatternError(UsageError):
    """A regular expression cannot be right."""


class Pattern:
    """A compiled regular expression."""

    def __init__(self, text: str) -> None:
        """Compile `text`. Raises PatternError, or LimitError if it is too large."""
        import re2  # noqa: PLC0415 - most queries have no pattern

        if len(text) > PATTERN_LIMIT:
            raise LimitError(f"a pattern of more than {PATTERN_LIMIT:,} characters")
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        options.max_mem = MEMORY
        try:
            self._regexp = re2.compile(text, options)
        except (re2.error, UnicodeEncodeError) as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            raise PatternError(f"the pattern {text!r} cannot be right: {reason}") from None
        self.size: int = self._regexp.programsize
        if self.size > PROGRAM_LIMIT:
            raise LimitError(f"the pattern {text[:40]!r} grows to more than {PROGRAM_LIMIT:,} steps")

    def is_in(self, text: str) -> bool:
        """Tell whether any part of `text` matches."""
        return self._regexp.search(text.encode("utf-8", "replace")) is not None


compiled = lru_cache(maxsize=64)(Pattern)


def matches(budget: Budget, text: Any, pattern: Any) -> bool | None:
    """`matches(text, pattern)`: whether a part of the text matches. Missing, or no text, gives missing."""
    if type(text) is not str:
        return None
    if type(pattern) is not str:
        raise TypeError(f"the pattern of matches() is a text, not {type(pattern).__name__}")
    regexp = compiled(pattern)
    budget.work(len(text) * regexp.size // STEP)
    return regexp.is_in(text)
