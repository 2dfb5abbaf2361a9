"""The methods of AimQL, by the type of the value before the dot: the listed ones, and nothing else.

Each is called with the budget, the value and the arguments. ValueError and TypeError mean *missing*:
`run.layers.index(9)`, `run.opt.startswith(3)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from .budget import ELEMENT, Budget, LimitError

Method = Callable[..., Any]

FORMAT = re.compile(r"(?:%[aAbBcdfGHIjmMpSuUVwWxXyYzZ%]|[^%]){0,100}", re.DOTALL)
STRIP_LIMIT = 100  # characters that strip() may be told to take off
TIME_TEXT_LIMIT = 200  # characters of a time that is read from a text


def naive(when: datetime) -> datetime:
    """Return a time as the language has them: UTC, without saying so."""
    return when if when.tzinfo is None else when.astimezone(UTC).replace(tzinfo=None)


def check_format(form: Any) -> str:
    """Return a format of plain directives. The C library reads widths: "%1000000000Y" would fill the memory."""
    if not isinstance(form, str):
        raise TypeError
    if FORMAT.fullmatch(form) is None:
        raise LimitError(f"a format of plain directives such as %Y-%m-%d, not {form[:40]!r}")
    return form


# -- texts -----------------------------------------------------------------------------------------------------


def _reads(method: Method) -> Method:
    """A method that goes through the text once, and makes next to nothing."""

    def call(budget: Budget, value: Any, *args: Any) -> Any:
        budget.scan(len(value) * 8)
        return method(value, *args)

    return call


def _finds(method: Method) -> Method:
    def call(budget: Budget, value: str, part: str, *ends: int) -> Any:
        budget.search(value, part)
        return method(value, part, *ends)

    return call


def _finds_backwards(method: Method) -> Method:
    """Python searches from the right in the simplest way: length times length, at worst."""

    def call(budget: Budget, value: str, part: str, *rest: int) -> Any:
        budget.make(len(value))
        budget.scan(len(value) * (len(part) + 1))
        return method(value, part, *rest)

    return call


def _makes(method: Method, times: int = 1) -> Method:
    """A method whose result is at most `times` as long as the text."""

    def call(budget: Budget, value: str, *args: Any) -> Any:
        budget.make(len(value) * times)
        budget.scan(len(value) * (12 if value.isascii() else 100))
        return method(value, *args)

    return call


def _strips(method: Method) -> Method:
    def call(budget: Budget, value: str, characters: str | None = None) -> Any:
        if characters is not None and len(characters) > STRIP_LIMIT:
            raise LimitError(f"strip() of more than {STRIP_LIMIT} characters")
        budget.make(len(value))
        budget.scan(len(value) * len(characters or " "))
        return method(value, characters)

    return call


def _ends(method: Method) -> Method:
    """Startswith and endswith: any of several texts, given as a tuple or a list."""

    def call(budget: Budget, value: str, part: Any, *ends: int) -> Any:
        if type(part) is str:
            budget.scan(len(part))
            return method(value, part, *ends)
        if type(part) is not tuple and type(part) is not list:
            raise TypeError
        parts = budget.listed(part)
        budget.scan(budget.weigh(parts))
        return method(value, tuple(parts), *ends)

    return call


def _splits(method: Method) -> Method:
    def call(budget: Budget, value: str, sep: str | None = None, maxsplit: int = -1) -> Any:
        budget.search(value, sep or "")
        pieces = len(value) // 2 if sep is None else value.count(sep)
        if maxsplit >= 0:
            pieces = min(pieces, maxsplit)
        budget.make(len(value) + (pieces + 1) * ELEMENT)
        if method is str.rsplit:
            budget.scan(len(value) * (len(sep or "") + 1))
        return method(value, sep, maxsplit)

    return call


def _splitlines(budget: Budget, value: str, keepends: bool = False) -> list[str]:
    budget.make(len(value) * (ELEMENT + 1))
    return value.splitlines(bool(keepends))


def _join(budget: Budget, value: str, parts: Any) -> str:
    texts = budget.listed(parts)
    if parts is None or not all(type(text) is str for text in texts):
        raise TypeError
    budget.make(sum(map(len, texts)) + len(value) * len(texts))
    return value.join(texts)


def _replace(budget: Budget, value: str, old: str, new: str, count: int = -1) -> str:
    budget.search(value, old)
    found = value.count(old)
    if count >= 0:
        found = min(found, count)
    budget.make(len(value) + found * len(new))
    return value.replace(old, new, count)


def _partition(budget: Budget, value: str, part: str) -> tuple[str, str, str]:
    budget.search(value, part)
    budget.make(len(value))
    return value.partition(part)


def _pads(method: Method) -> Method:
    def call(budget: Budget, value: str, width: int, *fill: str) -> Any:
        budget.make(max(width, len(value)))
        return method(value, width, *fill)

    return call


_TEXT: dict[str, Method] = {
    **{name: _reads(getattr(str, name)) for name in (
        "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric",
        "isprintable", "isspace", "istitle", "isupper",
    )},
    **{name: _makes(getattr(str, name), 3) for name in (
        "capitalize", "casefold", "lower", "swapcase", "title", "upper",
    )},
    **{name: _finds(getattr(str, name)) for name in ("count", "find", "index")},
    **{name: _finds_backwards(getattr(str, name)) for name in ("rfind", "rindex", "rpartition")},
    **{name: _makes(getattr(str, name)) for name in ("removeprefix", "removesuffix")},
    "partition": _partition,
    **{name: _strips(getattr(str, name)) for name in ("lstrip", "rstrip", "strip")},
    **{name: _ends(getattr(str, name)) for name in ("endswith", "startswith")},
    **{name: _splits(getattr(str, name)) for name in ("rsplit", "split")},
    **{name: _pads(getattr(str, name)) for name in ("center", "ljust", "rjust", "zfill")},
    "join": _join,
    "replace": _replace,
    "splitlines": _splitlines,
}  # fmt: skip


# -- collections -----------------------------------------------------------------------------------------------


def _searches(method: Method) -> Method:
    def call(budget: Budget, value: Any, element: Any, *ends: int) -> Any:
        budget.scan(budget.weigh(element) * len(value) * 4)
        return method(value, element, *ends)

    return call


def _listing(method: Method) -> Method:
    def call(budget: Budget, value: dict[Any, Any]) -> list[Any]:
        budget.make(len(value) * 2 * ELEMENT)
        return list(method(value))

    return call


def _combines(method: Method) -> Method:
    def call(budget: Budget, value: Any, other: Any) -> Any:
        if other is None:
            raise TypeError
        elements = make_set(budget, other)
        budget.make((len(value) + len(elements)) * ELEMENT)
        return method(value, elements)

    return call


def make_set(budget: Budget, values: Any) -> set[Any]:
    """Return the set of some values."""
    made: set[Any] = set()
    hashes: dict[int, int] = {}
    for value in budget.iterate(values):
        _charge_hash(budget, value, hashes)
        made.add(value)
    return made


def make_dict(budget: Budget, pairs: Any) -> dict[Any, Any]:
    """Return the dictionary of some pairs."""
    made: dict[Any, Any] = {}
    hashes: dict[int, int] = {}
    for key, value in budget.iterate(pairs):
        _charge_hash(budget, key, hashes)
        made[key] = value
    return made


def _charge_hash(budget: Budget, value: Any, hashes: dict[int, int]) -> None:
    """Count what it takes to put a value among others: multiples of 2**61 - 1 are each compared with all."""
    budget.make(2 * ELEMENT)
    budget.scan(budget.weigh(value))
    number = hash(value)
    same = hashes.get(number, 0)
    budget.work(1 + same)
    hashes[number] = same + 1


_LIST: dict[str, Method] = {"count": _searches(list.count), "index": _searches(list.index)}
_TUPLE: dict[str, Method] = {"count": _searches(tuple.count), "index": _searches(tuple.index)}
_SET_NAMES = ("difference", "intersection", "isdisjoint", "issubset", "issuperset", "union")
_SET: dict[str, Method] = {name: _combines(getattr(set, name)) for name in _SET_NAMES}
_FROZENSET: dict[str, Method] = {name: _combines(getattr(frozenset, name)) for name in _SET_NAMES}
_DICT: dict[str, Method] = {
    "get": lambda _budget, value, key, default=None: value.get(key, default),  # guards knows paths too
    **{name: _listing(getattr(dict, name)) for name in ("items", "keys", "values")},
}


# -- numbers and times -----------------------------------------------------------------------------------------


def _plain(method: Method) -> Method:
    return lambda _budget, value, *args: method(value, *args)


def _strftime(_budget: Budget, value: Any, form: Any) -> str:
    return str(value.strftime(check_format(form)))


def _isocalendar(_budget: Budget, value: Any) -> tuple[int, ...]:
    return tuple(value.isocalendar())


def _replaced(_budget: Budget, value: Any, **named: int) -> Any:
    if not set(named) <= {"year", "month", "day", "hour", "minute", "second", "microsecond"}:
        return None
    return value.replace(**named)


def _isoformat(_budget: Budget, value: Any, *args: str) -> str:
    return str(value.isoformat(*args))


_DATE: dict[str, Method] = {
    "isocalendar": _isocalendar,
    "isoformat": _isoformat,
    "isoweekday": _plain(date.isoweekday),
    "replace": _replaced,
    "strftime": _strftime,
    "weekday": _plain(date.weekday),
}
_DATETIME: dict[str, Method] = {
    **_DATE,
    "date": _plain(datetime.date),
    "time": _plain(datetime.time),
    "timestamp": _plain(lambda when: when.replace(tzinfo=UTC).timestamp()),
}

METHODS: dict[type, dict[str, Method]] = {
    str: _TEXT,
    list: _LIST,
    tuple: _TUPLE,
    set: _SET,
    frozenset: _FROZENSET,
    dict: _DICT,
    int: {"bit_length": _plain(int.bit_length), "is_integer": lambda _budget, _value: True},
    bool: {},
    float: {"is_integer": _plain(float.is_integer)},
    datetime: _DATETIME,
    date: _DATE,
    time: {"isoformat": _isoformat, "strftime": _strftime},
    timedelta: {"total_seconds": _plain(timedelta.total_seconds)},
}


# -- datetime.now() and its kin --------------------------------------------------------------------------------


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _from_timestamp(seconds: float) -> datetime:
    return naive(datetime.fromtimestamp(seconds, UTC))


def _check_length(text: str) -> None:
    if len(text) > TIME_TEXT_LIMIT:
        raise ValueError(f"a time of more than {TIME_TEXT_LIMIT} characters")


def _from_iso(text: str) -> datetime:
    _check_length(text)
    return naive(datetime.fromisoformat(text))


def _strptime(text: str, form: str) -> datetime:
    _check_length(text)
    try:
        return naive(datetime.strptime(text, check_format(form)))
    except re.error as error:  # Python makes a pattern of the format, and no directive may stand in it twice
        raise ValueError(f"{form!r} is no format to read a time with") from error


DATETIME_FUNCTIONS: dict[str, Method] = {
    "fromisoformat": _from_iso,
    "fromtimestamp": _from_timestamp,
    "now": _now,
    "strptime": _strptime,
    "today": _now,
    "utcfromtimestamp": _from_timestamp,
    "utcnow": _now,
}
