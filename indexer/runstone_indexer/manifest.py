"""The manifest: which files make up the published generation of the index (docs/format/index.md)."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

import orjson

from runstone_writer.layout import Layout, is_link, read_file, write_whole
from runstone_writer.lines import frame, holds

INDEX_FORMAT = 1
READ_ATTEMPTS = 5

LONGEST = 64 * 1024 * 1024  # bytes; that of a million runs has less than one
_MOST_RUNS = 2**31  # a number has 31 bits in the keys of series
_EPOCH = re.compile(r"e[0-9a-f]+")
_FILE = re.compile(r"(?:states|series)-[0-9a-f]+\.npz")
_DTYPE = re.compile(r"[<|][biufS]([0-9]{1,3})")

Entry = dict[str, Any]  # a file of columns: name, size, and where each column is
Row = list[Any]  # a problem: path, start, end, reason


@dataclass(slots=True)
class Manifest:
    """One published state of the index. Replaced as a whole by an atomic rename, never changed."""

    epoch: str  # the folder that the files are in
    generation: int = 0
    next_run: int = 0
    runs: int = 0  # that a query can find
    points: int = 0
    parameters: int = 0  # the stamp of Tantivy's commit: an index with an older one lacks runs
    series: list[Entry] = field(default_factory=list)  # oldest first
    states: list[Entry] = field(default_factory=list)  # oldest first
    home: list[int] = field(default_factory=list)
    shards: dict[str, list[int]] = field(default_factory=dict)
    damage: list[Row] = field(default_factory=list)  # in bytes that were read, so it is not met again
    waiting: list[Row] = field(
        default_factory=list
    )  # looked at again: torn tails, unreadable and foreign files
    unlisted: list[int] = field(default_factory=lambda: [0, 0])  # how many more of both there are

    @property
    def problems(self) -> list[Row]:
        """Everything that was found wrong with the logs; what is too much to be listed is one last line."""
        found = self.damage + self.waiting
        if any(self.unlisted):
            found.append(["", 0, 0, f"{sum(self.unlisted):,} more problems: `runstone fsck` lists all"])
        return found

    def files(self) -> set[str]:
        return {entry["file"] for entry in self.series + self.states}

    def draft(self) -> Manifest:
        """Return a copy to prepare the next generation in; this one stays as it was published."""
        return replace(self, series=list(self.series), states=list(self.states))


def index_folder(layout: Layout) -> str:
    return os.path.join(layout.index, f"v{INDEX_FORMAT}")


def manifest_path(layout: Layout) -> str:
    return os.path.join(index_folder(layout), "MANIFEST.json")


def read_manifest(layout: Layout) -> Manifest | None:
    """Return the published manifest; None if there is none that can be used (then the logs are read)."""
    return parse_manifest(layout, manifest_bytes(layout))


def manifest_bytes(layout: Layout) -> bytes:
    """Return what stands in the place of the manifest; nothing if it cannot be read, or is somebody else's."""
    if is_link(layout.index) or is_link(index_folder(layout)):
        return b""
    return _read(manifest_path(layout))


def parse_manifest(layout: Layout, data: bytes) -> Manifest | None:
    """Return the manifest that is written in `data`; None if that is not what an indexer has written."""
    if len(data) > LONGEST or not holds(data, 0):  # not a whole one, or not as it was written
        return None
    try:
        known = orjson.loads(data)
        if known.pop("format") != INDEX_FORMAT:
            return None
        del known["crc"]
        manifest = Manifest(**known)
        if not _is_sound(manifest):
            return None
    except (ValueError, KeyError, TypeError, AttributeError):  # one that is no JSON is a ValueError
        return None
    if is_link(os.path.join(index_folder(layout), manifest.epoch)):
        return None
    for row in manifest.damage + manifest.waiting:
        row[0] = os.path.join(layout.root, row[0])
    return manifest


def _is_sound(manifest: Manifest) -> bool:
    """Tell whether everything is of its type, and no name leads out of the index: not even if it was forged."""
    counts = (manifest.generation, manifest.next_run, manifest.runs, manifest.points)
    return (
        _EPOCH.fullmatch(manifest.epoch) is not None
        and all(_is_count(count) for count in (*counts, *manifest.unlisted))
        and type(manifest.parameters) is int
        and manifest.next_run <= _MOST_RUNS
        and len(manifest.unlisted) == 2
        and all(type(number) is int for number in manifest.home)
        and all(_is_mark(name, mark) for name, mark in manifest.shards.items())
        and all(_is_row(row) for row in (*manifest.damage, *manifest.waiting))
        and all(_is_entry(entry) for entry in (*manifest.series, *manifest.states))
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_mark(name: str, mark: Any) -> bool:
    return len(name) == 2 and [type(number) for number in mark] == [int, int]


def _is_row(row: Any) -> bool:
    return [type(field) for field in row] == [str, int, int, str]


def _is_entry(entry: Any) -> bool:
    columns = entry["columns"]
    return (
        _FILE.fullmatch(entry["file"]) is not None
        and _is_count(entry["size"])
        and type(entry["crc"]) is int
        and all(_is_column(described, entry["size"]) for described in columns.values())
    )


def _is_column(described: Any, size: int) -> bool:
    dtype, length, offset = described
    known = _DTYPE.fullmatch(dtype)
    return (
        known is not None
        and _is_count(length)
        and _is_count(offset)
        and offset + length * int(known[1]) <= size
    )


def _read(path: str) -> bytes:
    """Return what is in the file; nothing if it cannot be read."""
    for _ in range(READ_ATTEMPTS):
        try:
            return read_file(path, LONGEST + 1)
        except OSError as error:
            if error.errno != errno.ESTALE:  # on NFS: it was replaced between the two calls
                break
    return b""


def publish(layout: Layout, manifest: Manifest) -> None:
    """Make `manifest` the one that readers open from now on. Raises OSError if it cannot be written."""
    data = {item.name: getattr(manifest, item.name) for item in fields(manifest)}
    for name in (
        "damage",
        "waiting",
    ):  # from the repository's folder on, so that they are right in a copy too
        data[name] = [[os.path.relpath(row[0], layout.root), *row[1:]] for row in data[name]]
    line, _ = frame(_body({"format": INDEX_FORMAT, **data}), 0)
    write_whole(manifest_path(layout), line)


def _body(data: dict[str, Any]) -> bytes:
    return orjson.dumps(data)[:-1] + b',"crc":'


def home_of(layout: Layout) -> list[int]:
    """Return what tells this repository from a copy of it: a copied index has not watched the copied logs.

    The file system's own id outlives a reboot, where a device's number may not. One on the network has no id, and
    another number on each host: there it is when format.json, which nobody ever changes, was put in its place.
    """
    try:
        system = (
            os.statvfs(layout.logs).f_fsid or os.stat(os.path.join(layout.root, "format.json")).st_ctime_ns
        )
        return [system, os.stat(layout.logs).st_ino]
    except OSError:
        return []
