"""Compiling a checked tree with RestrictedPython: every operation goes through `guards`."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from RestrictedPython.compile import compile_restricted_eval
from RestrictedPython.transformer import RestrictingNodeTransformer

from runstone_writer.errors import QueryError

from . import guards
from .aimql import Query

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.USub: "-", ast.UAdd: "+",
}  # fmt: skip
_NEVER_FAIL = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)

Predicate = Callable[[Any, Any], Any]


class Policy(RestrictingNodeTransformer):
    """RestrictedPython's policy, with operators, methods and calls replaced by guarded ones."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:  # noqa: N802
        node = self.node_contents_visit(node)
        if len(node.ops) == 1:
            if isinstance(node.ops[0], _NEVER_FAIL):
                return node
            operator = ast.Constant(_OPERATORS[type(node.ops[0])])
            return _call("_compare_", node, operator, node.left, node.comparators[0])
        rest: list[ast.expr] = []
        for op, right in zip(node.ops, node.comparators, strict=True):
            rest += [ast.Constant(_OPERATORS[type(op)]), right]
        return _call("_compare_chain_", node, node.left, *rest)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:  # noqa: N802
        node = self.node_contents_visit(node)
        return _call("_arithmetic_", node, ast.Constant(_OPERATORS[type(node.op)]), node.left, node.right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:  # noqa: N802
        node = self.node_contents_visit(node)
        if isinstance(node.op, ast.Not):
            return node
        return _call("_sign_", node, ast.Constant(_OPERATORS[type(node.op)]), node.operand)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        function = node.func
        arguments = [self.visit(argument) for argument in node.args]
        keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        if isinstance(function, ast.Attribute):
            made = _call(
                "_method_", node, self.visit(function.value), ast.Constant(function.attr), *arguments
            )
        else:
            made = _call("_call_", node, self.visit(function), *arguments)
        made.keywords = keywords
        return made


def _call(name: str, at: ast.AST, *args: ast.expr) -> ast.Call:
    node = ast.Call(ast.Name(name, ast.Load()), list(args), [])
    ast.copy_location(node, at)
    return ast.fix_missing_locations(node)


def compile_query(query: Query) -> tuple[Predicate, guards.Budget]:
    """Return the predicate (called with the run's view and the sequence's) and its budget, reset per call."""
    names = ["run", query.entity or "metric"]
    arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
    body = copy.deepcopy(query.tree)  # the policy changes the tree in place
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
    try:
        compiled = compile_restricted_eval(tree, filename="<query>", policy=Policy)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise QueryError(f"the query cannot be compiled: {error}", text=query.text) from None
    if compiled.errors or compiled.code is None:
        raise QueryError("; ".join(compiled.errors) or "the query cannot be compiled", text=query.text)
    budget = guards.Budget()
    scope = {
        "__builtins__": {},
        "_getattr_": guards.get_attribute,
        "_getitem_": budget.get_item,
        "_getiter_": budget.iterate,
        "_compare_": guards.compare,
        "_compare_chain_": guards.compare_chain,
        "_arithmetic_": budget.arithmetic,
        "_sign_": guards.sign,
        "_method_": budget.call_method,
        "_call_": guards.call,
        "_iter_unpack_sequence_": _unpack(budget),
        "slice": slice,
        **guards.functions(budget),
    }
    predicate: Predicate = eval(compiled.code, scope)  # noqa: S307 - the point of all the checks before
    return predicate, budget


def _unpack(budget: guards.Budget) -> Callable[[Any, Any, Any], Any]:
    """Unpacking in a comprehension's loop variables: each element is a list or tuple of its own."""

    def unpack(values: Any, _spec: Any, _getiter: Any) -> Any:
        for value in budget.iterate(values):
            yield tuple(value) if isinstance(value, list | tuple) else (value,)

    return unpack
