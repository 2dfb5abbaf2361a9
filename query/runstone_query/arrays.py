"""The points of a sequence as columns, with Aim's method names: `ArrayView` and `SequenceData`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.chunk import OBJECT, Chunk, part_of, take
from runstone_indexer.chunk import between as chunk_between
from runstone_writer.errors import UsageError, ValueTypeError

Array = NDArray[Any]
Column = Literal["values", "epochs", "timestamps"]
Load = Callable[[], Chunk]
Convert = Callable[[Any], Any]  # makes an object of a value that is no number
Between = Callable[[float | None, float | None], Chunk]  # points from a step up to, not including, another


class ArrayView:
    """One column of a sequence by step: values, epochs or timestamps. Sorted by (step, writer, position)."""

    def __init__(
        self,
        load: Load,
        column: Column,
        convert: Convert | None = None,
        between: Between | None = None,
    ) -> None:
        self._load = load  # called again each time: the sequence keeps the points, a view does not
        self._column = column
        self._convert = convert
        self._between = between or (lambda low, high: chunk_between(load(), low, high))

    def values_list(self) -> list[Any]:
        """Return the values as they were tracked (ints are ints, an epoch that was not given is None)."""
        chunk = self._load()
        if self._column == "values":
            found = chunk.python_values()
            return found if self._convert is None else list(map(self._convert, found))
        values = self.values_numpy().tolist()
        return [None if value != value else value for value in values] if self._column == "epochs" else values

    def values_numpy(self) -> Array:
        """Return the values as float64: views of memory-mapped files where possible, so do not write to them.

        Values that are no numbers are in an array of objects.
        """
        chunk = self._load()
        if self._column == "values":
            return _objects(self.values_list()) if chunk.kind == OBJECT else chunk.values
        if self._column == "timestamps":
            return chunk.times
        return np.full(len(chunk.steps), np.nan) if chunk.epochs is None else chunk.epochs

    def indices_list(self) -> list[float]:
        """Return the steps."""
        steps: list[float] = self.indices_numpy().tolist()
        return steps

    def indices_numpy(self) -> Array:
        """Return the steps as int64 (float64 if any is fractional)."""
        return self._load().steps

    def sparse_list(self) -> tuple[list[float], list[Any]]:
        """Return (steps, values)."""
        return self.indices_list(), self.values_list()

    def sparse_numpy(self) -> tuple[Array, Array]:
        """Return (steps, values) as arrays: real steps, in order."""
        return self.indices_numpy(), self.values_numpy()

    def tolist(self) -> list[Any]:
        """Return the values, as `values_list` does."""
        return self.values_list()

    def items(self) -> Iterator[tuple[float, Any]]:
        """Yield (step, value) of each point."""
        return iter(zip(self.indices_list(), self.values_list(), strict=True))

    keys = indices = indices_list

    def values(self) -> Iterator[Any]:
        """Yield the value of each point."""
        return iter(self.values_list())

    def first(self) -> tuple[float, Any]:
        """Return (step, value) of the lowest step. Raises IndexError if there are no points."""
        return self.first_idx(), self.first_value()

    def last(self) -> tuple[float, Any]:
        """Return (step, value) of the highest step. Raises IndexError if there are no points."""
        return self.last_idx(), self.last_value()

    def first_idx(self) -> float:
        """Return the lowest step. Raises IndexError if there are no points."""
        return self._step_at(0)

    def last_idx(self) -> float:
        """Return the highest step. Raises IndexError if there are no points."""
        return self._step_at(-1)

    def first_value(self) -> Any:
        """Return the value at the lowest step. Raises IndexError if there are no points."""
        return self._values_at(0)[0]

    def last_value(self) -> Any:
        """Return the value at the highest step. Raises IndexError if there are no points."""
        return self._values_at(-1)[0]

    def __getitem__(self, step: Any) -> Any:
        """Return the value at a step (the last one tracked there), or a list of those in a range of steps.

        A slice goes by steps as well: ``values[10:20]`` has the points of the steps 10 to 19, and reads no others
        (``values[10:20:2]`` has every second point of these). Raises KeyError if nothing was tracked at that step.
        """
        if isinstance(step, slice):
            part = self._between(step.start, step.stop)
            if step.step is not None:
                part = take(part, np.arange(len(part.steps))[:: step.step])
            return ArrayView(lambda: part, self._column, self._convert).values_list()
        steps = self.indices_numpy()
        if not isinstance(step, int | float | np.number):
            raise KeyError(step)
        at = int(np.searchsorted(steps, step, side="right")) - 1
        if at < 0 or steps[at] != step:
            raise KeyError(step)
        return self._values_at(at)[0]

    def __len__(self) -> int:
        return len(self._load().steps)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values_list())

    def __bool__(self) -> bool:
        return len(self) > 0

    def _step_at(self, place: int) -> float:
        step: float = self.indices_numpy()[place].item()
        return step

    def _values_at(self, place: int) -> list[Any]:
        """Convert only the point asked for: a sequence may have millions."""
        chunk = self._load()
        place = range(len(chunk.steps))[place]
        part = part_of(chunk, place, place + 1)
        return ArrayView(lambda: part, self._column, self._convert).values_list()


COLUMNS: tuple[Column, ...] = ("values", "epochs", "timestamps")
_AIM_NAMES = {"val": "values", "epoch": "epochs", "time": "timestamps"}


class SequenceData:
    """Several columns of a sequence together: values, epochs and timestamps, or those that `view` chose."""

    def __init__(
        self,
        load: Load,
        convert: Convert | None = None,
        between: Between | None = None,
        columns: tuple[Column, ...] = COLUMNS,
    ) -> None:
        self._load = load
        self._convert = convert
        self._between = between or (lambda low, high: chunk_between(load(), low, high))
        self._names = columns
        self._columns = [ArrayView(load, column, convert) for column in columns]

    def view(self, columns: str | tuple[str, ...] | list[str]) -> SequenceData:
        """Return the same points with these columns alone: "values", "epochs", "timestamps".

        Aim's names (val, epoch, time) mean the same. Raises UsageError for another one.
        """
        wanted = [columns] if isinstance(columns, str) else list(columns)
        names = [_AIM_NAMES.get(name, name) for name in wanted]
        if not names:
            raise UsageError("a view has one column or more", hint=f"The columns are {', '.join(COLUMNS)}.")
        for name in names:
            if name not in COLUMNS:
                raise UsageError(f"no column {name!r}", hint=f"The columns are {', '.join(COLUMNS)}.")
        return SequenceData(
            self._load, self._convert, self._between, tuple(name for name in COLUMNS if name in names)
        )

    def range(self, start: float | None = None, stop: float | None = None) -> SequenceData:
        """Return the points with steps from `start` up to, but not including, `stop`; None is no limit.

        Only these are read, and as arrays they are views of memory-mapped files where possible.
        """
        part = self._between(start, stop)
        return SequenceData(lambda: part, self._convert, None, self._names)

    def sample(self, k: int) -> SequenceData:
        """Return `k` points (all, if there are fewer), evenly spread from the first to the last.

        They are points that were tracked, in order; the last one is always among them. Raises UsageError for a
        negative number, ValueTypeError for what is no whole number.
        """
        if not hasattr(k, "__index__"):
            raise ValueTypeError(f"the size of a sample is a whole number, not {k!r}")
        if k < 0:
            raise UsageError(f"a sample has 0 points or more, not {k}")
        chunk = self._load()
        count = len(chunk.steps)
        if k >= count:
            return SequenceData(lambda: chunk, self._convert, None, self._names)
        places = np.arange(k) * (count - 1) // (k - 1) if k > 1 else np.arange(count - k, count)[:k]
        part = take(chunk, places)
        return SequenceData(lambda: part, self._convert, None, self._names)

    def numpy(self) -> tuple[Array, list[Array]]:
        """Return (steps, [values, epochs, timestamps]) as arrays."""
        return self._load().steps, [column.values_numpy() for column in self._columns]

    def items_list(self) -> tuple[list[float], list[list[Any]]]:
        """Return (steps, [values, epochs, timestamps]) as lists."""
        return self.indices_list(), self.values_list()

    def values_list(self) -> list[list[Any]]:
        """Return [values, epochs, timestamps] as lists."""
        return [column.values_list() for column in self._columns]

    def indices_list(self) -> list[float]:
        """Return the steps."""
        steps: list[float] = self._load().steps.tolist()
        return steps

    def values(self) -> Iterator[tuple[Any, ...]]:
        """Yield (value, epoch, timestamp) of each point."""
        return zip(*self.values_list(), strict=True)

    def indices(self) -> Iterator[float]:
        """Yield the step of each point."""
        return iter(self.indices_list())

    def items(self) -> Iterator[tuple[float, tuple[Any, ...]]]:
        """Yield (step, (value, epoch, timestamp)) of each point."""
        steps, columns = self.items_list()
        return iter(zip(steps, zip(*columns, strict=True), strict=True))

    def __iter__(self) -> Iterator[tuple[float, tuple[Any, ...]]]:
        return self.items()

    def __len__(self) -> int:
        return len(self._load().steps)


def _objects(values: list[Any]) -> Array:
    """Return an array of objects; a list among them stays one."""
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array
