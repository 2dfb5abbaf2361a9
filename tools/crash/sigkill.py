"""SIGKILL at random instants: training scripts and indexers, thousands of them, several at once.

    python tools/crash/sigkill.py --seed 7 --trials 500

This process has imported everything, and forks: a script is at work after a millisecond. (Some are started as
interpreters of their own, which takes much longer.) Up to four at a time write three runs of one repository, beside
an indexer. Each is killed at an instant drawn from the time since its start, so that opening, closing and the writing
of images are struck as well; what it has forked goes on a little, and is killed too.

The oracle is what each process had said: in shared memory, event by event, after each call returned. For every
process there must be a number of events, not below what it said and not more than one above, such that the run holds
exactly what that many events leave: points, texts, pixels, parameters, tags, notes, log records, files. Then the
index must say what the logs say, and fsck must find nothing. With durability "accepted" any number will do, but still
without a hole.

The negative control says it before it is so.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process with threads cannot be forked safely

import numpy as np
import training_script
from campaign import Options, Row, main
from training_script import CLOSED, OPENED, WIDTH, Facts, Job, Said, parts, plan

import runstone_writer.media.image
import runstone_writer.stores  # noqa: F401 - loaded here, a fork has them at once
from runstone import Distribution, Image, IndexBusyError, Repo, Text
from runstone_indexer import Indexer
from runstone_query.run import StoredRun
from runstone_query.verify import verify

AT_ONCE = 4  # scripts
CHECKERS = 2  # that look at earlier rounds meanwhile
PER_ROUND = 30  # processes
RUNS = 3  # of a round
SCALES = (0.01, 0.04, 0.15, 0.5)  # seconds from the start within which a process is killed
FRESH = 25  # one of so many is an interpreter of its own
FRESH_SCALE = 1.2
PR_SET_CHILD_SUBREAPER = 36


def random_kills(options: Options) -> Row:
    """Kill until it is enough; then show that the oracle can see what is wrong."""
    ctypes.CDLL(None).prctl(
        PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0
    )  # what a killed script has forked becomes ours
    row = Row("R1", "SIGKILL at a random instant", "kills", control="says it before it is so")
    real = Rounds(options.seed, options.count(10_000))
    real.run()
    row.trials, row.failures = real.figures["kills"], real.failures
    control = Rounds(options.seed, max(options.count(10_000) // 50, 15), lies=True)
    control.run()
    row.controls = control.figures["kills"]
    row.caught = sum(": lost" in failure for failure in control.failures)
    row.figures = dict(sorted(real.figures.items()))
    return row


CAMPAIGNS: dict[str, Callable[[Options], Row]] = {"sigkill": random_kills}


# -- processes ------------------------------------------------------------------------------------------------------


@dataclass
class Scene:
    """One repository, what is to happen in it, and what has."""

    folder: Path
    number: int
    seed: int
    jobs: list[Job]
    said: Said
    at_work: set[int] = field(default_factory=set)  # children that were to be forked


@dataclass(order=True)
class Victim:
    """A process, or a group of them, that is going to be killed."""

    when: float
    pid: int
    group: bool = False


class Rounds:
    """Rounds of kills, and the processes that look at what they have left."""

    def __init__(self, seed: int, kills: int, *, lies: bool = False) -> None:
        self.failures: list[str] = []
        self.figures: Counter[str] = Counter(kills=0)
        self._seed, self._kills, self._lies = seed, kills, lies
        self._random = random.Random(seed)
        self._victims: list[Victim] = []
        self._checkers: dict[int, Scene] = {}

    def run(self) -> None:
        """Kill as many as there are to be killed. Whatever happens, nothing is left behind."""
        number = 0
        top = tempfile.mkdtemp(prefix="runstone-kills-")  # a TemporaryDirectory would go with a child's exit
        try:
            while self.figures["kills"] < self._kills:
                scene = self._scene(Path(top), number)
                self._play(scene)
                self._check_soon(scene)
                number += 1
            while self._checkers:
                self._collect()
        finally:
            for pid in [*self._checkers, *(victim.pid for victim in self._victims)]:
                self._kill_group(pid)
            shutil.rmtree(top, ignore_errors=True)

    def _scene(self, top: Path, number: int) -> Scene:
        """Draw what happens in one round."""
        rng, folder = self._random, top / str(number)
        Repo(folder, init=True)
        count = min(PER_ROUND, max(self._kills - self.figures["kills"], 5))
        jobs = []
        for who in range(1, count + 1):
            durability = rng.choices(["written", "durable", "accepted"], [6, 2, 1])[0]
            kind = (
                "plain"
                if durability == "accepted"
                else rng.choices(["mixed", "points", "media"], [6, 2, 2])[0]
            )
            jobs.append(
                Job(
                    str(folder), f"run{who % RUNS}", who, self._seed + number, kind, durability,
                    events=rng.choice([0, 3, 20, 100, 10**6, 10**6]),
                    end=rng.choice(["close", "with", "exit"]),
                    child=who + count if rng.random() < 0.2 and durability != "accepted" else 0,
                    variable=rng.random() < 0.2,
                    lies=self._lies,
                )
            )  # fmt: skip
        said = Said(folder / "said", size=2 * count + 2)
        return Scene(folder, number, self._seed, jobs, said)

    def _play(self, scene: Scene) -> None:
        """Start every process, and kill it."""
        waiting = list(reversed(scene.jobs))
        self._start_indexer(scene)
        while waiting or any(not victim.group for victim in self._victims):
            while waiting and len(self._victims) < AT_ONCE + 1:
                self._start(scene, waiting.pop())
            self._strike(min(self._victims), scene, again=bool(waiting))
        while self._victims:
            self._strike(min(self._victims), scene, again=False)

    def _start(self, scene: Scene, job: Job) -> None:
        fresh = self._random.randrange(FRESH) == 0
        scale = FRESH_SCALE if fresh else self._random.choice(SCALES)
        self.figures["fresh interpreters"] += fresh
        instant = self._random.random() * scale
        pid = forked(lambda: _as_interpreter(job) if fresh else _as_script(job, scene.said))
        self._victims.append(Victim(time.monotonic() + instant, pid))

    def _start_indexer(self, scene: Scene) -> None:
        rng = random.Random(self._random.random())
        pid = forked(lambda: _as_indexer(scene.folder, rng))
        self._victims.append(Victim(time.monotonic() + self._random.random() * 0.8, pid))
        self._indexer = pid

    def _strike(self, victim: Victim, scene: Scene, *, again: bool) -> None:
        """Wait until it is a process's time, and kill it; what it has forked lives a moment longer."""
        time.sleep(max(victim.when - time.monotonic(), 0))
        self._victims.remove(victim)
        if victim.group:
            self._kill_group(victim.pid)
            return
        os.kill(victim.pid, signal.SIGKILL)
        _, status = os.waitpid(victim.pid, 0)
        self._count(status, "indexers" if victim.pid == self._indexer else "scripts")
        self._victims.append(Victim(time.monotonic() + self._random.random() * 0.05, victim.pid, group=True))
        if victim.pid == self._indexer and again:
            self._start_indexer(scene)

    def _kill_group(self, group: int) -> None:
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            try:
                _, status = os.waitpid(-group, 0)
            except ChildProcessError:
                return
            self._count(status, "children")

    def _count(self, status: int, what: str) -> None:
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self.figures["kills"] += 1
            self.figures[f"killed {what}"] += 1
        elif status:
            self.failures.append(
                f"seed {self._seed}: a process ended with status {status}, see its traceback above"
            )
        else:
            self.figures["ended by themselves"] += 1

    # -- looking at what is left ------------------------------------------------------------------------------------------

    def _check_soon(self, scene: Scene) -> None:
        while len(self._checkers) >= CHECKERS:
            self._collect()
        self._checkers[forked(lambda: _as_checker(scene))] = scene

    def _collect(self) -> None:
        pid = next(iter(self._checkers))
        _, status = os.waitpid(pid, 0)
        scene = self._checkers.pop(pid)
        where = f"seed {scene.seed}, round {scene.number}"
        found = scene.folder / "found.json"
        data = json.loads(found.read_text()) if found.exists() else {"figures": {}, "failures": []}
        if status or not found.exists():
            data["failures"].append(f"looking at it failed with status {status}, see its traceback above")
        self.figures.update(data["figures"])
        if data["failures"] and not self._lies:
            kept = tempfile.mkdtemp(prefix="runstone-found-")
            os.rename(scene.folder, os.path.join(kept, "repo"))
            where += f" (kept in {kept})"
        self.failures += [f"{where}: {failure}" for failure in data["failures"]]
        shutil.rmtree(scene.folder, ignore_errors=True)


