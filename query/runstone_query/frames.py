"""Data frames of runs and metrics, with Aim's column names: pandas, polars or Arrow, loaded on first use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from runstone_indexer.chunk import FLOAT, part_of

from .arrays import ArrayView
from .columnset import ColumnSet

if TYPE_CHECKING:
    from .columnset import Backend
    from .run import Run
    from .sequences import Sequence

PROPERTIES = (
    "name", "description", "archived", "creation_time", "end_time", "active", "experiment", "tags",
)  # fmt: skip


def run_frame(
    runs: Iterable[Run], *, include_props: bool, include_params: bool, backend: Backend = "pandas"
) -> Any:
    """Return a frame with a row per run."""
    columns = ColumnSet(backend)
    for run in runs:
        row = run_row(run, include_props=include_props, include_params=include_params)
        columns.add_rows({name: _cell(value) for name, value in row.items()}, 1)
    return columns.frame()


def metric_frame(
    metrics: Iterable[Sequence],
    *,
    name: bool,
    context: bool,
    run: bool,
    include_props: bool,
    include_params: bool,
    only_last: bool,
    backend: Backend = "pandas",
) -> Any:
    """Return a frame with a row per point of the metrics, one metric after the other."""
    columns = ColumnSet(backend, POINT_COLUMNS)
    rows: dict[str, dict[str, Any]] = {}
    for metric in metrics:
        row: dict[str, Any] = {}
        if run:
            found = rows.get(metric.run.hash)
            if found is None:
                found = run_row(metric.run, include_props=include_props, include_params=include_params)
                rows = {metric.run.hash: found}  # the metrics of a run come together
            row |= {f"run.{key}": _cell(value) for key, value in found.items()}
        if name:
            row["metric.name"] = metric.name
        if context:
            flat = flat_params(metric.context.to_dict())
            row |= {f"metric.context.{key}": _cell(value) for key, value in flat.items()}
        points = _points(metric, only_last)
        columns.add_rows(row, len(points["idx"]), points)
    return columns.frame()


def run_row(run: Run, *, include_props: bool = True, include_params: bool = True) -> dict[str, Any]:
    """Return a run as one flat row: its properties, then its parameters under dotted names.

    A parameter that is called like a property stands under ``params.<name>``.
    """
    row: dict[str, Any] = {"hash": run.hash}
    if include_props:
        row |= {name: getattr(run, name) for name in PROPERTIES}
    if include_params:
        reserved = {"hash", *PROPERTIES}
        for name, value in flat_params(run.plain_params()).items():
            row[f"params.{name}" if name in reserved else name] = value
    return row


def flat_params(params: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters under the names that `flat_name` gives them."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        name = flat_name(prefix, key)
        if isinstance(value, dict) and value:
            flat.update(flat_params(value, name))
        else:
            flat[name] = value
    return flat


def flat_name(prefix: str, key: Any) -> str:
    """Return the name of the parameter `key` below `prefix`: ``hparams.lr``, ``hparams['a.b']``, ``layers[0]``.

    No two parameters of a run have the same name.
    """
    if isinstance(key, str) and key and not set(key) & set(".["):
        return f"{prefix}.{key}" if prefix else key
    return f"{prefix}[{key!r}]"


POINT_COLUMNS = ("idx", "step", "value", "epoch", "time")


def _points(sequence: Sequence, only_last: bool) -> dict[str, Any]:
    chunk = sequence.chunk
    places = np.arange(len(chunk.steps))
    if only_last:
        places = places[-1:]
        chunk = part_of(chunk, len(chunk.steps) - len(places), len(chunk.steps))
    return {
        "idx": places,
        "step": chunk.steps,
        "value": chunk.values
        if chunk.kind == FLOAT
        else ArrayView(lambda: chunk, "values", sequence._convert).values_list(),
        "epoch": np.full(len(places), np.nan) if chunk.epochs is None else chunk.epochs,
        "time": chunk.times,
    }


def _cell(value: Any) -> Any:
    """Lists and dictionaries become JSON text, as in Aim: pandas cannot group or compare by them otherwise."""
    return json.dumps(value, default=repr) if isinstance(value, list | dict) else value
