"""H4: storage that hangs (fsfreeze on a loop device) under a training script. It needs to be root.

    python tools/crash/hang.py                # a hang of a minute, on each file system
    python tools/crash/hang.py --trials 5     # of five seconds

In durability="accepted" no call waits: points, parameters, images, log records, prints, another run that is opened.
After the thaw everything is there that was not counted as dropped. In "written" calls wait, and go on afterwards.
A watchdog thaws the file system whatever becomes of the campaign.

Control: "written" in the same freeze makes no progress.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from campaign import Options, Row, main
from disk import Disk, clear_leftovers, frozen, unusable

from runstone import Repo
from runstone_query.overlay import Tail

FULL_SECONDS = 60
PATIENCE = 120.0
MEMORY_MIB = 64  # that may wait
KINDS = ("point", "parameter", "image", "record", "print", "open")
SYSTEMS = ("ext4", "xfs")

# The training script. It says what it has done in a file that is not on the disk, and does what a file there tells it.
SCRIPT = """
import json, os, sys, time
import numpy as np
from runstone import Image, Run, Text
repo, outside, mode, flood = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "flood"
extras = {"system_tracking_interval": None if flood else 0.2, "capture_terminal_logs": not flood}
run = Run("first", create=True, repo=repo, durability=mode, **extras)
runs, done, slowest = [run], dict.fromkeys(("point", "parameter", "image", "record", "print", "open"), 0), {}
i = told = 0
def tell():
    with open(outside + "/status.new", "w") as file:
        json.dump({"done": done, "sum": i, "slowest": slowest, "rss": rss(), "runs": len(runs)}, file)
    os.replace(outside + "/status.new", outside + "/status")
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def wanted(what):
    return os.path.exists(outside + "/" + what)
seen = set()
def wanted_once(what):
    if what not in seen and wanted(what):
        seen.add(what)
    return what in seen
def one(i):
    global run
    if flood:  # long lines and short ones; the sequence is new while the storage hangs
        name = "during" if wanted_once("frozen") else "before"
        if i % 8:
            run.track(i * 0.5, name=name, step=i)
        else:
            run.track(Text("x" * 6000 + str(i)), name=name + " text", step=i)
        return "point"
    if i % 10 == 3:
        run["given", str(i)] = i
        return "parameter"
    if i % 10 == 5:
        run.track(Image(np.full((32, 32), i % 256, np.uint8)), name="image", step=i)
        return "image"
    if i % 10 == 7:
        run.log_info(f"record {i}")
        return "record"
    if i % 10 == 8:
        print("line", i, flush=True)
        return "print"
    if wanted("frozen") and len(runs) < 4 and i % 10 == 9:
        runs.append(Run(f"during{len(runs)}", create=True, repo=repo, durability=mode,
                        system_tracking_interval=None, capture_terminal_logs=False))
        runs[-1].track(i, name="loss", step=i)
        return "open"
    run.track(i * 0.5, name="loss", step=i)
    return "point"
while not wanted("stop"):
    frozen, began = wanted("frozen"), time.perf_counter_ns()
    kind = one(i)
    took = time.perf_counter_ns() - began
    if frozen:
        done[kind] += 1
        slowest[kind] = max(slowest.get(kind, 0), took)
    i += 1
    if time.monotonic() - told > 0.05:
        tell(); told = time.monotonic()
    time.sleep(0 if flood else 0.0005)
tell()
for one in runs:
    one.close()
with open(outside + "/closed", "w") as file:
    file.write(str(i))
