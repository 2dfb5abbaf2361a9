"""Splitting a sequence query into what it asks of the run, what of the sequence's name and context, and both.

`a and b and c` holds where each part does. A part about names and contexts has one answer per label, which
thousands of sequences share; a part about the run one per run, or per column. Only a part that needs both, or
a summary, has to be evaluated for each sequence.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass

from .aimql import Query

LABEL_ATTRIBUTES = ("name", "context")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a query; None for a part that is not there (it always holds)."""

    run: Query | None
    label: Query | None


def split(query: Query) -> Parts | None:
    """Return the parts of a sequence query, or None if one of them needs the run and the sequence together."""
    entity = query.entity
    assert entity is not None  # noqa: S101 - run queries have nothing to split
    run: list[ast.expr] = []
    label: list[ast.expr] = []
    for part in _conjuncts(query.tree):
        plain = _RunOfEntity(entity).visit(copy.deepcopy(part))
        uses = {node.id for node in ast.walk(plain) if isinstance(node, ast.Name)}
        if entity not in uses:
            run.append(plain)
        elif "run" not in uses and _is_of_label(plain, entity):
            label.append(plain)
        else:
            return None
    return Parts(_joined(query, run, None), _joined(query, label, entity))


def _conjuncts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [part for value in node.values for part in _conjuncts(value)]
    return [node]


def _joined(query: Query, parts: list[ast.expr], entity: str | None) -> Query | None:
    if not parts:
        return None
    tree = parts[0] if len(parts) == 1 else ast.fix_missing_locations(ast.BoolOp(ast.And(), parts))
    return Query(query.text, tree, entity, asks_for_archived=True)


def _is_of_label(tree: ast.expr, entity: str) -> bool:
    """Whether the sequence is only asked for its name and context."""
    asked = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == entity:
            if node.attr not in LABEL_ATTRIBUTES:
                return False
            asked += 1
    return asked == sum(isinstance(node, ast.Name) and node.id == entity for node in ast.walk(tree))


class _RunOfEntity(ast.NodeTransformer):
    """`metric.run` is `run`."""

    def __init__(self, entity: str) -> None:
        self._entity = entity

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr == "run" and isinstance(node.value, ast.Name) and node.value.id == self._entity:
            return ast.copy_location(ast.Name("run", ast.Load()), node)
        return self.generic_visit(node)
