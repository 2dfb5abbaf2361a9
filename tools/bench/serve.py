"""What a driver does when asked: the loop over its standard input, and the stop-watch.

A driver is an adapter (how this one store is written, indexed and queried) given to `serve`. Everything
that is timed is timed here, by the same lines for every store, so the adapters can't measure differently.
One JSON object comes in per line: {"do": "track", ...}; one goes out: {"result": ...} or {"error": ...},
with any number of {"progress": done} before it.
"""

import gc
import importlib.metadata
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TextIO

from digests import series_digest
from workload import Workload

CONTEXT = {"subset": "train"}
LEAST_CALLS = 50  # of a slow store
clock = time.perf_counter


class WriterAdapter(Protocol):
    """A store that is only written to. Nothing here is timed by itself; what a call includes is what the timing
    includes.
    """

    packages: tuple[str, ...]

    def create(self, path: str) -> None: ...
    def open_run(self, path: str) -> Any: ...
    def count(self, path: str) -> int: ...


class Adapter(WriterAdapter, Protocol):
    """One store that is asked, too."""

    def load_reader(self) -> None: ...
    def open_repo(self, path: str) -> Any: ...
    def index(self, path: str) -> None: ...
    def drop_index(self, path: str) -> None: ...
    def hashes(self, repo: Any, query: str) -> list[str]: ...
    def run_objects(self, repo: Any, query: str) -> list[str]: ...
    def points(self, repo: Any, query: str) -> Iterator[tuple[Any, Any, Any]]: ...
    def identity(self, metric: Any) -> tuple[str, str, str]: ...
    def parts(self, path: str) -> dict[str, list[str]]: ...


