"""Runstone as a driver, and the floor of P1, which needs orjson as Runstone does.

Indexer and Repo are imported by `load_reader`: the rows about writing then measure what a training script
has loaded, and no more.
"""

import glob
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import floor
from serve import serve

import runstone

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


def shares(path: str, kind: str, queries: list[str]) -> dict[str, float]:
    """Which parts of the time of some queries went into what."""
    repo, parts, total = runstone.Repo(path), dict.fromkeys(PARTS, 0.0), 0.0
    for number, query in enumerate(queries):
        started = time.perf_counter()
        result = repo.query_runs(query) if kind == "runs" else repo.query_metrics(query)
        _ = result.hashes() if kind == "runs" else [metric.values.sparse_numpy() for metric in result]
        seconds = time.perf_counter() - started
        if number:  # the first one opens the index
            total += seconds
            for name, spent in result.explain().seconds.items():
                parts[name] += spent
    parts["load"] = total - sum(parts.values())
    return {name: spent / total for name, spent in parts.items()}


if __name__ == "__main__":
    serve(RunstoneAdapter(), {"floor": floor.loop, "shares": shares})
