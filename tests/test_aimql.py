"""AimQL's text and grammar: what is allowed, what is refused, and where an error points."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import pytest

from runstone import QueryError
from runstone_query import aimql
from runstone_query.aimql import ENTITIES, FUNCTIONS, Query, parse
from runstone_query.policy import compile_query


def refusal(text: Any, entity: str | None = None) -> QueryError:
    with pytest.raises(QueryError) as raised:
        compile_query(parse(text, entity))
    return raised.value


def place(text: str, entity: str | None = None) -> tuple[int | None, int | None]:
    error = refusal(text, entity)
    return error.lineno, error.offset


def source(text: str) -> str:
    """Return how Python writes what the query was understood as."""
    return ast.unparse(parse(text, "metric").tree)


def test_an_empty_query_holds_for_everything() -> None:
    for text in ("", "  ", "\n\n", "# nothing", " # one\n # two\n"):
        assert ast.literal_eval(parse(text).tree) is True


def test_a_query_knows_whether_it_asks_for_archived_runs() -> None:
    for text in (
        "run.archived",
        "not run.archived and run.x",
        "metric.run.archived",
        "[r.archived for r in [run]]",
        "any(m.run.archived for m in [metric])",
        "(run or None).archived",
        "[run][0].archived",
        "run.metrics['loss'].run.archived",
    ):
        assert parse(text, "metric").asks_for_archived, text
    for text in (
        "run['archived']",
        "run.get('archived')",
        "run.x.archived",
        "run.run.archived",
        "metric.archived",
        "metric.context.archived",
        "'run.archived'",
        "run.x # run.archived",
        "[t.archived for t in run.tags]",
        "[run.x][0].archived",
    ):
        assert not parse(text, "metric").asks_for_archived, text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("run.a = 1", "run.a == 1"),
        ("run.a=1", "run.a == 1"),
        ("run['a'] = 1 and run['b', 'c'] = 2", "run['a'] == 1 and run['b', 'c'] == 2"),
        ("metric.name = 'a=b'", "metric.name == 'a=b'"),
        ("run.a = run.b = 1", "run.a == run.b == 1"),
        ("len(run.tags) = 2", "len(run.tags) == 2"),
        ("timedelta(days=1, hours = 2)", "timedelta(days=1, hours=2)"),
        ("sorted(run.a, reverse=True) = [1]", "sorted(run.a, reverse=True) == [1]"),
        ("any(t = 'x' for t in run.tags)", "any((t == 'x' for t in run.tags))"),
        ("[max(t = 1, 0) for t in run.tags]", "[max(t == 1, 0) for t in run.tags]"),
        ("bool(run = run)", "bool(run == run)"),
        ("(run.a = 1)", "run.a == 1"),
        ("[run.a = 1]", "[run.a == 1]"),
        ("run.a\n=\n1", "run.a == 1"),
        ("run.a <= 1 and run.b >= 2 and run.c != 3 and run.d == 4", None),
        ("run.a == 'x' # = 1", "run.a == 'x'"),
        ("run.a == '''\n=\n'''", "run.a == '\\n=\\n'"),
    ],
)
def test_a_single_equals_sign_compares(text: str, meant: str | None) -> None:
    assert ast.dump(parse(text, "metric").tree) == ast.dump(ast.parse(meant or text, mode="eval").body)


def test_backslashes_that_python_would_warn_about_are_kept() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ast.literal_eval(parse(r"'\d+\.\w' ").tree) == r"\d+\.\w"
        assert ast.literal_eval(parse(r"'\n\x41\\d'").tree) == "\nA\\d"
        assert ast.literal_eval(parse(r"r'\d'").tree) == r"\d"
        assert source("run.a == 1or run.b == 2") == "run.a == 1 or run.b == 2"
        compile_query(parse("run.a[0](1)['x'] == 1 and 'abc'[0]"))


def test_blanks_of_web_pages_are_blanks() -> None:
    assert source("run.a\u00a0==\u20031") == "run.a == 1"
    assert source("run.a == '\u00a0'") == "run.a == '\\xa0'"


def test_an_error_points_into_the_text_that_was_written() -> None:
    assert place("run.a == 1 and foo") == (1, 16)
    assert place("run.a = 1 and run.b = 2 and foo") == (1, 29)
    assert place("run.a == 1\nand foo") == (2, 5)
    assert place("run.a = 1 and\n  run.b = 2 and foo") == (2, 17)
    assert place("run['größe'] = 'ü' and foo") == (1, 24)
    assert place("\n\n  foo") == (3, 3)
    assert place("run.a = 1 and run.__class__") == (1, 15)
    assert place("run.a >") == (1, 8)
    assert place("run.a > \n\n") == (1, 8)
    assert place("run.a == 1)") == (1, 11)
    assert place("run.a == (1") == (1, 10)
    assert place("run.a == [1)") == (1, 12)
    assert place("run.a == 'x") == (1, 10)
    assert place("run.a = 1 && run.b") == (1, 11)
    assert place(r"run.a == '\d' and foo") == (1, 19)
    assert place("run.a\r\n== foo") == (2, 4)
    assert place("run.a = 1 and sorted(run.b, revers=True)") == (1, 29)
    assert place("run.a == 1 and 'x' * 10**10") == (1, 16)
    assert place("matches(run.a, '(')") == (1, 16)


def test_an_error_shows_the_line_and_the_place() -> None:
    assert str(refusal("run.a = 1 and\n  lenn(run.b)")).splitlines() == [
        "unknown name 'lenn' (line 2, column 3)",
        "    lenn(run.b)",
        "    ^",
        "Did you mean `len`?",
    ]


def test_an_error_is_a_syntax_error_and_a_value_error() -> None:
    error = refusal("run.a >")
    assert isinstance(error, SyntaxError)
    assert isinstance(error, ValueError)
    assert error.filename == "<query>"


@pytest.mark.parametrize(
    ("text", "entity", "said"),
    [
        ("metric.name == 'x'", None, "`metric` is not available in a run query; use query_metrics"),
        ("figures.name == 'x'", None, "query_figure_objects"),
        ("images.name == 'x'", "metric", "The sequence is `metric`."),
        ("run.a && run.b", None, "`&&` is `and` in Python"),
        ("run.a || run.b", None, "`||` is `or` in Python"),
        ("!run.a", None, "`!` is `not` in Python"),
        ("run.a === 1", None, "`===` is `==` in Python"),
        ("run.a <> 1", None, "`<>` is `!=` in Python"),
        ("run.a => 1", None, "`=>` is `>=` in Python"),
        ("run.a AND run.b", None, "`AND` is `and` in Python"),
        ("NOT run.a", None, "`NOT` is `not` in Python"),
        ("run.a & run.b", None, "Conditions are joined with `and`."),
        ("run.a == true", None, "Write `True`."),
        ("run.a == null", None, "Write `None`."),
        ("run.a == “x”", None, 'Write " instead.'),
        ("run.a ≥ 1", None, "Write >= instead."),
        ("lr > 1", None, "Parameters are written `run.lr`; a text needs quotes: 'lr'."),
        ("sort(run.a)", None, "Did you mean `sorted`?"),
        ("runs.a == 1", None, "Did you mean `run`?"),
        ("metrics.name == 1", "metric", "Did you mean `metric`?"),
        ("type(run.a)", None, "Use `isinstance(x, str)`."),
        ("run.a is 5", None, "Values are compared with `==`."),
        ("run.a is not 'x'", None, "Values are compared with `!=`."),
        ("'%s' % run.a", None, "Write the parts with +, and numbers with str()."),
        ("datetime.datetime(2020, 1, 1)", None, "Write `datetime(...)`."),
        ("datetime.nwo()", None, "Did you mean `datetime.now`?"),
        ("str.lower(run.a)", None, "A method is written with the value before it"),
        ("run._x", None, "A parameter of that name is written run['_x']."),
        ("any(True for _ in run.a)", None, "Use a name such as `x`."),
        ("len(run.a, 1)", None, "len() takes at most 1 arguments, not 2"),
        ("isinstance(run.a)", None, "isinstance() takes at least 2 arguments, not 1"),
        ("round(run.a, digits=1)", None, "It has ndigits."),
        ("f'{run.a}'", None, "an f-string is not allowed in a query"),
        ("lambda: 1", None, "a lambda is not allowed in a query"),
        ("(x := 1)", None, "an assignment (`:=`) is not allowed in a query"),
        ("[*run.a]", None, "`*` is not allowed in a query"),
        ("run.a;", None, "a query is one expression"),
        ("'x'(1)", None, "only functions can be called"),
        ("run.a == b'x'", None, "a bytes is not allowed in a query"),
        ("run.a\x00", None, "the character '\\x00' is not allowed"),
    ],
)
def test_an_error_says_what_to_write_instead(text: str, entity: str | None, said: str) -> None:
    assert said in str(refusal(text, entity))


def test_a_hint_is_not_taken_from_inside_a_text() -> None:
    assert "&&" not in refusal("run.a == 'x && y' and").message


def test_only_text_is_a_query() -> None:
    for thing in (None, 5, b"run.a", ["run.a"]):
        assert "a query is a string" in refusal(thing).message


def test_names_of_comprehensions_are_known_where_python_knows_them() -> None:
    parse("[y for x in run.a for y in x if y and x]")
    parse("[[y for y in [x]] for x in run.a]")
    for text in (
        "[x for x in x]",
        "[1 for x in y for y in run.a]",
        "[x for x in [1]] and x",
        "[x for y in [1]]",
    ):
        assert "unknown name" in refusal(text).message


def test_names_of_the_language_cannot_be_loop_variables() -> None:
    for name in ("run", *ENTITIES, *FUNCTIONS):
        assert "cannot be used as a variable" in refusal(f"[1 for {name} in [1]]").message


def test_every_node_of_the_tree_has_its_place_in_the_text() -> None:
    query = parse("run.ä = 1 and [\n x for x in run.b if x = 2]")
    lines = query.text.splitlines()
    found = {node.attr: node for node in ast.walk(query.tree) if isinstance(node, ast.Attribute)}
    assert lines[found["b"].lineno - 1][found["b"].col_offset :].startswith("run.b")
    assert lines[found["ä"].lineno - 1][found["ä"].col_offset :].startswith("run.ä")


def test_sizes_are_limited() -> None:
    assert "characters long" in refusal("1 " * aimql.SOURCE_LIMIT).message
    assert "too complicated" in refusal(" or ".join(["run.a == 1"] * 500)).message
    assert "too complicated" in refusal("not " * 100 + "run.a").message
    assert "too complicated" in refusal("run" + ".a" * 500).message
    assert "nested deeper" in refusal("(" * 500 + "1" + ")" * 500).message
    parse(f"run.a in {list(range(1900))}")
    parse(" or ".join(["run.a == 1"] * 200))
    parse("(" * 50 + "1" + ")" * 50)


def test_a_query_is_a_value() -> None:
    query = parse("run.a = 1")
    assert isinstance(query, Query)
    assert (query.text, query.entity) == ("run.a = 1", None)
    assert parse("metric.last", "metric").entity == "metric"
