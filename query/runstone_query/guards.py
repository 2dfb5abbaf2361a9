"""The operations of a query at run time: on plain values, bounded, and total over what is missing.

*Missing* is None. It is equal to None and to nothing else, no order holds for it, and an attribute, an
item, arithmetic or a call on it is missing again. So a missing key never makes an `or` lose its other side.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from .views import View

STEP_LIMIT = 200_000  # elements that the comprehensions and functions of one evaluation may visit
SIZE_LIMIT = 1_000_000  # characters or elements that an operation may produce
BIT_LIMIT = 4096  # bits of an integer that arithmetic may produce
RANGE_LIMIT = 10_000


class LimitError(Exception):
    """An evaluation wanted more work or memory than a query may take."""


_STR_METHODS = frozenset(
    """capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower isnumeric
    isspace istitle isupper lower lstrip partition removeprefix removesuffix rfind rindex rpartition rsplit
    rstrip split splitlines startswith strip swapcase title upper""".split()  # noqa: SIM905
)
_TIME_METHODS = frozenset(
    """date day days hour isocalendar isoformat isoweekday microsecond minute month second seconds strftime
    time timestamp total_seconds weekday year""".split()  # noqa: SIM905
)
_TIME_VALUES = frozenset(
    ("day", "days", "hour", "microsecond", "microseconds", "minute", "month", "second", "seconds", "year")
)
_METHODS: dict[type, frozenset[str]] = {
    str: _STR_METHODS,
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    int: frozenset({"bit_length", "is_integer"}),
    float: frozenset({"is_integer"}),
    datetime: _TIME_METHODS,
    date: _TIME_METHODS,
    timedelta: _TIME_METHODS,
}
_DICT_METHODS = ("get", "items", "keys", "values")


def get_attribute(value: Any, name: str) -> Any:
    """`value.name`: a key of a dictionary, a property of a view, else missing. Never a method."""
    if isinstance(value, View):
        return value.attribute(name)
    if type(value) is dict:
        return value.get(name)
    if name in _TIME_VALUES and isinstance(value, date | timedelta):
        return getattr(value, name, None)
    return None


def get_item(value: Any, key: Any) -> Any:
    """`value[key]`: for dictionaries a tuple is a path; what is not there is missing."""
    if isinstance(value, View):
        return value.item(key)
    if type(key) is tuple and type(value) is dict:
        for part in key:
            value = get_item(value, part)
        return value
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return None


def call_method(value: Any, name: str, *args: Any, **named: Any) -> Any:
    """`value.name(...)`: a method from the list above; a dictionary's own key of that name comes first."""
    if isinstance(value, View):
        return value.call(name, *args)
    if type(value) is dict:
        if name not in value and name in _DICT_METHODS:
            return _dict_method(value, name, args)
        return call(value.get(name), *args)
    if value is datetime:
        return _datetime_method(name, args)
    if name not in _METHODS.get(type(value), ()):
        return None
    try:
        return getattr(value, name)(*args, **named)
    except (ValueError, TypeError, OverflowError):
        return None


def _dict_method(value: dict[Any, Any], name: str, args: tuple[Any, ...]) -> Any:
    if name == "get":
        found = get_item(value, args[0]) if args else None
        return found if found is not None or len(args) < 2 else args[1]
    return list(getattr(value, name)())


def _datetime_method(name: str, args: tuple[Any, ...]) -> Any:
    """Times in queries are naive and UTC, as the run's are: so `datetime.now()` is too."""
    if name in ("now", "utcnow", "today") and not args:
        return datetime.now(UTC).replace(tzinfo=None)
    if name in ("fromtimestamp", "utcfromtimestamp") and len(args) == 1:
        return datetime.fromtimestamp(args[0], UTC).replace(tzinfo=None)
    if name in ("fromisoformat", "strptime"):
        return getattr(datetime, name)(*args)
    return None


def call(function: Any, *args: Any, **named: Any) -> Any:
    """Call a value of the query: only functions of the language can be; anything else is missing."""
    if isinstance(function, Function):
        return function(*args, **named)
    if function is datetime or function is timedelta:
        return function(*args, **named)
    return None


class Function:
    """A function of the language. `strict` ones give missing for a missing argument."""

    __slots__ = ("function", "kind", "name", "strict")

    def __init__(
        self, name: str, function: Callable[..., Any], *, strict: bool, kind: type | None = None
    ) -> None:
        self.name = name
        self.function = function
        self.strict = strict
        self.kind = kind  # for isinstance()

    def __call__(self, *args: Any, **named: Any) -> Any:
        if self.strict and any(argument is None for argument in args):
            return None
        return self.function(*args, **named)


def compare(op: str, left: Any, right: Any) -> Any:
    """An ordering or a membership; False where Python would raise because the types don't go together."""
    try:
        return _COMPARE[op](left, right)
    except TypeError:
        return op == "not in"


