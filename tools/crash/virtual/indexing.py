"""In the guest: an index that one client makes and the other one reads, or makes too."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaign import Row

from runstone import Repo, Run
from runstone_indexer import Indexer, columns, lock
from runstone_query.verify import verify
from runstone_writer.errors import IndexBusyError, RunstoneError
from virtual.child import Child
from virtual.following import watch
from virtual.network import CLIENTS
from virtual.trial import (
    LONG,
    QUIET,
    Trial,
    note,
)

RUNS, POINTS, ASKED = 8, 4000, 12


def fill(say: Callable[[Any], None], repo: Path, first: int, runs: int) -> None:
    """Write runs that never change again."""
    for number in range(first, first + runs):
        with Run(f"still{number:03}", repo=str(repo), create=True, **QUIET) as run:
            run["hparams", "lr"] = number / 10
            for step in range(POINTS):
                run.track(number * 100_000 + step, name="still", step=step)
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
        except IndexBusyError:
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
        except RunstoneError as error:
            say({"refused": f"turn {turn}: {error}"})
        if wrong:
            say({"wrong": f"turn {turn}: {'; '.join(wrong)}"})
        say(newest)


def _wrong_points(result: Any) -> list[str]:
    wrong, seen = [], 0
    for metric in result:
        number = int(metric.run.hash.removeprefix("still"))
        steps, values = metric.values.sparse_list()
        if list(steps) != list(range(POINTS)) or list(values) != [
            number * 100_000 + step for step in range(POINTS)
        ]:
            wrong.append(
                f"{metric.run.hash} of an older answer has {len(steps)} points, {list(values)[:5]}..."
            )
        seen += 1
    if seen != RUNS:
        wrong.append(f"an older answer has {seen} metrics, not {RUNS}")
    return wrong


def hold(say: Callable[[Any], None], repo: Path, go_on: Path, mapped: bool) -> None:
    """Take an answer, wait until the other client has replaced the index, and only then look at the points."""
    if mapped:
        columns.is_remote = lambda device: False
    result = Repo(str(repo), read_only=True).query_metrics("metric.name == 'still'", report_mode=0)
    say(len(result))
    while not go_on.exists():
        time.sleep(0.05)
    try:
        wrong = _wrong_points(result)
    except RunstoneError as error:
        say({"refused": str(error)})
    else:
        say({"wrong": wrong})


def reindex(say: Callable[[Any], None], repo: Path) -> None:
    Indexer(repo).reindex()
    say("done")


def held(row: Row, version: str, seed: int, trials: int) -> None:
    """H6: what an older answer says once the index that it came from has gone from the server."""
    row.unit = "answers"
    if version == "3":  # the server of v4 keeps a file that is open somewhere
        row.control = "files mapped where they are"
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        for step in (Child("a", fill, trial.at("a"), 0, RUNS), Child("a", reindex, trial.at("a"))):
            trial.fail(step.end(LONG))
            note(f"{step.said}")
        trial.fail(_replaced_under(trial, mapped=False))
        row.trials += 1
        if row.control:
            row.controls += 1
            row.caught += _replaced_under(trial, mapped=True) != ""


def _replaced_under(trial: Trial, *, mapped: bool) -> str:
    """Replace the index under an answer; return what is wrong with it then. Each time the files are new to client b."""
    go_on = Path("/run") / f"{trial.name}-{mapped}"
    child = Child("b", hold, trial.at("b"), go_on, mapped)
    child.wait_for(1, LONG)
    for _ in range(2):
        trial.fail(Child("a", reindex, trial.at("a")).end(LONG))
    go_on.touch()
    told = child.end(LONG) or _points_told(child)
    note(f"mapped {mapped}: {told!r}")
    return told


def _points_told(child: Child) -> str:
    last = child.said[-1]
    if not isinstance(last, dict):
        return "it said nothing of its points"
    return str(last)[:500] if last.get("wrong") or "refused" in last else ""


def readers(row: Row, version: str, seed: int, trials: int) -> None:
    """H6: a reader on one client while the other one indexes, reindexes, deletes and collects."""
    row.unit = "answers"
    turns = 0
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        first = Child("a", fill, trial.at("a"), 0, RUNS)
        trial.fail(first.end(LONG))
        note("filled")
        other = Child("a", churn, trial.at("a"))
        other.wait_for(1, LONG)
        note("indexed")
        asking = [Child("b", ask, trial.at("b"), seed * 10 + n, ASKED, n != 2) for n in range(2)]
        deadline = time.monotonic() + LONG
        told = 0.0
        while any(child.runs() for child in asking) and time.monotonic() < deadline:
            for child in asking:
                child.poll(0.1)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                note(f"{[len(child.said) for child in asking]} answers, {len(other.said)} turns")
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


def begin_many(say: Callable[[Any], None], repo: Path, until: Path) -> None:
    """Write one small run after the other, each with a parameter to be found by."""
    number = 0
    while not until.exists():
        with Run(f"many{number}", repo=str(repo), create=True, **QUIET) as run:
            run["hparams", "number"] = number
            run.track(float(number), name="loss", step=0)
        number += 1
        say(number)


def watch_alone(say: Callable[[Any], None], repo: Path, forgetful: bool) -> None:
    """Index and go on; say so if somebody else is at it. `forgetful` takes away what the lock's file says."""
    if forgetful:
        lock.may_vanish = lambda folder: False
    try:
        watch(say, repo, 0.2)
    except IndexBusyError:
        say("busy")


