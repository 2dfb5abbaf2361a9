"""Sequences handed out by queries, with Aim's method names: `Metric` for numbers, `Images` and its kin, and
`Sequence` for objects of one's own and for what a process prints.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from runstone_indexer.chunk import EMPTY, Chunk, between
from runstone_indexer.columns import DamagedColumnsError
from runstone_writer.media.objects import restore_point
from runstone_writer.state import Sequence as StoredSequence
from runstone_writer.values import decode

from .arrays import ArrayView, Convert, SequenceData
from .context import Context
from .record import Record
from .reference import Reference
from .views import summary_value

if TYPE_CHECKING:
    from .columnset import Backend
    from .run import StoredRun

# The type in a sequence's declaration, by the name that a query has for such sequences.
KINDS = {
    "metric": "number",
    "images": "image",
    "audios": "audio",
    "texts": "text",
    "distributions": "distribution",
    "figures": "figure",
}


class Sequence:
    """A sequence of one run: name, context, and its points, read when they are asked for."""

    ENTITY: ClassVar[str] = ""

    @classmethod
    def sequence_name(cls) -> str:
        """Return the name that queries have for such sequences: "metric", "images", ..."""
        return cls.ENTITY

    @classmethod
    def allowed_dtypes(cls) -> str | tuple[str, ...]:
        """Return what the values of such sequences are, in Aim's words; "*" for anything."""
        kind = KINDS.get(cls.ENTITY, "*")
        return ("float", "float64", "int") if kind == "number" else f"aim.{kind}" if kind != "*" else kind

    def __init__(self, run: StoredRun, record: Record, stored: StoredSequence | Reference) -> None:
        self.run = run
        self._record = record
        self._stored = stored
        self._points: Chunk | None = None

    @property
    def name(self) -> str:
        """The name that the points were tracked under."""
        return self._stored.name

    @cached_property
    def context(self) -> Context:
        """The context that the points were tracked in."""
        return Context(decode(self._stored.context))

    @property
    def type(self) -> str:
        """What the sequence is made of: "number", "image", ..."""
        return self._stored.kind

    @property
    def chunk(self) -> Chunk:
        """The points as columns, in order. Loaded on first use."""
        return self._chunk

    @property
    def values(self) -> ArrayView:
        """What was tracked, by step."""
        return ArrayView(lambda: self.chunk, "values", self._convert, self.between)

    @property
    def epochs(self) -> ArrayView:
        """The epoch of each point: None (NaN in an array) where none was given."""
        return ArrayView(lambda: self.chunk, "epochs", None, self.between)

    @property
    def timestamps(self) -> ArrayView:
        """When each point was tracked: seconds since the epoch."""
        return ArrayView(lambda: self.chunk, "timestamps", None, self.between)

    @property
    def data(self) -> SequenceData:
        """Values, epochs and timestamps together."""
        return SequenceData(lambda: self.chunk, self._convert, self.between)

    @property
    def _convert(self) -> Convert | None:
        """What makes an object of a point's value; None for numbers, which are what they are."""
        return None if self.type == KINDS["metric"] else partial(restore_point, self.run._layout, self.type)

    @property
    def writers(self) -> list[str]:
        """The id of the writer of each point (several processes may write one sequence)."""
        try:
            chunk, writers, by = self._record.points(self._stored.place)
        except DamagedColumnsError:
            self._points = self._from_logs()
            chunk, writers, by = self._record.points(self._stored.place)
        if by is None:
            return writers[:1] * len(chunk.steps)
        return [writers[writer] for writer in by.tolist()]

    def first_step(self) -> float | None:
        """Return the lowest step, without loading points; None if there are none."""
        step: float | None = self.summary("first_step")
        return step

    def last_step(self) -> float | None:
        """Return the highest step, without loading points; None if there are none."""
        step: float | None = self.summary("last_step")
        return step

    def summary(self, name: str) -> Any:
        """Return a summary (first, last, min, max, mean, count, first_step, last_step), without loading points."""
        return summary_value(self._stored, name)

    def preload(self) -> None:
        """Load the points now."""
        _ = self._chunk

    def __len__(self) -> int:
        return int(self.summary("count") or 0)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {self.context.to_dict()!r} of run {self._record.hash}>"

    @property
    def _chunk(self) -> Chunk:
        if self._points is None:
            stored = self._stored
            found = stored.found if type(stored) is Reference else None
            try:
                self._points = self._record.chunk(stored.place, found)
            except DamagedColumnsError:
                self._points = self._from_logs()
        return self._points

    def _from_logs(self) -> Chunk:
        """Return the points without the index, which is damaged."""
        state = self._record.reread()
        same = state.find(self.name, self._stored.context, self.type)
        if same is None:
            return EMPTY
        self._stored = same
        return self._record.chunk(same.place)

    def between(self, low: float | None, high: float | None) -> Chunk:
        """Return the points of the steps from `low` up to, not including, `high` (None: no limit), and read no others."""
        if self._points is not None:
            return between(self._points, low, high)
        found = getattr(self._stored, "found", None)
        try:
            return self._record.chunk_between(self._stored.place, low, high, found)
        except DamagedColumnsError:
            return between(self._chunk, low, high)


