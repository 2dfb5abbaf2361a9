"""In the guest: the campaigns over NFS. `python trials.py NAME VERSION SEED TRIALS` prints what was found as JSON."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaign import Row

import runstone
from runstone import Repo, Run
from runstone_indexer import Indexer, columns, lock
from runstone_indexer import watch as watching
from runstone_indexer.generation import open_generation
from runstone_query.verify import verify
from virtual import network
from virtual.child import Child
from virtual.network import CLIENTS, EXPORTED, root

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
WRITERS = 16
EVENTS = 1000
LONG = 150.0  # seconds: more than anything here may take
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


# -- campaigns -------------------------------------------------------------------------------------------


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


RUNS, POINTS, ASKED = 4, 4000, 12


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
    except runstone.errors.RunstoneError as error:
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
        go_on = Path("/run") / trial.name
        children = [Child("b", hold, trial.at("b"), go_on, mapped) for mapped in (False, True)]
        for child in children:
            child.wait_for(1, LONG)
        for _ in range(2):
            trial.fail(Child("a", reindex, trial.at("a")).end(LONG))
        note("replaced")
        go_on.touch()
        real, control = (child.end(LONG) or _points_told(child) for child in children)
        note(f"{real!r}, without its copies: {control!r}")
        trial.fail(real)
        row.trials += 1
        row.controls += version == "3"
        row.caught += version == "3" and control != ""


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


FOLLOWED, LARGE, BEGUN = 200, 60, 6


def write_large(say: Callable[[Any], None], repo: Path, seed: int) -> None:
    """Track long texts, so that what has to be sent to the server is many requests at a time."""
    choice = random.Random(seed)
    run = Run("large", repo=str(repo), create=True, **QUIET)
    for step in range(LARGE):
        run.track(runstone.Text("x" * choice.randrange(50_000, 600_000)), name="large", step=step)
        time.sleep(choice.random() * 0.4)
    run.close()
    say("done")


def begin_runs(say: Callable[[Any], None], repo: Path) -> None:
    """Begin a run every now and then."""
    for number in range(BEGUN):
        run = Run(f"begun{number}", repo=str(repo), create=True, **QUIET)
        run.track(1.0, name="loss", step=0)
        say([number, time.monotonic()])
        time.sleep(3)
        run.close()


def watch(say: Callable[[Any], None], repo: Path, poll: float) -> None:
    """Keep the index up to date until told to stop."""
    watching.POLL_SECONDS = poll
    watcher = watching.Watcher(Indexer(repo))
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    say("ready")
    watcher.run()


def see(say: Callable[[Any], None], repo: Path, index: bool, until: Path) -> None:
    """Look again and again, and say whenever there is more: steps, runs, texts and when. Less is an error."""
    opened = Repo(str(repo), read_only=True, index=index)
    last: list[int] = [0, 0, 0]
    while True:
        over = until.exists()
        steps = steps_of(opened, "followed", 0)
        begun = sum(run.hash.startswith("begun") for run in opened.query_runs("", report_mode=0))
        sequences = opened.snapshots.tail("large").state.sequences
        summary = sequences[0].summary if sequences else None
        now = [len(steps), begun, 0 if summary is None else summary.count]
        if steps != list(range(len(steps))):
            say({"wrong": f"steps {steps[:10]}..."})
        if any(new < old for new, old in zip(now, last, strict=True)):
            say({"wrong": f"there was {last}, and now there is {now}"})
        if now != last:
            say([*now, time.monotonic()])
        last = now
        problems = opened.snapshots.tail("large").problems
        if problems:
            say({"wrong": f"it takes for damage: {problems[0]}"})
        if over:
            return
        time.sleep(0.1)


def follow(row: Row, version: str, seed: int, trials: int) -> None:
    """H2, H3: when a query and an indexer on the other client see what is written, and whether they see all."""
    row.unit, row.control = "events", "notifications in place of looks"
    lags: dict[str, list[float]] = {"b": [], "server": []}
    begun_lags: list[float] = []
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        over = Path("/run") / trial.name
        watcher = Child("b", watch, trial.at("b"), watching.POLL_SECONDS)
        eyes = {
            "b": Child("b", see, trial.at("b"), True, over),
            "server": Child("server", see, trial.at("server"), False, over),
        }
        steps = Child("a", write_in_turns, trial.at("a"), "followed", 0, 0.1, "written")
        large = Child("a", write_large, trial.at("a"), seed + number)
        begun = Child("a", begin_runs, trial.at("a"))
        steps.wait_for(FOLLOWED + 1, LONG)
        trial.fail(large.end(LONG))
        trial.fail(begun.end(LONG))
        steps.kill()
        steps.gone(LONG)
        acked = {said[0]: said[1] for said in steps.said if isinstance(said, list)}
        whole = [len(acked), BEGUN, LARGE]
        note(f"written: {whole}")
        for name, child in eyes.items():
            if not _sees(child, whole, CACHE_SECONDS + 30):
                trial.fail(f"on {name} is {_numbers(child)[-1:]} of {whole}")
        over.touch()
        watcher.signal(signal.SIGTERM)
        for child in (*eyes.values(), watcher):
            trial.fail(child.end(LONG))
            for said in child.said:
                if isinstance(said, dict):
                    trial.fail(f"on {child.client}: {said['wrong']}")
        for name, child in eyes.items():
            seen = _numbers(child)
            lags[name] += _lags(acked, [(n, at) for n, _, _, at in seen])
        begun_at = {said[0]: said[1] for said in begun.said}
        begun_lags += _lags(begun_at, [(n, at) for _, n, _, at in _numbers(eyes["b"])])
        verdict = verify(Repo(str(trial.at("server"))).layout)
        for what in [*verdict.index, *verdict.damage]:
            trial.fail(f"the index that was made on b: {what}")
        row.trials += sum(whole)
        row.controls += 1
        row.caught += _misses(trial)
    for name, found in lags.items():
        if found:
            row.figures[f"v{version}: seconds until a query on {name} sees an event, median"] = round(
                statistics.median(found), 2
            )
            row.figures[f"v{version}: the same, p99"] = round(sorted(found)[int(len(found) * 0.99)], 2)
    if begun_lags:
        row.figures[f"v{version}: seconds until a query on b sees a new run, at most"] = round(
            max(begun_lags), 2
        )


def _numbers(child: Child) -> list[list[Any]]:
    return [said for said in child.said if isinstance(said, list)]


def _sees(child: Child, whole: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not any(all(n >= w for n, w in zip(said, whole, strict=False)) for said in _numbers(child)):
        if time.monotonic() > deadline or not child.runs():
            return False
        child.poll(0.2)
    return True


def _lags(acked: dict[int, float], seen: list[tuple[int, float]]) -> list[float]:
    """Return for each event how long after its call it was seen; `seen` has counts and when."""
    found = []
    for step, at in acked.items():
        first = next((when for count, when in seen if count > step), None)
        if first is not None:
            found.append(max(first - at, 0.0))
    return found


def _misses(trial: Trial) -> bool:
    """Take the looks away from a watcher: then it has to miss a run that the other client begins."""
    watcher = Child("b", watch, trial.at("b"), LONG)
    watcher.wait_for(1, LONG)
    network.wait_until(lambda: _is_indexed(trial, "begun0"), "the first pass")
    trial.fail(Child("a", write, trial.at("a"), "unseen", 0, 1).end(LONG))
    time.sleep(10)  # the look that it does not take would come after one second
    missed = not _is_indexed(trial, "unseen")
    watcher.kill()
    watcher.gone(LONG)
    return missed


def _is_indexed(trial: Trial, run_hash: str) -> bool:
    generation = open_generation(Repo(str(trial.at("server"))).layout)
    return generation is not None and generation.knows(run_hash)


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
    except runstone.errors.IndexBusyError:
        say("busy")


def _two_indexers(trial: Trial, version: str, *, forgetful: bool) -> tuple[list[str], int]:
    """Let both clients index for a while; return what is wrong with the index, and how many were refused."""
    over = Path("/run") / f"{trial.name}-{forgetful}"
    source = Child("a", begin_many, trial.at("a"), over)
    watchers = [Child(client, watch_alone, trial.at(client), forgetful) for client in CLIENTS]
    source.wait_for(40, LONG)
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
        row.trials += 40
        note(f"{busy} refused, {len(wrong)} wrong")
        holder = Child("a", watch_alone, trial.at("a"), False)
        holder.wait_for(1, LONG)
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
    except runstone.errors.IndexBusyError:
        say("busy")


def _indexed_once(trial: Trial) -> str:
    child = Child("b", index_once, trial.at("b"))
    return child.end(LONG) or ("busy" if child.said else "")


CAMPAIGNS: dict[str, tuple[str, str, Callable[[Row, str, int, int], None]]] = {
    "writers": ("H1", "sixteen writers on two clients", writers),
    "follow": ("H2, H3", "seen on the other client", follow),
    "indexers": ("H6", "an indexer on each client", indexers),
    "killed": ("R1", "killed on one client, read on the other", killed),
    "cut": ("H4", "a client that is cut off", cut),
    "restart": ("H4", "a server that is started anew", restart),
    "held": ("H6", "an answer whose index is replaced", held),
    "readers": ("H6", "readers while the other client indexes anew", readers),
}


def main() -> None:
    name, version, seed, trials = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    key, title, function = CAMPAIGNS[name]
    row = Row(key, f"{title}, NFS v{version}")
    note(f"{name} {version}")
    with network.mounted(version):
        note("mounted")
        function(row, version, seed, trials)
    print(json.dumps(asdict(row)))


if __name__ == "__main__":
    main()
