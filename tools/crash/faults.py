"""Calls that fail: every kind of call, with every error, at the Nth time, once and for ever.

    python tools/crash/faults.py                        # all points; some five hours
    python tools/crash/faults.py --only writer --trials 50 --seed 7

What fails is what the repository's files are asked for (failing.py); N grows until the work is done without
meeting the fault. Training has to go on, and nothing acknowledged may be lost unless it was counted as dropped,
or left in the rescue folder that was announced. An indexer says what was wrong and goes on by itself when the
fault ends; a reader answers right, or says which file is in its way.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from campaign import Options, Row, lacking, main
from failing import Fault, Nursery, Orders, Outcome, Say, remove, until

from runstone import Image, Repo, Run, Text
from runstone_indexer import compaction, watch
from runstone_indexer.discovery import look_into
from runstone_indexer.generation import open_generation
from runstone_indexer.indexer import Indexer
from runstone_query.verify import verify
from runstone_writer import accepted, cargo, history, log, stores, tender, uploads
from runstone_writer.layout import Layout, open_repo

PRELOADED = (history, stores, uploads)  # the loading of modules is not what is made to fail
QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
ERRORS = {
    "openat": "ENOSPC EDQUOT EIO EROFS ESTALE EINTR EMFILE EACCES ENOENT",
    "write": "ENOSPC EDQUOT EIO EROFS ESTALE EINTR SHORT",
    "pwrite64": "ENOSPC EIO ESTALE SHORT",
    "fsync": "EIO ENOSPC EDQUOT ESTALE EINTR",
    "rename": "ENOSPC EIO EROFS ESTALE EACCES",
    "close": "EIO ENOSPC EDQUOT EINTR",
    "mkdir": "ENOSPC EDQUOT EIO EROFS EACCES",
    "unlink": "EIO EROFS EACCES ENOENT ESTALE",
    "mmap": "ENOMEM ENODEV EACCES",
    "statx": "EIO ESTALE EACCES",
    "getdents64": "EIO ESTALE ENOENT",
    "read": "EIO ESTALE EINTR",
}
TRANSIENT = ("EINTR",)  # once only: for ever, every program that tries again (as Python does) would hang
DOCUMENTED = (
    r"cannot write to .*\nTraining goes on",
    r"cannot open a log in .*\nTraining goes on",
    r"cannot keep an object in ",
    r"objects in .* would not survive a power cut",
    r"artifact .* was not stored",
    r"\d+ events of run \w+ could not be written to ",
    r"\d+ points of run \w+ that have objects are lost",
    r"cannot read (all of )?what run \w+ has ",
)
RESCUED = re.compile(r"They are in (\S+): move that file to (\S+)")
LOST = re.compile(r"refused (\d+) of them too: they are lost")
STEPS = 6  # of each of the script's stretches
FULL_CONTROLS = 40

Check = Callable[[Path, Outcome], list[str]]
Point = tuple[Fault, bool]  # and whether the fault ends while the process lives


@contextmanager
def workshop(**environment: str) -> Iterator[tuple[Path, Nursery]]:
    """A folder for trials, in memory if possible, and a nursery."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="runstone-faults-") as folder:
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        with Nursery(folder, TMPDIR=str(temporary), **environment) as nursery:
            yield Path(folder), nursery


def impatient() -> None:
    """Shorten what is waited for: no promise hangs on it."""
    tender.SYNC_SECONDS = accepted.SYNC_SECONDS = 0.02
    tender.BEAT_SECONDS = accepted.BEAT_SECONDS = 0.05
    log.RETRY_SECONDS = cargo.RETRY_SECONDS = 0.02
    watch.POLL_SECONDS = watch.RETRY_SECONDS = 0.02
    watch.QUIET_SECONDS = 0.01


# -- the script that trains ----------------------------------------------------------------------------------------


def value_of(step: int) -> float:
    return step * 0.5 + 1.0


