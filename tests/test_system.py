"""System metrics: what is sampled, when, and that the training script never notices."""

import gc
import math
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest

from runstone_writer import Run, system
from runstone_writer.layout import open_repo
from runstone_writer.replay import replay
from runstone_writer.state import RunState

MACHINE = {
    "__system__cpu",
    "__system__memory_percent",
    "__system__p_memory_percent",
    "__system__disk_percent",
    "__system__network_sent",
    "__system__network_received",
}
INTERVAL = system.SHORTEST_INTERVAL


def tracked(repo, run):
    """The points of a run as {(name, GPU or None): [(step, value), ...]}."""
    layout, state, found = open_repo(repo), RunState(run), {}

    def take(state, writer, points):
        for row in points:
            sequence = state.sequences[writer.declared[row[0]]]
            assert sequence.kind == "number"
            found.setdefault((sequence.name, sequence.context.get("gpu")), []).append((row[1], row[2]))

    assert replay(layout, state, layout.log_names(run), take).problems == []
    return found


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


@pytest.fixture
def open_run(tmp_path):
    """Opens runs without terminal capture, and closes them after the test."""
    runs = []

    def open_run(interval=INTERVAL, **keywords):
        run = Run(repo=tmp_path, system_tracking_interval=interval, capture_terminal_logs=False, **keywords)
        runs.append(run)
        return run

    yield open_run
    for run in runs:
        run.close()


@pytest.fixture
def sampling_threads():
    """The threads that sample for runs of this test."""
    before = set(threading.enumerate())

    def threads():
        return [t for t in threading.enumerate() if t.name == "runstone-system" and t not in before]

    return threads


def test_machine_is_sampled_at_the_start(tmp_path, open_run):
    run = open_run(3600)
    wait_until(lambda: len(tracked(tmp_path, run.hash)) == len(MACHINE))
    found = tracked(tmp_path, run.hash)
    assert found.keys() == {(name, None) for name in MACHINE}
    for name, points in found.items():
        ((step, value),) = points
        assert step == 0
        assert value >= 0
        assert math.isfinite(value)
        assert not name[0].endswith("_percent") or value <= 100


def test_machine_is_sampled_every_interval(tmp_path, open_run):
    run = open_run()
    wait_until(lambda: all(len(tracked(tmp_path, run.hash).get((name, None), [])) >= 3 for name in MACHINE))
    for points in tracked(tmp_path, run.hash).values():
        assert [step for step, _ in points] == list(range(len(points)))


def test_resumed_run_goes_on_with_the_next_step(tmp_path, open_run):
    run = open_run(3600)
    wait_until(lambda: len(tracked(tmp_path, run.hash)) == len(MACHINE))
    run.close()
    open_run(3600, run_hash=run.hash)
    wait_until(lambda: all(len(points) == 2 for points in tracked(tmp_path, run.hash).values()))
    for points in tracked(tmp_path, run.hash).values():
        assert [step for step, _ in points] == [0, 1]


@pytest.mark.parametrize("interval", [None, 0, 0.09, -1, 86_400.1, math.inf, math.nan])
def test_interval_that_makes_no_sense_is_off(open_run, sampling_threads, interval):
    open_run(interval)
    assert sampling_threads() == []


@pytest.mark.parametrize("interval", [0.1, 86_400])
def test_limits_of_the_interval_are_on(open_run, sampling_threads, interval):
    open_run(interval)
    assert len(sampling_threads()) == 1


def test_run_opened_to_be_read_samples_nothing(tmp_path, open_run, sampling_threads):
    run = open_run(None)
    Run(run.hash, repo=tmp_path, read_only=True)
    assert sampling_threads() == []


def test_thread_ends_when_the_run_is_closed(open_run, sampling_threads):
    run = open_run(3600)
    assert len(sampling_threads()) == 1
    run.close()
    wait_until(lambda: not sampling_threads())


def test_thread_ends_when_the_run_is_collected(tmp_path, sampling_threads):
    run = Run(repo=tmp_path, system_tracking_interval=3600, capture_terminal_logs=False)
    name = run.hash
    wait_until(lambda: len(tracked(tmp_path, name)) == len(MACHINE))
    del run
    gc.collect()
    wait_until(lambda: not sampling_threads())
    with Run(name, repo=tmp_path, read_only=True) as read:
        assert read.end_time is not None


def test_nothing_is_appended_behind_the_end(tmp_path):
    layout = open_repo(tmp_path, create=True)
    runs = [
        Run(repo=tmp_path, system_tracking_interval=INTERVAL, capture_terminal_logs=False) for _ in range(20)
    ]
    wait_until(lambda: all(tracked(tmp_path, run.hash) for run in runs))
    for run in runs:
        run.close()
    for run in runs:
        (name,) = layout.log_names(run.hash)
        with open(layout.log_path(run.hash, name), "rb") as log:
            assert b'"event":"end"' in log.readlines()[-1]


