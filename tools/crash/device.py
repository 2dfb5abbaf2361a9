"""R8: a device that refuses writes for a while, so that fsync fails, under a training script. It needs to be root.

    python tools/crash/device.py --seed 7 --trials 5

A network block device of our own (nbdkit's error filter, nbdfuse, a loop device) answers EIO while a file is there;
the journal of the file system is on another device, so that the file system outlives it, as it does where one
sector of many is bad. After a failed fsync the kernel may drop what it was to store, and claim success the next time.
The oracle: nothing that sync() or a durable call said to be durable is lost when the power is cut later; what was
refused is sent again and becomes durable once the device works, counts once, and its blobs are whole; the caller was
warned, once; the index is not broken, and right after the next `runstone index`.

Control: a writer that asks for the fsync of the same file again until it succeeds.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from campaign import Options, Row, main
from disk import NO_FLUSH, Child, Disk, clear_leftovers, loop_device, unusable
from power import QUIET, Expected, Writer, judge, nothing, one_event, wait_for

import runstone_writer.log as log_module
import runstone_writer.part as part
from runstone import Run, StoreError
from runstone_indexer import Indexer

FULL = 30
MIB = 320
SYSTEMS = ("ext4", "xfs")


class Refusing:
    """A block device that refuses writes while `flag` is there."""

    def __init__(self, folder: Path) -> None:
        self.flag = folder / "refuse"
        self._file = folder / "nbd"
        self._file.touch()
        command = ["nbdkit", "--filter=error", "memory", f"{MIB}M", "error=EIO", "error-pwrite-rate=100%"]
        self._server = subprocess.Popen(
            ["nbdfuse", self._file, "[", *command, f"error-file={self.flag}", "]"], stderr=subprocess.DEVNULL
        )
        wait_for(lambda: self._file.stat().st_size > 0 or self._server.poll() is not None)
        self.device = loop_device(self._file)

    def close(self) -> None:
        self.flag.unlink(missing_ok=True)
        subprocess.run(["losetup", "-d", self.device], capture_output=True, check=False)
        wait_for(
            lambda: subprocess.run(["umount", self._file], capture_output=True, check=False).returncode == 0
        )
        self._server.wait()


@contextlib.contextmanager
def refusing_disk(kind: str) -> Iterator[tuple[Disk, Refusing]]:
    """A file system whose data is on a device that can be told to refuse; its journal is on one that works."""
    disk = Disk(kind, device="none yet")
    device = None
    try:
        device = Refusing(disk.folder)
        disk.device, disk.journal = device.device, loop_device(disk.folder / "journal", 128)
        disk.format()
        yield disk, device
        device.flag.unlink(missing_ok=True)
        disk.unmount()
    finally:
        if device is not None:
            device.flag.unlink(missing_ok=True)
            with contextlib.suppress(RuntimeError):
                disk.unmount(patience=1)
            with contextlib.suppress(RuntimeError):
                device.close()
        disk.__exit__()


# -- the training script -----------------------------------------------------------------------------------------


def train(root: Path, outside: Path, writer: Writer, seed: int, spoil: Callable[[], None]) -> None:
    """Be a training script that says what is durable by its own word, also when it has been refused."""
    spoil()
    choice, shared = random.Random(seed), writer.shared
    told: list[str] = []
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_: told.append(str(message).partition("\n")[0])  # type: ignore[assignment]
    report(writer)
    run = Run(writer.run, create=True, repo=root, durability=writer.mode, **QUIET)
    log = run._log
    assert log is not None
    for i in range(writer.count):
        one_event(run, writer.tag, i, outside)
        shared["acked"] = i + 1
        shared["failed"] = max(shared["failed"], int(log.refusal is not None))
        if len(told) > shared["slowest"]:
            shared["slowest"] = len(told)
            (outside / "warnings").write_text("\n".join(told))
        time.sleep(choice.uniform(0.0, 0.004))
    time.sleep(3600)


def report(writer: Writer) -> None:
    """Let each sync() after which all that it began with is durable say so."""
    shared, sync = writer.shared, log_module.LogWriter.sync

    def reporting(self: log_module.LogWriter) -> None:
        acked, before = shared["acked"], self.part
        sync(self)
        if self._lock._is_owned():
            return
        with self._lock:
            here = self._part
            shelf = self._cargo._shelf
            doubts = shelf is not None and (shelf._doubtful or self._cargo._waiting)
            if (
                here.number == before >= 0
                and here.failure is None
                and here.caught_up
                and here.named
                and not doubts
            ):
                shared["durable"] = max(shared["durable"], acked)

    log_module.LogWriter.sync = reporting


def index_always(root: Path) -> None:
    while True:
        with contextlib.suppress(StoreError):
            Indexer(root).run_once()
        time.sleep(0.05)


def ask_again() -> None:
    """Take the protection away: ask for the fsync of the same file until it succeeds."""

    def stubborn(of: Callable[[int], None], fd: int) -> None:
        for _ in range(1000):
            try:
                of(fd)
            except OSError:
                time.sleep(0.01)
            else:
                return

    part._fdatasync = partial(stubborn, part._fdatasync)


# -- trials ------------------------------------------------------------------------------------------------------


def refusals(kind: str, options: Options) -> Row:
    """Let a device refuse writes for a moment, many times."""
    row = Row("R8", f"a device that refuses writes, {kind}", control="fsync of the same file again")
    row.skipped = unusable("nbdkit", "nbdfuse")
    if row.skipped:
        return row
    clear_leftovers()
    heard = 0
    with refusing_disk(kind) as (disk, device):
        for trial in range(options.count(FULL)):
            seed = options.seed * 1000 + trial
            wrong, noticed = one_refusal(disk, device, seed)
            row.trials += 1
            heard += noticed
            row.failures += [f"seed {seed}, {kind}: {what}" for what in wrong]
        row.figures["trials that the file system came through, and the log heard of"] = heard
        for trial in range(min(max(row.trials // 3, 3), 10)):
            wrong, _ = one_refusal(disk, device, options.seed * 1000 + 500 + trial, ask_again)
            row.controls += 1
            row.caught += any("lost" in what or "is gone" in what for what in wrong)
    if not heard:
        row.failures.append("no log ever heard of a failed fsync")
    return row


def one_refusal(
    disk: Disk, device: Refusing, seed: int, spoil: Callable[[], None] = nothing
) -> tuple[list[str], bool]:
    """Refuse writes for a moment while a script runs; later cut the power, and judge."""
    choice = random.Random(seed)
    disk.format()
    root, outside = disk.mounted / "repo", disk.folder
    writer = Writer("w", "run", choice.choice(("written", "durable")), 1_000_000)
    children = [Child(partial(train, root, outside, writer, seed, spoil), outside / "writer.log")]
    (outside / "warnings").write_text("")
    wrong: list[str] = []
    try:
        wait_for(lambda: writer.acked > choice.randrange(5, 300) or not children[0].is_alive())
        children.append(Child(partial(index_always, root), outside / "indexer.log"))
        device.flag.touch()
        with contextlib.suppress(RuntimeError):
            wait_for(lambda: writer.shared["failed"], 5)
        time.sleep(choice.uniform(0.0, 1.5))
        device.flag.unlink()
        until = writer.acked
        with contextlib.suppress(RuntimeError):
            wait_for(lambda: writer.durable >= until or not children[0].is_alive(), 30)
        if writer.durable < until:
            wrong.append(
                f"of {until} events {writer.durable} are durable half a minute after the device works again"
            )
        wrong += [f"it ended by itself: {child.said()[-600:]}" for child in children if not child.is_alive()]
        durable, acked = writer.durable, writer.acked
        disk.cut(NO_FLUSH)
    finally:
        for child in children:
            child.kill()
    heard = (outside / "warnings").read_text().splitlines()
    if writer.shared["failed"] and not any("cannot" in line for line in heard):
        wrong.append(f"nobody was warned: {heard}")
    heard = [line for line in heard if not line.startswith("artifact")]  # each of these is told
    wrong += [f"warned {heard.count(line)} times: {line}" for line in set(heard) if heard.count(line) > 1]
    disk.unmount()
    disk.mount()
    if not is_readable(disk):  # the device has refused what the file system itself had to store
        return [], False
    parts = len(list((root / ".runstone" / "logs").rglob("*.jsonl")))
    if parts > 12:
        wrong.append(f"the log is in {parts} parts, after a few seconds of refusal")
    expected = [Expected(writer.tag, writer.run, durable, acked)]
    found = outside / "judgement"
    found.unlink(missing_ok=True)

    def work() -> None:
        found.write_text("\0".join(judge(root, disk.mounted / "none", expected, {}, None)))

    judge_child = Child(work, outside / "judge.log")
    if not judge_child.wait():
        wrong.append(f"the judge died: {judge_child.said()[-600:]}")
    else:
        wrong += list(filter(None, found.read_text().split("\0")))
    return wrong, bool(writer.shared["failed"])


def is_readable(disk: Disk) -> bool:
    """Whether the file system has come through: each folder and each name in it can be looked at."""
    faults: list[OSError] = []
    try:
        for folder, _, files in os.walk(disk.mounted, onerror=faults.append):
            for name in files:
                os.stat(os.path.join(folder, name))
    except OSError as error:
        faults.append(error)
    return not faults


CAMPAIGNS = {kind: partial(refusals, kind) for kind in SYSTEMS}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
