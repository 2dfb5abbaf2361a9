"""The operations of a query at run time: total over what is missing, plain, and bounded."""

from __future__ import annotations

import math
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from evaluation import value_of
from runstone_query.budget import FUEL_LIMIT, SIZE_LIMIT, Budget, LimitError
from runstone_query.functions import Functions
from runstone_query.guards import Guards, compare, get_attribute
from runstone_query.methods import METHODS, make_dict, make_set
from runstone_query.pattern import PatternError, compiled

OPERATIONS = ("add", "subtract", "multiply", "divide", "floor_divide", "modulo", "power")
ORDERS = ("<", "<=", ">", ">=")
VALUES: list[Any] = [
    None, True, 0, 3, -2, 0.5, math.nan, math.inf, "", "adam", b"x", [1, 2], (1, 2), {1, 2}, {"a": 1}, range(3),
    datetime(2024, 1, 1), date(2024, 1, 1), time(12), timedelta(days=1),
]  # fmt: skip


@pytest.fixture
def guards() -> Guards:
    return Guards(Budget())


def test_whatever_is_done_to_a_missing_value_is_missing_again(guards: Guards) -> None:
    assert get_attribute(None, "x") is None
    assert guards.get_item(None, "x") is None
    assert guards.get_item(None, slice(1)) is None
    assert guards.call_method(None, "upper") is None
    assert guards.negative(None) is None
    for value in VALUES:
        for operation in OPERATIONS:
            assert getattr(guards, operation)(None, value) is None
            assert getattr(guards, operation)(value, None) is None
        for order in ORDERS:
            assert guards.compare(order, None, value) is False
            assert guards.compare(order, value, None) is False
        assert guards.contains(value, None) is False
        assert guards.equal(None, value) is (value is None)


def test_operands_of_types_that_do_not_go_together_are_in_no_order_and_have_no_sum(guards: Guards) -> None:
    for left in VALUES:
        for right in VALUES:
            for order in ORDERS:
                try:
                    expected = {
                        "<": left < right,
                        "<=": left <= right,
                        ">": left > right,
                        ">=": left >= right,
                    }[order]
                except TypeError:
                    expected = False
                assert guards.compare(order, left, right) is expected
    for left, right in (("a", 1), ([1], (1,)), ({}, {}), ("a", b"a"), (1, "a"), ([1], 1.5), (b"x", 2)):
        assert guards.add(left, right) is None
        assert guards.divide(left, right) is None
    assert guards.multiply("a", 1.5) is None
    for value in VALUES:
        assert guards.modulo("%s", value) is None


def test_arithmetic_of_numbers_is_python_s(guards: Guards) -> None:
    for left in (7, -7, 2.5, True):
        for right in (2, -2, 0.5):
            assert guards.add(left, right) == left + right
            assert guards.subtract(left, right) == left - right
            assert guards.multiply(left, right) == left * right
            assert guards.divide(left, right) == left / right
            assert guards.floor_divide(left, right) == left // right
            assert guards.modulo(left, right) == left % right
    assert guards.power(2, 10) == 1024
    assert guards.power(2, -1) == 0.5
    assert guards.power(1, 10**9) == 1
    assert guards.power(-8, 1 / 3) is None  # no complex numbers
    assert (guards.negative(3), guards.positive(-3), guards.negative(timedelta(1))) == (-3, -3, timedelta(-1))
    assert guards.negative("a") is None
    with pytest.raises(ZeroDivisionError):
        guards.divide(1, 0)


def test_times_are_added_and_subtracted(guards: Guards) -> None:
    day = timedelta(days=1)
    assert guards.add(datetime(2024, 2, 28), day) == datetime(2024, 2, 29)
    assert guards.subtract(datetime(2024, 1, 2), datetime(2024, 1, 1)) == day
    assert guards.multiply(day, 2) == guards.multiply(2, day) == timedelta(days=2)
    assert guards.divide(day, timedelta(hours=6)) == 4
    assert guards.modulo(day, timedelta(hours=5)) == timedelta(hours=4)
    assert guards.add(datetime(2024, 1, 1), datetime(2024, 1, 1)) is None
    assert guards.add(datetime(2024, 1, 1), 1) is None