def compare_chain(first: Any, *rest: Any) -> bool:
    """`a < b <= c`, given as a, "<", b, "<=", c."""
    for i in range(0, len(rest), 2):
        if not compare(rest[i], first, rest[i + 1]):
            return False
        first = rest[i + 1]
    return True


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}

_Number = (int, float)
_Time = (date, timedelta)


def arithmetic(op: str, left: Any, right: Any) -> Any:
    """A binary operation: numbers, times, and joining texts or lists; anything else is missing."""
    numbers = isinstance(left, _Number) and isinstance(right, _Number)
    if numbers:
        if op == "**" or (op == "*" and type(left) is int and type(right) is int):
            _check_bits(op, left, right)
        return _ARITHMETIC[op](left, right)
    if op in "+-" and isinstance(left, _Time) and isinstance(right, _Time):
        return _ARITHMETIC[op](left, right)
    if isinstance(left, timedelta) or isinstance(right, timedelta):
        return _ARITHMETIC[op](left, right) if op in ("*", "/", "//", "%") else None
    if op == "+" and type(left) is type(right) and isinstance(left, str | list | tuple):
        _check_size(len(left) + len(right))
        return left + right
    if op == "*" and isinstance(left, str | list | tuple) and isinstance(right, int):
        _check_size(len(left) * right)
        return left * right
    return None


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


def sign(op: str, value: Any) -> Any:
    """`-value` or `+value`."""
    if isinstance(value, int | float | timedelta):
        return -value if op == "-" else +value
    return None


def _check_bits(op: str, left: Any, right: Any) -> None:
    if isinstance(left, float) or isinstance(right, float):
        return
    bits = left.bit_length() * abs(right) if op == "**" else left.bit_length() + right.bit_length()
    if bits > BIT_LIMIT:
        raise LimitError(f"`{op}` would make a number of more than {BIT_LIMIT} bits")


def _check_size(size: int) -> None:
    if size > SIZE_LIMIT:
        raise LimitError(f"an operation would make more than {SIZE_LIMIT:,} elements")


class Budget:
    """Counts the elements that one evaluation visits."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = STEP_LIMIT

    def reset(self) -> None:
        self.left = STEP_LIMIT

    def iterate(self, values: Any) -> Iterator[Any]:
        """What `for x in values` goes over: nothing if it is missing or no collection."""
        if isinstance(values, View):
            values = values.elements()
        if values is None or isinstance(values, int | float):
            return
        for value in values:
            self.left -= 1
            if self.left < 0:
                raise LimitError(f"an evaluation visits more than {STEP_LIMIT:,} elements")
            yield value


def functions(budget: Budget) -> dict[str, Any]:
    """Return the functions of the language, their work counted against `budget`."""

    def listed(function: Callable[[list[Any]], Any]) -> Callable[..., Any]:
        return lambda values=(), **named: function(list(budget.iterate(values)), **named)

    def extreme(function: Callable[..., Any]) -> Callable[..., Any]:
        def pick(*args: Any) -> Any:
            values = list(budget.iterate(args[0])) if len(args) == 1 else list(args)
            return function(values) if values else None

        return pick

    def is_kind(value: Any, kinds: Any) -> bool:
        wanted = kinds if isinstance(kinds, tuple | list) else (kinds,)
        types = tuple(kind.kind for kind in wanted if isinstance(kind, Function) and kind.kind is not None)
        return isinstance(value, types)

    def bounded_range(*args: int) -> range:
        made = range(*args)
        if len(made) > RANGE_LIMIT:
            raise LimitError(f"range() of more than {RANGE_LIMIT:,}")
        return made

    def length(value: Any) -> Any:
        return len(value.elements()) if isinstance(value, View) else len(value)

    def text(value: Any = "") -> str:
        return repr(value) if isinstance(value, View) else str(value)

    table: list[Function] = [
        Function("abs", abs, strict=True),
        Function("all", listed(all), strict=False),
        Function("any", listed(any), strict=False),
        Function("bool", bool, strict=False, kind=bool),
        Function("float", float, strict=True, kind=float),
        Function("int", _integer, strict=True, kind=int),
        Function("isinstance", is_kind, strict=False),
        Function("len", length, strict=True),
        Function("list", listed(list), strict=True, kind=list),
        Function("max", extreme(max), strict=True),
        Function("min", extreme(min), strict=True),
        Function("range", bounded_range, strict=True),
        Function("round", round, strict=True),
        Function("set", listed(set), strict=True, kind=set),
        Function("sorted", listed(sorted), strict=True),
        Function("str", text, strict=True, kind=str),
        Function("sum", listed(sum), strict=True),
        Function("tuple", listed(tuple), strict=True, kind=tuple),
    ]
    return {"datetime": datetime, "timedelta": timedelta, **{function.name: function for function in table}}


def _integer(value: Any = 0) -> int:
    if isinstance(value, str):
        _check_size(len(value) * 1000)
    return int(value)
