"""Compaction: few files, each point rewritten few times, and never another answer."""

import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from journals import (
    Journal,
    Scribe,
    assert_index_is_right,
    assert_same_answers,
    hash_of,
    index,
    new_repo,
    write_run,
)
from runstone_indexer import compaction
from runstone_indexer.columns import Columns, DamagedColumnsError, write_columns
from runstone_indexer.compaction import (
    FAN_OUT,
    LARGEST,
    SMALLEST,
    _living,
    compact_series,
    compact_states,
    next_to_merge,
)
from runstone_indexer.generation import open_generation
from runstone_indexer.indexer import Indexer
from runstone_indexer.states import GONE, StateFile, StateRow, dump_state, gone, state_columns
from runstone_writer.state import RunState

sizes = st.lists(st.one_of(st.integers(1, 10**6), st.integers(1, 10**10)), max_size=60)
MB = 1_000_000


@given(sizes)
@settings(max_examples=300)
def test_what_is_merged_are_neighbours_and_more_than_one(found):
    chosen = next_to_merge(found)
    if chosen is not None:
        start, end = chosen
        assert 0 <= start < end - 1 < len(found)
        assert sum(found[start:end]) <= LARGEST
        assert max(found[start:end]) < LARGEST / 2


def grown(added: list[int]) -> tuple[list[int], int]:
    """Add file after file, merging as the indexer does; return the files and how many bytes were rewritten."""
    files: list[int] = []
    rewritten = 0
    for size in added:
        files.append(size)
        chosen = next_to_merge(files)
        if chosen is not None:
            start, end = chosen
            rewritten += sum(files[start:end])
            files[start:end] = [sum(files[start:end])]
        large = sum(size >= LARGEST // 2 for size in files)
        assert len(files) <= 4 * FAN_OUT + 2 * large
    assert sum(files) == sum(added)
    return files, rewritten


@given(
    st.lists(st.one_of(st.integers(1, 10**7), st.integers(1, 10**5), st.integers(1, 4 * 10**8)), max_size=300)
)
@settings(max_examples=60, deadline=None)
def test_files_stay_few_and_no_byte_is_rewritten_often(added):
    _, rewritten = grown(added)
    assert rewritten <= 12 * sum(added)


def test_many_equal_files_are_merged_in_levels():
    files, _ = grown([SMALLEST] * 1000)
    assert files[0] >= max(files[1:])


def test_no_merged_file_is_so_large_that_it_would_not_fit_into_memory():
    files, rewritten = grown([2 * MB] * 3000)
    assert max(files) <= LARGEST
    assert len(files) < 60
    assert rewritten < 4 * 6000 * MB


def test_a_large_old_file_is_left_alone_by_small_new_ones():
    assert next_to_merge([10**8] + [1000] * FAN_OUT) is None
    assert next_to_merge([10**8] + [1000] * (FAN_OUT + 1)) == (1, FAN_OUT + 2)


def test_small_files_between_two_large_ones_become_one():
    assert next_to_merge([LARGEST, 1000, 1000, 1000, LARGEST, 5]) == (1, 4)
    assert next_to_merge([LARGEST, 3000, LARGEST, 5]) is None


def plain(number: int, name: str, value: int) -> StateRow:
    state = RunState(name)
    state.writer("19f6a5bd800-000000000000").last = value
    state.params.assign(("value",), (value, "w"), value)
    return StateRow(number, state, files=value, read=10 * value, document=value)


@pytest.mark.parametrize("seed", range(10))
def test_of_each_run_the_newest_row_is_kept_with_everything_in_it(seed, tmp_path):
    rng = random.Random(seed)
    newest: dict[int, StateRow] = {}
    entries = []
    for file in range(FAN_OUT + 2):
        rows = {n: plain(n, f"run{n}", 100 * file + n) for n in rng.sample(range(9), rng.randrange(1, 6))}
        if rng.random() < 0.3:
            rows[9] = gone(9)
        newest |= rows
        columns = state_columns([rows[n] for n in sorted(rows)])
        entries.append(write_columns(str(tmp_path / f"states-{file}.npz"), columns))
    (entry,) = compact_states(str(tmp_path), entries)
    merged = StateFile(Columns(str(tmp_path), entry))
    newest = {
        number: row for number, row in newest.items() if row.state.run != GONE
    }  # there is no older file
    assert merged.run.tolist() == sorted(newest)
    for at, number in enumerate(sorted(newest)):
        row, found = newest[number], merged.load(at)
        assert dump_state(found.state) == dump_state(row.state)
        assert (found.files, found.read, found.document) == (row.files, row.read, row.document)
        assert merged.hash(at) == row.state.run
        assert merged.row_named(row.state.run, name_key_of(row)) == at
        assert merged.column("created")[at] == row.state.created
    rewritten = state_columns([newest[n] for n in sorted(newest)])
    for name in ("run", "flags", "hash", "name", "state", "end"):
        np.testing.assert_array_equal(merged.column(name), rewritten[name])


def test_a_row_that_says_gone_stays_as_long_as_there_are_older_files(tmp_path, monkeypatch):
    rows = [[plain(0, "a", 1)], [plain(1, "b", 1)], [gone(0)]]
    entries = [
        write_columns(str(tmp_path / f"states-{n}.npz"), state_columns(found)) for n, found in enumerate(rows)
    ]
    monkeypatch.setattr(compaction, "next_to_merge", lambda _: (1, 3))
    merged = compact_states(str(tmp_path), entries)
    assert [Columns(str(tmp_path), entry)["run"].tolist() for entry in merged] == [[0], [0, 1]]
    monkeypatch.setattr(compaction, "next_to_merge", lambda _: (0, 2))
    (last,) = compact_states(str(tmp_path), merged)
    assert Columns(str(tmp_path), last)["run"].tolist() == [1]


def test_the_index_of_runs_that_come_and_go_stays_small(tmp_path):
    layout, sizes = new_repo(tmp_path), []
    with Indexer(layout) as indexer:
        for number in range(8 * FAN_OUT):
            write_run(layout, number, points=200)
            indexer.run_once()
            if number:
                shutil.rmtree(layout.run_folder(hash_of(number - 1)))
            generation = open_generation(layout)
            sizes.append(
                sum(entry["size"] for entry in generation.manifest.series + generation.manifest.states)
            )
        indexer.run_once()
    assert_index_is_right(layout)
    assert max(sizes) < 2 * max(sizes[: 2 * FAN_OUT])
    assert sum(len(file.run) for file in generation.states) <= 4 * FAN_OUT
    kept = {int(run) for file in generation.series for run in file._columns["key"] >> 32}
    assert len(kept) <= 2 * FAN_OUT


def test_files_that_are_half_dead_become_one(tmp_path, monkeypatch):
    monkeypatch.setattr(compaction, "next_to_merge", lambda _: None)
    monkeypatch.setattr(compaction, "MANY_ROWS", 3)
    monkeypatch.setattr(compaction, "MANY_POINTS", 20)
    layout, files = new_repo(tmp_path), []
    with Indexer(layout) as indexer:
        for number in range(12):
            write_run(layout, number, points=10)
            indexer.run_once()
            if number > 1:
                shutil.rmtree(layout.run_folder(hash_of(number - 2)))
                indexer.run_once(full=True)
            generation = open_generation(layout)
            stored = sum(len(file.run) for file in generation.states)
            points = sum(int(file._columns["count"].sum()) for file in generation.series)
            files.append(len(generation.states))
            assert stored - 2 <= max(2 + 2, 3)  # a run, and the row that says that it is gone
            assert points - generation.manifest.points <= max(generation.manifest.points, 20)
        assert min(files[2:]) == 1
        before = open_generation(layout).manifest
        indexer.run_once(full=True)
        assert open_generation(layout).manifest.files() == before.files()
    assert_index_is_right(layout)


def test_runs_that_are_gone_leave_no_names_and_texts_behind(tmp_path):
    layout = new_repo(tmp_path)
    with Indexer(layout) as indexer:
        for number in range(8 * FAN_OUT):
            journal = Journal(layout, hash_of(number), number)
            journal.set("who", value=f"a text of run {number}")
            journal.track(0.5, "loss", 0, subset=f"of run {number}")
            journal.end()
            indexer.run_once()
            if number:
                shutil.rmtree(layout.run_folder(hash_of(number - 1)))
        indexer.run_once()
    assert_index_is_right(layout)
    generation = open_generation(layout)
    for kept in (
        [text for file in generation.states for text in file.labels.texts()],
        [text for file in generation.states for text in file.table.raw_texts()],
    ):
        assert len(kept) <= 4 * FAN_OUT


def name_key_of(row: StateRow) -> int:
    from runstone_indexer.states import name_key

    return name_key(row.state.run)


def test_files_that_need_no_merging_are_left_as_they_are(tmp_path):
    entries = [
        write_columns(str(tmp_path / f"states-{i}.npz"), state_columns([plain(i, "a", 1)])) for i in range(3)
    ]
    assert compact_states(str(tmp_path), entries) is entries
    assert compact_series(str(tmp_path), [], []) == []


def test_a_damaged_file_is_never_merged_into_a_good_one(tmp_path):
    entries = []
    for i in range(FAN_OUT + 1):
        entries.append(write_columns(str(tmp_path / f"states-{i}.npz"), state_columns([plain(i, "a", 1)])))
    path = tmp_path / "states-3.npz"
    data = bytearray(path.read_bytes())
    data[entries[3]["columns"]["state"][2] + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedColumnsError, match=r"checksum.*states-3"):
        compact_states(str(tmp_path), entries)
    assert len(list(tmp_path.iterdir())) == FAN_OUT + 1


def test_damage_that_is_met_when_merging_makes_the_indexer_build_anew(tmp_path):
    layout = new_repo(tmp_path)
    for number in range(FAN_OUT):
        write_run(layout, number)
        index(layout)
    generation = open_generation(layout)
    assert generation is not None
    entry = generation.manifest.states[2]
    path = Path(generation.folder) / entry["file"]
    data = bytearray(path.read_bytes())
    data[entry["columns"]["state"][2] + 5] ^= 1
    path.write_bytes(data)
    write_run(layout, 99)
    index(layout)
    after = open_generation(layout)
    assert after is not None
    assert after.manifest.epoch != generation.manifest.epoch
    assert_index_is_right(layout)


@pytest.mark.parametrize("seed", range(3))
def test_merging_at_any_moment_leaves_all_answers_unchanged(seed, tmp_path, monkeypatch):
    """Merging is forced at random: all files, some of them, none."""
    rng = random.Random(seed)

    def any_neighbours(found: list[int]) -> tuple[int, int] | None:
        if len(found) < 2 or rng.random() < 0.3:
            return None
        start = rng.randrange(len(found) - 1)
        return start, rng.randrange(start + 2, len(found) + 1)

    monkeypatch.setattr(compaction, "next_to_merge", any_neighbours)
    layout = new_repo(tmp_path)
    scribe = Scribe(layout, seed)
    for _ in range(15):
        scribe.act(rng.randrange(1, 40))
        index(layout)
        assert_same_answers(layout)
    assert_index_is_right(layout)


def test_numbers_of_runs_that_there_cannot_be_are_damage(tmp_path):
    columns = state_columns([plain(0, "a", 1)])
    for number in (-1, 2**31, 2**62):
        path = tmp_path / f"states-{number}.npz"
        entry = write_columns(str(path), {**columns, "run": np.array([number])})
        with pytest.raises(DamagedColumnsError, match="cannot be"):
            _living(str(tmp_path), [entry])
