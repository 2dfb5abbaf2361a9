"""Runstone as a driver, and the floor of P1, which needs orjson as Runstone does.

Indexer and Repo are imported where they are used: the rows about writing then measure what a training
script has loaded, and no more.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import floor
from serve import serve

from runstone import Run


class RunstoneAdapter:
    """Runstone through its public API."""

    packages = ("runstone", "numpy", "orjson", "tantivy")

    def create(self, path: str) -> None:
        """The first run makes the folders."""

    def open_run(self, path: str) -> Run:
        """With the thread of system metrics and the terminal capture off, as everywhere here."""
        return Run(repo=path, system_tracking_interval=None, capture_terminal_logs=False)

    def open_repo(self, path: str) -> Any:
        """A Repo of its own."""
        from runstone import Repo

        return Repo(path)

    def drop_index(self, path: str) -> None:
        """Derived data only: the logs stay. The import is here so that timing starts after it."""
        import runstone_indexer  # noqa: F401

        shutil.rmtree(os.path.join(path, ".runstone", "index"), ignore_errors=True)

    def index(self, path: str) -> None:
        """Returns when everything written is published."""
        from runstone_indexer import Indexer

        Indexer(path).run_once()

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

    def parts(self, path: str) -> dict[str, list[str]]:
        """Whatever is not the index is the truth."""
        root = os.path.join(path, ".runstone")
        log = [os.path.join(root, name) for name in os.listdir(root) if name != "index"]
        return {"log": log, "index": [os.path.join(root, "index")]}


if __name__ == "__main__":
    serve(RunstoneAdapter(), {"floor": floor.loop})
