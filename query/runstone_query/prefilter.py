"""A narrowing as a Tantivy query."""

from __future__ import annotations

import functools

import numpy as np
import tantivy
from numpy.typing import NDArray

from runstone_indexer.parameters import ParameterReader

from .lower import Both, Either, Has, Narrowing, Number, Text, Word

# Above these shares of all runs, looking at all of them is as fast as asking Tantivy which ones to look at.
WORTH_ASKING = 0.5
WORTH_ASKING_BESIDE_COLUMNS = 0.02  # evaluating whole columns costs some nanoseconds a run
WORTH_ASKING_ALWAYS = 200  # candidates


def candidates(
    reader: ParameterReader, narrowing: Narrowing, share: float = WORTH_ASKING
) -> NDArray[np.int64] | None:
    """Return the numbers of the runs that pass, sorted; None if they are too many to be worth it."""
    if isinstance(narrowing, Either) and not narrowing.parts:
        return np.zeros(0, np.int64)
    limit = max(int(reader.count * share), WORTH_ASKING_ALWAYS)
    return _numbers(reader, narrowing, limit)


def _numbers(reader: ParameterReader, narrowing: Narrowing, limit: int) -> NDArray[np.int64] | None:
    """Words are in several documents of a run, so what is joined with them is joined here."""
    if not _has_words(narrowing):
        found = reader.search(to_tantivy(reader, narrowing), limit)
        return None if found is None else np.unique(found)
    if isinstance(narrowing, Word):
        return reader.with_word(narrowing.term, limit)
    assert isinstance(narrowing, Both | Either)  # noqa: S101 - a part has words
    plain = tuple(part for part in narrowing.parts if not _has_words(part))
    parts = [part for part in narrowing.parts if _has_words(part)] + (
        [type(narrowing)(plain)] if plain else []
    )
    sets = [_numbers(reader, part, limit) for part in parts]
    known = [found for found in sets if found is not None]
    if isinstance(narrowing, Both):
        return functools.reduce(np.intersect1d, known) if known else None
    return np.unique(np.concatenate(known)) if len(known) == len(sets) else None


def _has_words(narrowing: Narrowing) -> bool:
    if isinstance(narrowing, Both | Either):
        return any(map(_has_words, narrowing.parts))
    return isinstance(narrowing, Word)


def to_tantivy(reader: ParameterReader, narrowing: Narrowing) -> tantivy.Query:
    query = tantivy.Query
    match narrowing:
        case Has(token):
            return query.term_query(reader.schema, "has", token)
        case Text(token, term, False):
            return query.term_query(reader.schema, f"s.{token}", term)
        case Text(token, term, True):  # the only kind of prefix query that is not cut off at 50 terms
            return query.fuzzy_term_query(reader.schema, f"s.{token}", term, distance=0, prefix=True)
        case Number(token, low, high):
            if low is not None and low == high:
                return query.term_query(reader.schema, f"n.{token}", low)
            ends = [f"n.{token}:>={_positional(low)}"] if low is not None else []
            ends += [f"n.{token}:<={_positional(high)}"] if high is not None else []
            return reader.parse(" AND ".join(ends))
        case Both(parts):
            return query.boolean_query([(tantivy.Occur.Must, to_tantivy(reader, part)) for part in parts])
        case Either(parts):
            if not parts:
                return query.empty_query()
            return query.boolean_query([(tantivy.Occur.Should, to_tantivy(reader, part)) for part in parts])
    raise AssertionError(narrowing)


def _positional(number: float) -> str:
    """Tantivy's grammar has no room for a negative number with an exponent."""
    return np.format_float_positional(number, trim="0")


def describe(narrowing: Narrowing | None) -> str:
    """Return a narrowing as a person would write it."""
    match narrowing:
        case None:
            return "all runs"
        case Both(parts):
            return "(" + " and ".join(map(describe, parts)) + ")"
        case Either(()):
            return "no run"
        case Either(parts):
            return "(" + " or ".join(map(describe, parts)) + ")"
        case _:
            return narrowing.what
