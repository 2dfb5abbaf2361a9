"""A command on a repository, in a process of its own, watched: its memory, its time, what it says, what it touches."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Ended:
    """How a call in a process of its own ended."""

    code: int  # the exit code; negative: the signal that killed it
    out: bytes
    err: bytes
    peak: int  # bytes of memory at most
    hung: bool = False

    @property
    def said(self) -> bytes:
        return self.out + self.err

    def fault(self, most: int) -> str:
        """Return what no call may end in: empty if it ended well."""
        if self.hung:
            return f"it hangs (for more than {PATIENCE_SECONDS:.0f} s)"
        if self.code < 0:
            return f"it was killed by {signal.Signals(-self.code).name}"
        if b"Traceback" in self.err:
            return "a traceback: " + self.err.decode(errors="replace").strip().splitlines()[-1][:200]
        if self.peak > most:
            return f"{self.peak >> 20} MiB of memory"
        odd = set(self.said) & {*range(9), *range(11, 32), 127}
        return f"control characters {sorted(odd)} in what it says" if odd else ""


def apart(call: Callable[[], int | None]) -> Ended:
    """Call something in a forked process; what it prints is kept, an exception is a traceback in `err`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        held = psutil.Process().memory_info().rss  # the child begins with as much
        child = os.fork()
        if child == 0:
            _become(call, out.fileno(), err.fileno())
        status, peak, hung = _awaited(child)
        peak = max(peak - held, 0)
        out.seek(0)
        err.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), out.read(), err.read(), peak, hung)


def _become(call: Callable[[], int | None], out: int, err: int) -> None:
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the life of the process
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace")  # noqa: SIM115
        warnings.simplefilter("default")  # a test has them raised
        code = call() or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _awaited(child: int) -> tuple[int, int, bool]:
    ends = time.monotonic() + PATIENCE_SECONDS
    try:
        while time.monotonic() < ends:
            pid, status, usage = os.wait4(child, os.WNOHANG)
            if pid:
                return status, usage.ru_maxrss * 1024, False
            time.sleep(POLL_SECONDS)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return status, usage.ru_maxrss * 1024, True


def command(*arguments: str) -> Callable[[], int | None]:
    """Return a call of the command line."""

    def call() -> None:
        from runstone.cli.main import main

        main(list(arguments), prog_name="runstone")

    return call


def tree(folder: Path) -> str:
    """Return a digest of everything in a folder: names, kinds, contents, times. Reading does not change it."""
    found = hashlib.sha256()
    for where, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(where, name)
            status = path.lstat()
            found.update(repr((str(path), status.st_mode, status.st_mtime_ns, status.st_ino)).encode())
            if path.is_file() and not path.is_symlink():
                found.update(path.read_bytes())
    return found.hexdigest()
