"""AimQL source text to a checked syntax tree: the language, without knowing any data.

What passes here can only be built from the node types, names and functions listed below; everything
else is refused with the place and what to write instead (docs/aimql.md).
"""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import NoReturn

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from runstone_writer.errors import QueryError

from .source import Source

SOURCE_LIMIT = 16_384  # characters
NODE_LIMIT = 2_000
DEPTH_LIMIT = 60

REFUSED_ATTRIBUTES = frozenset(INSPECT_ATTRIBUTES)
ENTITIES = ("metric", "images", "audios", "texts", "figures", "distributions")


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function of the language may be called. `most` None: any number; "*" in keywords: any name."""

    least: int
    most: int | None
    keywords: tuple[str, ...] = ()


_TIMEDELTA = ("days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks")
_DATETIME = ("year", "month", "day", "hour", "minute", "second", "microsecond")
FUNCTIONS: dict[str, Signature] = {
    "abs": Signature(1, 1),
    "all": Signature(1, 1),
    "any": Signature(1, 1),
    "bin": Signature(1, 1),
    "bool": Signature(0, 1),
    "chr": Signature(1, 1),
    "datetime": Signature(3, 7, _DATETIME),
    "dict": Signature(0, 1, ("*",)),
    "divmod": Signature(2, 2),
    "enumerate": Signature(1, 2, ("start",)),
    "filter": Signature(2, 2),
    "float": Signature(0, 1),
    "frozenset": Signature(0, 1),
    "hex": Signature(1, 1),
    "int": Signature(0, 2, ("base",)),
    "isinstance": Signature(2, 2),
    "len": Signature(1, 1),
    "list": Signature(0, 1),
    "map": Signature(2, 2),
    "matches": Signature(2, 2),
    "max": Signature(1, None, ("default",)),
    "min": Signature(1, None, ("default",)),
    "oct": Signature(1, 1),
    "ord": Signature(1, 1),
    "pow": Signature(2, 2),
    "range": Signature(1, 3),
    "reversed": Signature(1, 1),
    "round": Signature(1, 2, ("ndigits",)),
    "search": Signature(1, 1),
    "set": Signature(0, 1),
    "sorted": Signature(1, 1, ("reverse",)),
    "str": Signature(0, 1),
    "sum": Signature(1, 2, ("start",)),
    "timedelta": Signature(0, 7, _TIMEDELTA),
    "tuple": Signature(0, 1),
    "zip": Signature(0, None),
}
DATETIME_ATTRIBUTES = (
    "fromisoformat", "fromtimestamp", "now", "strptime", "today", "utcfromtimestamp", "utcnow",
)  # fmt: skip

NODES = (
    ast.And, ast.Or, ast.Not, ast.BoolOp, ast.UnaryOp, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
    ast.Is, ast.IsNot, ast.In, ast.NotIn,
    ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Slice,
    ast.Constant, ast.Name, ast.Load, ast.Store,
    ast.List, ast.Tuple, ast.Set, ast.Dict, ast.IfExp,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
)  # fmt: skip

_CONSTANTS = (str, int, float, bool, type(None))
_PLAIN_NAMES: dict[str, tuple[str, str]] = {
    "Lambda": ("a lambda", "Write the condition itself, or a comprehension."),
    "NamedExpr": ("an assignment (`:=`)", "Write the value twice."),
    "JoinedStr": ("an f-string", "Write the parts with +, and numbers with str()."),
    "Starred": ("`*`", "Write the elements, or join lists with +."),
    "Await": ("`await`", ""),
    "Yield": ("`yield`", ""),
    "YieldFrom": ("`yield from`", ""),
    "BitAnd": ("`&`", "Conditions are joined with `and`."),
    "BitOr": ("`|`", "Conditions are joined with `or`."),
    "BitXor": ("`^`", "A power is written `**`."),
    "Invert": ("`~`", "A condition is negated with `not`."),
    "LShift": ("`<<`", "Multiply by a power of two."),
    "RShift": ("`>>`", "Divide by a power of two, with `//`."),
    "MatMult": ("`@`", ""),
}
_INSTEAD = {
    "true": "Write `True`.",
    "false": "Write `False`.",
    "none": "Write `None`.",
    "null": "Write `None`.",
    "nil": "Write `None`.",
    "nan": "Write `float('nan')`; `x != x` finds it.",
    "inf": "Write `float('inf')`.",
    "type": "Use `isinstance(x, str)`.",
    "re": "Use `matches(text, pattern)`.",
    "math": "Numbers are compared as they are; there is no `math` here.",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A checked expression. `tree` is an expression node; an empty query is the constant True.

    The places in the tree (`lineno`, and `col_offset` in characters) are those of `text`.
    """

    text: str
    tree: ast.expr
    entity: str | None  # the sequence's name in a sequence query; None in a run query
    asks_for_archived: bool


