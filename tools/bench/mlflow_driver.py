"""MLflow as a driver, on SQLite: the default, since there is no file store any more."""

import os
from typing import Any

import mlflow
from serve import serve


class Run:
    """One run, as the one that is active."""

    def __init__(self, path: str) -> None:
        mlflow.set_tracking_uri(f"sqlite:///{os.path.abspath(path)}/mlflow.db")
        mlflow.start_run()
        self._step = 0

    def track(self, value: float, name: str, context: dict[str, Any]) -> None:
        """One metric; the context is a part of the name."""
        mlflow.log_metric(f"{context['subset']}.{name}", value, step=self._step)
        self._step += 1

    def close(self) -> None:
        """Marks it finished."""
        mlflow.end_run()


class MlflowAdapter:
    """MLflow through its public API, calls that wait, as they do unless told otherwise."""

    packages = ("mlflow", "SQLAlchemy")

    def create(self, path: str) -> None:
        """The tables are made here, and not by the first run."""
        mlflow.set_tracking_uri(f"sqlite:///{os.path.abspath(path)}/mlflow.db")
        mlflow.search_runs()

    def open_run(self, path: str) -> Run:
        """In the default experiment."""
        return Run(path)

    def count(self, path: str) -> int:
        """Points of every run's history."""
        client = mlflow.MlflowClient(f"sqlite:///{os.path.abspath(path)}/mlflow.db")
        runs = client.search_runs(["0"])
        return sum(
            len(client.get_metric_history(run.info.run_id, key)) for run in runs for key in run.data.metrics
        )


if __name__ == "__main__":
    serve(MlflowAdapter())
