"""What `run`, `metric` and their kin are inside a query: read-only windows on plain values.

A view hands out only numbers, strings, None, lists, dictionaries, times and other views. No attribute of it
leads to a Run, a Repo, a file or a module.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runstone_indexer.words import folded
from runstone_writer.state import Sequence, sequence_identity
from runstone_writer.values import decode, encode

if TYPE_CHECKING:
    from .record import Record
    from .reference import Reference

SUMMARIES = ("first", "last", "min", "max", "mean", "count", "first_step", "last_step")
SEQUENCE_PROPERTIES = ("name", "context", "run", *SUMMARIES)


class View:
    """The way in for `guards`: everything that an expression can do to a view."""

    __slots__ = ()

    def attribute(self, name: str) -> Any:
        """`view.name`."""
        return None

    def item(self, key: Any) -> Any:
        """`view[key]`; a tuple is a path."""
        return None

    def call(self, name: str, *args: Any) -> Any:
        """`view.name(...)`: only `get` is there."""
        if name != "get" or not 1 <= len(args) <= 2:
            return None
        found = self.item(args[0])
        if found is not None or len(args) < 2:
            return found
        return None if self.contains(args[0]) else args[1]

    def contains(self, key: Any) -> bool:
        """`key in view`."""
        return False

    def elements(self) -> list[Any]:
        """`for x in view`."""
        return []

    def length(self) -> int:
        """`len(view)`."""
        raise TypeError(f"{self!r} has no length")


def follow(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at `path` in nested dictionaries and lists; None if nothing does."""
    for part in path:
        if type(part) is slice:
            return None
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


class RunView(View):
    """`run`: its properties by name, everything else (and everything in brackets) is a parameter."""

    __slots__ = ("_at", "_columns", "_params", "_record", "_text")

    def __init__(self, record: Record, columns: list[list[Any]] | None = None, at: int = 0) -> None:
        """Take what has been loaded of several runs: a list for each of the query's fields, and which run it is."""
        self._record = record
        self._params: dict[Any, Any] | None = None
        self._columns = columns
        self._at = at
        self._text: str | None = None

    @property
    def params(self) -> dict[Any, Any]:
        if self._params is None:
            self._params = self._record.params
        return self._params

    @property
    def text(self) -> str:
        """What `search` looks through, a line each, in the form in which words are compared."""
        if self._text is None:
            self._text = "\n".join(map(folded, self._record.texts()))
        return self._text

    def attribute(self, name: str) -> Any:
        getter = PROPERTIES.get(name)
        return self.params.get(name) if getter is None else getter(self._record)

    def item(self, key: Any) -> Any:
        return follow(self.params, key if type(key) is tuple else (key,))

    def contains(self, key: Any) -> bool:
        path = key if type(key) is tuple else (key,)
        inside = follow(self.params, path[:-1])
        try:
            return bool(path) and isinstance(inside, dict) and path[-1] in inside
        except TypeError:
            return False

    def elements(self) -> list[Any]:
        return list(self.params)

    def length(self) -> int:
        return len(self.params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunView) and self._record.hash == other._record.hash

    def __hash__(self) -> int:
        return hash(self._record.hash)

    def __repr__(self) -> str:
        return f"<run {self._record.hash}>"


Reader = Callable[[RunView], Any]


IN_STATE: Any = object()  # in place of a value that the columns do not hold in full


def reader(first: Any, rest: tuple[Any, ...]) -> Reader:
    """Return what reads one parameter of a run: the same as brackets, without the steps in between."""
    if not rest:

        def read_one(view: RunView) -> Any:
            params = view._params
            return (view.params if params is None else params).get(first)

        return read_one
    second, below = rest[0], rest[1:]

    def read(view: RunView) -> Any:
        params = view._params
        value = (view.params if params is None else params).get(first)
        if type(value) is dict:
            value = value.get(second)
            return follow(value, below) if below else value
        return follow(value, rest)

    return read


def loaded(slot: int, read: Reader) -> Reader:
    """Return what takes a field from what has been loaded of many runs, and what `read` gives otherwise."""

    def take(view: RunView) -> Any:
        columns = view._columns
        if columns is not None:
            value = columns[slot][view._at]
            if value is not IN_STATE:
                return value
        return read(view)

    return take


def _when(time_us: int | None) -> datetime | None:
    return None if time_us is None else datetime.fromtimestamp(time_us / 1e6, UTC).replace(tzinfo=None)


def _seconds(time_us: int | None) -> float | None:
    return None if time_us is None else time_us / 1e6


def _duration(record: Record) -> float:
    ended = record.state.ended
    now = time.time() if record.moment is None else record.moment.seconds
    return max((now if ended is None else ended / 1e6) - record.state.created / 1e6, 0.0)  # clocks differ