def test_texts_lists_and_sets_are_joined_repeated_and_subtracted(guards: Guards) -> None:
    assert guards.add("a", "b") == "ab"
    assert guards.add([1], [2]) == [1, 2]
    assert guards.add((1,), (2,)) == (1, 2)
    assert guards.multiply("ab", 2) == guards.multiply(2, "ab") == "abab"
    assert guards.multiply([1], -1) == []
    assert guards.subtract({1, 2}, {2}) == {1}


def test_whole_numbers_stay_small_enough(guards: Guards) -> None:
    assert guards.power(2, 4000) == 2**4000
    for left, right in ((2, 5000), (9**99, 9**99), (2, 10**100)):
        with pytest.raises(LimitError, match="4,096 bits"):
            guards.power(left, right)
    with pytest.raises(LimitError, match="4,096 bits"):
        guards.multiply(2**4000, 2**4000)
    with pytest.raises(LimitError, match="4,096 bits"):
        guards.modulo(2**100_000, 2**50_000 + 1)


def test_identity_is_about_none_true_and_false_and_equality_of_plain_values(guards: Guards) -> None:
    assert guards.same(None, None)
    assert not guards.same(True, 1)
    assert not guards.same(0, False)
    assert guards.same(10**30, 10**30)
    assert not guards.same(1, 1.0)
    assert guards.same("".join(["a", "b"]), "ab")


def test_membership(guards: Guards) -> None:
    assert guards.contains("a", ["a"])
    assert guards.contains("a", "cab")
    assert guards.contains("a", {"a": 1})
    assert guards.contains(2, range(3))
    assert guards.contains(2, (value for value in [1, 2]))
    assert guards.contains(None, [None])
    for left, right in (
        (1, "1"),
        ("a", 5),
        ([1], {1}),
        ([1], {"a": 1}),
        ("a", None),
        (None, "None"),
        (1, datetime.now()),
    ):
        assert not guards.contains(left, right)


def test_a_chain_stops_at_the_first_comparison_that_does_not_hold(guards: Guards) -> None:
    def never() -> Any:
        raise AssertionError

    assert guards.chain(1, "<", 2, "<", lambda: 3) is True
    assert guards.chain(3, "<", 2, "<", never) is False
    assert guards.chain(1, "<", None, "<", never) is False
    assert guards.chain(1, "<", 2, "in", lambda: [2], "!=", list) is True


def test_a_comparison_for_columns_is_the_same_as_any_other(guards: Guards) -> None:
    for left in VALUES:
        for right in (0, "adam", None, 0.5, True):
            for op in (*ORDERS, "==", "!="):
                assert compare(op, left, right) is guards.compare(op, left, right)


def test_items_of_dictionaries_lists_and_texts(guards: Guards) -> None:
    nested = {"a": {"b": [10, {"c": 5}]}, (1, 2): "pair", 3: "three", "get": 7}
    assert guards.get_item(nested, ("a", "b", 1, "c")) == 5
    assert guards.get_item(nested, (1, 2)) == "pair"
    assert guards.get_item(nested, 3) == "three"
    assert guards.get_item(nested, ("a", "x", "c")) is None
    assert guards.get_item(nested, [1]) is None
    assert guards.get_item(nested, slice(1)) is None
    assert guards.get_item([1, 2, 3], -1) == 3
    assert guards.get_item([1, 2, 3], slice(None, None, 0)) is None
    assert guards.get_item("adam", slice(1, 3)) == "da"
    assert guards.get_item(5, 0) is None


