"""Worker processes end their logs, however they were started, and a run can be pickled into them."""

import copy
import multiprocessing
import os
import pickle
import signal
import warnings

import pytest

from runstone import ReadOnlyError, Repo, Run

QUIET = {"system_tracking_interval": None, "capture_terminal_logs": False}
METHODS = ("fork", "spawn", "forkserver")


def stored(repo, run):
    return Repo(repo, index=False).get_run(run.hash)


def track_with(run, number):
    run.track(float(number), name="number", step=number)


def open_and_track(repo, run_hash, number):
    run = Run(run_hash, repo=repo, create=True, system_tracking_interval=None)
    print("working")
    run.track(float(number), name="number", step=number)
    globals()["held"] = run  # nothing but the end of the process closes it


def track_and_hang(run, ready):
    run.track(0.0, name="number")
    ready.set()
    signal.pause()


def started(method, target, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from Python 3.12 on
        process = multiprocessing.get_context(method).Process(target=target, args=arguments)
        process.start()
    return process


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_ends_what_it_has_written(tmp_path, method):
    run = Run(repo=tmp_path, **QUIET)
    workers = [started(method, track_with, run, number) for number in range(2)]
    workers.append(started(method, open_and_track, tmp_path, run.hash, 2))
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    run.close()
    found = stored(tmp_path, run)
    assert found.get_metric("number").values.sparse_list() == ([0, 1, 2], [0.0, 1.0, 2.0])
    assert all(writer.end is not None for writer in found._fresh_state().writers.values())
    assert found.status == "finished"
    assert [row.line for row in found.get_terminal_logs()] == ["working"]


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_was_killed_ends_with_its_parent(tmp_path, method):
    run = Run(repo=tmp_path, **QUIET)
    ready = multiprocessing.get_context(method).Event()
    worker = started(method, track_and_hang, run, ready)
    ready.wait()
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert stored(tmp_path, run).status == "running"
    run.close()
    found = stored(tmp_path, run)
    assert (found.status, found.active) == ("finished", False)
    assert len(found.get_metric("number")) == 1


def test_a_pool_that_unpickles_the_run_for_each_task_makes_one_log_per_worker(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(track_with, [(run, number) for number in range(20)], chunksize=1)
        pool.close()
        pool.join()
    run.close()
    found = stored(tmp_path, run)
    assert found.get_metric("number").values.indices_list() == list(range(20))
    assert len(found._fresh_state().writers) <= 3


def test_in_its_own_process_a_copy_is_the_run_itself(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    assert copy.deepcopy({"run": run})["run"] is run
    run.close()
    assert copy.deepcopy(run) is not run  # which a closed one cannot be gone on with in


def test_a_run_that_is_read_stays_one(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    run["a"] = 1
    run.close()
    for read in (Run(run.hash, repo=tmp_path, read_only=True), stored(tmp_path, run)):
        again = pickle.loads(pickle.dumps(read))
        assert (type(again), again["a"]) == (type(read), 1)
        with pytest.raises(ReadOnlyError):
            again["b"] = 2
