"""An indexer that is killed at any moment: the next one goes on, and nobody ever saw a wrong answer."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, assert_index_is_right, hash_of, index, new_repo, records, write_run
from processes import wait_until
from runstone_indexer.generation import Generation, open_generation
from runstone_indexer.indexer import Indexer
from runstone_query.overlay import Overlay
from runstone_query.record import Record
from runstone_writer.errors import IndexBusyError
from runstone_writer.layout import Layout

TESTS = str(Path(__file__).parent)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


@contextlib.contextmanager
def started(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has said "ready"; it is killed at the end."""
    script = f"import sys\nsys.path.insert(0, {TESTS!r})\n" + script
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


# -- at random moments -----------------------------------------------------------------------------------------

AT_RANDOM = """
import os, random, signal, time
from pathlib import Path
from journals import *
print("ready", flush=True)
seed = int(sys.argv[2])
rng, layout = random.Random(seed), Layout(sys.argv[1])
scribe = Scribe(layout, seed)
for kills in range(int(sys.argv[3])):
    scribe.act(rng.randrange(30))
    child = os.fork()
    if not child:
        try:
            with Indexer(layout) as indexer:
                while True:
                    indexer.reindex() if rng.random() < 0.15 else indexer.run_once(full=rng.random() < 0.5)
        finally:
            os._exit(1)
    until = time.monotonic() + rng.random() * 0.1
    while time.monotonic() < until:
        scribe.act(2)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert_same_answers(layout) if not scribe.without_hint else None
    index(layout)
    assert_index_is_right(layout)
print("right", open_generation(layout).manifest.generation > 10)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_the_next_one_gives_what_a_rebuild_gives(layout, seed):
    with started(AT_RANDOM, layout.root, str(seed), "12") as process:
        assert process.communicate()[0] == "right True\n"


# -- at system calls ---------------------------------------------------------------------------------------------

AT_CALL = """
from runstone_indexer.indexer import Indexer
from runstone_indexer import compaction
import os
compaction.FAN_OUT = 1
print("ready", flush=True)
os.path.exists("/mark-of-the-test")
Indexer(sys.argv[1]).run_once()
"""
CALLS = (
    "openat",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "unlink",
    "mkdir",
    "pwrite64",
    "ftruncate",
    "flock",
)
POINTS = 10
strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def traced(layout: Layout, *options: str) -> subprocess.CompletedProcess[str]:
    script = "import sys\n" + AT_CALL
    command = ["strace", "-f", "-qq", *options, sys.executable, "-c", script, layout.root]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@strace
def test_killed_at_chosen_system_calls_the_next_one_gives_what_a_rebuild_gives(layout, tmp_path):
    """A sample of all of them; `make crash` has the long form."""
    for number in range(4):
        write_run(layout, number)
        index(layout)
    journals = [write_run(layout, number, end=False) for number in range(4, 8)]
    prepared = shutil.copytree(tmp_path / ".runstone", tmp_path / "prepared", symlinks=True)
    log = tmp_path / "calls"
    done = traced(layout, "-o", str(log), "-e", f"trace={','.join((*CALLS, 'stat', 'newfstatat'))}")
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("may not trace")
    assert done.returncode == 0, done.stderr
    before, total = Counter[str](), Counter[str]()
    marked = False
    for line in log.read_text().splitlines():
        marked = marked or "/mark-of-the-test" in line
        found = re.match(r"\d+ +(\w+)\(", line)
        if found and found[1] in CALLS:
            total[found[1]] += 1
            before[found[1]] += not marked
    places = [(call, n) for call in CALLS for n in range(before[call] + 1, total[call] + 1)]
    assert len(places) > 60
    killed = 0
    for call, n in random.Random(os.getpid()).sample(places, POINTS):
        shutil.rmtree(layout.root)
        shutil.copytree(prepared, layout.root, symlinks=True)
        done = traced(
            layout, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}", "-o", "/dev/null"
        )
        killed += done.returncode != 0
        overlay = Overlay(layout)
        assert len(overlay.fresh(overlay.candidates(), open_generation(layout))) <= len(journals)
        index(layout)
        assert_index_is_right(layout)
        assert len(records(layout)) == 8, (call, n)
    assert killed >= POINTS // 2


# -- two of them ---------------------------------------------------------------------------------------------------

HOLD = """
import time
from runstone_indexer.indexer import Indexer
with Indexer(sys.argv[1]) as indexer:
    indexer.run_once()
    print("ready", flush=True)
    time.sleep(600)
