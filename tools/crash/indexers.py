"""Two indexers at once, readers while files are merged, made anew, collected, moved and copied.

    python tools/crash/indexers.py --seed 1                # 600 passes

Writers make runs all the time. The oracle of tools/crash/acked.py asks for what they have acknowledged; a reader
holds on to an old answer while generations come and go, and reads on in it. The control: two indexers that take
no lock and write the manifest in place, and readers that do not read what no index has.
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from acked import DIES_WITH_PARENT, acks_in, missing, start_writer
from campaign import Options, Row, main
from vitals import look_at

from runstone import Repo
from runstone_indexer import Indexer
from runstone_query.verify import verify
from runstone_writer.errors import RunstoneError

PASSES = 600
SHORT = 8  # passes for each trial of the short form
KEPT = 12  # runs that are left in peace
DESCRIPTORS = 3

LOOP = (
    DIES_WITH_PARENT
    + """
import os, random, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from acked import acks_in, missing
from runstone import Repo
from runstone_indexer import Indexer
from runstone_writer.errors import IndexBusyError
path, acks, what, seed, status, control = sys.argv[2:8]
acks, rng, done = Path(acks), random.Random(seed + what), 0
if control:
    from runstone_indexer import indexer, lock, manifest
    lock.IndexLock.acquire = lambda self: os.makedirs(self._folder, exist_ok=True)
    lock.IndexLock.is_held = lambda self: True
    from runstone_query import overlay
    overlay.Tail.update = lambda self, folder=None: None
    def in_place(path, data, *more, **fields):
        with open(path, "wb") as file:
            for start in range(0, len(data), 64):
                file.write(data[start:start + 64])
                file.flush()
    manifest.write_whole = in_place
repo, indexer = Repo(path), Indexer(path)
old = None

def say(*words):
    print("the", what, *words, flush=True)

def step():
    global old
    if what == "indexer":
        indexer.run_once(full=rng.random() < 0.3)
    elif what == "rebuilder":
        indexer.reindex()
    elif what == "holder":  # reads an answer to its end while generations come and go
        if old is None:
            found = iter(repo.query_metrics("metric.name == 'loss'", report_mode=0))
            old = found, [next(found, None)], 0
            return
        found, seen, age = old
        if age < 5:
            repo.query_runs("run.lr < 0.5", report_mode=0).explain()
            old = found, seen, age + 1
            return
        for metric in found:
            steps, values = metric.values.sparse_list()
            if steps != list(range(len(steps))) or values != [n * 0.5 for n in steps]:
                say("an old answer is wrong:", metric)
        old = None
    else:
        some = acks_in(acks)
        if some:
            ack = rng.choice(some)
            said = ack.points()
            if said is not None and said >= 0:
                wrong = missing(repo, ack.run, ack.writer, said)
                if wrong and any((a.run, a.writer) == (ack.run, ack.writer) for a in acks_in(acks)):
                    say(wrong)

while True:
    try:
        step()
        done += 1
    except IndexBusyError:
        pass
    except Exception as error:
        say(type(error).__name__, str(error)[:300])
    with open(status, "w") as file:
        file.write(str(done))
    time.sleep(0.2 if what == "rebuilder" else 0.01)