def test_a_key_of_a_dictionary_wins_over_a_method(guards: Guards) -> None:
    assert guards.call_method({"a": 1}, "get", "a") == 1
    assert guards.call_method({"a": 1}, "keys") == ["a"]
    assert guards.call_method({"a": None}, "get", "a", 5) is None
    assert guards.call_method({"a": 1}, "get", "b", 5) == 5
    assert guards.call_method({"a": {"b": 2}}, "get", ("a", "b"), 5) == 2
    assert guards.call_method({"get": 9}, "get", "get") is None
    assert guards.call_method({"keys": 9}, "keys") is None
    assert get_attribute({"keys": 9}, "keys") == 9
    assert get_attribute({"a": 1}, "keys") is None


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("'a,b'.split(',')", ["a", "b"]),
        ("'a b  c'.split()", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 1)", ["a", "b,c"]),
        ("'a,b,c'.rsplit(',', maxsplit=1)", ["a,b", "c"]),
        ("'a,b,c'.partition(',')", ("a", ",", "b,c")),
        ("'a,b,c'.rpartition(',')", ("a,b", ",", "c")),
        ("' a '.strip()", "a"),
        ("'xax'.strip('x')", "a"),
        ("'a\\nb'.splitlines()", ["a", "b"]),
        ("','.join(['a', 'b'])", "a,b"),
        ("','.join([1])", None),
        ("'aXa'.replace('a', 'b', 1)", "bXa"),
        ("'7'.zfill(3)", "007"),
        ("'a'.center(3, '-')", "-a-"),
        ("'adam'.startswith(['x', 'a'])", True),
        ("'adam'.startswith('d', 1)", True),
        ("'adam'.count('a')", 2),
        ("'adam'.index('x')", None),
        ("'adam'.rfind('a')", 2),
        ("'Ab'.swapcase()", "aB"),
        ("'adam'.encode()", None),
        ("'{}'.format(1)", None),
        ("'{x}'.format_map({})", None),
        ("'ab'.translate({})", None),
        ("'a'.expandtabs(10)", None),
        ("[1, 2].index(2)", 1),
        ("[1, 2].index(3)", None),
        ("(1, 1).count(1)", 2),
        ("set([1, 2]).union([3])", {1, 2, 3}),
        ("frozenset([1]).issubset({1, 2})", True),
        ("set([1]).isdisjoint(None)", None),
        ("(5).bit_length()", 3),
        ("(2.0).is_integer()", True),
        ("datetime(2024, 1, 31).isoformat()", "2024-01-31T00:00:00"),
        ("datetime(2024, 1, 31).isocalendar()[1]", 5),
        ("datetime(2024, 1, 31).replace(day=1)", datetime(2024, 1, 1)),
        ("datetime(2024, 1, 31).replace(tzinfo=None)", None),
        ("datetime(1970, 1, 2).timestamp()", 86400.0),
        ("datetime(2024, 1, 31, 5).time().hour", 5),
        ("datetime(2024, 1, 31).strftime('%d.%m.%Y')", "31.01.2024"),
        ("datetime.strptime('31.01.2024', '%d.%m.%Y').day", 31),
        ("datetime.fromisoformat('2024-01-01T01:00:00+01:00')", datetime(2024, 1, 1)),
        ("datetime.strptime('2024 +0100', '%Y %z')", datetime(2023, 12, 31, 23)),
        ("datetime.fromtimestamp(0)", datetime(1970, 1, 1)),
        ("timedelta(hours=36).days", 1),
        ("timedelta(hours=36).total_seconds()", 129600.0),
        ("datetime.now(5)", None),
    ],
)
def test_methods(expression: str, answer: Any) -> None:
    made = None
    try:
        made = value_of(expression)
    except TypeError:
        assert expression == "datetime.now(5)"
    assert made == answer
    assert type(made) is type(answer)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("abs(-2)", 2),
        ("all([1, 0])", False),
        ("any(10 / x > 2 for x in [1, 0])", True),
        ("bin(5) + oct(8) + hex(255)", "0b1010o100xff"),
        ("bool(None)", False),
        ("chr(97) + str(ord('a'))", "a97"),
        ("dict([('a', 1)])", {"a": 1}),
        ("dict({'a': 1}, b=2)", {"a": 1, "b": 2}),
        ("divmod(7, 2)", (3, 1)),
        ("enumerate(['a'], start=1)", [(1, "a")]),
        ("filter(None, [0, 1])", [1]),
        ("filter(bool, [0, 1])", [1]),
        ("float('1.5')", 1.5),
        ("frozenset([1, 1])", frozenset({1})),
        ("int('ff', 16)", 255),
        ("int(2.9)", 2),
        ("isinstance(1, (str, int))", True),
        ("isinstance(True, bool)", True),
        ("isinstance([], dict)", False),
        ("isinstance(datetime(2024, 1, 1), datetime)", True),
        ("len('adam')", 4),
        ("list('ab')", ["a", "b"]),
        ("map(int, ['1', '2'])", [1, 2]),
        ("max(1, 3, 2)", 3),
        ("max([], default=5)", 5),
        ("max(['a', 1])", None),
        ("min([3, 1])", 1),
        ("pow(2, 3)", 8),
        ("list(range(3))", [0, 1, 2]),
        ("reversed([1, 2])", [2, 1]),
        ("round(1.256, 2)", 1.26),
        ("round(2.5)", 2),
        ("round(1250, ndigits=-2)", 1200),
        ("sorted([2, 1], reverse=True)", [2, 1]),
        ("sorted(['a', 1])", None),
        ("sorted({'b', 'a'})", ["a", "b"]),
        ("list({3, 1, 2})", [1, 2, 3]),
        ("str(1.5) + str('x') + str([1, 'a'])", "1.5x[1, 'a']"),
        ("str(len)", "<function len>"),
        ("sum([1, 2.5])", 3.5),
        ("sum([[1], [2]], [])", [1, 2]),
        ("sum(['a'])", None),
        ("tuple([1])", (1,)),
        ("zip([1, 2], 'ab')", [(1, "a"), (2, "b")]),
        ("[a + b for a, b in zip([1], [2])]", [3]),
        ("{x: 1 for x in 'ab'}", {"a": 1, "b": 1}),
        ("{x for x in 'aab'}", {"a", "b"}),
    ],
)
def test_functions(expression: str, answer: Any) -> None:
    made = value_of(expression)
    assert made == answer
    assert type(made) is type(answer)


