"""A store under measure: a driver process that is spoken to in JSON lines."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

HERE = Path(__file__).parent
Progress = Callable[[int], None]


class PeerError(Exception):
    """A driver failed; the text holds its traceback."""


class ProcessEndedError(PeerError):
    """The driver ended in the middle of a command."""


class Process:
    """One running driver. Its warnings and progress bars go to a file."""

    def __init__(self, name: str, interpreter: Path, script: str, home: Path) -> None:
        self._name, self._errors = name, home / "drivers.log"
        with self._errors.open("a") as sink:
            self._process = subprocess.Popen(
                [interpreter, HERE / script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                env=clean_environment(home),
            )
        self._input = cast(TextIO, self._process.stdin)
        self._output = cast(TextIO, self._process.stdout)

    def call(self, command: str, progress: Progress | None = None, **arguments: Any) -> Any:
        """Send one command and wait for its result."""
        with contextlib.suppress(BrokenPipeError):  # the loop below then ends at once, and says so
            self._input.write(json.dumps({"do": command, **arguments}) + "\n")
            self._input.flush()
        for line in self._output:
            message = json.loads(line)
            if "progress" in message:
                if progress:
                    progress(message["progress"])
            elif "error" in message:
                raise PeerError(f"{self._name}: `{command}` failed\n{message['error']}")
            else:
                return message["result"]
        last_words = "\n".join(self._errors.read_text().splitlines()[-8:])
        raise ProcessEndedError(
            f"{self._name}: the driver ended during `{command}`; {self._errors} ends in\n{last_words}"
        )

    def close(self) -> int:
        """Let the driver end by itself; return its exit code."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        self._output.close()
        return self._process.wait()


@dataclass(frozen=True)
class Peer:
    """A store: its name, the interpreter of its driver, how a user imports it; `home` is the data folder.

    One that has `no_queries` takes part in the writer's rows alone.
    """

    name: str
    interpreter: Path
    script: str
    importing: str
    home: Path
    no_queries: bool = False

    @contextlib.contextmanager
    def process(self) -> Iterator[Process]:
        """A driver in a fresh process."""
        process = Process(self.name, self.interpreter, self.script, self.home)
        try:
            yield process
        finally:
            process.close()

    def killed(self, command: str, **arguments: Any) -> None:
        """Have a process of its own do a command that ends in SIGKILL."""
        process = Process(self.name, self.interpreter, self.script, self.home)
        try:
            process.call(command, **arguments)
        except ProcessEndedError as error:
            if process.close() != -signal.SIGKILL:
                raise PeerError(str(error)) from None
        else:
            raise PeerError(f"{self.name}: `{command}` has returned")

    def fresh(self, command: str, **arguments: Any) -> Any:
        """The result of one command in a process of its own."""
        with self.process() as process:
            return process.call(command, **arguments)

    def python_seconds(self, *arguments: str) -> float:
        """Wall time of a fresh interpreter with these arguments."""
        started = time.perf_counter()
        command = [self.interpreter, *arguments]
        environment = clean_environment(self.home)
        subprocess.run(command, check=True, env=environment, cwd="/", stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def clean_environment(home: Path) -> dict[str, str]:
    """This process's variables without Python's own, which could change what is loaded or how fast.

    Byte-code is written, and kept in the data folder: installed packages come with theirs, and a source tree
    would be compiled at each start where writing it is turned off.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "PYTHONPYCACHEPREFIX": str(home.resolve() / "bytecode")}
