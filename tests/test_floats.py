"""Folding many sequences at once gives what folding one after the other gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runstone_indexer import floats, fold
from runstone_writer.state import RunState

WRITER = "19a0b5c1d2e-00c0ffee0001"
KINDS = ("number", "number", "number", "text")

values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [0.0, -0.0, 1e308, -1e308, 5e-324, "nan", "inf", "-inf", 1, 2**60 + 1, {"$int": "0x" + "f" * 300}]
    ),
)
steps = st.one_of(
    st.integers(0, 5), st.sampled_from([1.5, 2.0, 2**53, 2**53 + 1, 2**62, -3]), st.integers(0, 10**6)
)
times = st.one_of(st.integers(0, 10**9), st.sampled_from([-1, 2**62, 2**63, 2**70]))
rows = st.lists(
    st.tuples(st.integers(0, 3), steps, values, times, st.none() | st.integers(0, 3)),
    max_size=40,
)


def state_of() -> RunState:
    state = RunState("run")
    writer = state.writer(WRITER)
    state.apply(writer, {"event": "log", "kind": "run", "host": "h", "pid": 1, "part": 0, "dt": 0})
    for number, kind in enumerate(KINDS):
        state.apply(
            writer, {"event": "sequence", "id": number, "name": f"s{number}", "context": {}, "type": kind}
        )
    return state


def folded(batches: list[list[list[Any]]]) -> tuple[Any, ...]:
    state, chunks, refused = state_of(), {}, []
    for batch in batches:
        try:
            fold.fold_points(
                state,
                state.writers[WRITER],
                [list(row) for row in batch],
                lambda place, by, chunk: chunks.setdefault((place, by), []).append(chunk),
            )
        except ValueError as error:
            refused.append(str(error))
    found = {
        address: [
            (
                c.steps.dtype.str,
                c.steps.tolist(),
                repr(c.python_values()),
                c.times.tolist(),
                None if c.epochs is None else repr(c.epochs.tolist()),
                c.kind,
            )
            for c in several
        ]
        for address, several in chunks.items()
    }
    return refused, found, [None if s.summary is None else repr(s.summary.dump()) for s in state.sequences]


def as_rows(given_rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [
        [number, step, value, dt, *([] if epoch is None else [epoch]), 7]
        for number, step, value, dt, epoch in given_rows
    ]


@settings(deadline=None)
@given(st.lists(rows, min_size=1, max_size=3))
@example([[(0, 0, 1.5, 0, None), (1, 0, 2.5, 1, None), (0, 1, 0.5, 2, None)], [(1, 1, -2.5, 3, None)]])
@example([[(0, 3, 1.5, 0, None), (0, 1, 2.5, 1, None)]])
@example([[(0, 3, 1.5, 2**70, None), (1, 1, 2.5, 1, None)]])
def test_many_sequences_at_once_are_folded_as_one_after_the_other(batches):
    plain = [as_rows(batch) for batch in batches]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "fold_floats", lambda state, writer, by, rows, sink: rows)
        one_by_one = folded(plain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floats, "FEW", 1)
        assert folded(plain) == one_by_one


def test_sequences_of_plain_floats_are_folded_at_once_beside_others():
    left: list[Any] = []
    real = fold.fold_floats
    batch = [[0, 0, 1.5, 0, 7], [1, 0, 2, 0, 7], [2, 0, 0.5, 1, 7], [3, 0, {"text": "a"}, 1, 7]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "fold_floats", lambda *given: left.append(real(*given)) or left[-1])
        folded([batch])
    assert left == [[batch[1], batch[3]]]
