"""The desk: everything of the API that reads, answered inside a worker's process (`runstone_query.worker`).

`ANSWERS` has a function for each question. The arguments are those that stand in the address (docs/api.md), as texts
or as what they mean, and `hash` for the run that a path names. The header of a reply has the `type` of its body, and
for a file its `name`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runstone_query import answers
from runstone_query.reply import Reply
from runstone_query.repo import Repo

from . import curves, table
from .arguments import Arguments

Answer = Callable[[Repo, Arguments], Reply]

_ASKED: dict[str, Answer] = {
    "curves": curves.curves,
    "runs": table.runs,
}


def _answer(answer: Answer) -> Callable[[Repo, dict[str, Any]], Reply]:
    """Return what answers from the index, or from the logs alone where that is damaged."""
    return lambda repo, arguments: repo.snapshots.despite_damage(lambda: answer(repo, Arguments(arguments)))


ANSWERS = {name: _answer(answer) for name, answer in _ASKED.items()}


def warm(repo: Repo) -> None:
    """Use once what an answer may use."""
    answers.warm(repo)
    for name, arguments in (("runs", {"q": "run.hash == ''"}), ("curves", {"q": "run.hash == ''"})):
        ANSWERS[name](repo, arguments)
