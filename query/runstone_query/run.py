"""`Run` with what reading adds to it, and `StoredRun`, a run that a repository hands back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runstone_writer.layout import Layout
from runstone_writer.liveness import status_of
from runstone_writer.log import LogWriter
from runstone_writer.run import Run as WritingRun
from runstone_writer.state import RunState

if TYPE_CHECKING:
    import pandas as pd

    from .context import Context
    from .record import Record
    from .repo import Repo
    from .sequences import Metric


class Run(WritingRun):
    __doc__ = WritingRun.__doc__

    @property
    def repo(self) -> Repo:
        """The repository that the run is in."""
        from .repo import Repo  # noqa: PLC0415 - a training script does not pay for the query layer

        return Repo(self._layout)

    @property
    def status(self) -> str:
        """One of "running", "finished" and "crashed": by heartbeats, without trusting another host's clock."""
        return status_of(self._layout, self._fresh_state())

    def metrics(self) -> list[Metric]:
        """Return the run's number sequences, with everything that any process has tracked up to now."""
        from .results import sequences_of  # noqa: PLC0415
        from .sequences import Metric  # noqa: PLC0415

        run = self._stored()
        found = sequences_of(run, "metric")
        return [sequence for sequence in found if isinstance(sequence, Metric)]

    def get_metric(self, name: str, context: Context | dict[str, Any] | None = None) -> Metric | None:
        """Return the metric of that name and context, or None."""
        wanted = context or {}
        found = (metric for metric in self.metrics() if metric.name == name and metric.context == wanted)
        return next(found, None)

    def iter_metrics_info(self) -> Iterator[tuple[str, Context, Run]]:
        """Yield (name, context, run) of each metric."""
        for metric in self.metrics():
            yield metric.name, metric.context, self

    def dataframe(self, include_props: bool = True, include_params: bool = True) -> pd.DataFrame:
        """Return the run as a pandas DataFrame of one row. Needs pandas."""
        import pandas as pd  # noqa: PLC0415

        from .results import run_columns  # noqa: PLC0415

        return pd.DataFrame([run_columns(self, include_props=include_props, include_params=include_params)])

    def _stored(self) -> StoredRun:
        found = self.repo.get_run(self.hash)
        return StoredRun(self.repo, self.repo.record(self.hash)) if found is None else found


class StoredRun(Run):
    """A run as a repository has it, at the moment of the query.

    Its parameters and points are read-only. Name, description, experiment, tags and archived may be
    changed: such an edit is an event in a small log of its own, and asks nothing of the run's writers.
    """

    def __init__(self, repo: Repo, record: Record) -> None:
        super().__init__(record.hash, repo=repo, read_only=True)
        self._repo = repo
        self._record = record

    @property
    def repo(self) -> Repo:
        return self._repo

    def _fresh_state(self) -> RunState:
        return self._record.state

    def _edit(self, event: str, **fields: Any) -> None:
        append_edit(self._layout, self.hash, event, fields)
        self._record = self._repo.record(self.hash)

    def _stored(self) -> StoredRun:
        return self


def append_edit(layout: Layout, run: str, event: str, fields: dict[str, Any]) -> None:
    """Append one edit to a run's folder, durable on return, in a log of its own."""
    log = LogWriter(layout, run, kind="edit")
    log.append(event, **fields)
    log.close("end")
