"""State files: a run's state as it was, found by number and by hash."""

import math
import sys
import zlib
from pathlib import Path

import numpy as np
import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Scribe, new_repo
from runstone_indexer import states as module
from runstone_indexer.columns import Columns, DamagedColumnsError, write_columns
from runstone_indexer.fold import fold_points
from runstone_indexer.states import (
    ARCHIVED,
    DELETED,
    ENDED,
    GONE,
    KNOWN,
    StateFile,
    StateRow,
    dump_state,
    gone,
    load_state,
    name_key,
    state_columns,
)
from runstone_writer.layout import Layout
from runstone_writer.replay import replay
from runstone_writer.state import RunState


def state_of(layout: Layout, run: str) -> RunState:
    state = RunState(run)
    replay(layout, state, layout.log_names(run), lambda *what: fold_points(*what, lambda *chunk: None))
    return state


@pytest.fixture
def states(tmp_path: Path) -> list[RunState]:
    """States with a bit of everything."""
    layout = new_repo(tmp_path)
    Scribe(layout, seed=5, runs=7).act(800)
    return [state_of(layout, run) for run in sorted(layout.runs())]


def written(folder: Path, rows: list[StateRow]) -> StateFile:
    return StateFile(Columns(str(folder), write_columns(str(folder / "states-1.npz"), state_columns(rows))))


def plain(name: str) -> RunState:
    return RunState(name)


def test_every_state_comes_back_as_it_was(states, tmp_path):
    rows = [StateRow(3 * i, state, i, 10 * i, i - 5) for i, state in enumerate(states)]
    file = written(tmp_path, rows)
    assert file.run.tolist() == [row.run for row in rows]
    for at, row in enumerate(rows):
        found = file.load(at)
        assert dump_state(found.state) == dump_state(row.state)
        assert (found.run, found.files, found.read, found.document) == (
            row.run,
            row.files,
            row.read,
            row.document,
        )
        assert file.hash(at) == row.state.run
        assert file.extent(at) == (row.files, row.read)
        assert file.column("created")[at] == row.state.created


def test_a_state_that_is_read_and_written_again_stays_the_same_bytes(states):
    for state in states:
        data = zlib.decompress(dump_state(state))
        assert zlib.decompress(dump_state(load_state(data))) == data
        assert orjson.loads(data)["run"] == state.run


def test_runs_are_found_by_number_and_by_hash(states, tmp_path):
    rows = [StateRow(3 * i, state) for i, state in enumerate(states)]
    file = written(tmp_path, rows)
    for at, row in enumerate(rows):
        assert file.row_of(row.run) == at
        assert file.row_of(row.run + 1) is None
        assert file.row_named(row.state.run, name_key(row.state.run)) == at
    assert file.row_of(-1) is file.row_of(10**6) is None
    assert file.row_named("nobody", name_key("nobody")) is None


def test_runs_whose_hashes_have_the_same_key_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "name_key", lambda run: 7)
    names = ["b", "a", "c"]
    file = written(tmp_path, [StateRow(i, plain(name)) for i, name in enumerate(names)])
    assert [file.row_named(name, 7) for name in names] == [0, 1, 2]
    assert file.row_named("d", 7) is None


def test_hashes_of_any_allowed_length_are_kept(tmp_path):
    names = ["a", "x" * 128, "A_-9"]
    file = written(tmp_path, [StateRow(i, plain(name)) for i, name in enumerate(names)])
    assert [file.hash(i) for i in range(3)] == names


def test_the_flags_say_what_can_be_said_without_the_state(tmp_path):
    alive, archived, deleted, ended = (plain(name) for name in "abcd")
    for state in (alive, archived, deleted, ended):
        state.writer("19f6a5bd800-000000000000")
    archived.props["archived"] = ((1, "w"), True)
    deleted.deleted_mark = ((1, "w"), True)
    ended.writers["19f6a5bd800-000000000000"].end = 5
    file = written(
        tmp_path, [StateRow(i, s) for i, s in enumerate((alive, archived, deleted, ended, plain("e")))]
    )
    assert file.column("flags").tolist() == [KNOWN, KNOWN | ARCHIVED, KNOWN | DELETED, KNOWN | ENDED, 0]


def test_a_flipped_bit_in_any_byte_of_a_state_is_noticed_when_it_is_read(tmp_path):
    file = written(tmp_path, [StateRow(0, plain("a")), StateRow(1, plain("b"))])
    path, offset = tmp_path / "states-1.npz", file._columns.entry["columns"]["state"][2]
    data, size = path.read_bytes(), int(file.column("end")[1])
    for at in range(offset, offset + size):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        broken = StateFile(Columns(str(tmp_path), file._columns.entry))
        with pytest.raises(DamagedColumnsError):
            broken.blob(0)
    path.write_bytes(data)


def test_a_row_of_what_is_gone_is_never_given_out(tmp_path):
    file = written(tmp_path, [gone(0), StateRow(1, plain("a"))])
    assert file.hash(0) == GONE
    assert not file.column("flags")[0] & KNOWN
    assert file.row_named("a", name_key("a")) == 1


def test_a_file_without_rows_can_be_asked(tmp_path):
    file = written(tmp_path, [])
    assert file.row_of(0) is None
    assert file.row_named("a", name_key("a")) is None
    assert len(file.column("state")) == 0


def test_parameters_that_json_has_no_words_for_are_kept(tmp_path):
    state = plain("a")
    for i, value in enumerate(
        ({"$float": "nan"}, {"$int": hex(10**30)}, {"$dict": [[1, 2]]}, [1, [2]], None)
    ):
        state.params.assign((f"k{i}", i), (i, "w"), value)
    found = written(tmp_path, [StateRow(0, state)]).load(0).state.params.tree()
    assert math.isnan(found["k0"][0])
    assert (found["k1"][1], found["k2"][2], found["k3"][3], found["k4"][4]) == (
        10**30,
        {1: 2},
        [1, [2]],
        None,
    )


def test_columns_have_the_types_that_are_documented(tmp_path):
    file = written(tmp_path, [StateRow(0, plain("a"))])
    assert {name: file.column(name).dtype for name in ("run", "flags", "files", "name")} == {
        "run": np.int64, "flags": np.uint8, "files": np.int32, "name": np.uint64,
    }  # fmt: skip