"""


def test_when_the_first_of_two_indexers_is_killed_the_second_can_start(layout):
    write_run(layout, 1)
    with started(HOLD, layout.root) as first:
        write_run(layout, 2)
        with pytest.raises(IndexBusyError):
            index(layout)
        assert sorted(records(layout)) == [hash_of(1), hash_of(2)]
        first.send_signal(signal.SIGKILL)
        first.wait()
    index(layout)
    assert_index_is_right(layout)


# -- with readers ----------------------------------------------------------------------------------------------------

BUSY = """
import random, time
from runstone_indexer import compaction
from runstone_indexer.indexer import Indexer
compaction.FAN_OUT = 2
rng = random.Random(5)
with Indexer(sys.argv[1]) as indexer:
    indexer.run_once()
    print("ready", flush=True)
    while True:
        indexer.reindex() if rng.random() < float(sys.argv[2]) else indexer.run_once(full=rng.random() < 0.2)
"""


def values_of(run: str, overlay: Overlay, generation: Generation | None, fresh: dict) -> list[float]:
    """Ask for one run as a query does: from its tail, or from its row."""
    if run in fresh:
        record = fresh[run].record()
    else:
        assert generation is not None
        place = generation.place(run)
        assert place is not None
        record = Record.indexed(generation, *place)
    return record.points(0)[0].python_values()


@pytest.mark.parametrize("rebuilds", [0.0, 0.5])
def test_a_reader_sees_everything_at_once_while_an_index_is_merged_and_rebuilt(layout, rebuilds):
    """One reader that stays, and a new one each time. Each event is looked for right after it was written."""
    journals = [Journal(layout, hash_of(n), n) for n in range(6)]
    written: list[list[float]] = [[] for _ in journals]
    rng = random.Random(7)
    staying, generation = Overlay(layout), None
    seen = set()
    for n, journal in enumerate(journals):
        journal.track(0.0)
        written[n].append(0.0)
    with started(BUSY, layout.root, str(rebuilds)):
        until = time.monotonic() + 3
        while time.monotonic() < until:
            n = rng.randrange(len(journals))
            value = rng.random()
            journals[n].track(value, step=len(written[n]))
            written[n].append(value)
            overlay = staying if rng.random() < 0.8 else Overlay(layout)
            hints = overlay.candidates()
            generation = open_generation(layout, generation if overlay is staying else None)
            fresh = overlay.fresh(hints, generation)
            for i in (n, rng.randrange(len(journals))):
                assert values_of(hash_of(i), overlay, generation, fresh) == written[i]
            if generation is not None:
                seen.add((generation.manifest.epoch, generation.manifest.generation))
    assert len(seen) > 5
    index(layout)
    assert_index_is_right(layout)


def test_a_reader_of_an_ended_run_is_never_disturbed(layout):
    """No hint, no unread log: the answer comes from the files that are being replaced."""
    for number in range(5):
        write_run(layout, number, points=50)
    index(layout)
    expected = [3 + step / 10 for step in range(50)]
    live = Journal(layout, "live", 50)
    with started(BUSY, layout.root, "0.3"):
        until = time.monotonic() + 2
        while time.monotonic() < until:
            live.track(1.0)
            found = records(layout)
            assert len(found) == 6
            assert found[hash_of(3)].points(0)[0].python_values() == expected


def test_a_copy_made_while_an_index_is_being_written_is_a_repository(layout, tmp_path):
    """With its index and without; whatever the copy of the index is, the answers are those of the copied logs."""
    journals = [write_run(layout, number, end=False) for number in range(5)]
    step = 0
    with started(BUSY, layout.root, "0.2"):
        for number in range(12):
            for journal in journals:
                journal.track(0.5, step=100 + (step := step + 1))
            copy = tmp_path / f"copy{number}" / ".runstone"
            copy.parent.mkdir()
            copied = subprocess.run(["cp", "-a", layout.root, str(copy)], capture_output=True, check=False)
            assert copied.returncode in (0, 1)  # 1: files vanished while they were being copied
            there = Layout(str(copy))
            if number % 3 == 0:
                shutil.rmtree(there.index)
            with_index, without = records(there), records(there, index=False)
            assert sorted(with_index) == sorted(without) == [hash_of(n) for n in range(5)]
            index(there)
            assert_index_is_right(there)


def test_an_indexer_waits_for_nobody_and_nobody_for_it(layout):
    """A reader that holds files open does not keep the indexer from replacing them."""
    journal = write_run(layout, 1, end=False)
    index(layout)
    held = [open_generation(layout)]
    with started(BUSY, layout.root, "0.2"):
        for step in range(10):
            journal.track(0.5, step=1000 + step)
            last = held[-1]
            assert last is not None
            generation = last.manifest.generation

            def is_newer(generation: int = generation) -> bool:
                found = open_generation(layout)
                return found is not None and found.manifest.generation > generation

            wait_until(is_newer)
            held.append(open_generation(layout))
    assert all(generation is not None for generation in held)
    with Indexer(layout) as last_one:
        last_one.run_once()
    assert_index_is_right(layout)
