"""Curves: the points of many metrics as one binary reply, thinned out to what a picture shows."""

from __future__ import annotations

import time
from typing import Any

from numpy.typing import NDArray

from runstone_query.batch import Batch, Expression
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_query.report import QueryReportMode
from runstone_query.sequences import Metric
from runstone_writer.errors import UsageError

from .arguments import Arguments
from .axis import Axis, Points
from .facts import facts
from .smoothing import MOST, smoothed
from .table import summary
from .thinning import thinned
from .values import json_of, tagged

TYPE = "application/vnd.runstone.columns"
MOST_SEQUENCES = 2_000
MOST_POINTS = 10_000
MOST_NUMBERS = 8 * 1024 * 1024  # of one reply: 64 MiB


class Arrays:
    """Arrays of float64 that stand behind each other."""

    def __init__(self) -> None:
        self._arrays: list[NDArray[Any]] = []
        self._length = 0

    def add(self, array: NDArray[Any]) -> int:
        """Append an array; return its place. Raises UsageError if it is too much for one reply."""
        place = self._length
        self._length += len(array)
        if self._length > MOST_NUMBERS:
            raise UsageError(
                f"these curves have more than {MOST_NUMBERS:,} numbers",
                hint="Ask for fewer sequences (limit), or for fewer points of each (points).",
            )
        self._arrays.append(array.astype("<f8", copy=False))
        return place

    def under(self, header: dict[str, Any]) -> bytes:
        """Return the reply: the header, filled up so that the arrays are aligned to 8 bytes, and these."""
        text = json_of(header)
        text += b" " * (-(len(text) + 4) % 8)
        return b"".join([len(text).to_bytes(4, "little"), text, *(array.tobytes() for array in self._arrays)])


class Curve:
    """How each metric is shown: over which axis, by how many points, and how smooth."""

    def __init__(self, arguments: Arguments) -> None:
        self.axis = Axis(arguments.text("x", "step"), arguments.number("low"), arguments.number("high"))
        self._points = arguments.whole("points", 600, 2, MOST_POINTS)
        self._smooth = arguments.number("smooth", 0.0, MOST) or 0.0

    def of(self, metric: Metric, arrays: Arrays) -> dict[str, Any]:
        """Append the points of a metric to the arrays; return what the header says of them."""
        if not self._smooth:
            points, smooth = self.axis.points_inside(metric), None
        else:
            everything = self.axis.points(metric)
            points = self.axis.inside(everything)
            smooth = self._smoothed(everything.finite(), arrays)
        shown = points.take(thinned(*points, self._points))
        said = {"count": len(points.x), "exact": len(points.x) <= self._points}
        return {**said, **_placed(shown, arrays), "smoothed": smooth}

    def _smoothed(self, points: Points, arrays: Arrays) -> dict[str, Any]:
        averages = self.axis.inside(Points(points.x, smoothed(points.y, self._smooth)))
        return _placed(averages.take(thinned(*averages, self._points)), arrays)


def curves(repo: Repo, arguments: Arguments) -> Reply:
    """`GET curves`."""
    began = time.perf_counter()
    curve, arrays = Curve(arguments), Arrays()
    attributes = [Expression(repo, text) for text in arguments.texts("attribute")]
    result = repo.query_metrics(
        arguments.text("q"),
        QueryReportMode.DISABLED,
        limit=arguments.limit(500, MOST_SEQUENCES),
        offset=arguments.offset(),
    )
    items = list(result.iter_runs())
    shown = []
    for item, about in zip(items, about_runs(repo, items, attributes), strict=True):
        for metric in item:
            label = {**about, "name": metric.name, "context": tagged(metric.context.to_dict())}
            shown.append({**label, **curve.of(metric, arrays)})
    header = {**summary(repo, result, began), "x": curve.axis.name, "sequences": shown}
    return Reply({"type": TYPE}, arrays.under(header))


def about_runs(repo: Repo, items: list[Any], attributes: list[Expression]) -> list[dict[str, Any]]:
    """Return what the sequences of each run have in common: the run, and the values of expressions for it."""
    batch = Batch([item.run.record for item in items])
    known = facts(repo, batch, ("hash", "name", "experiment", "status"))
    columns = [[tagged(value) for value in expression.values(batch)] for expression in attributes]
    names = {"run": "hash", "run_name": "name", "experiment": "experiment", "status": "status"}
    return [
        {
            **{name: known[of][at] for name, of in names.items()},
            "attributes": [column[at] for column in columns],
        }
        for at in range(len(items))
    ]


def _placed(points: Points, arrays: Arrays) -> dict[str, Any]:
    return {"length": len(points.x), "x": arrays.add(points.x), "y": arrays.add(points.y)}