"""
)


class Crowd:
    """Everybody who is at one repository, and what is known of them."""

    def __init__(self, folder: Path, options: Options, control: bool) -> None:
        self.folder, self.options, self.control = folder, options, control
        self.repo, self.acks, self.elsewhere = folder / "repo", folder / "acks", folder / "elsewhere"
        for path in (self.repo, self.acks, self.elsewhere):
            path.mkdir()
        Repo(self.repo, init=True)
        Repo(self.elsewhere, init=True)
        self.out = (folder / "said").open("ab")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.failures: list[str] = []
        self.moved: list[tuple[str, str, int]] = []
        self.counts = {"runs collected": 0, "runs moved": 0, "backups": 0}

    def start(self) -> None:
        tools = str(Path(__file__).resolve().parent)
        for name in ("indexer", "indexer 2", "rebuilder", "reader", "holder"):
            status = self.folder / f"{name}.status"
            arguments = (
                tools,
                self.repo,
                self.acks,
                name.split()[0],
                self.options.seed,
                status,
                "c" * self.control,
            )
            command = [sys.executable, "-c", LOOP, *map(str, arguments)]
            self.processes[name] = subprocess.Popen(command, stdout=self.out, stderr=self.out)
        for number in range(2):
            self.processes[f"writer {number}"] = start_writer(
                self.repo,
                self.acks,
                number,
                points=120,
                burst=10,
                pause=0.05,
                stdout=self.out,
                stderr=self.out,
            )

    def passes(self) -> int:
        found = 0
        for name in ("indexer", "indexer 2", "rebuilder"):
            with contextlib.suppress(OSError, ValueError):
                found += int((self.folder / f"{name}.status").read_text())
        return found

    def tidy(self, rng: random.Random) -> None:
        """Delete, move or copy the oldest runs, as somebody does meanwhile."""
        done = [ack for ack in acks_in(self.acks) if ack.is_done][:-KEPT]
        repo = Repo(self.repo)
        for ack in done[:2]:
            said = ack.points() or 0
            ack.path.unlink()
            if rng.random() < 0.5:
                repo.delete_run(ack.run)
                self.counts["runs collected"] += len(repo.gc(grace=0).runs)
            else:
                repo.move_run(ack.run, Repo(self.elsewhere))
                self.moved.append((ack.run, ack.writer, said))
                self.counts["runs moved"] += 1
        if rng.random() < 0.1:
            repo.backup(self.folder / "backup")
            self.counts["backups"] += 1

    def run(self, passes: int) -> None:
        rng = random.Random(self.options.seed)
        deadline = time.monotonic() + 60 + 10 * passes
        warm: dict[str, int] = {}
        self.start()
        while self.passes() < passes or not warm:
            time.sleep(0.1)
            if time.monotonic() > deadline:
                self.failures.append(f"{self.passes()} passes only, of {passes}")
                break
            for name, process in self.processes.items():
                if process.poll() is not None:
                    self.failures.append(f"the {name} ended with {process.returncode}")
            if self.failures or (self.control and self.said()):
                break
            try:
                self.tidy(rng)
            except RunstoneError as error:
                self.failures.append(f"somebody who tidies: {type(error).__name__}: {error}")
            if not warm and self.passes() > passes // 3:
                warm = self.descriptors()
        for name, count in self.descriptors().items():
            if warm and count > warm[name] + DESCRIPTORS:
                self.failures.append(f"the {name} had {warm[name]} descriptors, and then {count}")

    def descriptors(self) -> dict[str, int]:
        looks = {
            name: look_at(process.pid, 0) for name, process in self.processes.items() if "writer" not in name
        }
        return {name: look.descriptors for name, look in looks.items() if look is not None}

    def said(self) -> list[str]:
        """What somebody has found wrong."""
        lines = (self.folder / "said").read_text(errors="replace").splitlines()
        return [line for line in lines if line.startswith("the ") or "Traceback" in line]

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.out.close()

    def finish(self) -> list[str]:
        """Compare everything with what was acknowledged; return all that was wrong."""
        found = [*self.failures, *self.said()]
        Indexer(self.repo).run_once()
        verdict = verify(Repo(self.repo).layout)
        found += [str(problem) for problem in verdict.damage + verdict.index]
        for ack in acks_in(self.acks):
            found += self._missing(self.repo, ack.run, ack.writer, ack.points())
        for run, writer, points in self.moved:
            found += self._missing(self.elsewhere, run, writer, points)
        return found

    def _missing(self, where: Path, run: str, writer: str, said: int | None) -> list[str]:
        if said is None or said < 0:
            return []
        wrong = [missing(Repo(where, index=index), run, writer, said) for index in (True, False)]
        return [text for text in wrong if text]


def crowd(options: Options) -> Row:
    row = Row(
        "H6",
        "two indexers, reindex, readers, gc, move",
        "passes",
        control="no lock, a manifest written in place, tails of logs not read",
    )
    passes = PASSES if options.trials is None else SHORT * options.trials
    for control in (False, True):
        with tempfile.TemporaryDirectory(prefix="runstone-indexers-") as name:
            people = Crowd(Path(name), options, control)
            try:
                people.run(min(passes, 100) if control else passes)
            finally:
                people.end()
            found = people.finish()
            if control:
                row.controls, row.caught = 1, int(bool(found))
                row.figures["the control said"] = found[0][:200] if found else "nothing"
            else:
                row.failures = [f"seed {options.seed}: {wrong}" for wrong in found]
                row.trials = people.passes()
                row.figures |= people.counts
    return row


CAMPAIGNS = {"indexers": crowd}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(__doc__, CAMPAIGNS))
