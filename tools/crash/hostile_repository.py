"""Repositories that somebody has made to harm whoever opens them.

    python tools/crash/hostile_repository.py                  # every kind, and 20,000 lines of a fuzzer
    python tools/crash/hostile_repository.py --only kinds

Each kind is put into a repository that also has healthy runs, and every command and the Python interface are
asked, each in a process of its own. None may end in a traceback, hang, need much memory, write a terminal's
escape sequences, or read or touch anything outside of the repository; the healthy runs answer exactly; and fsck
tells of it. The negative controls take a protection away.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from campaign import Campaign, Options, Row, main
from confined import Ended, apart, command, tree
from hostile_kinds import KINDS, QUIET, REFUSED
from hostile_lines import SENTINEL, fuzzed
from hostile_place import HOSTILE, SECRET, Chain, Place, answers, made

import runstone_query.backup
import runstone_query.garbage  # noqa: F401 - what is loaded here is loaded once, and not by each process
from runstone import Repo
from runstone_query import overlay
from runstone_writer import lines, reader
from runstone_writer.layout import Layout

MOST_MEMORY = 640 * 1024 * 1024  # of a process that has loaded everything, which takes about 150 MiB
FUZZED = 20_000
LOG_LINES = 500


# -- judging -------------------------------------------------------------------------------------------------------


def asked(place: Place) -> Iterator[tuple[str, Ended]]:
    """Ask a repository everything, each question in a process of its own."""
    repo = ("--repo", str(place.folder))
    backup = place.folder.parent / "backup"
    yield "the Repo without an index", apart(lambda: _say(answers(place.folder, index=False)))
    yield "the Repo", apart(lambda: _say(answers(place.folder, index=True)))
    yield "fsck", apart(command("fsck", *repo))
    yield "status", apart(command("status", *repo))
    yield "query", apart(command("query", "run.hparams.lr > 0", *repo))
    yield "runs ls", apart(command("runs", "ls", *repo))
    yield "runs show", apart(command("runs", "show", HOSTILE, *repo))
    yield "gc --dry-run", apart(command("gc", "--now", "--dry-run", *repo))
    yield "index", apart(command("index", *repo))
    yield "the Repo after index", apart(lambda: _say(answers(place.folder, index=True)))
    yield "tail", apart(command("tail", HOSTILE, "--no-follow", *repo))
    yield "runs ls --json", apart(command("runs", "ls", "--json", *repo))
    yield "backup", apart(command("backup", str(backup), *repo))
    yield "gc", apart(command("gc", "--now", "--yes", *repo))


def _say(found: dict[str, str]) -> None:
    for run, answer in found.items():
        print(run, answer)


@dataclass
class Judged:
    """What was wrong, and how much memory was needed at most."""

    wrong: list[str]
    peak: int = 0


def judge(name: str, place: Place, most: int = MOST_MEMORY) -> Judged:
    """Make a repository hostile in one way, and return what is wrong with how it is dealt with."""
    KINDS[name](place)
    before, found = tree(place.outside), Judged([])
    expected = "".join(f"{run} {answer}\n" for run, answer in place.healthy.items()).encode()
    for what, ended in asked(place):
        found.peak = max(found.peak, ended.peak)
        fault = ended.fault(most)
        if name in REFUSED and b"RunstoneError" not in ended.err and b"StoreError" in ended.err:
            fault = ""  # the Python interface raises what the commands say
        if fault:
            found.wrong.append(f"{name}: {what}: {fault}")
        elif what.startswith("the Repo") and name not in REFUSED and ended.out != expected:
            found.wrong.append(f"{name}: {what}: healthy runs answer otherwise: {ended.said[-300:]!r}")
        elif name in REFUSED and ended.code == 0:
            found.wrong.append(f"{name}: {what}: it is not refused")
        elif what == "fsck" and name not in QUIET and ended.code == 0 and b"no damage)" not in ended.out:
            found.wrong.append(f"{name}: fsck tells nothing of it")
        if SECRET in ended.said:
            found.wrong.append(f"{name}: {what}: it shows what is outside")
        if tree(place.outside) != before:
            found.wrong.append(f"{name}: {what}: something outside was changed")
            before = tree(place.outside)
    backup = place.folder.parent / "backup"
    if any(
        SECRET in path.read_bytes()
        for path in backup.rglob("*")
        if path.is_file() and path.stat().st_size < 2**20
    ):
        found.wrong.append(f"{name}: the backup has what is outside")
    return found


def kinds(options: Options) -> Row:
    """Every kind of hostility."""
    row = Row("T1", "hostile repositories", "kinds", control="protections off")
    names = list(KINDS)
    if options.trials is not None:
        names = random.Random(options.seed).sample(names, min(options.trials, len(names)))
    peak = 0
    for name in names:
        row.trials += 1
        with _place() as place:
            found = judge(name, place)
        row.failures += found.wrong
        peak = max(peak, found.peak)
    for control in (_control_pickle, _control_links, _control_limit):
        row.controls += 1
        with _place() as place:
            row.caught += control(place)
    row.figures = {"MiB of memory at most": peak >> 20, "processes": row.trials * 13}
    return row


class _place:  # noqa: N801 - used as a function
    """A new repository, gone afterwards. The template is made once, in a process of its own."""

    template: Path | None = None

    def __enter__(self) -> Place:
        self._folder = tempfile.TemporaryDirectory(prefix="hostile-")
        folder = Path(self._folder.name, "here")
        told = Path(self._folder.name, "told")

        def make() -> None:
            told.write_text(json.dumps(made(folder).healthy))

        ended = apart(make)
        if ended.code:
            raise RuntimeError(ended.err.decode(errors="replace"))
        inside = folder / "repo"
        return Place(
            inside, Layout(str(inside / ".runstone")), folder / "outside", json.loads(told.read_text())
        )

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _control_pickle(place: Place) -> bool:
    """numpy.load as some use it runs what is in the file."""
    KINDS["an index file: a pickle inside"](place)
    path = next(place.epoch.glob("states-*"))

    def load() -> None:
        np.load(path, allow_pickle=True)["run"]

    apart(load)
    return (place.outside / "ran").exists()


def _control_links(place: Place) -> bool:
    """A reader that follows links shows what is outside."""
    KINDS["a log: a link"](place)
    path = place.log()

    def read() -> None:
        print(path.read_text())

    return SECRET in apart(read).out


def _control_limit(place: Place) -> bool:
    """A reader without a limit for lines takes as much memory as the line has bytes."""
    KINDS["1 GB without a newline"](place)

    def read() -> None:
        lines.LINE_LIMIT = reader.LINE_LIMIT = 1 << 40
        tail = overlay.Tail(place.layout, HOSTILE, None)
        tail.update()

    return apart(read).peak > MOST_MEMORY


# -- fuzzing -------------------------------------------------------------------------------------------------------


def fuzz(options: Options) -> Row:
    """Valid lines of every kind with odd types, values and numbers; between them points that have to be read."""
    row = Row("T2", "fuzzed lines with right checksums", "lines", control="no look at types")
    count = options.count(FUZZED)
    for start in range(0, count, LOG_LINES):
        some = min(LOG_LINES, count - start)
        with _place() as place:
            row.failures += _judge_fuzz(place, f"{options.seed}:{start}", some)
        row.trials += some
    with _place() as place:
        row.controls, row.caught = 1, _control_types(place, options.seed)
    return row


def _judge_fuzz(place: Place, seed: str, count: int) -> list[str]:
    name = f"seed {seed}, {count} lines"
    sentinels = _write_fuzz(place, seed, count)
    KINDS[name] = lambda _: None
    QUIET.add(name)
    try:
        found = judge(name, place).wrong
    finally:
        del KINDS[name]
    for index in (False, True):
        ended = apart(lambda index=index: print(_sentinels(place.folder, index)))
        if ended.out.strip() != b"%d" % sentinels:
            found.append(f"{name}: {ended.said[-300:]!r} of {sentinels} points are read, index {index}")
    ended = apart(command("fsck", "--json", "--repo", str(place.folder)))
    if ended.fault(MOST_MEMORY) or json.loads(ended.out)["index"]:
        found.append(f"{name}: index and logs differ: {ended.said[-600:]!r}")
    return found


def _write_fuzz(place: Place, seed: str, count: int) -> int:
    draw, sentinels = random.Random(seed), 0
    chain = Chain(place.log())
    for number in range(count):
        if number % 10 == 0:
            chain.line(SENTINEL)
            chain.line(b"[999,%d,0.5,%d," % (sentinels, 1000 + number))
            sentinels += 1
        chain.line(fuzzed(draw))
    chain.end()
    return sentinels


def _sentinels(folder: Path, index: bool) -> int:
    repo = Repo(folder, index=index, read_only=True)
    found = repo.query_metrics("metric.name == 'sentinel'", 0).iter_runs()
    return sum(len(metric.values) for run in found for metric in run)


def _control_types(place: Place, seed: int) -> int:
    """A reader that believes what it decodes ends in an exception."""
    _write_fuzz(place, f"{seed}:0", 200)

    def read() -> None:
        state: dict[str, object] = {}
        for line in place.log().read_bytes().splitlines():
            row = json.loads(line)
            if isinstance(row, dict):
                state[row["event"]] = row["dt"] + 1

    return int(b"Traceback" in apart(read).err)


CAMPAIGNS: dict[str, Campaign] = {"kinds": kinds, "fuzz": fuzz}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
