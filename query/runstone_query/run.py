"""`Run` with what reading adds to it, and `StoredRun`, a run that a repository hands back."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from runstone_writer.errors import ReadOnlyError, StoreError, ValueTypeError
from runstone_writer.layout import Layout
from runstone_writer.liveness import Status, status_of
from runstone_writer.log import LogWriter
from runstone_writer.run import Run as WritingRun
from runstone_writer.state import RunState
from runstone_writer.values import decode

if TYPE_CHECKING:
    from runstone_writer.changes import Change

    from .collection import Metrics
    from .columnset import Backend
    from .context import Context
    from .messages import LogRecords, TerminalLogs
    from .record import Record
    from .repo import Repo
    from .sequences import Audios, Distributions, Figures, Images, Metric, Sequence, Texts


_NONE = object()


class Run(WritingRun):
    __doc__ = WritingRun.__doc__
    __iter__ = None  # otherwise Python would ask for the parameters 0, 1, 2, ...

    def __contains__(self, key: Any) -> bool:
        """Whether there is a parameter `key`, such as "lr" or ("hparams", "lr"); as in a query."""
        return self.get(key, _NONE, resolve_objects=True) is not _NONE

    @cached_property
    def repo(self) -> Repo:
        """The repository that the run is in."""
        from .repo import Repo  # noqa: PLC0415 - a training script does not pay for the query layer

        return Repo(self._layout)

    @property
    def status(self) -> Status:
        """One of "running", "finished" and "crashed": by heartbeats, without trusting another host's clock."""
        return status_of(self._layout, self._fresh_state())

    def metrics(self) -> Metrics:
        """Return the run's number sequences, with everything that any process has tracked up to now.

        It is a list, and has Aim's ``dataframe()``, a row per point.
        """
        from .collection import Metrics  # noqa: PLC0415
        from .results import sequences_of  # noqa: PLC0415
        from .sequences import Metric  # noqa: PLC0415

        found = sequences_of(self._stored(), "metric")
        return Metrics(self, (sequence for sequence in found if isinstance(sequence, Metric)))

    def get_metric(self, name: str, context: Context | dict[str, Any] | None = None) -> Metric | None:
        """Return the metric of that name and context, or None."""
        wanted = _wanted(context)
        found = (metric for metric in self.metrics() if metric.name == name and metric.context == wanted)
        return next(found, None)

    def get_image_sequence(self, name: str, context: Context | dict[str, Any] | None = None) -> Images | None:
        """Return the images tracked under that name in that context, or None."""
        found: Images | None = self._get("images", name, context)
        return found

    def get_audio_sequence(self, name: str, context: Context | dict[str, Any] | None = None) -> Audios | None:
        """Return the recordings tracked under that name in that context, or None."""
        found: Audios | None = self._get("audios", name, context)
        return found

    def get_text_sequence(self, name: str, context: Context | dict[str, Any] | None = None) -> Texts | None:
        """Return the texts tracked under that name in that context, or None."""
        found: Texts | None = self._get("texts", name, context)
        return found

    def get_distribution_sequence(
        self, name: str, context: Context | dict[str, Any] | None = None
    ) -> Distributions | None:
        """Return the distributions tracked under that name in that context, or None."""
        found: Distributions | None = self._get("distributions", name, context)
        return found

    def get_figure_sequence(
        self, name: str, context: Context | dict[str, Any] | None = None
    ) -> Figures | None:
        """Return the figures tracked under that name in that context, or None."""
        found: Figures | None = self._get("figures", name, context)
        return found

    def get_sequence(self, name: str, context: Context | dict[str, Any] | None = None) -> Sequence | None:
        """Return the sequence of that name and context, whatever it is made of, or None."""
        found: Sequence | None = self._get(None, name, context)
        return found

    def _get(self, entity: str | None, name: str, context: Context | dict[str, Any] | None) -> Any:
        from .results import sequences_of  # noqa: PLC0415

        wanted = _wanted(context)
        found = (s for s in sequences_of(self._stored(), entity) if s.name == name and s.context == wanted)
        return next(found, None)

    def iter_metrics_info(self) -> Iterator[tuple[str, Context, Run]]:
        """Yield (name, context, run) of each metric."""
        for metric in self.metrics():
            yield metric.name, metric.context, self

    def get_log_records(self) -> LogRecords | None:
        """Return what ``log_info()`` and its kin have kept, to iterate over; None if there is nothing."""
        from .messages import records_of  # noqa: PLC0415

        return records_of(self._stored())

    def get_terminal_logs(self) -> TerminalLogs | None:
        """Return what the run's processes have printed, to iterate over; None if nothing was captured."""
        from .messages import terminal_of  # noqa: PLC0415

        return terminal_of(self._stored())

    def iter_sequence_info_by_type(
        self, dtypes: str | tuple[str, ...] | list[str]
    ) -> Iterator[tuple[str, Context, Run]]:
        """Yield (name, context, run) of each sequence of the given types: "number", "image", "log_line", ...

        Aim's names for them ("aim.image", "float", "int") are taken as well.
        """
        from .context import Context  # noqa: PLC0415

        wanted = {_own_type(name) for name in ([dtypes] if isinstance(dtypes, str) else dtypes)}
        for sequence in sorted(self._stored()._fresh_state().sequences, key=lambda s: s.identity):
            if sequence.kind in wanted and sequence.summary is not None:
                yield sequence.name, Context(decode(sequence.context)), self

    def collect_sequence_info(
        self, sequence_types: str | tuple[str, ...] | list[str], skip_last_value: bool = False
    ) -> dict[str, list[dict[str, Any]]]:
        """Return, for each type ("metric", "images", ...), what sequences there are: name, context, summary.

        As in Aim ``values`` has first, last, min, max and the steps of the first and the last point;
        `skip_last_value` leaves the last one out. Raises UsageError for an unknown type.
        """
        from .catalogue import run_sequence_info  # noqa: PLC0415

        return run_sequence_info(self._stored(), sequence_types, skip_last_value)

    def dataframe(
        self, include_props: bool = True, include_params: bool = True, backend: Backend = "pandas"
    ) -> Any:
        """Return the run as a data frame of one row, of the library `backend`: pandas, polars or arrow."""
        from .frames import run_frame  # noqa: PLC0415

        return run_frame([self], include_props=include_props, include_params=include_params, backend=backend)

    def history(
        self, key: Any = None, of: Literal["params", "props", "tags", "life"] | None = None
    ) -> list[Change]:
        """Return what was changed in the run, when and by whom, as its logs tell; the last one counts.

        `key` names a parameter: ``"hparams.lr"`` or ``("hparams", "lr")``. (A parameter that is called "a.b" is
        meant by ``"a.b"``.) Each event that set or deleted it is a Change, also one that gave it the value that it
        had, or that set all of ``hparams``. For other things say of which kind `key` is: ``of="props"`` (name,
        description, experiment, archived), ``of="tags"``, or ``of="life"`` (opened, ended, deleted). Without
        `key` every change is returned, each as it was made; of one kind if `of` is given.

        Raises UsageError for a property that there cannot be. A key that was never set has no changes.
        """
        from runstone_writer.changes import changes_of  # noqa: PLC0415 - a training script does not pay for it

        unwritten = None if self._log is None else (self._log.writer, self._log.unwritten())
        return changes_of(self._layout, self.hash, key, of, ends=self._ends(), unwritten=unwritten)

    def _ends(self) -> dict[str, int] | None:
        """How far the logs are to be read; None for all of them."""
        return None

    def _stored(self) -> StoredRun:
        return StoredRun(self.repo, self.repo.record(self.hash))


