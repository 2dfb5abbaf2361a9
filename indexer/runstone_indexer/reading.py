"""Reading a run on from where its state stands; from the start if its logs are not the ones that were read.

They may not be: a power cut takes what was written and not durable yet, a folder is put back from a backup.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runstone_writer.layout import Layout, log_name, parse_log_name
from runstone_writer.replay import Problem, Replay, replay
from runstone_writer.state import RunState, WriterState

from .chunk import Chunk
from .discovery import RunFolder
from .fold import fold_points


@dataclass(slots=True)
class Reading:
    """What one reading of a run brought."""

    state: RunState
    chunks: list[tuple[int, int, Chunk]] = field(default_factory=list)  # places of sequence and writer
    damage: list[Problem] = field(default_factory=list)  # in bytes that were read: not met again
    unread: list[Problem] = field(default_factory=list)  # logs that could not be read this time
    tails: list[Problem] = field(default_factory=list)  # lines that are not complete: being written, or torn
    unfilled: bool = False  # a tail may be completed without its file getting longer
    bytes_read: int = 0
    started_over: bool = False

    @property
    def extent(self) -> int:
        """How many bytes of the run's logs have been read, now and before."""
        return sum(part[0] for writer in self.state.writers.values() for part in writer.parts)


def read_on(layout: Layout, state: RunState, folder: RunFolder) -> Reading:
    """Read what `state` has not; `folder` is what is in the run's folder.

    `state` is used up: take the one in the result.
    """
    reading, done = Reading(state), None
    lost = _lost_log(layout, state, folder)
    if lost is None:
        done = _read(layout, reading, folder)
        if not done.stale:
            return reading
        lost = done.problems
    again = Reading(RunState(state.run), started_over=True)
    _read(layout, again, folder)
    again.damage += [problem for problem in lost if problem not in again.damage + again.unread]
    return again


def _read(layout: Layout, reading: Reading, folder: RunFolder, ends: dict[str, int] | None = None) -> Replay:
    state = reading.state

    def sink(_state: RunState, writer: WriterState, points: list[list[Any]]) -> None:
        try:
            fold_points(state, writer, points, lambda *chunk: reading.chunks.append(chunk))
        except ValueError as error:
            reading.damage.append(Problem(layout.run_folder(state.run), 0, 0, str(error)))

    done = replay(layout, state, list(folder.sizes), sink, ends=ends)
    reading.tails, reading.unfilled, reading.bytes_read = done.tails, done.unfilled, done.bytes_read
    done.problems += _impostors(layout, state, folder)
    for problem in done.problems:
        (reading.unread if _is_unread(state, problem) else reading.damage).append(problem)
    return done


def _impostors(layout: Layout, state: RunState, folder: RunFolder) -> Iterator[Problem]:
    """Yield the logs that have been read, and in whose place there is something else now, such as a link."""
    for name in folder.impostors:
        writer, part = parse_log_name(name) or ("", 0)
        parts = state.writers[writer].parts if writer in state.writers else []
        if part < len(parts) and parts[part][0]:
            offset = parts[part][0]
            yield Problem(layout.log_path(state.run, name), offset, offset, "cannot be read: not a file")


def _lost_log(layout: Layout, state: RunState, folder: RunFolder) -> list[Problem] | None:
    """A log that has been read and is not there any more.

    One that another host has begun need not be in this host's listing of the folder yet: so it is asked for by name.
    """
    for writer in state.writers.values():
        for part, (offset, *_) in enumerate(writer.parts):
            name = log_name(writer.writer, part)
            path = layout.log_path(state.run, name)
            if offset and name not in folder.sizes and not os.path.lexists(path):
                # Without any log the run was taken away on purpose: that is nobody's damage.
                reason = "the log is missing, and had been read"
                return [Problem(path, 0, offset, reason)] if folder.sizes else []
    return None


def _is_unread(state: RunState, problem: Problem) -> bool:
    """A log that could not be read is one whose problem lies where reading would have gone on."""
    name = parse_log_name(os.path.basename(problem.path))
    if name is None:
        return False
    parts = state.writer(name[0]).parts
    return problem.start == problem.end == parts[name[1]][0]


def read_until(layout: Layout, run: str, sizes: dict[str, int]) -> Reading:
    """Read a run from the start, as if each of its logs had only so many bytes."""
    reading = Reading(RunState(run))
    _read(layout, reading, RunFolder(sizes, []), ends=sizes)
    return reading
