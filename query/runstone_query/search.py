"""`search("words")`: whether all the words occur in a run's texts, or on its terminal."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

from runstone_indexer.words import folded, words_in

from .budget import Budget
from .views import RunView

STEPS = 4  # that looking for a word takes, however short the text is
LONG = 100  # characters
_REST = re.compile(r"\w*")


def search(budget: Budget, run: RunView, wanted: Any) -> bool | None:
    """Return whether each word of `wanted` is in one of the run's texts; no words are in every run.

    Missing if `wanted` is. Raises TypeError if it is no text.
    """
    if wanted is None:
        return None
    if type(wanted) is not str:
        raise TypeError(f"search() takes a text, not {type(wanted).__name__}")
    budget.search(wanted, "")
    began = time.process_time()
    text = run.text
    budget.forgive(time.process_time() - began)
    for word in words_in(folded(wanted)):
        budget.work(STEPS)
        budget.scan(len(text))
        if not (_alone(word).search(text) if len(word) < LONG else _is_in(text, word)):
            return False
    return True


def _is_in(text: str, word: str) -> bool:
    """The same for a word that is too long to be remembered as a pattern: nobody may fill the memory with some."""
    start = 0
    while (at := text.find(word, start)) >= 0:
        start = _end_of_word(text, at)
        if start == at + len(word) and (not at or _end_of_word(text, at - 1) == at - 1):
            return True
    return False


def _end_of_word(text: str, start: int) -> int:
    """Where the word that goes on at `start` ends; `start` itself if there is none."""
    found = _REST.match(text, start)
    return start if found is None else found.end()


@lru_cache(maxsize=256)
def _alone(word: str) -> re.Pattern[str]:
    """The word, and not a part of a longer one."""
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
