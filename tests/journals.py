"""Logs: written line by line, as any program could; what a reader finds in them; and is an index what they say?"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from runstone_indexer.generation import Generation, open_generation
from runstone_indexer.indexer import Indexer
from runstone_query.overlay import Overlay, Tail
from runstone_query.verify import compare, verify
from runstone_writer.layout import Layout, log_name, open_repo
from runstone_writer.lines import LOG_FORMAT, chain_after, frame, key_of
from runstone_writer.log import LogWriter
from runstone_writer.replay import Replay, replay
from runstone_writer.state import RunState, WriterState
from runstone_writer.values import encode

EPOCH_MS = 1_795_000_000_000
RUN = "a" * 24


def new_repo(folder: Path) -> Layout:
    return open_repo(folder, create=True)


def writer_id(number: int) -> str:
    """Return an id; later numbers are later writers."""
    return f"{EPOCH_MS + number * 1000:011x}-{number:012x}"


def hash_of(number: int) -> str:
    return f"run{number:04d}"


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file of an index, as another file.

    A thread of Tantivy's may have the old one mapped (each open index looks for commits once, in the
    background): where that is cut, or written anew in place, the process is killed by SIGBUS.
    """
    damaged = path.with_name(f"{path.name}.damaged")
    damaged.write_bytes(data)
    damaged.replace(path)


class Journal:
    """The log of one writer of one run. Nothing is buffered; nothing is checked."""

    def __init__(
        self, layout: Layout, run: str, writer: int, *, kind: str = "run", hint: bool = True, part: int = 0
    ) -> None:
        self.layout, self.run, self.writer = layout, run, writer_id(writer)
        self.path = layout.log_path(run, log_name(self.writer, part))
        self.hint = layout.hint_path(run, self.writer)
        self._dt = 0
        self._sequences: dict[tuple[str, bytes], int] = {}
        if hint:
            Path(self.hint).touch()
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.event(
            "log", format=LOG_FORMAT, run=run, writer=self.writer, part=part, kind=kind, host="here", pid=1
        )

    def line(self, body: bytes) -> None:
        """Append a line, given up to where its CRC's digits go."""
        data = Path(self.path).read_bytes() if os.path.exists(self.path) else b""
        last = data[data.rfind(b"\n", 0, max(len(data) - 1, 0)) + 1 :]
        key = key_of(self.run, os.path.basename(self.path))
        self.raw(frame(body, chain_after(last, key) or 0 if data else 0, key)[0])

    def raw(self, data: bytes) -> None:
        with open(self.path, "ab") as file:
            file.write(data)

    def flip(self, line: int) -> None:
        """Damage a line, counted from the end."""
        data = Path(self.path).read_bytes()
        lines = data.splitlines(keepends=True)
        at = sum(map(len, lines[: len(lines) - line])) + 5
        Path(self.path).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])

    def event(self, event: str, **fields: Any) -> None:
        self._dt += 1000
        fields = {"event": event, "dt": self._dt, **fields}
        self.line(orjson.dumps(fields)[:-1] + b',"crc":')

    def set(self, *key: str | int, value: Any) -> None:
        self.event("set", key=list(key), value=encode(value))

    def prop(self, name: str, value: Any) -> None:
        self.event("prop", name=name, value=value)

    def tag(self, name: str, on: bool = True) -> None:
        self.event("tag", name=name, on=on)

    def delete(self, on: bool = True) -> None:
        self.event("delete", on=on)

    def track(
        self, value: Any, name: str = "loss", step: float = 0, epoch: float | None = None, kind: str = "number",
        **context: Any
    ) -> None:  # fmt: skip
        """Append a point; its sequence is declared when it is new."""
        key = (name, orjson.dumps(context))
        if key not in self._sequences:
            self._sequences[key] = len(self._sequences)
            fields = {"id": self._sequences[key], "name": name, "context": context, "type": kind}
            self.event("sequence", **fields)
        self._dt += 1000
        row = [self._sequences[key], step, value, self._dt, *([] if epoch is None else [epoch]), 0]
        self.line(orjson.dumps(row)[:-2])

    def end(self) -> None:
        self.event("end")


