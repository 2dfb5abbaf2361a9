"""The Tantivy index: every value is found by its term, and damage is an error and never a lost match."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from journals import replace
from processes import without_write_permission
from runstone_indexer import parameters as module
from runstone_indexer import terms
from runstone_indexer.parameters import (
    DamagedParametersError,
    Document,
    ParameterReader,
    ParameterWriter,
    damaged_file,
    document,
    stamp_of,
)
from runstone_writer.state import RunState
from runstone_writer.values import encode

WRITER = "19f6a5bd800-000000000000"


def run_with(
    params: dict[str, Any], *, tags: tuple[str, ...] = (), sequences: tuple[Any, ...] = ()
) -> RunState:
    state = RunState("abc")
    state.writer(WRITER)
    state.params.assign((), (1, WRITER), encode(params))
    for i, tag in enumerate(tags):
        state.tag_marks[tag] = ((i, WRITER), True)
    for name, context in sequences:
        state.place(name, encode(context), "number", WRITER)
    return state


def write(folder: Path, states: dict[int, RunState]) -> ParameterReader:
    writer = ParameterWriter(str(folder))
    for number, state in states.items():
        writer.put(number, document(state), replaces=False)
    writer.commit()
    writer.close()
    return ParameterReader(str(folder))


def hits(reader: ParameterReader, field: str, term: Any) -> list[int]:
    found = reader.search(tantivy.Query.term_query(reader.schema, field, term), 100)
    assert found is not None
    return sorted(found.tolist())


def has(reader: ParameterReader, token: str) -> list[int]:
    return hits(reader, "has", token)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """An index of 40 runs in several segments."""
    folder = tmp_path / "params"
    writer = ParameterWriter(str(folder))
    for number in range(40):
        writer.put(number, document(run_with({"n": number / 7, "s": f"text {number}"})), replaces=False)
        if number % 10 == 9:
            writer.commit()
    writer.close()
    return folder


def everything(reader: ParameterReader) -> list[int]:
    found = reader.search(tantivy.Query.all_query(), 1000)
    assert found is not None
    return sorted(found.tolist())


nasty_numbers = st.one_of(
    st.floats(allow_nan=False),
    st.integers(),
    st.booleans(),
    st.sampled_from([2**53 + 1, 2**64, 10**400, -0.0, 5e-324]),
)
nasty_texts = st.one_of(
    st.text(st.characters()),
    st.sampled_from(
        ["2024-01-01T00:00:00Z", "", "true", "5", "a\0b", "x" * 70_000, "k\x01v", "AND", "*", "ü" * 300]
    ),
)


@given(st.lists(st.one_of(nasty_numbers, nasty_texts), min_size=1, max_size=6), st.text(st.characters()))
@settings(max_examples=30, deadline=None)
def test_every_value_is_found_by_its_term(tmp_path_factory, values, key):
    folder = tmp_path_factory.mktemp("params")
    reader = write(folder, {i: run_with({key: value}) for i, value in enumerate(values)})
    token = terms.param_token((key,))
    assert has(reader, token) == list(range(len(values)))
    for i, value in enumerate(values):
        if isinstance(value, str):
            term = terms.text_term(value)
            assert i in hits(reader, f"s.{token}", term)
            prefix = tantivy.Query.fuzzy_term_query(
                reader.schema, f"s.{token}", term[:3], distance=0, prefix=True
            )
            found = reader.search(prefix, 100)
        else:
            number = terms.number_term(value)
            assert i in hits(reader, f"n.{token}", number)
            text = np.format_float_positional(number, trim="0")
            found = reader.search(reader.parse(f"n.{token}:>={text} AND n.{token}:<={text}"), 100)
        assert found is not None
        assert i in found.tolist()


def test_nested_parameters_lists_and_missing_values_exist(tmp_path):
    reader = write(tmp_path, {1: run_with({"a": {"b": None, 7: [1, 2], "c": {}}})})
    for path in (("a",), ("a", "b"), ("a", 7), ("a", "c")):
        assert has(reader, terms.param_token(path)) == [1]
    assert has(reader, terms.param_token(("b",))) == []


def test_properties_tags_names_and_contexts_are_found(tmp_path):
    state = run_with({}, tags=("best", "old"), sequences=(("loss", {"fold": 1, "deep": {"k": "v"}}),))
    reader = write(tmp_path, {5: state})
    for name, text in (("hash", "abc"), ("name", "Run: abc"), ("experiment", "default"), ("tags", "best"),
                       ("tags", "old"), ("archived", "False")):  # fmt: skip
        assert hits(reader, f"s.{terms.property_token(name)}", terms.text_term(text)) == [5]
    assert has(reader, terms.sequence_token("loss")) == [5]
    for path, value in ((("fold",), True), (("deep", "k"), "v")):
        assert has(reader, terms.context_token(path, value) or "") == [5]


def test_a_deleted_run_and_one_of_which_there_are_only_edits_have_no_document(tmp_path):
    deleted, edited = run_with({}), RunState("x")
    deleted.deleted_mark = ((1, WRITER), True)
    edited.writer(WRITER).kind = "edit"
    assert document(deleted) is None
    assert document(edited) is None
    assert everything(write(tmp_path, {1: deleted, 2: edited, 3: run_with({})})) == [3]


def test_equal_parameters_have_equal_digests_and_others_do_not():
    one, same, other = (document(run_with({"a": value})) for value in (1, 1.0, 2))
    assert isinstance(one, Document)
    assert one.digest == (same and same.digest)
    assert one.digest != (other and other.digest)
    assert -(2**63) <= one.digest < 2**63


def test_a_document_is_replaced_and_taken_away(filled):
    writer = ParameterWriter(str(filled))
    writer.put(3, document(run_with({"new": 1})), replaces=True)
    writer.put(4, None, replaces=True)
    writer.commit()
    writer.close()
    reader = ParameterReader(str(filled))
    assert everything(reader) == [n for n in range(40) if n != 4]
    assert reader.count == 39
    assert has(reader, terms.param_token(("new",))) == [3]
    assert 3 not in has(reader, terms.param_token(("n",)))


def test_a_reader_sees_what_is_committed_when_it_asks_and_not_before(filled):
    reader = ParameterReader(str(filled))
    writer = ParameterWriter(str(filled))
    writer.put(40, document(run_with({})), replaces=False)
    assert len(everything(reader)) == 40
    stamp = writer.commit()
    assert len(everything(reader)) == 40
    reader.refresh()
    assert len(everything(reader)) == 41
    assert reader.stamp == stamp
    writer.close()


def test_what_is_not_committed_is_dropped(filled):
    writer = ParameterWriter(str(filled))
    stamp = writer.commit()
    writer.put(40, document(run_with({})), replaces=False)
    writer.close()
    assert ParameterReader(str(filled)).stamp == stamp
    assert len(everything(ParameterReader(str(filled)))) == 40


def test_the_stamp_only_ever_grows(filled):
    stamps = [stamp_of(str(filled))]
    for number in range(12):
        writer = ParameterWriter(str(filled))
        writer.put(number, document(run_with({"again": number})), replaces=True)
        stamps.append(writer.commit())
        writer.close()
        assert stamp_of(str(filled)) == stamps[-1]
    assert stamps == sorted(set(stamps))


def test_a_commit_without_changes_does_not_move_the_stamp(filled):
    writer = ParameterWriter(str(filled))
    assert writer.commit() == writer.commit() == stamp_of(str(filled))
    writer.close()


def test_a_folder_without_an_index_has_no_stamp(tmp_path):
    assert stamp_of(str(tmp_path)) == -1
    with pytest.raises(DamagedParametersError):
        ParameterReader(str(tmp_path))


def test_the_documents_that_are_there_can_be_listed(filled):
    expected = {n: document(run_with({"n": n / 7, "s": f"text {n}"})) for n in range(40)}
    runs, digests = ParameterReader(str(filled)).documents()
    assert dict(zip(runs.tolist(), digests.tolist(), strict=True)) == {
        n: d.digest for n, d in expected.items() if d
    }
    writer = ParameterWriter(str(filled))
    assert sorted(writer.documents()[0].tolist()) == list(range(40))
    writer.close()


def test_an_empty_index_has_no_documents(tmp_path):
    writer = ParameterWriter(str(tmp_path))
    assert [len(found) for found in writer.documents()] == [0, 0]
    writer.close()
    reader = ParameterReader(str(tmp_path))
    assert reader.count == 0
    assert [len(found) for found in reader.documents()] == [0, 0]


def test_more_matches_than_the_limit_are_not_listed(filled):
    reader = ParameterReader(str(filled))
    assert reader.search(tantivy.Query.all_query(), 39) is None
    assert len(reader.search(tantivy.Query.all_query(), 40)) == 40
    assert reader.search(tantivy.Query.empty_query(), 5).tolist() == []


def test_leftovers_of_a_killed_writer_are_swept_away(filled):
    for name in (".tmpAbc", ".tmpmeta.json"):
        (filled / name).write_bytes(b"half")
    ParameterWriter(str(filled)).close()
    assert not [path for path in filled.iterdir() if path.name.startswith(".tmp")]


def segment_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".lock", ".json"):
            yield path


def test_a_flipped_bit_in_any_file_is_found_before_tantivy_meets_it(filled):
    rng = random.Random(3)
    for path in segment_files(filled):
        data = path.read_bytes()
        for _ in range(12):
            broken = bytearray(data)
            broken[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            replace(path, broken)
            found = damaged_file(str(filled))
            assert found == str(path) or harmless(bytes(broken), data)
            if found:
                with pytest.raises(DamagedParametersError):
                    ParameterWriter(str(filled))
        replace(path, data)
    assert damaged_file(str(filled)) is None


def harmless(broken: bytes, data: bytes) -> bool:
    """Whether only the version in the footer is different: nothing is computed from it."""
    footer = data.rfind(b'{"version"')
    return broken[:footer] == data[:footer] and b'"crc"' in broken


@pytest.mark.parametrize("size", [0, 1, 7, 20])
def test_a_file_that_was_cut_is_found(filled, size):
    path = next(segment_files(filled))
    replace(path, path.read_bytes()[:size])
    assert damaged_file(str(filled)) == str(path)


def test_files_of_segments_that_were_never_committed_are_no_damage(filled):
    (filled / f"{'0' * 32}.idx").write_bytes(b"half of it")
    assert damaged_file(str(filled)) is None
    ParameterWriter(str(filled)).close()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"segments": 5}', b'{"segments": [1], "opstamp": 3}']
)
def test_a_garbled_meta_file_is_damage(filled, content):
    (filled / "meta.json").write_bytes(content)
    for attempt in (ParameterWriter, ParameterReader):
        with pytest.raises(DamagedParametersError):
            attempt(str(filled))


def test_a_missing_meta_file_is_an_empty_index_with_an_older_stamp(filled):
    stamp = stamp_of(str(filled))
    os.unlink(filled / "meta.json")
    writer = ParameterWriter(str(filled))
    assert writer.commit() < stamp
    writer.close()


def test_an_index_with_another_schema_is_not_used(tmp_path):
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("other")
    tantivy.Index(builder.build(), path=str(tmp_path)).writer(15_000_000, 1).commit()
    for attempt in (ParameterWriter, ParameterReader):
        with pytest.raises(DamagedParametersError):
            attempt(str(tmp_path))


DAMAGED_SEARCH = """
import random, sys, os
from pathlib import Path
import tantivy
sys.path.insert(0, sys.argv[2])
from runstone_indexer.parameters import DamagedParametersError, ParameterReader
folder, rng = Path(sys.argv[1]), random.Random(int(sys.argv[3]))
for path in sorted(folder.iterdir()):
    if path.suffix in (".lock", ".json"):
        continue
    data = path.read_bytes()
    for _ in range(10):
        broken = bytearray(data)
        for _ in range(rng.choice((1, 30))):
            broken[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.unlink()
        path.write_bytes(broken)
        try:
            reader = ParameterReader(str(folder))
            reader.search(tantivy.Query.all_query(), 100)
            reader.search(reader.parse("n.kabc:>=0.1"), 100)
            reader.search(tantivy.Query.term_query(reader.schema, "has", "x"), 100)
            print("met", path)
        except DamagedParametersError:
            pass
    path.unlink()
    path.write_bytes(data)
print("survived")
"""


def test_tantivy_never_reads_a_damaged_file(filled):
    """It would end the process, or find too little. (A change of the version in a footer is not met.)"""
    tests = str(Path(__file__).parent)
    command = [sys.executable, "-c", DAMAGED_SEARCH, str(filled), tests, "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "survived", done.stderr[-2000:]
    assert len(done.stdout.splitlines()) < 20


READ_ONLY = """
import gc, sys, os, glob, tempfile
from runstone_indexer.parameters import ParameterReader
import tantivy
before = set(glob.glob(os.path.join(tempfile.gettempdir(), "runstone-*")))
reader = ParameterReader(sys.argv[1])
print(len(reader.search(tantivy.Query.all_query(), 1000)))
reader.refresh()
reader.refresh()
print(reader.count, len(set(glob.glob(os.path.join(tempfile.gettempdir(), "runstone-*"))) - before))
del reader
gc.collect()  # the error that it met when it tried to write may hold it
print(len(set(glob.glob(os.path.join(tempfile.gettempdir(), "runstone-*"))) - before))
"""


def test_an_index_that_may_not_be_written_to_is_read_through_links_that_go_away(filled, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    script = f"import os\nos.environ['TMPDIR'] = {str(scratch)!r}\n" + READ_ONLY
    done = without_write_permission(filled, script)
    assert (done.stdout, done.stderr) == ("40\n40 1\n0\n", "")
    assert list(scratch.iterdir()) == []


def test_a_copy_of_the_index_can_be_read(filled, tmp_path):
    copy = shutil.copytree(filled, tmp_path / "copy")
    assert len(everything(ParameterReader(str(copy)))) == 40


def test_a_reader_that_stays_remembers_only_files_that_there_are(tmp_path):
    writer = ParameterWriter(str(tmp_path))
    writer.put(0, document(run_with({"lr": 0})), replaces=False)
    writer.commit()
    reader = ParameterReader(str(tmp_path))
    for number in range(1, 40):
        writer.put(number, document(run_with({"lr": number})), replaces=False)
        writer.commit()
        reader.refresh()
    writer.close()
    reader.refresh()
    assert reader._verified <= set(os.listdir(tmp_path))


@pytest.fixture
def networked(monkeypatch):
    monkeypatch.setattr(module, "may_vanish", lambda folder: True)


def test_where_another_host_may_remove_files_they_are_read_from_copies(networked, tmp_path):
    folder = tmp_path / "params"
    reader = write(folder, {1: run_with({"lr": 0.1}), 2: run_with({"lr": 0.2})})
    for path in folder.iterdir():
        path.write_bytes(b"")  # whoever maps the files themselves is killed now
    assert reader.documents()[0].tolist() == [1, 2]


def test_copies_follow_what_is_committed_and_what_is_merged_away(networked, tmp_path):
    folder = tmp_path / "params"
    reader = write(folder, {1: run_with({"lr": 0.1})})
    writer = ParameterWriter(str(folder))
    writer.put(1, None, replaces=True)
    writer.put(2, document(run_with({"lr": 0.2})), replaces=False)
    writer.commit()
    writer.close()
    assert reader.documents()[0].tolist() == [1]
    reader.refresh()
    assert reader.documents()[0].tolist() == [2]
    assert reader.stamp == stamp_of(str(folder))
    shadow = reader._shadow
    there = {name.partition(".")[0] for name in os.listdir(shadow) if not name.startswith((".", "meta"))}
    assert len(there) == 1  # the segment of the run that is gone has gone too
    del reader
    assert not os.path.exists(shadow)


def test_a_copy_of_a_damaged_index_is_damaged_too(networked, tmp_path):
    folder = tmp_path / "params"
    write(folder, {1: run_with({"lr": 0.1})})
    path = next(folder.glob("*.term"))
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(DamagedParametersError, match="checksum"):
        ParameterReader(str(folder))
    (folder / "meta.json").unlink()
    with pytest.raises(DamagedParametersError):
        ParameterReader(str(folder))
