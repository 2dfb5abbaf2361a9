"""Evaluating whole columns gives what evaluating run by run gives, on random runs and random questions."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import values
from agreement import predicate_of
from expressions import Grammar

from runstone_indexer import summaries
from runstone_indexer.columns import Columns, write_columns
from runstone_indexer.compaction import _merged_states
from runstone_indexer.states import ARCHIVED, StateFile, StateRow, state_columns
from runstone_query.aimql import Query, parse
from runstone_query.columnar import NotColumnarError, columnar
from runstone_query.fields import read
from runstone_query.policy import compile_query
from runstone_query.record import Record
from runstone_query.views import IN_STATE, RunView
from runstone_writer.errors import QueryError
from runstone_writer.state import RunState


def state_file(folder: Path, states: list[RunState]) -> StateFile:
    rows = [StateRow(number, state) for number, state in enumerate(states)]
    return StateFile(Columns(str(folder), write_columns(str(folder / "states.npz"), state_columns(rows))))


def by_columns(query: Query, file: StateFile) -> list[int] | None:
    evaluator = columnar(query)
    if evaluator is None:
        return None
    try:
        mask = evaluator(file)
    except NotColumnarError:
        return None
    if not query.asks_for_archived:
        mask &= (file.column("flags") & ARCHIVED) == 0
    found: list[int] = np.flatnonzero(mask).tolist()
    return found


@pytest.mark.parametrize("seed", range(8))
def test_columns_give_the_same_answer_as_rows(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    states = [values.run_state(random, number) for number in range(50)]
    file = state_file(tmp_path, states)
    columns = 0
    for _ in range(250):
        try:
            query = parse(Grammar(random).expression(2))
        except QueryError:
            continue
        found = by_columns(query, file)
        if found is None:
            continue
        columns += 1
        holds = predicate_of(query)
        assert found == [number for number, state in enumerate(states) if holds(state)], query.text
    assert columns > 20


@pytest.mark.parametrize("seed", range(4))
def test_fields_read_by_column_are_those_of_the_states(seed: int, tmp_path: Path) -> None:
    random = Random(1000 + seed)
    states = [values.run_state(random, number) for number in range(40)]
    file = state_file(tmp_path, states)
    rows = np.array(sorted(random.sample(range(40), 30)))
    read_by_column = 0
    for _ in range(300):
        query = parse(Grammar(random).expression(1))
        predicate, budget, fields = compile_query(query)
        columns = [read(field, file, rows) for field in fields]
        read_by_column += sum(value is not IN_STATE for column in columns for value in column)
        for at, row in enumerate(rows.tolist()):
            record = Record.fresh(None, None, states[row], {})
            answers = []
            for view in (RunView(record, columns, at), RunView(record)):
                budget.reset()
                try:
                    answers.append(repr(predicate(view, None)))
                except Exception as error:
                    answers.append(f"{type(error).__name__}: {error}")
            assert answers[0] == answers[1] or "duration" in query.text, query.text
    assert read_by_column > 5000


def test_merged_files_have_the_columns_of_the_newest_rows(tmp_path: Path) -> None:
    random = Random(7)
    newest: dict[int, RunState] = {}
    entries = []
    for number in range(9):
        chosen = sorted(random.sample(range(30), 12))
        rows = [StateRow(run, values.run_state(random, run)) for run in chosen]
        newest.update((row.run, row.state) for row in rows)
        entries.append(write_columns(str(tmp_path / f"states-{number}.npz"), state_columns(rows)))
    merged = _merged_states([Columns(str(tmp_path), entry) for entry in entries])
    file = StateFile(Columns(str(tmp_path), write_columns(str(tmp_path / "merged.npz"), merged)))
    at_once = state_file(tmp_path, [newest[run] for run in sorted(newest)])
    assert file.run.tolist() == sorted(newest)
    assert [file.hash(row) for row in range(len(file.run))] == [newest[run].run for run in sorted(newest)]
    for name in ("ended", *(name for name in summaries.COLUMNS)):
        assert np.array_equal(file.column(name), at_once.column(name)), name
    one, other = dict(file.table.all()), dict(at_once.table.all())
    assert sorted(one) == sorted(other)
    for key, column in one.items():
        twin = other[key]
        assert column.rows.tolist() == twin.rows.tolist()
        assert column.kinds.tolist() == twin.kinds.tolist()
        texts = column.kinds == 4
        assert column.bits[~texts].tolist() == twin.bits[~texts].tolist()
        assert [file.table.text(n) for n in column.bits[texts].tolist()] == [
            at_once.table.text(n) for n in twin.bits[texts].tolist()
        ]
