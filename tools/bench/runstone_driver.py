"""Runstone as a driver, and the floors, which need orjson and numpy as Runstone does.

Indexer and Repo are imported by `load_reader`: the rows about writing then measure what a training script
has loaded, and no more.
"""

import glob
import os
import shutil
from collections.abc import Iterator
from typing import Any

import floor
from serve import Driver, clock, serve
from straight import write_straight
from workload import Workload

import runstone

OPEN_RUNS, INDEX_EVERY = 100, 10
PARTS = ("compile", "refresh", "prefilter", "evaluate")


class RunstoneAdapter:
    """Runstone through its public API."""

    packages = ("runstone", "numpy", "orjson", "tantivy")

    def create(self, path: str) -> None:
        """The first run makes the folders."""

    def open_run(self, path: str) -> runstone.Run:
        """With the thread of system metrics and the terminal capture off, as everywhere here."""
        return runstone.Run(repo=path, system_tracking_interval=None, capture_terminal_logs=False)

    def load_reader(self) -> None:
        """Kept out of what is timed, as Aim's imports are."""
        import runstone_indexer

        self._repo, self._indexer = runstone.Repo, runstone_indexer.Indexer

    def open_repo(self, path: str) -> Any:
        """A Repo of its own."""
        return self._repo(path)

    def drop_index(self, path: str) -> None:
        """Derived data only: the logs stay."""
        shutil.rmtree(os.path.join(path, ".runstone", "index"), ignore_errors=True)

    def index(self, path: str) -> None:
        """Returns when everything written is published."""
        self._indexer(path).run_once()

    def hashes(self, repo: Any, query: str) -> list[str]:
        """The short way to hashes, without run objects."""
        return repo.query_runs(query).hashes()

    def run_objects(self, repo: Any, query: str) -> list[str]:
        """The loop that Aim documents."""
        return [item.run.hash for item in repo.query_runs(query).iter_runs()]

    def points(self, repo: Any, query: str) -> Iterator[tuple[Any, Any, Any]]:
        """The loop that Aim documents."""
        for metric in repo.query_metrics(query):
            steps, values = metric.values.sparse_numpy()
            yield metric, steps, values

    def identity(self, metric: Any) -> tuple[str, str, str]:
        """Run hash, name and subset of a metric."""
        return metric.run.hash, metric.name, metric.context["subset"]

    def count(self, path: str) -> int:
        """Of every metric, without an index."""
        found = runstone.Repo(path, index=False).query_metrics("metric.count > 0")
        return sum(len(metric.values.sparse_numpy()[1]) for metric in found)

    def parts(self, path: str) -> dict[str, list[str]]:
        """Whatever is not the index is the truth; the compacted points are a part of the index."""
        root = os.path.join(path, ".runstone")
        log = [os.path.join(root, name) for name in os.listdir(root) if name != "index"]
        points = glob.glob(os.path.join(root, "index", "**", "series-*"), recursive=True)
        return {"log": log, "index": [os.path.join(root, "index")], "points": points}


class RunstoneDriver(Driver):
    """What is measured of Runstone alone, and the floors, which need its packages."""

    def write_straight(self, path: str, workload: dict[str, Any]) -> dict[str, Any]:
        """Like `write`, but the logs are composed."""
        started = clock()
        labels = write_straight(path, Workload(**workload), lambda done: self._say({"progress": done}))
        return {"labels": labels, "seconds": clock() - started}

    def floor(self, path: str, values: list[float], warm_up: int, budget: float) -> float:
        """The floor of P1."""
        return floor.loop(path, values, warm_up, budget)

    def decode(self, path: str) -> float:
        """The floor of P4 and P5."""
        return floor.decode(path)

    def load_arrays(self, path: str, sequences: int, points: int) -> list[float]:
        """What P11 is compared with."""
        return floor.load_arrays(path, sequences, points)

    def held(self) -> tuple[int, int]:
        """The most memory that this process has had, in bytes, and how many files it has open."""
        with open("/proc/self/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["VmHWM"].split()[0]) * 1024, len(os.listdir("/proc/self/fd"))

    def shares(self, path: str, kind: str, queries: list[str]) -> dict[str, float]:
        """Which parts of the time of some queries went into what."""
        repo, parts, total = runstone.Repo(path), dict.fromkeys(PARTS, 0.0), 0.0
        for number, query in enumerate(queries):
            started = clock()
            result = repo.query_runs(query) if kind == "runs" else repo.query_metrics(query)
            _ = result.hashes() if kind == "runs" else [metric.values.sparse_numpy() for metric in result]
            seconds = clock() - started
            if number:  # the first one opens the index
                total += seconds
                for name, spent in result.explain().seconds.items():
                    parts[name] += spent
        parts["load"] = total - sum(parts.values())
        return {name: spent / total for name, spent in parts.items()}

    def overlay(self, path: str, queries: list[str]) -> tuple[list[float], list[float]]:
        """Seconds of each query when nothing has been written since the last one, and when each open run has.

        The indexer has followed every tenth time. That what was written is seen is asked behind each query.
        """
        runs = [self._adapter.open_run(path) for _ in range(OPEN_RUNS)]
        repo, quiet, busy = runstone.Repo(path), [], []
        for number, query in enumerate(queries):
            if number % INDEX_EVERY == 0:
                self._adapter.load_reader()
                self._adapter.index(path)
            repo.query_runs(query).hashes()
            quiet.append(_seconds(repo, query))
            for run in runs:
                run.track(number, name="busy")
            busy.append(_seconds(repo, query))
            seen = len(repo.query_runs(f"run.metrics['busy'].last == {number}").hashes())
            if seen != OPEN_RUNS:
                raise AssertionError(f"{seen} of {OPEN_RUNS} runs show what has just been written")
        for run in runs:
            run.close()
        return quiet, busy


def _seconds(repo: Any, query: str) -> float:
    started = clock()
    repo.query_runs(query).hashes()
    return clock() - started


if __name__ == "__main__":
    serve(RunstoneAdapter(), RunstoneDriver)
