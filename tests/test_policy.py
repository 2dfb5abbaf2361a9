"""From a checked tree to a predicate: every operation guarded, the common ones cheap, nothing left behind."""

from __future__ import annotations

import ast
import dis
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from evaluation import record_of, value_of, views_of
from runstone import QueryError
from runstone_query.aimql import FUNCTIONS, parse
from runstone_query.budget import Budget, LimitError
from runstone_query.guards import Guards
from runstone_query.policy import Policy, _copy, _scope, compile_query

PARAMS = {"lr": 0.5, "opt": "adam", "layers": [1, 2, 3], "h": {"lr": 0.1, "none": None}, "n": 3, "s": "3"}


def names_called(text: str) -> list[str]:
    """Return what the predicate of a query calls."""
    code = compile_query(parse(text))[0].__code__  # type: ignore[attr-defined]
    codes, found = [code], []
    while codes:
        code = codes.pop()
        found += code.co_names
        codes += [constant for constant in code.co_consts if hasattr(constant, "co_names")]
    return found


def operations(text: str) -> set[str]:
    code = compile_query(parse(text))[0].__code__  # type: ignore[attr-defined]
    return {instruction.opname for instruction in dis.get_instructions(code)}


def test_a_parameter_compared_with_a_constant_takes_two_calls() -> None:
    assert names_called("run.h.lr > 0.5") == ["_greater_number_", "_read_0_"]
    assert names_called("run.opt == 'adam'") == ["_read_0_"]
    assert names_called("run['h', 'lr'] is None") == ["_read_0_"]
    assert names_called("run.n in [1, 2]") == ["_among_", "_read_0_"]
    assert names_called("0.1 < run.lr < 1") == ["_greater_number_", "_read_0_", "_less_number_", "_read_1_"]


def test_no_operation_is_left_to_python_that_could_fail_or_take_long() -> None:
    text = (
        "run.a + run.b - run.c * run.d / run.e // run.f % run.g ** -run.h and run.a < run.b and run.a in run.b "
        "and run.a == run.b and run.a is run.b and run.a[1:2].x.y(run.b, z=1) and not run.a != run.b"
    )
    left_to_python = (
        "BINARY_", "BUILD_STRING", "COMPARE_OP", "CONTAINS_OP", "DELETE_", "FORMAT_", "IMPORT_", "IS_OP", "LOAD_ATTR",
        "LOAD_METHOD", "STORE_", "UNARY_INVERT", "UNARY_NEGATIVE", "UNARY_POSITIVE",
    )  # fmt: skip
    assert [name for name in operations(text) if name.startswith(left_to_python)] == []
    assert [name for name in operations("run.a == 1") if name.startswith(left_to_python)] == ["COMPARE_OP"]


def test_a_path_through_a_property_is_read_step_by_step() -> None:
    assert names_called("run.tags[0]") == ["_getitem_", "_read_0_"]
    assert names_called("run.name.x") == ["_getattr_", "_read_0_"]
    assert names_called("run.metrics['a'].last") == ["_read_0_"]
    assert value_of("run.created_at.year >= 1970") is True


def test_the_run_of_a_sequence_is_read_like_the_run() -> None:
    predicate, *_ = compile_query(parse("metric.run.h.lr == 0.1", "metric"))
    assert predicate(*views_of(record_of(PARAMS)))
    assert predicate.__code__.co_names == ("_read_0_",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("run.lr > 0.1", True),
        ("run.s > 0.1", False),
        ("run.nope > 0.1", False),
        ("0.1 < run.lr", True),
        ("0.5 <= run.lr", True),
        ("1 >= run.lr", True),
        ("1 > run.s", False),
        ("-1 < run.lr < +1", True),
        ("0 < run.lr < run.n", True),
        ("0 < run.nope < 1 / 0", False),
        ("run.n in (1, 2, 3)", True),
        ("run.n not in {1, 2}", True),
        ("run.layers in [1, 2]", False),
        ("run.layers in {1, 2}", False),
        ("run.n in [1, 2, 4, 5, 6, 7, 8, 9, 3]", True),
        ("run.layers in [1, 2, 4, 5, 6, 7, 8, 9, 3]", False),
        ("run.n in [run.n]", True),
        ("'a' < run.opt < 'b'", True),
        ("run.n == 3 == run.n", True),
        ("run.n == 3 != run.s", True),
        ("run.h.none is None is not False", True),
        ("not run.nope", True),
        ("-run.n", -3),
        ("--run.n", 3),
        ("-3 ** 2", -9),
        ("run.n if run.lr else run.s", 3),
        ("[x * y for x in run.layers for y in [10] if x > 1]", [20, 30]),
        ("[run.n + x for x in [1]]", [4]),
        ("[[run.n for y in [x]] for x in [1]]", [[3]]),
        ("{k: v for k, v in run.h.items()}", {"lr": 0.1, "none": None}),
        ("[a + b + c for a, (b, c) in [[1, [2, 3]]]]", [6]),
        ("run.opt[::-1]", "mada"),
        ("run.layers[run.n - 1]", 3),
        ("run['h']['lr']", 0.1),
        ("run['h', run.nope]", None),
        ("run[run.opt]", None),
        ("run[('h', 'lr')]", 0.1),
        ("run.n(5)", None),
        ("run.n()(5)", None),
        ("len(run.layers) + max(run.layers, default=0)", 6),
        ("run", ...),
    ],
)
def test_expressions_mean_what_they_say(expression: str, answer: Any) -> None:
    found = value_of(expression, PARAMS)
    if answer is not ...:
        assert found == answer
        assert type(found) is type(answer)


