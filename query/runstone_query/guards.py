"""The operations of a query at run time: on plain values, bounded, and total over what is missing.

*Missing* is None. It is equal to None and to nothing else, no order holds for it, and an attribute, an
item, arithmetic or a call on it is missing again. So a missing key never makes an `or` lose its other side.
"""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from .views import View

STEP_LIMIT = 20_000  # elements that the comprehensions and functions of one evaluation may visit
SIZE_LIMIT = 4_000_000  # characters and elements that one evaluation may produce, all together
TIME_LIMIT = 0.1  # seconds for one evaluation, looked at between two elements of a loop
BIT_LIMIT = 4096  # bits of an integer that arithmetic may produce
RANGE_LIMIT = 10_000
DIGITS_LIMIT = 400  # of round()


_PLAIN_FORMAT = re.compile(r"(?:%[aAbBcdfGHIjmMpSuUVwWxXyYzZ%]|[^%]){0,100}", re.DOTALL)


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
        self, name: str, function: Callable[..., Any], *, strict: bool = True, kind: type | None = None
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


def _contains(left: Any, right: Any) -> bool:
    if isinstance(right, View):
        right = right.elements()
    return left in right


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": _contains,
    "not in": lambda left, right: not _contains(left, right),
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_Number = (int, float)
_Time = (date, timedelta)


def sign(op: str, value: Any) -> Any:
    """`-value` or `+value`."""
    if isinstance(value, int | float | timedelta):
        return -value if op == "-" else +value
    return None


class Budget:
    """What one evaluation may still do, and the operations that count against it."""

    __slots__ = ("_deadline", "size", "steps")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start the next evaluation."""
        self.steps = STEP_LIMIT
        self.size = SIZE_LIMIT
        self._deadline = 0.0

    def spend(self, size: int) -> None:
        """Count what an operation is about to produce. Raises LimitError."""
        self.size -= size
        if self.size < 0:
            raise LimitError(f"an evaluation makes more than {SIZE_LIMIT:,} characters and elements")

    def iterate(self, values: Any) -> Iterator[Any]:
        """What `for x in values` goes over: nothing if it is missing or no collection."""
        if isinstance(values, View):
            values = values.elements()
        if values is None or isinstance(values, int | float):
            return
        for value in values:
            self.steps -= 1
            if self.steps < 0:
                raise LimitError(f"an evaluation visits more than {STEP_LIMIT:,} elements")
            if not self.steps % 16:
                self._check_time()
            yield value

    def _check_time(self) -> None:
        now = time.monotonic()
        if not self._deadline:
            self._deadline = now + TIME_LIMIT
        elif now > self._deadline:
            raise LimitError(f"an evaluation takes longer than {TIME_LIMIT} s")

    def get_item(self, value: Any, key: Any) -> Any:
        """`value[key]`: for dictionaries a tuple is a path; what is not there is missing."""
        if isinstance(value, View):
            return value.item(key)
        if type(key) is tuple and type(value) is dict:
            for part in key:
                value = self.get_item(value, part)
            return value
        try:
            if type(key) is slice:
                self.spend(len(value))
            return value[key]
        except (KeyError, IndexError, TypeError):
            return None

    def call_method(self, value: Any, name: str, *args: Any, **named: Any) -> Any:
        """`value.name(...)`: a method from the list above; a dictionary's own key of that name comes first."""
        if isinstance(value, View):
            return value.call(name, *args)
        if type(value) is dict:
            if name not in value and name in _DICT_METHODS:
                return self._dict_method(value, name, args)
            return call(value.get(name), *args)
        if value is datetime:
            return _datetime_method(name, args)
        if name not in _METHODS.get(type(value), ()):
            return None
        if isinstance(value, str | list | tuple):
            self.spend(len(value))
        if name == "strftime" and not _is_plain_format(args):
            return None
        try:
            return getattr(value, name)(*args, **named)
        except (ValueError, TypeError, OverflowError):
            return None

    def _dict_method(self, value: dict[Any, Any], name: str, args: tuple[Any, ...]) -> Any:
        if name == "get":
            found = self.get_item(value, args[0]) if args else None
            return found if found is not None or len(args) < 2 else args[1]
        self.spend(len(value))
        return list(getattr(value, name)())

    def arithmetic(self, op: str, left: Any, right: Any) -> Any:
        """A binary operation: numbers, times, and joining texts or lists; anything else is missing."""
        if isinstance(left, _Number) and isinstance(right, _Number):
            if op in ("**", "*") and isinstance(left, int) and isinstance(right, int):
                _check_bits(op, left, right)
            return _ARITHMETIC[op](left, right)
        if op in ("+", "-") and isinstance(left, _Time) and isinstance(right, _Time):
            return _ARITHMETIC[op](left, right)
        if isinstance(left, timedelta) or isinstance(right, timedelta):
            return _ARITHMETIC[op](left, right) if op in ("*", "/", "//", "%") else None
        if op == "+" and type(left) is type(right) and isinstance(left, str | list | tuple):
            self.spend(len(left) + len(right))
            return left + right
        if op == "*" and isinstance(left, str | list | tuple) and isinstance(right, int):
            self.spend(len(left) * max(right, 0))
            return left * right
        return None


