"""Series files: what goes in comes out, sequence by sequence, however it is split over files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstone_indexer.chunk import OBJECT, Chunk, between, chunk_of, join
from runstone_indexer.columns import Columns, write_columns
from runstone_indexer.series import SeriesBuffer, SeriesFile
from runstone_indexer.summary import to_json

BASE = 1_795_000_000_000_000

values = st.one_of(
    st.floats(),
    st.integers(-3, 3),
    st.sampled_from([2**53 + 1, -(2**63), 2**64 - 1, 2**64, 10**30, -(10**400)]),
)
objects = st.one_of(
    st.text(), st.none(), st.dictionaries(st.text(), st.one_of(st.integers(-9, 9), st.floats(0, 1)))
)
plans = st.one_of(
    st.tuples(st.integers(-5, 5), st.integers(-3, 3)),
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.sampled_from([1, -1, 2**62, 2**31, 2**31 - 1])),
)
addresses = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1))


@st.composite
def chunks(draw: Any, is_number: bool = True) -> Chunk:
    """A chunk: steps that advance evenly, wrap around at the ends of 64 bits, or are any."""
    count = draw(st.integers(1, 6))
    first, stride = draw(plans)
    even = [(first + stride * i + 2**63) % 2**64 - 2**63 for i in range(count)]
    any_steps = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=count, max_size=count)
    fractional = st.lists(st.sampled_from([0.5, 1.0, -2.25]), min_size=count, max_size=count)
    steps = draw(st.one_of(st.just(even), any_steps, fractional))
    rows = []
    for i, step in enumerate(steps):
        value = draw(values if is_number else objects)
        epoch = draw(st.sampled_from([[], [], [2], [0.5]]))
        rows.append([0, step, to_json(value) if is_number else value, i, *epoch, 1])
    return chunk_of(rows, BASE, is_number)


def same(one: Chunk, other: Chunk) -> bool:
    assert repr(one.python_values()) == repr(other.python_values())
    assert one.steps.dtype == other.steps.dtype
    assert one.steps.tolist() == other.steps.tolist()
    assert one.times.tolist() == other.times.tolist()
    assert (one.epochs is None) == (other.epochs is None)
    if one.epochs is not None and other.epochs is not None:
        np.testing.assert_array_equal(one.epochs, other.epochs)
    np.testing.assert_array_equal(one.values, other.values)
    return True


def write(folder: Path, parts: list[tuple[tuple[int, int, int], Chunk]], name: str = "series-1.npz") -> Any:
    buffer = SeriesBuffer()
    for address, chunk in parts:
        buffer.add(address, chunk)
    assert buffer.points == sum(len(chunk.steps) for _, chunk in parts)
    return write_columns(str(folder / name), buffer.columns())


def expected(
    parts: list[tuple[tuple[int, int, int], Chunk]], run: int, place: int
) -> list[tuple[int, Chunk]]:
    """By writer, each writer's points in the order in which they came."""
    mine = [(address[2], chunk) for address, chunk in parts if address[:2] == (run, place)]
    return [
        (writer, join([chunk for by, chunk in mine if by == writer]))
        for writer in sorted({by for by, _ in mine})
    ]


def assert_holds(files: list[SeriesFile], parts: list[tuple[tuple[int, int, int], Chunk]]) -> None:
    for run in range(4):
        for place in range(3):
            found = [item for file in files for item in file.find(run, place)]
            wanted = expected(parts, run, place)
            assert sorted({item.writer for item in found}) == [writer for writer, _ in wanted]
            for writer, chunk in wanted:
                assert same(join([item.chunk for item in found if item.writer == writer]), chunk)
            key = np.array([run << 32 | place], np.int64)
            many = [item for file in files for _, item in file.find_many(key)]
            assert [item.writer for item in many] == [item.writer for item in found]
            assert all(same(a.chunk, b.chunk) for a, b in zip(many, found, strict=True))


