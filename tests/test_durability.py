"""Durability: what is synced and when, and a failed fsync means that everything unsynced is sent again, once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import RUN, Found, lines_of, log_writers, steps_of
from processes import files_up_to, one_warning
from processes import wait_until as wait_for
from runstone_writer import log as log_module
from runstone_writer import part as part_module
from runstone_writer.layout import Layout, open_repo, shard
from runstone_writer.log import LogWriter
from runstone_writer.tender import TENDER

DEADLINE = 60


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_repo(tmp_path, create=True)


@pytest.fixture
def open_log(layout: Layout) -> Iterator[Callable[..., LogWriter]]:
    with log_writers(layout) as open_log:
        yield open_log


def test_a_durable_log_is_synced_with_its_folders_before_the_call_returns(
    open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(part_module, "_fdatasync", lambda fd: synced.append("file"))
    monkeypatch.setattr(part_module, "sync_folder", lambda path: synced.append(os.path.basename(path)))
    log = open_log(durable=True)
    log.append("open")
    assert synced == ["file", RUN, shard(RUN), "logs"]
    log.point(1, 0, 0.5, None)
    assert synced[4:] == ["file"]


def test_the_tender_makes_a_log_durable_by_itself(open_log: Any) -> None:
    log = open_log()
    log.append("open")
    wait_for(lambda: log._part.is_durable)


def test_a_line_written_during_an_fsync_is_left_for_the_next(
    open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    TENDER.remove(log)
    log.append("open")
    TENDER.remove(log)
    monkeypatch.setattr(part_module, "_fdatasync", lambda fd: log.append("open"))
    log.sync()
    assert not log._part.is_durable
    monkeypatch.undo()
    log.sync()
    assert log._part.is_durable
    assert log._part.durable_end == os.path.getsize(log.path())


def test_while_an_fsync_takes_its_time_lines_do_not_pile_up_without_end(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "UNSYNCED_LIMIT", 100)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    begun, go_on = threading.Event(), threading.Event()

    def fdatasync(_fd: int) -> None:
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    slow = threading.Thread(target=log.sync)
    slow.start()
    begun.wait(60)
    written: list[int] = []

    def write() -> None:
        for step in range(1000):
            log.point(1, step, 0.5, None)
            written.append(step)

    writer = threading.Thread(target=write)
    writer.start()
    wait_for(lambda: len(written) >= 100)
    assert len(log._part.lines) <= 101
    go_on.set()
    writer.join()
    slow.join()
    assert Found(layout).steps == list(range(1000))


# -- an fsync that fails ------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/usr/bin/strace").exists(), reason="strace injects the fault")
def test_a_failed_fsync_leads_to_a_new_part_and_no_doubles(tmp_path: Path) -> None:
    code = """
import sys
from runstone_writer.run import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False, durability="durable")
for step in range(20):
    run.track(step * 1.0, name="loss", step=step)
run.close()
print(run.hash, run._log.part)
"""
    inject = "inject=fdatasync,fsync:error=EIO:when=7"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", inject]
    command += [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    run, part = done.stdout.split()
    assert int(part) >= 1
    steps, found, state = steps_of(open_repo(tmp_path), run)
    assert steps == list(range(20))
    assert found.problems == []
    assert state.ended is not None


def test_while_every_fsync_fails_there_is_one_new_part_a_second_and_no_more(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening and writing work, as these only reach the cache: each call of a durable log would make a part."""
    log = open_log(durable=True)
    log.declare(1, "loss", {}, "number")
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 3600.0)
    with monkeypatch.context() as refusing:

        def fdatasync(fd: int) -> None:
            raise OSError(5, "Input/output error")

        refusing.setattr(part_module, "_fdatasync", fdatasync)
        with one_warning("Input/output error"):
            for step in range(50):
                log.point(1, step, 0.5, None)
        assert log.part == 1  # it is tried again once, at once
        log._retry_at = 0.0
        log.point(1, 50, 0.5, None)
        assert log.part == 2
    log._retry_at = 0.0
    log.point(1, 51, 0.5, None)
    assert log._part.is_durable
    log.close("end")
    assert Found(layout).steps == list(range(52))


@pytest.mark.parametrize("times", [1, 3])
def test_a_failed_fsync_means_a_new_part_and_nothing_twice(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    failures = [OSError(5, "Input/output error")] * times

    def fdatasync(fd: int) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.0)
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    TENDER.remove(log)
    with one_warning("Input/output error"):
        for step in range(1, 20):
            log.sync()
            log.point(1, step, 0.5, None)
    log.close("end")
    assert len(lines_of(layout)) == times + 1
    assert [line[1] for line in lines_of(layout)[times] if isinstance(line, list)] == list(range(20))
    assert Found(layout).steps == list(range(20))


def test_a_write_error_during_an_fsync_trusts_no_other_fsync(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the device is told to one fsync only: the one under way may have heard of it."""
    log = open_log()
    log.declare(1, "loss", {}, "number")
    TENDER.remove(log)
    log.point(1, 0, 0.5, None)

    def fdatasync(fd: int) -> None:
        monkeypatch.setattr(part_module, "_fdatasync", lambda fd: None)
        with files_up_to(1):
            log.point(1, 1, 0.5, None)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    with one_warning("File too large"):
        log.sync()
        log._retry_at = 0.0
        log.point(1, 2, 0.5, None)
    assert [line[1] for line in lines_of(layout)[1] if isinstance(line, list)] == [0, 1, 2]
    assert Found(layout).steps == [0, 1, 2]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="asks /proc what is synced")
def test_what_is_sent_again_because_the_last_fsync_failed_is_made_durable_before_the_end(
    tmp_path, monkeypatch
):
    log = LogWriter(open_repo(tmp_path, create=True), RUN)
    log.append("open")
    real, synced = part_module._fdatasync, []

    def fdatasync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        if len(synced) == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    monkeypatch.setattr(part_module, "_fdatasync", fdatasync)
    with pytest.warns(RuntimeWarning, match="Input/output error"):
        log.close("end")
    assert len(log.layout.log_names(RUN)) == 2
    assert synced[-1] == log.path()
