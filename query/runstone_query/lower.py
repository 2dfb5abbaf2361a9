"""Lowering: from an AimQL tree to a narrowing that every matching run passes (never fewer).

`lower(node)` answers: which runs can make `node` truthy? `refute(node)` answers: which can make it falsy?
None means "all of them". The obligation of each rule is stated with it; evaluation decides afterwards.
In a sequence query a run has to pass if any of its sequences could match.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from runstone_indexer import terms, words

from .aimql import Query
from .views import PROPERTIES


@dataclass(frozen=True, slots=True)
class Has:
    """Runs with a token."""

    token: str
    what: str


@dataclass(frozen=True, slots=True)
class Number:
    """Runs with a number between two ends (each may be None) under a token. Both ends are included."""

    token: str
    low: float | None
    high: float | None
    what: str


@dataclass(frozen=True, slots=True)
class Text:
    """Runs with a text, or a text that starts so, under a token."""

    token: str
    term: str
    prefix: bool
    what: str


@dataclass(frozen=True, slots=True)
class Word:
    """Runs with a word in their texts or on their terminals."""

    term: str
    what: str


@dataclass(frozen=True, slots=True)
class Both:
    parts: tuple[Narrowing, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Runs that pass one of the parts; no parts: no run."""

    parts: tuple[Narrowing, ...]


Narrowing = Has | Number | Text | Word | Both | Either
Path = tuple[str | int, ...]

NOTHING = Either(())
_MIRRORED = {"Lt": "Gt", "Gt": "Lt", "LtE": "GtE", "GtE": "LtE", "Eq": "Eq"}
UNKNOWN = object()


def narrowing(query: Query) -> Narrowing | None:
    """Return what every run that matches `query` passes, or None if nothing narrower than all can be said."""
    found = _Lowering(query.entity).lower(query.tree)
    if query.asks_for_archived:
        return found
    alive = Text(terms.property_token("archived"), terms.text_term("False"), False, "not archived")
    return alive if found is None else both([alive, found])


def both(parts: list[Narrowing]) -> Narrowing:
    flat: list[Narrowing] = []
    for part in parts:
        flat += part.parts if isinstance(part, Both) else (part,)
    return NOTHING if NOTHING in flat else flat[0] if len(flat) == 1 else Both(tuple(dict.fromkeys(flat)))


def either(parts: list[Narrowing]) -> Narrowing:
    flat: list[Narrowing] = []
    for part in parts:
        flat += part.parts if isinstance(part, Either) else (part,)
    return flat[0] if len(flat) == 1 else Either(tuple(dict.fromkeys(flat)))


