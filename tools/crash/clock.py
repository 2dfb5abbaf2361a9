"""Clocks that jump while they are read, and hosts whose clocks differ.

    python tools/crash/clock.py --seed 1

libfaketime gives each process a wall clock of its own; the monotonic clock and the time stamps of files stay
true, as they are between a host and its file server.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from acked import DIES_WITH_PARENT
from campaign import Options, Row, main

from runstone import Repo
from runstone_indexer import Indexer
from runstone_query.verify import verify

HOUR, YEAR = 3600, 365 * 86400
SHIFTS = (300, -300, HOUR, -HOUR, 10 * YEAR, -10 * YEAR)
JUMPS, SKEWS, PAIRS = 200, 30, 40  # at full length
DEADLINE_SECONDS = 120
LEASE = 30

WRITER = (
    DIES_WITH_PARENT
    + """
import select, sys, time
from runstone import Run
if sys.argv[3:] == ["control"]:  # times are what the wall clock says
    from runstone_writer import log
    log._clock = lambda _: time.time_ns()
run = Run(sys.argv[2] or None, repo=sys.argv[1], create=bool(sys.argv[2]),
          system_tracking_interval=None, capture_terminal_logs=False)
print(run.hash, run._log.writer, flush=True)
step = 0
while True:
    if select.select([sys.stdin], [], [], 0.01)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        exec(line)
        print("done", step, time.time(), flush=True)
    run.track(step * 0.5, name="loss", step=step, context={"writer": run._log.writer})
    step += 1
run.close()
"""
)

READER = (
    DIES_WITH_PARENT
    + """
import json, sys, time
from runstone import Repo
from runstone_writer import liveness
if sys.argv[2] == "control":  # a lease judged by two wall clocks
    import runstone_query.run
    liveness.file_system_now = lambda layout: time.time()
repo = Repo(sys.argv[1])
found = {"now": time.time(), "status": {}, "duration": {}, "created": {}}
for run in repo.iter_runs():
    found["status"][run.hash] = run.status
    found["duration"][run.hash] = run.duration
    found["created"][run.hash] = run.creation_time
for text in ("run.duration >= 0", "run.duration < 0", "run.active"):
    found[text] = sorted(run.hash for run in repo.query_runs(text, report_mode=0))
if sys.argv[2] == "delete":
    repo.delete_run(sys.argv[3])
if sys.argv[2] != "delete":
    found["collected"] = repo.gc(grace=7 * 86400).runs
    from runstone_indexer import Indexer
    Indexer(repo.layout).run_once()
    Indexer(repo.layout).run_once(full=False)
