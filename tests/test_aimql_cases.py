"""Every case of aimql_cases.jsonl has its answer: through the index, without one, and with half of one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from runstone import QueryError, Repo
from runstone_indexer import Indexer

CASES = [json.loads(line) for line in (Path(__file__).parent / "aimql_cases.jsonl").read_text().splitlines()]
CALLS = {
    "metric": "query_metrics",
    "images": "query_images",
    "audios": "query_audios",
    "texts": "query_texts",
    "distributions": "query_distributions",
    "figures": "query_figure_objects",
}

Answers = dict[tuple[str, str], Any]


def ask(repo: Repo, names: dict[str, str], kind: str, expression: str) -> list[str] | str:
    try:
        if kind == "run":
            return sorted(names[found] for found in repo.query_runs(expression).hashes())
        found = getattr(repo, CALLS[kind])(expression)
        return sorted(f"{names[s.run.hash]}/{s.name}{_context(dict(s.context))}" for s in found)
    except QueryError:
        return "QUERY_ERROR"


def _context(context: dict[str, Any]) -> str:
    return "{" + ",".join(f"{key}:{context[key]}" for key in sorted(context)) + "}"


def wrong(repo: Repo, names: dict[str, str]) -> list[str]:
    found = []
    for case in CASES:
        answer = ask(repo, names, case["kind"], case["expr"])
        if answer != case["expect"]:
            found.append(f"{case['kind']}: {case['expr']!r} is {case['expect']}, not {answer}")
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("aimql")
    return path, aimql_repo.build(path)


def test_without_an_index(written: tuple[Path, dict[str, str]]) -> None:
    path, names = written
    assert wrong(Repo(path, index=False), names) == []


def test_through_the_index(written: tuple[Path, dict[str, str]]) -> None:
    path, names = written
    Indexer(path).run_once()
    assert wrong(Repo(path), names) == []


def test_with_half_of_the_runs_indexed(tmp_path: Path) -> None:
    names = aimql_repo.build(tmp_path, names="ada cat eve")
    Indexer(tmp_path).run_once()
    names |= aimql_repo.build(tmp_path, names="bob dee fay")
    assert wrong(Repo(tmp_path), names) == []


def test_each_case_stands_once() -> None:
    assert len({(case["kind"], case["expr"]) for case in CASES}) == len(CASES) > 500
