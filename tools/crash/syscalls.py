"""SIGKILL at every system call that changes something: of a script, an indexer, gc, copies, moves and backups.

    python tools/crash/syscalls.py --seed 7 --trials 50

An operation is traced once, to know its calls. Then, for each call and each N, it is done again on a fresh copy of the
same repositories, and strace kills it as a thread of it enters its Nth call; N grows until the operation comes to its
end. After each kill every answer must be right with nothing repaired, nothing that was said may be lost, and fsck
must find nothing. Then the same operation is done once more: it must come to its end, the index must be what a
rebuild makes, and no file may stay that nobody wants.

`recovery` kills the second run as well, at another call, and looks again (trials are pairs).

Each has its negative control: an operation with its protection taken away, at the same calls.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import operations
from campaign import Options, Row, lacking, main
from operations import Operation, backing_up, indexing, writing
from sigkill import forked

from runstone_writer.tender import LEASE_SECONDS

CALLS = (
    "openat", "write", "pwrite64", "writev", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink",
    "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "ftruncate", "fallocate",
    "utimensat", "flock", "copy_file_range", "sendfile", "msync", "close",
)  # fmt: skip
READ_ONLY = ("close", "openat")  # of these there are many; most change nothing
CONTROLS, FEW_CONTROLS = 40, 4
AT_ONCE = 2
DEADLINE_SECONDS = 120.0
PR_SET_PTRACER, ANY = 0x59616D61, ctypes.c_ulong(-1)

WRITING = (
    writing("write"),
    writing("write, durable", durability="durable", end="with"),
    writing("write, a call fails", kind="points", refuse_at=7),
    writing("resume", resumes=True, end="exit"),
    operations.EDITING,
)
INDEXING = (
    indexing("first pass", operations.write_runs, operations._index),
    indexing("next pass", operations._with_more, operations._index_by_hints),
    indexing("merge", operations._with_more, operations._merge),
    indexing("reindex", operations._with_more, operations._reindex),
)
REMOVING = (operations.COLLECTING, operations.MOVING)
COPYING = (
    operations.COPYING,
    backing_up("first backup", operations.write_runs),
    backing_up("next backup", operations._with_backup),
)


@dataclass(frozen=True)
class Place:
    """Where an operation is killed: as one of its threads enters a system call for the nth time."""

    call: str
    n: int

    def __str__(self) -> str:
        return f"{self.call} {self.n}"


@dataclass
class Trial:
    """One operation, killed at one place, or its recovery at another as well."""

    operation: Operation
    places: tuple[Place, ...]
    sabotage: Callable[[], object] | None = None

    def __str__(self) -> str:
        return f"{self.operation.name}, killed at {' and then at '.join(map(str, self.places))}"


@dataclass
class Result:
    """What came of a trial: how many of its kills struck, and what was wrong."""

    struck: int = 0
    failures: list[str] = field(default_factory=list)


# -- campaigns ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Control:
    """Operations with a protection taken away, and at which call a kill has to show that."""

    name: str
    operations: tuple[Operation, ...]
    call: str
    sabotage: Callable[[], object] | None = None

    def results(self, stage: Stage, rng: random.Random, count: int) -> list[Result]:
        """Kill them at some of these calls."""
        found = []
        for operation in self.operations:
            places = [place for place in stage.places(operation, self.sabotage) if place.call == self.call]
            chosen = rng.sample(places, min(len(places), count))
            found += stage.run([Trial(operation, (place,), self.sabotage or _unchanged) for place in chosen])
        return found


def _unchanged() -> None:
    """The operation itself is the one that is wrong."""


def campaign(name: str, what: tuple[Operation, ...], control: Control) -> Callable[[Options], Row]:
    """Return the campaign that kills some operations everywhere, or a few of them at a few places."""

    def run(options: Options) -> Row:
        row = Row("R2", f"SIGKILL at every system call: {name}", "kills", control=control.name)
        row.skipped = lacking("strace") or untraceable()
        if row.skipped:
            return row
        rng = random.Random(options.seed)
        chosen = what if options.trials is None else rng.sample(what, min(len(what), options.trials))
        with Stage() as stage:
            for operation in chosen:
                places = stage.places(operation)
                if options.trials is None:
                    results = stage.run([Trial(operation, (place,)) for place in places])
                    results += _beyond(stage, operation, places)
                else:
                    some = rng.sample(places, min(len(places), options.trials // len(chosen)))
                    results = stage.run([Trial(operation, (place,)) for place in some])
                row.figures[operation.name] = sum(result.struck for result in results)
                row.trials += len(results)
                row.failures += [failure for result in results for failure in result.failures]
            results = control.results(stage, rng, CONTROLS if options.trials is None else FEW_CONTROLS)
            row.controls, row.caught = len(results), sum(bool(result.failures) for result in results)
        return row

    return run


def _beyond(stage: Stage, operation: Operation, places: list[Place]) -> list[Result]:
    """Go on with each call where the traced operation had no more, until nothing is struck."""
    results = []
    for call in {place.call for place in places} - set(READ_ONLY):
        n = max(place.n for place in places if place.call == call)
        while True:
            n += 1
            (result,) = stage.run([Trial(operation, (Place(call, n),))])
            if not result.struck:
                break
            results.append(result)
    return results


def recovery(options: Options) -> Row:
    """Kill an operation, and then the one that is to put that right."""
    row = Row(
        "R9", "SIGKILL at a system call of the recovery", "pairs", control="no rename to the trash, no stage"
    )
    row.skipped = lacking("strace") or untraceable()
    if row.skipped:
        return row
    rng, everything = random.Random(options.seed), (*WRITING[:4], *INDEXING, *REMOVING, *COPYING)
    with Stage() as stage:
        wanted = options.count(600)
        picked = [everything[n % len(everything)] for n in range(wanted)]
        trials = [_pair(stage, operation, rng) for operation in picked]
        results = stage.run(trials)
        row.trials = len(results)
        row.figures["both struck"] = sum(result.struck == 2 for result in results)
        row.failures = [failure for result in results for failure in result.failures]
        for control in (GC_CONTROL, COPY_CONTROL):
            results = control.results(stage, rng, CONTROLS if options.trials is None else FEW_CONTROLS)
            row.controls += len(results)
            row.caught += sum(bool(result.failures) for result in results)
    return row


def _pair(stage: Stage, operation: Operation, rng: random.Random) -> Trial:
    places = [place for place in stage.places(operation) if place.call != "close"]
    calls = sorted({place.call for place in places})  # rare calls as often as frequent ones

    def one() -> Place:
        call = rng.choice(calls)
        return rng.choice([place for place in places if place.call == call])

    return Trial(operation, (one(), one()))


# -- how it is done -----------------------------------------------------------------------------------------------------


class Stage:
    """A folder for everything, and the processes that are at work in it."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, object], list[Place]] = {}
        self._workers: dict[int, tuple[int, Trial]] = {}

    def __enter__(self) -> Stage:
        self._top = Path(tempfile.mkdtemp(prefix="runstone-calls-"))
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        shutil.rmtree(self._top, ignore_errors=True)

    def _prepared(self, operation: Operation) -> Path:
        folder = self._top / operation.name.replace(" ", "-")
        if not folder.exists():
            making = folder.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            assert _ended(forked(lambda: operation.prepare(making))) == 0
            making.rename(folder)
        return folder

    def _copy(self, operation: Operation, name: str) -> Path:
        folder = self._top / name
        subprocess.run(["cp", "-a", str(self._prepared(operation)), str(folder)], check=True)
        return folder

    def places(self, operation: Operation, sabotage: Callable[[], object] | None = None) -> list[Place]:
        """Trace an operation that nobody kills, and return where it can be killed."""
        if (operation.name, sabotage) not in self._places:
            folder, log = self._copy(operation, "traced"), self._top / "calls"
            status = traced(
                lambda: _act(operation.act, folder, sabotage),
                ["-o", str(log), "-e", f"trace={','.join(CALLS)}"],
            )
            assert status == 0, f"{operation.name}: {status}"
            self._places[operation.name, sabotage] = list(_places(log.read_text()))
            shutil.rmtree(folder)
        return self._places[operation.name, sabotage]

    def run(self, trials: list[Trial]) -> list[Result]:
        """Do all trials, two at once."""
        results: list[Result] = [Result() for _ in trials]
        for operation in {trial.operation.name: trial.operation for trial in trials}.values():
            self._prepared(operation)
        for number, trial in enumerate(trials):
            while len(self._workers) >= AT_ONCE:
                self._collect(results)
            self._workers[forked(partial(self._trial, number, trial))] = number, trial
        while self._workers:
            self._collect(results)
        return results

    def _collect(self, results: list[Result]) -> None:
        pid = -1
        while pid not in self._workers:
            pid, status = os.waitpid(-1, 0)
        number, trial = self._workers.pop(pid)
        path = self._top / f"{number}.json"
        if status or not path.exists():
            results[number] = Result(0, [f"{trial}: the trial itself failed with status {status}, see above"])
            return
        results[number] = Result(**json.loads(path.read_text()))
        if trial.sabotage is None:
            for failure in results[number].failures:
                print(failure, file=sys.stderr, flush=True)
        path.unlink()

    def _trial(self, number: int, trial: Trial) -> None:
        """Kill, look, do it again, look."""
        folder, operation = self._copy(trial.operation, f"trial{number}"), trial.operation
        found = Result()
        for turn, place in enumerate(trial.places):
            act = operation.again if turn else operation.act
            _half_a_minute_later(folder)
            options = ["-o", "/dev/null", "-e", f"trace={place.call}"]
            options += ["-e", f"inject={place.call}:signal=SIGKILL:when={place.n}"]
            status = traced(lambda act=act: _act(act, folder, trial.sabotage), options)
            if status == -signal.SIGKILL:
                found.struck += 1
            elif status:
                found.failures.append(f"the operation ended with status {status}, see above")
            found.failures += self._looked(operation.after, folder, number)
        if not found.failures:
            _half_a_minute_later(folder)
            status = _ended(forked(lambda: _act(operation.again, folder, trial.sabotage)))
            if status:
                found.failures.append(f"it cannot be done again: status {status}, see above")
            else:
                found.failures += [
                    f"at the end: {each}" for each in self._looked(operation.end, folder, number)
                ]
        if found.failures and trial.sabotage is None:
            kept = tempfile.mkdtemp(prefix="runstone-found-")
            shutil.move(folder, kept)
            found.failures = [f"{trial}: {each} (kept in {kept})" for each in found.failures]
        shutil.rmtree(folder, ignore_errors=True)
        (self._top / f"{number}.json").write_text(json.dumps(vars(found)))

    def _looked(self, look: Callable[[Path], list[str]], folder: Path, number: int) -> list[str]:
        """Look in a process of its own: what it has opened must not disturb what comes then."""
        path = self._top / f"{number}.found"
        status = _ended(forked(lambda: path.write_text(json.dumps(look(folder)))))
        if status:
            return [f"looking at it failed with status {status}, see above"]
        return list(json.loads(path.read_text()))


