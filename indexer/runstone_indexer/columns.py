"""Immutable files of named numpy columns: plain ``.npz`` archives, laid out so that they can be mapped.

Anyone can read one with ``numpy.load``. The members are stored uncompressed and 64-byte aligned, and the
manifest keeps where each column's data starts, so that opening a file is one mmap and no parsing. The zip
format's CRC-32 per member is the checksum that ``fsck`` verifies (docs/format/index.md).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from runstone_writer.layout import sync_folder
from runstone_writer.mounts import is_remote

Array = NDArray[Any]
Pieces = list[
    Array
]  # of one column, to be written behind each other: what is merged need not fit into memory
Described = dict[str, list[Any]]  # column -> [dtype, length, offset of the data in the file]

ALIGNMENT = 64
LARGE = 2**31  # bytes; from there on a member of a zip archive needs wider fields
_LOCAL_HEADER = 30
_WIDER = 20
_BLOCK = 1 << 20
_EXTRA = b"RS"  # the private id of the zip extra field that holds the padding
# A map need not keep its file's descriptor: from Python 3.13 on that can be said.
_UNTRACKED: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


def write_columns(path: str, columns: Mapping[str, Array | Pieces]) -> dict[str, Any]:
    """Write `columns` (one-dimensional arrays, whole or in pieces) to a new file; return its manifest entry.

    The file is durable on return, its name is not: the caller syncs the folder once for several files.
    Raises OSError, and then leaves no file behind.
    """
    described: Described = {}
    file = open(path, "xb")  # noqa: SIM115 - what follows has to see it closed before it is deleted
    try:
        with file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, column in columns.items():
                    pieces = column if isinstance(column, list) else [column]
                    described[name] = _write_member(archive, file, name, pieces)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return {"file": os.path.basename(path), "size": size, "columns": described}


def _write_member(archive: zipfile.ZipFile, file: Any, name: str, pieces: Pieces) -> list[Any]:
    """Write one column; return what the manifest says of it."""
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
        for piece in pieces:
            if len(piece):
                member.write(np.ascontiguousarray(piece, dtype).data.cast("B"))
    return [dtype.str, length, data]


class DamagedColumnsError(ValueError):
    """What stands in a published file is not what was written to it."""


class Columns(Mapping[str, Array]):
    """A file of columns, mapped: each column is a view that costs no memory until it is touched."""

    def __init__(self, folder: str, entry: dict[str, Any]) -> None:
        """Map the file of a manifest's `entry`. Raises OSError if it is missing or has another size."""
        self.entry = entry
        self.path = os.path.join(folder, entry["file"])
        self._described: Described = entry["columns"]
        self._arrays: dict[str, Array] = {}
        with _lasting(self.path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != entry["size"]:
                raise OSError(f"{self.path} has {size} bytes, {entry['size']} were written")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ, **_UNTRACKED)

    def __getitem__(self, name: str) -> Array:
        array = self._arrays.get(name)
        if array is None:
            dtype, length, offset = self._described[name]
            array = np.frombuffer(self._map, dtype=dtype, count=length, offset=offset)
            self._arrays[name] = array
        return array

    def require(self, names: Iterable[str]) -> None:
        """Raise ValueError if one of these columns is not there: then another version wrote the file."""
        missing = [name for name in names if name not in self._described]
        if missing:
            raise ValueError(f"{self.path} has no column {missing[0]!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._described)

    def __len__(self) -> int:
        return len(self._described)

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
    with open(path, "rb") as file:
        if not is_remote(os.fstat(file.fileno()).st_dev):
            yield file
            return
        with tempfile.TemporaryFile(prefix="runstone-") as copy:
            while data := file.read(_BLOCK):
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
