"""Sequences handed out by queries: `Metric` and the views on its points, with Aim's method names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.chunk import Chunk
from runstone_writer.state import Sequence as StoredSequence
from runstone_writer.values import decode

from .context import Context
from .record import Record
from .views import summary_value

if TYPE_CHECKING:
    import pandas as pd

    from .run import StoredRun

Array = NDArray[Any]


class ArrayView:
    """One column of a sequence by step: values, epochs or timestamps. Sorted by (step, writer, position)."""

    def __init__(self, sequence: Sequence, column: str) -> None:
        self._sequence = sequence
        self._column = column

    def values_list(self) -> list[Any]:
        """Return the values as they were tracked (ints are ints)."""
        chunk = self._sequence.chunk
        if self._column == "values":
            return chunk.python_values()
        values = self.values_numpy().tolist()
        return [None if value != value else value for value in values] if self._column == "epochs" else values

    def values_numpy(self) -> Array:
        """Return the values as float64: views of memory-mapped files where possible, so do not write to them."""
        chunk = self._sequence.chunk
        if self._column == "values":
            return chunk.values
        if self._column == "timestamps":
            return chunk.times
        return np.full(len(chunk.steps), np.nan) if chunk.epochs is None else chunk.epochs

    def indices_list(self) -> list[float]:
        """Return the steps."""
        steps: list[float] = self.indices_numpy().tolist()
        return steps

    def indices_numpy(self) -> Array:
        """Return the steps as int64 (float64 if any is fractional)."""
        return self._sequence.chunk.steps

    def sparse_list(self) -> tuple[list[float], list[Any]]:
        """Return (steps, values)."""
        return self.indices_list(), self.values_list()

    def sparse_numpy(self) -> tuple[Array, Array]:
        """Return (steps, values) as arrays: real steps, in order."""
        return self.indices_numpy(), self.values_numpy()

    def tolist(self) -> list[Any]:
        return self.values_list()

    def items(self) -> Iterator[tuple[float, Any]]:
        return iter(zip(self.indices_list(), self.values_list(), strict=True))

    keys = indices = indices_list

    def values(self) -> Iterator[Any]:
        return iter(self.values_list())

    def first(self) -> tuple[float, Any]:
        """Return (step, value) of the lowest step. Raises IndexError if there are no points."""
        return self.indices_list()[0], self.values_list()[0]

    def last(self) -> tuple[float, Any]:
        """Return (step, value) of the highest step. Raises IndexError if there are no points."""
        return self.indices_list()[-1], self.values_list()[-1]

    def first_idx(self) -> float:
        return self.first()[0]

    def last_idx(self) -> float:
        return self.last()[0]

    def first_value(self) -> Any:
        return self.first()[1]

    def last_value(self) -> Any:
        return self.last()[1]

    def __getitem__(self, step: Any) -> Any:
        """Return the value at a step (the last one tracked there), or an ArrayView's list for a range of steps."""
        steps = self.indices_numpy()
        if isinstance(step, slice):
            low = 0 if step.start is None else int(np.searchsorted(steps, step.start))
            high = len(steps) if step.stop is None else int(np.searchsorted(steps, step.stop))
            return self.values_list()[low : high : step.step or 1]
        at = int(np.searchsorted(steps, step, side="right")) - 1
        if at < 0 or steps[at] != step:
            raise KeyError(step)
        return self.values_list()[at]

    def __len__(self) -> int:
        return len(self._sequence.chunk.steps)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values_list())

    def __bool__(self) -> bool:
        return len(self) > 0