def train(say: Say, orders: Orders, repo: str, run_hash: str, durability: str, ends: bool) -> None:
    """Do what scripts do, and say so after each call has returned. With `ends` the fault ends before the run does."""
    impatient()
    run = Run(run_hash or None, repo=repo, durability=durability, **QUIET)  # type: ignore[arg-type]
    writer = run._log.writer  # type: ignore[union-attr]
    say("open", run.hash, writer)
    run["hparams", writer] = {"lr": 0.1, "writer": writer}
    say("param")
    for step in range(STEPS):
        run.track(value_of(step), name="loss", step=step, context={"writer": writer})
        say("loss", step)
    run._log.sync()  # type: ignore[union-attr]
    run._log.beat()  # type: ignore[union-attr]
    run.track(value_of(0), name="auto")
    say("auto")
    run.track(Text("said"), name="text", step=0, context={"writer": writer})
    say("text", 0)
    run.track(Image(np.full((2, 2), 7, np.uint8)), name="image", step=0, context={"writer": writer})
    say("image", 0)
    run.log_artifact(__file__, "script", block=True)
    say("artifact")
    run.name = writer
    say("name")
    for step in range(STEPS, 2 * STEPS):
        run.track(value_of(step), name="loss", step=step, context={"writer": writer})
        say("loss", step)
    run._log.sync()  # type: ignore[union-attr]
    if ends:
        orders.lift()
        waiting = run._log._cargo._waiting  # type: ignore[union-attr]
        until(lambda: not run._log.unwritten() and not waiting)  # type: ignore[union-attr]
        say("recovered")
        for step in range(2 * STEPS, 3 * STEPS):
            run.track(value_of(step), name="loss", step=step, context={"writer": writer})
            say("loss", step)
    run.close()
    say("closed")


def check_training(repo: Path, done: Outcome) -> list[str]:
    """Compare what a script had said with what there is."""
    if done.code is None:
        return ["the script hangs"]
    said = Counter(what[0] for what in done.said)
    if done.code != 0:
        refused = "StoreError" in done.kind and not said["open"]
        return [] if refused else [f"the script died: {done.error[-600:]}{done.stderr[-300:]}"]
    found = _check_warnings(done)
    if "Traceback" in done.stderr:
        found.append(f"a thread died: {done.stderr[-600:]}")
    lost = _put_back(done)
    layout = Repo(repo).layout
    run = Repo(repo, index=False).get_run(done.said[0][1])
    if run is None:
        return found if lost else [*found, "the run is gone"]
    lost += sum(writer.dropped for writer in run._fresh_state().writers.values())
    found += _check_points(run, done, lost)
    verdict = verify(layout)
    found += [f"damage: {problem}" for problem in verdict.damage]
    Indexer(layout).run_once()
    found += [f"the index: {problem}" for problem in verify(layout).index]
    return found


def _check_warnings(done: Outcome) -> list[str]:
    counted = Counter(re.sub(r"\d+", "0", text.split(":")[0].split(" in /")[0]) for text in done.warnings)
    found = [f"warned {count} times: {text}" for text, count in counted.items() if count > 1]
    for text in done.warnings:
        if not any(re.match(known, text) for known in DOCUMENTED):
            found.append(f"an odd warning: {text}")
    return found


def _put_back(done: Outcome) -> int:
    """Do what the warning about a rescue folder says; return how many events are said to be lost."""
    lost = 0
    for text in done.warnings:
        for path, home in RESCUED.findall(text):
            os.makedirs(home, exist_ok=True)
            shutil.move(path, home)
        lost += sum(int(count) for count in LOST.findall(text))
    return lost


def _check_points(run: Any, done: Outcome, lost: int) -> list[str]:
    writer, found = done.said[0][2], []
    context = {"writer": writer}
    metric = run.get_metric("loss", context)
    steps, values = ([], []) if metric is None else metric.values.sparse_list()
    asked = [what[1] for what in done.said if what[0] == "loss"]
    if len(set(steps)) != len(steps) or not set(steps) <= {*asked, len(asked)}:
        found.append(f"points that were not logged so: {steps}")
    if values != [value_of(step) for step in steps]:
        found.append(f"wrong values: {values}")
    missing = [("loss", step) for step in asked if step not in steps]
    said = {what[0] for what in done.said}
    for name, sequence in (("text", run.get_text_sequence), ("image", run.get_image_sequence)):
        there = sequence(name, context)
        if name in said and (there is None or len(there.values.sparse_list()[1]) != 1):
            missing.append((name, 0))
        elif name == "image" and there is not None:
            there.values.sparse_list()[1][0].to_pil_image()
    if "param" in said and run.get(("hparams", writer)) != {"lr": 0.1, "writer": writer}:
        missing.append(("param", 0))
    if "name" in said and run.name != writer:
        missing.append(("name", 0))
    artifact = run.artifacts.get("script")
    if "artifact" in said:
        if artifact is None:
            missing.append(("artifact", 0))
        elif artifact.error is not None and not any("was not stored" in text for text in done.warnings):
            found.append(f"an artifact was not stored, in silence: {artifact.error}")
    auto = run.get_metric("auto", {})
    numbers = [] if auto is None else auto.values.sparse_list()[0]
    if len(set(numbers)) != len(numbers) and not any("what run" in text for text in done.warnings):
        found.append(f"a resumed run has taken a step twice: {numbers}")
    if len(missing) > lost:
        found.append(f"lost {missing}, and {lost} were said to be")
    return found


