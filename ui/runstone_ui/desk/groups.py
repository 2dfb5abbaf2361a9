"""Groups: how many of the matching runs have which value."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any

import orjson

from runstone_query.batch import Expression
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_writer.errors import UsageError

from . import spelling
from .arguments import Arguments
from .table import selected, summary
from .values import reply, tagged

MOST = 1_000


class Group:
    """Runs with the same value, as `==` sees it."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.count = 0

    def where(self, by: str) -> str | None:
        """Return the condition that exactly these runs meet; None if it cannot be written."""
        if self.value is None:
            return f"({by}) is None"
        if self.value != self.value:
            return f"({by}) != ({by})"
        literal = spelling.literal(self.value)
        return None if literal is None else f"({by}) == {literal}"


def groups(repo: Repo, arguments: Arguments) -> Reply:
    """`GET groups`."""
    began = time.perf_counter()
    text = arguments.text("by").strip()
    if not text:
        raise UsageError("by is missing", hint="It is an expression, such as run.hparams.lr.")
    by = Expression(repo, text)
    result = selected(repo, arguments)
    found: dict[Hashable, Group] = {}
    for value in result.values(by):
        key = _key(value)
        group = found.get(key)
        if group is None:
            group = found[key] = Group(value)
        group.count += 1
    largest = sorted(found.values(), key=lambda group: -group.count)
    shown = [
        {"value": tagged(group.value), "count": group.count, "where": group.where(text)}
        for group in largest[:MOST]
    ]
    return reply({**summary(repo, result, began), "groups": shown, "more": len(largest) - len(shown)})


def _key(value: Any) -> Hashable:
    """Return the same for values that are equal: 1, 1.0 and True are."""
    if isinstance(value, float) and value != value:
        return "nan", None
    try:
        hash(value)
    except TypeError:
        return "nested", orjson.dumps(tagged(value), option=orjson.OPT_SORT_KEYS)
    return "plain", value
