"""Two hours of writers, an indexer and readers, with random restarts and a disk that is full now and then.

    python tools/crash/soak.py --seed 1                    # two hours, 50 restarts
    python tools/crash/soak.py --seed 1 --trials 10        # ten restarts, one every six seconds

Four writers write one run after the other, some of them into one run together. `runstone index --watch` follows
them, one reader stays for the whole time, another is restarted. Old runs are deleted and collected, so that the
repository stops growing: what grows after a third of the time is a leak. As root the repository lies on a tmpfs
that is filled up now and then.

The oracle: every run is compared with what was acknowledged before it is deleted, through the index and without;
the index says what the logs say, at every fifth restart and at the end, and answers like one made anew.

The indexer and the steady reader are left alone between the first quarter and the last twentieth: there their
memory is judged, if there is at least a minute. The control is a reader that keeps what it was given: it has to be
seen growing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acked import DIES_WITH_PARENT, Ack, acks_in, missing, start_writer
from campaign import Options, Row, main
from vitals import Chart

from runstone import Repo
from runstone_indexer import Indexer
from runstone_query.verify import verify

MINUTES, RESTARTS = 120, 50
SHORT_SECONDS = 6.0  # between restarts in the short form
JUDGED_FROM = 60.0  # seconds
WRITERS = 4
WINDOW = 100  # runs that stay
FULL_EVERY = 420.0  # seconds
SPACE_MIB = 256
LOOK_SECONDS = 5.0
SAY_SECONDS = 180.0
SAID_LINES = 25  # of an accident
RECOVERY_SECONDS = 60.0
LOUD = 2**23  # bytes that the control keeps of each answer in the short form
LEAK_MIB = 48  # that the control has kept at the end

INDEX = DIES_WITH_PARENT + "import sys; sys.argv[0] = 'runstone'; from runstone.cli import main; main()"

READER = (
    DIES_WITH_PARENT
    + """
import os, random, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from acked import acks_in, missing
from runstone import Repo
path, acks, status, seed, pause, leak = sys.argv[2:8]
acks, pause, leak, rng = Path(acks), float(pause), int(leak), random.Random(seed)
repo, kept, asked, LOUD = Repo(path), [], 0, 2**23
full = 0.0

def ask():
    x = rng.random()
    text, entity = rng.choice([
        (f"run.lr < {x}", None), (f"run.lr >= {x} and 'a' in run.tags", None), ("run.active", None),
        (f"run.metrics['count'].last < {-x * 400}", None), (f"run.duration > {x * 30}", None),
        (f"search('seed {rng.randrange(5)}')", None), (f"any(h.lr < {x / 10} for h in run.hparams.values())", None),
        (f"metric.name == 'loss' and metric.last > {x * 400}", "metrics"), (f"metric.mean > {x * 200}", "metrics"),
        (f"run.lr < {x / 4}", "images"), (f"run.lr < {x / 4} and texts.name == 'text'", "texts"),
    ])
    order = rng.choice([None, "run.lr", "run.created_at"]) if entity is None else None
    found = getattr(repo, "query_" + (entity or "runs"))(text, report_mode=0, order_by=order)
    count = 0
    for one in found:
        count += 1
        if entity is None:
            assert text[:8] != "run.lr <" or one.get("lr") < x, text
        elif count < 5:
            steps, values = one.values.sparse_list()
            assert len(steps) == len(values), text
    if rng.random() < 0.05:
        repo.query_metrics("metric.name == 'loss'", report_mode=0, limit=5).dataframe()
    if rng.random() < 0.05:
        assert isinstance(repo.at(time.time() - 30).total_runs_count(), int)

def compare():
    global full
    some = acks_in(acks)
    if not some:
        return
    ack = rng.choice(some)
    said = ack.points()
    if (acks / "full").exists():
        full = time.monotonic()
    if said is None or said < 0 or (full and time.monotonic() - full < 10):
        return
    wrong = missing(repo, ack.run, ack.writer, said)
    there = [a for a in acks_in(acks) if (a.run, a.writer) == (ack.run, ack.writer)]
    if wrong and there:  # otherwise the run was deleted meanwhile
        print("the reader:", wrong, flush=True)

