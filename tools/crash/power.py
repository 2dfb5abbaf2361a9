"""R3: power cuts, with a training script's writers, an indexer, gc and backups at work. It needs to be root.

    python tools/crash/power.py --seed 7                     # 1,000 cuts on each file system; hours
    python tools/crash/power.py --trials 20 --only xfs

A file system on a loop device is shut down at a random instant, which loses whatever the kernel has not handed to
the device; it is mounted again, and judged. *Durable by our own word* is what had been acknowledged before a sync()
of the log began that ended without trouble, or before a call in durable mode returned. All of that has to be there,
with the blobs that it names; what was not durable may be there as well, up to some point, and must not be wrong.
No published index may be broken, queries through what is there of it answer what the logs say, and the next
`runstone index` makes it right without being told anything.

Controls: writers whose fsync does nothing; an indexer and blobs whose fsync does nothing, so that names are in place
before contents.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import random
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process with one thread may be forked

import numpy as np
from campaign import Options, Row, main
from disk import FLUSH_LOG, KINDS, NO_FLUSH, Child, Disk, clear_leftovers, unusable

import runstone_indexer.columns as columns
import runstone_indexer.indexer as indexing
import runstone_writer.layout as layout_module
import runstone_writer.log as log_module
import runstone_writer.media.shelf as shelf
import runstone_writer.part as part
import runstone_writer.tender as tender
from runstone import Image, IndexBusyError, Repo, Run, Text
from runstone_indexer import Indexer
from runstone_indexer.discovery import sweep
from runstone_indexer.generation import fault_of, open_generation
from runstone_query.overlay import Overlay, Tail
from runstone_query.record import Record
from runstone_query.verify import compare, verify
from runstone_writer.layout import Layout, open_repo
from runstone_writer.log import LogWriter
from runstone_writer.media.blob import StoredBlob

FULL = 1000
CYCLES = 15  # cuts that one repository goes through
EVENTS = 2500  # of one writer in one cycle, at most
QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
LONGEST_ROUND = 0.3  # seconds between two rounds of the tender: three times as many rounds for the time

# -- what is written ---------------------------------------------------------------------------------------------


def kind_of(i: int) -> str:
    """Tell what the event with a number is: it depends on the number alone, so the oracle knows it too."""
    return {7: "text", 19: "param", 23: "image", 33: "artifact", 41: "image param"}.get(i % 50, "point")


def content(tag: str, i: int) -> np.ndarray[Any, Any]:
    """Return the pixels of an image: no two are alike, and none compresses well."""
    size = 16 + i % 90
    return np.random.default_rng([*tag.encode(), i]).integers(0, 256, (size, size), dtype=np.uint8)


class Shared:
    """What a process lets the campaign know even if it is killed the next moment: a few numbers in shared memory."""

    FIELDS = ("acked", "durable", "failed", "slowest")

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, 4096)

    def __getitem__(self, name: str) -> int:
        return int(struct.unpack_from("q", self._map, 8 * self.FIELDS.index(name))[0])

    def __setitem__(self, name: str, value: int) -> None:
        struct.pack_into("q", self._map, 8 * self.FIELDS.index(name), value)


@dataclass
class Writer:
    """One writer of one cycle: what it was to do and what it had said when the power went."""

    tag: str
    run: str
    mode: str
    count: int  # events, after which it closes its run
    shared: Shared = field(default_factory=Shared)

    @property
    def acked(self) -> int:
        return self.shared["acked"]

    @property
    def durable(self) -> int:
        return self.shared["durable"]


def write(root: Path, outside: Path, writer: Writer, seed: int, spoil: Callable[[], None]) -> None:
    """Be a training script."""
    spoil()
    choice, shared = random.Random(seed), writer.shared
    report_syncs(shared)
    tender.SYNC_SECONDS = choice.uniform(0.05, LONGEST_ROUND)
    run = Run(writer.run, create=True, repo=root, durability=writer.mode, **QUIET)
    log = run._log
    assert log is not None
    for i in range(writer.count):
        one_event(run, writer.tag, i, outside)
        shared["acked"] = i + 1
        if writer.mode == "durable" and is_fine(log):
            shared["durable"] = i + 1
        if choice.random() < 0.2:
            time.sleep(choice.uniform(0.0, 0.004))
    run.close()
    if not shared["failed"] and not log._warned:
        shared["durable"] = writer.count
    time.sleep(3600)


def one_event(run: Run, tag: str, i: int, outside: Path) -> None:
    what, context = kind_of(i), {"writer": tag}
    if what == "text":
        run.track(Text(f"text {i}"), name="text", step=i, context=context)
    elif what == "param":
        run["given", f"{tag}/{i}"] = i
    elif what == "image":
        run.track(Image(content(tag, i)), name="image", step=i, context=context)
    elif what == "image param":
        run["image", f"{tag}/{i}"] = Image(content(tag, i))
    elif what == "artifact":
        source = outside / f"artifact-{tag}"
        source.write_bytes(content(tag, i).tobytes())
        run.log_artifact(source, f"{tag}/{i}", block=True)
    else:
        run.track(i * 0.5, name="loss", step=i, context=context)


def is_fine(log: LogWriter) -> bool:
    """Whether nothing was refused up to now."""
    return log.refusal is None and not log._waiting and not log._cargo._waiting and not log._warned


def report_syncs(shared: Shared) -> None:
    """Let each sync() that ends well say what it has made durable: all that was acknowledged when it began."""
    sync = log_module.LogWriter.sync

    def reporting(self: LogWriter) -> None:
        acked, began = shared["acked"], time.monotonic_ns()
        sync(self)
        if self._lock._is_owned():
            return
        if is_fine(self):
            shared["durable"] = max(shared["durable"], acked)
            shared["slowest"] = max(shared["slowest"], time.monotonic_ns() - began)
        else:
            shared["failed"] = 1

    log_module.LogWriter.sync = reporting


# -- what else is at work ---------------------------------------------------------------------------------------


def index_for_ever(root: Path, seed: int, spoil: Callable[[], None]) -> None:
    spoil()
    choice = random.Random(seed)
    while True:
        with contextlib.suppress(IndexBusyError), Indexer(root) as indexer:  # housekeeping may be at it
            for _ in range(choice.randrange(1, 40)):
                indexer.run_once(full=choice.random() < 0.1)
                time.sleep(choice.uniform(0.0, 0.02))


def keep_house(root: Path, backup: Path, victims: list[str], shared: Shared, watched: list[Writer]) -> None:
    """Delete runs and collect them; bring a backup up to date, and say from when its content is."""
    repo = Repo(root)
    while True:
        if victims:
            repo.delete_run(victims.pop())
        repo.gc(grace=0)
        had = [writer.acked for writer in watched]
        done = repo.backup(backup)
        if not done.problems and had:
            shared["acked"] = had[0]
        time.sleep(0.02)


# -- the judge -------------------------------------------------------------------------------------------------


@dataclass
class Expected:
    """What has to be there of one writer, from this cycle or an earlier one."""

    tag: str
    run: str
    durable: int
    acked: int


def judge(
    root: Path, backup: Path, expected: list[Expected], victims: dict[str, int], saved: Expected | None
) -> list[str]:
    """Return what is wrong after a power cut; it takes the place of whoever comes next, and so indexes at the end."""
    wrong: list[str] = []
    open_repo(root)
    layout = Layout(str(root / ".runstone"))
    fault = fault_of(layout)
    if fault is not None:
        wrong.append(f"the published index is broken: {fault}")
    wrong += broken_columns(layout)
    wrong += queries_differ(layout, "before the next indexer")
    hopeless: set[str] = set()
    repo = Repo(root, index=False)
    for one in expected:
        wrong += missing(repo, one, hopeless)
    wrong += [
        f"victim {run}: {fault}" for run, count in victims.items() for fault in halved(repo, run, count)
    ]
    Indexer(layout).run_once()
    wrong += queries_differ(layout, "after the next indexer")
    verdict = verify(layout)
    wrong += [f"fsck, index: {problem}" for problem in verdict.index]
    wrong += [f"fsck: {p}" for p in verdict.damage if os.path.basename(p.path) not in hopeless]
    if saved is not None:
        wrong += judge_backup(repo, backup, saved)
    return wrong


def broken_columns(layout: Layout) -> list[str]:
    generation = open_generation(layout)
    if generation is None:
        return []
    found = (columns.Columns(generation.folder, entry).damage() for entry in generation.manifest.series)
    return [f"a published file of the index is damaged: {damage}" for damage in found if damage]


def queries_differ(layout: Layout, when: str) -> list[str]:
    """Compare what a query is evaluated on with the index with what it is without."""
    with_index, without = records(layout, index=True), records(layout, index=False)
    wrong = [f"{when} only one of index and logs has run {run}" for run in with_index.keys() ^ without.keys()]
    for run in with_index.keys() & without.keys():
        difference = compare(without[run], with_index[run])
        if difference:
            wrong.append(
                f"{when} a query of run {run} gets something else through the index: {difference:.200}"
            )
    return wrong


def records(layout: Layout, *, index: bool) -> dict[str, Record]:
    overlay = Overlay(layout)
    hints = overlay.candidates()
    generation = open_generation(layout) if index else None
    fresh = overlay.fresh(hints, generation)
    found = {run: t.record() for run, t in fresh.items() if t.state.is_there}
    if generation is not None:
        for file, rows in generation.locate(None):
            for row in rows.tolist():
                if file.hash(row) not in fresh:
                    found[file.hash(row)] = Record.indexed(generation, file, row)
    return found


def missing(repo: Repo, one: Expected, hopeless: set[str]) -> Iterator[str]:
    """Yield what is not there of what was durable, and what is there and wrong.

    `hopeless` gets the blobs that are named by lines that were never said to be durable: these may be broken.
    """
    run = repo.get_run(one.run)
    there = {} if run is None else events_of(run, one.tag)
    refused = dropped(
        repo.layout, one.run
    )  # parameters with objects, by storage that refuses these: documented
    loose = (
        ("artifact", "image", "image param") if refused else ("artifact",)
    )  # that come late, or not at all
    for i in range(one.durable):
        if i not in there and refused and kind_of(i) == "image param":
            refused -= 1
        elif i not in there:
            yield f"{one}: {kind_of(i)} {i} is lost{ends_of(repo.layout, one.run)}"
            return
    in_order = [i for i in sorted(there) if kind_of(i) not in loose]
    if in_order != [i for i in range(max(in_order, default=-1) + 1) if kind_of(i) not in loose]:
        yield f"{one}: there is a hole in what is there"
    for i, value in there.items():
        if kind_of(i) == "artifact" and value.error is not None:
            continue  # refused: the log says so
        digest, fault = fault_in(run, one.tag, i, value)
        if fault and (i < one.durable or not digest):
            yield f"{one}: {kind_of(i)} {i} is broken: {fault}"
        elif fault:
            hopeless.add(digest)


def dropped(layout: Layout, run: str) -> int:
    """Return how many events of a run the log says to have been dropped."""
    tail = Tail(layout, run, None)
    tail.update()
    return sum(writer.dropped for writer in tail.state.writers.values())


def ends_of(layout: Layout, run: str) -> str:
    """Return how the logs of a run end, for whoever has to find out what happened."""
    found = ""
    for name in layout.log_names(run):
        data = Path(layout.log_path(run, name)).read_bytes()
        found += f"\n    {name}, {len(data):,} bytes, {data.count(0):,} of them zero: ...{data.rstrip(bytes(1))[-200:]!r}"
    return found


def events_of(run: Any, tag: str) -> dict[int, Any]:
    """Return what there is of the events of a writer, by their numbers."""
    context: dict[str, Any] = {"writer": tag}
    found: dict[int, Any] = {}
    for sequence in (
        run.get_metric("loss", context),
        run.get_text_sequence("text", context),
        run.get_image_sequence("image", context),
    ):
        if sequence is not None:
            found.update(zip(*sequence.values.sparse_list(), strict=True))
    for named in (run.get("given", {}), run.get("image", {}), run.artifacts):
        for name, value in named.items():
            owner, _, i = name.rpartition("/")
            if owner == tag:
                found[int(i)] = value
    return found


def fault_in(run: Any, tag: str, i: int, value: Any) -> tuple[str, str]:
    """Return what is wrong with the value of an event, and the blob whose fault that is."""
    what = kind_of(i)
    if what in ("point", "param"):
        return "", "" if value == (i if what == "param" else i * 0.5) else f"another value: {value!r}"
    if what == "text":
        return "", "" if value.data == f"text {i}" else f"another text: {value.data!r}"
    if what == "artifact":
        fault = StoredBlob(run._layout, value.sha256, value.size).fault()
        right = fault or Path(run._layout.blob_path(value.sha256)).read_bytes() == content(tag, i).tobytes()
        return value.sha256, fault or ("" if right else "another content")
    fault = value._blob.fault()
    right = fault or np.array_equal(np.asarray(value.to_pil_image()), content(tag, i))
    return value._blob.digest, fault or ("" if right else "other pixels")


def halved(repo: Repo, run: str, count: int) -> list[str]:
    """A run that was deleted and collected is there with all of its points, or not at all."""
    found = Tail(repo.layout, run, None)
    found.update()
    points = [sequence.summary.count for sequence in found.state.sequences if sequence.summary is not None]
    return [] if points in ([], [count]) and not found.problems else [f"{points} points of {count}"]


def judge_backup(repo: Repo, backup: Path, saved: Expected) -> list[str]:
    """What a backup had said to have is in it, and the next one finds nothing wrong with it."""
    wrong = list(missing(Repo(backup, index=False), saved, set()))
    done = repo.backup(backup)
    wrong += [f"the next backup: {problem}" for problem in done.problems if "blobs" not in problem.path]
    there = Layout(str(backup / ".runstone"))
    wrong += [f"in the backup: {p}" for p in verify(there).damage if "blobs" not in p.path]
    for run in sweep(there):
        one, other = Tail(repo.layout, run, None), Tail(there, run, None)
        one.update()
        other.update()
        if one.state.known and one.positions() == other.positions() and compare(one.record(), other.record()):
            wrong.append(
                f"run {run} is another one in the backup: {compare(one.record(), other.record()):.200}"
            )
    return wrong


# -- one repository and its power cuts --------------------------------------------------------------------------


def nothing() -> None:
    """Take no protection away."""


def no_fsync_in_logs() -> None:
    """Take the fsync of a writer's log away, and that of its names."""
    part._fdatasync = lambda fd: None
    part.sync_folder = lambda folder: None


