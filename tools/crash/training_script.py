"""A training script of which it is known what it does: the same events each time for the same seed and number.

`play` is the script: it says in shared memory how far it has got, event by event. `Facts` is what a run has to say
of one such process after its first n events. Every kind of event is in it: parameters, scalars in several
contexts, texts, images, distributions, lists, artifacts, notes, tags, properties, log records, reports of progress;
and the fork of a child, as a DataLoader makes one.

    python training_script.py '{"folder": ..., ...}'        # the script, in an interpreter of its own
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runstone import Distribution, Image, Run, Text
from runstone_writer.errors import MissingRunError

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
OPENED, DONE, CLOSED = 1, 2, 3  # what a process has said of its life
ENDLESS = 10**6
WIDTH = 100_000  # numbers per process in the sequence that all share

Event = tuple[Any, ...]

KINDS = {
    "mixed": {
        "point": 30, "shared": 8, "implied": 8, "values": 5, "set": 12, "unset": 2, "tag": 4, "untag": 1, "name": 2,
        "text": 6, "texts": 2, "image": 6, "picture": 3, "distribution": 2, "say": 8, "note": 1, "progress": 1,
        "artifact": 2,
    },
    "points": {"point": 90, "shared": 5, "implied": 5},
    "media": {"text": 30, "image": 40, "picture": 10, "texts": 10, "artifact": 5, "point": 5},
    "plain": {"point": 60, "implied": 20, "text": 20},
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What one process is to do, and where."""

    folder: str
    run: str
    who: int
    seed: int
    kind: str = "mixed"
    durability: str = "written"
    events: int = ENDLESS
    end: str = "close"  # how it ends: close, with, exit
    child: int = 0  # the number of the process that it forks; 0 for none
    variable: bool = False  # the hash comes by RUNSTONE_RUN_HASH
    lies: bool = False  # the negative control: says it before it is so


