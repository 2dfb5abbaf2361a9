"""The repository as it stood at a moment: every log read up to the last line that was written by then."""

from __future__ import annotations

import math
import os
import time as clock
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from runstone_indexer.discovery import look_into, sweep
from runstone_indexer.reading import read_until
from runstone_writer.cut import cut_at
from runstone_writer.errors import UsageError, ValueTypeError
from runstone_writer.layout import Layout, log_order
from runstone_writer.liveness import Status, beat_age
from runstone_writer.replay import Problem
from runstone_writer.state import RunState
from runstone_writer.tender import LEASE_SECONDS

from .aimql import Query
from .record import Record, TailChunks
from .repo import Repo
from .selection import Explanation, Selection
from .snapshot import Lacking, T, refusals_told
from .suggestions import Known

if TYPE_CHECKING:
    from .snapshot import Progress

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(time: datetime | date | float | str) -> int:
    """Return a moment in microseconds since the epoch.

    A datetime, or a text in ISO 8601, that has no time zone is meant in the local one, as everywhere in Python;
    a date is the midnight at which it begins; a number is seconds since the epoch. Raises UsageError.
    """
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time.strip())
        except ValueError:
            raise UsageError(
                f"not a time: {time!r}",
                hint="Write it as 2026-11-22, 2026-11-22 14:30 or 2026-11-22T14:30:00+01:00.",
            ) from None
    if isinstance(time, date):
        if not isinstance(time, datetime):
            time = datetime(time.year, time.month, time.day)
        return (time.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    if isinstance(time, bool) or not isinstance(time, int | float):
        raise ValueTypeError(
            f"a time is a datetime, a number of seconds or a text, not {type(time).__name__}: {time!r}"
        )
    if not math.isfinite(time):
        raise UsageError(f"a time is a finite number of seconds, not {time!r}")
    return round(time * 1e6)


class Moment(NamedTuple):
    """What is known of a run at a moment besides its state."""

    seconds: float  # since the epoch
    ends: dict[str, int]  # how many bytes each of its logs had
    going_on: frozenset[str]  # the writers that wrote more later

    def status(self, layout: Layout, state: RunState) -> Status:
        """Return what the run was doing.

        A heartbeat leaves no trace, so a writer that had not ended counts as alive if it wrote anything later, had
        written within the last 30 seconds, or is alive now.
        """
        waiting = state.open_writers()
        if not waiting:
            return "finished"
        for writer in waiting:
            if writer.writer in self.going_on or self.seconds - writer.last / 1e6 < LEASE_SECONDS:
                return "running"
        now = clock.time()  # this host's: asking the file system's clock would make a file
        alive = any(beat_age(layout, state.run, writer.writer, now) < LEASE_SECONDS for writer in waiting)
        return "running" if alive else "crashed"


class PastTail:
    """One run as its logs were at a moment. Has what `snapshot` and `selection` ask of an overlay's tail."""

    number = None  # no index knows anything of the past

    def __init__(self, layout: Layout, run: str, moment: int) -> None:
        self._layout, self._moment = layout, moment
        self.state = RunState(run)
        self.problems: list[Problem] = []
        self.unread: list[Problem] = []
        self._chunks: TailChunks = {}
        self._sizes: dict[str, int] = {}
        self._at = Moment(moment / 1e6, {}, frozenset())

    def update(self) -> None:
        """Read the run, unless its logs are as they were the last time."""
        try:
            sizes = look_into(self._layout, self.state.run).sizes
            if sizes != self._sizes:
                self._read(sizes)
                self._sizes = {} if self.unread else sizes
        except Exception as error:  # whatever is wrong with one run, the others can be asked
            where = self._layout.run_folder(self.state.run)
            self.unread = [Problem(where, 0, 0, f"cannot be read: {type(error).__name__}: {error}")]
            self.problems = self.unread
            self.state, self._sizes = RunState(self.state.run), {}

    def _read(self, sizes: dict[str, int]) -> None:
        run = self.state.run
        ends = {name: self._end(name, size) for name, size in sizes.items()}
        ends = {name: end for name, end in ends.items() if end}
        going_on = frozenset(log_order(name)[0] for name, size in sizes.items() if ends.get(name, 0) < size)
        reading = read_until(self._layout, run, ends)
        self.state = reading.state if reading.extent else RunState(run)
        self.problems, self.unread = reading.damage + reading.unread, reading.unread
        self._chunks = {}
        for place, by, chunk in reading.chunks:
            self._chunks.setdefault(place, []).append((by, chunk))
        self._at = Moment(self._moment / 1e6, ends, going_on)

    def _end(self, name: str, size: int) -> int:
        try:
            return cut_at(self._layout.log_path(self.state.run, name), log_order(name)[0], self._moment)
        except OSError:
            return size  # reading it will say why

    def record(self) -> Record:
        """Return the run as a query sees it."""
        record = Record.fresh(None, None, self.state, self._chunks)
        record.moment = self._at
        return record


class PastSnapshots:
    """Finds the runs that a query about a moment has to be evaluated on: by reading their logs."""

    def __init__(self, layout: Layout, moment: int) -> None:
        self._layout, self._moment = layout, moment
        self._tails: dict[str, PastTail] = {}
        self._lacking = Lacking()
        self.progress: Progress | None = None

    def close(self) -> None:
        """Let go of what was read."""
        self._tails = {}

    def tail(self, run: str) -> PastTail:
        """Return one run as it was."""
        if run not in self._tails:
            self._tails[run] = PastTail(self._layout, run, self._moment)
        tail = self._tails[run]
        tail.update()
        self._lacking.tell(tail.unread)
        return tail

    def take(self, *, may_index: bool = True) -> tuple[None, dict[str, PastTail]]:
        """Return every run that has a folder."""
        del may_index
        with refusals_told(self._layout):
            runs = list(sweep(self._layout))
        found = {}
        for count, run in enumerate(runs):
            found[run] = self.tail(run)
            if self.progress is not None:
                self.progress(count + 1, len(runs))
        self._tails = dict(found)
        return None, found

    def despite_damage(self, ask: Callable[[], T]) -> T:
        """Return what `ask` gives: no index is asked, so none can be damaged."""
        return ask()

    def known(self) -> Known:
        """Return the names of the parameters and sequences that there were."""
        fresh: dict[str, Any] = dict(self.take()[1])
        return Known.of(None, fresh)

    def select(self, query: Query) -> Selection:
        """Return the runs to evaluate `query` on."""
        _, found = self.take()
        explanation = Explanation(query.text, f"none: the logs as they were at {_shown(self._moment)}")
        explanation.runs = sum(tail.state.is_there for tail in found.values())
        fresh: dict[str, Any] = dict(found)
        return Selection(None, None, fresh, explanation, archived_too=query.asks_for_archived)


class PastRepo(Repo):
    """A repository as it stood at a moment, made by :meth:`Repo.at`. Answers everything and changes nothing."""

    def __init__(self, layout: Layout, time: datetime | date | float | str) -> None:
        """Look at the repository as of `time`, which `moment_of` reads."""
        super().__init__(layout, read_only=True, index=False)
        moment = moment_of(time)
        self.time = moment / 1e6  # seconds since the epoch
        self.snapshots = PastSnapshots(layout, moment)  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Repo {os.path.dirname(self.layout.root)} as of {_shown(round(self.time * 1e6))}>"


def _shown(moment: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=moment)).isoformat()
    except OverflowError:
        return f"{moment / 1e6} seconds after the epoch"
