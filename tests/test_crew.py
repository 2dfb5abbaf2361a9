"""A crew of processes reads what one would read: the same rows, documents, points and problems."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, assert_index_is_right, hash_of, index, new_repo, problems, write_run
from processes import wait_until
from runstone import Repo
from runstone_indexer import crew
from runstone_indexer.generation import open_generation
from runstone_indexer.indexer import Indexer
from runstone_writer.layout import Layout

RUNS = 60


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = new_repo(tmp_path)
    for number in range(RUNS):
        write_run(layout, number)
    return layout


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "WORTH_IT", 10)
    monkeypatch.setattr(crew, "BLOCK", 7)
    monkeypatch.setattr(crew, "size", lambda: 2)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[crew.Share]:
    """What the crew has handed in."""
    found: list[crew.Share] = []
    real = crew._Hand._carried_out

    def noted(self: crew._Hand, order: dict[str, Any]) -> crew.Share | None:
        share = real(self, order)
        if share is not None:
            found.append(share)
        return share

    monkeypatch.setattr(crew._Hand, "_carried_out", noted)
    return found


def alone(layout: Layout, folder: Path) -> Layout:
    """A copy, indexed by one process."""
    shutil.copytree(layout.root, folder / ".runstone")
    copy = Layout(str(folder / ".runstone"))
    shutil.rmtree(copy.index, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "size", lambda: 0)
        index(copy)
    return copy


def documents(layout: Layout) -> dict[str, int]:
    generation = open_generation(layout)
    assert generation is not None
    return {
        file.hash(row): int(file.column("document")[row])
        for file, rows in generation.locate(None)
        for row in rows.tolist()
    }


def test_what_a_crew_has_read_is_what_one_process_reads(layout, asked, tmp_path):
    done: list[int] = []
    report = index(layout, progress=lambda count, total: done.append(count))
    assert sum(share.runs for share in asked) == RUNS
    assert len(asked) == -(-RUNS // crew.BLOCK)
    assert (report.runs, report.points, done[-1]) == (RUNS, RUNS * 6, RUNS)
    assert_index_is_right(layout)
    copy = alone(layout, tmp_path / "copy")
    manifests = [open_generation(place).manifest for place in (layout, copy)]
    assert manifests[0].runs == manifests[1].runs == RUNS
    assert manifests[0].points == manifests[1].points
    assert documents(layout) == documents(copy)
    assert len(Repo(layout.root).query_runs("run.lr < 2 and 't1' in run.tags").hashes()) == 7


def test_runs_with_many_points_are_handed_in_one_by_one(layout, asked, monkeypatch, tmp_path):
    monkeypatch.setattr(
        crew, "_PROCESS", "from runstone_indexer import crew; crew.MOST_POINTS = 13; crew.main()"
    )
    assert index(layout).runs == RUNS
    assert {share.runs for share in asked} == {1, 3}
    assert sum(share.runs for share in asked) == RUNS
    assert_index_is_right(layout)
    assert documents(layout) == documents(alone(layout, tmp_path / "copy"))


def test_after_a_crew_the_index_goes_on_as_after_one_process(layout, asked):
    index(layout)
    shares = len(asked)
    write_run(layout, RUNS)
    Journal(layout, hash_of(3), 500).track(0.5)
    shutil.rmtree(layout.run_folder(hash_of(4)))
    assert index(layout).runs == 2
    assert len(asked) == shares
    assert_index_is_right(layout)


def test_runs_of_which_something_has_to_be_told_are_left_to_the_indexer(layout, asked, tmp_path):
    torn = Path(layout.log_path(hash_of(5), layout.log_names(hash_of(5))[0]))
    torn.write_bytes(torn.read_bytes()[:-9])
    bad = Path(layout.log_path(hash_of(20), layout.log_names(hash_of(20))[0]))
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 1
    bad.write_bytes(data)
    Path(layout.run_folder(hash_of(33)), "notes.txt").touch()
    Path(layout.run_folder("empty")).mkdir(parents=True)
    write_run(layout, RUNS, end=False)
    index(layout)
    left = {run for share in asked for run in share.left}
    assert left == {hash_of(5), hash_of(20), hash_of(33), "empty"}
    assert problems(layout) == problems(alone(layout, tmp_path / "copy")) != []
    assert_index_is_right(layout)


@pytest.mark.parametrize("orders", [0, 1, 3])
def test_what_a_process_that_dies_had_to_do_is_done_by_the_indexer(
    layout, asked, monkeypatch, tmp_path, orders
):
    (tmp_path / "dying.py").write_text(
        "import os, signal, sys\n"
        "from runstone_indexer import crew\n"
        "real, count = crew.carry_out, [0]\n"
        "def carry_out(order):\n"
        "    count[0] += 1\n"
        f"    if count[0] > {orders}:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(order)\n"
        "crew.carry_out = carry_out\n"
    )
    monkeypatch.setattr(crew, "_PROCESS", "import dying; dying.crew.main()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert index(layout).runs == RUNS
    assert sum(share.runs for share in asked) == 2 * orders * crew.BLOCK
    assert_index_is_right(layout)


def test_a_crew_that_has_run_ahead_can_be_dismissed(layout, asked):
    """As when the disk is full: each of its threads waits until there is room for more."""
    runs = [hash_of(number) for number in range(RUNS)]

    def broken_off(folder: Path) -> None:
        folder.mkdir()
        asked.clear()
        with crew.shares(layout, str(folder), runs, 0) as found:
            next(found)
            wait_until(lambda: len(asked) == 2 * crew.AHEAD)

    for number in range(6):
        thread = threading.Thread(target=broken_off, args=(Path(layout.root, f"work{number}"),), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()


def test_where_no_process_can_be_started_one_does_it_all(layout, asked, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert index(layout).runs == RUNS
    assert asked == []
    assert_index_is_right(layout)


def test_a_program_that_has_a_python_inside_is_not_started_again(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    assert crew.size() == 0


KILLED = """
import os, signal, sys
from runstone_indexer import crew
from runstone_indexer.indexer import Indexer
crew.WORTH_IT, crew.BLOCK, crew.size = 10, 7, lambda: 2
real, count = crew._Hand._carried_out, int(sys.argv[2])
def carried_out(self, order):
    global count
    count -= 1
    if count < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, order)
crew._Hand._carried_out = carried_out
Indexer(sys.argv[1]).run_once()
"""


@pytest.mark.parametrize("shares", [0, 1, 4, 8])
def test_an_indexer_that_is_killed_takes_its_crew_with_it(layout, shares):
    command = [sys.executable, "-c", KILLED, layout.root, str(shares)]
    done = subprocess.run(
        command, stderr=subprocess.PIPE, check=False
    )  # ends when nobody has that pipe any more
    assert done.returncode == -signal.SIGKILL
    index(layout)
    assert_index_is_right(layout)


def test_a_pass_that_is_interrupted_leaves_nothing_behind(layout):
    def progress(count: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(layout, progress=progress)
    with Indexer(layout) as indexer:
        indexer.run_once()
        assert_index_is_right(layout)
