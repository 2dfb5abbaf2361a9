"""Several at once that write one run: threads, forked children and other processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import runstone
from journals import steps_of
from processes import QUIET, child, forked
from runstone import Repo
from runstone_writer.layout import open_repo
from runstone_writer.replay import replay
from runstone_writer.run import Run
from runstone_writer.state import RunState

DEADLINE = 60


@pytest.fixture
def run(tmp_path: Path) -> runstone.Run:
    return runstone.Run(repo=tmp_path, **QUIET)


def test_threads_share_a_run_and_each_keeps_its_order(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)

    def work(name: str) -> None:
        for step in range(500):
            run.track(step * 1.0, name=name, step=step)

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.close()
    layout = open_repo(tmp_path)
    state = RunState(run.hash)
    found: dict[str, list[int]] = {}

    def sink(state, writer, rows):  # type: ignore[no-untyped-def]
        for row in rows:
            found.setdefault(state.sequences[writer.declared[row[0]]].name, []).append(row[1])

    done = replay(layout, state, layout.log_names(run.hash), sink)
    assert done.problems == []
    assert found == {f"t{i}": list(range(500)) for i in range(6)}


def test_a_forked_child_goes_on_in_a_log_of_its_own(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run.track(1.0, name="loss", step=0)
    run.track(1.0, name="loss", step=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        try:
            for step in range(100, 150):
                run.track(2.0, name="loss", step=step)
            run.close()
        finally:
            os._exit(0)
    for step in range(2, 50):
        run.track(3.0, name="loss", step=step)
    assert os.waitpid(pid, 0)[1] == 0
    run.close()
    layout = open_repo(tmp_path)
    steps, done, state = steps_of(layout, run.hash)
    assert sorted(steps) == [*range(50), *range(100, 150)]
    assert done.problems == []
    assert len(state.writers) == 2
    assert all(writer.end is not None for writer in state.writers.values())


def test_a_child_that_logs_nothing_leaves_no_log(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        run.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    run.track(1.0, name="loss")
    run.close()
    assert len(open_repo(tmp_path).log_names(run.hash)) == 1


def test_several_processes_write_one_run_at_once(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    code = """
import sys
from runstone_writer.run import Run
run = Run(sys.argv[2], repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
for step in range(300):
    run.track(step * 1.0, name="loss", step=step)
run.close()
"""
    children = [child(code, str(tmp_path), run.hash) for _ in range(4)]
    for process in children:
        _, errors = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, errors
    run.close()
    steps, done, state = steps_of(open_repo(tmp_path), run.hash)
    assert sorted(steps) == sorted(list(range(300)) * 4)
    assert done.problems == []
    assert len(state.writers) == 5


def track_and_read(run: Run, name: str) -> None:
    run.track(2.0, name=name)
    assert run.tags == []


def test_a_child_forked_while_a_thread_declares_sequences_is_not_stuck(tmp_path: Path, run: Run) -> None:
    stop = threading.Event()

    def work() -> None:
        count = 0
        while not stop.is_set():
            run.track(1.0, name=f"s{count}")
            assert run.tags == []
            count += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(10):
            assert forked(partial(track_and_read, run, f"child {number}")) == 0
    finally:
        stop.set()
        thread.join()
    run.close()
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    names = {metric.name: metric.values.sparse_list() for metric in stored.metrics()}
    assert {name for name in names if name.startswith("child")} == {f"child {number}" for number in range(10)}
    assert all(values == ([0], [1.0 if name[0] == "s" else 2.0]) for name, values in names.items())


def in_worker(arguments: tuple[Run, int]) -> None:
    run, number = arguments
    for step in range(20):
        run.track(float(step), name="loss", context={"worker": number})


def test_workers_of_multiprocessing_log_into_the_run_that_they_inherit(tmp_path: Path, run: Run) -> None:
    run.track(1.0, name="parent")
    context = multiprocessing.get_context("fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        workers = [context.Process(target=in_worker, args=((run, number),)) for number in range(3)]
        for worker in workers:
            worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    run.track(2.0, name="parent")
    run.close()
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    assert len(os.listdir(os.path.dirname(run._log.path()))) == 4  # type: ignore[union-attr]
    for number in range(3):
        metric = stored.get_metric("loss", {"worker": number})
        assert metric is not None
        assert metric.values.sparse_list() == (list(range(20)), [float(step) for step in range(20)])


def test_threads_that_meet_new_sequences_at_once_agree_on_their_numbers(tmp_path: Path, run: Run) -> None:
    def work() -> None:
        for step in range(10):
            for name in range(30):
                run.track(float(name), name=f"s{name}", step=step)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    for metric in stored.metrics():
        steps, values = metric.values.sparse_list()
        assert steps == sorted(list(range(10)) * 4)
        assert values == [float(metric.name[1:])] * 40