def test_a_query_can_be_compiled_again_and_again() -> None:
    query = parse("run.lr + 1 > 0 and [x for x in run.layers if x.y in (1, 2)]")
    before = ast.dump(query.tree)
    for _ in range(3):
        compile_query(query)
    assert ast.dump(query.tree) == before


def test_a_copy_of_a_tree_shares_nothing_with_it() -> None:
    tree = parse("run.a[1:2] == [x for x in {1: 2}]").tree
    copied = _copy(tree, {})
    assert ast.dump(copied) == ast.dump(tree)
    contexts = (ast.Load, ast.Store)
    mine = {id(node) for node in ast.walk(copied) if not isinstance(node, contexts)}
    assert not mine & {id(node) for node in ast.walk(tree)}


def test_evaluations_share_nothing() -> None:
    predicate, budget, _ = compile_query(parse("[x for x in run.layers]"))
    views = views_of(record_of(PARAMS))
    found = []
    for _ in range(2):
        budget.reset()
        found.append(predicate(*views))
    assert found[0] == found[1]
    assert found[0] is not found[1]


def test_the_scope_has_the_functions_the_guards_and_no_builtins() -> None:
    scope = _scope(Budget())
    assert scope["__builtins__"] == {}
    rest = set(scope) - set(FUNCTIONS) - {"__builtins__", "slice"}
    assert all(name.startswith("_") and name.endswith("_") for name in rest)
    assert set(FUNCTIONS) - {"search"} <= set(scope)  # search() needs the run: it becomes _search_(run, ...)


def test_what_fails_for_every_run_is_refused_when_the_query_is_made() -> None:
    for text in (
        "9**9**9",
        "run.x == 1 or 'x' * 10**10",
        "run.x in [0] * 10**9",
        "range(10**12)",
        "[x for x in range(1000) for y in range(1000)]",
        "round(1.5, 10**9)",
        "int('9' * 10**4)",
        "run.created_at.strftime('%1000000000Y')",
        "datetime.strptime(run.x, '%100d')",
        "matches(run.x, '[')",
        f"matches(run.x, '{'x' * 5000}')",
    ):
        with pytest.raises(QueryError):
            compile_query(parse(text))


def test_constants_may_not_be_large_together_either() -> None:
    large = " or ".join(f"run.s == '{letter}' * 900_000" for letter in "abcdefg")
    with pytest.raises(QueryError, match="makes more than 4,000,000 characters"):
        compile_query(parse(large))
    compile_query(parse(large.replace("900_000", "9_000")))


def test_what_may_never_be_reached_is_no_reason_to_refuse() -> None:
    assert value_of("run.n == 3 or 1 / 0", PARAMS) is True
    with pytest.raises(ZeroDivisionError):
        value_of("run.n == 4 or 1 / 0", PARAMS)


def test_what_depends_on_the_run_is_stopped_for_that_run() -> None:
    for text in ("9**9**run.n", "'x' * 10**(run.n * 4)", "[0] * 10**(run.n * 3)", "round(run.lr, 10**9)"):
        predicate, *_ = compile_query(parse(text))
        with pytest.raises(LimitError):
            predicate(*views_of(record_of({**PARAMS, "n": 9})))


def test_what_is_the_same_for_every_run_is_computed_once() -> None:
    assert names_called("run.n > 1024 * 16") == ["_greater_number_", "_read_0_"]
    assert names_called("run.created_at > datetime(2024, 1, 1)") == ["_compare_", "_read_0_", "_known_1_"]
    assert names_called("run.n in [x * 2 for x in range(3)]") == ["_contains_", "_read_0_", "_known_1_"]
    assert "_method_" in names_called("run.created_at > datetime.now()")
    predicate, *_ = compile_query(
        parse("[g for g in [(x for x in [1])]] and list([g for g in [(x for x in [1])]][0])")
    )
    assert [predicate(None, None), predicate(None, None)] == [[1], [1]]


def test_steps_of_a_loop_are_counted_by_what_is_in_it() -> None:
    small, large = "[x for x in run.layers]", "[x + x + x + x + x + x + x + x for x in run.layers]"
    left = []
    for text in (small, large):
        predicate, budget, _ = compile_query(parse(text))
        predicate(*views_of(record_of({"layers": list(range(1000))})))
        left.append(budget.fuel)
    assert left[1] < left[0] - 10_000


def test_restrictedpython_has_its_say_too() -> None:
    """A name that the checker of AimQL would let through is still stopped by the policy."""
    for bad in (
        ast.Name("__import__", ast.Load()),
        ast.Attribute(ast.Constant("x"), "__class__", ast.Load()),
        ast.Attribute(ast.Constant("x"), "gi_frame", ast.Load()),
        ast.Name("breakpoint", ast.Load()),
    ):
        policy = Policy(parse("run.x"))
        policy.visit(ast.fix_missing_locations(ast.Expression(bad)))
        assert policy.errors


def test_guards_of_one_query_have_one_budget() -> None:
    predicate, budget, _ = compile_query(parse("len('x' * run.n) + len([run.n] * run.n)"))
    predicate(*views_of(record_of(PARAMS)))
    assert budget.size == Budget().size - 3 - 3 * 8
    assert isinstance(Guards(budget).budget, Budget)
