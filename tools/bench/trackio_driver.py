"""trackio as a driver: calls go into a queue, and a thread brings them into SQLite."""

import glob
import os
import sqlite3
from typing import Any

from serve import serve


class Run:
    """One run of the project."""

    def __init__(self, path: str) -> None:
        os.environ["TRACKIO_DIR"] = path
        import trackio  # reads the variable when it is imported

        self._run = trackio.init(project="bench", embed=False, auto_log_gpu=False)

    def track(self, value: float, name: str, context: dict[str, Any]) -> None:
        """One row of metrics."""
        self._run.log({f"{context['subset']}/{name}": value})

    def close(self) -> None:
        """Waits until all is in the database."""
        self._run.finish()


class TrackioAdapter:
    """trackio through its public API."""

    packages = ("trackio", "numpy")

    def create(self, path: str) -> None:
        """A folder is enough."""

    def open_run(self, path: str) -> Run:
        """Every run of a driver's process is in the folder of its first."""
        return Run(path)

    def count(self, path: str) -> int:
        """Rows of metrics in the databases."""
        found = 0
        for file in glob.glob(os.path.join(path, "*.db")):
            connection = sqlite3.connect(file)
            found += connection.execute("SELECT count(*) FROM metrics").fetchone()[0]
            connection.close()
        return found


if __name__ == "__main__":
    serve(TrackioAdapter())