def _two_indexers(trial: Trial, version: str, *, forgetful: bool) -> tuple[list[str], int]:
    """Let both clients index for a while; return what is wrong with the index, and how many were refused."""
    over = Path("/run") / f"{trial.name}-{forgetful}"
    source = Child("a", begin_many, trial.at("a"), over)
    watchers = [Child(client, watch_alone, trial.at(client), forgetful) for client in CLIENTS]
    source.wait_for(20, LONG)
    for child in watchers:
        child.wait_for(2, LONG)  # "ready", and "passed" or, if it was refused, "busy"
    source.wait_for(len(source.said) + 10, LONG)
    said = (trial.at("server") / ".runstone/index/v1/lock").read_bytes()
    note(f"the lock says {said!r}; {[child.said for child in watchers]}")
    over.touch()
    trial.fail(source.end(LONG))
    wrong = []
    for child in watchers:
        child.signal(signal.SIGTERM)
        wrong.append(child.end(LONG)[-500:])
    busy = sum("busy" in child.said for child in watchers)
    verdict = verify(Repo(str(trial.at("server"))).layout)
    wrong += [str(what) for what in [*verdict.index, *verdict.damage]]
    opened = Repo(str(trial.at("server")), read_only=True)
    for number in range(0, _acknowledged_runs(source), 7):
        found = [run.hash for run in opened.query_runs(f"run.hparams.number == {number}", report_mode=0)]
        if found != [f"many{number}"]:
            wrong.append(f"the run with the parameter {number} is {found}")
    return [what for what in wrong if what], busy


def _acknowledged_runs(child: Child) -> int:
    return max(child.said, default=0)


def indexers(row: Row, version: str, seed: int, trials: int) -> None:
    """H6: an indexer on each client. One of them is refused, and takes over when the other one is dead."""
    row.unit = "runs"
    if version == "3":  # flock is passed on by v4
        row.control = "without the name of the host in the lock"
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        wrong, busy = _two_indexers(trial, version, forgetful=False)
        for what in wrong:
            trial.fail(what)
        if busy != 1:
            trial.fail(f"{busy} of two indexers were refused")
        row.trials += 30
        note(f"{busy} refused, {wrong[:3]}")
        holder = Child("a", watch_alone, trial.at("a"), False)
        holder.wait_for(2, LONG)
        holder.kill()
        holder.gone(LONG)
        began = time.monotonic()
        while "busy" in (heir := _indexed_once(trial)) and time.monotonic() - began < LONG:
            time.sleep(1)
        if heir:
            trial.fail(f"after the other one was killed: {heir}")
        row.figures[f"v{version}: seconds until the other host's indexer takes over"] = round(
            time.monotonic() - began, 1
        )
        if version == "3":
            control = Trial(row, version, seed, 1000 + number)
            wrong, busy = _two_indexers(control, version, forgetful=True)
            note(f"control: {busy} refused, {wrong[:3]}")
            row.controls += 1
            row.caught += busy != 1 or bool(wrong)


def index_once(say: Callable[[Any], None], repo: Path) -> None:
    try:
        Indexer(repo).run_once()
    except IndexBusyError:
        say("busy")


def _indexed_once(trial: Trial) -> str:
    child = Child("b", index_once, trial.at("b"))
    return child.end(LONG) or ("busy" if child.said else "")
