"""Splitting a sequence query into what it asks of the run, of the sequence's name and context, and the rest.

`a and b and c` holds where each part does. A part about names and contexts has one answer per label, which
thousands of sequences share; a part about the run one per run, or per column; summaries have columns, too. Only a
part that needs several of these together has to be evaluated for each sequence.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass

from .aimql import Query
from .columnar import columnar_cells

LABEL_ATTRIBUTES = ("name", "context")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a query; None for a part that is not there (it always holds)."""

    run: Query | None
    label: Query | None
    summaries: Query | None  # can be evaluated by column
    rest: Query | None  # stood behind all the others, so that it fails where the whole would


def split(query: Query) -> Parts:
    """Return the parts of a sequence query."""
    entity = query.entity
    assert entity is not None  # noqa: S101 - run queries have nothing to split
    run: list[ast.expr] = []
    label: list[ast.expr] = []
    summaries: list[ast.expr] = []
    rest: list[ast.expr] = []
    for part in _conjuncts(query.tree):
        plain = _RunOfEntity(entity).visit(copy.deepcopy(part))
        uses = {node.id for node in ast.walk(plain) if isinstance(node, ast.Name)}
        if rest:
            rest.append(part)
        elif entity not in uses:
            run.append(plain)
        elif "run" not in uses and "search" not in uses and _is_of_label(plain, entity):
            label.append(plain)
        elif columnar_cells(Query(query.text, part, entity, asks_for_archived=True)) is not None:
            summaries.append(part)
        else:
            rest.append(part)
    return Parts(
        run=_joined(query, run, None),
        label=_joined(query, label, entity),
        summaries=_joined(query, summaries, entity),
        rest=_joined(query, rest, entity),
    )


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
