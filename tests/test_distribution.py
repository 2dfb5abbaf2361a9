"""Distributions: what numpy counts comes back, exactly."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Distribution, Repo, Run, UsageError, ValueTypeError

finite = st.floats(-1e100, 1e100)


def stored(path, *distributions):
    with Run(repo=path, **QUIET) as run:
        for one in distributions:
            run.track(one, name="x")
    return Repo(path).get_run(run.hash).get_distribution_sequence("x").values.values_list()


def same(one, other):
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


@settings(deadline=None)
@given(arrays.arrays(np.float64, st.integers(1, 50), elements=finite), st.integers(1, 600))
def test_samples_are_counted_as_numpy_counts_them(samples, bin_count):
    found = Distribution(samples, bin_count).to_np_histogram()
    assert found[0].sum() == len(samples)
    assert (np.diff(found[1]) > 0).all()
    try:
        weights, edges = np.histogram(samples, bins=bin_count)
    except ValueError:  # too close for numpy
        return
    if np.diff(edges).min() > 8 * np.spacing(np.abs(edges).max()):
        assert same(found[0], weights)
        assert same(found[1], edges)


@settings(deadline=None, max_examples=25)
@given(
    st.one_of(
        arrays.arrays(np.float64, st.integers(1, 2000), elements=finite),
        arrays.arrays(np.int64, st.integers(1, 2000), elements=st.integers(-(2**62), 2**62)),
    ),
    st.tuples(finite, finite).filter(lambda ends: ends[0] < ends[1]),
)
def test_a_histogram_comes_back_exactly(tmp_path_factory, hist, ends):
    (found,) = stored(tmp_path_factory.mktemp("hist"), Distribution.from_histogram(hist, ends))
    assert same(found.weights, hist)
    assert found.range == ends
    assert len(found.ranges) == found.bin_count + 1 == len(hist) + 1


@pytest.mark.parametrize("bin_count", [2, 819, 820, 5000])
def test_many_bins_are_in_a_blob(tmp_path, bin_count):
    given_one = Distribution(np.arange(10_000), bin_count)
    (found,) = stored(tmp_path, given_one)
    assert same(found.weights, given_one.weights)
    assert found == given_one
    assert bool(list(tmp_path.glob(".runstone/blobs/*/*"))) == (bin_count >= 820)


@pytest.mark.parametrize(
    "samples", [[1, 2, 3], (True, False), np.float32([[1, 2], [3, 4]]), range(5), np.uint64([2**63])]
)
def test_any_numbers_will_do(samples):
    assert Distribution(samples).weights.sum() == np.asarray(samples).size
    assert Distribution.from_samples(samples, 3).bin_count == 3


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({}, "either samples or a histogram"),
        ({"samples": [1], "hist": [1]}, "either samples or a histogram"),
        ({"samples": []}, "there are none"),
        ({"samples": [1.0, float("nan"), float("inf")]}, "2 of 3 samples .* NaN or infinite"),
        ({"samples": ["a"]}, "are numbers, not <U1"),
        ({"samples": [[1], [1, 2]]}, "are numbers"),
        ({"samples": [1], "bin_count": 0}, "bin_count"),
        ({"samples": [1], "bin_count": 2.0}, "bin_count"),
        ({"samples": [1], "bin_count": True}, "bin_count"),
        ({"samples": [1], "bin_range": (0, 1)}, "belongs to hist"),
        ({"samples": [-1.7e308, 1.7e308]}, "too far apart"),
        ({"hist": [1]}, "bin_range is"),
        ({"hist": [1], "bin_range": (1, 1)}, "bin_range is"),
        ({"hist": [1], "bin_range": (0, float("inf"))}, "bin_range is"),
        ({"hist": [1], "bin_range": (0, 1, 2)}, "bin_range is"),
        ({"hist": [[1]], "bin_range": (0, 1)}, "list of weights"),
        ({"hist": [], "bin_range": (0, 1)}, "there are none"),
    ],
)
def test_what_is_no_distribution_is_refused(keywords, text):
    with pytest.raises(UsageError, match=text):
        Distribution(**keywords)


def test_a_wrong_type_is_a_type_error_as_well():
    with pytest.raises(ValueTypeError):
        Distribution(["a"])


def test_what_there_is_to_know_of_a_distribution():
    one = Distribution.from_histogram([1, 2], (0, 1))
    assert one.json() == {"bin_count": 2, "range": [0.0, 1.0]}
    assert repr(one) == "<Distribution of 2 bins from 0.0 to 1.0>"
