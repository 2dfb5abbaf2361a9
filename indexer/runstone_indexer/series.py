"""Series files: the points of many sequences of many runs in one set of columns (docs/format/index.md).

A file holds a table of chunks, sorted by (run, sequence, writer), and behind it the points' columns.
Steps that advance evenly are kept as (first, stride) and cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from .chunk import FLOAT, OBJECT, Chunk, join
from .columns import Columns
from .labels import ranges

Array = NDArray[Any]

_FAR = 2**31  # no stride of any training; a limit that keeps sums within 64 bits
# Where a column of a chunk's points starts is given per chunk; NONE means that it has none.
NONE = -1
SHARED_STEPS = 1000  # points: longer sequences have steps of their own
_TABLE = (
    "run",
    "place",
    "writer",
    "start",
    "count",
    "kind",
    "first",
    "stride",
    "steps_at",
    "epochs_at",
    "ints_at",
)

COLUMNS = (
    "key",
    *_TABLE[2:],
    "values",
    "times",
    "steps",
    "epochs",
    "ints",
    "exact_at",
    "exact_end",
    "exact",
)

Address = tuple[int, int, int]  # run, place of the sequence in the run, place of the writer in the run


class SeriesBuffer:
    """Points on their way into a series file."""

    def __init__(self) -> None:
        self._chunks: dict[Address, list[Chunk]] = {}
        self.points = 0

    def add(self, address: Address, chunk: Chunk) -> None:
        """Append a chunk behind those that the same writer has added to the same sequence."""
        self._chunks.setdefault(address, []).append(chunk)
        self.points += len(chunk.steps)

    def columns(self) -> dict[str, Array]:
        """Return the columns of a series file with all that was added."""
        layout = _Layout()
        for address in sorted(self._chunks):
            layout.place(address, join(self._chunks[address]))
        return layout.columns()


class _Layout:
    """Lays chunks behind each other."""

    def __init__(self) -> None:
        self._table: list[tuple[int, ...]] = []
        self._values: list[Array] = []
        self._times: list[Array] = []
        self._steps: list[Array] = []
        self._epochs: list[Array] = []
        self._ints: list[Array] = []
        self._exact: list[bytes] = []
        self._exact_rows: list[tuple[int, int]] = []
        self._lengths = {"values": 0, "steps": 0, "epochs": 0, "ints": 0}

    def place(self, address: Address, chunk: Chunk) -> None:
        start, count = self._lengths["values"], len(chunk.steps)
        first, stride, steps_at = self._place_steps(chunk.steps)
        epochs_at = NONE if chunk.epochs is None else self._append("epochs", self._epochs, chunk.epochs)
        ints_at = NONE if chunk.ints is None else self._append("ints", self._ints, chunk.ints)
        self._table.append((*address, start, count, chunk.kind, first, stride, steps_at, epochs_at, ints_at))
        self._append("values", self._values, chunk.values)
        self._times.append(chunk.times)
        for position, value in chunk.exact.items():
            self._exact_rows.append((start + position, len(self._exact)))
            data = orjson.dumps(value) if not _is_big(value) else orjson.dumps({"$int": hex(value)})
            self._exact.append(data)

    def _place_steps(self, steps: Array) -> tuple[int, int, int]:
        if steps.dtype == np.int64:
            first, last = int(steps[0]), int(steps[-1])
            stride = int(steps[1]) - first if len(steps) > 1 else 0
            # Differences wrap around at the ends of int64, and so would sums: the last step tells.
            fits = last == first + stride * (len(steps) - 1) and -_FAR < stride < _FAR
            if fits and (len(steps) < 3 or bool((np.diff(steps) == stride).all())):
                return first, stride, NONE
            return 0, 0, self._append("steps", self._steps, steps)
        return 0, 1, self._append("steps", self._steps, steps.view(np.int64))

    def _append(self, name: str, into: list[Array], array: Array) -> int:
        at = self._lengths[name]
        into.append(array)
        self._lengths[name] = at + len(array)
        return at

    def columns(self) -> dict[str, Array]:
        table = np.array(self._table, dtype=np.int64).reshape(-1, len(_TABLE))
        columns = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(_TABLE)}
        rows = sorted(self._exact_rows)
        ends = np.cumsum([0] + [len(self._exact[i]) for _, i in rows])
        return {
            "key": (columns.pop("run") << 32) | columns.pop("place"),
            **columns,
            "values": _joined(self._values, np.float64),
            "times": _joined(self._times, np.float64),
            "steps": _joined(self._steps, np.int64),
            "epochs": _joined(self._epochs, np.float64),
            "ints": _joined(self._ints, np.uint8),
            "exact_at": np.array([position for position, _ in rows], dtype=np.int64),
            "exact_end": ends.astype(np.int64),
            "exact": np.frombuffer(b"".join(self._exact[i] for _, i in rows), np.uint8),
        }


_PLACES = ("writer", "start", "count", "kind", "first", "stride", "steps_at", "epochs_at", "ints_at")


class Found(NamedTuple):
    """A chunk and the place of its writer in the run."""

    writer: int
    chunk: Chunk


class SeriesFile:
    """A published series file."""

    def __init__(self, columns: Columns) -> None:
        """Take a file of columns. Raises ValueError if it is not one of this format."""
        columns.require(COLUMNS)
        self._columns = columns
        self.name: str = columns.entry["file"]
        self.points = columns.length("values")

    @property
    def key(self) -> Array:
        """Whose points each chunk has (`run << 32 | place`), ascending. Read when points are asked for."""
        return self._columns["key"]

    def find(self, run: int, place: int, low: float | None = None, high: float | None = None) -> list[Found]:
        """Return the chunks of a sequence, by writer.

        Where there are limits, what stands before the first and behind the last step that is at least `low` and
        below `high` is left out, unread; what stands between them may have other steps, too.
        """
        return [self._chunk(row, low, high) for row in self._rows(run, place)]

    def steps(self, run: int, place: int) -> list[tuple[int, Array]]:
        """Return (place of the writer, steps) of the chunks of a sequence, and read nothing else."""
        cells = map(self._cell, self._rows(run, place))
        return [(cell[0], self._steps(cell)) for cell in cells]

    def _rows(self, run: int, place: int) -> range:
        key = run << 32 | place
        keys = self.key
        return range(int(np.searchsorted(keys, key)), int(np.searchsorted(keys, key, side="right")))

    def find_many(self, keys: Array) -> Iterator[tuple[int, Found]]:
        """Yield the chunks of several sequences (`run << 32 | place`), each with the position of its key."""
        all_keys = self.key
        lows, highs = np.searchsorted(all_keys, keys), np.searchsorted(all_keys, keys, side="right")
        rows = ranges(lows, highs - lows)
        c = self._columns
        starts = c["start"][rows]
        ends = starts + c["count"][rows]
        points = (c.parts("values", starts, ends), c.parts("times", starts, ends))
        cells = zip(*(c[name][rows].tolist() for name in _PLACES), strict=True)
        whose = np.repeat(np.arange(len(keys)), highs - lows).tolist()
        for which, cell, values, times in zip(whose, cells, *points, strict=True):
            yield which, self._made(cell, values, times)

    def gather(self, rows: Array, buffer: SeriesBuffer) -> None:
        """Add some chunks to `buffer`."""
        keys = self.key
        for row in rows.tolist():
            key = int(keys[row])
            writer, chunk = self._chunk(row)
            buffer.add((key >> 32, key & 0xFFFFFFFF, writer), chunk)

    def _chunk(self, row: int, low: float | None = None, high: float | None = None) -> Found:
        cell = self._cell(row)
        if low is not None or high is not None:
            cell = _cut(cell, *_range_of(self._steps(cell), low, high))
        start, count = cell[1], cell[2]
        values, times = (self._columns.part(name, start, start + count) for name in ("values", "times"))
        return self._made(cell, values, times)

    def _cell(self, row: int) -> list[int]:
        return [int(self._columns[name][row]) for name in _PLACES]

    def _steps(self, cell: Sequence[int]) -> Array:
        _, _, count, _, first, stride, steps_at, _, _ = cell  # as _PLACES
        if steps_at != NONE:
            steps = self._columns.part("steps", steps_at, steps_at + count)
            return steps.view(np.float64) if stride == 1 else steps
        make = _shared_steps if count <= SHARED_STEPS else _even_steps
        return make(first, stride, count)

    def _made(self, cell: Sequence[int], values: Array, times: Array) -> Found:
        writer, start, count, kind, _, stride, steps_at, epochs_at, ints_at = cell  # as _PLACES
        c = self._columns
        chunk = Chunk(
            self._steps(cell),
            values,
            times,
            None if epochs_at == NONE else c.part("epochs", epochs_at, epochs_at + count),
            kind,
            None if ints_at == NONE else c.part("ints", ints_at, ints_at + count),
            {} if kind == FLOAT else self._exact(start, count, kind),
            ordered=steps_at == NONE and stride >= 0,
        )
        return Found(writer, chunk)

    def _exact(self, start: int, count: int, kind: int) -> dict[int, Any]:
        places = self._columns["exact_at"]
        low, high = (int(n) for n in np.searchsorted(places, (start, start + count)))
        if low == high:
            return {}
        ends = self._columns["exact_end"][low : high + 1].tolist()
        data = self._columns.part("exact", ends[0], ends[-1]).tobytes()
        found = {}
        for i, place in enumerate(places[low:high].tolist()):
            value = orjson.loads(data[ends[i] - ends[0] : ends[i + 1] - ends[0]])
            found[place - start] = _number(value) if kind != OBJECT else value
        return found


def _range_of(steps: Array, low: float | None, high: float | None) -> tuple[int, int]:
    """Return from where to where the points stand whose steps are at least `low` and below `high`."""
    inside = np.ones(len(steps), bool)
    if low is not None:
        inside &= steps >= low
    if high is not None:
        inside &= steps < high
    places = np.flatnonzero(inside)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def _cut(cell: Sequence[int], low: int, high: int) -> list[int]:
    """Return where the points of a chunk from position `low` to `high` stand."""
    writer, start, _, kind, first, stride, *places = cell  # as _PLACES
    if places[0] == NONE:
        first += low * stride
    moved = [place if place == NONE else place + low for place in places]
    return [writer, start + low, high - low, kind, first, stride, *moved]


def _even_steps(first: int, stride: int, count: int) -> Array:
    """Return steps that advance evenly."""
    steps = np.full(count, first, np.int64)
    if stride:
        steps += np.arange(0, stride * count, stride, dtype=np.int64)
    steps.flags.writeable = False  # like those that are mapped
    return steps


_shared_steps = lru_cache(maxsize=1024)(_even_steps)  # thousands of short sequences have the same steps


def _is_big(value: Any) -> bool:
    return type(value) is int and not -(2**63) <= value < 2**64


def _number(value: Any) -> Any:
    return int(value["$int"], 16) if isinstance(value, dict) else value


def _joined(arrays: list[Array], dtype: Any) -> Array:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.zeros(0, dtype)
