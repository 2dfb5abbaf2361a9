"""What the machine does while a run lasts: CPU, memory, disk, network and GPUs, sampled by a thread of its own."""

from __future__ import annotations

import importlib
import os
import threading
import time
import weakref
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ValueTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .run import Run

PREFIX = "__system__"
SHORTEST_INTERVAL = 0.1
LONGEST_INTERVAL = 24 * 60 * 60.0

_START_SECONDS = 0.1  # a run is opened, and a short one closed, before psutil is imported
_FIRST_SECONDS = 0.1  # use of the CPU is measured between two moments
_FORK_SECONDS = 1.0  # how long a fork waits for a sample being written


class Gauge(NamedTuple):
    """Something to be measured, and the sequence that it goes to."""

    name: str
    context: dict[str, Any]
    read: Callable[[], float]


class Sampler:
    """Tracks a sample soon after the start and then every `interval` seconds, until the run is closed.

    It costs the caller the start of a thread. It never raises: what cannot be measured is left out.
    """

    def __init__(self, run: Run, interval: float) -> None:
        self._run = weakref.ref(run)
        self._interval = interval
        self._lock = threading.RLock()  # held while a sample is written: the log is not closed under it
        self._closed = False
        self._end: SimpleQueue[None] = SimpleQueue()  # may be put to by a finalizer in the middle of anything
        _samplers.add(self)
        try:
            threading.Thread(target=self._work, name="runstone-system", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            self._closed = True

    def close(self) -> None:
        """Track no more. Waits only for a sample that is being written."""
        with self._lock:
            self._closed = True
        self._end.put(None)

    def forget(self) -> None:
        """In a forked child: the thread is the parent's."""
        self._lock = threading.RLock()
        self._closed = True

    def _work(self) -> None:
        try:
            if self._ended_within(_START_SECONDS):
                return
            with _no_fork:  # a child forked in the middle of an import could never finish it
                gauges = [*_machine_gauges(), *_gpu_gauges()]
            _read(gauges)
            pause = _FIRST_SECONDS
            while not self._ended_within(pause) and self._track(_read(gauges)):
                pause = self._interval
        except Exception:  # noqa: S110 - training is not to suffer from a broken gauge, nor see its traceback
            pass

    def _ended_within(self, seconds: float) -> bool:
        try:
            self._end.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _track(self, sample: list[tuple[Gauge, float]]) -> bool:
        with _no_fork, self._lock:
            run = self._run()
            if run is None or self._closed:
                return False
            for gauge, value in sample:
                run.track(value, name=gauge.name, context=gauge.context)
            return True


def check_interval(interval: Any) -> None:
    """Raise ValueTypeError for what is neither a number of seconds nor None."""
    if interval is not None and not hasattr(interval, "__float__"):
        raise ValueTypeError(
            f"system_tracking_interval is a number of seconds, not {type(interval).__name__}: {interval!r}",
            hint="None turns system metrics off.",
        )


def start(run: Run, interval: Any) -> Sampler | None:
    """Start sampling for `run`; None if `interval` is None or not between a tenth of a second and a day."""
    if interval is None or not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL:
        return None
    return Sampler(run, interval)


def _read(gauges: list[Gauge]) -> list[tuple[Gauge, float]]:
    sample = []
    for gauge in gauges:
        try:
            sample.append((gauge, round(float(gauge.read()), 5)))
        except Exception:  # noqa: S112 - a GPU without a power meter, a container without /proc
            continue
    return sample


def _machine_gauges() -> list[Gauge]:
    import psutil  # noqa: PLC0415 - slow to import, and `import runstone` is to be fast

    process = psutil.Process()

    def memory_percent() -> float:
        memory = psutil.virtual_memory()
        return float(memory.used * 100 / memory.total)

    return [
        Gauge(f"{PREFIX}cpu", {}, process.cpu_percent),
        Gauge(f"{PREFIX}memory_percent", {}, memory_percent),
        Gauge(f"{PREFIX}p_memory_percent", {}, process.memory_percent),
        Gauge(f"{PREFIX}disk_percent", {}, lambda: psutil.disk_usage(os.sep).percent),
        Gauge(f"{PREFIX}network_sent", {}, Rate(lambda: psutil.net_io_counters().bytes_sent)),
        Gauge(f"{PREFIX}network_received", {}, Rate(lambda: psutil.net_io_counters().bytes_recv)),
    ]


class Rate:
    """How fast a counter grows: per second, since it was read before (0.0 at first)."""

    def __init__(self, count: Callable[[], float]) -> None:
        self._count = count
        self._before: tuple[float, float] | None = None

    def __call__(self) -> float:
        now, count = time.monotonic(), self._count()
        before, self._before = self._before, (now, count)
        if before is None or now <= before[0]:
            return 0.0
        return max(count - before[1], 0) / (now - before[0])  # a counter may begin again


def _gpu_gauges() -> list[Gauge]:
    """NVIDIA's GPUs, if nvidia-ml-py is installed (`runstone[gpu]`) and finds any."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    except Exception:  # not installed, no driver, no card: each in a way of its own
        return []
    return [gauge for i, handle in enumerate(handles) for gauge in _gauges_of_gpu(nvml, i, handle)]


def _gauges_of_gpu(nvml: Any, index: int, handle: Any) -> list[Gauge]:
    def memory_percent() -> float:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return float(memory.used * 100 / memory.total)

    context = {"gpu": index}
    return [
        Gauge(f"{PREFIX}gpu", context, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        Gauge(f"{PREFIX}gpu_memory_percent", context, memory_percent),
        Gauge(
            f"{PREFIX}gpu_temp",
            context,
            lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        ),
        Gauge(f"{PREFIX}gpu_power_watts", context, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
    ]


# A child forked while a sampler's thread holds a lock would inherit it locked for ever. So a fork waits
# for this one first, and the thread takes it whenever it takes another.
_no_fork = threading.RLock()
_fork_waits: list[bool] = []
_samplers: weakref.WeakSet[Sampler] = weakref.WeakSet()


def _before_fork() -> None:
    _fork_waits.append(_no_fork.acquire(timeout=_FORK_SECONDS))  # in vain if the storage hangs


def _after_fork() -> None:
    if _fork_waits.pop():
        _no_fork.release()


def _after_fork_in_child() -> None:
    global _no_fork  # noqa: PLW0603
    _no_fork = threading.RLock()
    _fork_waits.clear()
    for sampler in list(_samplers):
        sampler.forget()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
