"""Aim as a driver: run by the interpreter of Aim's own environment.

Aim answers queries from `meta/index` alone, so a repository is indexed after it is written, by the
function behind `aim storage reindex`.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

from aim import Repo, Run
from aim.sdk.types import QueryReportMode
from serve import serve

QUIET = QueryReportMode.DISABLED


class AimAdapter:
    """Aim through its public API, without progress bars, system metrics or terminal capture."""

    packages = ("aim", "aimrocks", "numpy", "SQLAlchemy")

    def create(self, path: str) -> None:
        """Aim makes the folders and its SQLite file here."""
        Repo.from_path(path, init=True)

    def open_run(self, path: str) -> Run:
        """With the thread of system metrics and the terminal capture off, as everywhere here."""
        return Run(repo=path, system_tracking_interval=None, capture_terminal_logs=False)

    def load_reader(self) -> None:
        """Aim imports everything at once, above."""

    def open_repo(self, path: str) -> Repo:
        """A Repo of its own, not the pooled one of `open_run`."""
        return Repo(path)

    def drop_index(self, path: str) -> None:
        """Only the folder: Aim removes it again itself."""
        shutil.rmtree(os.path.join(path, ".aim", "meta", "index"), ignore_errors=True)

    def index(self, path: str) -> None:
        """What `aim storage reindex --yes` calls."""
        Repo.from_path(path)._recreate_index()

    def hashes(self, repo: Repo, query: str) -> list[str]:
        """Aim has no shorter way to hashes than the run objects."""
        return self.run_objects(repo, query)

    def run_objects(self, repo: Repo, query: str) -> list[str]:
        """The documented loop."""
        return [item.run.hash for item in repo.query_runs(query, report_mode=QUIET).iter_runs()]

    def points(self, repo: Repo, query: str) -> Iterator[tuple[Any, Any, Any]]:
        """Only the value column is read, the fastest call that is right.

        The documented `metric.values.sparse_numpy()` gives hashed steps in hash order.
        """
        for metric in repo.query_metrics(query, report_mode=QUIET):
            steps, (values,) = metric.data.view(("val",)).numpy()
            yield metric, steps, values

    def identity(self, metric: Any) -> tuple[str, str, str]:
        """Run hash, name and subset of a metric."""
        return metric.run.hash, metric.name, metric.context.to_dict()["subset"]

    def count(self, path: str) -> int:
        """Of every run that there is, indexed or not: a killed run is in no index yet."""
        repo, found = Repo(path), 0
        for run_hash in repo.list_all_runs():
            for metric in Run(run_hash, repo=repo, read_only=True).metrics():
                found += len(metric.values.sparse_numpy()[1])
        return found

    def parts(self, path: str) -> dict[str, list[str]]:
        """Whatever is not the index is the truth: RocksDB folders, SQLite and small files."""
        aim = os.path.join(path, ".aim")
        index = os.path.join(aim, "meta", "index")
        log = [os.path.join(aim, name) for name in os.listdir(aim) if name != "meta"]
        return {"log": [*log, os.path.join(aim, "meta", "chunks")], "index": [index]}


if __name__ == "__main__":
    serve(AimAdapter())