@given(parts=st.lists(st.tuples(addresses, chunks()), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_every_sequence_of_a_file_is_found_with_its_points(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("series")
    file = SeriesFile(Columns(str(folder), write(folder, parts)))
    assert file.points == sum(len(chunk.steps) for _, chunk in parts)
    assert_holds([file], parts)


@given(parts=st.lists(st.tuples(addresses, chunks(False)), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_values_of_any_type_are_found_again(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("series")
    assert_holds([SeriesFile(Columns(str(folder), write(folder, parts)))], parts)


limits = st.sampled_from([None, -4, -1, 0, 0.5, 1, 2, 5, 2.0**62])


@given(
    parts=st.lists(st.tuples(addresses, st.one_of(chunks(), chunks(False))), min_size=1, max_size=4),
    low=limits,
    high=limits,
)
@settings(max_examples=150, deadline=None)
def test_of_some_steps_only_what_stands_there_is_read(tmp_path_factory, parts, low, high):
    folder = tmp_path_factory.mktemp("series")
    file = SeriesFile(Columns(str(folder), write(folder, parts)))
    for run, place in {address[:2] for address, _ in parts}:
        everything = file.find(run, place)
        steps = [(writer, found.tolist()) for writer, found in file.steps(run, place)]
        assert steps == [(writer, chunk.steps.tolist()) for writer, chunk in everything]
        for (writer, part), (by, whole) in zip(file.find(run, place, low, high), everything, strict=True):
            assert writer == by
            assert same(between(part, low, high), between(whole, low, high))
            ends = [part.steps[0], part.steps[-1]] if len(part.steps) else []
            assert all((low is None or step >= low) and (high is None or step < high) for step in ends)
            assert len(part.exact) <= len(part.steps)


@pytest.mark.parametrize(
    ("steps", "bytes_each"),
    [(range(100), 0), (range(0, 1000, 10), 0), (range(50, -50, -1), 0), ([3] * 100, 0), ([0, 1, 3] * 9, 8),
     ([0.5, 1.5, 2.5], 8)],
)  # fmt: skip
def test_steps_that_advance_evenly_cost_nothing(tmp_path, steps, bytes_each):
    chunk = chunk_of([[0, step, 0.5, i, 1] for i, step in enumerate(steps)], BASE, True)
    columns = Columns(str(tmp_path), write(tmp_path, [((0, 0, 0), chunk)]))
    assert columns["steps"].nbytes == bytes_each * len(chunk.steps)
    assert same(SeriesFile(columns).find(0, 0)[0].chunk, chunk)


def test_a_chunk_is_known_to_be_in_order_only_if_it_is(tmp_path):
    wrapped = [0, 2**62, -(2**63)]
    chunk = chunk_of([[0, step, 0.5, i, 1] for i, step in enumerate(wrapped)], BASE, True)
    found = SeriesFile(Columns(str(tmp_path), write(tmp_path, [((0, 0, 0), chunk)]))).find(0, 0)[0].chunk
    assert not found.ordered
    assert found.steps.tolist() == wrapped


def test_a_file_that_got_objects_into_a_sequence_of_numbers_keeps_both(tmp_path):
    numbers = chunk_of([[0, 0, 1.5, 0, 1], [0, 1, "inf", 0, 1]], BASE, True)
    texts = chunk_of([[0, 2, {"text": "x"}, 0, 1]], BASE, False)
    file = SeriesFile(Columns(str(tmp_path), write(tmp_path, [((0, 0, 0), numbers), ((0, 0, 0), texts)])))
    found = file.find(0, 0)[0].chunk
    assert found.kind == OBJECT
    assert found.python_values() == [1.5, "inf", {"text": "x"}]


def test_a_sequence_that_is_not_there_has_no_chunks(tmp_path):
    chunk = chunk_of([[0, 0, 0.5, 0, 1]], BASE, True)
    file = SeriesFile(Columns(str(tmp_path), write(tmp_path, [((1, 1, 0), chunk)])))
    assert file.find(1, 0) == file.find(1, 2) == file.find(0, 1) == file.find(2, 1) == []
    assert list(file.find_many(np.zeros(0, np.int64))) == []
