"""Folding: a batch of rows becomes summaries and chunks; what is malformed stands aside."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, new_repo
from processes import QUIET
from runstone import Run, Text
from runstone_indexer.chunk import Chunk
from runstone_indexer.fold import fold_points
from runstone_writer.layout import Layout
from runstone_writer.replay import replay
from runstone_writer.state import RunState


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def folded(
    layout: Layout, run: str, *, chunk: int = 1 << 20
) -> tuple[RunState, list[tuple[int, int, Chunk]], list[str]]:
    state, chunks, errors = RunState(run), [], []

    def sink(*what: Any) -> None:
        try:
            fold_points(*what, lambda *found: chunks.append(found))
        except ValueError as error:
            errors.append(str(error))

    replay(layout, state, layout.log_names(run), sink, chunk=chunk)
    return state, chunks, errors


def test_points_go_to_their_sequence_and_writer_in_the_order_of_the_log(layout):
    for writer in range(2):
        journal = Journal(layout, "run", writer)
        for i in range(3):
            journal.track(float(10 * writer + i), "loss", 5 - i)
            journal.track(i, "count", i)
    state, chunks, errors = folded(layout, "run")
    assert errors == []
    found = {(state.sequences[place].name, by): chunk for place, by, chunk in chunks}
    assert found["loss", 0].python_values() == [0.0, 1.0, 2.0]
    assert found["loss", 1].steps.tolist() == [5, 4, 3]
    assert found["count", 1].python_values() == [0, 1, 2]
    loss = state.find("loss", {})
    assert loss is not None
    assert (loss.summary.count, loss.summary.low, loss.summary.high, loss.summary.mean()) == (
        6,
        0.0,
        12.0,
        6.0,
    )


def test_the_summaries_do_not_depend_on_where_a_log_is_cut_into_batches(layout):
    journal = Journal(layout, "run", 0)
    for i in range(50):
        journal.track(i / 7 if i % 3 else i, "loss", i)
    whole, pieces = folded(layout, "run"), folded(layout, "run", chunk=200)
    assert len(pieces[1]) > len(whole[1])
    dumps = [[s.summary.dump() for s in state.sequences] for state, *_ in (whole, pieces)]
    assert dumps[0] == dumps[1]


def test_values_of_other_types_are_counted_and_have_steps_and_no_mean(layout):
    journal = Journal(layout, "run", 0)
    for step in (3, 1, 2):
        journal.track({"text": f"line {step}"}, "logs", step, kind="text")
    state, chunks, _ = folded(layout, "run")
    summary = state.sequences[0].summary
    assert (summary.count, summary.first[0], summary.last[0], summary.mean()) == (3, 1, 3, None)
    assert chunks[0][2].python_values()[0] == {"text": "line 3"}


def test_integers_beyond_the_floats_are_folded(layout):
    journal = Journal(layout, "run", 0)
    for value in ({"$int": hex(10**400)}, 1, 2**60 + 1, 0.5):
        journal.track(value, "big")
    state, chunks, errors = folded(layout, "run")
    assert errors == []
    assert chunks[0][2].python_values() == [10**400, 1, 2**60 + 1, 0.5]
    assert state.sequences[0].summary.high == 10**400


def test_a_sequence_with_a_malformed_point_is_left_out_and_named_and_the_others_are_not(layout):
    journal = Journal(layout, "run", 0)
    journal.track(1.0, "good")
    journal.track(1.0, "bad")
    state, _, _ = folded(layout, "run")
    for sequence in state.sequences:
        sequence.summary = None
    chunks: list[Any] = []
    rows = [[0, 0, 1.0, 5, 1], [1, 0, "not a number", 6, 1], [0, 1, 2.0, 7, 1]]
    with pytest.raises(ValueError, match="1 points of 'bad'"):
        fold_points(state, state.writers[journal.writer], rows, lambda *found: chunks.append(found))
    assert [chunk.python_values() for _, _, chunk in chunks] == [[1.0, 2.0]]
    assert [sequence.summary is None for sequence in state.sequences] == [False, True]


def test_of_objects_a_summary_has_the_steps_and_not_the_values(layout):
    with Run(repo=layout.root, **QUIET) as run:
        for step in (3, 1, 2):
            run.track(Text("a" * 10_000), name="text", step=step)
    state, _, errors = folded(layout, run.hash)
    (text,) = state.sequences
    assert errors == []
    assert (text.summary.count, text.summary.first[0], text.summary.last[0]) == (3, 1, 3)
    assert len(repr(text.summary.dump())) < 200
