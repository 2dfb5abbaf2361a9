"""Processes: one that writes a run when it is told to, one that may not write, limits of this one, and waiting."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
DEADLINE_SECONDS = 60

WRITER = """
import sys, traceback
import runstone
run = runstone.Run(sys.argv[2] or None, repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
print(run.hash, flush=True)
for line in sys.stdin:
    try:
        exec(line, {"run": run, "repo": sys.argv[1], "runstone": runstone})
        print("done", flush=True)
    except BaseException:
        print(repr(traceback.format_exc()), flush=True)
run.close()
"""


class Writer:
    """A process that holds a `run` open and does one line of Python at a time; each has returned when do() does."""

    def __init__(self, repo: Path, run_hash: str = "") -> None:
        command = [sys.executable, "-c", WRITER, str(repo), run_hash]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hash = self._answer()

    def do(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        assert answer == "done", answer

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_SECONDS)

    def end(self) -> None:
        """Let the process close its run and exit."""
        self.process.communicate(timeout=DEADLINE_SECONDS)
        assert self.process.returncode == 0

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def child(code: str, *args: str, **kwargs: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)  # type: ignore[call-overload, no-any-return]


# Root passes over permissions by two capabilities: what the process executes next does not get them.
UNPRIVILEGED = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def without_write_permission(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script, with `folder` as its argument, for which everything in it is read-only, for root as well."""
    places = [folder, *folder.rglob("*")]
    modes = [(place, place.stat().st_mode) for place in places]
    for place, mode in modes:
        place.chmod(mode & ~0o222)
    try:
        command = [sys.executable, "-c", UNPRIVILEGED, "-c", script, str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        for place, mode in modes:
            place.chmod(mode)


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: a full disk that needs no root. Writes fall short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def one_warning(text: str) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 1, messages
    assert text in messages[0]


def forked(work: Callable[[], object]) -> int:
    """Do `work` in a forked child; return its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
