"""Appending to a log: what was appended comes back in order, and what cannot be kept is refused."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from journals import RUN, Found, lines_of, log_writers, steps_of
from processes import QUIET, files_up_to, forked
from runstone_writer import log as log_module
from runstone_writer.errors import UsageError, ValueTypeError
from runstone_writer.layout import Layout, open_repo
from runstone_writer.lines import LINE_LIMIT
from runstone_writer.log import LogWriter
from runstone_writer.reader import read_log
from runstone_writer.run import Run
from runstone_writer.tender import TENDER


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_repo(tmp_path, create=True)


@pytest.fixture
def open_log(layout: Layout) -> Iterator[Callable[..., LogWriter]]:
    with log_writers(layout) as open_log:
        yield open_log


def test_what_was_appended_is_read_back_in_order(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.declare(0, "loss", {}, "number")
    for step in range(1000):
        log.point(0, step, step / 3, None)
    steps, done, _ = steps_of(layout, RUN)
    assert steps == list(range(1000))
    assert (done.problems, done.bytes_left) == ([], 0)
    log.close("end")
    assert steps_of(layout, RUN)[2].ended is not None


def test_a_log_that_is_never_written_to_leaves_no_trace(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.close("end")
    assert os.listdir(layout.logs) == []
    assert os.listdir(layout.live) == []


def test_long_logs_repeat_their_declarations(layout: Layout) -> None:
    log = LogWriter(layout, RUN)
    log.declare(0, "loss", {"a": 1}, "number")
    step = 0
    while os.path.getsize(log.path()) < 1_200_000 if log.started else True:
        log.point(0, step, step / 3, None)
        step += 1
    log.sync()
    log.point(0, step, 0.5, None)
    data = Path(log.path()).read_bytes()
    assert data.count(b'"event":"sequence"') >= 2
    assert data.count(b'"event":"log"') >= 2
    assert steps_of(layout, RUN)[0] == list(range(step + 1))
    log.close("end")


def test_a_writer_holds_one_descriptor(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    run = Run(repo=tmp_path, **QUIET)
    for step in range(100):
        run.track(1.0, name="loss", step=step)
    assert len(os.listdir("/proc/self/fd")) - before <= 1
    run.close()
    assert len(os.listdir("/proc/self/fd")) - before == 0


def test_a_line_is_in_the_file_when_the_call_returns(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    for step in range(5):
        log.point(1, step, step / 2, None)
        assert [row[1] for row in read_log(log.path()).points] == list(range(step + 1))
    log.append("set", key=["a"], value=1)
    assert Found(layout).params == {"a": 1}


def test_the_hint_is_there_before_the_log(layout: Layout, open_log: Any, monkeypatch: Any) -> None:
    log = open_log()
    seen = []

    def make_folder(path: str) -> None:
        seen.append(os.listdir(layout.live))
        os.makedirs(path)

    monkeypatch.setattr(log_module, "make_folder", make_folder)
    log.append("open")
    assert seen == [[f"{RUN}.{log.writer}"]]


def test_the_heartbeat_moves_on(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("open")
    TENDER.remove(log)  # it would beat as well
    hint = Path(layout.hint_path(RUN, log.writer))
    assert hint.read_text() == "0\n"
    log.beat()
    log.beat()
    assert hint.read_text() == "2\n"
    log.close()
    log.beat()
    assert hint.read_text() == "2\n"


def test_closing_appends_the_final_event_once(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("open")
    log.close("end")
    log.close("end")
    assert [line["event"] for line in lines_of(layout)[0]] == ["log", "open", "end"]


def test_a_closed_log_refuses_another_line(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.append("open")
    log.close("end")
    with pytest.raises(UsageError, match=r"run a{24} is closed"):
        log.point(1, 0, 0.5, None)
    with pytest.raises(UsageError, match=r"run a{24} is closed"):
        log.append("open")
    assert len(lines_of(layout)) == 1


def test_a_line_longer_than_a_line_may_be_is_refused_and_nothing_happens(
    layout: Layout, open_log: Any
) -> None:
    log = open_log()
    log.append("open")
    with pytest.raises(UsageError, match="a line of the log holds at most 16,777,216"):
        log.append("set", key=["a"], value="x" * LINE_LIMIT)
    with pytest.raises(UsageError, match="the point is"):
        log.point(1, 0, "x" * LINE_LIMIT, None)
    log.append("set", key=["b"], value=1)
    assert Found(layout).params == {"b": 1}


def test_the_longest_line_can_be_read_back(layout: Layout, open_log: Any) -> None:
    log = open_log()
    room = LINE_LIMIT - 16 - len(b'{"event":"set","dt":123456,"key":["a"],"value":"","crc":') - 8
    log.append("set", key=["a"], value="x" * room)
    log.append("open")
    assert Found(layout).params == {"a": "x" * room}


def test_text_that_is_no_text_is_refused_by_a_value_type_error(layout: Layout, open_log: Any) -> None:
    log = open_log()
    with pytest.raises(ValueTypeError, match="the declaration of sequence"):
        log.declare(1, "\ud800", {}, "number")
    with pytest.raises(ValueTypeError, match="the 'tag' event has something that cannot be kept"):
        log.append("tag", name="\udfff", on=True)
    log.append("open")
    assert [line["event"] for line in lines_of(layout)[0]] == ["log", "open"]


def test_times_never_run_backwards_even_if_the_wall_clock_does(
    layout: Layout, open_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    log.point(1, 0, 0.5, None)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    log.point(1, 1, 0.5, None)
    assert Found(layout).times == sorted(Found(layout).times)
    assert min(Found(layout).times) >= 0


def test_header_and_declarations_are_repeated_once_per_mebibyte(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {"subset": "train"}, "number")
    for _ in range(3):
        log.append("set", key=["a"], value="x" * log_module.CHECKPOINT_BYTES)
        log.sync()
        log.append("open")
        log.sync()
    events = [line["event"] for line in lines_of(layout)[0]]
    assert events == ["log", "sequence", *["set", "log", "sequence", "open"] * 3]
    assert Found(layout).replay.bytes_left == 0


def test_a_child_forked_while_a_thread_writes_is_not_stuck(layout: Layout, open_log: Any) -> None:
    log = open_log()
    log.declare(1, "loss", {}, "number")
    stop = threading.Event()

    def work() -> None:
        step = 0
        while not stop.is_set():
            log.point(1, step, 0.5, None)
            step += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for round_ in range(20):
            assert forked(partial(log.point, 1, -round_, 0.5, None)) == 0
    finally:
        stop.set()
        thread.join()
    points = Found(layout).points
    parent = [row[1] for row in points.pop(log.writer)]
    assert parent == list(range(len(parent)))
    assert sorted(rows[0][1] for rows in points.values()) == sorted(-i for i in range(20))


# -- a log against a list ------------------------------------------------------------------------------------


OPERATIONS = st.lists(st.sampled_from(["point", "sync", "full", "reopen", "fork", "event"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_log_behaves_like_a_list(operations: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    layout = open_repo(tmp_path_factory.mktemp("repo"), create=True)
    log = LogWriter(layout, RUN)
    expected: dict[str, list[int]] = {}
    params: dict[str, int] = {}
    log.declare(1, "loss", {}, "number")
    for step, operation in enumerate(operations):
        if operation == "point":
            log.point(1, step, 0.5, None)
            expected.setdefault(log.writer, []).append(step)
        elif operation == "event":
            log.append("set", key=[str(step)], value=step)
            params[str(step)] = step
        elif operation == "sync":
            log.sync()
        elif operation == "full":
            log._retry_at = 0.0
            with files_up_to(max(os.path.getsize(log.path()) - 1, 0)):
                log.point(1, step, 0.5, None)
            expected.setdefault(log.writer, []).append(step)
            log._retry_at = 0.0
        elif operation == "reopen":
            log.close("end")
            log = LogWriter(layout, RUN)
            log.declare(1, "loss", {}, "number")
        elif operation == "fork":
            assert forked(partial(log.point, 1, step, 0.5, None)) == 0
            expected[f"fork {step}"] = [step]
    log.close("end")
    found = {writer: [row[1] for row in rows] for writer, rows in Found(layout).points.items()}
    assert sorted(found.values()) == sorted(expected.values())
    assert {writer: found[writer] for writer in found if writer in expected} == {
        writer: steps for writer, steps in expected.items() if not writer.startswith("fork")
    }
    assert Found(layout).params == params