def write_run(
    layout: Layout, number: int, points: int = 3, *, end: bool = True, hint: bool = True
) -> Journal:
    """Write a small run that has a bit of everything."""
    journal = Journal(layout, hash_of(number), number, hint=hint)
    journal.set("lr", value=number / 7)
    journal.set("model", value={"name": f"net{number % 3}", "layers": [number, number + 1]})
    journal.prop("name", f"number {number}")
    journal.tag(f"t{number % 2}")
    for step in range(points):
        journal.track(number + step / 10, "loss", step)
        journal.track(step, "count", step * 2, subset="val")
    if end:
        journal.end()
    return journal


class Scribe:
    """Somebody who does anything to a repository, reproducibly: runs, several writers, edits, resumes, tears."""

    def __init__(self, layout: Layout, seed: int, runs: int = 6) -> None:
        self.layout = layout
        self.random = random.Random(seed)
        self._runs = runs
        self._next = 0
        self.journals: list[Journal] = []
        self.without_hint: set[str] = set()  # runs that had a writer without one

    def act(self, times: int = 1) -> None:
        for _ in range(times):
            if not self.journals or self.random.random() < 0.08:
                self._open()
            else:
                self._write(self.random.choice(self.journals))

    def _open(self) -> None:
        run = hash_of(self.random.randrange(self._runs))
        kind = "edit" if self.random.random() < 0.2 else "run"
        hint = self.random.random() < 0.9
        if not hint:
            self.without_hint.add(run)
        self.journals.append(Journal(self.layout, run, self._next, kind=kind, hint=hint))
        self._next += 1

    def _write(self, journal: Journal) -> None:
        rng = self.random
        what = rng.randrange(20)
        if what < 11:
            value = rng.choice(
                [rng.random(), rng.randrange(9), "nan", "inf", 2**60 + 1, -0.0, 1e308, {"$int": hex(10**30)}]
            )
            epoch = rng.choice([None, None, 1, 2.5])
            step = rng.choice([rng.randrange(20), rng.randrange(20), 0.5])
            journal.track(value, rng.choice("ab"), step, epoch, fold=rng.randrange(2))
        elif what == 11:
            journal.track({"text": str(rng.random())}, "texts", rng.randrange(5), kind="text")
        elif what < 15:
            key = rng.choice([("a",), ("b", "c"), ("b", "d"), ("b",), ("n", 1)])
            journal.set(
                *key, value=rng.choice([1, 1.5, "x", None, True, float("nan"), {"c": [1, 2]}, 10**25])
            )
        elif what == 15:
            journal.event("unset", key=[rng.choice("abn")])
        elif what == 16:
            journal.tag(rng.choice("xyz"), rng.random() < 0.7)
        elif what == 17:
            name = rng.choice(["name", "experiment", "archived"])
            journal.prop(name, rng.random() < 0.5 if name == "archived" else rng.choice(["one", "two", ""]))
        elif what == 18:
            journal.delete(rng.random() < 0.5)
        elif rng.random() < 0.5:
            journal.end()
            self.journals.remove(journal)


@contextmanager
def log_writers(layout: Layout) -> Iterator[Callable[..., LogWriter]]:
    """Give what opens logs of RUN; they are closed in the end."""
    logs: list[LogWriter] = []

    def open_log(where: Layout = layout, **keywords: Any) -> LogWriter:
        logs.append(LogWriter(where, RUN, **keywords))
        return logs[-1]

    yield open_log
    for log in logs:
        log.close()