class _Lowering:
    def __init__(self, entity: str | None) -> None:
        self._entity = entity

    # -- truthy ----------------------------------------------------------------------------------------

    def lower(self, node: ast.expr) -> Narrowing | None:
        match node:
            case ast.Constant(value):  # a constant is what it is
                return None if value else NOTHING
            case ast.BoolOp(ast.And(), values):  # truthy only if all parts are
                known = [part for part in map(self.lower, values) if part is not None]
                return both(known) if known else None
            case ast.BoolOp(ast.Or(), values):  # truthy only if one part is
                return self._either(list(map(self.lower, values)))
            case ast.UnaryOp(ast.Not(), operand):
                return self.refute(operand)
            case ast.IfExp(test, body, orelse):  # the body where the test holds, the other one where it fails
                taken = [self._both(self.lower(test), self.lower(body))]
                taken.append(self._both(self.refute(test), self.lower(orelse)))
                return self._either(taken)
            case ast.Compare(left, ops, comparators):  # a chain holds only if each link does
                ends = [left, *comparators]
                links = [self._compare(ops[i], ends[i], ends[i + 1]) for i in range(len(ops))]
                known = [link for link in links if link is not None]
                return both(known) if known else None
            case ast.Call(
                ast.Name("search"), [ast.Constant(str(wanted))], []
            ):  # true only if each word is there
                return self._words(wanted)
        return self._needs(node)  # an expression that is missing is falsy

    def refute(self, node: ast.expr) -> Narrowing | None:
        match node:
            case ast.Constant(value):
                return NOTHING if value else None
            case ast.BoolOp(ast.And(), values):  # falsy only if one part is
                return self._either(list(map(self.refute, values)))
            case ast.BoolOp(ast.Or(), values):  # falsy only if all parts are
                known = [part for part in map(self.refute, values) if part is not None]
                return both(known) if known else None
            case ast.UnaryOp(ast.Not(), operand):
                return self.lower(operand)
            case ast.Compare(left, [ast.NotEq()], [right]):
                return self._compare(ast.Eq(), left, right)
            case ast.Compare(left, [ast.NotIn()], [right]):
                return self._compare(ast.In(), left, right)
        return None  # a comparison is also false for every run where something is missing

    def _both(self, one: Narrowing | None, other: Narrowing | None) -> Narrowing | None:
        if one is None or other is None:
            return one or other
        return both([one, other])

    def _either(self, parts: list[Narrowing | None]) -> Narrowing | None:
        known = [part for part in parts if part is not None]
        return either(known) if len(known) == len(parts) else None

    def _words(self, wanted: str) -> Narrowing | None:
        found: list[Narrowing] = []
        for word in words.words_in(words.folded(wanted)):
            term = words.term_of(word)
            if term is not None:
                found.append(Word(term, f"word {word!r}"))
        return both(found) if found else None

    # -- comparisons -----------------------------------------------------------------------------------

    def _compare(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Narrowing | None:
        name = type(op).__name__
        if name in ("NotEq", "IsNot", "NotIn"):  # true for missing values
            return None
        if name == "In":
            return self._membership(left, right)
        constant = constant_of(right)
        if constant is UNKNOWN and name in _MIRRORED and constant_of(left) is not UNKNOWN:
            left, right, name, constant = right, left, _MIRRORED[name], constant_of(left)
        if name == "Is":
            if isinstance(constant, bool):
                return self._equal(left, constant)
            return None
        if name == "Eq":
            return None if constant is UNKNOWN else self._equal(left, constant)
        needed = self._needs(left) if constant is not UNKNOWN else self._needs_both(left, right)
        if isinstance(constant, int | float):
            return self._both(needed, self._ordered(left, name, constant))
        return needed  # no order holds for what is missing

    def _needs_both(self, left: ast.expr, right: ast.expr) -> Narrowing | None:
        return self._both(self._needs(left), self._needs(right))

    def _equal(self, node: ast.expr, constant: Any) -> Narrowing | None:
        """Equal values have equal terms; a missing value equals None only."""
        if constant is None:
            return None
        found = self._sequence_equal(node, constant)
        if found is not None:
            return found
        place = self._place(node)
        if place is None or not isinstance(constant, int | float | str):
            return self._needs(node)
        token, what, _ = place
        if isinstance(constant, str):
            return Text(token, terms.text_term(constant), False, f"{what} == {constant!r}")
        number = terms.number_term(constant)
        if number is None:
            return NOTHING  # nothing equals NaN
        return Number(token, number, number, f"{what} == {constant!r}")

    def _ordered(self, node: ast.expr, name: str, constant: float) -> Narrowing | None:
        """Numbers compare with numbers only, and terms are monotone; ends are included to be safe."""
        place = self._place(node)
        number = terms.number_term(constant)
        if number is None:
            return NOTHING  # no order holds for NaN
        if place is None:
            return None
        token, what, _ = place
        low, high = (number, None) if name in ("Gt", "GtE") else (None, number)
        return Number(token, low, high, f"{what} {'>=' if high is None else '<='} {constant!r}")

    def _membership(self, left: ast.expr, right: ast.expr) -> Narrowing | None:
        if isinstance(right, ast.List | ast.Tuple | ast.Set):  # equal to one of the elements
            parts = [constant_of(element) for element in right.elts]
            if UNKNOWN in parts or None in parts:
                return None
            return self._either([self._equal(left, part) for part in parts])
        constant = constant_of(left)
        if self._is_tags(right) and isinstance(constant, str):
            return Text(terms.property_token("tags"), terms.text_term(constant), False, f"tag {constant!r}")
        needed = self._needs(right)  # nothing is in what is missing
        if isinstance(constant_of(right), str):  # only a text is in a text
            return self._needs(left)
        return needed

    def _is_tags(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "tags" and self._is_run(node.value)

    def _sequence_equal(self, node: ast.expr, constant: Any) -> Narrowing | None:
        """A run has the token of each of its sequences' names and context values."""
        path, _ = _path_from(node, self._is_entity)
        if not path:
            return None
        if path == ("name",) and isinstance(constant, str):
            return Has(terms.sequence_token(constant), f"sequence {constant!r}")
        if path[0] == "context" and len(path) > 1:
            token = terms.context_token(path[1:], constant)
            return None if token is None else Has(token, f"context {path[1:]} == {constant!r}")
        return None

    # -- what has to be there ----------------------------------------------------------------------------

    def _needs(self, node: ast.expr) -> Narrowing | None:
        """If `node` is missing whenever something is, return that something: needed for it to be truthy."""
        match node:  # without points a sequence is there, and its summaries are missing
            case ast.Subscript(ast.Attribute(root, "metrics"), ast.Constant(str(name))) if self._is_run(root):
                return Has(terms.sequence_token(name), f"sequence {name!r}")
            case ast.Subscript(ast.Attribute(root, "metrics"), ast.Tuple([ast.Constant(str(name)), _])) if (
                self._is_run(root)
            ):
                return Has(terms.sequence_token(name), f"sequence {name!r}")
        place = self._place(node, whole=False)
        if place is not None:
            return Has(place[0], f"has {place[1]}")
        match node:
            case ast.Attribute(value) | ast.Subscript(value):
                return self._needs(value)
            case ast.Call(ast.Attribute(value)):
                return self._needs(value)
            case ast.BinOp(left, _, right):
                return self._needs_both(left, right)
            case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
                return self._needs(operand)
        return None

    def _place(self, node: ast.expr, *, whole: bool = True) -> tuple[str, str, Path] | None:
        """Return (token, text, path) if `node` is a parameter or an indexed property of the run.

        A path through a number may lead into a list, which is indexed as one thing: with ``whole`` it has
        no place, without it is the place of what the number is applied to.
        """
        path, by_attribute = _path_from(node, self._is_run)
        if not path:
            return None
        if by_attribute and path[0] in PROPERTIES:
            if whole and len(path) == 1 and path[0] in ("name", "experiment", "hash"):
                return terms.property_token(str(path[0])), f"run.{path[0]}", path
            return None
        cut = next((i for i, part in enumerate(path) if not isinstance(part, str)), len(path))
        if cut < len(path):
            if whole or cut == 0:
                return None
            path = path[:cut]
        return terms.param_token(path), "run." + ".".join(map(str, path)), path

    def _is_run(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id == "run"
        return isinstance(node, ast.Attribute) and node.attr == "run" and self._is_entity(node.value)

    def _is_entity(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self._entity


def path_of(node: ast.expr) -> tuple[Path, bool]:
    """Return the keys that lead from `run` to a node, and whether the first of them is an attribute."""
    return _path_from(node, lambda root: isinstance(root, ast.Name) and root.id == "run")


def _path_from(node: ast.expr, is_root: Any) -> tuple[Path, bool]:
    """Return the keys that lead from a root to `node`, and whether the first of them is an attribute.

    No keys if `node` is the root, or is not reached from it by constant keys alone.
    """
    path: list[str | int] = []
    by_attribute = False
    while not is_root(node):
        by_attribute = isinstance(node, ast.Attribute)
        match node:
            case ast.Attribute(value, attr):
                path.insert(0, attr)
                node = value
            case ast.Subscript(value, key):
                parts = constant_of(key)
                parts = parts if isinstance(parts, tuple) else (parts,)
                if not all(type(part) in (str, int) for part in parts):
                    return (), False
                path[:0] = parts
                node = value
            case ast.Call(ast.Attribute(value, "get"), [ast.Constant(str() as key)], []):
                path.insert(0, key)
                node = value
            case _:
                return (), False
    return tuple(path), by_attribute


def constant_of(node: ast.expr) -> Any:
    """Return the value of a constant expression, or UNKNOWN."""
    match node:
        case ast.Constant(value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
            return -value
        case ast.UnaryOp(ast.UAdd(), ast.Constant(int() | float() as value)):
            return +value
        case ast.Tuple(elts):
            parts = tuple(constant_of(element) for element in elts)
            return UNKNOWN if UNKNOWN in parts else parts
    return UNKNOWN
