"""A set of columns that becomes a frame: of pandas, polars or Arrow, whichever is asked for.

Columns are either given point by point, or as one value that is repeated for many rows; only the libraries repeat
it. A row that has no value in a column has None there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from runstone_writer.errors import UsageError

Backend = Literal["pandas", "polars", "arrow"]
Array = NDArray[Any]

_MODULES = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}
_EXACT = 2**53  # up to there a float64 has every integer
_INT64 = range(-(2**63), 2**63)
TIME = "time"  # the name of the column of times


class ColumnSet:
    """Gathers rows, and makes a frame of them."""

    def __init__(self, backend: str, points: Iterable[str] = ()) -> None:
        """Raises UsageError for an unknown backend, ImportError if its library is not installed."""
        if backend not in get_args(Backend):
            raise UsageError(
                f"unknown backend {backend!r}", hint=f"It is one of {', '.join(get_args(Backend))}."
            )
        self._backend = backend
        self._module = _imported(backend)
        self._points: dict[str, list[Any]] = {name: [] for name in points}
        self._repeated: dict[str, list[Any]] = {}
        self._counts: list[int] = []

    def add_rows(self, repeated: dict[str, Any], count: int, points: dict[str, Any] | None = None) -> None:
        """Add `count` rows: `repeated` is the same in each, `points` has a value for each."""
        if not count:
            return
        before = len(self._counts)
        for name, value in repeated.items():
            if name not in self._repeated:
                self._repeated[name] = [None] * before
            self._repeated[name].append(value)
        self._counts.append(count)
        for values in self._repeated.values():
            if len(values) == before:
                values.append(None)
        for name, column in (points or {}).items():
            self._points[name].append(column)

    def frame(self) -> Any:
        """Return all rows as a frame."""
        make = {"pandas": self._pandas, "polars": self._polars, "arrow": self._arrow}[self._backend]
        return make(np.repeat(np.arange(len(self._counts)), self._counts))

    # -- pandas ----------------------------------------------------------------------------------------

    def _pandas(self, rows: Array) -> Any:
        pandas = self._module
        columns: dict[str, Any] = {}
        for name, parts in self._points.items():
            values = _joined(parts)
            if name == TIME:
                values = [datetime.fromtimestamp(time) for time in values.tolist()]
            columns[name] = self._pandas_series(values)
        for name, values in self._repeated.items():
            columns[name] = self._pandas_series(values).take(rows).reset_index(drop=True)
        frame = pandas.DataFrame(dict(enumerate(columns.values())))
        try:
            frame.columns = pandas.Index(list(columns))
        except UnicodeEncodeError:
            frame.columns = pandas.Index(list(columns), dtype=object)
        return frame

    def _pandas_series(self, values: Any) -> Any:
        try:
            return self._module.Series(values, dtype=_dtype(values))
        except UnicodeEncodeError:
            # Half of a surrogate pair: texts of pandas cannot have it since Arrow holds them.
            return self._module.Series(values, dtype=object)

    # -- polars ----------------------------------------------------------------------------------------

    def _polars(self, rows: Array) -> Any:
        polars = self._module
        columns = []
        for name, parts in self._points.items():
            values = _joined(parts)
            if name == TIME:
                moments = polars.Series(name, _microseconds(values)).cast(polars.Datetime("us", "UTC"))
                columns.append(moments)
            else:
                columns.append(self._polars_series(name, values))
        columns += [self._polars_series(name, values).gather(rows) for name, values in self._repeated.items()]
        return polars.DataFrame(columns)

    def _polars_series(self, name: str, values: Any) -> Any:
        name = _text(name)
        if isinstance(values, np.ndarray):
            return self._module.Series(name, values)
        kind, values = _typed(values)
        return self._module.Series(name, values, dtype=_POLARS[kind](self._module))

    # -- Arrow -----------------------------------------------------------------------------------------

    def _arrow(self, rows: Array) -> Any:
        arrow = self._module
        columns = {}
        for name, parts in self._points.items():
            values = _joined(parts)
            if name == TIME:
                columns[name] = arrow.array(_microseconds(values)).cast(arrow.timestamp("us", "UTC"))
            else:
                columns[name] = _arrow_array(values)
        for name, values in self._repeated.items():
            columns[_text(name)] = _arrow_array(values).take(arrow.array(rows))
        return arrow.table(columns)


def arrow_table(columns: dict[str, list[Any]]) -> Any:
    """Return columns as a table of Arrow, each of one type (see `_typed`). Raises ImportError without pyarrow."""
    return _imported("arrow").table({_text(name): _arrow_array(values) for name, values in columns.items()})


def _arrow_array(values: Any) -> Any:
    arrow = _imported("arrow")
    if isinstance(values, np.ndarray):
        return arrow.array(values)
    kind, values = _typed(values)
    return arrow.array(values, type=_ARROW[kind](arrow))


_POLARS: dict[str, Any] = {
    "none": lambda polars: polars.Null,
    "bool": lambda polars: polars.Boolean,
    "int": lambda polars: polars.Int64,
    "float": lambda polars: polars.Float64,
    "text": lambda polars: polars.String,
}
_ARROW: dict[str, Any] = {
    "none": lambda arrow: arrow.null(),
    "bool": lambda arrow: arrow.bool_(),
    "int": lambda arrow: arrow.int64(),
    "float": lambda arrow: arrow.float64(),
    "text": lambda arrow: arrow.string(),
}


def _joined(parts: list[Any]) -> Any:
    """Return the points of all metrics as one array, or as a list if any of them are one."""
    if not parts:
        return np.zeros(0)
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return [value for part in parts for value in (part.tolist() if isinstance(part, np.ndarray) else part)]


def _microseconds(times: Array) -> Array:
    return np.round(times * 1e6).astype(np.int64)


def _dtype(values: Any) -> Any:
    """The type that pandas may not guess: integers that a float64 would change stay what they are."""
    if isinstance(values, np.ndarray):
        return None
    kinds = set(map(type, values))
    if not kinds <= {int, float, bool, str, type(None), datetime}:
        return object  # images, say: pandas must not look into them
    big = int in kinds and any(type(value) is int and not -_EXACT <= value <= _EXACT for value in values)
    return object if big and (kinds != {int} or any(value not in _INT64 for value in values)) else None


def _typed(values: list[Any]) -> tuple[str, list[Any]]:
    """Return the one type that a column of Arrow or polars has, and the values in it.

    Numbers are float64 if there is a float among them, and all can be that exactly. What does not go together
    becomes text: strings as they are, the rest as JSON.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return "none", values
    if kinds == {bool}:
        return "bool", values
    if kinds == {int} and all(value is None or value in _INT64 for value in values):
        return "int", values
    exact = all(-_EXACT <= value <= _EXACT for value in values if type(value) is int)
    if kinds <= {int, float} and float in kinds and exact:
        return "float", [None if value is None else float(value) for value in values]
    return "text", [None if value is None else _text(value) for value in values]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text.encode("utf-8", "backslashreplace").decode()


def _imported(backend: str) -> Any:
    name = _MODULES[backend]
    try:
        return import_module(name)
    except ImportError as error:
        asked = "dataframe()" if backend == "pandas" else f'dataframe(backend="{backend}")'
        raise ImportError(
            f"{asked} needs {name}, which is not installed\n"
            f"Install it with `pip install runstone[{backend}]`."
        ) from error