def parse(text: str, entity: str | None = None) -> Query:
    """Return the checked query, or raise QueryError with line, column and what to write instead."""
    if not isinstance(text, str):
        raise QueryError(f"a query is a string, not {type(text).__name__}")
    if len(text) > SOURCE_LIMIT:
        raise QueryError(
            f"the query is {len(text):,} characters long; at most {SOURCE_LIMIT:,} are allowed",
            hint="For many values, write `run.x in [...]`, or ask several times.",
        )
    source = Source(text, frozenset(("run", *ENTITIES)))
    if source.is_empty:
        return Query(text, ast.Constant(True, lineno=1, col_offset=0), entity, False)
    tree = _parse(source)
    checker = _Checker(source, entity)
    checker.check(tree)
    return Query(text, tree, entity, checker.asks_for_archived)


def _parse(source: Source) -> ast.expr:
    try:
        return ast.parse(source.code, mode="eval").body
    except SyntaxError as error:
        line, column = source.place_of(error.lineno or 1, (error.offset or 1) - 1)
        message = f"invalid syntax: {error.msg}" if error.msg != "invalid syntax" else error.msg
        hint = "A query is one expression that is true for the runs to keep, such as `run.lr > 0.01`."
        raise source.error(message, line, column, hint) from None
    except (RecursionError, MemoryError):
        raise source.error("the query is nested too deeply", 1, 1) from None
    except ValueError as error:
        raise source.error(f"the query cannot be read: {error}", 1, 1) from None


_Names = frozenset[str]