def no_fsync_in_publishing() -> None:
    """Put names in place before contents: in the index, and on the shelf of blobs."""
    indexing.sync_folder = columns.sync_folder = layout_module.sync_folder = lambda folder: None
    shelf._sync_file = lambda path: None
    columns.os = layout_module.os = WithoutFsync()


class WithoutFsync:
    """The module os, but for fsync."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, fd: int) -> None:
        """Do nothing."""


class World:
    """A disk with a repository that goes through several power cuts, and what has to be in it."""

    def __init__(self, disk: Disk, seed: int, spoil: Callable[[], None] = nothing) -> None:
        self.disk, self.seed, self.spoil = disk, seed, spoil
        self.choice = random.Random(seed)
        self.root, self.backup = disk.mounted / "repo", disk.mounted / "backup"
        self.expected: dict[str, Expected] = {}
        self.victims: dict[str, int] = {}
        self.cuts = 0
        self.events = self.durable = 0
        self.slowest = 0

    def prepare(self) -> None:
        """Begin with an empty disk. Some have the content of files that were removed in their free blocks."""
        self.disk.format()
        self.expected.clear()
        self.victims.clear()

    def one_cut(self, *, fresh: bool = False) -> list[str]:
        """Let everybody work, cut the power at a random instant, and judge."""
        choice = self.choice
        writers = self._writers(1 if fresh else choice.randrange(1, 4))
        if fresh:
            writers[0].mode, writers[0].count = "durable", EVENTS
        children = [self._child(partial(self._write, writer), writer.tag) for writer in writers]
        saved = Shared()
        if not fresh:
            wait_for(lambda: self._exists() or not all(child.is_alive() for child in children))
            if choice.random() < 0.9:
                work = partial(index_for_ever, self.root, choice.getrandbits(32), self.spoil)
                children.append(self._child(work, "indexer"))
            if choice.random() < 0.4:
                work = partial(keep_house, self.root, self.backup, list(self.victims), saved, writers[:1])
                children.append(self._child(work, "keeper"))
            self._let_pass(writers, children)
        else:
            wait_for(lambda: writers[0].durable >= choice.choice((1, 1, 2, 9)) or not children[0].is_alive())
        died = [child.said() for child in children if not child.is_alive()]
        # What is said from here on does not count: an fsync that is under way may return while the power goes.
        said = [writer.durable for writer in writers]
        has_backup = saved["acked"]
        self.disk.cut(choice.choice((FLUSH_LOG, NO_FLUSH)))
        for child in children:
            child.kill()
        self.cuts += 1
        self._remember(writers, said)
        self.disk.unmount()
        self.disk.mount()
        wrong = [f"it ended by itself: {text[-600:]}" for text in died]
        return wrong + self._judged(writers[0], has_backup)

    def _writers(self, count: int) -> list[Writer]:
        choice, found = self.choice, []
        runs = sorted({one.run for one in self.expected.values()} | {f"run{self.cuts}"})
        for number in range(count):
            events = choice.randrange(5, 300) if choice.random() < 0.4 else EVENTS
            mode = choice.choice(("written", "written", "durable"))
            run = choice.choice([runs[-1], f"run{self.cuts}.{number}".replace(".", "-")])
            found.append(Writer(f"w{self.cuts}-{number}", run, mode, events))
        return found

    def _child(self, work: Callable[[], None], name: str) -> Child:
        return Child(work, self.disk.folder / f"{name}.log")

    def _write(self, writer: Writer) -> None:
        write(self.root, self.disk.folder, writer, self.choice.getrandbits(32), self.spoil)

    def _exists(self) -> bool:
        return (self.root / ".runstone" / "format.json").exists()

    def _let_pass(self, writers: list[Writer], children: list[Child]) -> None:
        """Wait for a number of events that one of them has written, or for a little longer than that."""
        one, events = self.choice.choice(writers), self.choice.randrange(1, 600)
        wait_for(
            lambda: one.acked >= min(events, one.count) or not all(child.is_alive() for child in children)
        )
        time.sleep(self.choice.choice((0.0, 0.03, 0.2, 0.6)) * self.choice.random())

    def _remember(self, writers: list[Writer], said: list[int]) -> None:
        for writer, durable in zip(writers, said, strict=True):
            self.expected[writer.tag] = Expected(writer.tag, writer.run, durable, writer.acked)
            self.events += writer.acked
            self.durable += durable
            self.slowest = max(self.slowest, writer.shared["slowest"])

    def _judged(self, first: Writer, saved: int) -> list[str]:
        expected = list(self.expected.values())
        in_backup = Expected(first.tag, first.run, saved, saved) if saved else None
        answer = self.disk.folder / "judgement"
        answer.unlink(missing_ok=True)
        victim = f"victim{self.cuts}"

        def work() -> None:
            try:
                wrong = judge(self.root, self.backup, expected, self.victims, in_backup)
                leave_victim(self.root, victim)
            except Exception:
                wrong = [traceback.format_exc()]
            answer.write_text(json.dumps(wrong))

        child = self._child(work, "judge")
        child.wait()
        self.victims[victim] = VICTIM_POINTS
        return (
            json.loads(answer.read_text()) if answer.exists() else [f"the judge died: {child.said()[-600:]}"]
        )


VICTIM_POINTS = 40


def leave_victim(root: Path, name: str) -> None:
    """Leave a run behind that somebody may delete."""
    with Run(name, create=True, repo=root, **QUIET) as run:
        for step in range(VICTIM_POINTS):
            run.track(step, name="loss", step=step)


def wait_for(condition: Callable[[], Any], patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("nothing happens")
        time.sleep(0.0005)


# -- campaigns -------------------------------------------------------------------------------------------------


def cuts(kind: str, options: Options, *, fresh: bool = False) -> Row:
    """Cut the power many times on one kind of file system, then without fsync."""
    what = f"power cuts, {kind}" + (", of a new repository" if fresh else "")
    row = Row("R3", what, "cuts", control="no fsync of logs; none in publishing")
    row.skipped = unusable()
    if row.skipped:
        return row
    clear_leftovers()
    count = options.count(FULL if not fresh else FULL // 5)
    with Disk(kind) as disk:
        slowest = 0
        events = durable = 0
        while row.trials < count:
            seed = options.seed * 100_000 + row.trials
            world = World(disk, seed)
            for cut in range(min(1 if fresh else CYCLES, count - row.trials)):
                if cut == 0:
                    world.prepare()
                wrong = world.one_cut(fresh=fresh)
                row.trials += 1
                row.failures += [f"seed {seed}, cut {cut}, {kind}: {what}" for what in wrong]
                if wrong:
                    break
            events, durable = events + world.events, durable + world.durable
            slowest = max(slowest, world.slowest)
        row.figures = {"acknowledged": events, "durable": durable, "slowest sync, ms": slowest // 1_000_000}
        control(disk, row, options, fresh=fresh)
    return row


def control(disk: Disk, row: Row, options: Options, *, fresh: bool) -> None:
    """Do the same without fsync: each kind of it has to be noticed."""
    caught = []
    for number, spoil in enumerate(
        (no_fsync_in_logs,) if fresh else (no_fsync_in_logs, no_fsync_in_publishing)
    ):
        noticed = 0
        for trial in range(min(max(row.trials // 20, 8), 20)):
            world = World(disk, options.seed + 1_000_000 * (number + 1) + trial, spoil)
            world.prepare()
            row.controls += 1
            noticed += bool(world.one_cut(fresh=fresh) or (not fresh and world.one_cut()))
        caught.append(noticed)
    row.caught = sum(caught) if all(caught) else 0
    row.figures["noticed without fsync of logs, in publishing"] = " and ".join(map(str, caught))


CAMPAIGNS = {kind: partial(cuts, kind) for kind in KINDS} | {
    f"{kind}, fresh": partial(cuts, kind, fresh=True) for kind in KINDS
}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
