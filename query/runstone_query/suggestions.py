"""Suggestions: what there is that looks like what a query names and no run has."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from runstone_indexer.generation import Generation
from runstone_writer.errors import QueryError
from runstone_writer.state import sequence_identity
from runstone_writer.values import decode, show_key

from .aimql import Query
from .fields import Field, Parameter, Summarised
from .overlay import Tail
from .views import PROPERTIES, SEQUENCE_PROPERTIES

CLOSE = 0.75  # how alike two names have to be, as difflib measures it
LOOKED_AT = 20_000  # names
CONTEXTS = 3  # of a sequence, that are shown

Path = tuple[str, ...]


@dataclass(slots=True)
class Known:
    """The names that there are in a repository: paths to parameters, and sequences."""

    paths: dict[Path, None] = field(default_factory=dict)
    sequences: dict[str, None] = field(default_factory=dict)
    identities: dict[tuple[str, str], None] = field(default_factory=dict)  # of name and context

    @classmethod
    def of(cls, generation: Generation | None, tails: dict[str, Tail]) -> Known:
        known = cls()
        for file in generation.states if generation is not None else []:
            for key in file.table.keys():  # noqa: SIM118 - it is no dictionary
                known._add_key(key)
            known.sequences.update(dict.fromkeys(label.name for label in file.labels.labels))
            known.identities.update(dict.fromkeys(label.identity[:2] for label in file.labels.labels))
        for tail in tails.values():
            known.paths.update(dict.fromkeys(_paths(tail.state.params.tree(), ())))
            for sequence in tail.state.sequences:
                known.sequences[sequence.name] = None
                known.identities[sequence_identity(sequence.name, sequence.context)] = None
        return known

    def _add_key(self, key: bytes) -> None:
        try:
            space, path = orjson.loads(key)
        except ValueError:  # a key that JSON cannot write
            return
        if space == "p" and all(isinstance(part, str) for part in path):
            self.paths[tuple(path)] = None

    def path_like(self, path: Path) -> str | None:
        """Return the parameter that a path may have been meant for, as a query writes it."""
        same = [known for known in self.paths if known[-1].lower() == path[-1].lower() and known != path]
        if same:
            return _written(min(same, key=lambda known: (len(known), known)))
        if len(path) == 1 and (own := difflib.get_close_matches(path[0], PROPERTIES, 1, CLOSE)):
            return _written((own[0],))
        names = {".".join(known): known for known in list(self.paths)[:LOOKED_AT]}
        close = difflib.get_close_matches(".".join(path), names, 1, CLOSE)
        return _written(names[close[0]]) if close else None

    def sequence_like(self, name: str) -> str | None:
        """Return the name of a sequence that a name may have been meant for."""
        close = difflib.get_close_matches(name, list(self.sequences)[:LOOKED_AT], 1, CLOSE)
        return close[0] if close else None


def improved(error: QueryError, known: Known) -> QueryError:
    """Return the error about an unknown name with the parameter that may have been meant, if there is one."""
    meant = known.path_like((error.unknown,))
    if meant is None:
        return error
    better = QueryError(
        error.message, line=error.lineno or 1, column=error.offset or 1, text=error.text or "",
        hint=f"Did you mean `{meant}`?",
    )  # fmt: skip
    better.unknown = error.unknown
    return better


def hints(query: Query, fields: list[Field], known: Known) -> list[str]:
    """Return a sentence about each name in a query that nothing in the repository has."""
    found = [sentence for named in fields if (sentence := _about(named, known)) is not None]
    for name in _sequence_names(query):
        if name not in known.sequences:
            found.append(_sentence(f"No sequence is called {name!r}", _quoted(known.sequence_like(name))))
    for name in _sequence_attributes(query):
        close = difflib.get_close_matches(name, SEQUENCE_PROPERTIES, 1)
        meant = f"{query.entity}.{close[0]}" if close else None
        found.append(_sentence(f"There is no `{query.entity}.{name}`", meant))
    return list(dict.fromkeys(found))


def order_hints(fields: list[Field], known: Known) -> list[str]:
    """Return a sentence about each name that nothing has, of those that were to be sorted by."""
    about = [sentence for named in fields if (sentence := _about(named, known)) is not None]
    return [f"Not sorted: {sentence}" for sentence in about]


def _about(named: Field, known: Known) -> str | None:
    """Say what nothing has of what a query names; None if something may have it."""
    if isinstance(named, Parameter) and named.path not in known.paths:
        if named.path == ("status",):
            return "No run has `run.status`. The status is no part of a query: `runstone runs ls --status`."
        return _sentence(f"No run has `{_written(named.path)}`", known.path_like(named.path))
    if not isinstance(named, Summarised) or named.identity in known.identities:
        return None
    name = named.identity[0]
    contexts = sorted(context for called, context in known.identities if called == name)
    if not contexts:
        return _sentence(f"No sequence is called {name!r}", _quoted(known.sequence_like(name)))
    shown = [decode(orjson.loads(context)) for context in contexts[:CONTEXTS]]
    there = ", ".join(repr(context) if context else "none" for context in shown)
    more = f" and {len(contexts) - len(shown):,} more" if len(contexts) > len(shown) else ""
    return f"No sequence {name!r} has that context. There are: {there}{more}."


def _sentence(fact: str, meant: str | None) -> str:
    return f"{fact}." if meant is None else f"{fact}. Did you mean `{meant}`?"


def _quoted(name: str | None) -> str | None:
    return None if name is None else repr(name)


def _written(path: Path) -> str:
    text = show_key(path)
    return f"run{text}" if text.startswith("[") else f"run.{text}"


def _paths(tree: dict[object, object], above: Path) -> Iterator[Path]:
    for key, value in tree.items():
        if isinstance(key, str):
            yield (*above, key)
            if isinstance(value, dict):
                yield from _paths(value, (*above, key))


def _sequence_names(query: Query) -> Iterator[str]:
    """Yield each name that the sequence's name is compared with."""
    for node in ast.walk(query.tree):
        match node:
            case ast.Compare(
                ast.Attribute(ast.Name(root), "name"), [ast.Eq()], [ast.Constant(str(name))]
            ) if root == query.entity:
                yield name


def _sequence_attributes(query: Query) -> Iterator[str]:
    """Yield each attribute of the sequence that none has."""
    for node in ast.walk(query.tree):
        match node:
            case ast.Attribute(ast.Name(root), name) if root == query.entity != "run":
                if name not in SEQUENCE_PROPERTIES and name != "get":
                    yield name
