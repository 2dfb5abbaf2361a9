"""`runstone index --watch` without the notifications that it may have hoped for.

    python tools/crash/watching.py --seed 1

The queue of notifications overflows, instances or watches run out, the observer dies, the repository is moved
away and another put in its place, there are 20,000 runs. Each time every point has to be indexed soon, and what
is wrong be said once.

The control trusts notifications alone: it is given as long as the real one needed three times over.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from acked import DIES_WITH_PARENT
from campaign import Options, Row, lacking, main

from runstone import Repo
from runstone_indexer.generation import open_generation
from runstone_query.verify import verify
from runstone_writer.layout import Layout, open_repo
from runstone_writer.log import LogWriter

MANY = 20_000
BURST = 400  # runs that begin at once
ROUNDS = 5
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
DEADLINE_SECONDS = 300

WATCH = (
    DIES_WITH_PARENT
    + """
import os, sys, time
how, control = sys.argv[1:3]
del sys.argv[1:3]
from runstone_indexer import watch
watch.SWEEP_SECONDS = 5.0
if control:  # what begins a run is a notification of it, and nothing else
    watch.POLL_SECONDS = 1e9
    real = watch.Watcher.on_any_event
    watch.Watcher.on_any_event = lambda self, e: None if ".nothing-" in str(e.src_path) else real(self, e)
if how == "dies":
    def fall(*_):
        raise OSError("a fault in the observer")
    watch.Watcher.on_any_event = fall
sys.argv[0] = "runstone"
from runstone.cli import main
main()
"""
)


class Watch:
    """A watching indexer in a process of its own."""

    def __init__(self, layout: Layout, how: str = "", control: bool = False, before: str = "") -> None:
        self.layout = layout
        self.said = Path(layout.root).parent / f"said-{time.monotonic_ns()}"
        command = [
            sys.executable,
            "-c",
            WATCH,
            how,
            "control" * control,
            "index",
            "--watch",
            "--repo",
            layout.root,
        ]
        if before:
            command = ["unshare", "-U", "-r", "sh", "-c", before + '; exec "$@"', "sh", *command]
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def __enter__(self) -> Watch:
        wait_until(lambda: open_generation(self.layout) is not None or self.process.poll() is not None)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def wait_for_notifications(self) -> None:
        """Return when it has asked for them."""
        wait_until(
            lambda: self.process.poll() is not None or any("inotify" in name for name in self._open_files())
        )

    def _open_files(self) -> Iterator[str]:
        with contextlib.suppress(OSError):
            folder = f"/proc/{self.process.pid}/fd"
            for name in os.listdir(folder):
                yield os.readlink(os.path.join(folder, name))

    def end(self) -> list[str]:
        """End it as Ctrl-C does; return what was wrong with that."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE_SECONDS)
        return [f"the watcher ended with {code}: {self.text()[-500:]}"] if code else []

    def text(self) -> str:
        return self.said.read_text(errors="replace")