class Found:
    """What a reader finds in all the logs of the run."""

    def __init__(self, layout: Layout, *, missing: int = 0) -> None:
        self.state = RunState(RUN)
        self.points: dict[str, list[list[Any]]] = {}
        self.replay: Replay = replay(layout, self.state, layout.log_names(RUN), self._take)
        reasons = [problem.reason for problem in self.replay.problems]
        assert reasons == ["cannot be read: No such file or directory"] * missing

    def _take(self, _state: RunState, writer: WriterState, points: list[list[Any]]) -> None:
        self.points.setdefault(writer.writer, []).extend(points)

    @property
    def steps(self) -> list[int]:
        """The steps of the only writer's points, in the order of its log."""
        assert len(self.points) <= 1
        return [row[1] for rows in self.points.values() for row in rows]

    @property
    def times(self) -> list[int]:
        return [row[3] for rows in self.points.values() for row in rows]

    @property
    def params(self) -> dict[Any, Any]:
        return self.state.params.tree()

    @property
    def dropped(self) -> int:
        return sum(writer.dropped for writer in self.state.writers.values())


def steps_of(layout: Layout, run: str) -> tuple[list[int], Replay, RunState]:
    """Return the step of every point in the order of the logs, and what reading them found."""
    state = RunState(run)
    steps: list[int] = []
    done = replay(
        layout, state, layout.log_names(run), lambda _s, _w, rows: steps.extend(row[1] for row in rows)
    )
    return steps, done, state


def lines_of(layout: Layout) -> list[list[Any]]:
    """Every line of the only writer's parts, one list per part."""
    return [
        [orjson.loads(line) for line in Path(layout.log_path(RUN, name)).read_bytes().splitlines()]
        for name in layout.log_names(RUN)
    ]


def records(layout: Layout, *, index: bool = True) -> dict[str, Any]:
    """Return what a query would be evaluated on: by hash, each run that is there, as its record."""
    overlay = Overlay(layout)
    hints = overlay.candidates()
    generation = open_generation(layout) if index else None
    fresh = overlay.fresh(hints, generation)
    found = {run: t.record() for run, t in fresh.items() if t.state.is_there}
    if generation is not None:
        from runstone_query.record import Record

        for file, rows in generation.locate(None):
            for row in rows.tolist():
                if file.hash(row) not in fresh:
                    found[file.hash(row)] = Record.indexed(generation, file, row)
    return found


def assert_same_answers(layout: Layout) -> None:
    """What is answered with the index is what is answered without, down to each point of each run."""
    with_index, without = records(layout), records(layout, index=False)
    assert sorted(with_index) == sorted(without)
    for run, record in without.items():
        assert compare(record, with_index[run]) == ""


def assert_index_is_right(layout: Layout) -> None:
    """There is an index, it has everything that is in the logs, and nothing else."""
    generation = open_generation(layout)
    assert generation is not None
    verdict = verify(layout)
    assert verdict.index == []
    for run in layout.runs():
        tail = Tail(layout, run, generation)
        tail.update()
        assert not tail.is_fresh
    assert_same_answers(layout)
    assert generation.manifest.runs == len(records(layout))
    assert_no_strays(layout)


def assert_no_strays(layout: Layout) -> None:
    """Every file in the index is one that the manifest or Tantivy names."""
    generation = open_generation(layout)
    assert generation is not None
    version = Path(layout.index) / "v1"
    assert {path.name for path in version.iterdir()} == {"MANIFEST.json", "lock", generation.manifest.epoch}
    epoch = version / generation.manifest.epoch
    assert {path.name for path in epoch.iterdir()} == {"params", *generation.manifest.files()}
    names = {path.name for path in (epoch / "params").iterdir()}
    segments = orjson.loads((epoch / "params" / "meta.json").read_bytes())["segments"]
    known = {segment["segment_id"].replace("-", "") for segment in segments}
    others = {name for name in names if name.partition(".")[0] not in known}
    assert others <= {"meta.json", ".managed.json", ".tantivy-meta.lock", ".tantivy-writer.lock"}


def index(layout: Layout, **options: Any) -> Any:
    return Indexer(layout).run_once(**options)


def published(layout: Layout) -> Generation:
    generation = open_generation(layout)
    assert generation is not None
    return generation


def problems(layout: Layout) -> list[tuple[str, str]]:
    """What the manifest lists: file name and the start of the reason."""
    found = published(layout).manifest.problems
    return sorted((os.path.basename(path), reason.partition(":")[0]) for path, _, _, reason in found)
