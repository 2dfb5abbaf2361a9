"""pandas DataFrames of runs and metrics, with Aim's column names. pandas itself is loaded on first use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from runstone_indexer.chunk import FLOAT, OBJECT, take

if TYPE_CHECKING:
    import pandas as pd

    from .run import Run
    from .sequences import Sequence

PROPERTIES = (
    "name", "description", "archived", "creation_time", "end_time", "active", "experiment", "tags",
)  # fmt: skip
POINT_COLUMNS = ("idx", "step", "value", "epoch", "time")


def run_frame(runs: Iterable[Run], *, include_props: bool, include_params: bool) -> pd.DataFrame:
    """Return a frame with a row per run."""
    pandas = _pandas()
    rows = [run_row(run, include_props=include_props, include_params=include_params) for run in runs]
    return pandas.DataFrame([{name: _cell(value) for name, value in row.items()} for row in rows])


def metric_frame(
    metrics: Iterable[Sequence],
    *,
    name: bool,
    context: bool,
    run: bool,
    include_props: bool,
    include_params: bool,
    only_last: bool,
) -> pd.DataFrame:
    """Return a frame with a row per point of the metrics, one metric after the other."""
    pandas = _pandas()
    frames = []
    for metric in metrics:
        columns = _point_columns(pandas, metric, only_last)
        if run:
            row = run_row(metric.run, include_props=include_props, include_params=include_params)
            columns |= {f"run.{key}": _cell(value) for key, value in row.items()}
        if name:
            columns["metric.name"] = metric.name
        if context:
            flat = flat_params(metric.context.to_dict())
            columns |= {f"metric.context.{key}": _cell(value) for key, value in flat.items()}
        frames.append(pandas.DataFrame(columns))
    if not frames:
        return pandas.DataFrame(columns=list(POINT_COLUMNS))
    return pandas.concat(frames, ignore_index=True)


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


def _point_columns(pandas: ModuleType, sequence: Sequence, only_last: bool) -> dict[str, Any]:
    chunk = sequence.chunk
    places = np.arange(len(chunk.steps))
    if only_last:
        places = places[-1:]
        chunk = take(chunk, places)
    values: Any = chunk.values if chunk.kind == FLOAT else chunk.python_values()
    if chunk.kind == OBJECT and sequence._convert is not None:
        values = list(map(sequence._convert, values))
    if chunk.exact:  # objects, and integers that a float64 cannot hold: pandas must not try
        values = pandas.Series(values, dtype=object)
    return {
        "idx": places,
        "step": chunk.steps,
        "value": values,
        "epoch": np.full(len(places), np.nan) if chunk.epochs is None else chunk.epochs,
        "time": [datetime.fromtimestamp(time) for time in chunk.times.tolist()],
    }


def _cell(value: Any) -> Any:
    """Lists and dictionaries become JSON text, as in Aim: pandas cannot group or compare by them otherwise."""
    return json.dumps(value, default=repr) if isinstance(value, list | dict) else value


def _pandas() -> ModuleType:
    try:
        import pandas  # noqa: PLC0415 - only where a frame is asked for
    except ImportError as error:
        raise ImportError(
            "dataframe() needs pandas, which is not installed\nInstall it with `pip install runstone[pandas]`."
        ) from error
    module: ModuleType = pandas
    return module
