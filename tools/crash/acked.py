"""A writing process that says how far it has got, and the question whether all of that is there.

What was acknowledged stands in a file of its own: `<run>.<writer>`, beside the repository and not in it. The
writer puts a number there after each call has returned; SIGKILL can't take it away again.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runstone import Repo
from runstone_query.run import StoredRun
from runstone_writer.errors import RunstoneError

# A child dies with the campaign, however that ends.
DIES_WITH_PARENT = "import ctypes; ctypes.CDLL(None).prctl(1, 9)\n"

WRITER = (
    DIES_WITH_PARENT
    + """
import os, random, sys, time, warnings
import numpy as np
from runstone import Image, Run, Text
repo, acks, seed, points, burst, pause = sys.argv[1:7]
points, burst, pause, rng = int(points), int(burst), float(pause), random.Random(seed)
stop, full = os.path.join(acks, "stop." + seed), os.path.join(acks, "full")
common = os.path.join(acks, "common")  # names a run that writers may join
dots = np.random.default_rng(int(seed))
turns = {}  # by run: how often this process has joined it
while not os.path.exists(stop):
    joined = None
    if os.path.exists(common) and rng.random() < 0.4:
        with open(common) as file:
            joined = file.read() or None
    run = Run(joined, repo=repo, system_tracking_interval=None, capture_terminal_logs=False)
    writer = run._log.writer
    path = os.path.join(acks, f"{run.hash}.{writer}")
    ack = os.open(path, os.O_CREAT | os.O_WRONLY)
    # Names that come again from run to run, as those of a lab do: whoever remembers names is not to be seen growing.
    turns[run.hash] = turns.get(run.hash, 0) + 1
    label = f"{seed}-{turns[run.hash]}"
    run["hparams", label] = {"lr": rng.random(), "opt": rng.choice(["adam", "sgd"]), "writer": writer}
    if joined is None:
        run["lr"], run.name = rng.random(), "seed " + seed
        run.add_tag(rng.choice("abc"))
    os.pwrite(ack, b"%9d" % 0, 0)
    for step in range(rng.randrange(points // 2, points)):
        run.track(step * 0.5, name="loss", step=step, context={"writer": label})
        if step % 10 == 0:
            run.track(-step, name="count", step=step, context={"writer": label})
        if step % 100 == 50:
            image = Image(dots.integers(0, 255, (8, 8, 3), np.uint8))
            run.track(image, name="image", step=step, context={"writer": label})
            run.track(Text(f"{writer} {step}"), name="text", step=step, context={"writer": label})
        os.pwrite(ack, b"%9d" % (step + 1), 0)
        if step % burst == 0:
            time.sleep(pause)
            if os.path.exists(stop):
                break
    while os.path.exists(full):  # what waits when a process ends on a full disk goes to the rescue folder
        time.sleep(0.1)
    run.close()
    os.close(ack)
    os.rename(path, path + ".done")
"""
)


@dataclass(frozen=True)
class Ack:
    """What one writer of one run has said."""

    path: Path

    @property
    def run(self) -> str:
        return self.path.name.split(".")[0]

    @property
    def writer(self) -> str:
        return self.path.name.split(".")[1]

    @property
    def is_done(self) -> bool:
        """Whether the writer has closed the run."""
        return self.path.name.endswith(".done")

    def points(self) -> int | None:
        """How many points were acknowledged; None before the first call has returned."""
        with contextlib.suppress(OSError):
            return int(self.path.read_bytes() or -1) if self.path.stat().st_size else None
        return None


def acks_in(folder: Path) -> list[Ack]:
    """What all writers have said, oldest first."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if "-" in entry.name]
    return [Ack(folder / name) for name in sorted(names, key=lambda name: name.split(".")[1])]


def start_writer(
    repo: Path, acks: Path, seed: int, *, points: int, burst: int, pause: float, **popen: object
) -> subprocess.Popen[bytes]:
    """Start a process that writes one run after the other, until the file `stop.<seed>` is there."""
    command = [sys.executable, "-c", WRITER, str(repo), str(acks), *map(str, (seed, points, burst, pause))]
    return subprocess.Popen(command, **popen)  # type: ignore[call-overload,no-any-return]


def missing(repo: Repo, run_hash: str, writer: str, said: int) -> str:
    """Say what is not there, or wrong, of what a writer has acknowledged; empty if nothing is."""
    try:
        run = repo.get_run(run_hash)
        return f"run {run_hash} is gone" if run is None else _missing(run, writer, said)
    except RunstoneError as error:
        return f"run {run_hash} cannot be read: {error}"


def _missing(run: StoredRun, writer: str, said: int) -> str:
    where = f"run {run.hash}, writer {writer}: "
    labels = [label for label, given in run.get("hparams", {}).items() if given.get("writer") == writer]
    if len(labels) != 1:
        return where + "its parameters are gone"
    context = {"writer": labels[0]}
    loss = run.get_metric("loss", context)
    steps, values = ([], []) if loss is None else loss.values.sparse_list()
    if len(steps) < said:
        return where + f"{len(steps)} points, and {said} were acknowledged"
    if steps != list(range(len(steps))) or values != [step * 0.5 for step in steps]:
        return where + "points are out of order, doubled or wrong"
    count = run.get_metric("count", context)
    steps, values = ([], []) if count is None else count.values.sparse_list()
    if len(steps) < (said + 9) // 10 or values != [-step for step in steps]:
        return where + f"{len(steps)} counts for {said} points, or wrong ones"
    images, texts = run.get_image_sequence("image", context), run.get_text_sequence("text", context)
    media = (said + 49) // 100
    if any((0 if found is None else len(found.values.sparse_list()[0])) < media for found in (images, texts)):
        return where + f"images or texts are gone, of {media} each"
    return ""