while True:
    began = time.monotonic()
    for what in (ask, compare):
        try:
            what()
        except Exception as error:
            if type(error).__name__ == "FileNotFoundError" or "is not there" in str(error):
                continue  # a run that was collected while it was read: compare() holds what matters
            print(f"the reader: {type(error).__name__}: {error}", flush=True)
    asked += 1
    if leak and (leak != LOUD or len(kept) < 60):
        kept.append(bytearray(os.urandom(1)) * leak)
        kept += [os.open("/dev/null", os.O_RDONLY)] if asked % 8 == 0 or leak == LOUD else []
    with open(status, "w") as file:
        file.write(str(asked))
    time.sleep(max(pause, 2 * (time.monotonic() - began)))
"""
)


@dataclass
class Soak:
    """The processes, and what was found so far."""

    folder: Path
    rng: random.Random
    seconds: float
    restarts: int
    row: Row
    fills: bool
    began: float = field(default_factory=time.monotonic)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    charts: dict[str, Chart] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    stale: set[str] = field(default_factory=set)  # deleted, and not collected yet
    seeds: int = 0
    shared: list[str] = field(default_factory=list)  # runs that writers were lately told to join

    def __post_init__(self) -> None:
        self.repo, self.acks = self.folder / "disk" / "repo", self.folder / "acks"
        self.repo.mkdir(parents=True)
        self.acks.mkdir()
        self.out = (self.folder / "out").open("ab")
        Repo(self.repo, init=True)
        self.is_long = self.seconds >= 1200

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    # -- processes -------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        if name.startswith("writer"):
            self.seeds += 1
            points, pause = (1600, 0.25) if self.is_long else (200, 0.02)
            numbers = {"points": points, "burst": 20, "pause": pause}
            self.processes[name] = start_writer(self.repo, self.acks, self.seeds, **numbers, **self.pipes())
            self.processes[name].seed = self.seeds  # type: ignore[attr-defined]
            return
        if name == "indexer":
            command = [sys.executable, "-c", INDEX, "index", "--watch", "--repo", str(self.repo)]
        else:
            pause = (2.0 if name == "visitor" else 1.0) if self.is_long else 0.05
            asked = self.seconds / max(pause, 0.1)  # at the least; a query takes its time too
            leak = int(LEAK_MIB * 2**20 / asked) if self.is_long else LOUD
            leak *= name == "control"
            tools = str(Path(__file__).resolve().parent)
            arguments = (
                tools,
                self.repo,
                self.acks,
                self.folder / f"{name}.status",
                self.rng.random(),
                pause,
                leak,
            )
            command = [sys.executable, "-c", READER, *map(str, arguments)]
        self.processes[name] = subprocess.Popen(command, **self.pipes())
        self.charts[name] = Chart(name)

    def pipes(self) -> dict[str, Any]:
        return {"stdin": subprocess.DEVNULL, "stdout": self.out, "stderr": self.out}

    def restart(self, name: str, kill: bool) -> None:
        """End a process in one way or the other, look at what it leaves, and start it again."""
        process = self.processes[name]
        said = self.open_acks(name)
        if kill or name in ("visitor", "reader"):
            process.kill()
        elif name.startswith("writer"):
            (self.acks / f"stop.{process.seed}").touch()  # type: ignore[attr-defined]
        else:
            process.terminate()
        code = process.wait(120)
        if code not in (0, -signal.SIGKILL):
            self.row.failures.append(f"at {self.now:.0f} s: the {name} ended with exit code {code}")
        for ack in said:
            self.check(ack)
        self.start(name)
        self.row.trials += 1
        self.counts[f"{'kills' if kill else 'clean ends'} of {name.rstrip('0123456789')}"] += 1
        if self.row.trials % 5 == 0:
            self.verify()

    def open_acks(self, name: str) -> list[Ack]:
        return [ack for ack in acks_in(self.acks) if not ack.is_done] if name.startswith("writer") else []

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.out.close()

    # -- the oracle ------------------------------------------------------------------------------------

    def check(self, ack: Ack) -> None:
        """Compare what a writer had said with what there is, through the index and without it."""
        said = ack.points()
        if said is None and ack.path.with_name(ack.path.name + ".done").exists():
            said = Ack(ack.path.with_name(ack.path.name + ".done")).points()
        if said is None or said < 0:
            return
        self.counts["runs compared"] += 1
        for index in (True, False):
            wrong = missing(Repo(self.repo, index=index, read_only=True), ack.run, ack.writer, said)
            if wrong:
                self.row.failures.append(f"at {self.now:.0f} s, index={index}: {wrong}")

    def verify(self) -> None:
        self.counts["comparisons of index and logs"] += 1
        verdict = verify(Repo(self.repo).layout)
        for problem in verdict.damage + verdict.index:
            self.row.failures.append(f"at {self.now:.0f} s: {problem}")

    def retire(self) -> None:
        """Compare the oldest runs, and delete them; collect those that were deleted before."""
        open_runs = {ack.run for ack in acks_in(self.acks) if self.is_open(ack)} | set(self.shared)
        done = [ack for ack in acks_in(self.acks) if ack.run not in open_runs]
        runs = list(dict.fromkeys(ack.run for ack in done))
        repo = Repo(self.repo)
        for run in runs[: max(len(runs) - self.window, 0)]:
            for ack in done:
                if ack.run == run:
                    self.check(ack)
                    self.counts["points"] += ack.points() or 0
                    ack.path.unlink()
            repo.delete_run(run)
            self.stale.add(run)
        found = repo.gc(grace=0)
        self.stale -= set(found.runs)
        self.counts["runs collected"] += len(found.runs)
        if len(self.stale) > 2 * self.window:
            self.row.failures.append(f"at {self.now:.0f} s: {len(self.stale)} deleted runs are not collected")

    @property
    def window(self) -> int:
        return WINDOW if self.is_long else 10

    def is_open(self, ack: Ack) -> bool:
        """Whether a living writer is at a run: killed ones leave their acks open."""
        alive = {str(process.pid) for name, process in self.processes.items() if name.startswith("writer")}
        if ack.is_done:
            return False
        with contextlib.suppress(OSError):
            for pid in alive:
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(OSError):
                        if os.readlink(f"/proc/{pid}/fd/{fd}") == str(ack.path):
                            return True
        return False

    def choose_shared(self) -> None:
        """Let writers join the newest run."""
        newest = [ack.run for ack in acks_in(self.acks) if self.is_open(ack)]
        if newest:
            self.shared = [*self.shared, newest[-1]][-3:]
            (self.acks / "new").write_text(newest[-1])
            (self.acks / "new").rename(self.acks / "common")

    # -- faults ----------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Fill the disk for a while; then everything that was acknowledged has to come, within RECOVERY_SECONDS."""
        flag, ballast = self.acks / "full", self.folder / "disk" / "ballast"
        flag.touch()
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**16))
        self.pass_time(self.rng.uniform(3, 8))
        ballast.unlink()
        said = [(ack, ack.points()) for ack in acks_in(self.acks) if self.is_open(ack)]
        deadline = time.monotonic() + RECOVERY_SECONDS
        repo, late = Repo(self.repo, read_only=True), []
        while time.monotonic() < deadline:
            late = [
                missing(repo, ack.run, ack.writer, points) for ack, points in said if points and points > 0
            ]
            if not any(late):
                break
            self.pass_time(1)
        flag.unlink()
        self.row.failures += [f"at {self.now:.0f} s, after a full disk: {wrong}" for wrong in late if wrong]
        self.counts["times the disk was full"] += 1

    # -- time ------------------------------------------------------------------------------------------

    def look(self) -> None:
        for name, chart in self.charts.items():
            chart.add(self.processes[name].pid, self.now)
        for name, process in self.processes.items():
            if process.poll() is not None:
                self.row.failures.append(f"at {self.now:.0f} s: the {name} ended with {process.returncode}")
                self.start(name)

    def pass_time(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS if self.is_long else 0.5))
            self.look()

    def say(self) -> None:
        held = ", ".join(
            f"{name} {chart.looks[-1].anonymous / 1024:.1f} MiB {chart.looks[-1].descriptors} fd "
            f"{chart.looks[-1].mappings} maps {chart.looks[-1].cpu:.0f} s"
            for name, chart in self.charts.items()
            if chart.looks
        )
        index = [file for file in (self.repo / ".runstone" / "index").rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in index) if index else 0
        print(
            f"{self.now / 60:.1f} min, {self.row.trials} restarts, {self.counts['runs collected']} runs collected, "
            f"{len(self.stale)} waiting, index {len(index)} files {size / 2**20:.1f} MiB; {held}; "
            f"this process {time.process_time():.0f} s; failures: {self.row.failures}",
            flush=True,
        )

    def plan(self) -> list[tuple[float, str, bool]]:
        """When what is restarted, and whether by SIGKILL. The indexer only before and after it is judged."""
        found = []
        for _ in range(self.restarts):
            at, roll, kill = self.rng.random(), self.rng.random(), self.rng.random() < 0.75
            name = "visitor"
            if roll < 0.6:
                name = f"writer{self.rng.randrange(WRITERS)}"
            elif roll < 0.85:
                name, at = "indexer", (at * 0.25 if self.rng.random() < 0.7 else 0.95 + at * 0.05)
            found.append((at * self.seconds, name, kill))
        return sorted(found)

    def run(self) -> None:
        names = ["indexer", "reader", "visitor", "control", *(f"writer{n}" for n in range(WRITERS))]
        for name in names:
            self.start(name)
        deadline = time.monotonic() + 120
        while len(list(self.folder.glob("*.status"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.began = time.monotonic()
        filled = said = retired = 0.0
        for at, name, kill in [*self.plan(), (self.seconds, "", False)]:
            while self.now < at:
                self.pass_time(min(at - self.now, LOOK_SECONDS if self.is_long else 1.0))
                if self.now - retired > (60 if self.is_long else 2):
                    retired = self.now
                    self.choose_shared()
                    self.retire()
                if self.fills and self.now - filled > min(FULL_EVERY, self.seconds / 4):
                    self.fill()
                    filled = self.now
                if self.now - said > SAY_SECONDS:
                    said = self.now
                    self.say()
            if at > 0.95 * self.seconds:
                self.judge()
            if name:
                self.restart(name, kill)
        self.judge()
        self.finish()

    def judge(self) -> None:
        """Judge the memory of those that live on, once. Not in some seconds: then everybody is still warming up."""
        if self.row.control or self.seconds < JUDGED_FROM:
            return
        deadline = time.monotonic() + 240
        while not self.is_long and self.asked("control") < 25 and time.monotonic() < deadline:
            self.pass_time(0.5)  # on a busy machine seconds may bring nobody to any work
        slack = 1024 if self.is_long else 40 * 1024  # in seconds nobody gets warm
        for name in ("indexer", "reader"):
            growth = self.charts[name].growth(slack)
            self.row.failures += [growth] if growth else []
            self.row.figures |= self.charts[name].figures()
        self.row.control = "a reader that keeps what it is given"
        self.row.controls = 1
        self.row.caught = int(bool(self.charts["control"].growth(slack)))
        self.row.figures["control anonymous"] = self.charts["control"].figures()["control anonymous"]

    def asked(self, name: str) -> int:
        """How many queries a reader has made."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / f"{name}.status").read_text())
        return 0

    def finish(self) -> None:
        """End everything, index the rest, and hold the index against one that is made anew."""
        for name, process in self.processes.items():
            if name.startswith("writer"):
                (self.acks / f"stop.{process.seed}").touch()  # type: ignore[attr-defined]
        for name, process in self.processes.items():
            if name.startswith("writer") and process.wait(120) != 0:
                self.row.failures.append(f"the {name} ended with {process.returncode}")
        self.processes["indexer"].terminate()
        if self.processes["indexer"].wait(120) != 0:
            self.row.failures.append("the indexer did not end well")
        for ack in acks_in(self.acks):
            self.check(ack)
            self.counts["points"] += ack.points() or 0
        Indexer(self.repo).run_once()
        self.verify()
        self.compare_anew()
        self.counts["queries"] = sum(int(path.read_text() or 0) for path in self.folder.glob("*.status"))
        self.row.figures |= dict(self.counts)

    def compare_anew(self) -> None:
        """Ask the repository and a copy without an index, which is then made anew, the same."""
        with tempfile.TemporaryDirectory(dir=self.folder) as copy:
            shutil.copytree(self.repo, copy, dirs_exist_ok=True)
            shutil.rmtree(Path(copy, ".runstone", "index"))
            Indexer(copy).reindex()
            texts = [
                "",
                *(f"run.lr < {self.rng.random()}" for _ in range(20)),
                "run.tags",
                "search('seed 1')",
            ]
            for text in texts:
                old, new = (
                    [run.hash for run in Repo(path).query_runs(text, report_mode=0)]
                    for path in (self.repo, copy)
                )
                if old != new:
                    self.row.failures.append(f"{text!r}: {len(old)} runs, and {len(new)} when made anew")


@contextlib.contextmanager
def small_disk(path: Path, wanted: bool) -> Iterator[bool]:
    """A file system of SPACE_MIB at `path`, seen by this process and its children alone: it ends with them."""
    if not wanted or os.geteuid() != 0 or ctypes.CDLL(None).unshare(0x00020000) != 0:  # CLONE_NEWNS
        yield False
        return
    path.mkdir()
    subprocess.run(["mount", "--make-rslave", "/"], check=True)
    options = f"size={SPACE_MIB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "runstone-soak", str(path)], check=True)
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)


def soak(options: Options) -> Row:
    row = Row("H7", "soak with restarts", "restarts")
    restarts = options.count(RESTARTS)
    seconds = MINUTES * 60.0 if options.trials is None else restarts * SHORT_SECONDS
    with tempfile.TemporaryDirectory(prefix="runstone-soak-") as name:
        folder = Path(name)
        with small_disk(folder / "disk", options.trials is None or restarts >= RESTARTS // 5) as fills:
            work = Soak(folder, random.Random(options.seed), seconds, restarts, row, fills)
            try:
                work.run()
            finally:
                work.end()
                said = (folder / "out").read_text(errors="replace")
                keep_what_was_said(row, said)
    return row


def keep_what_was_said(row: Row, said: str) -> None:
    """Take what the processes have said into the row: readers' findings, and anything that looks like an accident."""
    lines = said.splitlines()
    row.failures += [line for line in lines if line.startswith("the reader:")]
    for number, line in enumerate(lines):
        if "Traceback" in line or "rescue" in line:
            row.failures.append("a process said: " + "\n".join(lines[number : number + SAID_LINES]))
    warned = Counter(line.split(":", 3)[-1].strip()[:80] for line in lines if "Warning" in line)
    row.figures["warnings"] = sum(warned.values())
    print(*(f"{count} x {line}" for line, count in warned.most_common(5)), sep="\n")
    print(*[line for line in lines if not line.startswith("Indexed")][-40:], sep="\n")


CAMPAIGNS = {"soak": soak}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(__doc__, CAMPAIGNS))
