"""AimQL source text to a checked syntax tree: the language, without knowing any data.

What passes here can only be built from the node types, names and functions listed below; everything
else is refused with the place and what to write instead (docs/aimql.md).
"""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from dataclasses import dataclass

from runstone_writer.errors import QueryError

SOURCE_LIMIT = 16_384  # characters
NODE_LIMIT = 2_000
DEPTH_LIMIT = 60

ENTITIES = ("metric", "images", "audios", "texts", "figures", "distributions")
FUNCTIONS = (
    "abs", "all", "any", "bool", "datetime", "float", "int", "isinstance", "len", "list", "max", "min",
    "range", "round", "set", "sorted", "str", "sum", "timedelta", "tuple",
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
_PYTHON_FOR = {"&&": "and", "||": "or", "!": "not", "===": "==", "<>": "!="}


@dataclass(frozen=True, slots=True)
class Query:
    """A checked expression. `tree` is an expression node; an empty query is the constant True."""

    text: str
    tree: ast.expr
    entity: str | None  # the sequence's name in a sequence query; None in a run query
    asks_for_archived: bool


def parse(text: str, entity: str | None = None) -> Query:
    """Return the checked query, or raise QueryError with line, column and what to write instead."""
    if not isinstance(text, str):
        raise QueryError(f"a query is a string, not {type(text).__name__}")
    if len(text) > SOURCE_LIMIT:
        raise QueryError(f"the query is {len(text):,} characters long; at most {SOURCE_LIMIT:,} are allowed")
    if not text.strip() or _is_only_comment(text):
        return Query(text, ast.Constant(True), entity, False)
    source, shifts = _with_double_equals(text)
    tree = _parse(source, text, shifts)
    checker = _Checker(text, shifts, entity)
    checker.check(tree)
    return Query(text, tree, entity, checker.asks_for_archived)


def _is_only_comment(text: str) -> bool:
    return all(not line.strip() or line.strip().startswith("#") for line in text.splitlines())


Shifts = list[tuple[int, int]]  # places (line, column) where the source has one character more than the text


def _with_double_equals(text: str) -> tuple[str, Shifts]:
    """Write `==` for every single `=` that is not a keyword argument's, and check that brackets match."""
    lines = text.splitlines(keepends=True) or [text]
    places: Shifts = []
    open_calls: list[bool] = []  # for each open bracket: is it a call's?
    before: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO("(" + text + "\n)").readline):
            place = (token.start[0], token.start[1] - (token.start[0] == 1))
            if token.type in (tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE):
                continue
            if token.type == tokenize.OP:
                if token.string in "([{":
                    last = before[-1] if before else None
                    callee = last is not None and (last.type == tokenize.NAME or last.string in (")", "]"))
                    open_calls.append(token.string == "(" and callee and not _is_operator(last))
                elif token.string in ")]}" and open_calls:
                    open_calls.pop()
                    if not open_calls and place[0] <= len(lines) and before:
                        raise _syntax("unmatched ')'", text, *place)
                elif token.string == "=" and not _is_keyword(before, open_calls):
                    places.append(place)
            before.append(token)
    except (tokenize.TokenError, IndentationError):
        return text, []  # the parser says it better
    for line, column in reversed(places):
        row = lines[line - 1]
        lines[line - 1] = f"{row[:column]}={row[column:]}"
    return "".join(lines), places


def _is_operator(token: tokenize.TokenInfo | None) -> bool:
    return token is not None and token.string in ("and", "or", "not", "in", "is", "if", "else", "for")


def _is_keyword(before: list[tokenize.TokenInfo], open_calls: list[bool]) -> bool:
    if len(before) < 2 or not open_calls or not open_calls[-1]:
        return False
    return before[-1].type == tokenize.NAME and before[-2].string in ("(", ",")


def _parse(source: str, text: str, shifts: Shifts) -> ast.expr:
    try:
        return ast.parse(f"({source}\n)", mode="eval").body
    except SyntaxError as error:
        line, column = _original(error.lineno or 1, error.offset or 1, shifts)
        raise _syntax(error.msg, text, line, column) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise QueryError(f"the query cannot be parsed: {error}", text=text) from None


def _syntax(message: str, text: str, line: int, column: int) -> QueryError:
    hint = ""
    for wrong, right in _PYTHON_FOR.items():
        if wrong in text:
            hint = f"`{wrong}` is `{right}` in Python."
    line = min(line, max(len(text.splitlines()), 1))
    return QueryError(f"invalid syntax: {message}", line=line, column=max(column, 1), text=text, hint=hint)


def _original(line: int, offset: int, shifts: Shifts) -> tuple[int, int]:
    """Map a place in the source given to Python (from 1) back to the text that the user wrote."""
    column = offset - (1 if line == 1 else 0)
    column -= sum(1 for at_line, at in shifts if at_line == line and at + 1 < column)
    return line, max(column, 1)


