"""Taking in runs: looking at their logs, reading what is new, and folding it into rows and points."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from runstone_writer.layout import Layout, parse_log_name
from runstone_writer.liveness import beat_age, file_system_now
from runstone_writer.replay import Problem
from runstone_writer.state import RunState
from runstone_writer.tender import LEASE_SECONDS

from .discovery import RunFolder, look_into
from .generation import Generation
from .hints import Reads, read_of
from .parameters import Document, document
from .problems import Problems
from .reading import Reading, read_on
from .series import SeriesBuffer
from .states import NO_DOCUMENT, StateRow, gone
from .words import SAID, terms_of, texts_said

RUNS_REMEMBERED = 256  # of which it is known what they have said; forgotten, a word is indexed again
TERMS_REMEMBERED = 20_000  # of each
READS_REMEMBERED = 50_000  # runs; how far others were read is looked up where it stands


class Documents(Protocol):
    """Where documents go: the Tantivy index, or the notes that a crew makes for it."""

    def put(self, run: int, found: Document | None, *, replaces: bool) -> None: ...
    def put_said(self, run: int, words: set[str]) -> None: ...


class Batch:
    """What has been read since files were last written."""

    def __init__(self, next_run: int, parameters: Documents) -> None:
        self.next_run = next_run
        self._parameters = parameters
        self.clear()

    def clear(self) -> None:
        self.rows: dict[int, StateRow] = {}
        self.series = SeriesBuffer()
        self.points_gone = 0
        self.documents = 0  # how many more the Tantivy index has

    def put(self, row: StateRow, found: Document | None) -> None:
        """Take in a row, and its document unless Tantivy has that already."""
        old, new = row.document, NO_DOCUMENT if found is None else found.digest
        if new != old:
            self._parameters.put(row.run, found, replaces=old != NO_DOCUMENT)
        self.documents += (new != NO_DOCUMENT) - (old != NO_DOCUMENT)
        row.document = new
        self.rows[row.run] = row

    def put_said(self, run: int, terms: set[str]) -> None:
        """Take in words that a run has printed or logged."""
        if terms:
            self._parameters.put_said(run, terms)

    def put_gone(self, row: StateRow, points: int) -> None:
        """Hide what has been stored of a run: its row and that many points."""
        last = gone(row.run)
        last.document = row.document
        self.put(last, None)
        self.points_gone += points


@dataclass(slots=True)
class _News:
    """What was read of one run, and where it goes."""

    reading: Reading
    row: StateRow
    has_row: bool = False  # whether `row` is to be published
    document: Document | None = None
    said: list[str] = field(default_factory=list)
    old: StateRow | None = None  # what is stored of the run under another number, to be hidden,
    points_gone: int = 0  # with so many points


class Intake:
    """Reads runs for the indexer. One for as long as the index is open; `start_pass` before each pass."""

    def __init__(self, layout: Layout, problems: Problems) -> None:
        self._layout = layout
        self._problems = problems
        self._left: dict[
            str, dict[str, int]
        ] = {}  # sizes of the logs of runs that could not be read to the end
        self._proven: set[str] = set()  # runs in use whose logs were found to be the ones that were read
        self.refused: dict[str, bool] = {}  # runs that could not be read, and whether they were in use
        self._said: dict[
            int, set[str]
        ] = {}  # of runs that go on, by number: words that they have printed or logged
        self._generation: Generation | None = None
        self._again = True
        self._now: float | None = None
        self._clear()

    def start_pass(
        self, generation: Generation | None, batch: Batch, in_use: Iterable[str], *, again: bool
    ) -> None:
        """Prepare for looking at many runs. With `again`, at those too that could not be read the last time.

        What is known of runs that are not `in_use` any more is forgotten.
        """
        self._proven.intersection_update(in_use)
        self._generation = generation
        self._again = again
        self._now = None
        self.batch = batch
        self._clear()

    def _clear(self) -> None:
        self.found: list[Problem] = []
        self.without_row: set[str] = set()
        self.in_use: Reads = {}  # how far they were read, of the runs that were taken in and may be written
        self.runs = 0
        self.points = 0
        self.bytes_read = 0

    def take(self, run: str, *, in_use: bool) -> None:
        """Bring a run up to date. `in_use` says that somebody may be writing it: then what was read of it
        before is compared with its logs once.
        """
        place = None if self._generation is None else self._generation.place(run)
        if place is None:
            self.without_row.add(run)
        try:
            folder = look_into(self._layout, run)
        except OSError as error:
            path = self._layout.run_folder(run)
            self.refused[run] = in_use
            self.wait(run, [Problem(path, 0, 0, f"cannot be read: {error.strerror}")])
            return
        if self._left.get(run) == folder.sizes and not self._again and run not in self.refused:
            return
        self._left.pop(run, None)
        self.refused.pop(run, None)
        foreign = [
            Problem(os.path.join(self._layout.run_folder(run), name), 0, 0, "not a log of Runstone's")
            for name in folder.foreign
        ]
        is_read = place is not None and place[0].extent(place[1]) == folder.extent
        if is_read and (not in_use or run in self._proven):
            self.wait(run, foreign)
            return
        row = StateRow(self.batch.next_run, RunState(run)) if place is None else place[0].load(place[1])
        try:
            news = self._read(folder, row, in_use=in_use)
        except Exception as error:  # whatever is wrong with one run, the others go on
            self._left[run] = folder.sizes
            if isinstance(error, OSError | MemoryError):  # that may be otherwise in a moment
                self.refused[run] = in_use
            what = f"cannot be indexed: {type(error).__name__}: {error}"
            self.wait(run, [Problem(self._layout.run_folder(run), 0, 0, what), *foreign])
        else:  # what fails from here on fails the whole pass: half of a run must never be published
            self._take_in(news, in_use=in_use)
            self.wait(run, self._recorded(folder, news.reading, in_use=in_use) + foreign)

    def take_clean(self, run: str) -> bool:
        """Take in a run of which nothing is published. False, and nothing of it, if there is anything to be told."""
        try:
            folder = look_into(self._layout, run)
            if folder.foreign:
                return False
            news = self._read(folder, StateRow(self.batch.next_run, RunState(run)), in_use=False)
        except Exception:  # it will come up again where it can be told
            return False
        reading = news.reading
        if reading.damage or reading.unread or reading.tails or reading.started_over or not news.has_row:
            return False
        self._take_in(news, in_use=True)
        return True

    def _read(self, folder: RunFolder, row: StateRow, *, in_use: bool) -> _News:
        """Read what is new of a run, and prepare all of it for the batch."""
        stored = points_of(row.state)
        reading = read_on(self._layout, row.state, folder)
        if in_use:
            self._proven.add(row.state.run)
        news = _News(reading, row)
        if reading.started_over:  # under a new number: nobody looks at what is stored under the old one
            news.old, news.points_gone = row, stored
            row = news.row = StateRow(self.batch.next_run, reading.state)
            self.without_row.add(row.state.run)
        if reading.bytes_read or (row.files and row.files != len(folder.sizes)):
            row.files, row.read = len(folder.sizes), reading.extent
            row.dump()  # what cannot be stored fails here, where it concerns one run
            news.document, news.has_row = document(row.state), True
            for place, _, chunk in reading.chunks:
                if row.state.sequences[place].kind in SAID:
                    news.said += texts_said(chunk.python_values())
        return news

    def _take_in(self, news: _News, *, in_use: bool) -> None:
        """Put into the batch what was read of a run."""
        if news.has_row:
            self._put(news)
            if in_use and len(self.in_use) < READS_REMEMBERED:
                self.in_use[news.row.state.run] = read_of(news.row.state)
        if news.old is not None:
            self.batch.put_gone(news.old, news.points_gone)

    def _put(self, news: _News) -> None:
        batch, row = self.batch, news.row
        if row.run == batch.next_run:
            batch.next_run += 1
        batch.put(row, news.document)
        for place, writer, chunk in news.reading.chunks:
            batch.series.add((row.run, place, writer), chunk)
            self.points += len(chunk.steps)
        if news.said:
            batch.put_said(row.run, self._new_terms(row, news.said))
        self.bytes_read += news.reading.bytes_read
        self.runs += 1
        self.without_row.discard(row.state.run)

    def _new_terms(self, row: StateRow, said: list[str]) -> set[str]:
        """What was said and is not known to be indexed already."""
        if len(self._said) > RUNS_REMEMBERED:
            self._said.clear()
        known = self._said.pop(row.run, set())
        new = terms_of(said) - known
        if row.state.ended is None:
            self._said[row.run] = known | new if len(known) < TERMS_REMEMBERED else known
        return new

    def _recorded(self, folder: RunFolder, reading: Reading, *, in_use: bool) -> list[Problem]:
        """Record the damage; return the rest: files that could not be read, lines that were not completed."""
        run = reading.state.run
        if reading.unread:
            self.refused[run] = in_use
        waiting = reading.unread + [p for p in reading.tails if not self._may_go_on(run, p.path)]
        if (waiting or reading.tails) and not reading.unfilled:
            self._left[run] = folder.sizes
        self._problems.add_damage(reading.damage)
        self.found += reading.damage
        return waiting

    def wait(self, run: str, waiting: list[Problem]) -> None:
        """Set what is wrong in a run's folder (or a shard's), until it is looked at again."""
        self._problems.set_waiting(run, waiting)
        self.found += waiting

    def _may_go_on(self, run: str, path: str) -> bool:
        """Whether a log's writer lives, so that a line that is not complete may yet become so."""
        name = parse_log_name(os.path.basename(path))
        if self._now is None:
            self._now = file_system_now(self._layout)
        return name is not None and beat_age(self._layout, run, name[0], self._now) < LEASE_SECONDS

    def add(self, runs: int, points: int, bytes_read: int) -> None:
        """Count what others have read."""
        self.runs += runs
        self.points += points
        self.bytes_read += bytes_read

    def take_away(self, rows: list[StateRow]) -> None:
        """Hide runs whose folders are not there any more."""
        for row in rows:
            self._left.pop(row.state.run, None)
            self.batch.put_gone(row, points_of(row.state))


def points_of(state: RunState) -> int:
    """Return how many points a run has."""
    return sum(sequence.summary.count for sequence in state.sequences if sequence.summary is not None)
