"""Folding points: from a batch of a log's rows to summaries in the state and chunks for storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runstone_writer.state import RunState, WriterState

from .chunk import FLOAT, OBJECT, Chunk, by_sequence, chunk_of
from .summary import Summary

NUMBER = "number"  # the type of sequences that metrics are made of

# Takes the place of the sequence in the run, the place of the writer in the run, and the points.
ChunkSink = Callable[[int, int, Chunk], None]


def fold_points(state: RunState, writer: WriterState, rows: list[list[Any]], sink: ChunkSink) -> None:
    """Take one batch of points into the summaries of `state` and hand them on as chunks.

    A sequence whose rows are not what a writer writes is left out as a whole batch; ValueError then says so
    after the others have been dealt with.
    """
    by = list(state.writers).index(writer.writer)
    bad = []
    for number, group in by_sequence(rows).items():
        sequence = state.sequences[writer.declared[number]]
        try:
            chunk = chunk_of(group, writer.base, sequence.kind == NUMBER)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            bad.append(f"{len(group)} points of {sequence.name!r}: {error}")
            continue
        if sequence.summary is None:
            sequence.summary = Summary()
        _summarise(sequence.summary, writer.writer, chunk)
        sink(sequence.place, by, chunk)
    if bad:
        raise ValueError("; ".join(bad))


def _summarise(summary: Summary, writer: str, chunk: Chunk) -> None:
    # Of what is no number only the steps are summarised: objects may be long, and no query asks for them.
    values: list[Any] = [None] * len(chunk.steps) if chunk.kind == OBJECT else chunk.python_values()
    is_float = chunk.kind == FLOAT
    summary.add(writer, chunk.steps, values, chunk.values if is_float else None)
    if not is_float and chunk.kind != OBJECT:
        summary.add_numbers(values)
