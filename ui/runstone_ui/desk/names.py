"""Names: what completion offers; and whether a query that was made of them can be right."""

from __future__ import annotations

from typing import Any

from runstone_query.policy import compile_query
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_query.selection import Explanation, Selection
from runstone_query.sequences import KINDS

from .arguments import Arguments
from .inventory import Inventory
from .values import reply, tagged

MOST = 10_000  # of each kind
LONGEST = 4_000  # characters: with a summary's name behind it, it has to fit into a query


def check(repo: Repo, arguments: Arguments) -> Reply:
    """`GET check`."""
    kind = arguments.one_of("kind", ("runs", *KINDS), "runs")
    compile_query(repo.parsed(arguments.text("q"), None if kind == "runs" else kind))
    return reply({"ok": True})


def names(repo: Repo, _arguments: Arguments) -> Reply:
    """`GET names`."""
    generation, fresh = repo.snapshots.take()
    met = Inventory()
    for file, rows in Selection(generation, None, fresh, Explanation("", ""), archived_too=True).parts:
        met.add_rows(file, rows, exactly=False)
    for tail in fresh.values():
        if tail.state.is_there:
            met.add_state(tail.state)
    sequences = {entity: _labels(met, kind) for entity, kind in KINDS.items()}
    return reply(
        {
            "params": [name for name in met.parameters() if len(name) <= LONGEST][:MOST],
            "metrics": sequences.pop("metric"),
            "sequences": sequences,
            "experiments": sorted(met.experiments)[:MOST],
            "tags": sorted(met.tags)[:MOST],
        }
    )


def _labels(met: Inventory, kind: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "context": tagged(context), "expression": expression}
        for name, context, expression in met.sequences(kind)
        if len(expression) <= LONGEST
    ][:MOST]