class _Checker:
    """Walks the tree once, refuses whatever is not listed, and puts the places of the user's text to it."""

    def __init__(self, source: Source, entity: str | None) -> None:
        self._source = source
        self._entity = entity
        self._count = 0
        self._called: set[int] = set()  # names that stand before brackets
        self._views: _Names = frozenset()  # loop variables that may be the run or the sequence
        self.asks_for_archived = False

    def check(self, tree: ast.expr) -> None:
        self._place(tree)
        self._visit(tree, frozenset(), 0)

    def _place(self, tree: ast.expr) -> None:
        """Give every node its place in the user's text, so that any error found later can point there.

        Not recursive, and not more nodes than allowed: what is checked here has not been checked before.
        """
        left: list[ast.AST] = [tree]
        while left and self._count <= NODE_LIMIT:
            node = left.pop()
            self._count += 1
            if isinstance(node, ast.expr | ast.keyword):
                line, column = self._source.place(node.lineno, node.col_offset)
                node.lineno = node.end_lineno = line
                node.col_offset = node.end_col_offset = column - 1
            left += ast.iter_child_nodes(node)
        if left or self._count > NODE_LIMIT:
            self._too_complicated(tree)

    def _visit(self, node: ast.AST, local: _Names, depth: int) -> None:
        if depth > DEPTH_LIMIT:
            self._too_complicated(node)
        if type(node) not in NODES:
            name, hint = _PLAIN_NAMES.get(type(node).__name__, (f"`{type(node).__name__}`", ""))
            self._refuse(node, f"{name} is not allowed in a query", hint)
        check = getattr(self, f"_check_{type(node).__name__.lower()}", None)
        if check is not None:
            check(node, local)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            self._visit_loops(node, local, depth)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.Compare) and not isinstance(
                child, ast.expr
            ):
                self._visit_operator(node, child)
            else:
                self._visit(child, local, depth + 1)

    def _visit_operator(self, at: ast.AST, operator: ast.AST) -> None:
        """Operators have no place of their own: the expression's is given."""
        if type(operator) not in NODES:
            name, hint = _PLAIN_NAMES.get(type(operator).__name__, (f"`{type(operator).__name__}`", ""))
            self._refuse(at, f"{name} is not allowed in a query", hint)

    def _visit_loops(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, local: _Names, depth: int
    ) -> None:
        """As in Python, what a loop goes over knows the variables of the loops before it only."""
        for loop in node.generators:
            if type(loop) not in NODES:
                self._refuse(node, f"`{type(loop).__name__}` is not allowed in a query")
            self._check_comprehension(loop)
            self._visit(loop.iter, local, depth + 1)
            self._visit(loop.target, local, depth + 1)
            names = _names_in(loop.target)
            if self._holds_run(loop.iter):
                self._views |= names
            local |= names
            for condition in loop.ifs:
                self._visit(condition, local, depth + 1)
        elements = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        for element in elements:
            self._visit(element, local, depth + 1)

    # -- one check per kind of node ----------------------------------------------------------------------

    def _check_constant(self, node: ast.Constant, _local: _Names) -> None:
        if not isinstance(node.value, _CONSTANTS):
            name = "`...`" if node.value is ... else f"a {type(node.value).__name__}"
            self._refuse(node, f"{name} is not allowed in a query")

    def _check_name(self, node: ast.Name, local: _Names) -> None:
        name = node.id
        if isinstance(node.ctx, ast.Store):
            if name.startswith("_"):
                self._refuse(node, f"{name!r} cannot be used as a variable", "Use a name such as `x`.")
            if name in (*ENTITIES, "run") or name in FUNCTIONS:
                self._refuse(node, f"{name!r} cannot be used as a variable", "It is the name of something.")
            return
        if name == "search" and id(node) not in self._called:
            self._refuse(node, "`search` is not a value", "Write what to look for: search('words').")
        if name not in local and name != "run" and name != self._entity and name not in FUNCTIONS:
            message, hint = self._unknown(name, local)
            self._refuse(node, message, hint, unknown=name if message.startswith("unknown") else "")

    def _unknown(self, name: str, local: _Names) -> tuple[str, str]:
        if name in ENTITIES:
            if self._entity is None:
                call = {"metric": "query_metrics", "figures": "query_figure_objects"}.get(
                    name, f"query_{name}"
                )
                return f"`{name}` is not available in a run query; use {call}", f"Write repo.{call}(...)."
            return (
                f"`{name}` is not available in a query for {self._entity}",
                f"The sequence is `{self._entity}`.",
            )
        message = f"unknown name {name!r}"
        if name.lower() in _INSTEAD:
            return message, _INSTEAD[name.lower()]
        known = ["run", *([self._entity] if self._entity else []), *FUNCTIONS, *local]
        close = difflib.get_close_matches(name, known, 1)
        if close:
            return message, f"Did you mean `{close[0]}`?"
        return message, f"Parameters are written `run.{name}`; a text needs quotes: '{name}'."

    def _check_attribute(self, node: ast.Attribute, local: _Names) -> None:
        name = node.attr
        if name.startswith("_") or name in REFUSED_ATTRIBUTES:
            what = "starts with an underscore" if name.startswith("_") else "is not allowed in a query"
            self._refuse(
                node, f"the name {name!r} {what}", f"A parameter of that name is written run[{name!r}]."
            )
        if isinstance(node.value, ast.Name) and node.value.id in FUNCTIONS and node.value.id not in local:
            self._check_function_attribute(node, node.value.id)
        if name == "archived" and self._may_be_run(node.value):
            self.asks_for_archived = True

    def _check_function_attribute(self, node: ast.Attribute, function: str) -> None:
        if function == "datetime" and node.attr in DATETIME_ATTRIBUTES:
            return
        if function == "datetime" and node.attr in ("datetime", "timedelta"):
            hint = f"Write `{node.attr}(...)`."
        elif function == "datetime":
            close = difflib.get_close_matches(node.attr, DATETIME_ATTRIBUTES, 1)
            hint = f"Did you mean `datetime.{close[0]}`?" if close else ""
            hint = hint or f"There are {', '.join(DATETIME_ATTRIBUTES)}."
        else:
            hint = f"A method is written with the value before it: `run.x.{node.attr}()`."
        self._refuse(node, f"`{function}` has no {node.attr!r} in a query", hint)

    def _check_call(self, node: ast.Call, local: _Names) -> None:
        for argument in node.keywords:
            if argument.arg is None:
                self._refuse(argument, "`**` is not allowed in a call")
            elif argument.arg.startswith("_"):
                self._refuse(argument, f"the name {argument.arg!r} starts with an underscore")
        if isinstance(node.func, ast.Name):
            self._called.add(id(node.func))
        if isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and node.func.id not in local:
            self._check_signature(node, node.func.id)
        elif isinstance(node.func, ast.Constant | ast.List | ast.Dict | ast.Tuple | ast.Set):
            self._refuse(node, "only functions can be called", "Is there a comma or an operator missing?")

    def _check_signature(self, node: ast.Call, name: str) -> None:
        signature = FUNCTIONS[name]
        given = len(node.args)
        for argument in node.keywords:
            if "*" not in signature.keywords and argument.arg not in signature.keywords:
                known = ", ".join(signature.keywords) or "no keywords"
                self._refuse(argument, f"{name}() has no keyword {argument.arg!r}", f"It has {known}.")
        if given > (signature.most if signature.most is not None else given):
            self._refuse(node, f"{name}() takes at most {signature.most} arguments, not {given}")
        given += len(node.keywords)
        if given < signature.least:
            self._refuse(node, f"{name}() takes at least {signature.least} arguments, not {given}")

    def _check_compare(self, node: ast.Compare, _local: _Names) -> None:
        ends = [node.left, *node.comparators]
        for i, op in enumerate(node.ops):
            if not isinstance(op, ast.Is | ast.IsNot):
                continue
            for end in ends[i : i + 2]:
                if _is_literal(end):
                    word, sign = ("is", "==") if isinstance(op, ast.Is) else ("is not", "!=")
                    hint = f"Values are compared with `{sign}`."
                    self._refuse(end, f"`{word}` is for None, True and False", hint)

    def _check_binop(self, node: ast.BinOp, _local: _Names) -> None:
        formatted = node.left.value if isinstance(node.left, ast.Constant) else None
        if isinstance(node.op, ast.Mod) and isinstance(formatted, str):
            hint = "Write the parts with +, and numbers with str()."
            self._refuse(node, "`%` does not format texts in a query", hint)

    def _check_dict(self, node: ast.Dict, _local: _Names) -> None:
        if None in node.keys:
            self._refuse(node, "`**` is not allowed in a query")

    def _check_comprehension(self, node: ast.comprehension) -> None:
        if node.is_async:
            self._refuse(node.iter, "`async` is not allowed in a query")
        targets = [node.target]
        while targets:
            target = targets.pop()
            if isinstance(target, ast.Tuple):
                targets += target.elts
            elif not isinstance(target, ast.Name):
                self._refuse(target, "only names can be loop variables")

    # -- what asks for archived runs ---------------------------------------------------------------------

    def _may_be_run(self, node: ast.expr) -> bool:
        """Whether a value may be the run itself: `run`, `metric.run`, or something that holds one of them."""
        if isinstance(node, ast.Name):
            return node.id == "run" or node.id in self._views
        if isinstance(node, ast.Attribute):
            return node.attr == "run" and self._may_be_sequence(node.value)
        if isinstance(node, ast.Constant):
            return False
        return self._holds_run(node)

    def _may_be_sequence(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id == self._entity or node.id in self._views
        inside = node.value if isinstance(node, ast.Subscript) else None  # run.metrics["loss"]
        return (
            isinstance(inside, ast.Attribute) and inside.attr == "metrics" and self._may_be_run(inside.value)
        )

    def _holds_run(self, node: ast.AST) -> bool:
        """Whether `run`, or the sequence, stands anywhere in an expression but before a dot or a bracket."""
        if isinstance(node, ast.Name):
            return node.id in ("run", self._entity) or node.id in self._views
        if isinstance(node, ast.Attribute):
            return self._may_be_run(node)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name | ast.Attribute):
            return self._holds_run(node.slice) or getattr(node.value, "id", "") in self._views
        return any(self._holds_run(child) for child in ast.iter_child_nodes(node))

    # -- refusals ----------------------------------------------------------------------------------------

    def _too_complicated(self, node: ast.AST) -> NoReturn:
        self._refuse(
            node,
            f"the query is too complicated: more than {NODE_LIMIT:,} parts, or deeper than {DEPTH_LIMIT}",
            "Split it; for many values, write `run.x in [...]`.",
        )

    def _refuse(self, node: ast.AST, message: str, hint: str = "", unknown: str = "") -> NoReturn:
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        error = self._source.error(message, line, column, hint)
        error.unknown = unknown
        raise error


def _is_literal(node: ast.expr) -> bool:
    """Whether a value is written down, and not one of those of which there is one each."""
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        return _is_literal(node.operand)
    if isinstance(node, ast.Constant):
        return node.value is not None and not isinstance(node.value, bool)
    return isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict)


def _names_in(target: ast.expr) -> _Names:
    return frozenset(node.id for node in ast.walk(target) if isinstance(node, ast.Name))
