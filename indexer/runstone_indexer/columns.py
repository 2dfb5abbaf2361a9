"""Immutable files of named numpy columns: plain ``.npz`` archives, laid out so that they can be mapped.

Anyone can read one with ``numpy.load``. The members are stored uncompressed and 64-byte aligned, and the
manifest keeps where each column's data starts, so that opening a file is one mmap and no parsing. The last
column has a CRC-32 of each block of the others: what is looked at is verified first, block by block and once
(docs/format/index.md).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any
from zlib import crc32

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from runstone_writer.errors import CorruptionError
from runstone_writer.layout import open_file, sync_folder
from runstone_writer.mounts import is_remote

Array = NDArray[Any]
Pieces = list[
    Array
]  # of one column, to be written behind each other: what is merged need not fit into memory
Made = Callable[[], Array | Pieces]  # makes a column when it is written: what is merged comes one by one
Described = dict[str, list[Any]]  # column -> [dtype, length, offset of the data in the file]

ALIGNMENT = 64
BLOCK = 64 * 1024  # bytes of a column that a CRC is kept of
CRCS = "crc"  # the column with these
LARGE = 2**31  # bytes; from there on a member of a zip archive needs wider fields
_LOCAL_HEADER = 30
_WIDER = 20
COPY_BLOCK = 1 << 20  # bytes
_EXTRA = b"RS"  # the private id of the zip extra field that holds the padding
# A map need not keep its file's descriptor: from Python 3.13 on that can be said.
_UNTRACKED: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


def write_columns(
    path: str, columns: Mapping[str, Array | Pieces | Made], written: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Write `columns` (one-dimensional arrays, whole or in pieces, or what makes them) to a new file; return its
    manifest entry.

    `written` is called after each piece with its bytes. The file is durable on return, its name is not: the caller
    syncs the folder once for several files. Raises OSError, and then leaves no file behind.
    """
    described: Described = {}
    file = open(path, "xb")  # noqa: SIM115 - what follows has to see it closed before it is deleted
    try:
        with file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                crcs: list[int] = []
                for name, column in columns.items():
                    if name == CRCS:  # of a file that is merged: the new one gets its own
                        continue
                    described[name] = _write_member(archive, file, name, _pieces_of(column), crcs, written)
                proof = np.array(crcs, np.uint32)
                described[CRCS] = _write_member(archive, file, CRCS, [proof], [])
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    crc = crc32(proof.tobytes())
    return {"file": os.path.basename(path), "size": size, "columns": described, "crc": crc}


def _pieces_of(column: Array | Pieces | Made) -> Pieces:
    made = column() if callable(column) else column
    return made if isinstance(made, list) else [made]


def _write_member(
    archive: zipfile.ZipFile,
    file: Any,
    name: str,
    pieces: Pieces,
    crcs: list[int],
    written: Callable[[int], None] | None = None,
) -> list[Any]:
    """Write one column, and append the CRC of each of its blocks; return what the manifest says of it."""
    length, dtype = sum(map(len, pieces)), pieces[0].dtype
    info = zipfile.ZipInfo(f"{name}.npy")
    start = file.tell() + _LOCAL_HEADER + len(info.filename)
    large = length * dtype.itemsize >= LARGE
    padding = -(start + len(_EXTRA) + 2 + (_WIDER if large else 0)) % ALIGNMENT
    info.extra = _EXTRA + padding.to_bytes(2, "little") + bytes(padding)
    with archive.open(info, "w", force_zip64=large) as member:
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (length,)}
        npy.write_array_header_1_0(member, header)
        data: int = file.tell()
        blocks = _Blocks(crcs)
        for piece in pieces:
            if len(piece):
                view = np.ascontiguousarray(piece, dtype).data.cast("B")
                member.write(view)
                blocks.add(view)
                if written is not None:
                    written(len(view))
        blocks.close()
    return [dtype.str, length, data]


class _Blocks:
    """The CRC of each block of a column that comes in pieces."""

    def __init__(self, crcs: list[int]) -> None:
        self._crcs = crcs
        self._crc = self._filled = 0

    def add(self, view: memoryview) -> None:
        start = 0
        while start < len(view):
            end = min(start + BLOCK - self._filled, len(view))
            self._crc = crc32(view[start:end], self._crc)
            self._filled += end - start
            start = end
            if self._filled == BLOCK:
                self.close()

    def close(self) -> None:
        if self._filled:
            self._crcs.append(self._crc)
        self._crc = self._filled = 0


class DamagedColumnsError(CorruptionError, ValueError):
    """What stands in a published file is not what was written to it."""

    def __init__(self, path: str, start: int = 0, end: int = 0, reason: str = "checksum mismatch") -> None:
        super().__init__(
            path,
            start,
            end,
            reason,
            hint="The index is derived: `runstone reindex` makes it anew from the logs.",
        )


