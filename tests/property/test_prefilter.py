"""The index never loses a match: the prefilter against brute force, on random runs and random questions."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from agreement import compare

from runstone_query import lower
from runstone_query.aimql import Query


@pytest.mark.parametrize("seed", range(6))
def test_the_prefilter_loses_no_match(seed: int) -> None:
    found = compare(seed, 100)
    assert found.misses == []
    assert found.pairs > 90
    assert found.narrowed > 20


def unsound(query: Query) -> lower.Narrowing | None:
    """A rule that looks right and is not: `a != b` needs `a`."""
    plain = lower._Lowering._compare

    def compare_unsoundly(self, op, left, right):  # type: ignore[no-untyped-def]
        if isinstance(op, ast.NotEq):
            return self._needs(left)
        return plain(self, op, left, right)

    lower._Lowering._compare = compare_unsoundly  # type: ignore[method-assign]
    try:
        return lower.narrowing(query)
    finally:
        lower._Lowering._compare = plain  # type: ignore[method-assign]


def test_a_planted_unsound_rule_is_caught() -> None:
    assert any(compare(seed, 100, narrowing=unsound).misses for seed in range(6))
