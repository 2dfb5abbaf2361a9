"""Words: what `search` looks for in a run's texts. The index and the exact evaluation fold texts the same way.

A word is a run of letters, digits and underscores; upper and lower case are the same, and so are the ways
in which Unicode can write one text. Colours and other codes for the terminal are not part of a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from runstone_writer.state import RunState
from runstone_writer.values import decode

SAID = (
    "log_line",
    "log_record",
)  # types of sequences: what a run prints to its terminal, what it logs in words
LONGEST = 40  # characters of a word that is indexed as it is; a longer one by its digest

_RECORD = ("level", "message", "args")
_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_WORD = re.compile(r"\w+")


def folded(text: str) -> str:
    """Return a text in the form in which words are compared."""
    if "\x1b" in text:
        text = _CODES.sub("", text)
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_in(text: str) -> list[str]:
    """Return the words of a folded text, in order."""
    return _WORD.findall(text)


def term_of(word: str) -> str | None:
    """Return what a word is indexed as. Numbers are not: a progress bar has thousands of them."""
    if word.isdigit():
        return None
    if len(word) <= LONGEST and word.isascii():
        return word
    return "#" + blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def terms_of(texts: Iterable[str]) -> set[str]:
    """Return what the words of some texts are indexed as."""
    found: set[str] = set()
    for text in texts:
        found |= _terms(text) if len(text) <= LONGEST else _terms.__wrapped__(text)
    return found


@lru_cache(maxsize=4_096)
def _terms(text: str) -> frozenset[str]:
    """The runs of an experiment have the same names and values: look at each of them once."""
    terms = map(term_of, words_in(folded(text)))
    return frozenset(term for term in terms if term is not None)


def texts_of(state: RunState) -> Iterator[str]:
    """Yield what `search` looks through in a state: properties, tags, notes, and parameters' keys and texts."""
    yield state.name
    yield state.experiment
    yield state.prop("description") or ""
    yield from state.tags
    for _, _, note in state.note_marks.values():
        yield from _texts_in(decode(note))
    yield from _texts_in(state.params.tree())


def texts_said(values: Iterable[Any]) -> Iterator[str]:
    """Yield the texts in points of a sequence whose type is one of SAID: lines; level, message and arguments."""
    for value in values:
        parts = (
            [value.get(name) for name in _RECORD] if isinstance(value, dict) and "level" in value else value
        )
        yield from _texts_in(decode(parts))


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str):
                yield key
            yield from _texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts_in(item)
