"""Several at once that write one run: threads, forked children and other processes."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from journals import steps_of
from processes import QUIET, child
from runstone_writer.layout import open_repo
from runstone_writer.replay import replay
from runstone_writer.run import Run
from runstone_writer.state import RunState

DEADLINE = 60


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