class Said:
    """Numbers in memory that a file backs: a process writes them, and they are there whatever becomes of it."""

    def __init__(self, path: str | Path, *, size: int = 0) -> None:
        if size:
            Path(path).write_bytes(bytes(16 * size))
        with open(path, "r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    def events(self, who: int) -> int:
        return self._numbers[2 * who]

    def life(self, who: int) -> int:
        return self._numbers[2 * who + 1]

    def say_events(self, who: int, count: int) -> None:
        self._numbers[2 * who] = count

    def say_life(self, who: int, life: int) -> None:
        self._numbers[2 * who + 1] = life


def plan(job: Job) -> Iterator[Event]:
    """Yield what a process does, each of them one event (but for lists and dictionaries of values)."""
    rng = random.Random(f"{job.seed}/{job.who}")
    names, weights = zip(*KINDS[job.kind].items(), strict=True)
    fork_at = rng.randrange(3, 30) if job.child else -1
    for n in range(job.events):
        if n == fork_at:
            yield ("fork", job.child)
        kind = rng.choices(names, weights)[0]
        if kind == "point":
            yield (kind, f"m{rng.randrange(3)}", rng.randrange(2), rng.randrange(5) * 10 + n, _number(rng))
        elif kind in ("implied", "shared"):
            yield (kind, n)
        elif kind == "values":
            yield (kind, n, {"a": rng.random(), "b": n})
        elif kind == "set":
            yield (
                kind,
                rng.randrange(4),
                rng.choice([n, rng.random(), f"text {n}", [n, None, True], {"x": {"y": n}}]),
            )
        elif kind in ("picture", "image"):
            yield (kind, rng.randrange(4), rng.randrange(1 << 30))
        elif kind == "text":
            yield (kind, n, f"{n} " * rng.choice([1, 10, 3000]))
        elif kind == "artifact":
            yield (kind, f"out/{job.who}-{rng.randrange(3)}.bin", rng.randrange(1 << 30))
        elif kind == "distribution":
            yield (kind, n, [rng.randrange(9) for _ in range(6)])
        else:
            yield (kind, n)


def _number(rng: random.Random) -> float:
    return rng.choice([rng.random(), rng.randrange(100), float("inf"), -0.0, 1e308, 2**70])


def parts(event: Event) -> list[Event]:
    """Return the events one by one of a call that makes several: a dictionary of values."""
    if event[0] != "values":
        return [event]
    return [(*event[:2], {name: value}) for name, value in event[2].items()]


def pixels(number: int) -> np.ndarray[Any, Any]:
    """Return a small picture, another one for each number."""
    rng = random.Random(number)
    side = rng.choice([3, 8, 40])
    return np.frombuffer(rng.randbytes(side * side * 3), np.uint8).reshape(side, side, 3)


def content(number: int) -> bytes:
    """Return what is in the file of an artifact."""
    rng = random.Random(number)
    return rng.randbytes(rng.choice([0, 100, 70_000]))


def seen(picture: np.ndarray[Any, Any]) -> tuple[str, str]:
    """Return what stands for a picture in a comparison."""
    return str(picture.shape), digest(picture.tobytes())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# -- the script ---------------------------------------------------------------------------------------------------


def play(job: Job, said: Said) -> None:
    """Do everything that is planned, and say so. Returns when the run is closed, or is to be left to the exit."""
    run = _opened(job)
    said.say_life(job.who, OPENED)
    if job.end == "with":
        with run:
            go_on(job, run, said)
    else:
        go_on(job, run, said)
        if job.end == "exit":
            return
        run.close()
    said.say_life(job.who, CLOSED)


def _opened(job: Job) -> Run:
    """Open the run: go on with it by its hash if it is there, else share it with whoever else creates it."""
    options: dict[str, Any] = {"repo": job.folder, "durability": job.durability, **QUIET}
    if job.variable:
        os.environ["RUNSTONE_RUN_HASH"] = job.run
        return Run(**options)
    if job.who % 2:
        try:
            return Run(job.run, **options)
        except MissingRunError:
            pass
    return Run(job.run, create=True, **options)


def go_on(job: Job, run: Run, said: Said) -> None:
    for n, event in enumerate(plan(job)):
        if job.lies:
            said.say_events(job.who, n + 1)
        if event[0] == "fork":
            _fork(job, run, said)
        else:
            ACTS[event[0]](run, job, *event[1:])
        if not job.lies:
            said.say_events(job.who, n + 1)
    said.say_life(job.who, DONE)


def _fork(job: Job, run: Run, said: Said) -> None:
    """Leave a child that goes on with the same object, in a log of its own."""
    if os.fork():
        return
    code = 1
    try:
        child = Job(**{**asdict(job), "who": job.child, "child": 0})
        said.say_life(child.who, OPENED)
        go_on(child, run, said)
        run.close()
        said.say_life(child.who, CLOSED)
        code = 0
    finally:
        os._exit(code)


def _context(job: Job, fold: int = 0) -> dict[str, Any]:
    return {"who": job.who, "fold": fold}


def _artifact(run: Run, job: Job, name: str, number: int) -> None:
    path = Path(job.folder) / f"artifact-{job.who}"
    path.write_bytes(content(number))
    run.log_artifact(path, name, block=True)


def _name(run: Run, job: Job, n: int) -> None:
    run.name = f"{job.who}-{n}"


ACTS: dict[str, Callable[..., Any]] = {
    "point": lambda run, job, name, fold, step, value: run.track(
        value, name=name, step=step, context=_context(job, fold)
    ),
    "implied": lambda run, job, n: run.track(n / 3, name="implied", context=_context(job)),
    "shared": lambda run, job, n: run.track(job.who * WIDTH + n, name="shared", step=n),
    "values": lambda run, job, n, values: run.track(values, step=n, context=_context(job)),
    "set": lambda run, job, key, value: run.set((f"w{job.who}", f"k{key}"), value),
    "unset": lambda run, job, n: _unset(run, job),
    "picture": lambda run, job, key, number: run.set((f"w{job.who}", f"p{key}"), Image(pixels(number))),
    "tag": lambda run, job, n: run.add_tag(f"{job.who}-{n}"),
    "untag": lambda run, job, n: run.remove_tag(next(iter(own_tags(run.tags, job.who)), "none")),
    "name": _name,
    "text": lambda run, job, n, text: run.track(Text(text), name="texts", step=n, context=_context(job)),
    "texts": lambda run, job, n: run.track(
        [Text(str(n)), Text("two")], name="texts", step=n, context=_context(job)
    ),
    "image": lambda run, job, fold, number: run.track(
        Image(pixels(number)), name="images", step=0, context=_context(job, fold)
    ),
    "distribution": lambda run, job, n, counts: run.track(
        Distribution(hist=counts, bin_range=(0, 6)), name="weights", step=n, context=_context(job)
    ),
    "say": lambda run, job, n: run.log_info(f"{job.who} {n}", at=n),
    "note": lambda run, job, n: run.add_note(f"{job.who} {n}"),
    "progress": lambda run, job, n: run.report_progress(expect_next_in=n),
    "artifact": _artifact,
}


def _unset(run: Run, job: Job) -> None:
    key = (f"w{job.who}", "k0")
    if run.get(key) is not None:
        del run[key]


def own_tags(tags: list[str], who: int) -> list[str]:
    return sorted(tag for tag in tags if tag.startswith(f"{who}-"))


# -- what a run has to say of it ----------------------------------------------------------------------------------------


class Facts:
    """What is known of one process by its run: all that its first events, one after the other, have left."""

    def __init__(self, who: int) -> None:
        self.who = who
        self.series: dict[str, list[tuple[float, Any]]] = {}
        self.params: dict[str, Any] = {}
        self.tags: set[str] = set()
        self.name = ""
        self.said: list[str] = []
        self.notes: list[str] = []
        self.artifacts: dict[str, str] = {}  # by name, the digest of what is in it
        self._implied = 0

    def take(self, event: Event) -> None:
        """Take in one more event."""
        kind, *given = event
        if kind == "point":
            name, fold, step, value = given
            self._add(f"{name}/{fold}", step, value)
        elif kind == "implied":
            self._add("implied/0", self._implied, given[0] / 3)
            self._implied += 1
        elif kind == "shared":
            self._add("shared", given[0], given[0])
        elif kind == "values":
            for name, value in given[1].items():
                self._add(f"{name}/0", given[0], value)
        elif kind == "set":
            self.params[f"k{given[0]}"] = given[1]
        elif kind == "unset":
            self.params.pop("k0", None)
        elif kind == "picture":
            self.params[f"p{given[0]}"] = seen(pixels(given[1]))
        elif kind == "tag":
            self.tags.add(f"{self.who}-{given[0]}")
        elif kind == "untag":
            self.tags.discard(min(self.tags, default=""))
        elif kind == "name":
            self.name = f"{self.who}-{given[0]}"
        elif kind == "text":
            self._add("texts/0", given[0], given[1])
        elif kind == "texts":
            self._add("texts/0", given[0], [str(given[0]), "two"])
        elif kind == "image":
            self._add(f"images/{given[0]}", 0, seen(pixels(given[1])))
        elif kind == "distribution":
            self._add("weights/0", given[0], [float(count) for count in given[1]])
        elif kind == "say":
            self.said.append(f"{self.who} {given[0]}")
        elif kind == "note":
            self.notes.append(f"{self.who} {given[0]}")
        elif kind == "artifact":
            self.artifacts[given[0]] = digest(content(given[1]))

    def _add(self, place: str, step: float, value: Any) -> None:
        self.series.setdefault(place, []).append((step, value))

    def count(self) -> int:
        """How many points there are."""
        return sum(map(len, self.series.values()))

    def difference(self, found: Facts) -> str:
        """Return in what this and what was found differ; empty if in nothing."""
        for what in ("params", "tags", "said", "notes", "artifacts"):
            here, there = getattr(self, what), getattr(found, what)
            if repr(here) != repr(there) if what == "said" else not same(here, there):
                return f"{what}: {short(there)} instead of {short(here)}"
        for place in self.series.keys() | found.series.keys():
            here = sorted(self.series.get(place, []), key=lambda point: point[0])
            there = found.series.get(place, [])
            if not same(here, there):
                at = next(
                    (n for n, pair in enumerate(zip(here, there, strict=False)) if not same(*pair)),
                    min(len(here), len(there)),
                )
                return (
                    f"{place}: {len(there)} points instead of {len(here)}, the first odd one at {at}: "
                    f"{short(there[at : at + 1])} instead of {short(here[at : at + 1])}"
                )
        return ""


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, kind and sign of zero included."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, set):
        return one == other
    if isinstance(one, float) or isinstance(other, float):  # a column of points may be one of floats
        return (
            isinstance(one, float | int)
            and isinstance(other, float | int)
            and float(one) == float(other)
            and str(float(one)) == str(float(other))
        )
    return type(one) is type(other) and one == other


def short(value: Any) -> str:
    return f"{value!r:.160}"


if __name__ == "__main__":
    fields = json.loads(sys.argv[1])
    play(Job(**fields), Said(Path(fields["folder"]) / "said"))