def _datetime_method(name: str, args: tuple[Any, ...]) -> Any:
    """Times in queries are naive and UTC, as the run's are: so `datetime.now()` is too."""
    if name in ("now", "utcnow", "today") and not args:
        return datetime.now(UTC).replace(tzinfo=None)
    if name in ("fromtimestamp", "utcfromtimestamp") and len(args) == 1:
        return datetime.fromtimestamp(args[0], UTC).replace(tzinfo=None)
    if name == "fromisoformat" or (name == "strptime" and _is_plain_format(args[1:])):
        return getattr(datetime, name)(*args)
    return None


def _is_plain_format(args: tuple[Any, ...]) -> bool:
    """The C library reads widths out of a format: "%1000000000Y" would fill the memory."""
    return len(args) == 1 and isinstance(args[0], str) and _PLAIN_FORMAT.fullmatch(args[0]) is not None


def _check_bits(op: str, left: int, right: int) -> None:
    bits = left.bit_length() * abs(right) if op == "**" else left.bit_length() + right.bit_length()
    if bits > BIT_LIMIT:
        raise LimitError(f"`{op}` would make a number of more than {BIT_LIMIT} bits")


def functions(budget: Budget) -> dict[str, Any]:
    """Return the functions of the language, their work counted against `budget`."""

    def listed(function: Callable[..., Any]) -> Callable[..., Any]:
        def over(values: Any = (), *rest: Any, **named: Any) -> Any:
            return function(list(budget.iterate(values)), *rest, **named)

        return over

    def extreme(function: Callable[..., Any]) -> Callable[..., Any]:
        def pick(*args: Any) -> Any:
            values = list(budget.iterate(args[0])) if len(args) == 1 else list(args)
            return function(values) if values else None

        return pick

    def total(values: list[Any], start: Any = 0) -> Any:
        for value in values:
            start = budget.arithmetic("+", start, value)
        return start

    def text(value: Any = "") -> str:
        made = repr(value) if isinstance(value, View) else str(value)
        budget.spend(len(made))
        return made

    table = [
        Function("abs", abs),
        Function("all", listed(all), strict=False),
        Function("any", listed(any), strict=False),
        Function("bool", bool, strict=False, kind=bool),
        Function("float", float, kind=float),
        Function("int", int, kind=int),
        Function("isinstance", _is_instance, strict=False),
        Function("len", lambda value: len(value.elements() if isinstance(value, View) else value)),
        Function("list", listed(list), kind=list),
        Function("max", extreme(max)),
        Function("min", extreme(min)),
        Function("range", _bounded_range),
        Function("round", _bounded_round),
        Function("set", listed(set), kind=set),
        Function("sorted", listed(lambda values, reverse=False: sorted(values, reverse=bool(reverse)))),
        Function("str", text, kind=str),
        Function("sum", listed(total)),
        Function("tuple", listed(tuple), kind=tuple),
    ]
    return {"datetime": datetime, "timedelta": timedelta, **{function.name: function for function in table}}


def _is_instance(value: Any, kinds: Any) -> bool:
    wanted = kinds if isinstance(kinds, tuple | list) else (kinds,)
    types = tuple(kind.kind for kind in wanted if isinstance(kind, Function) and kind.kind is not None)
    return isinstance(value, types)


def _bounded_range(*args: int) -> range:
    made = range(*args)
    if len(made) > RANGE_LIMIT:
        raise LimitError(f"range() of more than {RANGE_LIMIT:,}")
    return made


def _bounded_round(value: Any, digits: Any = 0) -> Any:
    if abs(digits) > DIGITS_LIMIT:
        raise LimitError(f"round() to more than {DIGITS_LIMIT} digits")
    return round(value, digits) if digits else round(value)