"""


class Training:
    """The script as a process, and what it says of itself."""

    def __init__(self, disk: Disk, mode: str, *, flood: bool = False) -> None:
        self.repo, self.outside = disk.mounted / "repo", disk.folder / f"outside-{mode}-{time.time_ns()}"
        self.outside.mkdir()
        Repo(self.repo, init=True)
        self._errors = open(self.outside / "errors", "wb")  # noqa: SIM115 - closed when the process ends
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, self.repo, self.outside, mode, "flood" if flood else ""],
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )
        wait_for(lambda: self.status().get("done") is not None or self.process.poll() is not None)

    def status(self) -> dict[str, Any]:
        with contextlib.suppress(OSError):
            found: dict[str, Any] = json.loads((self.outside / "status").read_text())
            return found
        return {}

    @property
    def calls(self) -> int:
        """How many calls have returned since it was told of the freeze."""
        return sum(self.status().get("done", {}).values())

    def tell(self, what: str) -> None:
        (self.outside / what).touch()

    def errors(self) -> str:
        return (self.outside / "errors").read_text()

    def closed(self) -> bool:
        """Whether it has come to its end: its last events, and the close() of its runs."""
        return (self.outside / "closed").exists()

    def events(self) -> int:
        return int((self.outside / "closed").read_text())

    def end(self) -> list[str]:
        """Let it come to its end; return what went wrong."""
        self.tell("stop")
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return ["it does not end"]
        return [f"it ended with {code}: {self.errors()[-500:]}"] if code else []

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._errors.close()


def wait_for(condition: Callable[[], Any], patience: float = PATIENCE) -> bool:
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@contextlib.contextmanager
def hanging(disk: Disk, training: Training, seconds: float) -> Iterator[None]:
    """Freeze the disk under a training script that knows it."""
    with frozen(disk, seconds * 2 + 60):
        training.tell("frozen")
        yield
        (training.outside / "frozen").unlink()


# -- accepted ----------------------------------------------------------------------------------------------------


def accepted(kind: str, options: Options) -> Row:
    """Train through a hang; the control does the same in "written"."""
    row = started(f"a hang of storage, accepted, {kind}", 'durability="written" goes on as well')
    if row.skipped:
        return row
    seconds = options.count(FULL_SECONDS)
    with Disk(kind) as disk:
        with Training(disk, "accepted") as training:
            with hanging(disk, training, seconds):
                wait_for(
                    lambda: all(training.status().get("done", {}).get(what) for what in KINDS), seconds + 30
                )
                time.sleep(seconds)
                status = training.status()
                row.figures["calls during the hang"] = training.calls
            row.trials = seconds
            row.failures += [f"no {what} came through" for what in KINDS if not status["done"][what]]
            row.figures |= {
                f"slowest {what}, ms": round(ns / 1e6, 2) for what, ns in status["slowest"].items()
            }
            row.failures += training.end()
            row.failures += lost(training)
        disk.format()
        waits(disk, row)
    return row


def lost(training: Training) -> list[str]:
    """Return what is not there, although nothing was to be dropped."""
    repo = Repo(training.repo, index=False)
    run, count = repo.get_run("first"), training.events()
    wrong = []
    expected: dict[str, set[int]] = {"loss": set(), "image": set()}
    for i in range(count):
        name = {3: "", 5: "image", 7: "", 8: ""}.get(i % 10, "loss")
        if name:
            expected[name].add(i)
    there = {name: set(run.get_sequence(name).values.sparse_list()[0]) for name in expected}
    opened = {i for number in (1, 2, 3) for i in points_of(repo, f"during{number}")}
    for name, steps in expected.items():
        gone = steps - there[name] - opened
        wrong += [f"{len(gone)} of {len(steps)} of {name!r} are lost: {sorted(gone)[:5]}"] if gone else []
    if set(run["given"]) != {str(i) for i in range(3, count, 10)}:
        wrong.append("parameters are lost")
    records = [record.message for record in run.get_log_records() or ()]
    if records != [f"record {i}" for i in range(7, count, 10)]:
        wrong.append(f"log records are lost: {len(records)} there")
    lines = "".join(str(row) for row in run.get_sequence("logs").values.sparse_list()[1])
    wrong += [f"print {i} is lost" for i in range(8, count, 10) if f"line {i}" not in lines][:3]
    if dropped(repo, "first"):
        wrong.append(f"{dropped(repo, 'first')} events were dropped, and memory was not full")
    if not [name for name, *_ in run.iter_metrics_info() if name.startswith("__system")]:
        wrong.append("no system metrics")
    return wrong


def points_of(repo: Repo, name: str) -> list[int]:
    run = repo.get_run(name)
    metric = None if run is None else run.get_metric("loss")
    return [] if metric is None else list(metric.values.sparse_list()[0])


def dropped(repo: Repo, run: str) -> int:
    tail = Tail(repo.layout, run, None)
    tail.update()
    return sum(writer.dropped for writer in tail.state.writers.values())


def waits(disk: Disk, row: Row) -> None:
    """In "written" a call waits while the storage hangs, goes on afterwards, and nothing is lost."""
    with Training(disk, "written") as training:
        wait_for(lambda: training.status()["sum"] > 50)
        with hanging(disk, training, 5):
            time.sleep(1)
            before = training.calls
            time.sleep(2)
            row.controls, row.caught = 1, int(training.calls == before)
        row.failures += [f'in "written": {what}' for what in training.end() or lost(training)]


def flooded(kind: str, options: Options) -> Row:
    """More events than memory may hold: the oldest are dropped, and counted."""
    row = started(f"a hang that fills the memory, {kind}", "drops that are not counted")
    if row.skipped:
        return row
    del options
    with Disk(kind) as disk, Training(disk, "accepted", flood=True) as training:
        before = training.status()["rss"]
        with hanging(disk, training, 60):
            wait_for(
                lambda: (
                    training.calls > 3 * MEMORY_MIB * 1024 * 1024 * 8 // 6400
                    or training.process.poll() is not None
                )
            )
            row.trials, grown = training.calls, training.status()["rss"] - before
            row.unit = "events"
        row.failures += training.end()
        if row.failures:
            return row
        repo = Repo(training.repo, index=False)
        run = repo.get_run("first")
        names = [f"{when}{what}" for when in ("before", "during") for what in ("", " text")]
        found = [run.get_sequence(name) for name in names]
        there = {step for one in found if one is not None for step in one.values.sparse_list()[0]}
        gone, said = training.events() - len(there), dropped(repo, "first")
        row.figures = {"dropped": said, "memory, MiB": grown >> 20}
        if said != gone or not said:
            row.failures.append(f"{gone} events are gone, {said} are said to have been dropped")
        if grown > 2 * MEMORY_MIB << 20:
            row.failures.append(f"memory grew by {grown >> 20} MiB")
        row.controls, row.caught = 1, int(gone != 0)  # an oracle that does not count finds this many lost
    return row


def at_the_end(kind: str, options: Options) -> Row:
    """The script ends while the storage hangs: it says what was not written, and waits for nothing else."""
    row = started(f"the end of a script while storage hangs, {kind}", 'durability="written" ends as well')
    if row.skipped:
        return row
    for mode in ("accepted", "written"):
        with Disk(kind) as disk, Training(disk, mode) as training:
            with hanging(disk, training, 60):
                wait_for(lambda: training.calls > 200, 3)
                training.tell("stop")
                # The kernel lets nobody go that waits in a write: the process is gone only after the thaw.
                ended = wait_for(training.closed, 60 if mode == "accepted" else 8)
                said = training.errors()
            if mode == "accepted":
                row.trials = options.count(1)
                if not ended:
                    row.failures.append("it does not come to its end")
                if "does not answer" not in said:
                    row.failures.append(f"it does not say what was not written: {said[-300:]!r}")
            else:
                row.controls, row.caught = 1, int(not ended)
            row.failures += training.end()
    return row


def started(what: str, control: str) -> Row:
    row = Row("H4", what, "seconds", control=control, skipped=unusable())
    if not row.skipped:
        clear_leftovers()
    return row


CAMPAIGNS = {
    f"{name}, {kind}": partial(campaign, kind)
    for name, campaign in {"accepted": accepted, "flood": flooded, "end": at_the_end}.items()
    for kind in SYSTEMS
}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