# -- points --------------------------------------------------------------------------------------------------------


def points(
    counted: Callable[[str], int], calls: tuple[str, ...], *, may_end: bool, spare: int = 1
) -> list[Point]:
    """Return every fault of a sweep; `counted` gives how many calls of a kind the work makes."""
    found: list[Point] = []
    for call in calls:
        count = counted(call)
        if not count:
            continue
        for error in ERRORS[call].split():
            for nth in range(1, count + spare + 1):
                found.append((Fault(call, error, nth), False))
                if error not in TRANSIENT:
                    found.append((Fault(call, error, nth, for_ever=True), False))
                    if may_end:
                        found.append((Fault(call, error, nth, for_ever=True), True))
    return found


def drawn(options: Options, *, may_end: bool) -> list[Point]:
    """Return some faults of a sweep, without counting calls first: small numbers are met more often."""
    found, draw = [], random.Random(options.seed)
    for _ in range(options.trials or 0):
        call = draw.choice(list(ERRORS))
        error = draw.choice(ERRORS[call].split())
        for_ever = error not in TRANSIENT and draw.random() < 0.6
        fault = Fault(call, error, int(2 ** draw.uniform(0, 6)), for_ever=for_ever)
        found.append((fault, may_end and for_ever and draw.random() < 0.5))
    return found


def sweep(
    row: Row,
    folder: Path,
    nursery: Nursery,
    options: Options,
    task: Callable[..., None],
    check: Check,
    *args: Any,
    prepared: Path | None = None,
    may_end: bool = True,
    what: str = "",
) -> None:
    """Do a task once for every fault that it can meet, each time on a fresh copy of what was prepared."""
    place = folder / "repo"

    def trial(fault: Fault, ends: bool) -> Outcome:
        remove(place)
        if prepared is None:
            open_repo(place, create=True)
        else:
            shutil.copytree(prepared, place, symlinks=True)
        return nursery.run(task, fault, place, place, *args, ends)

    def counted(call: str) -> int:
        return trial(Fault(call), False).seen

    if options.trials is None:
        plan = points(counted, tuple(ERRORS), may_end=may_end)
        random.Random(options.seed).shuffle(plan)  # what an interrupted campaign has done is a sample of all
    else:
        plan = drawn(options, may_end=may_end)
    row.figures[f"{what} points"] = len(plan)
    for fault, ends in plan:
        done = trial(fault, ends)
        row.trials += 1
        row.figures[what] = int(row.figures.get(what, 0)) + 1
        row.figures["met"] = int(row.figures.get("met", 0)) + bool(done.failed)
        try:
            failures = check(place, done)
        except Exception as error:
            failures = [f"{type(error).__name__} in the oracle: {error}"]
        where = os.path.relpath(done.last, place) if done.last else ""
        row.failures += [
            f"{what} {fault}{' that ends' if ends else ''} at {where}: {text}" for text in failures
        ]


# -- the writer ------------------------------------------------------------------------------------------------------


