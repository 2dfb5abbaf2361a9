"""Storage that refuses, is full or takes a log away: training goes on, and what was logged is not lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import RUN, Found, lines_of, log_writers, steps_of
from processes import QUIET, child, files_up_to, one_warning
from processes import wait_until as wait_for
from runstone_writer import log as log_module
from runstone_writer.errors import StoreError
from runstone_writer.layout import Layout, log_name, open_repo, parse_log_name
from runstone_writer.log import LogWriter
from runstone_writer.run import Run

DEADLINE = 60


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_repo(tmp_path, create=True)


@pytest.fixture
def open_log(layout: Layout) -> Iterator[Callable[..., LogWriter]]:
    with log_writers(layout) as open_log:
        yield open_log


def test_a_disk_that_is_full_for_a_while_costs_nothing(tmp_path: Path) -> None:
    """The file size limit is a full disk that needs no root: short writes, then errors, then room again."""
    code = """
import resource, signal, sys, time, warnings
from runstone_writer.run import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for step in range(1000):
        run.track(step * 1.0, name="loss", step=step)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until = time.monotonic() + 60
    while run._log._waiting and time.monotonic() < until:
        time.sleep(0.01)
    for step in range(1000, 1100):
        run.track(step * 1.0, name="loss", step=step)
    run.close()
print(run.hash, len(caught), run._log.part)
print(caught[0].message)
"""
    process = child(code, str(tmp_path))
    output, errors = process.communicate(timeout=DEADLINE * 2)
    assert process.returncode == 0, errors
    run, warned, part = output.splitlines()[0].split()
    assert int(warned) == 1
    assert "Training goes on" in output
    assert int(part) >= 1
    layout = open_repo(tmp_path)
    steps, done, state = steps_of(layout, run)
    assert steps == list(range(1100)), "lost, doubled or out of order"
    assert [p for p in done.problems if "torn" not in p.reason] == []
    assert state.ended is not None


def track_steps(run: Run, count: int) -> None:
    for step in range(count):
        run.track(step * 1.0, name="loss", step=step)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_file_system_is_survived_and_space_that_returns_is_used(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False
    ).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        ballast = small / "ballast"
        run = Run(repo=small, **QUIET)
        ballast.write_bytes(bytes(50_000))
        with pytest.warns(RuntimeWarning, match="Training goes on"):
            track_steps(run, 800)
        ballast.unlink()
        log = run._log
        assert log is not None
        wait_for(lambda: not log._waiting)
        run.close()
        steps, _, _ = steps_of(open_repo(small), run.hash)
        assert steps == list(range(800))
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_events_that_cannot_be_delivered_at_the_end_are_left_where_they_can_be_fetched(
    tmp_path: Path,
) -> None:
    code = """
