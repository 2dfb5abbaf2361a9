"""The health of a repository: runs by state, what is not indexed, what was found damaged."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from runstone_indexer.discovery import hinted, log_sizes, sweep
from runstone_indexer.generation import Generation
from runstone_indexer.states import ENDED
from runstone_writer.layout import Layout, open_file, parse_log_name
from runstone_writer.lines import chain_after
from runstone_writer.liveness import beat_age, file_system_now, status_of
from runstone_writer.reader import START, Position, key_in, read_log
from runstone_writer.replay import Problem
from runstone_writer.state import RunState
from runstone_writer.tender import LEASE_SECONDS

from .repo import Repo
from .selection import Explanation, Selection

CHECKED_BYTES = 64 * 1024  # read again of a log to see whether damage is still there


@dataclass(slots=True)
class Health:
    """What `runstone status` shows."""

    path: str
    runs: dict[str, int] = field(default_factory=lambda: {"running": 0, "finished": 0, "crashed": 0})
    generation: int = 0
    points: int = 0
    unread_runs: int = 0
    unread_bytes: int = 0
    dropped: int = 0  # events that writers had to drop because the storage refused them for too long
    problems: list[Problem] = field(default_factory=list)


def health_of(repo: Repo) -> Health:
    """Look at the repository as it is. Nothing is indexed or changed by looking.

    Damage is what the index knows of and what is found in the logs that it does not fully cover. `fsck` reads
    everything.
    """
    layout, health = repo.layout, Health(repo.path)
    now = time.time() if repo.read_only else file_system_now(layout)
    generation, fresh = repo.snapshots.take(may_index=False, warns=False)
    for run in fresh:
        health.unread_runs += 1
        read = 0 if generation is None or (row := generation.find(run)) is None else row.read
        health.unread_bytes += sum(log_sizes(layout, run).values()) - read
    for record in Selection(generation, None, fresh, Explanation("", ""), archived_too=True):
        ended = record.flags & ENDED
        health.runs["finished" if ended else status_of(layout, record.state, now)] += 1
        health.dropped += sum(writer.dropped for writer in record.state.writers.values())
    found: dict[tuple[str, int], Problem] = {}
    refused: list[OSError] = []
    suspects = list(sweep(layout, refused.append)) if generation is None else [*fresh, *hinted(layout)]
    for error in refused:
        path = str(error.filename)
        found[path, 0] = Problem(path, 0, 0, f"cannot be read: {error.strerror}")
    if generation is not None:
        health.generation, health.points = generation.manifest.generation, generation.manifest.points
        for problem in known_problems(repo, generation):
            found[problem.path, problem.start] = problem
    for run in dict.fromkeys(suspects):
        tail = repo.snapshots.tail(run, warns=False)
        for problem in [*tail.problems, *unfinished(layout, tail.state, now), *foreign(layout, run)]:
            found.setdefault((problem.path, problem.start), problem)
    health.problems = list(found.values())
    return health


def damaged_runs(repo: Repo) -> list[str]:
    """Return the runs with damage that is known of (see `health_of`), sorted. Torn tails are no damage."""
    layout = repo.layout
    generation, fresh = repo.snapshots.take(warns=False)
    problems = [problem for tail in fresh.values() for problem in tail.problems]
    if generation is not None:
        known = {tuple(row) for row in generation.manifest.damage}
        for problem in known_problems(repo, generation):
            if any(problem.path.endswith(row[0].rpartition("/logs/")[2]) for row in known):
                problems.append(problem)
    names = (os.path.relpath(problem.path, layout.logs).split(os.sep) for problem in problems)
    return sorted({parts[1] for parts in names if len(parts) > 1})


def known_problems(repo: Repo, generation: Generation) -> Iterator[Problem]:
    """Yield the problems that the index knows of and that are still there, under today's paths."""
    for old_path, start, end, reason in generation.manifest.problems:
        path = os.path.join(
            repo.layout.logs, old_path.rpartition("/logs/")[2]
        )  # the folder may have been moved
        if os.path.exists(path) and _stands(repo, path, start):
            yield Problem(path, start, end, reason)


def unfinished(layout: Layout, state: RunState, now: float) -> Iterator[Problem]:
    """Yield what stands behind the last intact line of each log whose writer is dead, and empty logs."""
    for name, size in log_sizes(layout, state.run).items():
        writer, part = parse_log_name(name) or ("", 0)
        parts = state.writers[writer].parts if writer in state.writers else []
        read = parts[part][0] if part < len(parts) else 0
        given_up = any(later[0] for later in parts[part + 1 :])  # the next part has it all
        if given_up or 0 < size <= read or beat_age(layout, state.run, writer, now) < LEASE_SECONDS:
            continue
        reason = f"torn tail of {size - read} bytes" if size else "empty log"
        yield Problem(layout.log_path(state.run, name), read, max(size, read), reason)


def foreign(layout: Layout, run: str) -> Iterator[Problem]:
    """Yield the files in a run's folder that are not logs."""
    for name in layout.foreign_names(run):
        yield Problem(layout.log_path(run, name), 0, 0, "not a log of Runstone's")


def _stands(repo: Repo, path: str, start: int) -> bool:
    """Whether what was wrong at an offset still is: a file may have become readable, a line complete."""
    parsed, run = parse_log_name(os.path.basename(path)), os.path.basename(os.path.dirname(path))
    if parsed is None:
        return True  # a foreign file, or a folder
    writer = repo.snapshots.tail(run, warns=False).state.writers.get(parsed[0])
    if writer is None or len(writer.parts) <= parsed[1] or writer.parts[parsed[1]][0] <= start:
        return True
    try:
        before = _position(path, start)
        return before is None or any(
            d.start == start for d in read_log(path, before, chunk=CHECKED_BYTES).damage
        )
    except OSError:
        return True


def _position(path: str, start: int) -> Position | None:
    """The position at an offset, if the bytes before it tell the CRC up to there."""
    if start == 0:
        return START
    with open(open_file(path), "rb") as file:
        file.seek(max(start - 16, 0))
        crc = chain_after(file.read(min(16, start)), key_in(file.fileno(), path))
    return None if crc is None else Position(start, crc)
