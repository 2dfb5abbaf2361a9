"""Collections of sequences: to iterate over, run by run too, and to make a data frame of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .columnset import Backend
    from .run import Run
    from .sequences import Metric


class Collection:
    """Some sequences, of one run or of many."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError

    def iter(self) -> Iterator[Any]:
        """Yield the sequences, in order."""
        return iter(self)

    def dataframe(
        self,
        only_last: bool = False,
        include_run: bool = True,
        include_name: bool = True,
        include_context: bool = True,
        include_props: bool = True,
        include_params: bool = True,
        backend: Backend = "pandas",
    ) -> Any:
        """Return a data frame with a row per point of every sequence.

        Where the values are objects, such as images, the column ``value`` has these.

        With `include_run` there are ``run.hash``, the run's properties (``run.name``, ...) if `include_props`,
        and its parameters (``run.hparams.lr``, ...) if `include_params`. `backend` is "pandas", "polars" or
        "arrow", as in a result of runs. The column ``time`` is naive and local in pandas, as in Aim; in the other
        two it is in UTC and says so.
        """
        from .frames import metric_frame  # noqa: PLC0415 - pandas is loaded only where a frame is asked for

        return metric_frame(
            self,
            name=include_name,
            context=include_context,
            run=include_run,
            include_props=include_props,
            include_params=include_params,
            only_last=only_last,
            backend=backend,
        )


class RunItem(Collection):
    """One run of a result, and its matching sequences (all of its metrics in the result of a run query)."""

    def __init__(self, run: Run, sequences: list[Any] | None) -> None:
        self.run = run
        self._sequences = sequences

    def __iter__(self) -> Iterator[Any]:
        return iter(self.run.metrics() if self._sequences is None else self._sequences)

    def iter_runs(self) -> Iterator[Self]:
        """Yield itself: it is of one run."""
        yield self


class Metrics(list["Metric"], Collection):
    """The metrics of one run: a list, of which a data frame can be made."""

    def __init__(self, run: Run, found: Iterable[Metric]) -> None:
        super().__init__(found)
        self.run = run

    def iter_runs(self) -> Iterator[Self]:
        """Yield itself: it is of one run."""
        yield self
