"""Suggestions: what there is that looks like what a query names and no run has."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from runstone_indexer.generation import Generation
from runstone_writer.errors import QueryError
from runstone_writer.values import show_key

from .aimql import Query
from .fields import Field, Parameter, Summarised
from .overlay import Tail

CLOSE = 0.75  # how alike two names have to be, as difflib measures it
LOOKED_AT = 20_000  # names

Path = tuple[str, ...]


@dataclass(slots=True)
class Known:
    """The names that there are in a repository: paths to parameters, and sequences."""

    paths: dict[Path, None] = field(default_factory=dict)
    sequences: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, generation: Generation | None, tails: dict[str, Tail]) -> Known:
        known = cls()
        for file in generation.states if generation is not None else []:
            for key in file.table.keys():  # noqa: SIM118 - it is no dictionary
                known._add_key(key)
            known.sequences.update(dict.fromkeys(label.name for label in file.labels.labels))
        for tail in tails.values():
            known.paths.update(dict.fromkeys(_paths(tail.state.params.tree(), ())))
            known.sequences.update(dict.fromkeys(sequence.name for sequence in tail.state.sequences))
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
    found = []
    for named in fields:
        if isinstance(named, Parameter) and named.path not in known.paths:
            found.append(_sentence(f"No run has `{_written(named.path)}`", known.path_like(named.path)))
        elif isinstance(named, Summarised) and named.identity[0] not in known.sequences:
            name = named.identity[0]
            found.append(_sentence(f"No sequence is called {name!r}", _quoted(known.sequence_like(name))))
    for name in _sequence_names(query):
        if name not in known.sequences:
            found.append(_sentence(f"No sequence is called {name!r}", _quoted(known.sequence_like(name))))
    return list(dict.fromkeys(found))


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
