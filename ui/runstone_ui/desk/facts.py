"""What is shown of every run: name, experiment, status, times, tags; read for many runs at once."""

from __future__ import annotations

import time
from typing import Any

from runstone_query.batch import Batch
from runstone_query.repo import Repo
from runstone_writer.liveness import status_of

COLUMNS = ("hash", "name", "experiment", "status", "created", "ended", "archived", "tags")
_PROPERTY = {"created": "creation_time", "ended": "end_time"}


def facts(repo: Repo, batch: Batch, names: tuple[str, ...] = COLUMNS) -> dict[str, list[Any]]:
    """Return some of COLUMNS for the runs of a batch."""
    found = {}
    for name in names:
        found[name] = (
            statuses(repo, batch) if name == "status" else batch.properties(_PROPERTY.get(name, name))
        )
    return found


def statuses(repo: Repo, batch: Batch) -> list[str]:
    """Return "running", "finished" or "crashed" for each run: heartbeats are looked at where a run has not ended."""
    now = time.time()
    return [
        "finished" if end is not None else status_of(repo.layout, record.state, now)
        for record, end in zip(batch.records, batch.properties("end_time"), strict=True)
    ]
