"""In the guest: one trial of a campaign, and what its processes do on the clients."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaign import Row

from runstone import Repo, Run
from virtual.child import Child
from virtual.network import CLIENTS, EXPORTED, root

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
LONG = 400.0  # seconds: more than anything here may take, on a machine that has other work too
CACHE_SECONDS = 60.0  # acregmax and acdirmax: how old a client's view of files and folders may be


class Trial:
    """A repository on the server, and the row that its failures go into."""

    def __init__(self, row: Row, version: str, seed: int, number: int) -> None:
        self.row, self.number = row, number
        self._where = f"NFS {version}, seed {seed}, trial {number}"
        self.name = f"trial-{os.urandom(4).hex()}"  # one machine runs many
        self.random = random.Random(f"{seed} {number}")
        Repo(EXPORTED / self.name, init=True)

    def fail(self, what: str) -> None:
        if what:
            self.row.failures.append(f"{self._where}: {what}")

    def at(self, client: str) -> Path:
        """Return the repository's path as a client, or the server, sees it."""
        return (EXPORTED if client == "server" else root(client)) / self.name


def note(what: str) -> None:
    """Say how far it is; the host shows it when it is asked to."""
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr, flush=True)


# -- what processes do -----------------------------------------------------------------------------------


def write(
    say: Callable[[Any], None], repo: Path, run_hash: str, number: int, events: int, **options: Any
) -> None:
    """Track `events` points as writer `number` of a run."""
    run = Run(run_hash, repo=str(repo), create=True, **QUIET, **options)
    say("ready")
    for step in range(events):
        run.track(number * 10_000_000 + step, name="loss", step=step, context={"writer": number})
    run.close()
    say("done")


def write_in_turns(
    say: Callable[[Any], None], repo: Path, run_hash: str, number: int, pause: float, durability: str
) -> None:
    """Track points for ever, and say of each when it was acknowledged, and how long the call took."""
    run = Run(run_hash, repo=str(repo), create=True, durability=durability, **QUIET)
    say("ready")
    step = 0
    while True:
        began = time.monotonic()
        run.track(number * 10_000_000 + step, name="loss", step=step, context={"writer": number})
        say([step, time.monotonic(), time.monotonic() - began])
        step += 1
        time.sleep(pause)


def steps_of(repo: Repo, run_hash: str, number: int) -> list[int]:
    """Return the steps of a writer; an error in one of its values is a step of -1."""
    run = repo.get_run(run_hash)
    metric = None if run is None else run.get_metric("loss", {"writer": number})
    if metric is None:
        return []
    steps, values = metric.values.sparse_list()
    return [int(s) if v == number * 10_000_000 + s else -1 for s, v in zip(steps, values, strict=True)]


def look(say: Callable[[Any], None], repo: Path, run_hash: str, numbers: list[int], index: bool) -> None:
    """Say how many points of each writer are there, -1 if something is wrong with them."""
    opened = Repo(str(repo), read_only=True, index=index)
    for number in numbers:
        steps = steps_of(opened, run_hash, number)
        say([number, len(steps) if steps == list(range(len(steps))) else -1])


def looked(
    trial: Trial, client: str, run_hash: str, numbers: list[int], *, index: bool = False
) -> dict[int, int]:
    """Ask from a new process on a client."""
    child = Child(client, look, trial.at(client), run_hash, numbers, index)
    trial.fail(child.end(LONG))
    return dict(child.said)


def check(
    trial: Trial,
    run_hash: str,
    expected: dict[int, int],
    clients: tuple[str, ...] = (*CLIENTS, "server"),
    *,
    index: bool = False,
) -> None:
    """Compare what was acknowledged with what is found."""
    for client in clients:
        found = looked(trial, client, run_hash, list(expected), index=index)
        for number, count in expected.items():
            if found.get(number, 0) < count:
                trial.fail(
                    f"writer {number}: {found.get(number, 0)} of {count} acknowledged events on {client}"
                )
