"""In the guest: the campaigns over NFS. `python trials.py NAME VERSION SEED TRIALS` prints what was found as JSON."""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaign import Row
from virtual import network
from virtual.child import Child
from virtual.network import CLIENTS, EXPORTED, root

import runstone
from runstone import Repo, Run
from runstone_indexer import Indexer

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
WRITERS = 16
EVENTS = 1000
LONG = 300.0  # seconds: more than anything here may take
CACHE_SECONDS = 60.0  # acregmax and acdirmax: how old a client's view of files and folders may be


class Trial:
    """A repository on the server, and the row that its failures go into."""

    def __init__(self, row: Row, version: str, seed: int, number: int) -> None:
        self.row, self.number = row, number
        self._where = f"NFS {version}, seed {seed}, trial {number}"
        self.name = f"{row.key}-{version}-{seed}-{number}"
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


def write(say: Callable[[Any], None], repo: Path, run_hash: str, number: int, events: int, **options: Any) -> None:
    """Track `events` points as writer `number` of a run."""
    run = Run(run_hash, repo=str(repo), create=True, **QUIET, **options)
    say("ready")
    for step in range(events):
        run.track(number * 10_000_000 + step, name="loss", step=step, context={"writer": number})
    run.close()
    say("done")


def write_in_turns(say: Callable[[Any], None], repo: Path, run_hash: str, number: int, pause: float, durability: str) -> None:
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


def looked(trial: Trial, client: str, run_hash: str, numbers: list[int], *, index: bool = False) -> dict[int, int]:
    """Ask from a new process on a client."""
    child = Child(client, look, trial.at(client), run_hash, numbers, index)
    trial.fail(child.end(LONG))
    return dict(child.said)


def check(trial: Trial, run_hash: str, expected: dict[int, int], clients: tuple[str, ...] = (*CLIENTS, "server"), *, index: bool = False) -> None:
    """Compare what was acknowledged with what is found."""
    for client in clients:
        found = looked(trial, client, run_hash, list(expected), index=index)
        for number, count in expected.items():
            if found.get(number, 0) < count:
                trial.fail(f"writer {number}: {found.get(number, 0)} of {count} acknowledged events on {client}")


# -- campaigns -------------------------------------------------------------------------------------------


