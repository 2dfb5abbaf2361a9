"""The functions of AimQL: Python's, on plain values, their work counted against a budget.

A missing argument gives missing, and so do values that are in no order (`max(["a", 1])`). An argument that
is no good otherwise (`int("x")`) is an error: the candidate is skipped, and that is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .budget import ELEMENT, LimitError
from .methods import DATETIME_FUNCTIONS, make_dict, make_set
from .pattern import matches
from .views import View

if TYPE_CHECKING:
    from .guards import Guards

RANGE_LIMIT = 100_000
DIGITS_LIMIT = 400  # of round()
NUMBER_TEXT_LIMIT = 4_300  # characters of a number in a text
NUMBER_BITS_LIMIT = 14_000  # bits of a number that becomes a text

_ABSENT = object()


class Function:
    """A function of the language. `strict` ones give missing for a missing argument."""

    __slots__ = ("function", "kinds", "name", "strict")

    def __init__(
        self, name: str, function: Callable[..., Any], *, strict: bool = True, kinds: tuple[type, ...] = ()
    ) -> None:
        self.name = name
        self.function = function
        self.strict = strict
        self.kinds = kinds  # what isinstance() takes it for

    def __call__(self, *args: Any, **named: Any) -> Any:
        if self.strict:
            for argument in args:
                if argument is None:
                    return None
            for argument in named.values():
                if argument is None:
                    return None
        return self.function(*args, **named)

    def attribute(self, name: str, *args: Any) -> Any:
        """`datetime.now()` and its kin."""
        method = DATETIME_FUNCTIONS.get(name) if self.name == "datetime" else None
        if method is None or any(argument is None for argument in args):
            return None
        return method(*args)

    def __repr__(self) -> str:
        return f"<function {self.name}>"


def call(function: Any, *args: Any, **named: Any) -> Any:
    """Call a value of the query: only functions of the language can be; anything else is missing."""
    return function(*args, **named) if isinstance(function, Function) else None


class Functions:
    """The functions of the language, for one budget."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards
        self._budget = guards.budget

    def table(self) -> dict[str, Function]:
        """Return every function by its name."""
        listed, iterate = self._budget.listed, self._budget.iterate
        table = [
            Function("abs", abs),
            Function("all", lambda values: all(iterate(values)), strict=False),
            Function("any", lambda values: any(iterate(values)), strict=False),
            Function("bin", lambda value: self._made(bin, value)),
            Function("bool", bool, strict=False, kinds=(bool,)),
            Function("chr", chr),
            Function("datetime", datetime, kinds=(datetime,)),
            Function("dict", self._dict, kinds=(dict,)),
            Function("divmod", self._divmod),
            Function("enumerate", self._enumerate),
            Function("filter", self._filter, strict=False),
            Function("float", self._float, kinds=(float,)),
            Function("frozenset", self._frozenset, kinds=(frozenset,)),
            Function("hex", lambda value: self._made(hex, value)),
            Function("int", self._int, kinds=(int,)),
            Function("isinstance", _is_instance, strict=False),
            Function("len", _length),
            Function("list", lambda values=(): listed(values), kinds=(list,)),
            Function("map", self._map),
            Function("matches", lambda text, pattern: matches(self._budget, text, pattern)),
            Function("max", lambda *args, **named: self._extreme(max, args, **named), strict=False),
            Function("min", lambda *args, **named: self._extreme(min, args, **named), strict=False),
            Function("oct", lambda value: self._made(oct, value)),
            Function("ord", ord),
            Function("pow", self._guards.power),
            Function("range", _range),
            Function("reversed", lambda values: listed(values)[::-1]),
            Function("round", _rounded),
            Function("set", lambda values=(): make_set(self._budget, values), kinds=(set,)),
            Function("sorted", self._sorted),
            Function("str", self._str, kinds=(str,)),
            Function("sum", self._sum),
            Function("timedelta", timedelta, kinds=(timedelta,)),
            Function("tuple", lambda values=(): tuple(listed(values)), kinds=(tuple,)),
            Function("zip", self._zip),
        ]
        return {function.name: function for function in table}

    # -- texts and numbers -------------------------------------------------------------------------------

    def _str(self, value: Any = "") -> str:
        kind = type(value)
        if kind is str:
            return str(value)
        if isinstance(value, View | Function):
            return repr(value)
        if kind.__name__ == "generator":
            raise TypeError("a generator cannot be written as a text; use list(...)")
        if kind is int and value.bit_length() > NUMBER_BITS_LIMIT:
            raise LimitError(f"a number of more than {NUMBER_BITS_LIMIT:,} bits as a text")
        self._budget.make(self._budget.weigh(value) * 4)
        return str(value)

    def _made(self, function: Callable[[int], str], value: Any) -> str:
        if isinstance(value, int):  # others are refused by Python
            self._budget.make(value.bit_length())
        return function(value)

    def _int(self, value: Any = 0, base: Any = _ABSENT) -> int:
        _check_number(value)
        return int(value) if base is _ABSENT else int(value, base)

    def _float(self, value: Any = 0.0) -> float:
        _check_number(value)
        return float(value)

    def _divmod(self, left: Any, right: Any) -> tuple[Any, Any]:
        return self._guards.floor_divide(left, right), self._guards.modulo(left, right)

    # -- collections -------------------------------------------------------------------------------------

    def _dict(self, values: Any = (), **named: Any) -> dict[Any, Any]:
        pairs = list(values.items()) if type(values) is dict else values
        return {**make_dict(self._budget, pairs), **named}

    def _frozenset(self, values: Any = ()) -> frozenset[Any]:
        return frozenset(make_set(self._budget, values))

    def _enumerate(self, values: Any, start: Any = 0) -> list[tuple[int, Any]]:
        elements = self._budget.listed(values)
        self._budget.make(len(elements) * 2 * ELEMENT)
        return list(enumerate(elements, start))

    def _zip(self, *columns: Any) -> list[tuple[Any, ...]]:
        lists = [self._budget.listed(column) for column in columns]
        self._budget.make(sum(map(len, lists)) * 2 * ELEMENT)
        return list(zip(*lists, strict=False))

    def _map(self, function: Any, values: Any) -> list[Any]:
        return [call(function, value) for value in self._budget.iterate(values, weight=4)]

    def _filter(self, function: Any, values: Any) -> list[Any]:
        elements = self._budget.listed(values)
        return [value for value in elements if (value if function is None else call(function, value))]

    def _sorted(self, values: Any, reverse: Any = False) -> list[Any] | None:
        elements = self._budget.listed(values)
        self._budget.scan(self._budget.weigh(elements) * len(elements).bit_length())
        try:
            return sorted(elements, reverse=bool(reverse))
        except TypeError:  # in no order, or one of them is missing
            return None

    def _extreme(self, function: Callable[..., Any], args: tuple[Any, ...], default: Any = None) -> Any:
        if len(args) == 1 and args[0] is None:
            return None
        values = self._budget.listed(args[0]) if len(args) == 1 else args
        if not values:
            return default
        if any(value is None for value in values):
            return None
        self._budget.scan(self._budget.weigh(values))
        try:
            return function(values)
        except TypeError:
            return None

    def _sum(self, values: Any, start: Any = 0) -> Any:
        total = start
        for value in self._budget.iterate(values):
            total = self._guards.add(total, value)
        return total


def _check_number(value: Any) -> None:
    if type(value) is str and len(value) > NUMBER_TEXT_LIMIT:
        raise LimitError(f"a number in a text of more than {NUMBER_TEXT_LIMIT:,} characters")


def _length(value: Any) -> int:
    return value.length() if isinstance(value, View) else len(value)


def _is_instance(value: Any, kinds: Any) -> bool:
    wanted = kinds if isinstance(kinds, tuple | list) else (kinds,)
    types: list[type] = []
    for kind in wanted:
        if not isinstance(kind, Function) or not kind.kinds:
            raise TypeError("isinstance() takes a type such as str, int, float, list, or several in brackets")
        types += kind.kinds
    return isinstance(value, tuple(types))


def _range(*args: int) -> range:
    made = range(*args)
    if made and (made[-1] - made[0]) // made.step >= RANGE_LIMIT:
        raise LimitError(f"range() of more than {RANGE_LIMIT:,}")
    return made


def _rounded(value: Any, ndigits: Any = 0) -> Any:
    if abs(ndigits) > DIGITS_LIMIT:
        raise LimitError(f"round() to more than {DIGITS_LIMIT} digits")
    return round(value, ndigits) if ndigits else round(value)
