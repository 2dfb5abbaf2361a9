"""Hostile indexes: manifests, columns and Tantivy's files that lie."""

from __future__ import annotations

import json
import random
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from hostile_place import SECRET, Place
from hostile_table import Table

from runstone_indexer import columns
from runstone_writer.lines import frame

INDEX = Table()
kind = INDEX.kind
FIELDS = (
    "states", "series", "generation", "next_run", "runs", "points", "parameters", "home", "shards", "damage",
    "waiting", "unlisted", "epoch",
)  # fmt: skip


def forged(place: Place, change: Callable[[dict[str, object]], None]) -> None:
    """Change the manifest, with a checksum that is right."""
    path = place.index / "MANIFEST.json"
    known = json.loads(path.read_bytes())
    del known["crc"]
    change(known)
    line, _ = frame(json.dumps(known, separators=(",", ":")).encode()[:-1] + b',"crc":', 0)
    path.write_bytes(line)


def manifest_kind(name: str, change: Callable[[dict[str, object]], None], *, quiet: bool = False) -> None:
    kind(f"a manifest: {name}", quiet=quiet)(lambda place: forged(place, change))


def _entry(known: dict[str, object], **fields: object) -> None:
    known["states"][0].update(fields)  # type: ignore[index]


def _column(known: dict[str, object], *described: object) -> None:
    known["states"][0]["columns"]["run"] = list(described)  # type: ignore[index]


manifest_kind("an epoch that leads out", lambda known: known.update(epoch="../../../outside/sub"))
manifest_kind("an absolute epoch", lambda known: known.update(epoch="/tmp"))
manifest_kind("an epoch of one dot", lambda known: known.update(epoch="."))
manifest_kind(
    "a file that leads out",
    lambda known: _entry(known, file="../../../../outside/keep.npz", size=len(SECRET)),
)
manifest_kind(
    "more files, outside",
    lambda known: known["series"].append(
        {"file": "../../../../outside/keep.npz", "size": len(SECRET), "columns": {}, "crc": 0}
    ),
)
for number, value in enumerate((None, "x", -1, 2**80, [], {}, 1.5, True, [["x"]], [None] * 4)):
    for field in FIELDS:

        def make(known: dict[str, object], field: str = field, value: object = value) -> None:
            known[field] = value

        if (number + 3 * len(field)) % 10 == len(field[1:3]) * 2 + len(field) % 3:
            manifest_kind(f"{field} is {value!r:.20}", make, quiet=True)
manifest_kind("objects in a column", lambda known: _column(known, "|O", 2, 64))
manifest_kind("a column of 8 TiB", lambda known: _column(known, "<i8", 2**40, 64))
manifest_kind("a column that starts before the file", lambda known: _column(known, "<i8", 2, -8))
manifest_kind("a column of a negative length", lambda known: _column(known, "<i8", -1, 0))
manifest_kind("a column of another type", lambda known: _column(known, "<f4", 2, 64))
manifest_kind("a column of nonsense", lambda known: _column(known, {"a": 1}, "x"))
manifest_kind("2^40 runs", lambda known: known.update(next_run=2**40))


@kind("a manifest: 300 MB")
def _(place: Place) -> None:
    forged(place, lambda known: known.update(shards={"ab": [1] * 100_000_000}))


@kind("an index file: a pickle inside")
def _(place: Place) -> None:
    _replaced(
        place, lambda path: np.savez(path, run=np.array([Canary(str(place.outside / "ran"))], dtype=object))
    )


@kind("an index file: an array that claims 8 TiB")
def _(place: Place) -> None:
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("run.npy", header.ljust(127) + b"\n")

    _replaced(place, write)


@kind("an index file: a zip bomb")
def _(place: Place) -> None:
    def write(path: Path) -> None:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("run.npy", "w") as file,
        ):
            for _ in range(256):
                file.write(bytes(1 << 22))

    _replaced(place, write)


@kind("a state: a zip bomb")
def _(place: Place) -> None:

    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 22)) for _ in range(1024)) + packer.flush()
    path = next(place.epoch.glob("states-*"))
    known = json.loads((place.index / "MANIFEST.json").read_bytes())
    entry = next(entry for entry in known["states"] if entry["file"] == path.name)
    with np.load(path) as data:
        arrays = {name: data[name] for name in entry["columns"] if name != "crc"}
    arrays["state"] = np.frombuffer(bomb, np.uint8)
    arrays["end"] = np.array([0, len(bomb), len(bomb)], np.int64)
    path.unlink()
    new = columns.write_columns(str(path), arrays)
    forged(place, lambda known: known.update(states=[new]))


def _replaced(place: Place, write: Callable[[Path], None]) -> None:
    """Replace a file of the index, with a manifest that has its size."""
    path = next(place.epoch.glob("states-*"))
    path.unlink()
    write(path)
    forged(place, lambda known: _entry(known, size=path.stat().st_size))


class Canary:
    """Leaves a trace where it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self._path),)


@kind("Tantivy's folder: garbage")
def _(place: Place) -> None:
    for path in (place.epoch / "params").iterdir():
        path.write_bytes(random.Random(1).randbytes(4096))


@kind("Tantivy's files: each one of the next")
def _(place: Place) -> None:
    paths = sorted(
        path for path in (place.epoch / "params").iterdir() if path.suffix not in (".json", ".lock")
    )
    contents = [path.read_bytes() for path in paths]
    for path, data in zip(paths, contents[1:] + contents[:1], strict=True):
        path.write_bytes(data)


@kind("meta.json names a segment that leads out")
def _(place: Place) -> None:
    path = place.epoch / "params" / "meta.json"
    meta = json.loads(path.read_bytes())
    meta["segments"][0]["segment_id"] = "../../../../../outside/keep"
    path.write_text(json.dumps(meta))