def writers(row: Row, version: str, seed: int, trials: int) -> None:
    """H1: sixteen writers of one run, eight on each client."""
    row.unit = "events"
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        run_hash = "onerun"
        began = time.monotonic()
        children = [
            Child(CLIENTS[w % 2], write, trial.at(CLIENTS[w % 2]), run_hash, w, EVENTS) for w in range(WRITERS)
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
    return len({tuple(line.split()[:2]) for line in lines if line.endswith(b"x" * 80) and line.count(b" ") == 2})


RUNS, POINTS, ASKED = 12, 50, 25


def fill(say: Callable[[Any], None], repo: Path, first: int, runs: int) -> None:
    """Write runs that never change again."""
    for number in range(first, first + runs):
        with Run(f"still{number:03}", repo=str(repo), create=True, **QUIET) as run:
            run["hparams", "lr"] = number / 10
            for step in range(POINTS):
                run.track(number * 1000 + step, name="still", step=step)
    say("done")


def churn(say: Callable[[Any], None], repo: Path) -> None:
    """Add to a run, index, now and then anew, delete runs and collect them: for ever."""
    step = turn = 0
    while True:
        with Run("moving", repo=str(repo), create=True, **QUIET) as run:
            for _ in range(20):
                run.track(step, name="moving", step=step)
                step += 1
        gone = f"gone{turn}"
        with Run(gone, repo=str(repo), create=True, **QUIET) as run:
            run.track(1.0, name="gone", step=0)
        try:
            if turn % 4 == 3:
                Indexer(repo).reindex()
            else:
                Indexer(repo).run_once()
        except runstone.errors.IndexBusyError:
            pass
        opened = Repo(str(repo))
        if turn % 3 == 2:
            opened.delete_run(gone)
            opened.gc(grace=0)
        turn += 1
        say([turn, step])


def ask(say: Callable[[Any], None], repo: Path, seed: int, times: int, index: bool) -> None:
    """Ask the same repository object again and again; say what is wrong with an answer."""
    choice = random.Random(seed)
    opened = Repo(str(repo), read_only=True, index=index)
    held: list[Any] = []
    newest = 0
    for turn in range(times):
        low = choice.randrange(RUNS)
        wrong = []
        try:
            wanted = {f"still{n:03}" for n in range(low, RUNS)}
            result = opened.query_runs(f"run.hparams.lr >= {low / 10}", report_mode=0)
            found = {run.hash for run in result}
            if found != wanted:
                wrong.append(f"lr >= {low / 10}: {sorted(found ^ wanted)} are missing or too many")
            held.append(opened.query_metrics("metric.name == 'still'", report_mode=0))
            len(held[-1])  # it is as it was when it was asked for
            if len(held) > 4:
                wrong += _wrong_points(held.pop(choice.randrange(len(held))))
            moving = opened.get_run("moving")
            metric = None if moving is None else moving.get_metric("moving")
            steps = [] if metric is None else [int(step) for step in metric.values.sparse_list()[0]]
            if steps != list(range(len(steps))):
                wrong.append(f"the steps of the moving run: {steps[:20]}...")
            if len(steps) < newest:
                wrong.append(f"the moving run had {newest} points and has {len(steps)}")
            newest = max(newest, len(steps))
        except runstone.errors.RunstoneError as error:
            say({"refused": f"turn {turn}: {error}"})
        if wrong:
            say({"wrong": f"turn {turn}: {'; '.join(wrong)}"})
        say(newest)


def _wrong_points(result: Any) -> list[str]:
    wrong, seen = [], 0
    for metric in result:
        number = int(metric.run.hash.removeprefix("still"))
        steps, values = metric.values.sparse_list()
        if list(steps) != list(range(POINTS)) or list(values) != [number * 1000 + step for step in range(POINTS)]:
            wrong.append(f"{metric.run.hash} of an older answer has {len(steps)} points, {list(values)[:5]}...")
        seen += 1
    if seen != RUNS:
        wrong.append(f"an older answer has {seen} metrics, not {RUNS}")
    return wrong


def readers(row: Row, version: str, seed: int, trials: int) -> None:
    """H6: a reader on one client while the other one indexes, reindexes, deletes and collects."""
    row.unit = "answers"
    turns = 0
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        first = Child("a", fill, trial.at("a"), 0, RUNS)
        trial.fail(first.end(LONG))
        other = Child("a", churn, trial.at("a"))
        other.wait_for(1, LONG)
        asking = [Child("b", ask, trial.at("b"), seed * 10 + n, ASKED, n != 2) for n in range(3)]
        deadline = time.monotonic() + LONG
        while any(child.runs() for child in asking) and time.monotonic() < deadline:
            network.drop_caches()
            for child in asking:
                child.poll(0.1)
        for child in asking:
            trial.fail(child.end(1.0))
            row.trials += sum(isinstance(said, int) for said in child.said)
            for said in child.said:
                if isinstance(said, dict):
                    trial.fail(next(iter(said.values())))
        if not other.runs():
            trial.fail(other.end(1.0))
        turns += len(other.said)
        other.kill()
        other.gone(LONG)
        note(f"{row.trials} answers, {turns} turns, {len(row.failures)} failures")
    row.figures["passes of the indexer meanwhile"] = turns


CAMPAIGNS: dict[str, tuple[str, str, Callable[[Row, str, int, int], None]]] = {
    "writers": ("H1", "sixteen writers on two clients", writers),
    "readers": ("H6", "readers while the other client indexes anew", readers),
}


def main() -> None:
    name, version, seed, trials = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    key, title, function = CAMPAIGNS[name]
    row = Row(key, f"{title}, NFS v{version}")
    with network.mounted(version):
        function(row, version, seed, trials)
    print(json.dumps(asdict(row)))


if __name__ == "__main__":
    main()