import resource, signal, sys, tempfile
tempfile.tempdir = sys.argv[2]
from runstone_writer.run import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
path = run._log.path()
run.track(0.5, name="loss", step=0)
import os, shutil
shutil.rmtree(os.path.dirname(path))
os.close(run._log._part.fd)
open(os.path.dirname(path), "w").close()
run.track(1.5, name="loss", step=1)
run.close()
print(run.hash)
"""
    rescue = tmp_path / "rescue"
    rescue.mkdir()
    process = child(code, str(tmp_path / "repo"), str(rescue))
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    assert "move that file to" in errors
    kept = list(rescue.rglob("*.jsonl"))
    assert len(kept) == 1
    assert b'"loss"' in kept[0].read_bytes()
    assert output.strip() in str(kept[0])


def test_a_repository_that_can_never_be_written_to_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = LogWriter(Layout(str(tmp_path / "file")), RUN)
    with pytest.raises(StoreError, match=r"cannot write to .*Not a directory"):
        log.append("open")
    log.close("end")


def test_a_full_disk_costs_one_warning_and_nothing_is_lost(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.append("set", key=["a"], value="x" * 900)
    with files_up_to(1200), one_warning("Training goes on"):
        for step in range(400):
            log.point(1, step, 0.5, None)
    log.point(1, 400, 0.5, None)
    log.close("end")
    assert Found(layout).steps == list(range(401))
    assert Found(layout).times == sorted(Found(layout).times)
    assert Found(layout).state.ended is not None


def test_when_no_file_can_be_made_events_wait_in_memory_and_follow_in_order(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    with files_up_to(10), one_warning("wait in memory"):
        for step in range(1, 50):
            log.point(1, step, 0.5, None)
        assert Found(layout).steps == [0]
        assert len(log.unwritten()) == 49
    log.point(1, 50, 0.5, None)
    assert log.unwritten() == []
    assert Found(layout).steps == list(range(51))
    assert [line["event"] for line in lines_of(layout)[1] if isinstance(line, dict)] == [
        "log",
        "sequence",
        "resent",
    ]


def test_a_log_that_cannot_be_begun_on_a_full_disk_begins_when_it_can(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    log = open_log()
    with files_up_to(2), one_warning("cannot open a log"):
        log.append("set", key=["a"], value=1)
        assert layout.log_names(RUN) == []
    log.append("set", key=["b"], value=2)
    assert Found(layout).params == {"a": 1, "b": 2}
    assert layout.log_names(RUN) == [log_name(log.writer, 0)]


def test_each_part_takes_what_it_can(layout: Layout, open_log: Any) -> None:
    log = open_log()
    with files_up_to(4096), one_warning("File too large"):
        log.declare(1, "loss", {}, "number")
        for step in range(2000):
            log.point(1, step, 0.5, None)
        assert log.unwritten() == []
    found = Found(layout)
    assert found.steps == list(range(2000))
    assert len(layout.log_names(RUN)) > 10


def test_part_numbers_follow_each_other(layout: Layout, open_log: Any) -> None:
    log = open_log()
    with files_up_to(1000), one_warning("File too large"):
        for _ in range(100):
            log.append("open")
    parts = [parse_log_name(name) for name in layout.log_names(RUN)]
    assert parts == [(log.writer, number) for number in range(len(parts))]


def test_memory_is_bounded_and_what_was_dropped_is_counted(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(log_module, "WAITING_LIMIT", 1000)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    with files_up_to(10), one_warning("wait in memory"):
        for step in range(500):
            log.point(1, step, 0.5, None)
        assert sum(map(len, log.unwritten())) <= 1000
    log.point(1, 500, 0.5, None)
    found = Found(layout)
    assert found.steps == list(range(501 - len(found.steps), 501))
    assert found.dropped == 501 - len(found.steps) > 0


def test_what_still_waits_at_the_end_is_left_in_the_temporary_folder(
    layout: Layout, open_log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    folder = layout.run_folder(RUN)
    os.rename(folder, folder + ".away")
    log._part.failure = OSError(5, "Input/output error")
    log.point(1, 1, 0.5, None)
    with one_warning("move that file to"):
        log.close("end")
    os.rename(folder + ".away", folder)
    place = log.path()
    assert place.startswith(str(tmp_path / "runstone-rescue-"))
    os.rename(place, layout.log_path(RUN, os.path.basename(place)))
    assert Found(layout).steps == [0, 1]
    assert Found(layout).state.ended is not None


def test_a_log_deleted_under_its_writer_is_noticed(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("set", key=["a"], value=1)
    os.unlink(log.path())
    log.sync()
    with pytest.warns(RuntimeWarning, match="deleted"):
        log.append("set", key=["b"], value=2)
    assert Found(layout, missing=1).params == {"a": 1, "b": 2}


def test_a_part_is_closed_when_nobody_needs_it_any_more(open_log: Any) -> None:
    log = open_log()
    log.append("open")
    fd = log._part.fd
    with files_up_to(1), pytest.warns(RuntimeWarning):
        log.append("open")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
