"""docs/format/index.md and the code say the same: its tables, its numbers, and an index that was just made."""

import os
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, Scribe, index, new_repo, write_run
from runstone_indexer import (
    chunk,
    compaction,
    discovery,
    hints,
    labels,
    parameters,
    series,
    states,
    summaries,
    table,
    terms,
    watch,
)
from runstone_indexer.columns import ALIGNMENT
from runstone_indexer.generation import Generation, open_generation
from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import INDEX_FORMAT, Manifest, manifest_path
from runstone_indexer.problems import LISTED
from runstone_writer.layout import Layout

pytestmark = pytest.mark.checkout

PATH = Path(__file__).parent.parent / "docs/format/index.md"
PAGE = PATH.read_text() if PATH.exists() else ""
FLOWING = " ".join(PAGE.split())
JSON_TYPES = {"integer": int, "string": str, "array": list, "object": dict, "[integer, integer]": list}


def rows(heading: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a table below a heading."""
    below = re.split(r"\n#+ ", PAGE.split(f"# {heading}\n")[1])[0]
    tables = [block.strip().splitlines() for block in below.split("\n\n") if block.strip().startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in tables[number][2:]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = new_repo(tmp_path)
    for number in range(3):
        write_run(made, number)
    Scribe(made, 1).act(200)
    journal = Journal(made, "odd", 500)
    for i, value in enumerate((2**60, 0.5, 3, "nan", {"$int": hex(10**30)})):
        journal.track(value, "mixed", [5, 1, 9, 2, 0][i], epoch=i or None)
        journal.track({"text": "x"}, "texts", i + 0.5, kind="text")
        journal.track(i, "ints", 2**60 * i)
    journal.raw(b"[torn")
    os.unlink(journal.hint)
    index(made)
    return made


@pytest.fixture
def generation(layout: Layout) -> Generation:
    found = open_generation(layout)
    assert found is not None
    return found


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"specification of index format {INDEX_FORMAT}" in FLOWING
    assert f"up to {LISTED:,}" in FLOWING
    assert f"multiples of {ALIGNMENT} bytes" in FLOWING
    assert f"its first {terms.PREFIX_LENGTH} characters" in FLOWING
    assert f"more than {compaction.FAN_OUT} files of one level" in FLOWING
    assert f"lowest is up to {4 * compaction.SMALLEST >> 10} KiB" in FLOWING
    assert f"Files of {compaction.LARGEST >> 21} MiB and more" in FLOWING
    assert f"larger than {compaction.LARGEST >> 20} MiB" in FLOWING
    assert f"more than {compaction.MANY_ROWS} of them, have a newer one" in FLOWING
    assert f"and of more than {compaction.MANY_POINTS:,}." in FLOWING
    assert f"within the last {discovery.SETTLED_SECONDS:.0f} seconds" in FLOWING
    assert f"every {watch.SWEEP_SECONDS / 60:.0f} minutes" in FLOWING
    assert discovery.UNSETTLED == 0
    assert hints.STALE_SECONDS == 24 * 3600
    assert chunk.EXACT == 2**53


def test_levels_are_what_the_page_says() -> None:
    """Just below a level's end a file counts with the smaller ones, and from there on with the larger."""
    size = 4 * compaction.SMALLEST
    assert compaction.next_to_merge([size - 1] * 7) == (0, 7)
    assert compaction.next_to_merge([size, *[size - 1] * 6]) is None
    assert compaction.next_to_merge([8 * size - 1] * 7) == (0, 7)
    assert compaction.next_to_merge([8 * size, *[8 * size - 1] * 6]) is None


def test_the_fields_of_the_manifest_are_those_of_the_page(layout: Layout) -> None:
    data = orjson.loads(Path(manifest_path(layout)).read_bytes())
    documented = {name: kind for name, kind, _ in rows("MANIFEST.json")}
    assert list(data) == list(documented)
    assert list(documented) == ["format", *(field.name for field in fields(Manifest)), "crc"]
    for name, kind in documented.items():
        assert isinstance(data[name], JSON_TYPES[kind]), name
    assert list(data["states"][0]) == ["file", "size", "columns", "crc"]
    path, start, end, reason = data["waiting"][0]
    assert path.startswith("logs/")
    assert end - start == 5
    assert reason == "torn tail of 5 bytes"


def dtype_name(dtype: np.dtype[Any]) -> str:
    return "bytes" if dtype.kind == "S" else dtype.name


def test_the_columns_of_state_files_are_those_of_the_page(generation: Generation) -> None:
    for entry in generation.manifest.states:
        found = [[name, dtype_name(np.dtype(dtype))] for name, (dtype, *_) in entry["columns"].items()]
        assert found.pop() == ["crc", "uint32"]
        assert found == [row[:2] for row in rows("State files")]
    assert [row[0] for row in rows("State files")] == [
        *states.COLUMNS, *table.COLUMNS, *labels.COLUMNS, *summaries.COLUMNS
    ]  # fmt: skip


def test_the_columns_of_series_files_are_those_of_the_page(generation: Generation) -> None:
    for entry in generation.manifest.series:
        found = [[name, np.dtype(dtype).name] for name, (dtype, *_) in entry["columns"].items()]
        assert found.pop() == ["crc", "uint32"]
        assert found == [row[:2] for row in rows("Series files")]
    assert [row[0] for row in rows("Series files")] == list(series.COLUMNS)


def test_merged_files_have_the_same_columns(layout: Layout) -> None:
    before = open_generation(layout)
    for number in range(10, 18):
        write_run(layout, number)
        index(layout)
    after = open_generation(layout)
    assert before is not None
    assert after is not None
    assert len(after.manifest.series) < 8
    for kind in ("states", "series"):
        expected = [(name, what[0]) for name, what in getattr(before.manifest, kind)[0]["columns"].items()]
        for entry in getattr(after.manifest, kind):
            found = [(name, what[0]) for name, what in entry["columns"].items()]
            assert [(n, d) for n, d in found if n != "hash"] == [(n, d) for n, d in expected if n != "hash"]


def test_flags_kinds_and_values_are_those_of_the_page() -> None:
    for heading, module in (("Flags", states), ("Kinds", table), ("Values", chunk)):
        found = {name: int(value) for name, value, _ in rows(heading)}
        assert found == {name: getattr(module, name) for name in found}
    assert len(rows("Kinds")) == 1 + max(table.HUGE, table.OTHER)
    assert len(rows("Values")) == 1 + chunk.OBJECT


def test_the_json_of_a_state_has_the_keys_of_the_page(generation: Generation) -> None:
    state = orjson.loads(generation.states[0].blob(0))
    assert list(state) == [row[0] for row in rows("The JSON of a state")]
    (writers,) = (row[1] for row in rows("The JSON of a state") if row[0] == "writers")
    assert len(state["writers"][0]) == len(writers.split(":")[1].split(","))
    (sequences,) = (row[1] for row in rows("The JSON of a state") if row[0] == "sequences")
    inside = sequences.split("`")[1].strip("[]").split(", ")
    assert len(state["sequences"][0]) == len(inside)
    summary = FLOWING.split("A summary is `[")[1].split("]`")[0].split(", ")
    assert len(state["sequences"][0][inside.index("summary")]) == len(summary)


def test_the_fields_of_tantivys_schema_are_those_of_the_page(generation: Generation) -> None:
    meta = orjson.loads(Path(generation.folder, "params", "meta.json").read_bytes())
    assert [[field["name"], field["type"]] for field in meta["schema"]] == [
        row[:2] for row in rows("Tantivy")
    ]
    assert meta["opstamp"] == generation.manifest.parameters


def test_the_spaces_of_tokens_are_those_of_the_page() -> None:
    made = {
        "p": (["a"], terms.param_token(("a",))),
        "r": ("name", terms.property_token("name")),
        "s": ("loss", terms.sequence_token("loss")),
        "c": ([["fold"], 1.0], terms.context_token(("fold",), 1)),
    }
    assert set(made) == {row[0] for row in rows("Tantivy", 1)}
    from hashlib import blake2b

    for space, (what, token) in made.items():
        assert token == "k" + blake2b(orjson.dumps([space, what]), digest_size=6).hexdigest()


def test_the_properties_of_the_page_are_those_that_are_indexed(generation: Generation) -> None:
    (what,) = (row[1] for row in rows("Tantivy", 1) if row[0] == "r")
    state = generation.find("odd").state
    state.props["description"] = ((1, "w"), "text")
    state.tag_marks["best"] = ((1, "w"), True)
    found = parameters.document(state)
    assert found is not None
    tokens = {terms.property_token(name) for name in what.split(": ")[1].split(", ")}
    assert tokens <= set(found.fields["has"])
    assert tokens <= set(found.fields["s"])
    assert len(tokens) == 6


def test_the_files_of_an_index_are_those_of_the_page(layout: Layout, generation: Generation) -> None:
    documented = re.findall(r"^ +(\S+?)/? {2,}", PAGE.split("```")[1], re.M)
    assert documented == [
        "lock",
        "MANIFEST.json",
        "<epoch>",
        "states-<number>.npz",
        "series-<number>.npz",
        "params",
    ]
    version = Path(layout.index, f"v{INDEX_FORMAT}")
    assert {path.name for path in version.iterdir()} == {"lock", "MANIFEST.json", generation.manifest.epoch}
    assert re.fullmatch(r"e[0-9a-f]+", generation.manifest.epoch)
    for path in Path(generation.folder).iterdir():
        assert re.fullmatch(r"params|(states|series)-[0-9a-f]+\.npz", path.name)


def test_points_stand_where_the_page_says(generation: Generation) -> None:
    """Read a chunk by the page alone: with numpy and the manifest."""
    row = generation.find("odd")
    assert row is not None
    state = row.state
    place = [sequence.name for sequence in state.sequences].index("mixed")
    (entry,) = generation.manifest.series
    with np.load(Path(generation.folder, entry["file"])) as file:
        at = int(np.searchsorted(file["key"], row.run * 2**32 + place))
        assert file["key"][at] == row.run * 2**32 + place
        start, count = int(file["start"][at]), int(file["count"][at])
        assert file["kind"][at] == chunk.MIXED
        steps_at, epochs_at, ints_at = (int(file[name][at]) for name in ("steps_at", "epochs_at", "ints_at"))
        assert file["stride"][at] == 0
        assert file["steps"][steps_at : steps_at + count].tolist() == [5, 1, 9, 2, 0]
        assert file["ints"][ints_at : ints_at + count].tolist() == [1, 0, 1, 0, 1]
        np.testing.assert_array_equal(file["epochs"][epochs_at : epochs_at + count], [np.nan, 1, 2, 3, 4])
        assert file["values"][start : start + 3].tolist() == [2.0**60, 0.5, 3.0]
        exact = {}
        for i, position in enumerate(file["exact_at"].tolist()):
            low, high = file["exact_end"][i : i + 2]
            exact[position - start] = orjson.loads(file["exact"][low:high].tobytes())
        assert exact[0] == 2**60
        assert exact[4] == {"$int": hex(10**30)}


def test_what_the_page_says_of_a_new_epoch_is_what_happens(layout: Layout, generation: Generation) -> None:
    """One row of the last table; test_damaged_index has the others."""
    os.unlink(os.path.join(generation.folder, "params", "meta.json"))
    assert open_generation(layout) is None
    index(layout)
    again = open_generation(layout)
    assert again is not None
    assert again.manifest.epoch != generation.manifest.epoch
    Indexer(layout).reindex()
    third = open_generation(layout)
    assert third is not None
    assert third.manifest.epoch != again.manifest.epoch
