"""Two faults, one after the other: a SIGKILL at a random call, then calls that fail while all of that is put right.

    python tools/crash/compound.py                 # 600 pairs; about ten minutes
    python tools/crash/compound.py --trials 20 --seed 7

First a script or an indexer is killed in the middle of a call. Then the run is resumed, indexed, rebuilt, or what
was left in a rescue folder is moved home, while another call fails, once or for ever. The oracles are those of
faults.py, over what both processes had said.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaign import Options, Row, lacking, main
from failing import CALLS, Fault, Nursery, remove
from faults import (
    ERRORS,
    TRANSIENT,
    check_index,
    check_training,
    index_once,
    index_regardless,
    train,
    train_forgetful,
    two_runs,
    workshop,
)

FULL = 600
NOT_MET = 40  # how far the counts of calls go that are drawn
KILLS = ("openat", "write", "fsync", "rename", "mkdir", "unlink", "close", "pwrite64")


def a_kill(draw: random.Random) -> Fault:
    return Fault(draw.choice(KILLS), "KILL", draw.randrange(1, NOT_MET))


def a_fault(draw: random.Random) -> Fault:
    call = draw.choice(CALLS)
    error = draw.choice(ERRORS[call].split())
    for_ever = error not in TRANSIENT and draw.random() < 0.5
    return Fault(call, error, draw.randrange(1, NOT_MET), for_ever=for_ever)


def resumed(draw: random.Random, place: Path, nursery: Nursery, task: Callable[..., None]) -> list[str]:
    """A script is killed; the next one goes on with its run while calls fail."""
    kill, fault, ends = a_kill(draw), a_fault(draw), draw.random() < 0.5
    first = nursery.run(train, kill, place, place, "", "written", False)
    opened = first.said and first.said[0][0] == "open"
    run_hash = first.said[0][1] if opened else ""
    second = nursery.run(task, fault, place, place, run_hash, "written", ends and fault.for_ever)
    found = check_training(place, second)
    if opened:
        first.code, first.error = 0, ""
        # The second one has given another name, and stored another artifact.
        first.said = [what for what in first.said if what[0] not in ("name", "artifact")]
        first.warnings += [text for text in second.warnings if "what run" in text]
        found += check_training(place, first)
    return [f"{kill} and then {fault}: {text}" for text in found]


def rescued(draw: random.Random, place: Path, nursery: Nursery, task: Callable[..., None]) -> list[str]:
    """The storage refuses for good; what was rescued is moved home, and indexed while calls fail."""
    refusal = Fault("write", "ENOSPC", draw.randrange(4, NOT_MET // 2), for_ever=True)
    first = nursery.run(task, refusal, place, place, "", "written", False)
    found = check_training(place, first)
    fault = a_fault(draw)
    shutil.rmtree(place / ".runstone/index", ignore_errors=True)
    found += check_index(place, nursery.run(index_once, fault, place, place, "first", False))
    return [f"{refusal} and then {fault}: {text}" for text in found]


def indexed(draw: random.Random, place: Path, nursery: Nursery, task: Callable[..., None]) -> list[str]:
    """An indexer is killed; the next one meets calls that fail."""
    how, kill, fault = draw.choice(["next", "full", "reindex"]), a_kill(draw), a_fault(draw)
    nursery.run(index_once, kill, place, place, draw.choice(["next", "reindex"]), False)
    below = place / ".runstone/logs" if task is index_regardless else place
    done = nursery.run(task, fault, below, place, how, False)
    return [f"{kill} and then {how} with {fault}: {text}" for text in check_index(place, done)]


def pairs(options: Options) -> Row:
    """Pairs of faults, and as a control the same with a writer and an indexer that swallow errors."""
    row = Row("R9", "calls that fail while a crash is put right", "pairs", control="errors are swallowed")
    row.skipped = lacking("cc")
    if row.skipped:
        return row
    with workshop() as (folder, nursery):
        prepared = two_runs(folder, nursery)
        count = options.count(FULL)
        for number in range(count):
            row.failures += _trial(folder, nursery, prepared, options.seed, number, control=False)
            row.trials += 1
        for number in range(max(6, count // 10)):
            row.controls += 1
            row.caught += bool(_trial(folder, nursery, prepared, options.seed, number, control=True))
    return row


def _trial(
    folder: Path, nursery: Nursery, prepared: Path, seed: int, number: int, *, control: bool
) -> list[str]:
    draw, place = random.Random(f"{seed}-{number}"), folder / "repo"
    remove(place)
    shutil.copytree(prepared, place, symlinks=True)
    kind: Any = (resumed, rescued, indexed)[number % 3]
    task = (index_once if kind is indexed else train) if not control else index_regardless
    if control and kind is not indexed:
        task = train_forgetful
    try:
        found = kind(draw, place, nursery, task)
    except Exception as error:
        found = [f"{type(error).__name__} in the oracle: {error}"]
    return [f"seed {seed}, trial {number}, {kind.__name__}: {text}" for text in found]


CAMPAIGNS = {"compound": pairs}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
