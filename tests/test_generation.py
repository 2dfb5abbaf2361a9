"""Generations: what was opened stays as it is, whatever is published, merged, rebuilt or deleted meanwhile."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, hash_of, index, new_repo, write_run
from runstone_indexer import generation as module
from runstone_indexer.chunk import join
from runstone_indexer.generation import Generation, epoch_folder, fault_of, open_generation
from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import manifest_path, publish
from runstone_indexer.parameters import stamp_of
from runstone_writer.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def opened(layout: Layout, current: Generation | None = None) -> Generation:
    generation = open_generation(layout, current)
    assert generation is not None
    return generation


def names(generation: Generation, runs: list[int] | None = None) -> list[str]:
    numbers = None if runs is None else np.array(runs, np.int64)
    return sorted(file.hash(row) for file, rows in generation.locate(numbers) for row in rows.tolist())


def losses(generation: Generation, run: str) -> list[float]:
    row = generation.find(run)
    assert row is not None
    place = row.state.find("loss", {}).place
    return join([found.chunk for found in generation.chunks(row.run, place)]).python_values()


def test_a_repository_without_an_index_has_no_generation(layout):
    assert open_generation(layout) is None
    assert fault_of(layout) is None


def test_runs_are_found_by_hash_by_number_and_all_together(layout):
    for number in range(5):
        write_run(layout, number)
    index(layout)
    generation = opened(layout)
    assert names(generation) == [hash_of(n) for n in range(5)]
    for n in range(5):
        row = generation.find(hash_of(n))
        assert row is not None
        assert generation.row(row.run).state.run == hash_of(n)
        assert names(generation, [row.run]) == [hash_of(n)]
        assert losses(generation, hash_of(n)) == [n + step / 10 for step in range(3)]
    assert generation.find("nobody") is generation.row(99) is None
    assert not generation.knows("nobody")


def test_with_several_state_files_each_run_comes_once_from_its_newest_row(layout):
    journals = [write_run(layout, n, end=False) for n in range(6)]
    index(layout)
    for n in (1, 3):
        journals[n].prop("name", "renamed")
        index(layout)
    journals[3].delete()
    journals[5].delete()
    index(layout)
    generation = opened(layout)
    assert len(generation.states) == 4
    assert names(generation) == [hash_of(n) for n in (0, 1, 2, 4)]
    assert names(generation, [0, 3, 5]) == [
        hash_of(n) for n in range(6) if generation.find(hash_of(n)).run == 0
    ]
    assert generation.find(hash_of(1)).state.name == "renamed"
    assert generation.find(hash_of(3)).state.deleted


def test_the_points_of_a_sequence_are_gathered_from_all_files(layout):
    journal = Journal(layout, "run", 0)
    for step in range(5):
        journal.track(float(step), step=step)
        index(layout)
    generation = opened(layout)
    assert len(generation.series) == 5
    assert losses(generation, "run") == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_generation_that_is_still_published_is_not_opened_again(layout):
    write_run(layout, 1)
    index(layout)
    first = opened(layout)
    assert open_generation(layout, first) is first
    write_run(layout, 2)
    index(layout)
    second = opened(layout, first)
    assert second is not first
    assert names(first) == [hash_of(1)]
    assert names(second) == [hash_of(1), hash_of(2)]


def test_files_that_two_generations_have_in_common_are_mapped_once(layout):
    write_run(layout, 1)
    index(layout)
    first = opened(layout)
    write_run(layout, 2)
    index(layout)
    second = opened(layout, first)
    assert second.states[-1] is first.states[0]
    assert second.series[0] is first.series[0]


def test_an_opened_generation_is_not_disturbed_by_merging_rebuilding_and_deleting(layout):
    journal = Journal(layout, "run", 0)
    kept = []
    for step in range(20):
        journal.track(float(step), step=step)
        index(layout)
        kept.append(opened(layout))
    Indexer(layout).reindex()
    shutil.rmtree(layout.index)
    for step, generation in enumerate(kept):
        assert losses(generation, "run") == [float(i) for i in range(step + 1)]


def test_a_file_that_is_merged_away_while_a_reader_opens_it_leads_to_the_newer_generation(
    layout, monkeypatch
):
    journal = Journal(layout, "run", 0)
    for step in range(6):
        journal.track(float(step), step=step)
        index(layout)
    read = module.manifest_bytes
    calls = []

    def read_and_then_merge(where: Layout):
        data = read(where)
        if not calls:
            calls.append(1)
            journal.track(9.0, step=9)
            index(layout)  # the seventh file: all become one
        return data

    monkeypatch.setattr(module, "manifest_bytes", read_and_then_merge)
    assert losses(opened(layout), "run") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0]


def epoch_of(layout: Layout) -> Path:
    return Path(opened(layout).folder)


@pytest.mark.parametrize("kind", ["states", "series"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut", "longer"])
def test_an_index_with_a_broken_file_is_as_good_as_none_and_the_reason_is_told(layout, kind, how):
    write_run(layout, 1)
    index(layout)
    path = next(epoch_of(layout).glob(f"{kind}-*.npz"))
    if how == "missing":
        path.unlink()
    else:
        os.truncate(path, {"empty": 0, "cut": 100, "longer": path.stat().st_size + 1}[how])
    assert open_generation(layout) is None
    assert isinstance(fault_of(layout), OSError)
    assert path.name in str(fault_of(layout))


@pytest.mark.parametrize("damage", [b"", b"{}", b"\0" * 100])
def test_an_index_with_a_garbled_manifest_is_as_good_as_none(layout, damage):
    write_run(layout, 1)
    index(layout)
    Path(manifest_path(layout)).write_bytes(damage)
    assert open_generation(layout) is None
    assert "not as it was written" in str(fault_of(layout))


def test_an_index_without_tantivys_files_is_as_good_as_none(layout):
    write_run(layout, 1)
    index(layout)
    shutil.rmtree(epoch_of(layout) / "params")
    assert open_generation(layout) is None
    assert "params" in str(fault_of(layout))


def test_a_tantivy_index_that_is_older_than_the_manifest_is_not_used(layout, tmp_path):
    """As in a copy that was made while a generation was being published."""
    write_run(layout, 1)
    index(layout)
    params = epoch_of(layout) / "params"
    shutil.copytree(params, tmp_path / "older")
    write_run(layout, 2)
    index(layout)
    shutil.rmtree(params)
    shutil.copytree(tmp_path / "older", params)
    assert open_generation(layout) is None
    assert "older" in str(fault_of(layout))


def test_a_tantivy_index_that_is_newer_than_the_manifest_is_used(layout, tmp_path):
    """As after a kill between Tantivy's commit and the publication."""
    write_run(layout, 1)
    index(layout)
    shutil.copy(manifest_path(layout), tmp_path / "old")
    states = list(epoch_of(layout).glob("*.npz"))
    write_run(layout, 2)
    index(layout)
    shutil.copy(tmp_path / "old", manifest_path(layout))
    generation = opened(layout)
    assert len(states) == 2
    assert generation.parameters.stamp > generation.manifest.parameters
    assert names(generation) == [hash_of(1)]


def test_a_manifest_that_names_a_damaged_layout_of_columns_is_not_trusted(layout):
    write_run(layout, 1)
    index(layout)
    manifest = opened(layout).manifest
    del manifest.states[0]["columns"]["run"]
    publish(layout, manifest)
    assert open_generation(layout) is None


def test_the_manifest_knows_the_stamp_of_tantivys_commit(layout):
    for number in range(3):
        write_run(layout, number)
        index(layout)
        generation = opened(layout)
        assert generation.manifest.parameters == stamp_of(os.path.join(generation.folder, "params"))
    assert epoch_folder(layout, generation.manifest.epoch) == generation.folder
