"""State files: the folded state of each run, one row a run; a newer file's row replaces an older one's."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from runstone_writer.state import RunState

from . import labels, summaries, table
from .columns import Columns, DamagedColumnsError
from .summary import Summary

Array = NDArray[Any]

ARCHIVED, DELETED, KNOWN, ENDED = 1, 2, 4, 8  # bits of the column `flags`
NO_DOCUMENT = 0  # in the column `document`: the run is not in the Tantivy index
COLUMNS = (
    "run", "created", "ended", "flags", "hash", "files", "read", "document", "name", "name_row", "end", "state",
)  # fmt: skip
LONGEST_STATE = 256 * 1024 * 1024  # bytes; the logs are read of a run that has more
NOT_ENDED = -1  # in the column `ended`
COMPRESSION = 1  # of zlib: states of one kind repeat a lot, and more effort gains little
GONE = ""  # in place of a run's hash: what had this number is not there any more


class StateRow:
    """A run as the index has it: its number, its state, how much of which logs has been read."""

    __slots__ = ("blob", "document", "files", "read", "run", "state")

    def __init__(
        self, run: int, state: RunState, files: int = 0, read: int = 0, document: int = NO_DOCUMENT
    ) -> None:
        self.run = run
        self.state = state
        self.files = files  # how many log files it has
        self.read = read  # how many bytes they had
        self.document = document  # the digest of its document in the Tantivy index
        self.blob = b""  # the state as it is stored, once it has been asked for

    def dump(self) -> bytes:
        """Return the state as it is stored. Not to be called before it is as it will stay."""
        if not self.blob:
            self.blob = dump_state(self.state)
        return self.blob


def name_key(run_hash: str) -> int:
    """Return the 64 bits by which a run is found by its hash."""
    return int.from_bytes(blake2b(run_hash.encode(), digest_size=8).digest(), "little")


def state_columns(rows: list[StateRow]) -> dict[str, Array]:
    """Return the columns of a state file. `rows` are sorted by run."""
    blobs = [row.dump() for row in rows]
    names = np.array([name_key(row.state.run) for row in rows], dtype=np.uint64)
    order = np.argsort(names, kind="stable")
    return {
        "run": np.array([row.run for row in rows], dtype=np.int64),
        "created": np.array([row.state.created for row in rows], dtype=np.int64),
        "ended": np.array([_ended(row.state) for row in rows], dtype=np.int64),
        "flags": np.array([_flags(row.state) for row in rows], dtype=np.uint8),
        "hash": np.array([row.state.run.encode() for row in rows], dtype=np.bytes_),
        "files": np.array([row.files for row in rows], dtype=np.int32),
        "read": np.array([row.read for row in rows], dtype=np.int64),
        "document": np.array([row.document for row in rows], dtype=np.int64),
        "name": names[order],
        "name_row": order.astype(np.int64),
        "end": np.cumsum([0] + [len(blob) for blob in blobs]).astype(np.int64),
        "state": np.frombuffer(b"".join(blobs), np.uint8),
        **table.table_columns([row.state for row in rows]),
        **labels.label_columns([row.state for row in rows]),
        **summaries.summary_columns([row.state for row in rows]),
    }


def dump_state(state: RunState) -> bytes:
    """Return a state, its sequences' summaries included, as compressed JSON."""
    data = state.dump()
    for row in data["sequences"]:
        if row[-1] is not None:
            row[-1] = row[-1].dump()
    return zlib.compress(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS), COMPRESSION)


def load_state(data: bytes) -> RunState:
    """Return a state from its JSON."""
    state = RunState.load(orjson.loads(data))
    for sequence in state.sequences:
        if sequence.summary is not None:
            sequence.summary = Summary.load(sequence.summary)
    return state


def gone(run: int) -> StateRow:
    """Return the row that hides the rows that a number has in older files."""
    return StateRow(run, RunState(GONE))


def _ended(state: RunState) -> int:
    return NOT_ENDED if state.ended is None else state.ended


def _flags(state: RunState) -> int:
    ended = state.ended is not None
    return ARCHIVED * state.archived | DELETED * state.deleted | KNOWN * state.known | ENDED * ended


class StateFile:
    """A published state file."""

    def __init__(self, columns: Columns) -> None:
        """Take a file of columns. Raises ValueError if it is not one of this format."""
        columns.require((*COLUMNS, *table.COLUMNS, *labels.COLUMNS, *summaries.COLUMNS))
        self._columns = columns
        self.name: str = columns.entry["file"]
        self.run = columns["run"]
        self.table = table.Table(columns, len(self.run))
        self.labels = labels.Labels(columns.__getitem__)
        self.summaries = summaries.Summaries(columns.__getitem__)

    def row_of(self, run: int) -> int | None:
        """Return the row of a run, or None."""
        row = int(np.searchsorted(self.run, run))
        return row if row < len(self.run) and self.run[row] == run else None

    def row_named(self, run_hash: str, key: int) -> int | None:
        """Return the row of the run with a hash, or None. `key` is name_key(run_hash)."""
        names = self._columns["name"]
        at = int(np.searchsorted(names, np.uint64(key)))
        while at < len(names) and names[at] == key:
            row = int(self._columns["name_row"][at])
            if self.hash(row) == run_hash:
                return row
            at += 1
        return None

    def hash(self, row: int) -> str:
        """Return the hash of the run in a row."""
        name: bytes = self._columns["hash"][row].item()
        return name.decode()

    def blob(self, row: int) -> bytes:
        """Return the state in a row as JSON. Raises DamagedColumnsError."""
        start, end = self._columns["end"][row : row + 2].tolist()
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(self._columns.part("state", start, end).data, LONGEST_STATE)
            if not unpacker.eof:
                raise zlib.error("incomplete, or enormous")
            return data
        except zlib.error as error:
            raise DamagedColumnsError(self._columns.path, start, end, f"row {row}: {error}") from error

    def extent(self, row: int) -> tuple[int, int]:
        """Return how many logs of the run have been read, and how many bytes of them."""
        return int(self._columns["files"][row]), int(self._columns["read"][row])

    def load(self, row: int) -> StateRow:
        numbers = (int(self._columns[name][row]) for name in ("files", "read", "document"))
        return StateRow(int(self.run[row]), load_state(self.blob(row)), *numbers)

    def column(self, name: str) -> Array:
        return self._columns[name]