def wait_until(condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Runs:
    """Runs that are begun, and how many points each has."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.points: dict[str, int] = {}
        self.open: dict[str, LogWriter] = {}

    def begin(self, count: int, points: int = 2, stay_open: bool = False) -> None:
        for _ in range(count):
            run = os.urandom(12).hex()
            log = LogWriter(self.layout, run)
            log.declare(0, "loss", {}, "number")
            self.open[run] = log
            self.points[run] = 0
            self.track(run, points)
            if not stay_open:
                self.open.pop(run).close("end")

    def track(self, run: str, points: int) -> None:
        log = self.open[run]
        for step in range(self.points[run], self.points[run] + points):
            log.point(0, step, step * 0.5, None)
        self.points[run] += points

    def end(self) -> None:
        for log in self.open.values():
            log.close("end")
        self.open.clear()

    def late(self) -> int:
        """How many runs are not in the index with all of their points."""
        generation = open_generation(self.layout)
        if generation is None:
            return len(self.points)
        late = 0
        for run, points in self.points.items():
            row = generation.find(run)
            summary = None if row is None or not row.state.sequences else row.state.sequences[0].summary
            late += summary is None or summary.count != points
        return late


@contextlib.contextmanager
def a_repo() -> Iterator[tuple[Layout, Runs]]:
    with tempfile.TemporaryDirectory(prefix="runstone-watching-") as folder:
        layout = open_repo(folder, create=True)
        runs = Runs(layout)
        try:
            yield layout, runs
        finally:
            runs.end()


def overflow_queue(layout: Layout) -> None:
    """Let more happen in the watched folder than an instance's queue can hold."""
    for number in range(int(QUEUE.read_text()) + 100):
        path = os.path.join(layout.live, f".nothing-{number}")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.unlink(path)


def finish(layout: Layout, runs: Runs, watch: Watch, where: str, said_once: str = "") -> list[str]:
    """Wait until all is indexed; return what was wrong."""
    found = []
    if not wait_until(lambda: runs.late() == 0 or watch.process.poll() is not None) or runs.late():
        found.append(f"{where}: {runs.late()} of {len(runs.points)} runs are not indexed")
    if said_once and not wait_until(lambda: said_once in watch.text(), 30):
        found.append(f"{where}: nothing was said of it")
    found += [f"{where}: {wrong}" for wrong in watch.end()]
    if said_once and watch.text().count(said_once) != 1:
        found.append(f"{where}: {said_once!r} was said {watch.text().count(said_once)} times")
    verdict = verify(layout)
    return found + [f"{where}: {problem}" for problem in verdict.index + verdict.damage]


def burst(runs: Runs, rng: random.Random, size: int) -> None:
    """Begin many runs at once, let some of them go on, and some begin without a hint."""
    runs.begin(size, stay_open=True)
    for run in rng.sample(list(runs.open), size // 4):
        runs.track(run, 3)
    for run in rng.sample(list(runs.open), size // 4):
        runs.open.pop(run).close("end")


def overflow(options: Options) -> Row:
    row = Row(
        "H3", "the queue of notifications overflows", "bursts", control="an indexer that trusts notifications"
    )
    size, rounds = (BURST, ROUNDS) if options.trials is None else (60, options.trials)
    rng = random.Random(options.seed)
    for number in range(rounds):
        with a_repo() as (layout, runs), Watch(layout) as watch:
            overflowing_burst(layout, runs, watch, rng, size)
            row.failures += finish(layout, runs, watch, f"seed {options.seed}, burst {number}")
            row.trials += 1
    with a_repo() as (layout, runs), Watch(layout, control=True) as watch:
        overflowing_burst(layout, runs, watch, rng, size)
        wait_until(lambda: runs.late() == 0, 10)
        row.controls, row.caught = 1, int(runs.late() > 0)
    return row


def overflowing_burst(layout: Layout, runs: Runs, watch: Watch, rng: random.Random, size: int) -> None:
    """Stop the indexer while more happens than its queue of notifications can hold."""
    watch.wait_for_notifications()
    watch.process.send_signal(signal.SIGSTOP)
    try:
        overflow_queue(layout)
        burst(runs, rng, size)
    finally:
        watch.process.send_signal(signal.SIGCONT)


def limits(options: Options) -> Row:
    """No inotify instance is to be had, or no watch: it is said once, and polling does."""
    row = Row("H3", "inotify's limits are reached", "watchers")
    row.skipped = lacking("unshare")
    if (
        not row.skipped
        and subprocess.run(["unshare", "-U", "-r", "true"], check=False, capture_output=True).returncode
    ):
        row.skipped = "user namespaces are not allowed"
    rng = random.Random(options.seed)
    for number in range(0 if row.skipped else options.count(4)):
        limit = ("max_inotify_instances", "max_inotify_watches")[number % 2]
        before = f"echo 0 > /proc/sys/user/{limit}"
        with a_repo() as (layout, runs), Watch(layout, before=before) as watch:
            burst(runs, rng, 20)
            row.failures += finish(layout, runs, watch, f"seed {options.seed}, {limit} is 0", "polling")
            row.trials += 1
    return row


def deaths(options: Options) -> Row:
    """The observer's thread dies, its folder is replaced, or the whole repository is moved away and back."""
    row = Row(
        "H3", "observers die, folders are replaced", "times", control="an indexer that trusts notifications"
    )
    rng = random.Random(options.seed)
    for number in range(options.count(3 * ROUNDS)):
        how = ("dies", "replaced", "moved")[number % 3]
        where = f"seed {options.seed}, {how}"
        with a_repo() as (layout, runs), Watch(layout, how) as watch:
            runs.begin(5)
            said = "polling" if how != "moved" else "not there any more"
            if how == "replaced":
                watch.wait_for_notifications()
                away = tempfile.mkdtemp(dir=Path(layout.root).parent)
                os.rename(layout.live, away)
                shutil.rmtree(away)
                os.mkdir(layout.live)
            elif how == "moved":
                wait_until(lambda: runs.late() == 0)
                os.rename(layout.root, layout.root + ".away")
                wait_until(lambda: said in watch.text())  # noqa: B023
                if os.path.exists(layout.root):
                    row.failures.append(f"{where}: it was made again")
                else:
                    os.rename(layout.root + ".away", layout.root)
            burst(runs, rng, 20)
            row.failures += finish(layout, runs, watch, where, said)
            row.trials += 1
    with a_repo() as (layout, runs), Watch(layout, "dies", control=True):
        runs.begin(1)
        wait_until(lambda: open_generation(layout) is not None)
        burst(runs, rng, 20)
        wait_until(lambda: runs.late() == 0, 10)
        row.controls, row.caught = 1, int(runs.late() > 0)
    return row


def many(options: Options) -> Row:
    """20,000 runs, and then some more, watched."""
    row = Row("H3", "20,000 run folders", "runs")
    count = MANY if options.trials is None else 100 * options.trials
    with a_repo() as (layout, runs):
        runs.begin(count)
        with Watch(layout) as watch:
            began = time.monotonic()
            late = wait_until(lambda: runs.late() == 0, 4 * DEADLINE_SECONDS)
            row.figures["seconds until all are indexed"] = round(time.monotonic() - began, 1)
            runs.begin(50, stay_open=True)
            row.failures += finish(layout, runs, watch, f"{count} runs")
            row.failures += [] if late else [f"{count} runs: not indexed in time"]
        row.trials = len(runs.points)
        found = Repo(layout, read_only=True).total_runs_count()
        row.failures += [] if found == row.trials else [f"{found} runs are found of {row.trials}"]
    return row


CAMPAIGNS = {"overflow": overflow, "limits": limits, "deaths": deaths, "many": many}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(__doc__, CAMPAIGNS))
