"""Memory that runs out: allocations that fail, one in so many; the Nth of Python's own; and the OOM killer.

    python tools/crash/memory.py                         # about a quarter of an hour
    python tools/crash/memory.py --only track --trials 50

An allocation that fails may end a script or an indexer, with an error. It may not put anything wrong on the disk,
and the next process goes on: nothing acknowledged is lost, nothing is there twice, index and rebuild agree. In
track() itself every allocation is made to fail in its turn, and the log goes on in the same process.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from signal import SIGABRT, SIGILL, SIGSEGV
from typing import Any

from campaign import Options, Row, lacking, main
from failing import Fault, Nursery, Orders, Outcome, Say, remove
from faults import (
    QUIET,
    check_index,
    check_training,
    impatient,
    index_once,
    prepare,
    same_answers,
    succeed,
    train,
    value_of,
    workshop,
)

from runstone import Repo, Run
from runstone_query.verify import verify
from runstone_writer import log, part
from runstone_writer.layout import open_repo

GROUPS = Path("/sys/fs/cgroup/memory")
MEGABYTE = 1 << 20


# -- every allocation in track() -------------------------------------------------------------------------------------


def track_short_of_memory(say: Say, orders: Orders, repo: str, nth: int, kind: str) -> None:
    """Let the Nth allocation inside of track() fail, and say which calls returned."""
    import _testcapi

    orders.lift()
    run = Run("short", create=True, repo=repo, **QUIET)
    for step in range(3):
        run.track(value_of(step), name="loss", step=step)
        say("returned", step)
    outcome = "returned"
    given = {"slow": {"nested": {"context": [1]}}, "epoch": {}, "plain": {}}[kind]
    try:
        _testcapi.set_nomemory(nth, nth + 1)
        try:
            if kind == "epoch":
                run.track(value_of(3), name="loss", step=3, epoch=1)
            else:
                run.track(value_of(3), name="loss", step=3, context=given)
        finally:
            _testcapi.remove_mem_hooks()
    except MemoryError:
        outcome = "raised"
    if kind != "slow":
        say(outcome, 3)
    elif outcome == "raised":
        say("slowly", 3)
    for step in range(4, 7):
        run.track(value_of(step), name="loss", step=step)
        say("returned", step)
    run.close()
    say("closed", 0)


def track_and_forget(say: Say, orders: Orders, *args: Any) -> None:
    """The control: a log that takes an interrupted line for written."""

    def complete(self: part.Part, body: bytes) -> None:
        line, self.crc = part.frame(body, self.crc, self.key)
        self.lines.append(line)

    part.Part.complete = complete  # type: ignore[method-assign]
    real = log.LogWriter.point

    def point(self: log.LogWriter, *given: Any) -> None:
        try:
            real(self, *given)
        except MemoryError:
            return

    log.LogWriter.point = point  # type: ignore[method-assign]
    track_short_of_memory(say, orders, *args)


def check_track(repo: Path, done: Outcome) -> list[str]:
    """A call that returned is there once; one that raised once or not at all."""
    if done.code not in (
        0,
        -SIGSEGV,
        -SIGABRT,
        -SIGILL,
    ):  # a library may not survive it: then it is as after a kill
        return [f"the script died ({done.code}): {done.error[-600:]}{done.stderr[-600:]}"]
    run = Repo(repo, index=False).get_run("short")
    metric = None if run is None else run.get_metric("loss", {})
    steps, values = ([], []) if metric is None else metric.values.sparse_list()
    found = []
    returned = [step for what, step in done.said if what == "returned"]
    if missing := sorted(set(returned) - set(steps)):
        found.append(f"lost: {missing}")
    if len(set(steps)) != len(steps) or values != [value_of(step) for step in steps]:
        found.append(f"twice or wrong: {steps}, {values}")
    found += [f"damage: {problem}" for problem in verify(Repo(repo).layout).damage]
    return found


def track(options: Options) -> Row:
    """Let every allocation inside of a call fail once."""
    row = Row(
        "R10", "every allocation in track()", "allocations", control="an interrupted line passes as written"
    )
    row.skipped = lacking("cc")
    if row.skipped:
        return row
    with workshop() as (folder, nursery):
        for number in range(options.count(300)):
            kind, nth = ("plain", "epoch", "slow")[number % 3], number // 3
            done = _fresh(folder, nursery, track_short_of_memory, nth, kind)
            row.trials += 1
            for what in {str(said[0]) for said in done.said} & {"raised", "slowly"}:
                row.figures[what] = int(row.figures.get(what, 0)) + 1
            row.figures["crashed"] = int(row.figures.get("crashed", 0)) + (done.code != 0)
            row.failures += [
                f"{kind}, allocation {nth}: {text}" for text in check_track(folder / "repo", done)
            ]
        for nth in range(8):
            done = _fresh(folder, nursery, track_and_forget, nth, "plain")
            row.controls += 1
            row.caught += bool(check_track(folder / "repo", done))
    return row


def _fresh(folder: Path, nursery: Nursery, task: Callable[..., None], *args: Any) -> Outcome:
    place = folder / "repo"
    remove(place)
    open_repo(place, create=True)
    return nursery.run(task, Fault(), place, place, *args)


# -- one allocation in so many ---------------------------------------------------------------------------------------


def malloc(options: Options) -> Row:
    """Let malloc fail at random in a script and in an indexer."""
    row = Row("R10", "malloc fails at random", "processes", control="points are logged twice")
    row.skipped = lacking("cc")
    if row.skipped:
        return row
    with workshop(PYTHONMALLOC="malloc") as (folder, nursery):
        prepared = folder / "prepared"
        open_repo(prepared, create=True)
        for part_ in range(2):
            succeed(nursery.run(prepare, Fault(), prepared, prepared, part_))
        for number in range(options.count(1000)):
            draw = random.Random(f"{options.seed}-{number}")
            fault = Fault(memory_every=draw.choice([300, 1000, 2000, 5000, 20_000]), memory_seed=number)
            found = _malloc_trial(folder, nursery, prepared, fault, draw, row)
            row.trials += 1
            row.failures += [f"seed {options.seed}, process {number}, {fault}: {text}" for text in found]
        for _ in range(3):
            done = _copied(folder, nursery, prepared, train_twice, Fault(), "", "written", False)
            row.controls += 1
            row.caught += bool(check_short(folder / "repo", done))
    return row


def _copied(
    folder: Path, nursery: Nursery, prepared: Path, task: Callable[..., None], fault: Fault, *args: Any
) -> Outcome:
    place = folder / "repo"
    remove(place)
    shutil.copytree(prepared, place, symlinks=True)
    return nursery.run(task, fault, place, place, *args, deadline=30.0)


def _malloc_trial(
    folder: Path, nursery: Nursery, prepared: Path, fault: Fault, draw: random.Random, row: Row
) -> list[str]:
    if draw.random() < 0.5:
        done = _copied(folder, nursery, prepared, train, fault, "", "written", False)
        found = check_short(folder / "repo", done)
    else:
        how = draw.choice(["next", "full", "reindex"])
        done = _copied(folder, nursery, prepared, index_once, fault, how, False)
        if done.code is None:
            row.figures["stuck"] = int(row.figures.get("stuck", 0)) + 1
        found = check_left(folder / "repo")
    ended = "completed" if done.code == 0 else "ended"
    row.figures[ended] = int(row.figures.get(ended, 0)) + 1
    return found


def train_twice(say: Say, orders: Orders, *args: Any) -> None:
    """The control: what was in the middle of being written when memory ran out is written once more."""
    real = part.Part.append

    def append(self: part.Part, body: bytes) -> None:
        real(self, body)
        if body.startswith(b"[") and self.number == 0:
            real(self, body)

    part.Part.append = append  # type: ignore[method-assign]

    def point(self: log.LogWriter, sequence: int, step: float, value: Any, epoch: float | None) -> None:
        self._submit(lambda: self._encode_point(sequence, step, value, epoch))

    log.LogWriter.point = point  # type: ignore[method-assign]
    train(say, orders, *args)


def check_short(repo: Path, done: Outcome) -> list[str]:
    """A script may have ended anywhere, as by a kill; what it had said is there."""
    opened = bool(done.said) and done.said[0][0] == "open"
    completed = done.code == 0
    found = check_left(repo)
    if opened:
        done.code, done.error, done.stderr = 0, "", ""
        if not completed:
            done.warnings = [text for text in done.warnings if "They are in" in text]
        found += check_training(repo, done)
    return found


def check_left(repo: Path) -> list[str]:
    """Whatever an indexer has left: the answers are right, and the next one makes the index so."""
    layout = Repo(repo).layout
    found = same_answers(layout)
    found += check_index(repo, Outcome(0))
    verdict = verify(layout)
    found += [f"damage: {problem}" for problem in verdict.damage]
    return found


# -- the OOM killer ----------------------------------------------------------------------------------------------------


def hungry(say: Say, orders: Orders, repo: str, group: str, what: str) -> None:
    """Work in a group that may not have much memory, while something in the process eats it."""
    import os
    import threading

    orders.lift()
    Path(group, "cgroup.procs").write_text(str(os.getpid()))
    eaten = []

    def eat() -> None:
        while True:
            eaten.append(bytearray(os.urandom(MEGABYTE)))

    impatient()
    threading.Thread(target=eat, daemon=True).start()
    if what == "train":
        train(say, orders, repo, "", "written", False)
    while True:
        index_once(say, orders, repo, "reindex", False) if what == "index" else Repo(repo).list_all_runs()


def oom(options: Options) -> Row:
    """Writer, indexer and reader are killed for the memory that they have."""
    row = Row("R10", "the OOM killer", "kills")
    row.skipped = lacking("cc", root=True) or ("" if GROUPS.is_dir() else "there is no memory cgroup (v1)")
    if row.skipped:
        return row
    group = GROUPS / f"runstone-oom-{options.seed}"
    row.control, row.controls = "points are logged twice", 1
    with workshop() as (folder, nursery):
        prepared = folder / "prepared"
        open_repo(prepared, create=True)
        for part_ in range(2):
            succeed(nursery.run(prepare, Fault(), prepared, prepared, part_))
        try:
            group.mkdir(exist_ok=True)
            for number in range(options.count(100)):
                limit = random.Random(f"{options.seed}-{number}").randrange(20, 60)
                (group / "memory.limit_in_bytes").write_text(str(limit * MEGABYTE))
                what = ("train", "index", "ask")[number % 3]
                done = _copied(folder, nursery, prepared, hungry, Fault(), str(group), what)
                row.trials += 1
                row.figures["killed"] = int(row.figures.get("killed", 0)) + (done.code == -9)
                check = check_short if what == "train" else lambda repo, _: check_left(repo)
                row.failures += [f"{what} with {limit} MB: {text}" for text in check(folder / "repo", done)]
        finally:
            if group.is_dir():
                group.rmdir()
        done = _copied(folder, nursery, prepared, train_twice, Fault(), "", "written", False)
        row.caught = int(bool(check_short(folder / "repo", done)))
    return row


CAMPAIGNS = {"track": track, "malloc": malloc, "oom": oom}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
