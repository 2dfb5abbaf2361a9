"""A record: one run as a query sees it, from the index, from unread log tails, or from both."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from runstone_indexer.chunk import EMPTY, Chunk, between, merge
from runstone_indexer.columns import DamagedColumnsError
from runstone_indexer.discovery import look_into
from runstone_indexer.generation import Generation
from runstone_indexer.reading import read_on
from runstone_indexer.series import Found
from runstone_indexer.states import ARCHIVED, StateFile, load_state
from runstone_indexer.words import SAID, texts_of, texts_said
from runstone_writer.errors import StoreError
from runstone_writer.params import Params
from runstone_writer.state import RunState

if TYPE_CHECKING:
    from .past import Moment

TailChunks = dict[int, list[tuple[int, Chunk]]]  # place of the sequence -> (place of the writer, points)


class Record:
    """The state of a run at one moment, and the way to its points. Loads only what is asked for."""

    __slots__ = (
        "_data", "_file", "_hash", "_params", "_row", "_state", "_tail", "created", "generation", "moment", "number",
    )  # fmt: skip

    def __init__(self, generation: Generation | None, number: int | None, created: int) -> None:
        self.generation = generation
        self.number = number  # in the index
        self.created = created
        self._file: StateFile | None = None
        self._row = 0
        self._hash = ""
        self._data: dict[str, Any] | None = None
        self._params: dict[Any, Any] | None = None
        self._state: RunState | None = None
        self._tail: TailChunks = {}
        self.moment: Moment | None = None  # when this is how the run was in the past

    @classmethod
    def indexed(
        cls,
        generation: Generation,
        file: StateFile,
        row: int,
        number: int | None = None,
        created: int | None = None,
        name: bytes | None = None,
    ) -> Record:
        """Take a row of a state file; number, time and hash are what it has in these columns, if known."""
        number = int(file.run[row]) if number is None else number
        record = cls(generation, number, int(file.column("created")[row]) if created is None else created)
        record._file, record._row = file, row
        record._hash = file.hash(row) if name is None else name.decode()
        return record

    @classmethod
    def fresh(
        cls, generation: Generation | None, number: int | None, state: RunState, tail: TailChunks
    ) -> Record:
        record = cls(generation, number, state.created)
        record._state, record._tail = state, tail
        record._hash = state.run
        return record

    @property
    def hash(self) -> str:
        return self._hash

    @property
    def stored(self) -> tuple[StateFile, int] | None:
        """The file and row that the index has of this very state; None for a run that comes from its logs."""
        return None if self._file is None or self.generation is None else (self._file, self._row)

    @property
    def flags(self) -> int:
        """The bits of the index's column of that name; 0 for a run that comes from its logs."""
        return 0 if self._file is None else int(self._file.column("flags")[self._row])

    @property
    def archived(self) -> bool:
        return bool(self.flags & ARCHIVED) if self._file is not None else self.state.archived

    @property
    def params(self) -> dict[Any, Any]:
        """The parameters as nested dictionaries; not to be changed."""
        if self._params is None:
            if self._state is None:
                with contextlib.suppress(DamagedColumnsError):
                    self._params = Params.load(self._json["params"]).tree()
            if self._params is None:
                self._params = self.state.params.tree()
        return self._params

    @property
    def state(self) -> RunState:
        if self._state is None:
            assert self._file is not None  # noqa: S101 - a record is made from a row or from a state
            try:
                self._state = load_state(self._file.blob(self._row))
            except DamagedColumnsError:
                self._state = self._read_logs()
        return self._state

    def reread(self) -> RunState:
        """Return the state from the logs alone, where the points are taken from then on, too."""
        if self.generation is not None:
            self._tail = {}
            self._state = self._read_logs()
        return self.state

    def texts(self) -> Iterator[str]:
        """Yield the run's texts, and what it has printed and logged."""
        yield from texts_of(self.state)
        for place, sequence in enumerate(self.state.sequences):
            if sequence.kind in SAID and sequence.summary is not None:
                yield from texts_said(self.chunk(place).python_values())

    def _read_logs(self) -> RunState:
        """Go back to the truth: what the index has of this run is damaged."""
        assert self.generation is not None  # noqa: S101 - a row is one of a generation's
        layout = self.generation.layout
        reading = read_on(layout, RunState(self.hash), look_into(layout, self.hash))
        if reading.unread:
            problem = reading.unread[0]
            raise StoreError(
                f"{problem.path}: {problem.reason}, and what the index has of it is damaged",
                path=problem.path,
                hint="Whose file is it, and does its file system answer?",
            )
        for place, by, chunk in reading.chunks:
            self._tail.setdefault(place, []).append((by, chunk))
        self.generation = None
        return reading.state

    @property
    def _json(self) -> dict[str, Any]:
        if self._data is None:
            assert self._file is not None  # noqa: S101
            self._data = orjson.loads(self._file.blob(self._row))
        return self._data

    def chunk(self, place: int, found: list[Found] | None = None) -> Chunk:
        """Return the points of the sequence at a place, in order; `found` are its stored ones if known."""
        if found is None:
            found = self._stored(place)
        if len(found) == 1 and place not in self._tail:
            chunk = found[0].chunk
            if chunk.ordered:
                return chunk
        return self.points(place)[0]

    def _stored(self, place: int, low: float | None = None, high: float | None = None) -> list[Found]:
        if self.generation is None or self.number is None:
            return []
        return self.generation.chunks(self.number, place, low, high)

    def steps(self, place: int) -> list[tuple[int, Any]]:
        """Return a sequence's steps as they are kept: (place of the writer, steps), in the order of its log."""
        stored: list[tuple[int, Any]] = []
        if self.generation is not None and self.number is not None:
            stored = self.generation.steps(self.number, place)
        return stored + [(by, chunk.steps) for by, chunk in self._tail.get(place, ())]

    def chunk_between(
        self, place: int, low: float | None, high: float | None, found: list[Found] | None = None
    ) -> Chunk:
        """Return the points of some steps (see `between`), in order, without reading or copying the others."""
        parts = self.parts_between(place, low, high, found)
        if len(parts) == 1 and parts[0][1].ordered:
            return parts[0][1]
        writers = list(self.state.writers) if parts else []
        return merge([(writers[by], part) for by, part in parts])[0] if parts else EMPTY

    def parts_between(
        self, place: int, low: float | None, high: float | None, found: list[Found] | None = None
    ) -> list[tuple[int, Chunk]]:
        """Return the points of some steps as they are kept: (place of the writer, points), in the order of its log."""
        stored = self._stored(place, low, high) if found is None else found
        parts = [(by, between(chunk, low, high)) for by, chunk in [*stored, *self._tail.get(place, ())]]
        return [(by, part) for by, part in parts if len(part.steps)]

    def points(self, place: int) -> tuple[Chunk, list[str], Any]:
        """Return a sequence's points in order, their writers, and whose of them each point is (or None)."""
        writers = list(self.state.writers)
        found: list[tuple[int, Chunk]] = [*self._stored(place), *self._tail.get(place, ())]
        chunks = [(writers[by], chunk) for by, chunk in found]
        return merge(chunks) if chunks else (EMPTY, [], None)
