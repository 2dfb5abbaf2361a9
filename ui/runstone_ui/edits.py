"""Changes of runs: each run's are one log of its own, as those by Run's properties are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from runstone_writer.errors import MissingRunError, RunstoneError, StoreError
from runstone_writer.layout import is_safe_hash
from runstone_writer.values import encode

from .refusals import without_paths

if TYPE_CHECKING:
    from runstone_query.repo import Repo
    from runstone_query.run import StoredRun

Events = list[tuple[str, dict[str, Any]]]

logger = logging.getLogger("runstone.up")


def edit(repo: Repo, asked: dict[str, Any]) -> dict[str, Any]:
    """Change runs; return which were changed, and why others were not."""
    done: list[str] = []
    failed: dict[str, str] = {}
    for run in dict.fromkeys(asked["runs"]):
        try:
            _edit_run(repo, run, asked)
            done.append(run)
        except MissingRunError:
            failed[run] = "there is no such run"
        except (RunstoneError, OSError) as error:
            logger.warning("cannot change run %s: %s", run, error)
            failed[run] = _reason(repo, error)
    return {"done": done, "failed": failed}


def _reason(repo: Repo, error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, StoreError):
        return "the storage has refused it"
    assert isinstance(error, RunstoneError)  # noqa: S101 - nothing else comes here
    return without_paths(error.message, repo.layout)


def _edit_run(repo: Repo, run: str, asked: dict[str, Any]) -> None:
    from runstone_query.run import StoredRun, append_edits  # noqa: PLC0415 - loads the query layer

    if asked.get("deleted") is False:
        if not is_safe_hash(run) or not repo.layout.holds(run):
            raise MissingRunError(f"there is no run {run!r}")
        append_edits(repo.layout, run, [("delete", {"on": False})])
    events = _events(StoredRun(repo, repo.record(run)), asked)
    if events:
        append_edits(repo.layout, run, events)


def _events(run: StoredRun, asked: dict[str, Any]) -> Events:
    events: Events = []
    for name, value in asked.get("set", {}).items():
        events.append(("prop", {"name": name, "value": encode(value) if isinstance(value, str) else value}))
    there = set(run.tags)
    for tag in dict.fromkeys(asked.get("add_tags", ())):
        if tag not in there:
            events.append(("tag", {"name": tag, "on": True}))
    for tag in dict.fromkeys(asked.get("remove_tags", ())):
        if tag in there:
            events.append(("tag", {"name": tag, "on": False}))
    if asked.get("deleted"):
        events.append(("delete", {"on": True}))
    return events


def add_note(repo: Repo, run: str, text: str) -> str:
    """Put a note to a run; return its id."""
    return _stored(repo, run).add_note(text)


def edit_note(repo: Repo, run: str, note: str, text: str | None) -> None:
    """Change a note of a run, or take it away. Raises MissingKeyError if there is none with that id."""
    stored = _stored(repo, run)
    if text is None:
        stored.remove_note(note)
    else:
        stored.update_note(note, text)


def _stored(repo: Repo, run: str) -> StoredRun:
    from runstone_query.run import StoredRun  # noqa: PLC0415

    return StoredRun(repo, repo.record(run))
