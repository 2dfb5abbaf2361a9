"""A process whose calls fail when they are told to, and that does one task at a time in a child of its own.

The process is started once, with a library (failing.c) before all others; it has imported everything, so that a
trial costs a fork and not the start of an interpreter. Which call is to fail, the how many-th of it, with what
error, once or for ever, and below which folder, stands in a page of memory that the child can change as well:
so a fault can end while its victim lives.
"""

from __future__ import annotations

import errno
import importlib
import json
import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve().parent
CALLS = (
    "openat", "write", "pwrite64", "fsync", "rename", "close", "mkdir", "unlink", "mmap", "statx", "getdents64", "read",
)  # fmt: skip
SPECIAL = {"SHORT": -1, "KILL": -2}  # in place of an error: write only half of it; be killed right there
DEADLINE_SECONDS = 120.0

_ORDERS = struct.Struct("=11i")
_PAGE = 4096
_BELOW = _ORDERS.size
_LAST = _BELOW + 512


@dataclass(frozen=True)
class Fault:
    """What is to fail: the `nth` call of its kind, and all later ones if `for_ever`; or one allocation in so many."""

    call: str = "openat"
    error: str = "EIO"
    nth: int = 0  # 0: none, and the calls are only counted
    for_ever: bool = False
    memory_every: int = 0
    memory_seed: int = 0

    def __str__(self) -> str:
        if self.memory_every:
            return f"malloc 1 in {self.memory_every:,} (seed {self.memory_seed})"
        return f"{self.call}:{self.error}:when={self.nth}{'+' if self.for_ever else ''}"


class Orders:
    """The page of memory."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with open(path, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE)

    def give(self, fault: Fault, below: str) -> None:
        """Arm a fault; it meets calls on paths that begin with `below`."""
        self.lift()
        number = SPECIAL[fault.error] if fault.error in SPECIAL else getattr(errno, fault.error)
        kind = CALLS.index(fault.call)
        self._page[_BELOW:_PAGE] = bytes(_PAGE - _BELOW)
        self._page[_BELOW : _BELOW + len(os.fsencode(below))] = os.fsencode(below)
        fields = (kind, number, fault.nth, fault.for_ever, 0, 0, fault.memory_every, fault.memory_seed, 0, 0)
        self._page[: _ORDERS.size] = _ORDERS.pack(1, *fields)

    def arm(self) -> None:
        """Go on with the fault that was given, after a lift()."""
        self._page[:4] = struct.pack("=i", 1)

    def lift(self) -> None:
        """Let everything pass from now on."""
        self._page[:4] = struct.pack("=i", 0)

    @property
    def seen(self) -> int:
        """How many calls of the kind there have been."""
        return int(_ORDERS.unpack_from(self._page)[5])

    @property
    def failed(self) -> int:
        """How many of them were made to fail; or how many allocations."""
        fields = _ORDERS.unpack_from(self._page)
        return int(fields[6] + fields[10])

    @property
    def last(self) -> str:
        """The path of the last one that failed."""
        return os.fsdecode(self._page[_LAST:_PAGE].split(b"\0", 1)[0])


@dataclass
class Outcome:
    """How a task ended, and what it had said."""

    code: int | None  # None: it had to be killed, for it did not end
    said: list[Any] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""  # the traceback
    kind: list[str] = field(default_factory=list)  # the names of the error's classes
    seen: int = 0
    failed: int = 0
    last: str = ""
    stderr: str = ""


class Nursery:
    """Keeps the process; use as a context manager. Raises RuntimeError where there is no C compiler."""

    def __init__(self, folder: str | os.PathLike[str], **environment: str) -> None:
        self._folder = Path(folder)
        library, page = self._folder / "failing.so", self._folder / "orders"
        if not library.exists():
            command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "failing.c"), "-ldl"]
            subprocess.run(command, check=True)
        page.write_bytes(bytes(_PAGE))
        self.orders = Orders(page)
        self._environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAILING_ORDERS": str(page),
            "OPENBLAS_NUM_THREADS": "1",
            **environment,
        }
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "failing.py"), str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        assert process is not None
        with process:  # waits, and closes the pipes
            self.orders.lift()
            os.killpg(process.pid, signal.SIGKILL)  # a child that hangs, too

    def run(
        self,
        task: Callable[..., None],
        fault: Fault,
        below: str | os.PathLike[str],
        *args: Any,
        deadline: float = DEADLINE_SECONDS,
        kill_after: float | None = None,
    ) -> Outcome:
        """Do a task, a function of a module beside this one, and return how it ended."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        self.orders.lift()  # a child that had to be killed has left them armed
        module = Path(sys.modules[task.__module__].__file__ or "").stem
        wanted = {
            "module": module,
            "task": task.__name__,
            "fault": asdict(fault),
            "below": os.fspath(below),
            "args": [os.fspath(arg) if isinstance(arg, Path) else arg for arg in args],
            "deadline": deadline,
            "kill_after": kill_after,
        }
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the nursery itself has ended, in {task.__name__} with {fault}")
        code = json.loads(answer)
        done = Outcome(code, seen=self.orders.seen, failed=self.orders.failed, last=self.orders.last)
        lines = (self._folder / "said").read_text().split("\n")[:-1]
        done.said = [json.loads(line) for line in lines]
        told = self._folder / "told"
        if told.exists():
            fields = json.loads(told.read_text())
            done.warnings, done.error, done.kind = fields["warnings"], fields["error"], fields["kind"]
        done.stderr = (self._folder / "stderr").read_text(errors="replace")
        return done


