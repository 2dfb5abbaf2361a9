"""64 processes write one run at the same time, while it is indexed and read.

    python tools/crash/writers.py --seed 1

Each makes 1,000 events of its own: points, parameters, tags, records, images. The control lets pairs of them
share one file.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from acked import DIES_WITH_PARENT
from campaign import Options, Row, main

from runstone import Repo
from runstone_indexer import Indexer
from runstone_query.verify import verify
from runstone_writer.errors import RunstoneError

WRITERS, EVENTS, ROUNDS = 64, 1000, 5

# Forked processes, each with a log of its own: what each writes follows from its number alone.
WRITE = (
    DIES_WITH_PARENT
    + """
import os, sys, warnings
import numpy as np
from runstone import Image, Run
repo, writers, events, control = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
warnings.simplefilter("ignore")
ready, go = os.pipe(), os.pipe()

def write(number):
    if control:  # two writers, one file
        from runstone_writer import log
        names = log.new_writer
        log.new_writer = lambda now=None: names(now)[:11] and "1a201885dbc-%012x" % (number // 2)
        real = os.open
        log.os = type(os)("os")
        log.os.__dict__.update(os.__dict__)
        log.os.open = lambda path, flags, *more: real(path, flags & ~os.O_EXCL, *more)
    run = Run("common", repo=repo, create=True, system_tracking_interval=None, capture_terminal_logs=False)
    run["w", str(number), "begun"] = True
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    for n in range(1, events):
        if n % 20 == 7:
            run["w", str(number), str(n)] = n
        elif n % 50 == 13:
            run.add_tag(f"{number}-{n}")
        elif n % 50 == 29:
            run.log_info(f"{number} {n}")
        elif n % 200 == 111:
            run.track(Image(np.full((4, 4, 3), n % 251, np.uint8)), name="image", step=n, context={"w": number})
        elif n % 10 == 3:
            run.track(n, name="common", step=n)
        else:
            run.track(n * 0.5 + number, name="loss", step=n, context={"w": number})
    run.close()

children = []
for number in range(writers):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            write(number)
            code = 0
        except BaseException as error:
            print("writer", number, type(error).__name__, error, flush=True)
        finally:
            os._exit(code)
    children.append(pid)
for _ in children:
    os.read(ready[0], 1)
os.write(go[1], b"g" * writers)
sys.exit(sum(os.waitpid(pid, 0)[1] != 0 for pid in children))
"""
)

READ = (
    DIES_WITH_PARENT
    + """
import sys
from runstone import Repo
from runstone_indexer import Indexer
from runstone_writer.errors import IndexBusyError
repo, seen, looks, indexer = Repo(sys.argv[1]), {}, 0, Indexer(sys.argv[1])
for line in sys.stdin:
    looks += 1
    try:
        if sys.argv[2] == "index":
            indexer.run_once(full=looks % 5 == 0)
            print("ok", flush=True)
            continue
        run, wrong = repo.get_run("common"), []
        for metric in run.metrics() if run is not None else ():
            steps, values = metric.values.sparse_list()
            key = metric.name, str(metric.context)
            if len(steps) < seen.get(key, 0) or (metric.name == "loss" and steps != sorted(set(steps))):
                wrong.append(f"{key}: {len(steps)} points after {seen.get(key, 0)}, or out of order")
            seen[key] = len(steps)
        print(wrong or "ok", flush=True)
    except IndexBusyError:
        print("ok", flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""
)


def kind_of(n: int) -> str:
    """What the n-th event of a writer is."""
    if n % 20 == 7:
        return "param"
    if n % 50 == 13:
        return "tag"
    if n % 50 == 29:
        return "record"
    if n % 200 == 111:
        return "image"
    return "common" if n % 10 == 3 else "loss"


def one_run(options: Options) -> Row:
    row = Row("H1", "64 processes write one run", "events", control="two writers of one file")
    rng = random.Random(options.seed)
    writers, events, rounds = (
        (WRITERS, EVENTS, ROUNDS) if options.trials is None else (8, 120, options.trials)
    )
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="runstone-writers-") as folder:
            Repo(folder, init=True)
            where = f"seed {options.seed}, round {number}: "
            found, looks = watched(Path(folder), writers, events, "", rng)
            row.failures += [where + wrong for wrong in found + wrong_in(folder, writers, events)]
            row.figures["looks of readers and indexers"] = looks + int(
                row.figures.get("looks of readers and indexers", 0)
            )
            row.trials += writers * events
    with tempfile.TemporaryDirectory(prefix="runstone-writers-") as folder:
        Repo(folder, init=True)
        found, _ = watched(Path(folder), min(writers, 8), events, "control", rng)
        row.controls, row.caught = 1, int(bool(found + wrong_in(folder, min(writers, 8), events)))
    return row


