"""`runstone query`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from runstone_query.aimql import parse
from runstone_query.frames import PROPERTIES, run_row
from runstone_writer.errors import QueryError

from .hashes import short_hashes
from .options import json_option, limit_option, repo_of, repo_option, time_option
from .output import note, print_csv, print_json
from .table import Column, print_table
from .text import count_of, printable, show_context, show_minute

if TYPE_CHECKING:
    from runstone_query.results import Result, RunResult, SequenceResult
    from runstone_query.run import StoredRun
    from runstone_query.selection import Explanation
    from runstone_query.sequences import Metric

METRIC_SUMMARIES = ("count", "first_step", "last_step", "first", "last", "min", "max", "mean")
METRIC_PROPERTIES = ("run", "name", "context", *METRIC_SUMMARIES)
# What a table shows of itself. The higher the rank, the sooner a column gives way; parameters have 10 and more.
RUN_TABLE = {
    "hash": Column("hash", whole=True),
    "name": Column("name", least=16),
    "experiment": Column("experiment", rank=31),
    "creation_time": Column("creation_time", rank=30, whole=True),
    "tags": Column("tags", rank=32),
}
METRIC_TABLE = {
    "run": Column("run", whole=True),
    "name": Column("name"),
    "context": Column("context", least=14),
    "count": Column("count", right=True, rank=2, whole=True),
    "last_step": Column("last_step", right=True, rank=1, whole=True),
    "last": Column("last", right=True, whole=True),
    "min": Column("min", right=True, rank=3, whole=True),
    "max": Column("max", right=True, rank=4, whole=True),
}
PARAMS_KEPT = 3  # parameters that creation time, experiment and tags give way to

Row = dict[str, Any]


@click.command()
@click.argument("expression", default="")
@repo_option
@click.option("--metrics", is_flag=True, help="Ask for metrics; `metric` stands for each.")
@click.option(
    "--columns",
    help="What to show, by commas: properties, and parameters such as hparams.lr (or run.hparams.lr).",
)
@click.option("--order-by", metavar="EXPRESSION", help="Sort by that, such as run.hparams.lr or metric.min.")
@click.option("--descending", is_flag=True, help="The highest first.")
@limit_option
@click.option("--offset", type=click.IntRange(0), default=0, help="Leave out so many first.")
@time_option
@click.option("--explain", is_flag=True, help="Also say how the answer was found.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def query(
    expression: str,
    repo: str | None,
    metrics: bool,
    columns: str | None,
    order_by: str | None,
    descending: bool,
    limit: int | None,
    offset: int,
    time: str | None,
    explain: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show the runs or metrics for which an AimQL EXPRESSION holds.

    The newest come first, unless --order-by says otherwise. A table shows what there is space for: the
    parameters that are asked for, then those in which the runs differ. --csv has every column, --json
    everything. Parameters called "__..." are in --json and where --columns asks for them.

    \b
    Examples:
      runstone query "run.hparams.learning_rate > 0.0001 and run.hparams.batch_size > 32"
      runstone query "run.experiment == 'digits'" --columns name,hparams.lr --csv
      runstone query --metrics 'metric.name == "loss"' --order-by metric.min --limit 10
    """
    if as_csv and (as_json or explain):
        raise click.UsageError(f"--csv and {'--json' if as_json else '--explain'} exclude each other.")
    opened = repo_of(repo, time)
    asked = [name.strip() for name in (columns or "").split(",") if name.strip()]
    if not metrics and _is_about_metrics(expression):
        raise click.UsageError("that is a query for metrics: add --metrics.")
    result: RunResult | SequenceResult
    if metrics:
        result = opened.query_metrics(
            expression, order_by=order_by, descending=descending, limit=limit, offset=offset
        )
        rows = [_metric_row(metric, asked) for metric in result]
    else:
        result = opened.query_runs(
            expression, order_by=order_by, descending=descending, limit=limit, offset=offset
        )
        rows = [_run_row(run, asked, whole=as_json and not asked) for run in result]
    _spell(rows, asked, "metric." if metrics else "run.")
    missing: list[str] = []
    if as_json:
        for row in rows:
            print_json({name: row.get(name) for name in asked} if asked else row)
    elif as_csv:
        every = dict.fromkeys(name for row in rows for name in row)
        names = asked or list(every) or list(METRIC_PROPERTIES if metrics else ("hash", *PROPERTIES))
        print_csv(names, ([row.get(name) for name in names] for row in rows))
    else:
        table = METRIC_TABLE if metrics else RUN_TABLE
        names = asked or (list(table) if metrics else _chosen(rows, f"{expression} {order_by}"))
        columns_shown = _columns(rows, names, table, all_needed=bool(asked))
        missing = _print(rows, columns_shown, names, result.explain().runs)
    if explain and as_json:
        print_json({"explain": _explained(result.explain())})
    elif explain:
        _print_explanation(result.explain())
    _foot(result, len(rows), missing, what="metric" if metrics else "run", brief=as_csv or as_json)
    for name in asked:
        if rows and not any(name in row for row in rows):
            note(f"None of them has {name!r}.")


