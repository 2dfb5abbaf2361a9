"""Summaries: the same in whatever pieces the points come, and exactly what counting by hand gives."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runstone_indexer.summary import Summary, from_json, to_json

Point = tuple[float, Any]  # step, value

floats = st.one_of(
    st.floats(),
    st.sampled_from(
        [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7976931348623157e308, 1e308, -1e308]
    ),
)
ints = st.one_of(
    st.integers(-3, 3), st.integers(), st.sampled_from([2**53 + 1, -(2**63), 2**64, 10**400, -(10**400)])
)
steps = st.one_of(st.integers(-4, 4), st.sampled_from([0.5, -0.5, 1.0, 2**53]))
points = st.lists(st.tuples(steps, st.one_of(floats, ints)), max_size=12)
streams = st.dictionaries(st.sampled_from("abc"), points, min_size=1)


def fed(batches: list[tuple[str, list[Point]]]) -> Summary:
    """Feed batches the way that `fold` does."""
    summary = Summary()
    for writer, batch in batches:
        values = [value for _, value in batch]
        all_floats = all(type(value) is float for value in values)
        array = np.array([step for step, _ in batch])
        summary.add(writer, array, values, np.array(values) if all_floats else None)
        if not all_floats:
            summary.add_numbers(values)
    return summary


def pieces(draw: Any, points_of: dict[str, list[Point]]) -> list[tuple[str, list[Point]]]:
    """Cut each writer's points into batches, and shuffle the writers' batches together."""
    left = {writer: list(found) for writer, found in points_of.items() if found}
    batches = []
    while left:
        writer = draw(st.sampled_from(sorted(left)))
        size = draw(st.integers(1, len(left[writer])))
        batches.append((writer, left[writer][:size]))
        left[writer] = left[writer][size:]
        if not left[writer]:
            del left[writer]
    return batches


def by_hand(points_of: dict[str, list[Point]]) -> dict[str, Any]:
    rows = [(s, w, i, v) for w, found in points_of.items() for i, (s, v) in enumerate(found)]
    numbers = [value for *_, value in rows if value == value]
    first, last = min(rows, key=lambda row: row[:3]), max(rows, key=lambda row: row[:3])
    return {
        "count": len(rows),
        "nans": len(rows) - len(numbers),
        "first": (first[0], first[1], first[3]),
        "last": (last[0], last[1], last[3]),
        "low": min(numbers, default=None),
        "high": max(numbers, default=None),
        "mean": mean_by_hand(numbers),
    }


def mean_by_hand(numbers: list[Any]) -> float | None:
    if not numbers:
        return None
    ends = {n for n in numbers if type(n) is float and math.isinf(n)}
    if ends:
        return math.nan if len(ends) == 2 else ends.pop()
    total = sum(map(Fraction, numbers), Fraction(0))
    if not sum(n for n in numbers if type(n) is int):
        try:
            return float(total) / len(numbers)
        except OverflowError:
            pass
    try:
        return float(total / len(numbers))
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def same(one: Any, other: Any) -> bool:
    return one == other or (one != one and other != other)


@given(st.data(), streams)
@settings(max_examples=400, deadline=None)
def test_any_split_and_order_of_batches_gives_what_counting_by_hand_gives(data, points_of):
    batches = pieces(data.draw, points_of)
    if not batches:
        return
    summary, expected = fed(batches), by_hand(points_of)
    for name in ("count", "nans", "low", "high"):
        assert getattr(summary, name) == expected[name], name
    for name in ("first", "last"):
        found = getattr(summary, name)
        assert found[:2] == expected[name][:2]
        assert same(found[2], expected[name][2])
        assert type(found[2]) is type(expected[name][2])
    assert same(summary.mean(), expected["mean"])


@given(st.data(), streams)
@settings(max_examples=400, deadline=None)
def test_two_splits_of_the_same_points_are_kept_as_the_same_bytes(data, points_of):
    one, other = pieces(data.draw, points_of), pieces(data.draw, points_of)
    assert orjson.dumps(fed(one).dump()) == orjson.dumps(fed(other).dump())


@given(st.data(), streams, streams)
@settings(max_examples=200, deadline=None)
def test_a_summary_that_was_kept_goes_on_as_if_it_had_never_been_away(data, before, after):
    first, second = pieces(data.draw, before), pieces(data.draw, after)
    kept = Summary.load(orjson.loads(orjson.dumps(fed(first).dump())))
    assert repr(kept.dump()) == repr(fed(first).dump())
    for writer, batch in second:
        values = [value for _, value in batch]
        kept.add(writer, np.array([step for step, _ in batch]), values, None)
        kept.add_numbers(values)
    assert orjson.dumps(kept.dump()) == orjson.dumps(fed(first + second).dump())


@given(st.lists(floats, max_size=30))
@example([1e308, 1e308, -1e308, -1e308])
@example([1e308] * 20)
@example([0.1] * 10)
@settings(max_examples=300, deadline=None)
def test_the_sum_behind_the_mean_is_exact(values):
    kept = [value for value in values if math.isfinite(value)]
    summary = fed([("w", [(0, value)]) for value in values])
    total = (
        summary.sums if isinstance(summary.sums, Fraction) else sum(map(Fraction, summary.sums), Fraction(0))
    )
    assert total == sum(map(Fraction, kept), Fraction(0))


def test_a_sum_that_overflowed_and_came_back_is_kept_as_if_it_never_had():
    there_and_back = fed([("w", [(0, 1e308)] * 5), ("w", [(0, -1e308)] * 5), ("w", [(0, 0.5)])])
    assert there_and_back.sums == [0.5]
    assert isinstance(fed([("w", [(0, 1e308)] * 5)]).sums, Fraction)


@pytest.mark.parametrize("values", [[-0.0, 0.0, 0], [0, -0.0, 0.0], [0.0, 0, -0.0]])
def test_of_equal_zeros_the_lowest_and_the_highest_do_not_depend_on_their_order(values):
    summary = fed([("w", [(0, value)]) for value in values])
    assert (repr(summary.low), repr(summary.high)) == ("-0.0", "0.0")


def test_the_last_of_several_points_at_the_highest_step_is_the_last_one_of_the_latest_writer():
    summary = fed([("b", [(3, 1.0), (3, 2.0)]), ("a", [(3, 9.0)]), ("b", [(1, 5.0)])])
    assert summary.last == (3, "b", 2.0)
    assert summary.first == (1, "b", 5.0)


def test_an_integer_beyond_the_floats_has_a_mean():
    assert fed([("w", [(0, 10**400)])]).mean() == math.inf
    assert fed([("w", [(0, -(10**400)), (1, 1.5)])]).mean() == -math.inf
    assert fed([("w", [(0, 10**400), (1, -(10**400)), (2, 3)])]).mean() == 1.0


def test_a_sequence_of_nan_has_no_lowest_value_and_no_mean():
    summary = fed([("w", [(0, math.nan), (1, math.nan)])])
    assert (summary.count, summary.low, summary.high, summary.mean()) == (2, None, None, None)


def test_values_that_are_no_numbers_come_back_as_they_were_even_if_they_read_like_numbers():
    for value in ("nan", "inf", "-inf", {"$int": "0x1"}, {"text": "nan"}, None):
        summary = Summary()
        summary.add("w", np.array([0]), [value], None)
        kept = Summary.load(orjson.loads(orjson.dumps(summary.dump())))
        assert kept.first == (0, "w", value)
        assert kept.last == (0, "w", value)
        assert kept.mean() is None


@given(st.one_of(floats, ints))
def test_a_number_is_read_back_from_json_as_it_was(value):
    found = from_json(orjson.loads(orjson.dumps(to_json(value))))
    assert repr(found) == repr(value)