# -- in the process ------------------------------------------------------------------------------------------------

Say = Callable[..., None]


def main(folder: str) -> None:
    """Do the tasks that stdin names, each in a child, until stdin ends."""
    sys.path.insert(0, str(HERE))
    for line in sys.stdin:
        wanted = json.loads(line)
        module = importlib.import_module(wanted["module"])
        for name in ("said", "told", "stderr"):
            Path(folder, name).unlink(missing_ok=True)
        said = os.open(Path(folder, "said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        errors = os.open(Path(folder, "stderr"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        child = os.fork()
        if not child:
            os.dup2(errors, 1)
            os.dup2(errors, 2)
            _child(folder, getattr(module, wanted["task"]), wanted, said)
        os.close(said)
        os.close(errors)
        print(json.dumps(_wait(child, wanted["deadline"], wanted["kill_after"])), flush=True)


def _wait(child: int, deadline: float, kill_after: float | None) -> int | None:
    """Return the exit code; None for a child that had to be killed at its deadline."""
    watch = os.pidfd_open(child)
    try:
        patience = deadline if kill_after is None else kill_after
        ended = bool(select.select([watch], [], [], patience)[0])
        if not ended:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code if ended or kill_after is not None else None
    finally:
        os.close(watch)


def _child(folder: str, task: Callable[..., None], wanted: dict[str, Any], said: int) -> None:
    """Do one task, and end the process as an interpreter does."""
    import atexit

    orders = Orders(os.environ["FAILING_ORDERS"])
    told: dict[str, Any] = {"warnings": [], "error": "", "kind": []}
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_, **__: told["warnings"].append(str(message))

    def say(*what: Any) -> None:
        os.write(said, json.dumps(what).encode() + b"\n")

    code = 0
    orders.give(Fault(**wanted["fault"]), wanted["below"])
    try:
        task(say, orders, *wanted["args"])
        atexit._run_exitfuncs()
    except BaseException as error:
        orders.lift()
        code = 1
        told["error"] = traceback.format_exc()
        told["kind"] = [kind.__name__ for kind in type(error).__mro__]
        told["text"] = str(error)
    orders.lift()
    Path(folder, "told").write_text(json.dumps(told))
    os._exit(code)


def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait for a condition. Raises TimeoutError if it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it never came true")
        time.sleep(0.005)


def remove(place: Path) -> None:
    """Remove a folder, also one into which somebody who is just ending still writes."""

    def is_gone() -> bool:
        shutil.rmtree(place, ignore_errors=True)
        return not place.exists()

    until(is_gone)


if __name__ == "__main__":
    main(sys.argv[1])