class Columns(Mapping[str, Array]):
    """A file of columns, mapped: each column is a view that costs no memory until it is touched.

    What is handed out has been verified. Raises DamagedColumnsError where that fails.
    """

    def __init__(self, folder: str, entry: dict[str, Any]) -> None:
        """Map the file of a manifest's `entry`. Raises OSError if it is missing or has another size."""
        self.entry = entry
        self.path = os.path.join(folder, entry["file"])
        self._described: Described = entry["columns"]
        self._arrays: dict[str, Array] = {}  # that have been verified as a whole
        with _lasting(self.path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != entry["size"]:
                raise OSError(f"{self.path} has {size} bytes, {entry['size']} were written")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ, **_UNTRACKED)
        self._crcs = self._raw(CRCS)
        if crc32(self._crcs.data) != entry["crc"]:
            raise DamagedColumnsError(self.path, self._described[CRCS][2], size)
        self._blocks: dict[str, tuple[int, bytearray]] = {}  # the first of each column, and which are proven
        self._views: dict[str, Array] = {}  # that have not
        first = 0
        for name in self:
            view = self._views[name] = self._raw(name)
            count = -(-view.nbytes // BLOCK)
            self._blocks[name] = first, bytearray(count)
            first += count
        if first != len(self._crcs):
            raise DamagedColumnsError(self.path)

    def _raw(self, name: str) -> Array:
        dtype, length, offset = self._described[name]
        return np.frombuffer(self._map, dtype=dtype, count=length, offset=offset)

    def __getitem__(self, name: str) -> Array:
        array = self._arrays.get(name)
        if array is None:
            array = self._views[name]
            self._prove(name, 0, array.nbytes)
            self._arrays[name] = array
        return array

    def part(self, name: str, start: int, end: int) -> Array:
        """Return a part of a column that need not be verified as a whole."""
        array = self._arrays.get(name)
        if array is None:
            array = self._views[name]
            width = array.itemsize
            self._prove(name, max(start, 0) * width, min(max(end, 0), len(array)) * width)
        return array[start:end]

    def parts(self, name: str, starts: Array, ends: Array) -> list[Array]:
        """Return several parts of such a column; none begins before the column does, or ends behind it."""
        array = self._arrays.get(name)
        if array is None:
            array = self._views[name]
            width = array.itemsize
            self._prove_some(name, starts * width // BLOCK, -(-ends * width // BLOCK))
        return [array[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def length(self, name: str) -> int:
        """Return how many elements a column has, without looking at them."""
        return len(self._views[name])

    def _prove(self, name: str, start: int, end: int) -> None:
        """Verify the blocks that the bytes from `start` to `end` of a column lie in, unless that has been done."""
        proven = self._blocks[name][1]
        for block in range(start // BLOCK, -(-end // BLOCK)):
            if not proven[block]:
                self._prove_block(name, block)

    def _prove_some(self, name: str, first: Array, behind: Array) -> None:
        """Verify the blocks from each of `first` to the one `behind` it, unless that has been done."""
        proven = np.frombuffer(self._blocks[name][1], np.uint8)
        asked = np.zeros(len(proven) + 1, np.int64)
        np.add.at(asked, np.clip(first, 0, len(proven)), 1)
        np.add.at(asked, np.clip(behind, 0, len(proven)), -1)
        for block in np.flatnonzero((np.cumsum(asked)[:-1] > 0) & (proven == 0)).tolist():
            self._prove_block(name, block)

    def _prove_block(self, name: str, block: int) -> None:
        first, proven = self._blocks[name]
        _, _, offset = self._described[name]
        at = offset + block * BLOCK
        to = min(at + BLOCK, offset + self._views[name].nbytes)
        if crc32(memoryview(self._map)[at:to]) != self._crcs[first + block]:
            raise DamagedColumnsError(self.path, at, to, f"checksum mismatch in {name}")
        proven[block] = 1

    def require(self, names: Iterable[str]) -> None:
        """Raise ValueError if one of these columns is not there: then another version wrote the file."""
        missing = [name for name in names if name not in self._described]
        if missing:
            raise ValueError(f"{self.path} has no column {missing[0]!r}")

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._described if name != CRCS)

    def __len__(self) -> int:
        return len(self._described) - 1

    def release(self) -> None:
        """Let go of the memory that what was looked at takes. It is mapped again when it is looked at again."""
        if hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def damage(self) -> str | None:
        """Read everything; return what is not as it was written, or None."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                bad = archive.testzip()
        except (zipfile.BadZipFile, EOFError) as error:
            return str(error)
        return None if bad is None else f"checksum mismatch in {bad}"


@contextlib.contextmanager
def _lasting(path: str) -> Iterator[IO[bytes]]:
    """Open a file to be mapped: itself, or a copy of it on this host if another one may take it away."""
    with open(open_file(path), "rb") as file:
        if not is_remote(os.fstat(file.fileno()).st_dev):
            yield file
            return
        with tempfile.TemporaryFile(prefix="runstone-") as copy:
            while data := file.read(COPY_BLOCK):
                copy.write(data)
            copy.flush()
            yield copy


def remove_columns(folder: str, names: set[str]) -> None:
    """Delete files that no published manifest names any more. Readers that have them mapped go on (see _lasting)."""
    for name in names:
        try:
            os.unlink(os.path.join(folder, name))
        except FileNotFoundError:
            continue
    sync_folder(folder)
