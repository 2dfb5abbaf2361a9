"""Chunks: points as columns, exactly as they were tracked, joined and merged as lists would be."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstone_indexer.chunk import (
    EMPTY,
    FLOAT,
    INT,
    MIXED,
    OBJECT,
    Chunk,
    by_sequence,
    chunk_of,
    join,
    merge,
    take,
)
from runstone_indexer.summary import to_json

BASE = 1_795_000_000_000_000

numbers = st.one_of(
    st.floats(),
    st.integers(-5, 5),
    st.sampled_from(
        [2**53, 2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, -(2**63), 2**64, 10**30, 10**400, -(10**400)]
    ),
)
steps = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3))
some_fractional = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -2.25, 1.0]))
epochs = st.one_of(st.none(), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False))
objects = st.one_of(
    st.text(),
    st.just("nan"),
    st.none(),
    st.dictionaries(st.text(), st.integers(-9, 9)),
    st.integers(0, 2**64 - 1),
)


@st.composite
def rows(draw: Any, value: Any = numbers, step: Any = None) -> list[list[Any]]:
    """Points the way that a log has them: [sequence, step, value, dt(, epoch), crc]."""
    step = draw(st.sampled_from([steps, some_fractional])) if step is None else step
    found = []
    for i in range(draw(st.integers(1, 12))):
        epoch = draw(epochs)
        found.append([0, draw(step), to_json(draw(value)), i, *([] if epoch is None else [epoch]), 7])
    return found


def whole(number: float) -> float:
    return int(number) if float(number).is_integer() and abs(number) < 2**62 else number


def as_lists(chunk: Chunk) -> list[tuple[Any, ...]]:
    """Points as tuples of what can be compared: step, value, time, epoch."""
    nothing = np.full(len(chunk.steps), math.nan)
    columns = chunk.steps.tolist(), chunk.python_values(), chunk.times.tolist()
    found = chunk.epochs if chunk.epochs is not None else nothing
    return [(whole(s), repr(v), t, repr(e)) for s, v, t, e in zip(*columns, found.tolist(), strict=True)]


def expected(points: list[list[Any]], value_of: Any) -> list[tuple[Any, ...]]:
    found = []
    for row in points:
        epoch = float(row[4]) if len(row) > 5 else math.nan
        found.append((whole(row[1]), repr(value_of(row[2])), (BASE + row[3]) / 1e6, repr(epoch)))
    return found


def number(value: Any) -> Any:
    if isinstance(value, str):
        return float(value)
    return int(value["$int"], 16) if isinstance(value, dict) else value


@given(rows())
@settings(max_examples=300, deadline=None)
def test_points_come_back_as_they_were_tracked(points):
    assert as_lists(chunk_of(points, BASE, True)) == expected(points, number)


@given(rows(objects))
@settings(max_examples=200, deadline=None)
def test_values_of_any_other_type_come_back_as_they_stand_in_the_log(points):
    chunk = chunk_of(points, BASE, False)
    assert chunk.kind == OBJECT
    assert as_lists(chunk) == expected(points, lambda value: value)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_joining_pieces_gives_what_one_piece_would_have_been(data):
    points = data.draw(rows())
    cuts = sorted({0, len(points), *data.draw(st.lists(st.integers(0, len(points)), max_size=3))})
    pieces = [chunk_of(points[a:b], BASE, True) for a, b in itertools.pairwise(cuts)]
    joined, at_once = join(pieces), chunk_of(points, BASE, True)
    assert as_lists(joined) == as_lists(at_once)
    assert joined.steps.dtype == at_once.steps.dtype


@given(st.lists(st.tuples(st.sampled_from("abc"), rows(step=st.integers(-3, 3))), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_merging_sorts_by_step_writer_and_position_in_the_log(pieces):
    merged, writers, by = merge([(writer, chunk_of(points, BASE, True)) for writer, points in pieces])
    flat = [
        (row[0], writer, i, row)
        for i, (writer, row) in enumerate((w, r) for w, points in pieces for r in expected(points, number))
    ]
    ordered = sorted(flat, key=lambda item: item[:3])
    assert as_lists(merged) == [row for *_, row in ordered]
    assert writers == sorted({writer for writer, _ in pieces})
    whose = [0] * len(flat) if by is None else by.tolist()
    assert [writers[i] for i in whose] == [writer for _, writer, *_ in ordered]
    assert (by is None) == (len(writers) == 1)


def test_points_that_stand_in_order_are_not_copied():
    chunk = chunk_of([[0, step, 0.5, step, 1] for step in range(5)], BASE, True)
    merged, _, _ = merge([("w", chunk)])
    assert merged.values is chunk.values


@given(rows(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_taking_points_in_any_order_takes_everything_about_them(points, random):
    chunk = chunk_of(points, BASE, True)
    order = list(range(len(points)))
    random.shuffle(order)
    assert as_lists(take(chunk, np.array(order))) == [as_lists(chunk)[i] for i in order]


@pytest.mark.parametrize(
    ("values", "kind"),
    [([1.0, 2.5], FLOAT), ([1, 2], INT), ([1, 2.0], MIXED), (["nan", 1.0], FLOAT), (["nan", 1], MIXED)],
)
def test_the_kind_of_a_chunk_says_what_its_values_are(values, kind):
    assert chunk_of([[0, i, v, 0, 1] for i, v in enumerate(values)], BASE, True).kind == kind


def test_whole_steps_are_kept_as_integers_however_they_were_written():
    chunk = chunk_of([[0, 1.0, 0.5, 0, 1], [0, 2, 0.5, 0, 1]], BASE, True)
    assert chunk.steps.dtype == np.int64
    assert chunk_of([[0, 1.5, 0.5, 0, 1]], BASE, True).steps.dtype == np.float64


def test_a_sequence_that_held_numbers_and_then_something_else_keeps_both():
    joined = join(
        [chunk_of([[0, 0, "nan", 0, 1]], BASE, True), chunk_of([[0, 1, {"text": "x"}, 0, 1]], BASE, False)]
    )
    assert joined.python_values() == ["nan", {"text": "x"}]


@pytest.mark.parametrize("value", ["one", None, {"$int": 5}, True, [1], {"text": "x"}, "NaN"])
def test_values_that_are_not_of_the_sequences_kind_are_refused(value):
    with pytest.raises((ValueError, TypeError)):
        chunk_of([[0, 1, value, 0, 1]], BASE, True)


def test_rows_are_sorted_by_sequence_in_their_order():
    assert by_sequence([[1, "a"], [0, "b"], [1, "c"]]) == {1: [[1, "a"], [1, "c"]], 0: [[0, "b"]]}


def test_an_empty_chunk_has_no_points():
    assert EMPTY.python_values() == []
