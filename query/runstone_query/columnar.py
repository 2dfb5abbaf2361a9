"""Evaluating a query over whole columns, with Python's exact meaning: for queries that most runs pass.

Covers comparisons of parameters, properties and summaries with constants, membership in lists of constants,
tags, truth, and their combination by and, or, not. Everything else is evaluated run by run. Each rule gives,
for every row, what `guards` would give for that row's value; the property test holds the two together.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.states import ARCHIVED, NOT_ENDED, StateFile
from runstone_indexer.table import (
    BOOL,
    FLOAT,
    HUGE,
    INT,
    NONE,
    TEXT,
    Column,
    param_key,
    property_key,
    tag_key,
)

from . import guards
from .aimql import Query
from .fields import column_of, summary_of
from .lower import UNKNOWN, constant_of, path_of
from .views import PROPERTIES, SUMMARIES

Mask = NDArray[np.bool_]
Cells = NDArray[np.int64]


class Frame(NamedTuple):
    """What a query is evaluated on: the runs of a file, or sequences of them (see `labels`)."""

    file: StateFile
    cells: Cells | None = None

    @property
    def size(self) -> int:
        return len(self.file.run if self.cells is None else self.cells)


Evaluator = Callable[[Frame], Mask]
Loader = Callable[[Frame], Column]

_ORDERS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.Eq, ast.NotEq: ast.NotEq, ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE,
}  # fmt: skip


class NotColumnarError(Exception):
    """A query, or what a file holds, is not for columns: evaluate run by run."""


def columnar(query: Query) -> Callable[[StateFile], Mask] | None:
    """Return what finds the rows of a file that match, or None if the query is not of that kind.

    The evaluator raises NotColumnarError for a file with values that columns do not hold in full.
    """
    if query.entity is not None:
        return None
    try:
        evaluate = _Compiler(_field_of_run).truth(query.tree)
    except NotColumnarError:
        return None
    return lambda file: evaluate(Frame(file))


def columnar_cells(query: Query) -> Callable[[StateFile, Cells], Mask] | None:
    """Return what finds the sequences that match among some cells of a file; see `columnar`."""
    try:
        evaluate = _Compiler(partial(_field_of_sequence, query.entity)).truth(query.tree)
    except NotColumnarError:
        return None
    return lambda file, cells: evaluate(Frame(file, cells))


class _Compiler:
    """Makes an evaluator of a tree. What `load` does not know raises NotColumnarError."""

    def __init__(self, load: Callable[[ast.expr], Loader]) -> None:
        self._load = load

    def truth(self, node: ast.expr) -> Evaluator:
        match node:
            case ast.Constant(value):
                return lambda frame: np.full(frame.size, bool(value))
            case ast.BoolOp(op, values):
                combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
                parts = [self.truth(value) for value in values]
                return lambda frame: combine.reduce([part(frame) for part in parts])
            case ast.UnaryOp(ast.Not(), operand):
                inner = self.truth(operand)
                return lambda frame: ~inner(frame)
            case ast.Compare(left, ops, comparators):
                ends = [left, *comparators]
                links = [self._comparison(ops[i], ends[i], ends[i + 1]) for i in range(len(ops))]
                return lambda frame: np.logical_and.reduce([link(frame) for link in links])
        load = self._load(node)
        return lambda frame: _spread(frame, load(frame), _truth_of, False)

    def _comparison(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Evaluator:
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(left, right, negated=isinstance(op, ast.NotIn))
        constant = constant_of(right)
        kind: type[ast.cmpop] = type(op)
        if constant is UNKNOWN:
            left, constant = right, constant_of(left)
            if kind in (ast.Is, ast.IsNot) or constant is UNKNOWN:
                raise NotColumnarError
            kind = _MIRRORED[kind]
        if isinstance(constant, tuple):
            raise NotColumnarError
        load = self._load(left)
        if kind in (ast.Is, ast.IsNot):
            if constant is not None and not isinstance(constant, bool):
                raise NotColumnarError
            same = _against(load, lambda column, _: _is(column, constant), constant is None)
            return same if kind is ast.Is else (lambda frame: ~same(frame))
        missing = bool(guards.compare(_SIGNS[kind], None, constant))
        return _against(load, lambda column, file: _compare(kind, column, constant, file), missing)

    def _membership(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Evaluator:
        if isinstance(right, ast.List | ast.Tuple | ast.Set):
            constants = [constant_of(element) for element in right.elts]
            if any(c is UNKNOWN or isinstance(c, tuple) for c in constants):
                raise NotColumnarError
            load = self._load(left)

            def among(column: Column, file: StateFile) -> Mask:
                found = np.zeros(len(column.rows), bool)
                for constant in constants:
                    found |= _compare(ast.Eq, column, constant, file)
                return found

            inside = _against(load, among, None in constants)
        else:
            load = self._load(ast.Compare(left, [ast.In()], [right]))
            inside = _against(load, lambda column, _: np.full(len(column.rows), True), False)
        return (lambda frame: ~inside(frame)) if negated else inside


_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


# -- what is compared ------------------------------------------------------------------------------------------


def _field_of_run(node: ast.expr) -> Loader:
    """A parameter, a property, a summary; a tag in place of `"x" in run.tags`."""
    if isinstance(node, ast.Compare):
        tag = constant_of(node.left)
        if not isinstance(tag, str) or path_of(node.comparators[0]) != (("tags",), True):
            raise NotColumnarError
        key = tag_key(tag)
        return lambda frame: frame.file.table.find(key)
    summary = summary_of(node, lambda root: isinstance(root, ast.Name) and root.id == "run")
    if summary is not None:
        return lambda frame: column_of(summary, frame.file)
    path, by_attribute = path_of(node)
    if not path or not all(isinstance(part, str) for part in path):
        raise NotColumnarError
    name = path[0]
    if by_attribute and name in PROPERTIES:
        if len(path) > 1 or not isinstance(name, str):
            raise NotColumnarError
        load = _property_loader(name)
        return lambda frame: load(frame.file)
    key = param_key(path)
    return lambda frame: frame.file.table.find(key)


def _field_of_sequence(entity: str | None, node: ast.expr) -> Loader:
    """A summary of the sequence."""
    match node:
        case ast.Attribute(ast.Name(root), name) if root == entity and name in SUMMARIES:
            return lambda frame: frame.file.summaries.read(name, _cells(frame))
    raise NotColumnarError


def _cells(frame: Frame) -> Cells:
    assert frame.cells is not None  # noqa: S101 - only sequences have these fields
    return frame.cells


def _property_loader(name: str) -> Callable[[StateFile], Column]:
    if name in ("name", "experiment", "description"):
        key = property_key(name)
        return lambda file: file.table.find(key)
    if name == "archived":
        return lambda file: _dense(BOOL, (file.column("flags") & ARCHIVED) != 0)
    if name == "active":
        return lambda file: _dense(BOOL, file.column("ended") == NOT_ENDED)
    if name == "creation_time":
        return lambda file: _dense(FLOAT, (file.column("created") / 1e6).view(np.int64))
    if name == "end_time":
        return _end_times
    raise NotColumnarError


def _end_times(file: StateFile) -> Column:
    ended = file.column("ended")
    rows = np.flatnonzero(ended != NOT_ENDED)
    return Column(rows, np.full(len(rows), FLOAT, np.uint8), (ended[rows] / 1e6).view(np.int64))


def _dense(kind: int, bits: NDArray[Any]) -> Column:
    count = len(bits)
    return Column(np.arange(count), np.full(count, kind, np.uint8), bits.astype(np.int64))


def _against(load: Loader, test: Callable[[Column, StateFile], Mask], missing: bool) -> Evaluator:
    return lambda frame: _spread(frame, load(frame), lambda column: test(column, frame.file), missing)


def _spread(frame: Frame, column: Column, test: Callable[[Column], Mask], missing: bool) -> Mask:
    mask = np.full(frame.size, missing)
    if len(column.rows):
        mask[column.rows] = test(column)
    return mask


def _truth_of(column: Column) -> Mask:
    floats = column.kinds == FLOAT
    mask: Mask = column.bits != 0
    mask[floats] = column.bits[floats].view(np.float64) != 0
    texts = column.kinds == TEXT
    if texts.any():
        raise NotColumnarError  # which number the empty text has is the file's secret
    return mask


def _is(column: Column, constant: bool | None) -> Mask:
    if constant is None:
        nones: Mask = column.kinds == NONE
        return nones
    same: Mask = (column.kinds == BOOL) & (column.bits == int(constant))
    return same


def _compare(kind: type[ast.cmpop], column: Column, constant: Any, file: StateFile) -> Mask:
    """What `value <kind> constant` is for each value of a column."""
    different = kind is ast.NotEq
    mask = np.full(len(column.rows), different)  # values of another type are unequal, and in no order
    kinds = set(np.unique(column.kinds).tolist())
    if constant is None:
        mask[column.kinds == NONE] = kind is ast.Eq
        return mask
    if isinstance(constant, str):
        if TEXT in kinds:
            mask[column.kinds == TEXT] = _compare_texts(kind, column, constant, file)
        return mask
    if HUGE in kinds:
        raise NotColumnarError
    if kinds & {BOOL, INT}:
        chosen = (column.kinds == BOOL) | (column.kinds == INT)
        mask[chosen] = _compare_ints(kind, column.bits[chosen], constant)
    if FLOAT in kinds:
        chosen = column.kinds == FLOAT
        mask[chosen] = _compare_floats(kind, column.bits[chosen].view(np.float64), constant)
    return mask


def _compare_texts(kind: type[ast.cmpop], column: Column, constant: str, file: StateFile) -> Mask:
    numbers = column.bits[column.kinds == TEXT]
    unique, back = np.unique(numbers, return_inverse=True)
    test = _ORDERS[kind]
    answers: Mask = np.array(
        [test(file.table.text(number), constant) for number in unique.tolist()], dtype=bool
    )
    return answers[back]


def _compare_ints(kind: type[ast.cmpop], values: NDArray[np.int64], constant: float) -> Mask:
    """Python compares an integer with a float by their exact values; numpy would round the integer."""
    constant = constant if isinstance(constant, float) else int(constant)
    if isinstance(constant, float) and not constant.is_integer():
        if math.isnan(constant):
            return np.full(len(values), kind is ast.NotEq)
        if math.isinf(constant):
            return np.full(len(values), bool(_ORDERS[kind](0.0, constant)))
        if kind in (ast.Eq, ast.NotEq):
            return np.full(len(values), kind is ast.NotEq)
        constant = math.floor(constant) if kind in (ast.LtE, ast.Gt) else math.ceil(constant)
    constant = int(constant)
    if not -(2**63) <= constant < 2**63:
        return np.full(len(values), bool(_ORDERS[kind](0, constant)))
    result: Mask = _ORDERS[kind](values, np.int64(constant))
    return result


def _compare_floats(kind: type[ast.cmpop], values: NDArray[np.float64], constant: float) -> Mask:
    """Like _compare_ints: an integer that is no float lies strictly between two of them."""
    try:
        number = float(constant)
    except OverflowError:
        raise NotColumnarError from None
    if isinstance(constant, float) or number == constant:
        exact: Mask = _ORDERS[kind](values, number)
        return exact
    if kind in (ast.Eq, ast.NotEq):
        return np.full(len(values), kind is ast.NotEq)
    below = number < constant
    if kind in (ast.Lt, ast.LtE):
        near: Mask = values <= number if below else values < number
    else:
        near = values > number if below else values >= number
    return near
