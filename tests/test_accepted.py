"""A log whose callers never wait for the storage: order, bounds, and what is told about losses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runstone_writer import accepted as accepted_module
from runstone_writer.accepted import AcceptedLog
from runstone_writer.errors import UsageError, ValueTypeError
from runstone_writer.layout import Layout, open_repo
from runstone_writer.part import Part
from runstone_writer.replay import Replay, replay
from runstone_writer.run import Run
from runstone_writer.state import RunState, WriterState

RUN = "c" * 24
QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}


class Found:
    """What a reader finds in the logs of the run."""

    def __init__(self, layout: Layout, run: str = RUN) -> None:
        self.state = RunState(run)
        self.points: dict[str, list[list[Any]]] = {}
        self.replay: Replay = replay(layout, self.state, layout.log_names(run), self._take)
        assert self.replay.problems == []

    def _take(self, _state: RunState, writer: WriterState, points: list[list[Any]]) -> None:
        self.points.setdefault(writer.writer, []).extend(points)

    @property
    def steps(self) -> list[int]:
        return [row[1] for rows in self.points.values() for row in rows]

    @property
    def dropped(self) -> int:
        return sum(writer.dropped for writer in self.state.writers.values())


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)


class Hanging:
    """Storage that takes nothing until it is let go on: every write of a line waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.waiting = threading.Event()
        append = Part.append

        def hang(part: Part, body: bytes) -> None:
            self.waiting.set()
            self.go_on.wait(60)
            append(part, body)

        monkeypatch.setattr(Part, "append", hang)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_repo(tmp_path, create=True)


@pytest.fixture
def log(layout: Layout) -> Iterator[AcceptedLog]:
    log = AcceptedLog(layout, RUN)
    yield log
    log.close()


def test_everything_accepted_is_written_in_order_by_the_time_that_the_log_is_closed(
    layout: Layout, log: AcceptedLog
) -> None:
    log.append("open")
    log.declare(1, "loss", {}, "number")
    for step in range(20_000):
        log.point(1, step, 0.5, None)
    log.close("end")
    found = Found(layout)
    assert found.steps == list(range(20_000))
    assert found.state.ended is not None
    times = [row[3] for rows in found.points.values() for row in rows]
    assert times == sorted(times)


def test_events_reach_the_file_without_a_call(layout: Layout, log: AcceptedLog) -> None:
    log.append("set", key=["a"], value=1)
    wait_for(lambda: layout.log_names(RUN) != [] and Found(layout).state.params.tree() == {"a": 1})


def test_the_log_makes_itself_durable_and_beats_its_own_heart(
    layout: Layout, log: AcceptedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted_module, "BEAT_SECONDS", 0.01)
    log.append("open")
    wait_for(lambda: log.started and log._part.is_durable)
    hint = Path(layout.hint_path(RUN, log.writer))
    wait_for(lambda: int(hint.read_text()) >= 2)


