"""`runstone query`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from runstone_query.repo import Repo
from runstone_query.results import Explanation, Result, flat_params

from .options import json_option, repo_of, repo_option
from .output import console, plain, print_csv, print_json, print_table, show_time

RUN_COLUMNS = ("hash", "name", "experiment", "created", "tags")
METRIC_COLUMNS = ("run", "name", "context", "count", "last_step", "last", "min", "max")
PARAMS_SHOWN = 6  # in a table without --columns; --json and --csv have them all


@click.command()
@click.argument("expression", default="")
@repo_option
@click.option("--metrics", is_flag=True, help="Ask for metrics; `metric` stands for each.")
@click.option(
    "--columns", help="What to show of a run, by commas: properties and parameters such as hparams.lr."
)
@click.option("--limit", type=click.IntRange(0), help="Show at most so many.")
@click.option("--explain", is_flag=True, help="Also say how the answer was found.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def query(
    expression: str,
    repo: str | None,
    metrics: bool,
    columns: str | None,
    limit: int | None,
    explain: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show the runs (or metrics) for which an AimQL EXPRESSION holds, newest first.

    \b
    Examples:
      runstone query "run.hparams.learning_rate > 0.0001 and run.hparams.batch_size > 32"
      runstone query --metrics 'metric.name == "loss" and run.hparams.lr > 0.01' --csv
    """
    opened: Repo = repo_of(repo)
    result: Result
    if metrics:
        result = opened.query_metrics(expression)
        found, names = _metric_rows(result, limit), list(METRIC_COLUMNS)
    else:
        result = opened.query_runs(expression)
        found = _run_rows(result, limit)
        every = as_json or as_csv
        names = columns.split(",") if columns else _columns(found, None if every else PARAMS_SHOWN)
    if as_json:
        for row in found:
            print_json(row if not columns else {name: row.get(name) for name in names})
        if explain:
            print_json({"explain": _explained(result.explain())})
    elif as_csv:
        print_csv(names, ([row.get(name) for name in names] for row in found))
    else:
        print_table(names, ([_cell(row, name) for name in names] for row in found), right=METRIC_COLUMNS[3:])
        _foot(result, len(found), "metrics" if metrics else "runs")
        if explain:
            _print_explanation(result.explain())
    if result.skipped and (as_json or as_csv):
        click.echo(_skipped(result), err=True)


def _run_rows(result: Any, limit: int | None) -> list[dict[str, Any]]:
    rows = []
    for run in result.runs()[:limit]:
        row = {"hash": run.hash, "name": run.name, "experiment": run.experiment, "created": run.creation_time}
        row |= {"tags": run.tags, "end": run.end_time, "archived": run.archived}
        rows.append(row | flat_params({k: v for k, v in run[...].items() if not str(k).startswith("__")}))
    return rows


def _metric_rows(result: Any, limit: int | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for metric in result:
        if limit is not None and len(rows) >= limit:
            break
        row = {"run": metric.run.hash, "name": metric.name, "context": metric.context.to_dict()}
        rows.append(row | {name: metric.summary(name) for name in (*METRIC_COLUMNS[3:], "first", "mean")})
    return rows


def _columns(rows: list[dict[str, Any]], most: int | None) -> list[str]:
    """The properties, and the parameters that tell the runs apart first."""
    known = dict.fromkeys(name for row in rows for name in row if name not in ("end", "archived"))
    params = [name for name in known if name not in RUN_COLUMNS]
    if most is None:
        return [*RUN_COLUMNS, *params]
    varied = [name for name in params if len({repr(row.get(name)) for row in rows}) > 1]
    same = [name for name in params if name not in varied]
    shown = RUN_COLUMNS if any(row["tags"] for row in rows) else RUN_COLUMNS[:-1]
    return [*shown, *(varied + same)[:most]]


def _cell(row: dict[str, Any], name: str) -> Any:
    value = row.get(name)
    if name == "created":
        return show_time(value)
    if name == "context" and isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "-"
    return value


def _foot(result: Result, shown: int, what: str) -> None:
    how = result.explain()
    total = len(result)
    seconds = sum(how.seconds.values())
    text = f"{total:,} {what} of {how.runs:,} runs in {seconds * 1000:.1f} ms"
    if what == "runs":
        text = f"{total:,} of {how.runs:,} runs in {seconds * 1000:.1f} ms"
    if shown < total:
        text += f"; {shown:,} shown"
    console().print(text, style="dim")
    if how.skipped:
        console(stderr=True).print(_skipped(result), style="yellow", markup=False)


def _skipped(result: Result) -> str:
    return f"{result.skipped} skipped because their evaluation failed; the first: {result.first_error}"


def _explained(how: Explanation) -> dict[str, Any]:
    values: dict[str, Any] = plain({name: getattr(how, name) for name in how.__slots__})
    return values


def _print_explanation(how: Explanation) -> None:
    parts: Iterable[tuple[str, str]] = [
        ("prefilter", how.prefilter),
        ("candidates", f"{how.from_index:,} by the index, {how.from_logs:,} with events not indexed yet"),
        ("matched", f"{how.matched:,}, {how.skipped:,} skipped"),
        *((name, f"{seconds * 1000:.2f} ms") for name, seconds in how.seconds.items()),
    ]
    print_table(("", "how it was found"), parts)
