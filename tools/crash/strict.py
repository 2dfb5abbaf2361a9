"""R3, on the strictest file system that POSIX allows: a power cut leaves what was fsynced, and nothing else.

    python tools/crash/strict.py --seed 7

The file systems of tools/crash/power.py store more than they have to: with a new file they store its name. Here a
training script is watched (audit hooks tell which names it makes, its calls of fsync what it makes durable), and
after each event that is durable by its own word the worst that a power cut may leave is built in another folder:
each file up to where it was fsynced, each name only if its folder was fsynced since. Runs without root.

Controls: the fsync of folders does nothing; the fsync of files does nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from campaign import Options, Row, main
from power import QUIET, Expected, is_fine, missing, one_event

import runstone_writer.part as part
from runstone import Repo, Run, StoreError
from runstone_query.verify import verify

FULL = 200
EVENTS = 60  # of one script


class Watch:
    """What of a folder a power cut leaves, at the worst."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.unnamed: set[str] = set()  # paths whose names are not durable
        self.stored: dict[str, int] = {}  # how much of a file is durable

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of a name that is about to be made."""
        if (
            event == "open"
            and isinstance(args[0], str)
            and args[2] & os.O_CREAT
            and not os.path.exists(args[0])
        ):
            self._made(args[0])
        elif event == "os.mkdir" and not os.path.exists(args[0]):
            self._made(str(args[0]))
        elif event == "os.rename":
            self._renamed(str(args[0]), str(args[1]))

    def _made(self, path: str) -> None:
        path = os.path.abspath(path)
        if path.startswith(self.root):
            self.unnamed.add(path)
            self.stored.pop(path, None)

    def _renamed(self, old: str, new: str) -> None:
        self.unnamed.discard(old)
        self._made(new)
        if old in self.stored:
            self.stored[new] = self.stored.pop(old)

    def synced(self, fd: int) -> None:
        """An fsync of this file or folder is about to succeed."""
        path = os.readlink(f"/proc/self/fd/{fd}")
        if os.path.isdir(path):
            self.unnamed = {name for name in self.unnamed if os.path.dirname(name) != path}
        else:
            self.stored[path] = os.fstat(fd).st_size

    def leave(self, target: Path) -> None:
        """Build what a power cut leaves now."""
        shutil.rmtree(target, ignore_errors=True)
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in self.unnamed]
            there = target / os.path.relpath(folder, self.root)
            there.mkdir(parents=True)
            for name in files:
                path = os.path.join(folder, name)
                if path not in self.unnamed:
                    with open(path, "rb") as file:
                        (there / name).write_bytes(file.read(self.stored.get(path, 0)))


_watching: list[Watch] = []  # who is told; the hook itself stays for good


@cache
def _install() -> None:
    sys.addaudithook(lambda event, args: [watch.heard(event, args) for watch in _watching])


@contextmanager
def watched(root: Path, spoil: str) -> Iterator[Watch]:
    """Watch what happens below a folder; with `spoil` one kind of fsync does nothing ("names", "contents")."""
    _install()
    watch = Watch(root)
    _watching.append(watch)
    before = os.fsync, part._fdatasync

    def sync(of: Callable[[int], None], fd: int) -> None:
        is_folder = os.path.isdir(os.readlink(f"/proc/self/fd/{fd}"))
        if spoil != ("names" if is_folder else "contents"):
            watch.synced(fd)
            of(fd)

    os.fsync, part._fdatasync = (partial(sync, of) for of in before)  # type: ignore[assignment]
    try:
        yield watch
    finally:
        os.fsync, part._fdatasync = before
        _watching.clear()


def script(seed: int, spoil: str = "") -> list[str]:
    """Run a script in this process; return what is wrong with what a power cut leaves, at several instants."""
    choice, wrong = random.Random(seed), []
    with tempfile.TemporaryDirectory(prefix="runstone-strict-") as place:
        root, image = Path(place, "disk"), Path(place, "after the cut")
        root.mkdir()
        outside = Path(place)
        mode = choice.choice(("written", "durable"))
        with watched(root, spoil) as watch:
            run = Run("run", create=True, repo=root / "new" / "repo", durability=mode, **QUIET)
            log = run._log
            assert log is not None
            first = choice.randrange(50)  # so that each kind of event is the last one at times
            for i in range(EVENTS):
                one_event(run, "w", i, outside)
                if i != first and choice.random() < 0.9:
                    continue
                log.sync()
                if not is_fine(log):
                    wrong.append(f"event {i}: it is not durable")
                watch.leave(image)
                wrong += [f"event {i}, {mode}: {what}" for what in judged(image / "new" / "repo", i + 1)]
                if wrong:
                    break
            run.close()
    return wrong


def judged(repo: Path, durable: int) -> list[str]:
    try:
        found = Repo(repo, index=False)
    except StoreError as error:
        return [f"the repository is gone: {error}"]
    wrong = list(missing(found, Expected("w", "run", durable, durable), set()))
    return wrong + [str(problem) for problem in verify(found.layout).damage]


def strict(options: Options) -> Row:
    """Run many scripts, each with power cuts at several of its events."""
    row = Row(
        "R3", "power cuts, all that POSIX allows", "scripts", control="no fsync of folders; none of files"
    )
    for trial in range(options.count(FULL)):
        seed = options.seed * 10_000 + trial
        row.failures += [f"seed {seed}: {what}" for what in script(seed)]
        row.trials += 1
    caught = []
    for spoil in ("names", "contents"):
        tries = max(min(row.trials // 10, 10), 1)
        caught.append(sum(bool(script(options.seed * 10_000 + trial, spoil)) for trial in range(tries)))
        row.controls += tries
    row.caught = sum(caught) if all(caught) else 0
    row.figures["noticed without fsync of folders, of files"] = " and ".join(map(str, caught))
    return row


CAMPAIGNS = {"strict": strict}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
