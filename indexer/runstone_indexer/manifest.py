"""The manifest: which files make up the published generation of the index (docs/format/index.md)."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any

import orjson

from runstone_writer.layout import Layout, write_whole

INDEX_FORMAT = 1
PROBLEM_LIMIT = 1000  # described in the manifest; more are only counted


@dataclass(slots=True)
class Manifest:
    """One published state of the index. Replaced as a whole by an atomic rename."""

    epoch: str
    generation: int = 0
    next_run: int = 0
    runs: int = 0
    points: int = 0
    series: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    home: list[int] = field(default_factory=list)
    shards: dict[str, list[int]] = field(default_factory=dict)
    problems: list[list[Any]] = field(default_factory=list)

    def files(self) -> set[str]:
        return {entry["file"] for entry in self.series + self.states}


def index_folder(layout: Layout) -> str:
    return os.path.join(layout.index, f"v{INDEX_FORMAT}")


def manifest_path(layout: Layout) -> str:
    return os.path.join(index_folder(layout), "MANIFEST.json")


def read_manifest(layout: Layout) -> Manifest | None:
    """Return the published manifest; None if there is none that can be used (then the logs are read)."""
    with contextlib.suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
        with open(manifest_path(layout), "rb") as file:
            data = orjson.loads(file.read())
        if data.pop("format") == INDEX_FORMAT:
            return Manifest(**data)
    return None


def publish(layout: Layout, manifest: Manifest) -> None:
    """Make `manifest` the one that readers open from now on."""
    names = Manifest.__slots__
    data = {"format": INDEX_FORMAT, **{name: getattr(manifest, name) for name in names}}
    write_whole(manifest_path(layout), orjson.dumps(data))


def home_of(layout: Layout) -> list[int]:
    """Return what tells this repository from a copy of it: a copied index has not watched the copied logs."""
    status = os.stat(layout.logs)
    return [status.st_dev, status.st_ino]
