"""Thinning and smoothing: real points, no peak lost, and averages that are those of a plain loop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstone_ui.desk.smoothing import smoothed
from runstone_ui.desk.thinning import thinned

numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-5, 5).map(float)
ascending = st.lists(st.floats(-1e6, 1e6), max_size=200).map(sorted)
anywhere = st.lists(numbers, max_size=200)


@st.composite
def lines(draw: st.DrawFn) -> tuple[Any, Any]:
    x = draw(ascending | anywhere)
    y = draw(st.lists(numbers, min_size=len(x), max_size=len(x)))
    return np.array(x, float), np.array(y, float)


@given(lines(), st.integers(2, 60))
def test_what_is_kept_was_tracked_and_is_in_order(line: tuple[Any, Any], points: int) -> None:
    x, y = line
    places = thinned(x, y, points).tolist()
    assert places == sorted(set(places))
    assert all(0 <= place < len(x) for place in places)
    if len(x) <= points:
        assert places == list(range(len(x)))
    else:
        assert len(places) <= points + 2
        assert np.isfinite(x[places]).all()
        assert np.isfinite(y[places]).all()


@given(lines(), st.integers(2, 60))
def test_the_first_the_last_the_lowest_and_the_highest_are_kept(line: tuple[Any, Any], points: int) -> None:
    x, y = line
    places = thinned(x, y, points)
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(finite):
        return
    kept = places[np.isin(places, finite)]
    assert (kept[0], kept[-1]) == (finite[0], finite[-1])
    assert (y[kept].min(), y[kept].max()) == (y[finite].min(), y[finite].max())


@given(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=300), st.integers(2, 40), st.data())
def test_each_bucket_keeps_its_extremes(values: list[float], points: int, data: st.DataObject) -> None:
    """Told by a plain loop over the buckets."""
    gaps = data.draw(st.lists(st.sampled_from([0.0, 1.0, 50.0]), min_size=len(values), max_size=len(values)))
    x, y = np.cumsum(gaps), np.array(values)
    if len(x) <= points or x[-1] == x[0]:
        return
    kept, buckets = set(thinned(x, y, points).tolist()), points // 2
    seen: dict[int, list[int]] = {}
    for place, at in enumerate(x.tolist()):
        number = min(int((at - x[0]) / (x[-1] - x[0]) * buckets), buckets - 1)
        seen.setdefault(number, []).append(place)
    for places in seen.values():
        assert min(places, key=lambda place: y[place]) in kept
        assert max(places, key=lambda place: y[place]) in kept


def test_a_single_peak_among_a_million_points_is_kept() -> None:
    y = np.zeros(1_000_000)
    y[123_457] = 1.0
    assert 123_457 in thinned(np.arange(1_000_000.0), y, 600).tolist()


def test_a_range_that_overflows_is_cut_by_places() -> None:
    x = 1.7e308 * np.linspace(-1, 1, 1000)
    places = thinned(x, np.sin(np.arange(1000.0)), 100)
    assert 50 <= len(places) <= 102


def plainly(values: list[float], weight: float) -> list[float]:
    """The same average, one value after the other."""
    found, average, rest = [], 0.0, 1.0
    for value in values:
        average = weight * average + (1 - weight) * value
        rest *= weight
        found.append(average / (1 - rest))
    return found


@given(st.lists(st.floats(-1e12, 1e12), max_size=300), st.floats(0.001, 0.999))
def test_averages_are_those_of_a_plain_loop(values: list[float], weight: float) -> None:
    found = smoothed(np.array(values, float), weight)
    scale = plainly([abs(value) for value in values], weight)
    for mine, expected, size in zip(found.tolist(), plainly(values, weight), scale, strict=True):
        assert (
            abs(mine - expected) <= 1e-9 * size + 1e-300
        )  # below that, halves of the smallest floats are lost


@pytest.mark.parametrize("weight", [0.001, 0.3, 0.5, 0.9, 0.99, 0.999])
def test_long_lines_are_smoothed_just_as_exactly(weight: float) -> None:
    values = np.cumsum(np.random.default_rng(7).normal(size=100_000))
    np.testing.assert_allclose(
        smoothed(values, weight), plainly(values.tolist(), weight), rtol=1e-9, atol=1e-9
    )


def test_a_constant_stays_what_it_is_from_the_first_point_on() -> None:
    np.testing.assert_allclose(smoothed(np.full(5000, 3.5), 0.99), 3.5, rtol=1e-12)


def test_the_largest_floats_do_not_overflow() -> None:
    assert smoothed(np.full(1000, 1.7e308), 0.9).tolist() == pytest.approx([1.7e308] * 1000)
    assert smoothed(np.array([1e300, 0.0, 0.0]), 0.5)[0] == pytest.approx(1e300)


def test_without_weight_nothing_changes_and_nothing_is_nothing() -> None:
    assert smoothed(np.array([1.0, 2.0]), 0.0).tolist() == [1.0, 2.0]
    assert smoothed(np.zeros(0), 0.5).tolist() == []
    assert math.isclose(smoothed(np.array([4.0]), 0.7)[0], 4.0)
