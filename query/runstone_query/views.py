"""What `run`, `metric` and their kin are inside a query: read-only windows on plain values.

A view hands out only numbers, strings, None, lists, dictionaries and other views. No attribute of it leads
to a Run, a Repo, a file or a module.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runstone_writer.state import Sequence
from runstone_writer.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import Record

SUMMARIES = ("first", "last", "min", "max", "mean", "count", "first_step", "last_step")


class View:
    """The way in for `guards`: everything that an expression can do to a view."""

    __slots__ = ()

    def attribute(self, name: str) -> Any:
        return None

    def item(self, key: Any) -> Any:
        return None

    def call(self, name: str, *args: Any) -> Any:
        if name == "get":
            found = self.item(args[0]) if args else None
            return found if found is not None or len(args) < 2 else args[1]
        return None

    def elements(self) -> list[Any]:
        return []


class RunView(View):
    """`run`: its properties by name, everything else (and everything in brackets) is a parameter."""

    __slots__ = ("_metrics", "_record")

    def __init__(self, record: Record) -> None:
        self._record = record

    def attribute(self, name: str) -> Any:
        getter = PROPERTIES.get(name)
        if getter is not None:
            return getter(self._record)
        return self._record.params.get(name)

    def item(self, key: Any) -> Any:
        params: Any = self._record.params
        for part in key if type(key) is tuple else (key,):
            try:
                params = params[part]
            except (KeyError, IndexError, TypeError):
                return None
        return params

    def __repr__(self) -> str:
        return f"<run {self._record.hash}>"


def _when(time_us: int | None) -> datetime | None:
    return None if time_us is None else datetime.fromtimestamp(time_us / 1e6, UTC).replace(tzinfo=None)


def _seconds(time_us: int | None) -> float | None:
    return None if time_us is None else time_us / 1e6


def _duration(record: Record) -> float:
    ended = record.state.ended
    return (time.time() if ended is None else ended / 1e6) - record.state.created / 1e6


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


class MetricsView(View):
    """`run.metrics[name]`, `run.metrics[name, {context}]`: the summaries of a sequence of the run."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def item(self, key: Any) -> Any:
        name, context = key if type(key) is tuple and len(key) == 2 else (key, {})
        if not isinstance(name, str) or not isinstance(context, dict):
            return None
        sequence = self._record.state.find(name, encode(context))
        return None if sequence is None else SequenceView(self._record, sequence, None)

    def elements(self) -> list[Any]:
        return sorted({sequence.name for sequence in self._record.state.sequences})


class SequenceView(View):
    """`metric`, `images`, ...: name, context, run and the summaries."""

    __slots__ = ("_record", "_run", "_sequence")

    def __init__(self, record: Record, sequence: Sequence, run: RunView | None) -> None:
        self._record = record
        self._sequence = sequence
        self._run = run

    def attribute(self, name: str) -> Any:
        if name == "name":
            return self._sequence.name
        if name == "context":
            return decode(self._sequence.context)
        if name == "run":
            return self._run
        if name in SUMMARIES and self._sequence.summary is not None:
            return summary_value(self._sequence, name)
        return None

    def item(self, key: Any) -> Any:
        return self.attribute(key) if isinstance(key, str) else None

    def __repr__(self) -> str:
        return f"<sequence {self._sequence.name}>"


def summary_value(sequence: Any, name: str) -> Any:
    """Return one of SUMMARIES; None if the sequence has no such value (an image has no minimum)."""
    summary = sequence.summary
    if summary is None:
        return None
    if name == "count":
        return summary.count
    if name in ("first_step", "last_step"):
        end = summary.first if name == "first_step" else summary.last
        return None if end is None else end[0]
    if sequence.kind != "number":
        return None
    if name in ("first", "last"):
        end = summary.first if name == "first" else summary.last
        return None if end is None else end[2]
    return summary.mean() if name == "mean" else summary.low if name == "min" else summary.high
