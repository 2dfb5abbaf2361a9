"""Details: everything about one run but its points."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from runstone_query.health import foreign, known_problems, unfinished
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_query.results import sequences_of
from runstone_query.run import StoredRun
from runstone_query.sequences import KINDS
from runstone_query.views import SUMMARIES
from runstone_writer import messages, terminal
from runstone_writer.changes import edits_of
from runstone_writer.environment import PARAMETER as SYSTEM
from runstone_writer.liveness import beat_age
from runstone_writer.messages import lease
from runstone_writer.replay import Problem
from runstone_writer.state import WriterState
from runstone_writer.stores import folder_uri
from runstone_writer.tender import LEASE_SECONDS
from runstone_writer.values import show_key

from .arguments import MOST_ROWS, Arguments
from .values import reply, tagged, with_all_digits

_SAID = (messages.KIND, terminal.KIND)
_ENTITY = {kind: entity for entity, kind in KINDS.items()}


def run(repo: Repo, arguments: Arguments) -> Reply:
    """`GET runs/<hash>`."""
    stored = StoredRun(repo, repo.record(arguments.text("hash")))
    status = stored.status
    params = with_all_digits(stored.record.state.params.tagged())
    return reply(
        {
            "hash": stored.hash,
            "name": stored.name,
            "experiment": stored.experiment,
            "description": stored.description,
            "status": status,
            "created": stored.creation_time,
            "ended": stored.end_time,
            "duration": _duration(stored, status),
            "archived": stored.archived,
            "tags": stored.tags,
            "system": _without(params, SYSTEM) or {},
            "params": params,
            "sequences": _sequences(stored),
            "notes": [{"id": note.id, "text": note.text, "time": note.created} for note in stored.notes],
            "artifacts": _artifacts(stored),
            "writers": _writers(stored),
            "problems": _problems(repo, stored),
        }
    )


def history(repo: Repo, arguments: Arguments) -> Reply:
    """`GET runs/<hash>/history`."""
    record = repo.record(arguments.text("hash"))
    edits = [edit for edit in edits_of(repo.layout, record.hash) if edit.key != (SYSTEM,)]
    changes = [
        {
            "time": edit.time,
            "writer": edit.writer,
            "kind": edit.of,
            "name": show_key(edit.key) if edit.of == "params" else edit.key[0],
            "before": with_all_digits(edit.before),
            "after": with_all_digits(edit.after),
        }
        for edit in edits[-MOST_ROWS:]
    ]
    return reply({"changes": changes})


def _duration(stored: StoredRun, status: str) -> float:
    """Return the seconds up to the end; of a run that crashed, up to the last that is known of it."""
    if status != "crashed":
        return stored.duration
    state = stored.record.state
    last = max((writer.last for writer in state.writers.values() if writer.kind == "run"), default=0)
    return max(last - state.created, 0) / 1e6


def _without(params: dict[str, Any], name: str) -> Any:
    """Take a parameter out of tagged JSON and return it."""
    if "$dict" not in params:
        return params.pop(name, None)
    for at, (key, value) in enumerate(params["$dict"]):
        if key == name:
            del params["$dict"][at]
            return value
    return None


def _sequences(stored: StoredRun) -> list[dict[str, Any]]:
    return [
        {
            "kind": _ENTITY.get(sequence.type, sequence.type),
            "name": sequence.name,
            "context": tagged(sequence.context.to_dict()),
            "summary": {name: tagged(sequence.summary(name)) for name in SUMMARIES},
        }
        for sequence in sequences_of(stored, None)
        if sequence.type not in _SAID
    ]


def _artifacts(stored: StoredRun) -> list[dict[str, Any]]:
    # Where the repository is on this machine is nobody's concern: what is kept in it has a path from there.
    own = folder_uri(stored.repo.layout.root)
    return [
        {
            "name": name,
            "path": artifact.path,
            "size": artifact.size,
            "digest": artifact.sha256,
            "uri": artifact.uri.replace(own, ".runstone", 1)
            if artifact.uri.startswith(f"{own}/")
            else artifact.uri,
            "error": artifact.error,
        }
        for name, artifact in stored.artifacts.items()
    ]


def _writers(stored: StoredRun) -> list[dict[str, Any]]:
    now = time.time()

    def status(writer: WriterState) -> str:
        if writer.end is not None:
            return "finished"
        age = beat_age(stored.repo.layout, stored.hash, writer.writer, now)
        return "running" if age < lease(writer, LEASE_SECONDS) else "crashed"

    writers = [writer for writer in stored.record.state.writers.values() if writer.kind == "run"]
    return [
        {"id": writer.writer, "host": writer.host, "pid": writer.pid, "status": status(writer)}
        for writer in sorted(writers, key=lambda writer: writer.writer)
    ]


def _problems(repo: Repo, stored: StoredRun) -> list[dict[str, Any]]:
    """What was found wrong with the run's logs, each place once."""
    folder, found = repo.layout.run_folder(stored.hash), dict[tuple[str, int], Problem]()
    for problem in _met(repo, stored):
        if os.path.dirname(problem.path) == folder or problem.path == folder:
            found.setdefault((problem.path, problem.start), problem)
    return [
        {"file": os.path.basename(path), "start": start, "end": problem.end, "reason": problem.reason}
        for (path, start), problem in sorted(found.items())
    ]


def _met(repo: Repo, stored: StoredRun) -> Iterator[Problem]:
    generation = repo.snapshots.take(warns=False)[0]
    if generation is not None:
        yield from known_problems(repo, generation)
    tail = repo.snapshots.tail(stored.hash, warns=False)
    yield from tail.problems
    yield from unfinished(repo.layout, tail.state, time.time())
    yield from foreign(repo.layout, stored.hash)