class SequenceData:
    """All columns of a sequence together."""

    def __init__(self, sequence: Sequence) -> None:
        self._sequence = sequence

    def numpy(self) -> tuple[Array, list[Array]]:
        """Return (steps, [values, epochs, timestamps])."""
        s = self._sequence
        return s.chunk.steps, [view.values_numpy() for view in (s.values, s.epochs, s.timestamps)]

    def items_list(self) -> tuple[list[float], list[list[Any]]]:
        """Return (steps, [values, epochs, timestamps]) as lists."""
        s = self._sequence
        return s.values.indices_list(), [view.values_list() for view in (s.values, s.epochs, s.timestamps)]

    def values_list(self) -> list[list[Any]]:
        return self.items_list()[1]

    def indices_list(self) -> list[float]:
        return self._sequence.values.indices_list()

    def __iter__(self) -> Iterator[tuple[float, tuple[Any, ...]]]:
        steps, columns = self.items_list()
        return iter(zip(steps, zip(*columns, strict=True), strict=True))

    items = __iter__

    def __len__(self) -> int:
        return len(self._sequence.chunk.steps)


class Sequence:
    """A sequence of one run: name, context, and its points, read when they are asked for."""

    def __init__(self, run: StoredRun, record: Record, stored: StoredSequence) -> None:
        self.run = run
        self._record = record
        self._stored = stored
        self._chunk: Chunk | None = None
        self._writers: list[str] = []
        self._by: Array | None = None

    @property
    def name(self) -> str:
        return self._stored.name

    @property
    def context(self) -> Context:
        return Context(decode(self._stored.context))

    @property
    def type(self) -> str:
        """What the sequence is made of: "number", "image", ..."""
        return self._stored.kind

    @property
    def chunk(self) -> Chunk:
        """The points, in order. Loaded on first use."""
        if self._chunk is None:
            self._chunk, self._writers, self._by = self._record.points(self._stored)
        return self._chunk

    @property
    def values(self) -> ArrayView:
        return ArrayView(self, "values")

    @property
    def epochs(self) -> ArrayView:
        return ArrayView(self, "epochs")

    @property
    def timestamps(self) -> ArrayView:
        """When each point was tracked: seconds since the epoch."""
        return ArrayView(self, "timestamps")

    @property
    def writers(self) -> list[str]:
        """The id of the writer of each point (several processes may write one sequence)."""
        count = len(self.chunk.steps)
        if self._by is None:
            return self._writers[:1] * count
        return [self._writers[by] for by in self._by.tolist()]

    @property
    def data(self) -> SequenceData:
        return SequenceData(self)

    def first_step(self) -> float | None:
        return _number(summary_value(self._stored, "first_step"))

    def last_step(self) -> float | None:
        return _number(summary_value(self._stored, "last_step"))

    def summary(self, name: str) -> Any:
        """Return a summary (first, last, min, max, mean, count, first_step, last_step), without loading points."""
        return summary_value(self._stored, name)

    def preload(self) -> None:
        """Load the points now."""
        _ = self.chunk

    def __len__(self) -> int:
        return int(summary_value(self._stored, "count") or 0)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {dict(self.context)!r} of run {self._record.hash}>"


class Metric(Sequence):
    """A sequence of numbers."""

    def dataframe(
        self,
        include_name: bool = False,
        include_context: bool = False,
        include_run: bool = False,
        only_last: bool = False,
    ) -> pd.DataFrame:
        """Return a pandas DataFrame with a row per point: idx, step, value, epoch, time. Needs pandas."""
        import pandas as pd  # noqa: PLC0415 - only where a frame is asked for

        steps, (values, epochs, times) = self.data.items_list()
        chosen = range(len(steps))[-1:] if only_last else range(len(steps))
        rows: list[dict[str, Any]] = []
        for i in chosen:
            row: dict[str, Any] = {"idx": i, "step": steps[i], "value": values[i], "epoch": epochs[i]}
            row["time"] = datetime.fromtimestamp(times[i])
            rows.append(row)
        frame = pd.DataFrame(rows, columns=["idx", "step", "value", "epoch", "time"])
        if include_run:
            frame["run.hash"] = self.run.hash
        if include_name:
            frame["metric.name"] = self.name
        if include_context:
            for key, value in self.context.items():
                frame[f"metric.context.{key}"] = [value] * len(frame)
        return frame


def _number(value: Any) -> float | None:
    number: float | None = value
    return number