def writer(options: Options) -> Row:
    """A script that trains: a new run, and a resumed one."""
    row = Row("R7", "calls that fail in the writer", "faults", control="what waits is forgotten")
    row.skipped = lacking("cc")
    if row.skipped:
        return row
    with workshop() as (folder, nursery):
        prepared = folder / "prepared"
        first = nursery.run(train, Fault(), prepared, prepared, "", "written", False)
        run_hash = first.said[0][1]
        for durability in ("written", "durable", "accepted"):
            share = options if options.trials is None else Options(options.seed, options.trials // 4 + 1)
            sweep(row, folder, nursery, share, train, check_training, "", durability, what=durability)
        sweep(
            row, folder, nursery, share, train, check_training, run_hash, "written", prepared=prepared, what="resumed"
        )  # fmt: skip
        control_writer(row, folder, nursery)
    return row


def control_writer(row: Row, folder: Path, nursery: Nursery) -> None:
    for nth in range(4, 4 + 8):
        place = folder / "repo"
        remove(place)
        open_repo(place, create=True)
        done = nursery.run(train_forgetful, Fault("write", "ENOSPC", nth), place, place, "", "written", False)
        row.controls += 1
        row.caught += bool(done.failed and check_training(place, done))


def train_forgetful(say: Say, orders: Orders, *args: Any) -> None:
    """The control: a writer that swallows the error."""
    real = log.LogWriter._fail

    def _fail(self: log.LogWriter, error: OSError) -> None:
        if self._part is log._NOWHERE:
            real(self, error)

    log.LogWriter._fail = _fail  # type: ignore[method-assign]
    train(say, orders, *args)


# -- the indexer -----------------------------------------------------------------------------------------------------


def prepare(say: Say, orders: Orders, repo: str, part: int) -> None:
    """Write a few runs with a bit of everything, and index the first half of them."""
    del orders
    for half in range(2):
        for number in range(3):
            run = Run(f"run{part}{half}{number}", create=True, repo=repo, experiment="faults", **QUIET)
            run["hparams"] = {"lr": number / 7, "name": f"net{number}"}
            for step in range(STEPS):
                run.track(value_of(step) + number, name="loss", step=step)
            run.track(Text(f"said {number}"), name="text", step=0)
            run.close()
            compaction.FAN_OUT = 1
            if not half:
                Indexer(repo).run_once()
    with Run("run" + f"{part}00", repo=repo, **QUIET) as run:  # one that the index has, and that goes on
        run.track(value_of(STEPS), name="loss", step=STEPS)
        run["more"] = part
    say("prepared")


def two_runs(folder: Path, nursery: Nursery) -> Path:
    """Return a new repository with the runs that there are to index."""
    prepared = folder / "prepared"
    open_repo(prepared, create=True)
    for part in range(2):
        succeed(nursery.run(prepare, Fault(), prepared, prepared, part))
    return prepared


def index_once(say: Say, orders: Orders, repo: str, how: str, ends: bool) -> None:
    """One pass."""
    del orders, ends
    compaction.FAN_OUT = 1
    indexer = Indexer(repo)
    report = indexer.reindex() if how == "reindex" else indexer.run_once(full=how == "full")
    say("indexed", report.runs, [problem.reason for problem in report.problems])


def index_while_watching(say: Say, orders: Orders, repo: str, how: str, ends: bool) -> None:
    """Watch, until the fault has been met and has ended, and everything is indexed."""
    del how
    impatient()
    compaction.FAN_OUT = 1
    orders.lift()  # a repository whose version cannot be read is not opened at all
    layout = open_repo(repo)
    orders.arm()
    watcher = watch.Watcher(Indexer(layout))
    failed: list[BaseException] = []

    def follow() -> None:
        try:
            watcher.run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    until(lambda: failed or orders.failed > 3 * ends or is_indexed(layout))
    orders.lift()
    began = time.monotonic()
    until(lambda: failed or is_indexed(layout), 10.0)  # "within ten seconds"
    say("recovered", round(time.monotonic() - began, 2))
    watcher.stop()
    thread.join()
    if failed:
        raise failed[0]


def is_indexed(layout: Layout) -> bool:
    """Whether the published index has all that the logs have."""
    try:
        generation = open_generation(layout)
        if generation is None:
            return False
        for run in layout.runs():
            place = generation.place(run)
            if place is None or place[0].extent(place[1]) != look_into(layout, run).extent:
                return False
    except (OSError, ValueError):
        return False
    return True


def check_index(repo: Path, done: Outcome) -> list[str]:
    """The answers are those of the logs, whatever an indexer has left; and the next one puts it right."""
    if done.code is None:
        return ["the indexer hangs"]
    found = []
    if done.code != 0 and "RunstoneError" not in done.kind:
        found.append(f"the indexer died ({done.code}): {done.error[-600:]}{done.stderr[-600:]}")
    if "Traceback" in done.stderr:
        found.append(f"a thread died: {done.stderr[-600:]}")
    layout = Repo(repo).layout
    found += same_answers(layout)
    Indexer(layout).run_once(full=False)
    found += same_answers(layout)
    found += [f"the index: {problem}" for problem in verify(layout).index]
    if not is_indexed(layout):
        Indexer(layout).run_once()
        if not is_indexed(layout):
            found.append("the next indexer does not index everything")
    return found


def same_answers(layout: Layout) -> list[str]:
    """Compare what is answered through the index with what the logs say."""
    with_index, without = answer(layout.root, index=True), answer(layout.root, index=False)
    return [] if with_index == without else [f"the index answers otherwise: {with_index} and {without}"]


def answer(root: str, *, index: bool) -> Any:
    """Return everything that there is, as plain values."""
    return ask(Repo(root, index=index, read_only=True))


def ask(repo: Repo) -> Any:
    found: dict[str, Any] = {}
    for run in repo.iter_runs():
        found[run.hash] = {"params": run.get(..., {}), "sequences": {}}
        sequences = found[run.hash]["sequences"]
        for metric in run.metrics():
            sequences[metric.name] = [list(column) for column in metric.values.sparse_list()]
    found["with lr"] = sorted(run.run.hash for run in repo.query_runs("run.hparams.lr > 0.1", 0).iter_runs())
    metrics = repo.query_metrics("metric.name == 'loss' and metric.last > 4", 0)
    found["losses"] = sorted(run.run.hash for run in metrics.iter_runs())
    return found


def indexer(options: Options) -> Row:
    """An indexer that passes once: the first pass, the next ones with files that are merged, a rebuild."""
    row = Row("R7", "calls that fail in the indexer", "faults", control="published all the same")
    row.skipped = lacking("cc")
    if row.skipped:
        return row
    with workshop() as (folder, nursery):
        prepared = two_runs(folder, nursery)
        share = options if options.trials is None else Options(options.seed, options.trials // 4 + 1)
        fresh = folder / "fresh"
        shutil.copytree(prepared, fresh, symlinks=True)
        shutil.rmtree(fresh / ".runstone/index")
        for how in ("first", "next", "full", "reindex"):
            source = fresh if how == "first" else prepared
            sweep(
                row, folder, nursery, share, index_once, check_index, how, prepared=source, may_end=False, what=how
            )  # fmt: skip
        _control_indexer(row, folder, nursery, prepared)
    return row


def watching(options: Options) -> Row:
    """An indexer that goes on through the fault, and has everything within ten seconds of its end."""
    row = Row("R7", "calls that fail while it watches", "faults", control="published all the same")
    row.skipped = lacking("cc")
    if row.skipped:
        return row
    with workshop() as (folder, nursery):
        prepared = two_runs(folder, nursery)
        task, check = index_while_watching, check_watching
        sweep(row, folder, nursery, options, task, check, "", prepared=prepared, what="watching")
        _control_indexer(row, folder, nursery, prepared)
    return row


def succeed(done: Outcome) -> None:
    if done.code != 0:
        raise RuntimeError(f"without any fault: {done.error}{done.stderr}")


def check_watching(repo: Path, done: Outcome) -> list[str]:
    found = check_index(repo, done)
    hopeless = any(text in done.error for text in ("Permission denied", "Read-only", "No such file"))
    if done.code != 0 and "RunstoneError" in done.kind and not hopeless:
        found.append(f"the watcher ended: {done.error[-600:]}")
    return found


def _control_indexer(row: Row, folder: Path, nursery: Nursery, prepared: Path) -> None:
    place = folder / "repo"
    for nth in range(1, 9):
        remove(place)
        shutil.copytree(prepared, place, symlinks=True)
        fault, logs = Fault("read", "EIO", nth, for_ever=True), place / ".runstone/logs"
        done = nursery.run(index_regardless, fault, logs, place, "next", False)
        row.controls += 1
        row.caught += bool(done.failed and check_index(place, done))


def index_regardless(say: Say, orders: Orders, *args: Any) -> None:
    """The control: an indexer that says it has read what it could not."""
    from runstone_indexer import intake

    real = intake.read_on

    def read_on(layout: Layout, state: Any, folder: Any) -> Any:
        reading = real(layout, state, folder)
        if reading.unread:
            for name, size in folder.sizes.items():
                writer, part = intake.parse_log_name(name) or ("", 0)
                reading.state.writer(writer).parts[part][0] = size
            reading.bytes_read += 1
        return reading

    intake.read_on = read_on
    index_once(say, orders, *args)


CAMPAIGNS = {"writer": writer, "indexer": indexer, "watching": watching}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
