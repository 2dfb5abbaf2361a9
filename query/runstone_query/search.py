"""`search("words")`: whether all the words occur in a run's texts, or on its terminal."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

from runstone_indexer.words import folded, words_in

from .budget import Budget, LimitError
from .views import RunView

STEPS = 4  # that looking for a word takes, however short the text is
WANTED_LIMIT = 1_000  # characters


def search(budget: Budget, run: RunView, wanted: Any) -> bool | None:
    """Return whether each word of `wanted` is in one of the run's texts; no words are in every run.

    Missing if `wanted` is. Raises TypeError if it is no text, LimitError if it is too long.
    """
    if wanted is None:
        return None
    if type(wanted) is not str:
        raise TypeError(f"search() takes a text, not {type(wanted).__name__}")
    if len(wanted) > WANTED_LIMIT:
        raise LimitError(f"search() for more than {WANTED_LIMIT:,} characters")
    began = time.process_time()
    text = run.text
    budget.forgive(time.process_time() - began)
    for word in words_in(folded(wanted)):
        budget.work(STEPS)
        budget.scan(len(text))
        if not _alone(word).search(text):
            return False
    return True


@lru_cache(maxsize=256)
def _alone(word: str) -> re.Pattern[str]:
    """The word, and not a part of a longer one."""
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
