"""The questions that any worker answers: which runs match, and which sequences.

A module of answers has `ANSWERS`, functions by the name of the question, and may have `warm`, which is called once
before the process is confined, with the repository: nothing that has to be imported is left for later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runstone_indexer.generation import Generation
from runstone_writer.state import RunState
from runstone_writer.values import encode

from .aimql import parse
from .policy import compile_query
from .record import Record
from .reply import Reply
from .report import QueryReportMode
from .views import RunView

if TYPE_CHECKING:
    from .repo import Repo

_CALLS = {"metric": "query_metrics", "figures": "query_figure_objects"}
_SEEN_ONCE = "matches(run.é, 'x') or datetime.strptime('1', '%d').strftime('%d')"


def run_hashes(repo: Repo, arguments: dict[str, Any]) -> Reply:
    """Which runs match `q`: their hashes, newest first."""
    result = repo.query_runs(arguments["q"], report_mode=QueryReportMode.DISABLED)
    return _found(result, result.hashes())


def sequence_keys(repo: Repo, arguments: dict[str, Any]) -> Reply:
    """Which sequences of the type `entity` match `q`: [run, name, context] of each."""
    call = _CALLS.get(arguments["entity"], f"query_{arguments['entity']}")
    result = getattr(repo, call)(arguments["q"], report_mode=QueryReportMode.DISABLED)
    return _found(result, [[s.run.hash, s.name, dict(s.context)] for s in result])


def _found(result: Any, found: list[Any]) -> Reply:
    return Reply({"found": encode(found), "skipped": result.skipped, "first_error": result.first_error})


ANSWERS = {"run_hashes": run_hashes, "sequence_keys": sequence_keys}


def warm(repo: Repo) -> None:
    """Open the index, and use once whatever a query may use."""
    import decimal  # noqa: F401, PLC0415
    import uuid  # noqa: F401, PLC0415
    import zoneinfo  # noqa: F401, PLC0415

    import re2  # noqa: F401, PLC0415

    generation: Generation | None = repo.snapshots.take()[0]
    if generation is not None:
        _ = generation.parameters
    view = RunView(Record.fresh(None, None, RunState("warm"), {}))
    compile_query(parse(_SEEN_ONCE)).predicate(view, None)
    len(repo.query_runs("run.hash == '' and search('warm')", report_mode=QueryReportMode.DISABLED))
    len(repo.query_metrics("run.hash == ''", report_mode=QueryReportMode.DISABLED))
