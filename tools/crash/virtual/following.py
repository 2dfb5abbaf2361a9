"""In the guest: what a query and an indexer on one client see of what the other one writes, and when."""

from __future__ import annotations

import random
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaign import Row

import runstone
from runstone import Repo, Run
from runstone_indexer import Indexer
from runstone_indexer import watch as watching
from runstone_indexer.generation import open_generation
from runstone_query.verify import verify
from runstone_writer import reader
from virtual.child import Child
from virtual.trial import (
    CACHE_SECONDS,
    LONG,
    QUIET,
    Trial,
    note,
    steps_of,
    write,
    write_in_turns,
)

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
    """Keep the index up to date until told to stop; say when it was for the first time, and whenever that did
    something.
    """
    watching.POLL_SECONDS = poll
    watcher = watching.Watcher(Indexer(repo), on_pass=lambda report: say("passed"))
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    say("ready")
    watcher.run()


def see(say: Callable[[Any], None], repo: Path, index: bool, until: Path, patient: bool = True) -> None:
    """Look again and again, and say whenever there is more: steps, runs, texts and when. Less is an error."""
    if not patient:
        reader.SENT_SECONDS = 0.0  # zeros in a log are damage at once
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
    impatience = 0
    for number in range(trials):
        trial = Trial(row, version, seed, number)
        over = Path("/run") / trial.name
        watcher = Child("b", watch, trial.at("b"), watching.POLL_SECONDS)
        eyes = {
            "b": Child("b", see, trial.at("b"), True, over),
            "server": Child("server", see, trial.at("server"), False, over),
        }
        hasty = Child("b", see, trial.at("b"), False, over, False)
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
        hasty.end(LONG)
        impatience += sum(isinstance(said, dict) for said in hasty.said)
        verdict = verify(Repo(str(trial.at("server"))).layout)
        for what in [*verdict.index, *verdict.damage]:
            trial.fail(f"the index that was made on b: {what}")
        row.trials += sum(whole)
        row.controls += 1
        row.caught += _misses(trial)
    row.figures[f"v{version}: wrong answers of a reader that waits for no zeros"] = impatience
    for name, found in lags.items():
        if found:
            row.figures[f"v{version}: seconds until a query on {name} sees an event, median"] = round(
                statistics.median(found), 2
            )
            row.figures[f"v{version}: the same on {name}, p99"] = round(
                sorted(found)[int(len(found) * 0.99)], 2
            )
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
    watcher.wait_for(2, LONG)  # it has been through everything once
    trial.fail(Child("a", write, trial.at("a"), "unseen", 0, 1).end(LONG))
    time.sleep(10)  # the look that it does not take would come after one second
    missed = not _is_indexed(trial, "unseen")
    watcher.kill()
    watcher.gone(LONG)
    return missed


def _is_indexed(trial: Trial, run_hash: str) -> bool:
    generation = open_generation(Repo(str(trial.at("server"))).layout)
    return generation is not None and generation.knows(run_hash)