def test_the_tender_has_nothing_to_wait_for(log: AcceptedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = Hanging(monkeypatch)
    log.append("open")
    hanging.waiting.wait(60)
    log.sync()
    log.beat()
    hanging.go_on.set()


def test_calls_return_while_the_storage_hangs_and_all_is_written_when_it_goes_on(
    layout: Layout, log: AcceptedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = Hanging(monkeypatch)
    log.declare(1, "loss", {}, "number")
    hanging.waiting.wait(60)
    for step in range(1000):
        log.point(1, step, 0.5, None)
    assert len(log.unwritten()) == 1001
    hanging.go_on.set()
    log.close("end")
    assert Found(layout).steps == list(range(1000))
    assert log.unwritten() == []


def test_what_does_not_fit_into_memory_is_dropped_oldest_first_and_counted_in_the_log(
    layout: Layout, log: AcceptedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted_module, "WAITING_LIMIT", 10_000)
    hanging = Hanging(monkeypatch)
    log.declare(1, "loss", {}, "number")
    hanging.waiting.wait(60)
    for step in range(5000):
        log.point(1, step, 0.5, None)
        assert sum(map(len, log.unwritten())) <= 10_200
    hanging.go_on.set()
    log.close("end")
    found = Found(layout)
    assert found.steps == list(range(5000 - len(found.steps), 5000))
    assert found.dropped == 5000 - len(found.steps) > 4000


def test_a_sequence_that_is_declared_while_the_storage_hangs_is_known_however_much_is_dropped(
    layout: Layout, log: AcceptedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted_module, "WAITING_LIMIT", 10_000)
    hanging = Hanging(monkeypatch)
    log.append("open")
    hanging.waiting.wait(60)
    log.declare(1, "loss", {}, "number")
    for step in range(5000):
        log.point(1, step, 0.5, None)
    hanging.go_on.set()
    log.close("end")
    found = Found(layout)
    assert found.steps
    assert found.steps == list(range(5000 - len(found.steps), 5000))
    assert found.dropped == 5000 - len(found.steps)


def test_close_gives_up_on_storage_that_hangs_and_says_how_much_was_not_written(
    layout: Layout, log: AcceptedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted_module, "CLOSE_SECONDS", 0.05)
    hanging = Hanging(monkeypatch)
    log.declare(1, "loss", {}, "number")
    hanging.waiting.wait(60)
    log.point(1, 0, 0.5, None)
    with pytest.warns(RuntimeWarning, match="does not answer: 3 accepted events"):
        log.close("end")
    hanging.go_on.set()
    wait_for(lambda: log.closed)
    assert Found(layout).steps == [0]
    assert Found(layout).state.ended is not None


def test_what_is_wrong_with_a_call_is_raised_by_the_call(log: AcceptedLog) -> None:
    with pytest.raises(ValueTypeError, match="cannot be kept"):
        log.append("tag", name="\ud800", on=True)
    with pytest.raises(UsageError, match="bytes long"):
        log.append("set", key=["a"], value="x" * (17 << 20))
    assert log.unwritten() == []


def test_threads_share_a_log(layout: Layout, log: AcceptedLog) -> None:
    def work(sequence: int) -> None:
        for step in range(3000):
            log.point(sequence, step, 0.5, None)

    for sequence in range(4):
        log.declare(sequence, f"s{sequence}", {}, "number")
    threads = [threading.Thread(target=work, args=(sequence,)) for sequence in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close("end")
    (rows,) = Found(layout).points.values()
    for sequence in range(4):
        assert [row[1] for row in rows if row[0] == sequence] == list(range(3000))
    assert [row[3] for row in rows] == sorted(row[3] for row in rows)


def test_a_run_reads_what_it_has_set_although_it_is_not_written_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = Hanging(monkeypatch)
    run = Run(repo=tmp_path, durability="accepted", **QUIET)
    run["a"] = {"b": 1}
    run.add_tag("x")
    assert run["a", "b"] == 1
    assert run.tags == ["x"]
    assert run.remove_tag("x")
    assert run.creation_time > 0
    hanging.go_on.set()
    run.close()
    assert run["a"] == {"b": 1}
    assert run.tags == []


def test_a_forked_child_goes_on_in_a_log_of_its_own(layout: Layout, log: AcceptedLog) -> None:
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    wait_for(lambda: log.started)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        try:
            log.point(1, 1, 0.5, None)
            log.close("end")
        finally:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    log.point(1, 2, 0.5, None)
    log.close("end")
    found = Found(layout)
    assert sorted(found.steps) == [0, 1, 2]
    assert len(found.points) == 2


ENDING = """
import sys
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False, durability="accepted")
for step in range(5000):
    run.track(step * 0.5, name="loss")
print(run.hash)
"""


def test_the_end_of_the_process_writes_what_was_accepted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENDING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    found = Found(open_repo(tmp_path), done.stdout.strip())
    assert found.steps == list(range(5000))
    assert found.state.ended is not None


HUNG = """
import sys, time
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False, durability="accepted")
run.track(0.5, name="loss")
while not run._log.started:
    time.sleep(0.01)
print(run.hash, flush=True)
sys.stdin.readline()
for step in range(1, 50_000):
    run.track(step * 0.5, name="loss")
print("returned", flush=True)
sys.stdin.readline()
run.close()
"""


@pytest.fixture
def frozen_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], object]]]:
    """A small file system of its own, and what freezes (-f) and thaws (-u) it."""
    tools = ("mkfs.ext4", "mount", "umount", "fsfreeze")
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in tools):
        pytest.skip("freezing a file system needs root, mkfs.ext4 and fsfreeze")
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    if subprocess.run(
        ["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True
    ).returncode:
        pytest.skip("cannot mount a loop device here")
    try:
        yield place, lambda flag: subprocess.run(["fsfreeze", flag, str(place)], check=True, timeout=60)
    finally:
        subprocess.run(["fsfreeze", "-u", str(place)], check=False, capture_output=True)
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_training_is_not_blocked_by_a_file_system_that_hangs(
    frozen_disk: tuple[Path, Callable[[str], object]],
) -> None:
    place, freeze = frozen_disk
    command = [sys.executable, "-c", HUNG, str(place)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    freeze("-f")
    try:
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "returned\n"
    finally:
        freeze("-u")
    process.communicate("close\n", timeout=60)
    assert process.returncode == 0
    found = Found(open_repo(place), run)
    assert found.steps == list(range(50_000))
    assert found.dropped == 0


def test_a_handler_that_logs_in_the_middle_of_a_call_comes_right_behind_it(
    layout: Layout, log: AcceptedLog
) -> None:
    log.declare(1, "loss", {}, "number")

    def make() -> bytes:
        log.point(1, 7, 0.5, None)
        return log._encode_point(1, 6, 0.5, None)

    log._submit(make)
    log.close("end")
    assert Found(layout).steps == [6, 7]


def test_a_handler_may_close_in_the_middle_of_a_call(layout: Layout, log: AcceptedLog) -> None:
    log.declare(1, "loss", {}, "number")

    def make() -> bytes:
        log.close("end")
        return log._encode_point(1, 6, 0.5, None)

    log._submit(make)
    wait_for(lambda: log.closed)
    found = Found(layout)
    assert found.steps == [6]
    assert found.state.ended is not None
