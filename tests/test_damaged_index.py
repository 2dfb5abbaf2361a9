"""A damaged index changes no answer, and the next pass repairs it."""

import errno
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import (
    assert_index_is_right,
    assert_same_answers,
    hash_of,
    index,
    new_repo,
    published,
    replace,
    write_run,
)
from runstone_indexer import parameters
from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import manifest_path
from runstone_writer.errors import StoreError
from runstone_writer.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def damage(layout: Layout, how: str, rng: random.Random) -> None:
    epoch = Path(published(layout).folder)
    manifest = Path(manifest_path(layout))
    files = {
        "states": next(epoch.glob("states-*")), "series": next(epoch.glob("series-*")),
        "meta": epoch / "params" / "meta.json", "manifest": manifest,
        "segment": next((epoch / "params").glob("*.idx")), "managed": epoch / "params" / ".managed.json",
    }  # fmt: skip
    what, _, way = how.partition(" ")
    if what == "epoch":
        shutil.rmtree(epoch)
    elif what == "index":
        shutil.rmtree(layout.index)
    elif what == "params":
        shutil.rmtree(epoch / "params")
    elif way == "missing":
        files[what].unlink()
    elif way == "empty":
        replace(files[what], b"")
    elif way == "cut":
        data = files[what].read_bytes()
        replace(files[what], data[: rng.randrange(len(data))])
    else:
        flipped = bytearray(files[what].read_bytes())
        for _ in range(20):
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        replace(files[what], flipped)


WAYS = [
    f"{what} {way}"
    for what in ("states", "series", "meta", "manifest")
    for way in ("missing", "empty", "cut")
]
WAYS += ["manifest flip", "meta flip", "segment missing", "segment empty", "segment cut", "managed cut"]
WAYS += ["epoch", "index", "params"]


@pytest.mark.parametrize("how", WAYS)
def test_a_damaged_index_changes_no_answer_and_is_repaired_by_the_next_pass(layout, how):
    rng = random.Random(how)
    for number in range(4):
        write_run(layout, number)
    index(layout)
    damage(layout, how, rng)
    assert_same_answers(layout)
    write_run(layout, 9)
    index(layout, full=False)
    assert_index_is_right(layout)


def test_flipped_bits_in_tantivys_files_are_noticed_before_anything_is_written(layout):
    for number in range(4):
        write_run(layout, number)
    index(layout)
    epoch = published(layout).manifest.epoch
    damage(layout, "segment flip", random.Random(1))
    write_run(layout, 9)
    index(layout)
    assert published(layout).manifest.epoch != epoch
    assert_index_is_right(layout)


@pytest.mark.parametrize("how", ["index", "epoch", "manifest missing"])
def test_an_index_that_is_deleted_under_an_open_indexer_comes_back(layout, how):
    with Indexer(layout) as indexer:
        for number in range(3):
            write_run(layout, number)
            indexer.run_once()
            damage(layout, how, random.Random(1))
            assert_same_answers(layout)
        write_run(layout, 9)
        try:
            indexer.run_once()
        except StoreError:
            indexer.run_once()
        assert_same_answers(layout)
    index(layout)
    assert_index_is_right(layout)


def test_what_a_killed_indexer_left_is_removed(layout):
    write_run(layout, 1)
    index(layout)
    epoch = Path(published(layout).folder)
    (epoch / "states-deadbeef.npz").write_bytes(b"half")
    (epoch.parent / "e123").mkdir()
    (epoch.parent / "e123" / "states-1.npz").write_bytes(b"half")
    (epoch.parent / "MANIFEST.json.12.abc.tmp").write_bytes(b"half")
    (epoch / "params" / ".tmpXyz").write_bytes(b"half")
    index(layout)
    assert_index_is_right(layout)


def test_documents_that_tantivy_has_too_many_or_too_few_are_put_right(layout):
    """As after a kill, or a power cut, between Tantivy's commit and the publication."""
    for number in range(6):
        write_run(layout, number)
    index(layout)
    generation = published(layout)
    writer = parameters.ParameterWriter(os.path.join(generation.folder, "params"))
    state = generation.find(hash_of(1)).state
    other = parameters.document(state)
    state.params.assign(("lr",), (10**18, "z"), "changed")
    changed = parameters.document(state)
    writer.put(generation.find(hash_of(1)).run, changed, replaces=True)
    writer.put(generation.find(hash_of(2)).run, None, replaces=True)
    writer.put(generation.find(hash_of(3)).run, other, replaces=False)
    writer.put(77, other, replaces=False)
    writer.commit()
    writer.close()
    index(layout)
    assert_index_is_right(layout)
    assert published(layout).parameters.count == 6


def test_too_many_open_files_are_no_reason_to_throw_an_index_away(layout, monkeypatch):
    write_run(layout, 1)
    index(layout)
    epoch = published(layout).manifest.epoch

    def refuse(*_: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("runstone_indexer.columns.mmap.mmap", lambda *a, **k: refuse())
    with pytest.raises(StoreError, match="Too many open files"):
        index(layout)
    monkeypatch.undo()
    index(layout)
    assert published(layout).manifest.epoch == epoch