class _Checker:
    """Walks the tree once and refuses whatever is not listed."""

    def __init__(self, text: str, shifts: Shifts, entity: str | None) -> None:
        self._text = text
        self._shifts = shifts
        self._entity = entity
        self._count = 0
        self.asks_for_archived = False

    def check(self, tree: ast.expr) -> None:
        self._visit(tree, frozenset(), 0)

    def _visit(self, node: ast.AST, local: frozenset[str], depth: int) -> None:
        self._count += 1
        if self._count > NODE_LIMIT or depth > DEPTH_LIMIT:
            raise QueryError(
                f"the query is too complicated: more than {NODE_LIMIT} parts, or deeper than {DEPTH_LIMIT}",
                text=self._text,
                hint="Split it; for many values, write `run.x in [...]`.",
            )
        if type(node) not in NODES:
            raise self._refusal(node, f"{_plain_name(node)} is not allowed in a query")
        check = getattr(self, f"_check_{type(node).__name__.lower()}", None)
        if check is not None:
            check(node, local)
        local = local | _targets(node)
        for child in ast.iter_child_nodes(node):
            nested = isinstance(node, ast.BoolOp) and isinstance(child, ast.BoolOp)
            self._visit(child, local, depth + (not nested))

    def _check_constant(self, node: ast.Constant, _local: frozenset[str]) -> None:
        if not isinstance(node.value, _CONSTANTS):
            raise self._refusal(node, f"a {type(node.value).__name__} is not allowed in a query")

    def _check_name(self, node: ast.Name, local: frozenset[str]) -> None:
        name = node.id
        if isinstance(node.ctx, ast.Store):
            if name.startswith("_") or name in (*ENTITIES, "run", *FUNCTIONS):
                raise self._refusal(node, f"{name!r} cannot be used as a variable")
            return
        if name in local or name == "run" or name == self._entity or name in FUNCTIONS:
            return
        raise self._refusal(node, *self._unknown(name))

    def _unknown(self, name: str) -> tuple[str, str]:
        if name in ENTITIES:
            if self._entity is None:
                call = "query_metrics" if name == "metric" else f"query_{name}"
                return f"`{name}` is not available in a run query", f"Use repo.{call}(...), or --metrics."
            return (
                f"`{name}` is not available in a query for {self._entity}",
                f"The sequence is `{self._entity}`.",
            )
        known = ["run", *([self._entity] if self._entity else []), *FUNCTIONS]
        if name in ("true", "false", "none", "null"):
            return f"unknown name {name!r}", f"Write `{'None' if name[0] == 'n' else name.title()}`."
        close = difflib.get_close_matches(name, known, 1)
        if close:
            return f"unknown name {name!r}", f"Did you mean `{close[0]}`?"
        return (
            f"unknown name {name!r}",
            f"Parameters are written `run.{name}`; a text needs quotes: '{name}'.",
        )

    def _check_attribute(self, node: ast.Attribute, _local: frozenset[str]) -> None:
        if node.attr.startswith("_"):
            raise self._refusal(
                node,
                f"the name {node.attr!r} starts with an underscore",
                f"A parameter of that name is written run[{node.attr!r}].",
            )
        if node.attr == "archived" and _is_run(node.value):
            self.asks_for_archived = True

    def _check_call(self, node: ast.Call, _local: frozenset[str]) -> None:
        for argument in node.keywords:
            if argument.arg is None:
                raise self._refusal(node, "`**` is not allowed in a call")
        if isinstance(node.func, ast.Constant | ast.List | ast.Dict | ast.Tuple | ast.Set):
            raise self._refusal(node, "only functions can be called")

    def _check_comprehension(self, node: ast.comprehension, _local: frozenset[str]) -> None:
        if node.is_async:
            raise self._refusal(node.iter, "`async` is not allowed in a query")
        if not isinstance(node.target, ast.Name | ast.Tuple):
            raise self._refusal(node.target, "only names can be loop variables")

    def _refusal(self, node: ast.AST, message: str, hint: str = "") -> QueryError:
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        line, column = _original(line, offset + 1, self._shifts)
        return QueryError(message, line=line, column=column, text=self._text, hint=hint)


def _targets(node: ast.AST) -> frozenset[str]:
    if not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return frozenset()
    names = (n for generator in node.generators for n in ast.walk(generator.target))
    return frozenset(n.id for n in names if isinstance(n, ast.Name))


def _is_run(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "run"
    return isinstance(node, ast.Attribute) and node.attr == "run" and isinstance(node.value, ast.Name)


def _plain_name(node: ast.AST) -> str:
    names = {
        ast.Lambda: "a lambda",
        ast.NamedExpr: "an assignment (`:=`)",
        ast.JoinedStr: "an f-string",
        ast.Starred: "`*`",
        ast.Await: "`await`",
        ast.Yield: "`yield`",
        ast.LShift: "`<<`",
        ast.RShift: "`>>`",
        ast.BitAnd: "`&`",
        ast.BitOr: "`|`",
        ast.BitXor: "`^`",
        ast.Invert: "`~`",
        ast.MatMult: "`@`",
    }
    return names.get(type(node), f"`{type(node).__name__}`")