def _is_about_metrics(expression: str) -> bool:
    """Whether a query that cannot be right for runs is right for metrics."""
    try:
        parse(expression)
    except QueryError:
        with contextlib.suppress(QueryError):
            parse(expression, "metric")
            return True
    return False


def _run_row(run: StoredRun, asked: list[str], *, whole: bool) -> Row:
    if whole:
        return run_row(run, include_params=False) | {"params": run.plain_params()}
    row = run_row(run)
    return {name: value for name, value in row.items() if not name.startswith("__") or name in asked}


def _metric_row(metric: Metric, asked: list[str]) -> Row:
    row = {"run": metric.run.hash, "name": metric.name, "context": metric.context.to_dict()}
    row |= {name: metric.summary(name) for name in METRIC_SUMMARIES}
    if any(name.removeprefix("metric.") not in row for name in asked):
        row |= {f"run.{name}": value for name, value in run_row(metric.run).items()}
    return row


def _spell(rows: list[Row], asked: list[str], prefix: str) -> None:
    """Let columns be asked for as a query writes them, and those of a metric's run without `run.`, too."""
    for row in rows:
        for name in asked:
            if name not in row:
                found = next((n for n in (name.removeprefix(prefix), f"run.{name}") if n in row), None)
                if found is not None:
                    row[name] = row[found]


def _chosen(rows: list[Row], asked_for: str) -> list[str]:
    """The properties, then the parameters: those in the query first, those in which all runs agree last."""
    known = dict.fromkeys(name for row in rows for name in row if name not in ("hash", *PROPERTIES))
    differ = {name for name in known if len({repr(row.get(name)) for row in rows}) > 1}
    params = sorted(known, key=lambda name: (f"run.{name}" not in asked_for, name not in differ))
    tagged = any(row["tags"] for row in rows)
    return [name for name in RUN_TABLE if name != "tags" or tagged] + params


def _columns(
    rows: list[Row], names: list[str], table: dict[str, Column], *, all_needed: bool
) -> list[Column]:
    """How the columns are shown. One that was asked for is never left out."""
    params = [name for name in names if name not in table]
    columns = []
    for name in names:
        column = table.get(name)
        if column is None:
            place = params.index(name)
            is_number = all(isinstance(row.get(name), int | float | None) for row in rows)
            column = Column(name, right=is_number, rank=(10 if place < PARAMS_KEPT else 50) + place)
        columns.append(replace(column, rank=0) if all_needed else column)
    return columns


def _print(rows: list[Row], columns: list[Column], names: list[str], total: int) -> list[str]:
    """Print a table; return what there was no space for."""
    short = short_hashes((row[name] for row in rows for name in ("hash", "run") if name in row), total)
    show: dict[str, Callable[[Any], str]] = {
        "hash": short.__getitem__,
        "run": short.__getitem__,
        "creation_time": show_minute,
        "end_time": show_minute,
        "context": show_context,
    }
    cells = ([show[n](row[n]) if n in show and n in row else row.get(n) for n in names] for row in rows)
    return print_table(columns, cells)


def _foot(result: Result, shown: int, missing: list[str], *, what: str, brief: bool) -> None:
    """What a person wants to know besides the answer, and what anybody has to: on stderr."""
    how = result.explain()
    if not brief:
        found = f"{how.matched:,}" if what == "run" else count_of(how.matched, what)
        text = f"{found} of {count_of(how.runs, 'run')} in {sum(how.seconds.values()) * 1000:.1f} ms"
        text += f"; {shown:,} shown" if shown < how.matched else ""
        note(text + (f"; no space for {', '.join(missing)}" if missing else ""))
    for hint in result.hints:
        note(hint)
    if how.skipped:
        note(f"{how.skipped:,} skipped because their evaluation failed; the first: {how.first_error}")


def _explained(how: Explanation) -> dict[str, Any]:
    return {name: getattr(how, name) for name in how.__slots__}


def _print_explanation(how: Explanation) -> None:
    rows = [
        ("prefilter", how.prefilter),
        ("candidates", f"{how.from_index:,} by the index, {how.from_logs:,} with events not indexed yet"),
        ("columns", f"{how.by_columns:,} of them evaluated as whole columns"),
        ("matched", f"{how.matched:,}; {how.skipped:,} skipped"),
        ("time", ", ".join(f"{name} {seconds * 1000:.2f} ms" for name, seconds in how.seconds.items())),
    ]
    click.echo()
    for name, value in rows:
        click.echo(f"{name:<10}  {printable(value)}")
