"""Terminal capture: the lines that a process prints, and the streams that it prints to."""

import gc
import io
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial

import pytest

from runstone_writer import Run, part, terminal
from runstone_writer.layout import open_repo
from runstone_writer.replay import replay
from runstone_writer.state import RunState
from runstone_writer.terminal import Capture, Screen
from runstone_writer.values import decode


def kept_lines(repo, run):
    """The lines of a run by their numbers: a later point of a line replaces an earlier one."""
    layout, state, lines = open_repo(repo), RunState(run), {}

    def take(state, writer, points):
        for row in points:
            sequence = state.sequences[writer.declared[row[0]]]
            if sequence.name == "logs":
                assert (sequence.kind, sequence.context) == ("log_line", {})
                lines[row[1]] = decode(row[2])

    assert replay(layout, state, layout.log_names(run), take).problems == []
    return lines


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


class FakeLog:
    """Takes what a capture appends."""

    def __init__(self):
        self.taken = []
        self.declared = []

    def declare(self, sequence, name, context, kind):
        self.declared.append((sequence, name, context, kind))

    def points(self, sequence, points):
        self.taken += points

    def lines(self):
        return list(dict(self.taken).values())


@contextmanager
def own_streams():
    """Let the block print to streams of its own (pytest would exchange a fixture's before the test)."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        yield out, err


@contextmanager
def listening():
    with own_streams():
        capture = Capture(FakeLog(), 7, int)
        yield capture
        capture.close()


@pytest.fixture
def quiet_run(tmp_path):
    """Opens runs that do nothing but listen."""
    return partial(Run, repo=tmp_path, system_tracking_interval=None)


def shown(*texts):
    """What a screen keeps of these writes, each of them taken by a flush of its own."""
    screen, numbers = Screen(), {}
    for text in texts:
        for row in screen.feed(text):
            numbers.setdefault(id(row), (row, len(numbers)))
    for row in screen.rest():
        numbers.setdefault(id(row), (row, len(numbers)))
    return [row.text for row, _ in numbers.values()]


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (["one\ntwo\n"], ["one", "two"]),
        (["one\n\ntwo\n"], ["one", "", "two"]),
        (["on", "e\nt", "wo"], ["one", "two"]),
        (["windows\r\n"], ["windows"]),
        (["windows\r", "\n"], ["windows"]),
        (["  0%\r 50%\r100%\n"], ["100%"]),
        (["\r  0%", "\r 50%", "\r100%", "\n"], ["100%"]),
        (["\r100%", "\r", "done\n"], ["done"]),
        (["\x1b[1;31mred\x1b[0m\n"], ["\x1b[1;31mred\x1b[0m"]),
        (["10%\r\x1b[K20%\n"], ["20%"]),
        (["10%\x1b[2K20%\n"], ["20%"]),
        (["\x1b[?25lhidden cursor\x1b[?25h\n"], ["hidden cursor"]),
        (["\r", "\n"], [""]),
        (["", "\n"], [""]),
        (["\x1b[5A\x1b[5Bstill one line\n"], ["still one line"]),
    ],
)
def test_lines_are_what_a_terminal_would_show(texts, lines):
    assert shown(*texts) == lines


def test_bars_that_move_the_cursor_stay_one_line_each():
    writes = ["\router 0/2"]
    for outer in (1, 2):
        writes += [f"\n\rinner {inner}/3\x1b[A" for inner in range(4)]
        writes += [f"\router {outer}/2"]
    writes += ["\n\ndone\n"]
    assert shown(*writes) == ["outer 2/2", "inner 3/3", "done"]
    assert shown("".join(writes)) == ["outer 2/2", "inner 3/3", "done"]


def test_memory_of_a_screen_is_bounded():
    screen = Screen()
    for number in range(1000):
        screen.feed(f"{number}\n")
    assert len(screen._rows) < 100


def test_a_line_is_kept_once_it_is_finished():
    with listening() as capture:
        print("one\ntw", end="")
        capture.sync()
        assert capture._log.taken == [(0, "one")]
        print("o")
        capture.sync()
        assert capture._log.taken == [(0, "one"), (1, "two")]
        assert capture._log.declared == [(7, "logs", {}, "log_line")] * 2


def test_a_line_that_does_not_change_is_kept_once():
    with listening() as capture:
        for _ in range(5):
            print("\rbar\n\x1b[A", end="")
            capture.sync()
        assert capture._log.taken == [(0, "bar")]
        print("\rBAR\n\x1b[A", end="")
        capture.sync()
        assert capture._log.taken == [(0, "bar"), (0, "BAR")]


def test_unfinished_line_is_kept_at_the_end():
    with listening() as capture:
        print("no newline", end="")
        capture.close()
        assert capture._log.lines() == ["no newline"]


def test_streams_do_not_tear_each_others_lines():
    with listening() as capture:
        sys.stderr.write("\r50%")
        print("epoch 1")
        sys.stderr.write("\r100%\n")
        capture.sync()
        assert capture._log.lines() == ["epoch 1", "100%"]
        assert [stream.getvalue() for stream in (sys.stdout, sys.stderr)] == ["epoch 1\n", "\r50%\r100%\n"]


def test_endless_line_is_broken_up_and_complete(monkeypatch):
    with listening() as capture:
        monkeypatch.setattr(terminal, "LONGEST_LINE", 100)
        text = "".join(chr(ord("a") + number % 26) for number in range(1050))
        print(text)
        print(text[:30], text[30:60], text[60:130], sep="")
        capture.sync()
        lines = capture._log.lines()
        assert max(map(len, lines)) == 100
        assert "".join(lines) == text + text[:130]


def test_flood_is_written_by_whoever_prints(monkeypatch):
    with listening() as capture:
        monkeypatch.setattr(terminal, "WAITING_LIMIT", 1000)
        for number in range(200):
            print(f"line {number}")
        assert len(capture._log.taken) > 100
        capture.sync()
        assert capture._log.lines() == [f"line {number}" for number in range(200)]


def test_printing_while_a_line_is_written_does_not_go_round_in_circles(monkeypatch):
    with listening() as capture:
        monkeypatch.setattr(terminal, "WAITING_LIMIT", 3)

        def points(sequence, points):
            for _, value in points:
                print("written", value)
            capture._log.taken += points

        monkeypatch.setattr(capture._log, "points", points)
        print("hello")
        capture.sync()
        assert capture._log.lines() == ["hello"]
        capture.sync()
        assert capture._log.lines() == ["hello", "written hello"]


def test_printing_never_fails_because_of_the_log(monkeypatch):
    with listening() as capture:
        monkeypatch.setattr(terminal, "WAITING_LIMIT", 3)
        monkeypatch.setattr(capture._log, "points", lambda *_: 1 / 0)
        print("hello")
        capture.sync()


def test_a_durable_run_makes_one_fsync_of_many_lines(quiet_run, tmp_path, monkeypatch):
    synced = []
    fdatasync = part._fdatasync
    monkeypatch.setattr(part, "_fdatasync", lambda fd: (synced.append(fd), fdatasync(fd)))
    with own_streams():
        run = quiet_run(durability="durable")
        (capture,) = run._extras
        capture.sync()
        before = len(synced)
        print("\n".join(map(str, range(1000))))
        run.close()
        assert 1 <= len(synced) - before < 50
        assert list(kept_lines(tmp_path, run.hash).values()) == [str(number) for number in range(1000)]


def test_streams_are_given_back_when_the_last_run_closes(quiet_run):
    with own_streams() as streams:
        first, second = quiet_run(), quiet_run()
        first.close()
        assert all("write" in vars(stream) for stream in streams)
        second.close()
        assert not any("write" in vars(stream) for stream in streams)


def test_every_open_run_gets_the_line(quiet_run, tmp_path):
    with own_streams() as streams:
        first, second = quiet_run(), quiet_run()
        print("both")
        first.close()
        print("only the second")
        second.close()
        print("nobody")
        assert kept_lines(tmp_path, first.hash) == {0: "both"}
        assert kept_lines(tmp_path, second.hash) == {0: "both", 1: "only the second"}
        assert streams[0].getvalue() == "both\nonly the second\nnobody\n"


def test_patch_of_somebody_else_from_before_is_given_back(quiet_run):
    with own_streams():
        original, seen = sys.stdout.write, []

        def patch(text):
            seen.append(text)
            return original(text)

        sys.stdout.write = patch
        run = quiet_run()
        print("hello", end="")
        run.close()
        assert sys.stdout.write is patch
        assert seen == ["hello", ""]


def test_patch_on_top_stays_and_lines_are_kept_once(quiet_run, tmp_path):
    with own_streams() as streams:
        run = quiet_run()
        wrapped, seen = sys.stdout.write, []

        def patch(text):
            seen.append(text)
            return wrapped(text)

        sys.stdout.write = patch
        print("one")
        run.close()
        assert sys.stdout.write is patch
        print("two")
        with quiet_run() as again:
            print("three")
        assert sys.stdout.write is patch
        assert kept_lines(tmp_path, run.hash) == {0: "one"}
        assert kept_lines(tmp_path, again.hash) == {0: "three"}
        assert "".join(seen) == streams[0].getvalue() == "one\ntwo\nthree\n"


def test_collected_run_gives_the_streams_back(quiet_run, tmp_path):
    with own_streams() as streams:
        run = quiet_run()
        name = run.hash
        print("last words")
        del run
        gc.collect()
        assert "write" not in vars(streams[0])
        assert kept_lines(tmp_path, name) == {0: "last words"}


def test_one_stream_for_both_is_heard_once(monkeypatch, quiet_run, tmp_path):
    both = io.StringIO()
    monkeypatch.setattr(sys, "stdout", both)
    monkeypatch.setattr(sys, "stderr", both)
    with quiet_run() as run:
        print("one")
        print("two", file=sys.stderr)
    assert list(kept_lines(tmp_path, run.hash).values()) == ["one", "two"]
    assert vars(both) == {}


class Slotted:
    """A stream that takes no attributes."""

    __slots__ = ()

    def write(self, text):
        return len(text)


@pytest.mark.parametrize("stream", [None, Slotted()])
def test_stream_that_cannot_be_wrapped_is_left_alone(monkeypatch, quiet_run, tmp_path, stream):
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with quiet_run() as run:
        print("unseen")
        print("seen", file=sys.stderr)
    assert kept_lines(tmp_path, run.hash) == {0: "seen"}


def test_capture_can_be_switched_off(tmp_path):
    with own_streams():
        with Run(repo=tmp_path, system_tracking_interval=None, capture_terminal_logs=False) as run:
            print("hello")
            run.track(1.0, "logs")
        assert kept_number(tmp_path, run.hash) == [1.0]


def kept_number(repo, run):
    layout, state, values = open_repo(repo), RunState(run), []
    replay(layout, state, layout.log_names(run), lambda *batch: values.extend(row[2] for row in batch[2]))
    assert [sequence.kind for sequence in state.sequences] == ["number"]
    return values


@pytest.mark.parametrize("resumed", [False, True])
def test_number_on_the_sequence_of_the_lines_is_refused(quiet_run, resumed):
    with own_streams():
        with quiet_run() as run:
            print("hello")
            if not resumed:
                with pytest.raises(ValueError, match="Incompatible data types"):
                    run.track(1, "logs")
            run.track(1, "logs", context={"subset": "train"})
        if resumed:
            with (
                quiet_run(run.hash, capture_terminal_logs=False) as run,
                pytest.raises(ValueError, match="Incompat"),
            ):
                run.track(1, "logs")


def test_any_text_comes_back(quiet_run, tmp_path):
    with own_streams():
        texts = ["", "ä€𝄞", "\0\x07\t", "\udc80 undecodable", "{}", '"', "\u2028"]
        with quiet_run() as run:
            for text in texts:
                print(text)
        assert list(kept_lines(tmp_path, run.hash).values()) == texts


def test_resumed_run_goes_on_with_the_next_line(quiet_run, tmp_path):
    with own_streams():
        with quiet_run() as run:
            print("one\ntwo")
        with quiet_run(run.hash):
            print("three")
        assert kept_lines(tmp_path, run.hash) == {0: "one", 1: "two", 2: "three"}


def test_lines_do_not_disturb_the_numbers(quiet_run, tmp_path):
    with own_streams():
        with quiet_run() as run:
            print("one")
            run.track(0.5, "loss")
            print("two")
            run.track(0.25, "loss")
        state, points = RunState(run.hash), []

        def take(state, writer, rows):
            points.extend((state.sequences[writer.declared[row[0]]].name, row[1], row[2]) for row in rows)

        replay(open_repo(tmp_path), state, open_repo(tmp_path).log_names(run.hash), take)
        assert sorted(points) == [("logs", 0, "one"), ("logs", 1, "two"), ("loss", 0, 0.5), ("loss", 1, 0.25)]


PRINTS_AND_EXITS = """
import sys
from runstone_writer import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None)
print(run.hash)
print("to stderr", file=sys.stderr)
print("no newline", end="")
{ending}
"""


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise SystemExit", "run.close()", "del run"])
def test_process_that_ends_keeps_every_line_before_its_end(tmp_path, ending):
    script = PRINTS_AND_EXITS.format(ending=ending)
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.stderr == "to stderr\n"
    run = done.stdout.splitlines()[0]
    assert sorted(kept_lines(tmp_path, run).values()) == sorted([run, "to stderr", "no newline"])
    with Run(run, repo=tmp_path, read_only=True) as read:
        assert read.end_time is not None
    layout = open_repo(tmp_path)
    (name,) = layout.log_names(run)
    with open(layout.log_path(run, name), "rb") as log:
        assert b'"event":"end"' in log.readlines()[-1]


def test_traceback_of_a_failing_script_is_kept(tmp_path):
    script = PRINTS_AND_EXITS.format(ending="1 / 0")
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert "ZeroDivisionError: division by zero" in kept_lines(tmp_path, done.stdout.splitlines()[0]).values()


def test_lines_of_a_process_that_lives_are_there_soon_and_survive_sigkill(tmp_path):
    script = PRINTS_AND_EXITS.format(ending="print(flush=True); sys.stdin.read()")
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        run = process.stdout.readline().strip()
        wait_until(lambda: "no newline" in kept_lines(tmp_path, run).values())
        process.send_signal(signal.SIGKILL)
    assert sorted(kept_lines(tmp_path, run).values()) == sorted([run, "to stderr", "no newline"])


FORKS = """
import os, sys
from runstone_writer import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None)
print(run.hash, flush=True)
child = os.fork()
if child == 0:
    print("the child", flush=True)
    assert vars(sys.stdout).keys() <= {"mode"}
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("the parent")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_prints_into_no_run(tmp_path):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, tmp_path]  # fork with threads
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    run = done.stdout.splitlines()[0]
    assert done.stdout == f"{run}\nthe child\nthe parent\n"
    assert kept_lines(tmp_path, run) == {0: run, 1: "the parent"}
    assert len(open_repo(tmp_path).log_names(run)) == 1