print(json.dumps(found))
"""
)


def library() -> str:
    """Where libfaketime is; empty if it is not there."""
    places = [
        *Path("/usr/lib").glob("*/faketime/libfaketime.so.1"),
        *Path("/usr/lib/faketime").glob("libfaketime.so.1"),
    ]
    return str(places[0]) if places else ""


def clocked(**variables: str) -> dict[str, str]:
    """The environment of a process that has a clock of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAKETIME")}
    true = {"DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return {**kept, "LD_PRELOAD": library(), **true, **variables}


def skewed(seconds: float) -> dict[str, str]:
    return clocked(FAKETIME=f"{seconds:+.0f}")


class Host:
    """A process that writes one run all the time, on a clock of its own, and does what it is told."""

    def __init__(self, repo: Path, environment: dict[str, str], run: str = "", *more: str) -> None:
        self.ahead = 0.0  # of the true clock, as of the last answer
        command = [sys.executable, "-c", WRITER, str(repo), run, *more]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process: subprocess.Popen[str] = subprocess.Popen(command, env=environment, **pipes)  # type: ignore[call-overload]
        self.run, self.writer = self._line().split()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def do(self, line: str) -> int:
        """Do one line of Python there; return how many points it had written by then."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self._line().split()
        if answer[:1] != ["done"]:
            raise RuntimeError(f"a writer ended with {self.process.wait()}")
        self.ahead = float(answer[2]) - time.time()
        return int(answer[1])

    def end(self, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait(DEADLINE_SECONDS)

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(kill=self.process.poll() is None)


def wait_until(condition: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def points_of(repo: Repo, run: str, writer: str) -> tuple[list[Any], list[Any], list[float]]:
    """Steps, values and times of what a writer has tracked, in the order of its log."""
    metric = repo.get_run(run).get_metric("loss", {"writer": writer})  # type: ignore[union-attr]
    if metric is None:
        return [], [], []
    table = metric.dataframe()
    return table["step"].tolist(), table["value"].tolist(), [at.timestamp() for at in table["time"]]


def check_order(repo: Repo, run: str, writer: str, said: int, where: str) -> list[str]:
    """What is missing, out of order or goes backwards of what one writer has tracked."""
    steps, values, times = points_of(repo, run, writer)
    found = []
    if len(steps) < said:
        found.append(f"{where}: {len(steps)} points of {said}")
    if steps != list(range(len(steps))) or values != [step * 0.5 for step in steps]:
        found.append(f"{where}: points out of order")
    if any(after < before for before, after in pairwise(times)):
        found.append(f"{where}: time runs backwards")
    return found


def jumps(options: Options) -> Row:
    """The clock of a writer jumps while it tracks: its points stay in order, and it is never taken for dead."""
    row = Row("H5", "clock jumps while writing", "jumps")
    if not library():
        row.skipped = "there is no libfaketime"
        return row
    row.control = "times from the wall clock"
    jump_about(row, options, options.count(JUMPS))
    control = Row("", "")
    jump_about(control, options, min(options.count(JUMPS), 20) + 3, "control")
    row.controls, row.caught = control.trials, len(control.failures)
    return row


def jump_about(row: Row, options: Options, count: int, *more: str) -> None:
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="runstone-clock-") as name:
        folder, stamp = Path(name), Path(name, "stamp")
        Repo(folder, init=True)
        stamp.write_text("+0")
        environment = clocked(
            FAKETIME_TIMESTAMP_FILE=str(stamp), FAKETIME_CACHE_DURATION="1", FAKETIME_NO_CACHE="1"
        )
        repo = Repo(folder)
        with Host(folder, environment, "", *more) as host:
            for _ in range(count):
                shift = rng.choice([*SHIFTS, 0])
                stamp.write_text(f"{shift:+d}")
                said = host.do(f"run['shift', '{row.trials}'] = {shift}")
                where = f"seed {options.seed}, jump {row.trials} to {shift:+d} s"
                if abs(host.ahead - shift) > 60:
                    row.failures.append(f"{where}: the clock did not jump")
                row.failures += check_order(repo, host.run, host.writer, said, where)
                status = repo.get_run(host.run).status  # type: ignore[union-attr]
                if status != "running":
                    row.failures.append(f"{where}: {status}")
                hint = Path(repo.layout.hint_path(host.run, host.writer))
                if row.trials % 20 == 10:  # a heart goes on beating, whatever the clock says
                    beat = hint.read_text()
                    if not wait_until(lambda hint=hint, beat=beat: hint.read_text() != beat):  # type: ignore[misc]
                        row.failures.append(f"{where}: its heart stands still")
                row.trials += 1
            host.end(kill=rng.random() < 0.5)
        Indexer(folder).run_once()
        row.failures += [str(problem) for problem in verify(repo.layout).index]
        row.failures += check_order(Repo(folder), host.run, host.writer, 0, "at the end, from the index")
        row.figures["points"] = len(points_of(repo, host.run, host.writer)[0])


def skews(options: Options) -> Row:
    """Readers, an indexer and gc with skewed clocks: nobody is taken for dead or alive who is not, nothing is lost."""
    row = Row("H5", "clocks that differ, readers", "readers")
    if not library():
        row.skipped = "there is no libfaketime"
        return row
    rng = random.Random(options.seed)
    row.control = "a lease judged by two wall clocks"
    with tempfile.TemporaryDirectory(prefix="runstone-clock-") as name:
        folder = Path(name)
        repo = Repo(folder, init=True)
        with (
            Host(folder, clocked()) as alive,
            Host(folder, clocked()) as killed,
            Host(folder, clocked()) as ended,
        ):
            killed.do("pass")
            killed.end(kill=True)
            ended.do("pass")
            ended.end()
            before = time.time() - LEASE - 1
            os.utime(repo.layout.hint_path(killed.run, killed.writer), (before, before))
            true = {alive.run: "running", killed.run: "crashed", ended.run: "finished"}
            runs = dict(true)
            for number in range(options.count(SKEWS)):
                shift = SHIFTS[number % len(SHIFTS)] if number < len(SHIFTS) else rng.choice(SHIFTS)
                where = f"seed {options.seed}, reader {number} at {shift:+d} s"
                said = alive.do("pass")
                if not wait_until(lambda: _beats(repo, alive)):
                    row.failures.append(f"{where}: the heart of the living one stands still")
                row.failures += _wrong(_asked(folder, shift, "read"), runs, where)
                row.failures += check_order(repo, alive.run, alive.writer, said, where)
                if not Path(repo.layout.hint_path(alive.run, alive.writer)).exists():
                    row.failures.append(f"{where}: the hint of a living writer is gone")
                row.trials += 1
                if number % 3 == 0:  # deleted by one clock, collected by another: 7 days are 7 days
                    with Host(folder, skewed(rng.choice(SHIFTS))) as other:
                        other.do("pass")
                        other.end()
                    _asked(folder, rng.choice(SHIFTS), "delete", other.run)
                    if Repo(folder).gc(grace=7 * 86400).runs or _asked(folder, shift, "read")["collected"]:
                        row.failures.append(f"{where}: a run that was deleted just now is collected")
            for shift in (300, 10 * YEAR):
                row.controls += 1
                row.caught += bool(_wrong(_asked(folder, shift, "control"), runs, ""))
        row.failures += [str(problem) for problem in verify(repo.layout).index]
    return row


def _beats(repo: Repo, host: Host) -> bool:
    """Whether a heart has beaten a moment ago, on this slow machine."""
    try:
        return time.time() - os.stat(repo.layout.hint_path(host.run, host.writer)).st_mtime < LEASE / 2
    except OSError:
        return False


def _asked(folder: Path, shift: float, what: str, run: str = "") -> dict[str, Any]:
    command = [sys.executable, "-c", READER, str(folder), what, run]
    found = subprocess.run(
        command, env=skewed(shift), capture_output=True, text=True, timeout=600, check=False
    )
    if found.returncode != 0:
        return {"error": found.stderr}
    answer: dict[str, Any] = json.loads(found.stdout)
    answer["skew"] = answer["now"] - time.time()
    return answer


def _wrong(said: dict[str, Any], true: dict[str, str], where: str) -> list[str]:
    """What a reader has said that is not so."""
    if "error" in said:
        return [f"{where}: {said['error']}"]
    found = [f"{where}: {run} is {said['status'].get(run)}, not {status}"
             for run, status in true.items() if said["status"].get(run) != status]  # fmt: skip
    if min(said["duration"].values()) < 0 or said["run.duration < 0"]:
        found.append(f"{where}: a negative duration")
    if said["run.duration >= 0"] != sorted(said["status"]):
        found.append(f"{where}: a run without a duration")
    if said.get("collected"):
        found.append(f"{where}: {said['collected']} collected")
    return found


def pairs(options: Options) -> Row:
    """Two hosts whose clocks are minutes or years apart write one run: the later time wins, each in its order."""
    row = Row("H5", "clocks that differ, writers", "pairs")
    if not library():
        row.skipped = "there is no libfaketime"
        return row
    rng = random.Random(options.seed)
    for number in range(options.count(PAIRS)):
        shifts = rng.choice([(0, 300), (0, -300), (-300, 300), rng.choices(SHIFTS, k=2)])
        with tempfile.TemporaryDirectory(prefix="runstone-clock-") as name:
            where = f"seed {options.seed}, pair {number} at {shifts[0]:+d} and {shifts[1]:+d} s"
            row.failures += one_pair(Path(name), shifts, rng, where)
        row.trials += 1
    return row


def one_pair(folder: Path, shifts: Any, rng: random.Random, where: str) -> list[str]:
    Repo(folder, init=True)
    with Host(folder, skewed(shifts[0]), "common") as one, Host(folder, skewed(shifts[1]), "common") as two:
        hosts = (one, two)
        last: dict[str, tuple[float, Any]] = {}
        for turn in range(rng.randrange(6, 14)):
            which = rng.randrange(2)
            key = rng.choice(["a", "b"])
            hosts[which].do(f"run['{key}'] = {turn}")
            at = (time.time() + shifts[which], turn)
            last[key] = max(last.get(key, at), at)
        said = [host.do("pass") for host in hosts]
        cut = time.time() + rng.choice(shifts)
        past = Repo(folder).at(cut).get_run("common")
        for host in hosts:
            host.end()
    Indexer(folder).run_once()
    found = [f"{where}: {problem}" for problem in verify(Repo(folder).layout).index]
    for index in (True, False):
        repo = Repo(folder, index=index)
        run = repo.get_run("common")
        assert run is not None
        for key, (_, value) in last.items():
            if run[key] != value:
                found.append(
                    f"{where}, index={index}: {key} is {run[key]}, and {value} was set by the later clock"
                )
        for host, count in zip(hosts, said, strict=True):
            found += check_order(repo, "common", host.writer, count, f"{where}, index={index}")
    for host in hosts:
        steps, _, times = points_of(Repo(folder), "common", host.writer)
        metric = None if past is None else past.get_metric("loss", {"writer": host.writer})
        then = [] if metric is None else metric.values.sparse_list()[0]
        by_then = [step for step, at in zip(steps, times, strict=True) if at <= cut]
        if (
            len(then) > len(by_then)
            or then != by_then[: len(then)]
            or (cut < times[-1] - 1 and len(then) != len(by_then))
        ):
            found.append(
                f"{where}: at {cut} there were {len(then)} points, and {len(by_then)} have a time before"
            )
    return found


CAMPAIGNS = {"clock jumps": jumps, "skewed readers": skews, "skewed writers": pairs}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