def forked(act: Callable[[], object]) -> int:
    """Run a function in a child process, the leader of its group. Returns its id."""
    assert threading.active_count() == 1
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # it was quicker, or is over
            os.setpgid(pid, pid)
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        act()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _as_script(job: Job, said: Said) -> None:
    training_script.play(job, said)
    import atexit

    if job.end == "exit":
        atexit._run_exitfuncs()
        said.say_life(job.who, CLOSED)


def _as_interpreter(job: Job) -> None:
    os.execv(sys.executable, [sys.executable, training_script.__file__, json.dumps(asdict(job))])


def _as_indexer(folder: Path, rng: random.Random) -> None:
    with contextlib.suppress(IndexBusyError), Indexer(folder) as indexer:
        while True:
            indexer.reindex() if rng.random() < 0.1 else indexer.run_once(full=rng.random() < 0.3)


def _as_checker(scene: Scene) -> None:
    check = Check(scene)
    check.everything()
    data = {"failures": check.failures, "figures": check.figures}
    (scene.folder / "found.tmp").write_text(json.dumps(data))
    os.rename(scene.folder / "found.tmp", scene.folder / "found.json")


class Check:
    """Comparing what is in a repository with what its processes had said."""

    def __init__(self, scene: Scene) -> None:
        self.failures: list[str] = []
        self.figures: Counter[str] = Counter()
        self._scene = scene

    def everything(self) -> None:
        """Ask as it was left, index and all; then bring the index up to date, and compare it with the logs."""
        folder = self._scene.folder
        by_run: dict[str, list[Job]] = {}
        for job in self._scene.jobs:
            by_run.setdefault(job.run, []).append(job)
        repo = Repo(folder)
        for name, jobs in by_run.items():
            self.run(repo.get_run(name), name, jobs)
        self._fsck("as it was left")
        report = Indexer(folder).run_once()
        self.figures["points indexed at the end"] += report.points
        self._fsck("after the indexer")
        if self._scene.number % 5 == 0:
            Indexer(folder).reindex()
            self._fsck("after a rebuild")
        repo.close()

    def _fsck(self, when: str) -> None:
        verdict = verify(Repo(self._scene.folder).layout)
        self.figures["torn tails"] += len(verdict.tails) if when == "as it was left" else 0
        for problem in verdict.damage + verdict.index:
            self.failures.append(f"fsck {when}: {problem}")
        for problem in verdict.foreign:
            self.failures.append(f"fsck {when}: foreign: {problem}")

    def run(self, run: StoredRun | None, name: str, jobs: list[Job]) -> None:
        said = self._scene.said
        whole = [*jobs, *(Job(**{**asdict(job), "who": job.child, "child": 0}) for job in jobs if job.child)]
        if run is None:
            for job in whole:
                if said.life(job.who) >= OPENED and job.durability != "accepted":
                    self.failures.append(f"{name}: lost as a whole, though process {job.who} had opened it")
            return
        found = facts_of(run, {job.who for job in whole})
        names = {"", name}
        for job in whole:
            names |= self._process(job, found[job.who])
        if run.name not in {*names, f"Run: {name}"}:
            self.failures.append(f"{name}: its name is {run.name!r}, which is none of {sorted(names)[:20]}")
        state = run.repo.record(name).state
        closed = sum(said.life(job.who) == CLOSED for job in whole)
        ended = sum(writer.end is not None for writer in state.writers.values())
        if ended < closed:
            self.failures.append(
                f"{name}: lost: {closed} processes had closed it, and {ended} logs have an end"
            )
        for who in found.keys() - {job.who for job in whole}:
            self.failures.append(f"{name}: wrong: something of a process {who} that there is not")

    def _process(self, job: Job, found: Facts) -> set[str]:
        """Look for the number of events that leaves what was found. Return the names that the run may have."""
        said = self._scene.said.events(job.who)
        self.figures["events said"] += said
        life = self._scene.said.life(job.who)
        self.figures[f"life {('none', 'open', 'done', 'closed')[life]}"] += 1
        loose = job.durability == "accepted" and life < CLOSED
        expected, names, first = Facts(job.who), set(), ""
        points = found.count()
        for count, event in enumerate((*plan_until(job, said + 1), ("nothing",))):
            for part in parts(event):
                if count >= said or (loose and expected.count() == points):
                    names.add(expected.name)
                    difference = expected.difference(found)
                    if not difference:
                        return names | ({self._next_name(job, said)} if count == said else set())
                    first = first or difference
                expected.take(part)
        kind = "lost" if self._is_less(expected, found) else "wrong"
        self.failures.append(f"{job.run}: {kind}: process {job.who} had said {said} events: {first} ({job})")
        return names

    def _next_name(self, job: Job, said: int) -> str:
        expected = Facts(job.who)
        for event in plan_until(job, said + 1):
            expected.take(event)
        return expected.name

    @staticmethod
    def _is_less(expected: Facts, found: Facts) -> bool:
        return True if expected.count() > found.count() else len(expected.said) > len(found.said)


