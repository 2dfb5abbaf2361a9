"""fsck: every checksum of every log and of the index, and whether index and logs say the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runstone_indexer.columns import Columns
from runstone_indexer.discovery import log_sizes, sweep
from runstone_indexer.generation import Generation, open_generation
from runstone_writer.layout import Layout, is_safe_hash
from runstone_writer.replay import Problem, replay
from runstone_writer.state import RunState, WriterState

from .overlay import Tail
from .record import Record

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Verdict:
    """What fsck found."""

    runs: int = 0
    logs: int = 0
    bytes_read: int = 0
    damage: list[Problem] = field(default_factory=list)  # bytes of the logs that are not what was written
    tails: list[Problem] = field(default_factory=list)  # lines that were never completed: normal after a kill
    foreign: list[Problem] = field(default_factory=list)
    index: list[Problem] = field(default_factory=list)  # the index is damaged or says something else
    indexed: int = 0  # runs compared with the index

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong (torn tails are not wrong)."""
        return not (self.damage or self.index)


def verify(layout: Layout, progress: Progress | None = None) -> Verdict:
    """Read everything and compare. Changes nothing."""
    verdict = Verdict()
    generation = _checked_index(layout, verdict)
    _foreign_folders(layout, verdict)
    runs = list(sweep(layout))
    for count, run in enumerate(runs):
        _verify_run(layout, run, generation, verdict)
        if progress is not None:
            progress(count + 1, len(runs))
    verdict.runs = len(runs)
    return verdict


def _checked_index(layout: Layout, verdict: Verdict) -> Generation | None:
    generation = open_generation(layout)
    if generation is None:
        return None
    for entry in generation.manifest.states + generation.manifest.series:
        columns = Columns(generation.folder, entry)
        bad = columns.check()
        if bad is not None:
            verdict.index.append(Problem(columns.path, 0, entry["size"], f"checksum mismatch in {bad}"))
    return None if verdict.index else generation


def _foreign_folders(layout: Layout, verdict: Verdict) -> None:
    for folder, _, files in os.walk(layout.logs):
        depth = os.path.relpath(folder, layout.logs).count(os.sep)
        name = os.path.basename(folder)
        if depth == 1 and not is_safe_hash(name):
            verdict.foreign.append(Problem(folder, 0, 0, "not a run's folder"))
        if depth != 1:
            verdict.foreign += [
                Problem(os.path.join(folder, f), 0, 0, "not a log of Runstone's") for f in files
            ]


def _verify_run(layout: Layout, run: str, generation: Generation | None, verdict: Verdict) -> None:
    tail = Tail(layout, run, None)
    tail.update()
    names = log_sizes(layout, run)
    verdict.logs += len(names)
    # Once more for the torn tails, which a query does not care about.
    done = replay(layout, RunState(run), list(names), _ignore)
    verdict.bytes_read += done.bytes_read
    verdict.damage += tail.problems
    verdict.tails += done.tails
    folder = layout.run_folder(run)
    foreign = layout.foreign_names(run)
    verdict.foreign += [
        Problem(os.path.join(folder, name), 0, 0, "not a log of Runstone's") for name in foreign
    ]
    if generation is None:
        return
    indexed = Tail(layout, run, generation)
    if indexed.number is None:
        return
    indexed.update()
    difference = compare(tail.record(), indexed.record())
    if difference:
        verdict.index.append(
            Problem(folder, 0, 0, f"the index says something else than the logs: {difference}")
        )
    verdict.indexed += 1


def _ignore(_state: RunState, _writer: WriterState, _rows: list[list[Any]]) -> None:
    return None


def compare(one: Record, other: Record) -> str:
    """Return in what two records of a run differ, down to each point; empty if in nothing."""
    a, b = one.state, other.state
    for what in ("name", "experiment", "tags", "archived", "deleted", "created", "ended"):
        if getattr(a, what) != getattr(b, what):
            return what
    if repr(a.params.tree()) != repr(b.params.tree()):  # repr: NaN is not equal to itself
        return "parameters"
    if sorted(a.writers) != sorted(b.writers):
        return "writers"
    sequences = {sequence.identity: sequence for sequence in b.sequences}
    if sorted(sequences) != sorted(sequence.identity for sequence in a.sequences):
        return "the list of sequences"
    for sequence in a.sequences:
        twin = sequences[sequence.identity]
        dumps = [None if s.summary is None else repr(s.summary.dump()) for s in (sequence, twin)]
        if dumps[0] != dumps[1]:
            return f"the summary of {sequence.name!r}: {dumps[0]} and {dumps[1]}"
        if not _same_points(one.points(sequence.place), other.points(twin.place)):
            return f"the points of {sequence.name!r}"
    return ""


def _same_points(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> bool:
    (a, writers_a, by_a), (b, writers_b, by_b) = one, other
    if writers_a != writers_b or not np.array_equal(a.steps, b.steps):
        return False
    if (by_a is None) != (by_b is None) or (by_a is not None and not np.array_equal(by_a, by_b)):
        return False
    same_values = repr(a.python_values()) == repr(b.python_values())
    return same_values and np.array_equal(a.times, b.times)
