"""Merging series files: in any groups, again and again, and every sequence keeps its points."""

import random
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from runstone_indexer.chunk import Chunk, chunk_of
from runstone_indexer.columns import CRCS, Columns, write_columns
from runstone_indexer.merging import merged_series
from runstone_indexer.series import COLUMNS, SeriesFile
from test_series import addresses, assert_holds, chunks, write

Part = tuple[tuple[int, int, int], Chunk]


def merged(folder: Path, entries: list[Any], name: str) -> Any:
    return write_columns(
        str(folder / name), merged_series([Columns(str(folder), entry) for entry in entries])
    )


@given(
    pieces=st.lists(
        st.lists(st.tuples(addresses, st.one_of(chunks(), chunks(False))), min_size=1, max_size=4),
        min_size=2,
        max_size=7,
    ),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_neighbours_merged_in_any_order_give_the_same_points(tmp_path_factory, pieces, random):
    folder = tmp_path_factory.mktemp("series")
    parts = [part for piece in pieces for part in piece]
    entries = [write(folder, piece, f"series-{i}.npz") for i, piece in enumerate(pieces)]
    number = 0
    while len(entries) > 1:
        start = random.randrange(len(entries) - 1)
        end = random.randrange(start + 2, len(entries) + 1)
        number += 1
        entries[start:end] = [merged(folder, entries[start:end], f"merged-{number}.npz")]
        if random.random() < 0.5 or len(entries) == 1:
            assert_holds([SeriesFile(Columns(str(folder), entry)) for entry in entries], parts)


def even(run: int, first: int, count: int) -> Part:
    return (run, 0, 0), chunk_of([[0, first + i, float(i), i, 1] for i in range(count)], 0, True)


def test_a_sequence_that_is_joined_advances_evenly_again(tmp_path):
    entries = [write(tmp_path, [even(1, 10 * i, 10)], f"series-{i}.npz") for i in range(5)]
    columns = Columns(str(tmp_path), merged(tmp_path, entries, "merged.npz"))
    assert len(columns["key"]) == 1
    assert len(columns["steps"]) == 0
    assert SeriesFile(columns).find(1, 0)[0].chunk.steps.tolist() == list(range(50))


def test_the_chunk_table_of_a_merged_file_is_sorted(tmp_path):
    rng = random.Random(1)
    runs = list(range(80))
    rng.shuffle(runs)
    entries = []
    for i in range(4):
        mine = runs[20 * i : 20 * i + 20]
        entries.append(write(tmp_path, [even(run, 0, 3) for run in mine], f"series-{i}.npz"))
    columns = Columns(str(tmp_path), merged(tmp_path, entries, "merged.npz"))
    assert np.all(np.diff(columns["key"]) > 0)
    assert columns["count"].sum() == len(columns["values"]) == len(columns["times"]) == 80 * 3


def test_a_merged_file_has_the_columns_of_any_other_in_their_order(tmp_path):
    entries = [write(tmp_path, [even(i, 0, 5)], f"series-{i}.npz") for i in range(3)]
    assert tuple(merged(tmp_path, entries, "merged.npz")["columns"]) == (*COLUMNS, CRCS)


def test_files_that_have_nothing_in_common_are_copied_whole(tmp_path, monkeypatch):
    entries = [write(tmp_path, [even(i, 0, 5), even(10 + i, 0, 5)], f"series-{i}.npz") for i in range(3)]
    monkeypatch.setattr("runstone_indexer.merging.ranges", lambda *_: pytest.fail("gathered"))
    columns = Columns(str(tmp_path), merged(tmp_path, entries, "merged.npz"))
    assert columns["count"].tolist() == [5] * 6
    monkeypatch.undo()
    runs = (0, 10, 1, 11, 2, 12)
    assert [SeriesFile(columns).find(run, 0)[0].chunk.python_values() for run in runs] == [
        [0.0, 1.0, 2.0, 3.0, 4.0]
    ] * 6


def test_merging_holds_one_column_at_a_time(tmp_path):
    entries = []
    for file in range(4):
        runs = range(10_000 * file, 10_000 * (file + 1))
        entries.append(write(tmp_path, [even(run, 0, 1) for run in runs], f"series-{file}.npz"))
    size = sum(entry["size"] for entry in entries)
    files = [Columns(str(tmp_path), entry) for entry in entries]
    tracemalloc.start()
    try:
        entry = write_columns(str(tmp_path / "merged.npz"), merged_series(files))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert Columns(str(tmp_path), entry).length("values") == 40_000
    assert most < size / 4