def plan_until(job: Job, count: int) -> list[Any]:
    """Return the first events of a plan."""
    events = []
    for event in plan(job):
        if len(events) == count:
            break
        events.append(event)
    return events


# -- what a run says -----------------------------------------------------------------------------------------------------


def facts_of(run: StoredRun, known: set[int]) -> dict[int, Facts]:
    """Return what a run says, by the process that it is from."""
    found = {who: Facts(who) for who in known}

    def of(who: int) -> Facts:
        return found.setdefault(who, Facts(who))

    for sequence in run.repo.record(run.hash).state.sequences:
        if sequence.name.startswith("__") or sequence.summary is None:
            continue
        context = dict(sequence.context)
        steps, values = run.get_sequence(sequence.name, context).values.sparse_list()
        if sequence.name == "shared":
            for step, value in zip(steps, values, strict=True):
                of(int(value) // WIDTH).series.setdefault("shared", []).append((step, int(value) % WIDTH))
            continue
        points = [(step, plain(value)) for step, value in zip(steps, values, strict=True)]
        of(context["who"]).series[f"{sequence.name}/{context['fold']}"] = points
    for key in run.get((), {}):
        of(int(key[1:])).params = {name: plain(value) for name, value in run[key].items()}
    for tag in run.tags:
        of(int(tag.split("-")[0])).tags.add(tag)
    for record in run.get_log_records() or []:
        of(int(record.message.split()[0])).said.append(record.message)
    for note in run.notes:
        of(int(note.text.split()[0])).notes.append(note.text)
    for name, artifact in run.artifacts.items():
        content = Path(run.repo.layout.blob_path(artifact.sha256)).read_bytes()
        of(int(name.split("/")[1].split("-")[0])).artifacts[name] = training_script.digest(content)
    return found


def plain(value: Any) -> Any:
    """Return what can be compared of a value that was read."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Text):
        return value.data
    if isinstance(value, Image):
        return training_script.seen(np.asarray(value.to_pil_image()))
    if isinstance(value, Distribution):
        return [float(weight) for weight in value.weights]
    return value


if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
