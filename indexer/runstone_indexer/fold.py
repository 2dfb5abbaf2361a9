"""Folding points: from a batch of a log's rows to summaries in the state and chunks for storage."""

from __future__ import annotations

from typing import Any

from runstone_writer.state import RunState, WriterState

from .chunk import FLOAT, OBJECT, Chunk, by_sequence, chunk_of
from .floats import NUMBER, ChunkSink, fold_floats
from .summary import Summary

_WRONG = (ValueError, TypeError, IndexError, OverflowError)


def fold_points(state: RunState, writer: WriterState, rows: list[list[Any]], sink: ChunkSink) -> None:
    """Take one batch of points into the summaries of `state` and hand them on as chunks.

    Rows that are not what a writer writes are left out; ValueError then says so after the others have been
    dealt with.
    """
    by = list(state.writers).index(writer.writer)
    bad = []
    for number, group in by_sequence(fold_floats(state, writer, by, rows, sink)).items():
        sequence = state.sequences[writer.declared[number]]
        is_number = sequence.kind == NUMBER
        try:
            chunk = chunk_of(group, writer.base, is_number)
        except _WRONG:
            good, error = _sorted_out(group, writer.base, is_number)
            bad.append(f"{len(group) - len(good)} points of {sequence.name!r}: {error}")
            if not good:
                continue
            chunk = chunk_of(good, writer.base, is_number)
        if sequence.summary is None:
            sequence.summary = Summary()
        _summarise(sequence.summary, writer.writer, chunk)
        sink(sequence.place, by, chunk)
    if bad:
        raise ValueError("; ".join(bad))


def _sorted_out(rows: list[list[Any]], base: int, is_number: bool) -> tuple[list[list[Any]], str]:
    """Return the rows that are each in order, and what is wrong with one of the others."""
    good, reason = [], ""
    for row in rows:
        try:
            chunk_of([row], base, is_number)
        except _WRONG as error:
            reason = str(error)
        else:
            good.append(row)
    return good, reason


def _summarise(summary: Summary, writer: str, chunk: Chunk) -> None:
    # Of what is no number only the steps are summarised: objects may be long, and no query asks for them.
    values: list[Any] = [None] * len(chunk.steps) if chunk.kind == OBJECT else chunk.python_values()
    is_float = chunk.kind == FLOAT
    summary.add(writer, chunk.steps, values, chunk.values if is_float else None)
    if not is_float and chunk.kind != OBJECT:
        summary.add_numbers(values)
