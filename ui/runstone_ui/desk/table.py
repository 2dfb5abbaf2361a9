"""A table of runs: those that match, in an order, with columns that are expressions."""

from __future__ import annotations

import time
from typing import Any

from runstone_query.batch import Batch, Expression
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_query.report import QueryReportMode
from runstone_query.results import Result, RunResult

from .arguments import Arguments
from .facts import facts
from .values import reply, tagged


def runs(repo: Repo, arguments: Arguments) -> Reply:
    """`GET runs`: a page of the table."""
    began = time.perf_counter()
    columns = [Expression(repo, text) for text in arguments.texts("column")]
    result = selected(repo, arguments, limit=arguments.limit(200), offset=arguments.offset())
    how = result.explain()
    batch = Batch(result.records())
    shown = {
        "runs": facts(repo, batch),
        "columns": [[tagged(value) for value in column.values(batch)] for column in columns],
    }
    more = {"prefilter": how.prefilter, "from_index": how.from_index, "from_logs": how.from_logs}
    return reply({**summary(repo, result, began), **more, **shown})


def selected(repo: Repo, arguments: Arguments, *, limit: int | None = None, offset: int = 0) -> RunResult:
    """Return the runs that match `q`, by `order_by` and `descending`."""
    return repo.query_runs(
        arguments.text("q"),
        report_mode=QueryReportMode.DISABLED,
        order_by=arguments.text("order_by").strip() or None,
        descending=arguments.flag("descending"),
        limit=limit,
        offset=offset,
    )


def summary(repo: Repo, result: Result, began: float) -> dict[str, Any]:
    """Return what every answer to a query says about itself; `began` is when the work on it did."""
    how = result.explain()
    return {
        "total": how.matched,
        "of": how.runs,
        "skipped": how.skipped,
        "first_error": how.first_error,
        "hints": [*result.hints, *repo.snapshots.gaps()],
        "seconds": time.perf_counter() - began,
    }
