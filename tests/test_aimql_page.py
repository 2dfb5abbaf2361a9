"""docs/aimql.md and the code say the same: its tables, its numbers, and the answer of every example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from runstone import QueryError, Repo
from runstone_query import aimql, budget, functions, guards, methods, pattern, search
from runstone_query.aimql import FUNCTIONS
from runstone_query.methods import DATETIME_FUNCTIONS, METHODS
from runstone_query.views import PROPERTIES, SEQUENCE_PROPERTIES

pytestmark = pytest.mark.checkout

PATH = Path(__file__).parent.parent / "docs/aimql.md"
PAGE = PATH.read_text() if PATH.exists() else ""
TYPES = {
    "text": "str",
    "dictionary": "dict",
    "time of day": "time",
    "list": "list",
    "tuple": "tuple",
    "set": "set",
    "int": "int",
    "float": "float",
    "datetime": "datetime",
    "date": "date",
    "timedelta": "timedelta",
}


class Example(NamedTuple):
    entity: str
    expression: str
    answer: str


def blocks(kind: str) -> list[tuple[str, str]]:
    """Return (what stands behind the kind, text) of the fenced blocks of a kind."""
    return re.findall(rf"^```{kind} ?(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def examples() -> list[Example]:
    found = []
    for entity, block in blocks("aimql"):
        lines: list[str] = []
        for line in block.splitlines():
            code, arrow, answer = line.partition("# →")
            lines.append(code.rstrip() if arrow else line)
            if arrow:
                found.append(Example(entity, "\n".join(lines), answer.strip()))
                lines = []
        assert lines == [], "an example without an answer"
    return found


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column is called so."""
    lines = PAGE.split(f"\n| {heading} |")[1].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def name_of(cell: str) -> str:
    found = re.match(r"`(\w+)", cell)
    assert found is not None, cell
    return found[1]


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    folder = tmp_path_factory.mktemp("page")
    ((_, code),) = blocks("python")
    exec(code.replace('repo="repo"', f"repo={str(folder)!r}"), {})
    return Repo(folder)


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.expression[:60])
def test_every_example_has_its_answer(repo: Repo, example: Example) -> None:
    if example.answer.startswith("error: "):
        with pytest.raises(QueryError) as raised:
            repo.query_runs(example.expression)
        assert example.answer.removeprefix("error: ") in str(raised.value)
        return
    if example.entity:
        found = sorted(f"{s.run.name}/{s.name}" for s in repo.query_metrics(example.expression))
    else:
        found = sorted(run.name for run in repo.query_runs(example.expression))
    assert (", ".join(found) or "none") == example.answer


def test_there_are_examples() -> None:
    assert len(examples()) > 60


def test_the_properties_of_the_page_are_those_of_the_code() -> None:
    assert [name_of(row[0]) for row in table("`run.`")] != []
    assert {name_of(row[0]) for row in table("`run.`")} == set(PROPERTIES)
    assert tuple(name_of(row[0]) for row in table("`metric.`")) == SEQUENCE_PROPERTIES


def test_the_functions_of_the_page_are_those_of_the_code() -> None:
    rows = table("function")
    assert [name_of(row[0]) for row in rows] == sorted(FUNCTIONS)
    for cell, _ in rows:
        signature = FUNCTIONS[name_of(cell)]
        written = re.findall(r"(\w+)=", cell)
        assert "*" in signature.keywords or set(written) <= set(signature.keywords), cell


def test_the_methods_of_the_page_are_those_of_the_code() -> None:
    expected = {kind.__name__: set(names) for kind, names in METHODS.items() if names}
    found = {}
    for kinds, cell in table("of"):
        for kind in kinds.split(", "):
            found[TYPES[kind]] = set(re.findall(r"`(\w+)`", cell))
    found["frozenset"] = found["set"]
    assert found == expected


def test_the_functions_of_datetime_are_on_the_page() -> None:
    times = PAGE.split("\n## Times\n")[1].split("\n## ")[0]
    assert {name for name in DATETIME_FUNCTIONS if f".{name}" in times} == set(DATETIME_FUNCTIONS)
    assert set(DATETIME_FUNCTIONS) == set(aimql.DATETIME_ATTRIBUTES)
    assert {name for name in guards.TIME_VALUES if f"`{name}`" in times} == set(guards.TIME_VALUES)


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    limits = dict(table("limit"))
    assert limits["length of the text"] == f"{aimql.SOURCE_LIMIT:,} characters"
    assert (
        limits["parts of the expression"]
        == f"{aimql.NODE_LIMIT:,}, nested no deeper than {aimql.DEPTH_LIMIT}"
    )
    assert limits["steps of one evaluation"].startswith(f"{budget.FUEL_LIMIT:,}:")
    made = f"{budget.SIZE_LIMIT:,} characters; an element counts as {budget.ELEMENT}"
    assert limits["texts and lists that one evaluation makes"] == made
    assert limits["a whole number that arithmetic takes or makes"] == f"{guards.BIT_LIMIT:,} bits"
    assert limits["`range`"] == f"{functions.RANGE_LIMIT:,} numbers"
    assert limits["`round`"] == f"{functions.DIGITS_LIMIT} digits"
    assert limits["a pattern"] == f"{pattern.PATTERN_LIMIT:,} characters"
    assert limits["what `search` looks for"] == f"{search.WANTED_LIMIT:,} characters"
    assert limits["processor time of one evaluation"].startswith(f"{budget.TIME_LIMIT} s")
    assert methods.STRIP_LIMIT > 10


def test_the_entities_of_the_page_are_those_of_the_code() -> None:
    grammar = re.search(r"<entity> +::= (.*)", PAGE)
    assert grammar is not None
    assert grammar[1].split(" | ") == [
        "run",
        "metric",
        "images",
        "audios",
        "texts",
        "figures",
        "distributions",
    ]
    assert set(grammar[1].split(" | ")) == {"run", *aimql.ENTITIES}
