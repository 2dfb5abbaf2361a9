"""Compiling a checked tree with RestrictedPython: every operation goes through `guards`.

Reading a parameter and comparing it with a constant is what nearly all queries do, for each of many runs;
those become one call each, or none.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, NamedTuple, cast

from RestrictedPython.transformer import RestrictingNodeTransformer

from runstone_writer.errors import QueryError

from . import guards
from .aimql import FUNCTIONS, Query
from .budget import Budget, LimitError
from .fields import Field, Parameter, Property, has_column, summary_of
from .functions import Functions, call
from .guards import Guards
from .methods import check_format, make_dict, make_set
from .pattern import PatternError, compiled
from .search import search
from .views import PROPERTIES, Reader, RunView, loaded, reader

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.AST], str] = {
    ast.Add: "_add_", ast.Sub: "_subtract_", ast.Mult: "_multiply_", ast.Div: "_divide_",
    ast.FloorDiv: "_floor_divide_", ast.Mod: "_modulo_", ast.Pow: "_power_",
    ast.USub: "_negative_", ast.UAdd: "_positive_",
}  # fmt: skip
_NUMBER_TESTS: dict[type[ast.AST], str] = {
    ast.Lt: "_less_number_", ast.LtE: "_less_equal_number_",
    ast.Gt: "_greater_number_", ast.GtE: "_greater_equal_number_",
}  # fmt: skip
_MIRRORED: dict[type[ast.AST], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
_Loops = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_UNKNOWN = object()
CALL = 3  # steps that a call takes besides those of its arguments

Predicate = Callable[[Any, Any], Any]


class Policy(RestrictingNodeTransformer):
    """RestrictedPython's policy, with operators, methods, calls and loops replaced by guarded ones."""

    def __init__(self, query: Query) -> None:
        super().__init__()
        self._entity = query.entity
        self.scope: dict[str, Any] = {}  # what this query needs besides the guards
        self.fields: list[Field] = []  # what it names of the run
        self._weights: list[int] = []

    # -- reaching into values ----------------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:  # noqa: N802
        return self._read(node) or cast("ast.AST", super().visit_Attribute(node))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:  # noqa: N802
        return self._read(node) or cast("ast.AST", super().visit_Subscript(node))

    def reads(self, node: ast.expr) -> bool:
        """Tell whether a node does nothing but read a field of the run, which is then in `fields`."""
        return self._read(node) is not None and bool(self.fields)

    def _read(self, node: ast.expr) -> ast.AST | None:
        """Return a call that reads what the node names of the run, if it names something by constant keys."""
        path, field = self._path(node), self._field(node)
        if path is not None:
            read = reader(path[0], path[1:])
            field = Parameter(path) if all(type(part) is str for part in path) else None
        elif isinstance(field, Property):
            read = partial(RunView.attribute, name=field.name)
        elif field is not None and isinstance(node, ast.Attribute):
            read = _summary_reader(node)
        else:
            return None
        if field is not None:
            if field not in self.fields:
                self.fields.append(field)
            read = loaded(self.fields.index(field), read)
        name = f"_read_{len(self.scope)}_"
        self.scope[name] = read
        return _call(name, ast.Name("run", ast.Load()))

    def _field(self, node: ast.expr) -> Field | None:
        """Return the property or the summary that a node names."""
        if isinstance(node, ast.Attribute) and self._is_run(node.value) and has_column(node.attr):
            return Property(node.attr)
        return summary_of(node, self._is_run)

    def _path(self, node: ast.expr) -> tuple[Any, ...] | None:
        path: list[Any] = []
        by_attribute = False
        while not self._is_run(node):
            by_attribute = isinstance(node, ast.Attribute)
            if isinstance(node, ast.Attribute):
                path.insert(0, node.attr)
                node = node.value
            elif isinstance(node, ast.Subscript):
                keys = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                parts = [_constant(key) for key in keys]
                if not parts or _UNKNOWN in parts:
                    return None
                path[:0] = parts
                node = node.value
            else:
                return None
        if not path or (by_attribute and path[0] in PROPERTIES):
            return None
        return tuple(path)

    def _is_run(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id == "run"
        is_root = isinstance(node, ast.Attribute) and node.attr == "run" and isinstance(node.value, ast.Name)
        return is_root and node.value.id == self._entity  # type: ignore[attr-defined]

    # -- comparisons -------------------------------------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> ast.AST:  # noqa: N802
        if len(node.ops) == 1:
            return self._compared(node.ops[0], node.left, node.comparators[0])
        ends = [node.left, *node.comparators]
        if len(ends) == 3 and self._path(ends[1]) is not None and all(map(_is_scalar, (ends[0], ends[2]))):
            links = [self._compared(op, ends[i], ends[i + 1]) for i, op in enumerate(node.ops)]
            return ast.BoolOp(ast.And(), links)  # reading a parameter twice is cheaper than remembering it
        arguments = [self.visit(ends[0]), ast.Constant(_OPERATORS[type(node.ops[0])]), self.visit(ends[1])]
        for op, end in zip(node.ops[1:], ends[2:], strict=True):
            later = ast.Lambda(ast.arguments([], [], None, [], [], None, []), self.visit(end))
            arguments += [ast.Constant(_OPERATORS[type(op)]), later]
        return _call("_chain_", *arguments)

    def _compared(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> ast.expr:
        kind = type(op)
        if kind in _MIRRORED and _is_number(_constant(left)) and not _is_number(_constant(right)):
            left, right, kind = right, left, _MIRRORED[kind]
        if kind in _NUMBER_TESTS and _is_number(_constant(right)):
            return _call(_NUMBER_TESTS[kind], self.visit(left), ast.Constant(_constant(right)))
        if kind in (ast.In, ast.NotIn) and isinstance(right, ast.List | ast.Tuple | ast.Set):
            options = [_constant(element) for element in right.elts]
            if _UNKNOWN not in options:
                many: Any = frozenset(options) if len(options) > 8 else tuple(options)
                found = _call("_among_", self.visit(left), ast.Constant(many))
                return found if kind is ast.In else ast.UnaryOp(ast.Not(), found)
        plain = _is_scalar(left) or _is_scalar(right)  # then it takes no time, and cannot fail
        left, right = self.visit(left), self.visit(right)
        if kind is ast.Eq or kind is ast.NotEq:
            if plain:
                return ast.Compare(left, [op], [right])
            return _call("_equal_" if kind is ast.Eq else "_unequal_", left, right)
        if kind in (ast.Is, ast.IsNot) and any(_is_singleton(end) for end in (left, right)):
            return ast.Compare(left, [op], [right])
        if kind in (ast.In, ast.NotIn):
            found = _call("_contains_", left, right)
            return found if kind is ast.In else ast.UnaryOp(ast.Not(), found)
        return _call("_compare_", ast.Constant(_OPERATORS[kind]), left, right)

    # -- arithmetic and calls ----------------------------------------------------------------------------

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:  # noqa: N802
        return _call(_ARITHMETIC[type(node.op)], self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:  # noqa: N802
        operand = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(ast.Not(), operand)
        value = _constant(node)
        return ast.Constant(value) if value is not _UNKNOWN else _call(_ARITHMETIC[type(node.op)], operand)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        function = node.func
        arguments = [self.visit(argument) for argument in node.args]
        if isinstance(function, ast.Attribute):
            made = _call("_method_", self.visit(function.value), ast.Constant(function.attr), *arguments)
        elif isinstance(function, ast.Name) and function.id == "search":
            made = _call("_search_", ast.Name("run", ast.Load()), *arguments)
        elif isinstance(function, ast.Name) and function.id in FUNCTIONS:
            made = ast.Call(ast.Name(function.id, ast.Load()), arguments, [])
        else:
            made = _call("_call_", self.visit(function), *arguments)
        made.keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        return made

    def visit_Constant(self, node: ast.Constant) -> ast.AST:  # noqa: N802
        if not isinstance(node, _Known):
            return node
        name = f"_known_{len(self.scope)}_"
        self.scope[name] = node.value
        return ast.Name(name, ast.Load())

    # A value that is known is visited like any other constant.
    visit__Known = visit_Constant  # noqa: N815

    # -- sets and dictionaries ---------------------------------------------------------------------------

    def visit_Set(self, node: ast.Set) -> ast.AST:  # noqa: N802
        elements = [self.visit(element) for element in node.elts]
        if all(map(_is_scalar, node.elts)):
            return ast.Set(elements)
        return _call("_make_set_", ast.List(elements, ast.Load()))

    def visit_Dict(self, node: ast.Dict) -> ast.AST:  # noqa: N802
        keys = [self.visit(key) for key in node.keys if key is not None]
        values = [self.visit(value) for value in node.values]
        if all(map(_is_scalar, keys)):
            return ast.Dict(list(keys), values)
        pairs = zip(keys, values, strict=True)
        tuples: list[ast.expr] = [ast.Tuple([key, value], ast.Load()) for key, value in pairs]
        return _call("_make_dict_", ast.List(tuples, ast.Load()))

    # -- loops -------------------------------------------------------------------------------------------

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:  # noqa: N802
        return self._loops(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:  # noqa: N802
        return _call("_make_set_", self._loops(ast.GeneratorExp(node.elt, node.generators)))

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:  # noqa: N802
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return _call("_make_dict_", self._loops(ast.GeneratorExp(pair, node.generators)))

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:  # noqa: N802
        return self._loops(node)

    def _loops(self, node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
        """A turn of a loop counts as many steps as there are nodes in it, so what it does is counted too."""
        first = node.generators[0].iter
        self._weights.append(max(_count(node) - _count(first) - 1, 1))
        node.elt = self.visit(node.elt)
        node.generators = [self.visit(loop) for loop in node.generators]
        self._weights.pop()
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        names = node.target.elts if isinstance(node.target, ast.Tuple) else None
        guard = "_iterate_" if names is None else "_unpack_"
        weight = ast.Constant(self._weights[-1])
        node.iter = _call(guard, self.visit(node.iter), weight)
        node.target = self.visit(node.target)
        node.ifs = [self.visit(condition) for condition in node.ifs]
        return node


def _summary_reader(node: ast.Attribute) -> Reader:
    """Return what reads `run.metrics[<constant>].<name>`."""
    assert isinstance(node.value, ast.Subscript)  # noqa: S101 - summary_of has looked
    key, name = ast.literal_eval(node.value.slice), node.attr

    def read(view: RunView) -> Any:
        sequence = view.attribute("metrics").item(key)
        return None if sequence is None else sequence.attribute(name)

    return read


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def _constant(node: ast.expr) -> Any:
    """Return the value of a constant or a signed number, or _UNKNOWN."""
    if isinstance(node, _Known):
        return _UNKNOWN
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(node.op, ast.USub):
                return -value
            if isinstance(node.op, ast.UAdd):
                return value
    return _UNKNOWN


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_singleton(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _is_scalar(node: ast.expr) -> bool:
    return _constant(node) is not _UNKNOWN


def _count(node: ast.AST) -> int:
    parts = list(ast.walk(node))
    return sum(isinstance(part, ast.expr) for part in parts) + CALL * sum(
        isinstance(p, ast.Call) for p in parts
    )


class Compiled(NamedTuple):
    """A query that can be evaluated."""

    predicate: Predicate  # called with the run's view and the sequence's
    budget: Budget  # to be reset before each call
    fields: list[Field]  # what can be loaded for many runs at once


def compile_query(query: Query) -> Compiled:
    """Return the query's predicate, with what it needs.

    What is the same for every run is computed here, once. Raises QueryError if all of that together is more than
    one evaluation may do, and for patterns that cannot be right.
    """
    budget = Budget()
    for node in ast.walk(query.tree):
        _check_pattern(query, node)
    known: dict[int, Any] = {}
    for node in _constant_parts(query.tree):
        try:
            value = _compiled(query, node, budget, {}).predicate(None, None)
        except LimitError as error:
            raise _error_at(query, node, str(error)) from None
        except Exception:  # noqa: S112 - such as 1 / 0: it may stand where it is never reached
            continue
        if _is_plain(value):
            known[id(node)] = value
    budget.reset()
    return _compiled(query, query.tree, budget, known)


def sole_field(query: Query) -> Field | None:
    """Return the field that a query over runs is, if it is nothing else."""
    policy = Policy(query)
    return policy.fields[0] if policy.reads(query.tree) else None


def _compiled(query: Query, body: ast.expr, budget: Budget, known: dict[int, Any]) -> Compiled:
    policy = Policy(query)
    try:
        made = policy.visit(_copy(body, known))
        arguments = [ast.arg("run"), ast.arg(query.entity or "metric")]
        function = ast.Lambda(ast.arguments([], arguments, None, [], [], None, []), made)
        code = compile(ast.fix_missing_locations(ast.Expression(function)), "<query>", "eval")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise QueryError(f"the query cannot be compiled: {error}", text=query.text) from None
    if policy.errors:
        raise QueryError("; ".join(policy.errors), text=query.text)
    predicate: Predicate = eval(code, {**_scope(budget), **policy.scope})  # noqa: S307 - the point of all the checks
    return Compiled(predicate, budget, policy.fields)


def _scope(budget: Budget) -> dict[str, Any]:
    guarded = Guards(budget)
    return {
        "__builtins__": {},
        "_getattr_": guards.get_attribute,
        "_getitem_": guarded.get_item,
        "_iterate_": budget.iterate,
        "_unpack_": _unpacking(budget),
        "_make_set_": partial(make_set, budget),
        "_make_dict_": partial(make_dict, budget),
        "_less_number_": guards.less_number,
        "_less_equal_number_": guards.less_equal_number,
        "_greater_number_": guards.greater_number,
        "_greater_equal_number_": guards.greater_equal_number,
        "_among_": guards.among,
        "_compare_": guarded.compare,
        "_chain_": guarded.chain,
        "_equal_": guarded.equal,
        "_unequal_": guarded.unequal,
        "_contains_": guarded.contains,
        "_add_": guarded.add,
        "_subtract_": guarded.subtract,
        "_multiply_": guarded.multiply,
        "_divide_": guarded.divide,
        "_floor_divide_": guarded.floor_divide,
        "_modulo_": guarded.modulo,
        "_power_": guarded.power,
        "_negative_": guarded.negative,
        "_positive_": guarded.positive,
        "_method_": guarded.call_method,
        "_call_": call,
        "_search_": partial(search, budget),
        "slice": slice,
        **Functions(guarded).table(),
    }


def _unpacking(budget: Budget) -> Callable[[Any, int], Iterator[Any]]:
    """`for a, b in pairs`: each element is a list or tuple of its own."""

    def unpack(values: Any, weight: int) -> Iterator[Any]:
        for value in budget.iterate(values, weight):
            yield tuple(value) if isinstance(value, list | tuple) else (value,)

    return unpack


class _Known(ast.Constant):
    """A value that was computed when the query was made, and is not one that Python keeps in its code."""


def _copy(node: Any, known: dict[int, Any]) -> Any:
    """Return a tree that the policy may change. Its places lead nowhere: nobody sees a traceback."""
    if isinstance(node, list):
        return [_copy(item, known) for item in node]
    if not isinstance(node, ast.AST):
        return node
    if id(node) in known:
        value = known[id(node)]
        made: ast.AST = ast.Constant(value) if type(value) in _CONSTANTS else _Known(value)
    else:
        made = type(node)(**{name: _copy(value, known) for name, value in ast.iter_fields(node)})
    for name in made._attributes:
        setattr(made, name, 0 if "col" in name else 1)
    return made


# -- what can be seen before any run ---------------------------------------------------------------------------


_CONSTANTS = frozenset((int, float, bool, str, type(None)))
_PLAIN = _CONSTANTS | {datetime, date, time, timedelta, range}
_FLAT = 10_000  # elements of a list that are looked at


def _is_plain(value: Any) -> bool:
    """Whether a value stays what it is when it is used: a generator, say, does not."""
    if type(value) in (list, tuple, set, frozenset):
        return len(value) <= _FLAT and all(type(item) in _PLAIN for item in value)
    return type(value) in _PLAIN


def _constant_parts(tree: ast.expr) -> list[ast.expr]:
    """Return the largest parts that are the same for every run, and have to be computed."""
    found: list[ast.expr] = []
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant) and not _varies(node):
            if any(isinstance(part, ast.BinOp | ast.Call | _Loops) for part in ast.walk(node)):
                found.append(node)
            continue
        left += ast.iter_child_nodes(node)
    return found


def _varies(node: ast.AST) -> bool:
    parts = list(ast.walk(node))
    names = [part for part in parts if isinstance(part, ast.Name)]
    bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    if any(name.id not in bound and (name.id not in FUNCTIONS or name.id == "search") for name in names):
        return True
    return any(isinstance(part, ast.Attribute) and part.attr in ("now", "today", "utcnow") for part in parts)


def _check_pattern(query: Query, node: ast.AST) -> None:
    if not isinstance(node, ast.Call) or not node.args:
        return
    form = _constant(node.args[-1])
    if not isinstance(form, str):
        return
    try:
        if isinstance(node.func, ast.Name) and node.func.id == "matches":
            compiled(form)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("strftime", "strptime"):
            check_format(form)
    except (PatternError, LimitError) as error:
        raise _error_at(query, node.args[-1], str(error)) from None


def _error_at(query: Query, node: ast.expr, message: str) -> QueryError:
    return QueryError(message, line=node.lineno, column=node.col_offset + 1, text=query.text)