PROPERTIES: dict[str, Callable[[Record], Any]] = {
    "hash": lambda record: record.hash,
    "name": lambda record: record.state.name,
    "experiment": lambda record: record.state.experiment,
    "description": lambda record: record.state.prop("description"),
    "tags": lambda record: record.state.tags,
    "archived": lambda record: record.state.archived,
    "active": lambda record: record.state.ended is None,
    "creation_time": lambda record: record.state.created / 1e6,
    "end_time": lambda record: _seconds(record.state.ended),
    "created_at": lambda record: _when(record.state.created),
    "finalized_at": lambda record: _when(record.state.ended),
    "duration": _duration,
    "metrics": lambda record: MetricsView(record),  # noqa: PLW0108 - defined below
}


SHORT = 60  # characters


def is_short(context: dict[Any, Any]) -> bool:
    """Whether a context has a few short keys and values, as nearly all have."""
    for key, value in context.items():
        if type(key) is not str or len(key) > SHORT:
            return False
        kind = type(value)
        if (kind is str and len(value) > SHORT) or (kind is int and value.bit_length() > SHORT):
            return False
        if kind not in (str, int, float, bool, type(None)):
            return False
    return len(context) <= 8


class MetricsView(View):
    """`run.metrics[name]`, `run.metrics[name, {context}]`: a sequence of the run."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def attribute(self, name: str) -> Any:
        return self.item(name)

    def item(self, key: Any) -> Any:
        name, context = key if type(key) is tuple and len(key) == 2 else (key, {})
        if not isinstance(name, str) or type(context) is not dict:
            return None
        state = self._record.state
        if len(name) <= SHORT and is_short(context):
            sequence = state.find(name, encode(context))
        else:  # what find() looks for it remembers, and nobody may fill the memory with long names
            same = [s for s in state.sequences if s.name == name and decode(s.context) == context]
            sequence = min(same, key=lambda s: (s.kind != "number", s.kind), default=None)
        return None if sequence is None else SequenceView(self._record, sequence, None)

    def contains(self, key: Any) -> bool:
        return key in self.elements() if isinstance(key, str) else self.item(key) is not None

    def elements(self) -> list[Any]:
        return sorted({sequence.name for sequence in self._record.state.sequences})

    def length(self) -> int:
        return len(self.elements())

    def __repr__(self) -> str:
        return f"<metrics of run {self._record.hash}>"


class SequenceView(View):
    """`metric`, `images`, ...: name, context, run and the summaries."""

    __slots__ = ("_context", "_record", "_run", "_sequence")

    def __init__(self, record: Record, sequence: Sequence | Reference, run: RunView | None) -> None:
        self._record = record
        self._sequence = sequence
        self._run = run
        self._context: dict[str, Any] | None = None

    def attribute(self, name: str) -> Any:
        if name == "name":
            return self._sequence.name
        if name == "context":
            if self._context is None:
                self._context = decode(self._sequence.context)
            return self._context
        if name == "run":
            return RunView(self._record) if self._run is None else self._run
        return summary_value(self._sequence, name) if name in SUMMARIES else None

    def item(self, key: Any) -> Any:
        path = key if type(key) is tuple else (key,)
        if not path or not isinstance(path[0], str):
            return None
        first = self.attribute(path[0])
        if isinstance(first, View):
            return first.item(path[1:]) if path[1:] else first
        return follow(first, path[1:])

    def contains(self, key: Any) -> bool:
        return self.item(key) is not None

    def _identity(self) -> tuple[str, ...]:
        sequence = self._sequence
        return self._record.hash, *sequence_identity(sequence.name, sequence.context), sequence.kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SequenceView) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"<sequence {self._sequence.name}>"


def summary_value(sequence: Any, name: str) -> Any:
    """Return one of SUMMARIES; None if the sequence has no such value (an image has no minimum)."""
    by_column = getattr(sequence, "summary_value", None)
    if by_column is not None:
        return by_column(name)
    return value_in(sequence.summary, sequence.kind, name)


def value_in(summary: Any, kind: str, name: str) -> Any:
    """Return one of SUMMARIES of a sequence of some kind."""
    if summary is None:
        return None
    if name == "count":
        return summary.count
    if name in ("first_step", "last_step"):
        end = summary.first if name == "first_step" else summary.last
        return None if end is None else end[0]
    if kind != "number":
        return None
    if name in ("first", "last"):
        end = summary.first if name == "first" else summary.last
        return None if end is None else end[2]
    return summary.mean() if name == "mean" else summary.low if name == "min" else summary.high