class Driver:
    """The commands; each public method is one."""

    def __init__(self, adapter: Any, say: Callable[[dict[str, Any]], None]) -> None:
        self._adapter, self._say = adapter, say
        self._repos: dict[str, Any] = {}

    def facts(self) -> dict[str, str]:
        """Versions of Python and of the packages that matter for speed."""
        versions = {name: importlib.metadata.version(name) for name in self._adapter.packages}
        return {"python": sys.version.split()[0], **versions}

    def create(self, path: str) -> None:
        """An empty repository."""
        os.makedirs(path, exist_ok=True)
        self._adapter.create(path)

    def write(self, path: str, workload: dict[str, Any]) -> dict[str, Any]:
        """Write a workload through the public API; the labels by run hash, and the seconds it took."""
        labels, seconds = {}, 0.0
        for number, data in enumerate(Workload(**workload).all_runs()):
            started = clock()
            run = self._adapter.open_run(path)
            for key, value in data.params.items():
                run[key] = value
            for step, metric, subset, value in data.in_training_order():
                run.track(value, name=metric, step=step, context={"subset": subset})
            run.close()
            seconds += clock() - started
            labels[run.hash] = data.label
            self._say({"progress": number + 1})
        return {"labels": labels, "seconds": seconds}

    def track(self, path: str, values: list[float], warm_up: int, budget: float) -> float:
        """Seconds for one `track()`, over a loop in one open run (auto-step, one context)."""
        run = self._adapter.open_run(path)
        track = run.track
        values = values[: self._warmed(track, values[:warm_up], budget)]
        started = clock()
        for value in values:
            track(value, name="loss", context=CONTEXT)
        seconds = clock() - started
        run.close()
        return seconds / len(values)

    def track_each(self, path: str, values: list[float], warm_up: int, budget: float) -> float:
        """The 99th percentile of single calls, in seconds: what a training step may have to wait."""
        run = self._adapter.open_run(path)
        track, times = run.track, []
        for value in values[: self._warmed(track, values[:warm_up], budget)]:
            started = clock()
            track(value, name="loss", context=CONTEXT)
            times.append(clock() - started)
        run.close()
        return sorted(times)[len(times) * 99 // 100]

    def _warmed(self, track: Callable[..., None], values: list[float], budget: float) -> int:
        """Make some calls first; return how many more the budget allows, going by these."""
        calls, started = 0, clock()
        for value in values:
            track(value, name="loss", context=CONTEXT)
            calls += 1
            if clock() - started > budget:
                break
        return max(int(budget / (clock() - started) * calls), LEAST_CALLS)

    def track_and_die(self, path: str, values: list[float]) -> None:
        """Track some numbers, and be killed in the moment in which the last call has returned."""
        run = self._adapter.open_run(path)
        for value in values:
            run.track(value, name="loss", context=CONTEXT)
        os.kill(os.getpid(), signal.SIGKILL)

    def count(self, path: str) -> int:
        """How many points there are, in all runs, without any help but the store's own reader."""
        return self._adapter.count(path)

    def open_and_track(self, path: str, count: int) -> list[float]:
        """Seconds from `Run(...)` to the return of its first `track()`; closing is not counted."""
        times = []
        for _ in range(count):
            started = clock()
            run = self._adapter.open_run(path)
            run.track(0.5, name="loss", context=CONTEXT)
            times.append(clock() - started)
            run.close()
            del run
        return times

    def index(self, path: str) -> float:
        """Seconds to index a repository from nothing; removing the old index is not counted."""
        self._adapter.load_reader()
        self._adapter.drop_index(path)
        started = clock()
        self._adapter.index(path)
        return clock() - started

    def answer(self, path: str, kind: str, query: str, labels: dict[str, str]) -> Any:
        """The answer itself, in the terms of `questions.Truth`; not timed, and it warms the store up."""
        if kind == "runs":
            return sorted(labels[found] for found in self._adapter.hashes(self._repo(path), query))
        answer = {}
        for metric, steps, values in self._adapter.points(self._repo(path), query):
            run, name, subset = self._adapter.identity(metric)
            answer[f"{labels[run]}/{name}/{subset}"] = series_digest(steps, values)
        return answer

    def ask(self, path: str, kind: str, queries: list[str], budget: float) -> list[float]:
        """Seconds of each query in a warm process, one after the other until the budget is spent."""
        repo, call, times = self._repo(path), self._call(kind), []
        gc.collect()  # so that no store pays for the one before; what its own answers cost stays in
        for query in queries:
            started = clock()
            call(repo, query)
            times.append(clock() - started)
            if sum(times) > budget:
                break
        return times

    def first(self, path: str, kind: str, query: str) -> float:
        """Seconds from `Repo(path)` to the first answer; meant for a process that has just started."""
        self._adapter.load_reader()
        call = self._call(kind)
        started = clock()
        call(self._adapter.open_repo(path), query)
        return clock() - started

    def parts(self, path: str) -> dict[str, list[str]]:
        """The folders that hold the truth ("log") and what is derived from it ("index")."""
        return self._adapter.parts(path)

    def _repo(self, path: str) -> Any:
        if path not in self._repos:
            self._adapter.load_reader()
            self._repos[path] = self._adapter.open_repo(path)
        return self._repos[path]

    def _call(self, kind: str) -> Callable[[Any, str], Any]:
        if kind == "points":
            return lambda repo, query: [(s, v) for _, s, v in self._adapter.points(repo, query)]
        return self._adapter.run_objects if kind == "run_objects" else self._adapter.hashes


def _claim_stdout() -> TextIO:
    """Keep the real standard output for answers: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def serve(adapter: Adapter | WriterAdapter, kind: type[Driver] = Driver) -> None:
    """Answer requests until standard input ends; a `kind` of its own has commands that only one store has."""
    answers = _claim_stdout()

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    driver = kind(adapter, say)
    for line in sys.stdin:
        request = json.loads(line)
        command = request.pop("do")
        try:
            say({"result": getattr(driver, command)(**request)})
        except Exception:
            say({"error": traceback.format_exc()})