def test_every_function_gives_missing_for_a_missing_argument() -> None:
    lenient = {"all", "any", "bool", "dict", "filter", "isinstance", "zip"}
    for name, function in Functions(Guards(Budget())).table().items():
        if name not in lenient:
            arguments = [None] * {
                "isinstance": 2,
                "matches": 2,
                "map": 2,
                "divmod": 2,
                "pow": 2,
                "datetime": 3,
            }.get(name, 1)
            assert function(*arguments) is None, name


def test_an_argument_that_is_no_good_is_an_error() -> None:
    for expression, kind in (
        ("int('x')", ValueError),
        ("float('x')", ValueError),
        ("len(5)", TypeError),
        ("len(run)[0] if False else len(metric)", TypeError),
        ("isinstance(1, 5)", TypeError),
        ("str(x for x in [1])", TypeError),
        ("{[1]: 2}", TypeError),
        ("set([[1]])", TypeError),
        ("[a for a, b in [1]]", ValueError),
        ("timedelta(days=10**12)", OverflowError),
        ("matches('a', 5)", TypeError),
    ):
        with pytest.raises(kind):
            value_of(expression, entity="metric")


def test_a_pattern_is_searched_for_in_linear_time() -> None:
    assert value_of(r"matches('data/train/a.txt', 'train/\w+\.txt$')") is True
    assert value_of("matches('größe', '^gr.ße$')") is True
    assert value_of("matches('x' * 100000, '(x+x+)+y')") is False
    assert value_of("matches(5, 'x')") is None
    assert value_of(r"matches('\ud800', '.')") is True
    with pytest.raises(PatternError, match="cannot be right"):
        compiled("(")
    with pytest.raises(LimitError):
        compiled("x" * 5000)
    with pytest.raises(LimitError):
        value_of("matches('x' * 1000000 + run.hash, '(?:a?){500}a{400}z')")


