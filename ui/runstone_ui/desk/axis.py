"""An axis: what the points of a metric stand over. Steps, epochs, times, or another metric."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstone_indexer.chunk import Chunk
from runstone_query.sequences import Metric
from runstone_writer.errors import UsageError

Array = NDArray[Any]

NAMES = ("step", "epoch", "time", "relative")
METRIC = "metric:"


class Axis:
    """The axis of that name, from `low` to `high` (None: no limit), both included. Raises UsageError."""

    def __init__(self, name: str, low: float | None, high: float | None) -> None:
        if name not in NAMES and not (name.startswith(METRIC) and name != METRIC):
            raise UsageError(
                f"x is not {name!r:.80}",
                hint=f"It is one of {', '.join(NAMES)}, or {METRIC} and the name of one.",
            )
        self.name = name
        self.low = low
        self.high = high

    def points(self, metric: Metric) -> Points:
        """Return all points that have a place on the axis, in the order of their steps."""
        return self._placed(metric, metric.chunk)

    def points_inside(self, metric: Metric) -> Points:
        """Return the points within the limits; where steps are limited, no others are read."""
        if self.name != "step":
            return self.inside(self.points(metric))
        behind = None if self.high is None else float(np.nextafter(self.high, np.inf))
        return self._placed(metric, metric.between(self.low, behind))

    def inside(self, points: Points) -> Points:
        """Return those of the points that are within the limits."""
        if self.low is None and self.high is None:
            return points
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        kept = (points.x >= low) & (points.x <= high)
        return Points(points.x[kept], points.y[kept])

    def _placed(self, metric: Metric, chunk: Chunk) -> Points:
        if self.name == "step":
            return Points(chunk.steps.astype(np.float64), chunk.values)
        if self.name == "epoch":
            return Points(
                np.full(len(chunk.steps), np.nan) if chunk.epochs is None else chunk.epochs, chunk.values
            )
        if self.name == "time":
            return Points(chunk.times, chunk.values)
        if self.name == "relative":
            return Points(chunk.times - metric.run.creation_time, chunk.values)
        return _over(chunk, metric.sibling(self.name.removeprefix(METRIC)))


class Points(NamedTuple):
    """Places on the axis, and values."""

    x: Array
    y: Array

    def take(self, places: Array) -> Points:
        """Return some of the points."""
        return Points(self.x[places], self.y[places])

    def finite(self) -> Points:
        """Return the points that can be drawn."""
        return self.take(np.flatnonzero(np.isfinite(self.x) & np.isfinite(self.y)))


def _over(chunk: Chunk, other: Metric | None) -> Points:
    """Return the values of one metric over those that the other has at the same steps (the last one at each)."""
    if other is None or not len(other.chunk.steps):
        return Points(np.zeros(0), np.zeros(0))
    at = np.searchsorted(other.chunk.steps, chunk.steps, side="right") - 1
    both = (at >= 0) & (other.chunk.steps[at] == chunk.steps)
    return Points(other.chunk.values[at[both]], chunk.values[both])