class StoredRun(Run):
    """A run as a repository has it, at the moment of the query.

    Its parameters and points are read-only. Name, description, experiment, tags and archived may be
    changed: such an edit is an event in a small log of its own, and asks nothing of the run's writers.
    """

    def __init__(self, repo: Repo, record: Record) -> None:
        self._hash = record.hash  # it is there: the base class need not look
        self._bind(repo.layout, read_only=True)
        self.repo = repo
        self._record = record

    @property
    def record(self) -> Record:
        """What the repository has of the run at that moment."""
        return self._record

    @property
    def status(self) -> Status:
        """One of "running", "finished" and "crashed": what is known of the writers, and their heartbeats now."""
        if self._record.moment is not None:
            return self._record.moment.status(self._layout, self._record.state)
        now = time.time() if self.repo.read_only else None  # asking the file system's own clock makes a file
        return status_of(self._layout, self._record.state, now)

    @property
    def duration(self) -> float:
        """Seconds from creation to the end, or to now; in `Repo.at`, to the moment that was asked for."""
        if self._record.moment is None or self.end_time is not None:
            return super().duration
        return max(self._record.moment.seconds - self.creation_time, 0.0)

    def _fresh_state(self) -> RunState:
        return self._record.state

    def _ends(self) -> dict[str, int] | None:
        return None if self._record.moment is None else self._record.moment.ends

    def _edit(self, event: str, **fields: Any) -> None:
        if self.repo.read_only:
            raise ReadOnlyError(
                f"cannot change run {self.hash}: the repository {self.repo.path} was opened read-only",
                hint="Open it with Repo(path).",
            )
        append_edit(self._layout, self.hash, event, fields)
        self._record = self.repo.record(self.hash)

    def _stored(self) -> StoredRun:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _stored_again, (self._layout.root, self.hash, self.repo.read_only)


def _wanted(context: Any) -> Mapping[str, Any]:
    """Return the context that is asked for. Raises ValueTypeError for what cannot be one."""
    if context is None:
        return {}
    if not isinstance(context, Mapping):
        raise ValueTypeError(
            f"a context is a dictionary, not {type(context).__name__}: {context!r}",
            hint='Write {"subset": "val"}.',
        )
    return context


def _own_type(name: str) -> str:
    """Return the name that the log has for a type of sequences, given that or Aim's."""
    return "number" if name in ("int", "float", "number") else name.removeprefix("aim.")


def _stored_again(root: str, run: str, read_only: bool) -> StoredRun:
    from .repo import Repo  # noqa: PLC0415

    repo = Repo(root, read_only=read_only)
    return StoredRun(repo, repo.record(run))


def append_edit(layout: Layout, run: str, event: str, fields: dict[str, Any]) -> None:
    """Append one edit to a run's folder, durable on return, in a log of its own. Raises what append_edits raises."""
    append_edits(layout, run, [(event, fields)])


def append_edits(layout: Layout, run: str, events: list[tuple[str, dict[str, Any]]]) -> None:
    """Append edits that belong together to a run's folder, durable on return, in a log of their own.

    Raises StoreError if the storage refuses it: nobody waits for an edit, so none is kept in memory.
    """
    log = LogWriter(layout, run, kind="edit")
    with warnings.catch_warnings():  # it would say that training goes on
        warnings.simplefilter("ignore", RuntimeWarning)
        for event, fields in events:
            log.append(event, **fields)
    if log.unwritten():
        why = log.refusal.strerror if log.refusal is not None else "it is not known why"
        log.forget()
        raise StoreError(
            f"cannot write the change to {layout.run_folder(run)}: {why}",
            path=layout.run_folder(run),
            hint="Nothing was changed. Look for a full disk or missing permissions.",
        ) from log.refusal
    log.close("end")