class Metric(Sequence):
    """A sequence of numbers."""

    ENTITY = "metric"

    def sibling(self, name: str) -> Metric | None:
        """Return the metric of another name in the same run and context, or None."""
        found = self._record.state.find(name, self._stored.context)
        if found is None or found.kind != KINDS["metric"] or found.summary is None:
            return None
        return Metric(self.run, self._record, found)

    def dataframe(
        self,
        include_name: bool = False,
        include_context: bool = False,
        include_run: bool = False,
        only_last: bool = False,
        backend: Backend = "pandas",
    ) -> Any:
        """Return a data frame with a row per point: idx, step, value, epoch, time (local; see below).

        `include_run` adds ``run.hash`` and the run's parameters (``run.hparams.lr``), `include_name`
        ``metric.name``, `include_context` ``metric.context.<key>``; `only_last` keeps the last point alone. `backend`
        is "pandas", "polars" or "arrow"; in the last two, ``time`` is in UTC and says so.
        """
        from .frames import metric_frame  # noqa: PLC0415 - pandas is loaded only where a frame is asked for

        return metric_frame(
            [self],
            name=include_name,
            context=include_context,
            run=include_run,
            include_props=False,
            include_params=True,
            only_last=only_last,
            backend=backend,
        )


class ObjectSequence(Sequence):
    """A sequence whose points are objects, or lists of objects of one kind."""

    def record_length(self) -> int:
        """Return how many objects there are at most at one step; 0 if there are no points."""
        lengths = (len(value) if isinstance(value, list) else 1 for value in self.chunk.python_values())
        return max(lengths, default=0)


class Images(ObjectSequence):
    """A sequence of images, or lists of images."""

    ENTITY = "images"


class Audios(ObjectSequence):
    """A sequence of recordings, or lists of recordings."""

    ENTITY = "audios"


class Texts(ObjectSequence):
    """A sequence of texts, or lists of texts."""

    ENTITY = "texts"


class Distributions(ObjectSequence):
    """A sequence of distributions, or lists of distributions."""

    ENTITY = "distributions"


class Figures(ObjectSequence):
    """A sequence of figures, or lists of figures."""

    ENTITY = "figures"


CLASSES: dict[str, type[Sequence]] = {
    made.ENTITY: made for made in (Metric, Images, Audios, Texts, Distributions, Figures)
}


def class_of(kind: str) -> type[Sequence]:
    """Return what sequences with values of a type are made into."""
    found = (CLASSES[entity] for entity, known in KINDS.items() if known == kind)
    return next(found, Sequence if kind == "log_line" else ObjectSequence)
