"""The health of a repository: runs by state, what is not indexed, what was found damaged."""

from __future__ import annotations

from dataclasses import dataclass, field

from runstone_indexer.discovery import log_sizes
from runstone_indexer.states import ENDED
from runstone_writer.liveness import file_system_now, status_of
from runstone_writer.replay import Problem

from .aimql import parse
from .repo import Repo


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
    """Look at every run (only at its flags, where they say that it has ended) and at what the index knows."""
    health = Health(repo.path)
    generation, fresh = repo._snapshot()
    now = file_system_now(repo.layout)
    if generation is not None:
        manifest = generation.manifest
        health.generation, health.points = manifest.generation, manifest.points
        health.problems = [Problem(*problem) for problem in manifest.problems]
    for run, tail in fresh.items():
        health.unread_runs += 1
        read = 0 if generation is None or (row := generation.find(run)) is None else row.read
        health.unread_bytes += sum(log_sizes(repo.layout, run).values()) - read
        health.problems += tail.problems
    records, _ = repo._select(parse("run.archived or True"))
    for record in records:
        if record.flags & ENDED:
            health.runs["finished"] += 1
            continue
        health.runs[status_of(repo.layout, record.state, now)] += 1
        health.dropped += sum(writer.dropped for writer in record.state.writers.values())
    return health