def _half_a_minute_later(folder: Path) -> None:
    """Let the hearts of killed processes have stood still for so long that they count as dead."""
    for path in folder.glob("*/.runstone/live/*"):
        then = min(path.stat().st_mtime, time.time() - 2 * LEASE_SECONDS)
        os.utime(path, (then, then))


def _act(act: Callable[[Path], object], folder: Path, sabotage: Callable[[], object] | None) -> None:
    if sabotage is not None:
        sabotage()
    act(folder)


def traced(act: Callable[[], object], options: list[str]) -> int:
    """Run a function in a child that strace watches; return how the child ended, negative for a signal."""
    read, write = os.pipe()

    def wait_and_act() -> None:
        os.close(write)
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANY, 0, 0, 0)  # strace is no ancestor of it
        os.read(read, 1)
        act()

    pid = forked(wait_and_act)
    os.close(read)
    command = ["strace", "-f", "-qq", *options, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
        deadline = time.monotonic() + DEADLINE_SECONDS
        status = Path(f"/proc/{pid}/status")
        while "TracerPid:\t0" in status.read_text() and strace.poll() is None:
            time.sleep(0.001)
        time.sleep(0.005)
        os.write(write, b"x")
        os.close(write)
        code = _ended(pid, deadline)
        strace.terminate()
    return code


def _ended(pid: int, deadline: float | None = None) -> int:
    """Wait for a child; one that hangs is killed, and its status is 99."""
    deadline = deadline or time.monotonic() + DEADLINE_SECONDS
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return 99
        time.sleep(0.002)


def untraceable() -> str:
    """Return why nothing can be traced here; empty if it can."""
    tried = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return f"strace may not trace: {tried.stderr.strip()[:200]}" if tried.returncode else ""


def _places(log: str) -> Iterator[Place]:
    """Yield each call that can change something, by the largest number of it in any thread."""
    counts: Counter[tuple[str, str]] = Counter()
    found: set[tuple[str, int]] = set()
    for line in log.splitlines():
        match = re.match(r"(\d+) +(\w+)\((.*)", line)
        if match is None or match[2] not in CALLS:
            continue
        counts[match[1], match[2]] += 1
        n = counts[match[1], match[2]]
        if match[2] == "openat" and "O_CREAT" not in match[3]:
            continue
        if match[2] == "close" and n % 7:
            continue
        found.add((match[2], n))
    for call, n in sorted(found):
        yield Place(call, n)


WRITE_CONTROL = Control("says it before it is so", (writing("write, lies", lies=True),), "write")
INDEX_CONTROL = Control("publishes in two steps", INDEXING[:1], "rename", operations.in_two_steps)
GC_CONTROL = Control("no rename to the trash", REMOVING[:1], "rmdir", operations.in_place)
COPY_CONTROL = Control("logs copied in place", COPYING[:1], "write", operations.without_stage)

CAMPAIGNS: dict[str, Callable[[Options], Row]] = {
    "write": campaign("writing", WRITING, WRITE_CONTROL),
    "index": campaign("indexing", INDEXING, INDEX_CONTROL),
    "remove": campaign("gc and move", REMOVING, GC_CONTROL),
    "copy": campaign("copy and backup", COPYING, COPY_CONTROL),
    "recovery": recovery,
}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