def test_the_budget_counts_steps_and_sizes_and_is_reset() -> None:
    budget = Budget()
    assert len(list(budget.iterate(range(1000), 2))) == 1000
    assert budget.fuel == FUEL_LIMIT - 2000
    budget.make(1000)
    assert budget.size == SIZE_LIMIT - 1000
    budget.reset()
    assert (budget.fuel, budget.size) == (FUEL_LIMIT, SIZE_LIMIT)
    with pytest.raises(LimitError, match="steps"):
        list(budget.iterate(range(FUEL_LIMIT + 1)))
    budget.reset()
    with pytest.raises(LimitError, match="characters"):
        budget.make(SIZE_LIMIT + 1)


def test_a_value_weighs_what_its_parts_weigh_each_time_that_they_stand_in_it() -> None:
    budget = Budget()
    text = "x" * 1000
    once = budget.weigh([text])
    assert 1000 < once < 1100
    assert budget.weigh([[text] * 100] * 100) > 100 * 100 * 1000
    assert budget.weigh({"a": [text], "b": (text,)}) > 2000
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(LimitError, match="nested deeper"):
        budget.weigh(deep)


def test_numbers_with_one_hash_cannot_make_a_set_slow() -> None:
    same = [number * (2**61 - 1) for number in range(5000)]
    with pytest.raises(LimitError):
        make_set(Budget(), same)
    with pytest.raises(LimitError):
        make_dict(Budget(), [(number, 1) for number in same])
    with pytest.raises(LimitError):
        make_set(Budget(), [(number,) for number in same])
    assert len(make_set(Budget(), range(5000))) == 5000


def test_the_elements_of_a_set_come_in_one_order() -> None:
    budget = Budget()
    assert list(budget.iterate({"b", "a", "c"})) == ["a", "b", "c"]
    assert list(budget.iterate({"b", 1, (2,)})) == [1, "b", (2,)]


def test_nothing_that_has_no_elements_is_looped_over() -> None:
    for value in (None, 5, 0.5, True, datetime(2024, 1, 1), len):
        assert list(Budget().iterate(value)) == []


def test_every_listed_method_can_be_called() -> None:
    """A name in the table that the type does not have would be found here."""
    examples: dict[type, Any] = {
        str: "a", list: [1], tuple: (1,), set: {1}, frozenset: frozenset({1}), dict: {"a": 1}, int: 5, bool: True,
        float: 0.5, datetime: datetime(2024, 1, 1), date: date(2024, 1, 1), time: time(5), timedelta: timedelta(1),
    }  # fmt: skip
    assert set(examples) == set(METHODS)
    guards = Guards(Budget())
    for kind, methods in METHODS.items():
        for name in methods:
            tries = [(), ("a",), (1,), ([1],), (["a"],), ("%d",), ("a", "b"), (5,)]
            found = [guards.call_method(examples[kind], name, *arguments) for arguments in tries]
            named = guards.call_method(examples[kind], name, day=2)
            assert any(value is not None for value in [*found, named]), (kind, name)


def test_a_text_compared_with_anything_else_takes_no_time() -> None:
    budget = Budget()
    guards = Guards(budget)
    nested = (((1,) * 50,) * 50,) * 50
    assert not guards.equal(nested, "text" * 1000)
    assert guards.unequal("text" * 1000, nested)
    assert guards.compare("<", nested, "text") is False
    left = budget.fuel
    assert not guards.equal(nested, [*nested])
    assert left > budget.fuel  # what has to be read side by side is counted
    budget.reset()
    assert left == budget.fuel