def watched(
    folder: Path, writers: int, events: int, control: str, rng: random.Random
) -> tuple[list[str], int]:
    """Let them write while an indexer and two readers look; return what was wrong, and how often they looked."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", WRITE, str(folder), str(writers), str(events), control]
    others: list[subprocess.Popen[str]] = []
    wrong, looks = [], 0
    with (folder / "said").open("w") as out:
        writing = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            for what in ("index", "read", "read"):
                others.append(subprocess.Popen([sys.executable, "-c", READ, str(folder), what], **pipes))  # type: ignore[call-overload]
            while writing.poll() is None or looks < len(others):
                other = others[looks % len(others)] if looks < len(others) else rng.choice(others)
                assert other.stdin is not None
                assert other.stdout is not None
                other.stdin.write("look\n")
                other.stdin.flush()
                answer = other.stdout.readline().strip()
                looks += 1
                if answer != "ok":
                    wrong.append(f"look {looks}: {answer or 'it ended'}")
                    break
            code = writing.wait()
        finally:
            for process in (*others, writing):
                process.kill()
                process.wait()
            for other in others:
                for pipe in (other.stdin, other.stdout):
                    if pipe is not None:
                        pipe.close()
    if code:
        wrong.append(f"{code} writers failed: {(folder / 'said').read_text()[-500:]}")
    return wrong, looks


def wrong_in(folder: str, writers: int, events: int) -> list[str]:
    """What is missing or wrong of a run that all have written to the end."""
    try:
        Indexer(folder).run_once()
        verdict = verify(Repo(folder).layout)
        found = [str(problem) for problem in verdict.damage + verdict.index + verdict.tails]
        for index in (True, False):
            found += [
                f"index={index}: {wrong}" for wrong in _wrong(Repo(folder, index=index), writers, events)
            ]
    except RunstoneError as error:
        return [f"{type(error).__name__}: {error}"]
    return found


def _wrong(repo: Repo, writers: int, events: int) -> list[str]:
    run = repo.get_run("common")
    if run is None:
        return ["the run is gone"]
    found = []
    of = {
        kind: [n for n in range(1, events) if kind_of(n) == kind]
        for kind in ("param", "tag", "record", "image", "common", "loss")
    }
    for number in range(writers):
        context = {"w": number}
        loss, image = run.get_metric("loss", context), run.get_image_sequence("image", context)
        steps, values = ([], []) if loss is None else loss.values.sparse_list()
        if steps != of["loss"] or values != [n * 0.5 + number for n in steps]:
            found.append(f"writer {number}: {len(steps)} points of {len(of['loss'])}, or wrong ones")
        images = [] if image is None else image.values.sparse_list()[0]
        if images != of["image"]:
            found.append(f"writer {number}: images {images}")
        params = run.get("w", {}).get(str(number), {})
        if params != {"begun": True, **{str(n): n for n in of["param"]}}:
            found.append(f"writer {number}: {len(params)} parameters of {len(of['param']) + 1}")
    common = run.get_metric("common")
    steps = [] if common is None else common.values.sparse_list()[0]
    if steps != sorted(of["common"] * writers):
        found.append(f"{len(steps)} common points of {len(of['common']) * writers}, or out of order")
    if set(run.tags) != {f"{w}-{n}" for w in range(writers) for n in of["tag"]}:
        found.append(f"{len(run.tags)} tags of {len(of['tag']) * writers}")
    records = [record.message for record in run.get_log_records()]
    for number in range(writers):
        if [m for m in records if m.startswith(f"{number} ")] != [f"{number} {n}" for n in of["record"]]:
            found.append(f"writer {number}: records are missing or out of order")
    return found


CAMPAIGNS = {"writers": one_run}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
