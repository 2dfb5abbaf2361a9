"""The desk: everything of the API that reads, answered inside a worker's process (`runstone_query.worker`).

`ANSWERS` has a function for each question. The arguments are those that stand in the address (docs/api.md), as texts
or as what they mean, and `hash` for the run that a path names. The header of a reply has the `type` of its body, and
for a file its `name`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

from runstone_indexer import collector
from runstone_query import answers
from runstone_query.reply import Reply
from runstone_query.repo import Repo

from . import curves, details, export, groups, lines, media, names, table
from .arguments import Arguments

Answer = Callable[[Repo, Arguments], Reply]

_ASKED: dict[str, Answer] = {
    "check": names.check,
    "curves": curves.curves,
    "events": lines.events,
    "export": export.export,
    "groups": groups.groups,
    "history": details.history,
    "media": media.media,
    "names": names.names,
    "records": lines.records,
    "run": details.run,
    "runs": table.runs,
    "terminal": lines.terminal,
}


def _answer(answer: Answer) -> Callable[[Repo, dict[str, Any]], Reply]:
    """Return what answers from the index, or from the logs alone where that is damaged."""

    def answered(repo: Repo, arguments: dict[str, Any]) -> Reply:
        with collector.paused():
            return repo.snapshots.despite_damage(lambda: answer(repo, Arguments(arguments)))

    return answered


ANSWERS = {name: _answer(answer) for name, answer in _ASKED.items()}


def warm(repo: Repo) -> None:
    """Import whatever an answer may use."""
    answers.warm(repo)
    with contextlib.suppress(ImportError):  # for Parquet
        importlib.import_module("pyarrow.parquet")
    nothing = {"q": "run.hash == ''", "by": "run.name", "column": ["run.name"]}
    for name in ("runs", "curves", "media", "groups", "export"):
        ANSWERS[name](repo, nothing)