def test_gauge_that_fails_is_left_out(tmp_path, open_run, monkeypatch):
    def refuse(*_):
        raise PermissionError("no /proc here")

    monkeypatch.setattr(psutil, "disk_usage", refuse)
    run = open_run()
    wait_until(lambda: len(tracked(tmp_path, run.hash).get(("__system__cpu", None), [])) > 1)
    assert {name for name, _ in tracked(tmp_path, run.hash)} == MACHINE - {"__system__disk_percent"}


def test_broken_psutil_is_not_the_problem_of_the_training(open_run, sampling_threads, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    run = open_run()
    wait_until(lambda: not sampling_threads())
    run.track(1.0, "loss")


class FakeNvml:
    """Two cards; the second has no power meter."""

    NVML_TEMPERATURE_GPU = 0

    def nvmlInit(self):
        """There is a driver."""

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=50 + handle)

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=1 + handle, total=4)

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return 60 + handle

    def nvmlDeviceGetPowerUsage(self, handle):
        if handle:
            raise RuntimeError("not supported")
        return 123_456


def test_gpus_are_sampled_where_pynvml_finds_them(tmp_path, open_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    run = open_run(3600)
    expected = {
        ("__system__gpu", 0): [(0, 50.0)],
        ("__system__gpu", 1): [(0, 51.0)],
        ("__system__gpu_memory_percent", 0): [(0, 25.0)],
        ("__system__gpu_memory_percent", 1): [(0, 50.0)],
        ("__system__gpu_temp", 0): [(0, 60.0)],
        ("__system__gpu_temp", 1): [(0, 61.0)],
        ("__system__gpu_power_watts", 0): [(0, 123.456)],
    }
    wait_until(lambda: len(tracked(tmp_path, run.hash)) == len(MACHINE) + len(expected))
    found = tracked(tmp_path, run.hash)
    assert {key: points for key, points in found.items() if key[0] not in MACHINE} == expected


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"])
def test_no_driver_no_card_no_gauge(monkeypatch, call):
    def refuse(*_):
        raise OSError("no driver")

    nvml = FakeNvml()
    setattr(nvml, call, refuse)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert system._gpu_gauges() == []


def test_nvidias_own_library_is_silent_where_there_is_no_gpu(capfd):
    pytest.importorskip("pynvml")
    gauges = system._gpu_gauges()  # on a machine with GPUs there are some
    assert all(gauge.name.startswith("__system__gpu") for gauge in gauges)
    assert capfd.readouterr() == ("", "")


def test_a_rate_is_per_second_and_begins_again_with_its_counter():
    counts = iter([100, 200, 50, 51])
    rate = system.Rate(lambda: next(counts))
    assert rate() == 0.0
    assert rate() > 0
    assert rate() == 0.0
    assert rate() > 0


def test_without_pynvml_there_are_no_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert system._gpu_gauges() == []


IMPORTS = """
import importlib.abc, sys, threading, time

class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "psutil":
            importers.append(threading.current_thread().name)

importers = []
sys.meta_path.insert(0, Watch())
from runstone_writer import Run
assert importers == []
run = Run(repo=sys.argv[1], capture_terminal_logs=False)
while not importers:
    time.sleep(0.02)
print(importers)
"""


def test_psutil_is_imported_by_the_thread_alone(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, tmp_path], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "['runstone-system']\n"


# The child is forked at any moment of the sampling: it must find no lock taken, import what the thread was
# importing, track into the run, and sample nothing itself.
FORKS = """
import os, sys, threading, time
from runstone_writer import Run
run = Run(repo=sys.argv[1], system_tracking_interval=0.1, capture_terminal_logs=False)
for number in range(40):
    time.sleep(0.01)
    child = os.fork()
    if child == 0:
        import psutil
        assert threading.active_count() == 1 or threading.enumerate()[1].name == "runstone-tender"
        run.track(number, "child", context={"number": number})
        run.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
run.close()
print(run.hash)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_tracks_and_does_not_sample(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FORKS, tmp_path], capture_output=True, text=True, check=True, timeout=120
    )
    found = tracked(tmp_path, done.stdout.strip())
    assert found["child", None] == [(0, number) for number in range(40)]
    assert {name for name, _ in found} == {"child", *MACHINE}
    steps = [step for step, _ in found["__system__cpu", None]]
    assert steps == list(range(len(steps)))
