"""In the guest: writers on two clients, killed, cut off, or with a server that goes away."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from campaign import Row

from runstone import Run
from virtual import network
from virtual.child import Child
from virtual.network import CLIENTS, EXPORTED, root
from virtual.trial import (
    LONG,
    QUIET,
    Trial,
    check,
    looked,
    note,
    write,
)

WRITERS = 16
EVENTS = 1000


def writers(row: Row, version: str, seed: int, trials: int) -> None:
    """H1: sixteen writers of one run, eight on each client."""
    row.unit = "events"
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        run_hash = "onerun"
        began = time.monotonic()
        children = [
            Child(CLIENTS[w % 2], write, trial.at(CLIENTS[w % 2]), run_hash, w, EVENTS)
            for w in range(WRITERS)
        ]
        for child in children:
            trial.fail(child.end(LONG))
        note(f"written in {time.monotonic() - began:.1f} s")
        check(trial, run_hash, dict.fromkeys(range(WRITERS), EVENTS))
        row.trials += WRITERS * EVENTS
    row.control = "one O_APPEND file for both clients"
    row.controls += 1
    kept = _shared_file(version, seed)
    row.figures[f"v{version}: of the control's events kept"] = kept
    row.caught += kept < 2 * SHARED_EVENTS


SHARED_EVENTS = 120


def _append(say: Callable[[Any], None], path: Path, number: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    say("ready")
    for step in range(SHARED_EVENTS):
        os.write(fd, b"%d %d %s\n" % (number, step, b"x" * 80))
        if step % 10 == 9:
            os.fsync(fd)
            time.sleep(0.01)
    os.close(fd)


def _shared_file(version: str, seed: int) -> int:
    """Let both clients append to one file; return how many of their lines are there."""
    name = f"shared-{version}-{seed}"
    (EXPORTED / name).touch()
    children = [Child(client, _append, root(client) / name, n) for n, client in enumerate(CLIENTS)]
    for child in children:
        child.end(LONG)
    lines = (EXPORTED / name).read_bytes().split(b"\n")
    return len(
        {tuple(line.split()[:2]) for line in lines if line.endswith(b"x" * 80) and line.count(b" ") == 2}
    )


OUTAGE = 25.0  # seconds: longer than a client's lease on what it has open
PATIENCE = 5.0  # seconds that a call may take in the mode that never waits for the storage, on a busy machine
MODES = ("accepted", "written", "durable")


def write_until(say: Callable[[Any], None], repo: Path, number: int, durability: str, until: Path) -> None:
    """Track points until told to stop; say how many are acknowledged, and the longest that a call has taken."""
    warnings.simplefilter("ignore")
    run = Run("onerun", repo=str(repo), create=True, durability=durability, **QUIET)
    step, longest = 0, 0.0
    while not until.exists():
        began = time.monotonic()
        run.track(number * 10_000_000 + step, name="loss", step=step, context={"writer": number})
        longest = max(longest, time.monotonic() - began)
        step += 1
        say([step, longest])
        time.sleep(0.02)
    run.close()
    say([step, longest])


def _acknowledged(child: Child) -> int:
    return max((said[0] for said in child.said), default=0)


def outage(
    row: Row, version: str, seed: int, trials: int, begin: Callable[[], None], end: Callable[[], None]
) -> None:
    """H4: writers go on while the server is not to be reached; everything that was acknowledged is there later."""
    row.unit, row.control = "events", "a mode that waits for the storage"
    longest = 0.0
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        over = Path("/run") / trial.name
        modes = (*MODES, "written")  # the last one is killed in the middle of it
        children = [Child("a", write_until, trial.at("a"), n, mode, over) for n, mode in enumerate(modes)]
        for child in children:
            child.wait_for(20, LONG)
        begin()
        try:
            time.sleep(OUTAGE * trial.random.uniform(0.1, 0.4))
            victim = children[-1]
            victim.kill()
            time.sleep(OUTAGE - 5)
        finally:
            end()
        durable = children[2]
        if not durable.wait_for(len(durable.said) + 2, LONG):
            trial.fail("the server does not answer again")
        over.touch()
        for child in children[:-1]:
            trial.fail(child.end(LONG))
        if not victim.gone(LONG):
            trial.fail("the killed writer is still there")
        expected = {n: _acknowledged(child) for n, child in enumerate(children)}
        note(f"acknowledged {expected}")
        check(trial, "onerun", expected)
        waits = [max(said[1] for said in child.said) for child in children[:-1]]
        longest = max(longest, waits[0])
        if waits[0] > PATIENCE:
            trial.fail(f"a call in the mode 'accepted' took {waits[0]:.1f} s")
        row.trials += sum(expected.values())
        row.controls += 1
        row.caught += waits[2] > PATIENCE
    row.figures[f"v{version}: longest call in the mode 'accepted', seconds"] = round(longest, 3)


def cut(row: Row, version: str, seed: int, trials: int) -> None:
    outage(row, version, seed, trials, partial(network.cut, "a"), partial(network.join, "a"))


def restart(row: Row, version: str, seed: int, trials: int) -> None:
    outage(row, version, seed, trials, network.stop_server, network.start_server)


def killed(row: Row, version: str, seed: int, trials: int) -> None:
    """Writers on one client are killed at random instants: what they have said is there for the other one."""
    row.unit, row.control = "kills", "said before it is so"
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        children = [Child("a", write_until, trial.at("a"), n, "written", Path("/nothing")) for n in range(4)]
        liar = Child("a", write_until, trial.at("a"), 4, "accepted", Path("/nothing"))
        for child in (*children, liar):
            child.wait_for(trial.random.randrange(5, 60), LONG)
            child.kill()
        for child in (*children, liar):
            child.gone(LONG)
        expected = {n: _acknowledged(child) for n, child in enumerate(children)}
        check(trial, "onerun", expected)
        row.trials += len(children)
        row.controls += 1
        row.caught += looked(trial, "b", "onerun", [4]).get(4, 0) < _acknowledged(liar)
