"""The operations of a query at run time: on plain values, bounded, and total over what is missing.

*Missing* is None. It is equal to None and to nothing else, no order holds for it, and an attribute, an
item, arithmetic or a call on it is missing again. So a missing key never makes an `or` lose its other side.
Operands whose types do not go together give the same: in no order, and no sum.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from .budget import ELEMENT, PLAIN, Budget, LimitError
from .functions import Function, call
from .methods import METHODS
from .views import View

BIT_LIMIT = 4096  # bits of a whole number that arithmetic takes or makes
TIME_VALUES = frozenset(
    ("day", "days", "hour", "microsecond", "microseconds", "minute", "month", "second", "seconds", "year")
)

_NUMBERS = frozenset((int, float, bool))
_SCALARS = frozenset((int, float, bool, str, type(None)))
_NESTED = frozenset((tuple, frozenset, slice))
_TIMES = frozenset((datetime, date, time, timedelta))
_TIMES_AND_NUMBERS = _TIMES | _NUMBERS
_TEXTS = (str, bytes)


# -- reaching into values ----------------------------------------------------------------------------------


def get_attribute(value: Any, name: str) -> Any:
    """`value.name`: a key of a dictionary, a property of a view, else missing. Never a method."""
    kind = type(value)
    if kind is dict:
        return value.get(name)
    if isinstance(value, View):
        return value.attribute(name)
    if kind in _TIMES and name in TIME_VALUES:
        return getattr(value, name, None)
    return None


# -- comparisons with a constant: nothing here can take long, or fail ----------------------------------------


def less_number(left: Any, right: float) -> Any:
    return left < right if type(left) in _NUMBERS else False


def less_equal_number(left: Any, right: float) -> Any:
    return left <= right if type(left) in _NUMBERS else False


def greater_number(left: Any, right: float) -> Any:
    return left > right if type(left) in _NUMBERS else False


def greater_equal_number(left: Any, right: float) -> Any:
    return left >= right if type(left) in _NUMBERS else False


def among(left: Any, options: tuple[Any, ...] | frozenset[Any]) -> bool:
    """`left in [...]` where all options are numbers, texts, True, False or None."""
    return type(left) in _SCALARS and left in options


_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
}


def compare(op: str, left: Any, right: Any) -> Any:
    """A comparison of two values of which one is a number, a text or None: it takes no time to speak of."""
    try:
        return _ORDERS[op](left, right)
    except TypeError:
        return False


class Guards:
    """Every other operation, counted against a budget."""

    __slots__ = ("budget",)

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    # -- comparisons -----------------------------------------------------------------------------------

    def compare(self, op: str, left: Any, right: Any) -> Any:
        """Any comparison; False where Python would raise because the types don't go together."""
        if op in _MEMBERSHIP:
            return self.contains(left, right) is (op == "in")
        if op in _IDENTITY:
            return self.same(left, right) is (op == "is")
        if type(left) not in PLAIN and type(right) not in PLAIN:
            self._charge_comparison(left, right)
        try:
            return _ORDERS[op](left, right)
        except TypeError:
            return False

    def equal(self, left: Any, right: Any) -> bool:
        if type(left) not in PLAIN and type(right) not in PLAIN:
            self._charge_comparison(left, right)
        return bool(left == right)

    def unequal(self, left: Any, right: Any) -> bool:
        if type(left) not in PLAIN and type(right) not in PLAIN:
            self._charge_comparison(left, right)
        return bool(left != right)

    def _charge_comparison(self, left: Any, right: Any) -> None:
        """Both are read side by side, so the lighter one decides how long it takes."""
        if type(left) is str or type(right) is str:  # a text is only ever compared with a text
            if type(left) is type(right):
                self.budget.scan(min(len(left), len(right)))
            return
        weight = self.budget.weigh(right)
        if weight > 64:
            weight = min(weight, self.budget.weigh(left))
        self.budget.scan(weight * 8)

    def same(self, left: Any, right: Any) -> bool:
        """`is`. Of two numbers or texts Python says whatever suits it; here they are the same if equal."""
        if left is right:
            return True
        if left is None or type(left) is bool or isinstance(left, View):
            return isinstance(left, View) and left == right
        return type(left) is type(right) and self.equal(left, right)

    def contains(self, left: Any, right: Any) -> bool:
        """`left in right`; False if `right` is missing or holds nothing."""
        kind = type(right)
        if isinstance(right, View):
            self._charge_key(left)
            return right.contains(left)
        if kind is str:
            if type(left) is not str:
                return False
            self.budget.search(right, left)
            return left in right
        if kind is dict or kind is set or kind is frozenset:
            self.budget.scan(self.budget.weigh(left))
        elif kind is list or kind is tuple:
            self.budget.scan(self.budget.weigh(left) * len(right) * 4)
        elif kind is range:
            self.budget.scan(len(right) * ELEMENT if type(left) not in (int, bool) else 0)
        else:
            right = self.budget.listed(right)
        try:
            return left in right
        except TypeError:
            return False

    def chain(self, left: Any, op: str, right: Any, *rest: Any) -> Any:
        """`a < b <= c`, given as a, "<", b, "<=", a function that gives c: it is asked only if needed."""
        holds = self.compare(op, left, right)
        for i in range(0, len(rest), 2):
            if not holds:
                break
            left, right = right, rest[i + 1]()
            holds = self.compare(rest[i], left, right)
        return holds

    # -- arithmetic ------------------------------------------------------------------------------------

    def add(self, left: Any, right: Any) -> Any:
        kind = type(left)
        if kind in _NUMBERS and type(right) in _NUMBERS:
            return left + right
        if kind is type(right) and (kind is str or kind is list or kind is tuple):
            unit = 1 if kind is str else ELEMENT
            self.budget.make((len(left) + len(right)) * unit)
            return left + right
        return _times(operator.add, left, right)

    def subtract(self, left: Any, right: Any) -> Any:
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            return left - right
        if isinstance(left, set | frozenset) and isinstance(right, set | frozenset):
            self.budget.make(len(left) * ELEMENT)
            return left - right
        return _times(operator.sub, left, right)

    def multiply(self, left: Any, right: Any) -> Any:
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            if type(left) is not float and type(right) is not float:
                _check_bits(left, right, left.bit_length() + right.bit_length())
            return left * right
        if left is None or right is None:
            return None
        if isinstance(right, str | list | tuple) and isinstance(left, int):
            left, right = right, left
        if isinstance(left, str | list | tuple) and isinstance(right, int):
            unit = 1 if type(left) is str else ELEMENT
            self.budget.make(len(left) * max(right, 0) * unit)
            return left * right
        return _times(operator.mul, left, right)

    def divide(self, left: Any, right: Any) -> Any:
        return self._divided(operator.truediv, left, right)

    def floor_divide(self, left: Any, right: Any) -> Any:
        return self._divided(operator.floordiv, left, right)

    def modulo(self, left: Any, right: Any) -> Any:
        return self._divided(operator.mod, left, right)

    def _divided(self, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            if type(left) is int and type(right) is int:
                _check_bits(left, right, 0)
            return function(left, right)
        return _times(function, left, right)

    def power(self, left: Any, right: Any) -> Any:
        if type(left) not in _NUMBERS or type(right) not in _NUMBERS:
            return None
        if type(left) is not float and type(right) is not float and not -1 <= left <= 1:
            _check_bits(left, right, (abs(left) - 1).bit_length() * max(right, 0))
        made = left**right
        return None if type(made) is complex else made

    def negative(self, value: Any) -> Any:
        return -value if type(value) in _NUMBERS or type(value) is timedelta else None

    def positive(self, value: Any) -> Any:
        return +value if type(value) in _NUMBERS or type(value) is timedelta else None

    # -- items and methods -----------------------------------------------------------------------------

    def get_item(self, value: Any, key: Any) -> Any:
        """`value[key]`: for dictionaries a tuple is a path; what is not there is missing."""
        self._charge_key(key)
        if isinstance(value, View):
            return value.item(key)
        if type(value) is dict:
            return self._dict_item(value, key)
        try:
            if type(key) is slice:
                size = len(range(*key.indices(len(value))))
                self.budget.make(size if isinstance(value, _TEXTS) else size * ELEMENT)
            return value[key]
        except (KeyError, IndexError, TypeError, ValueError):  # ValueError: a step of 0
            return None

    def _charge_key(self, key: Any) -> None:
        """To be found among keys, all of a tuple is read; of one that stands in itself many times, many times."""
        if type(key) in _NESTED:
            self.budget.scan(self.budget.weigh(key))

    def _dict_item(self, value: dict[Any, Any], key: Any) -> Any:
        try:
            if key in value:
                return value[key]
        except TypeError:  # not hashable, so no key
            return None
        if type(key) is tuple and key:
            found: Any = value
            for part in key:
                if found is None:
                    break
                found = self.get_item(found, part)
            return found
        return None

    def call_method(self, value: Any, name: str, *args: Any, **named: Any) -> Any:
        """`value.name(...)`: a listed method; a dictionary's own key of that name comes first."""
        kind = type(value)
        method = METHODS.get(kind, _NONE).get(name)
        if kind is dict:
            if name in value:
                return call(value[name], *args, **named)
            if name == "get":
                return self._get(value, *args)
        if method is None:
            if isinstance(value, View):
                self._charge_key(args)
                return value.call(name, *args)
            return value.attribute(name, *args) if isinstance(value, Function) else None
        try:
            return method(self.budget, value, *args, **named)
        except (ValueError, TypeError, OverflowError):
            return None

    def _get(self, value: dict[Any, Any], *args: Any) -> Any:
        if not 1 <= len(args) <= 2:
            return None
        self._charge_key(args[0])
        found = self._dict_item(value, args[0])
        if found is not None or len(args) < 2:
            return found
        return args[1] if not self.contains(args[0], value) else None


_NONE: dict[str, Any] = {}
_MEMBERSHIP = ("in", "not in")
_IDENTITY = ("is", "is not")


def _times(function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Arithmetic with times and numbers; what Python has no meaning for is missing.

    Python has a meaning for a text before a `%`, whatever stands behind it: no text may come here.
    """
    if type(left) not in _TIMES_AND_NUMBERS or type(right) not in _TIMES_AND_NUMBERS:
        return None
    try:
        return function(left, right)
    except TypeError:
        return None


def _check_bits(left: int, right: int, made: int) -> None:
    if max(left.bit_length(), right.bit_length(), made) > BIT_LIMIT:
        raise LimitError(f"a whole number of more than {BIT_LIMIT:,} bits")
