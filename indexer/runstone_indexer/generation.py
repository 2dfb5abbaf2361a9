"""A generation: one published state of the index, opened to be read. It never changes underneath a reader."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runstone_writer.layout import Layout, is_link, read_file

from .columns import Columns
from .manifest import (
    Manifest,
    index_folder,
    manifest_bytes,
    manifest_path,
    parse_manifest,
    read_manifest,
)
from .parameters import ParameterReader
from .series import Found, SeriesFile
from .states import DELETED, GONE, KNOWN, StateFile, StateRow, name_key

OPEN_ATTEMPTS = 20


class Generation:
    """The files that a manifest names, mapped; and the Tantivy index beside them."""

    def __init__(
        self,
        layout: Layout,
        manifest: Manifest,
        parameters: ParameterReader | None = None,
        older: Generation | None = None,
    ) -> None:
        """Open `manifest`'s files, but for those that an `older` generation has open already.

        Raises OSError or ValueError if one is missing or damaged.
        """
        self.layout = layout
        self.manifest = manifest
        self.folder = epoch_folder(layout, manifest.epoch)
        self._parameters = parameters
        states: dict[str, StateFile] = {}
        series: dict[str, SeriesFile] = {}
        if older is not None and older.folder == self.folder:
            states = {file.name: file for file in older.states}
            series = {file.name: file for file in older.series}
        self.states: list[StateFile] = [
            states.get(entry["file"]) or StateFile(Columns(self.folder, entry))
            for entry in reversed(manifest.states)
        ]
        self.written = b""  # its manifest, as it stands in the file, once that is known
        self.series: list[SeriesFile] = [
            series.get(entry["file"]) or SeriesFile(Columns(self.folder, entry)) for entry in manifest.series
        ]

    @property
    def parameters(self) -> ParameterReader:
        """The Tantivy index. It may be newer than the generation: then the newer runs are unread tails."""
        if self._parameters is None:
            self._parameters = ParameterReader(os.path.join(self.folder, "params"))
        return self._parameters

    def place(self, run_hash: str) -> tuple[StateFile, int] | None:
        """Return the file and row of the newest state of the run with a hash, or None."""
        key = name_key(run_hash)
        for age, file in enumerate(self.states):
            row = file.row_named(run_hash, key)
            if row is not None:
                number = int(file.run[row])
                if all(newer.row_of(number) is None for newer in self.states[:age]):
                    return file, row  # otherwise a newer file says that the number is gone
        return None

    def find(self, run_hash: str) -> StateRow | None:
        """Return the newest state of the run with a hash, or None."""
        found = self.place(run_hash)
        return None if found is None else found[0].load(found[1])

    def knows(self, run_hash: str) -> bool:
        """Tell whether there is a state of the run with a hash."""
        return self.place(run_hash) is not None

    def has(self, run_hash: str) -> bool:
        """Tell whether the run with a hash is there, and not deleted."""
        place = self.place(run_hash)
        return place is not None and int(place[0].column("flags")[place[1]]) & (DELETED | KNOWN) == KNOWN

    def row(self, run: int) -> StateRow | None:
        """Return the newest row of the run with a number, or None."""
        for file in self.states:
            row = file.row_of(run)
            if row is not None:
                return file.load(row)
        return None

    def locate(
        self, runs: NDArray[np.int64] | None, *, hidden: bool = False
    ) -> Iterator[tuple[StateFile, NDArray[np.int64]]]:
        """Yield, file by file, the rows of the runs asked for (sorted numbers; None for all) that exist.

        Each run comes once, from its newest row. Deleted ones, and those of which only edits are known, come if
        `hidden` ones are asked for.
        """
        seen = np.zeros(self.manifest.next_run, bool) if runs is None else None
        left = runs
        for file in self.states:
            if not len(file.run):
                continue
            if left is None:
                assert seen is not None  # noqa: S101 - the two go together
                rows = np.flatnonzero(~seen[file.run])
                seen[file.run] = True
            else:
                at = np.minimum(np.searchsorted(file.run, left), len(file.run) - 1)
                here = file.run[at] == left
                rows, left = at[here], left[~here]
            if hidden:
                yield file, rows[file.column("hash")[rows] != GONE.encode()]
            else:
                yield file, rows[(file.column("flags")[rows] & (DELETED | KNOWN)) == KNOWN]

    def chunks_of(self, keys: NDArray[np.int64]) -> list[list[Found]]:
        """Return, for each of several sequences (`run << 32 | place`), what `chunks` returns."""
        found: list[list[Found]] = [[] for _ in keys]
        for file in self.series:
            for which, chunk in file.find_many(keys):
                found[which].append(chunk)
        return found

    def chunks(
        self, run: int, place: int, low: float | None = None, high: float | None = None
    ) -> list[Found]:
        """Return the stored chunks of a sequence; each writer's in the order of its log.

        Where there are limits, what stands before and behind the steps from `low` to below `high` is not read.
        """
        return [found for file in self.series for found in file.find(run, place, low, high)]

    def steps(self, run: int, place: int) -> list[tuple[int, NDArray[Any]]]:
        """Return (place of the writer, steps) of the stored chunks of a sequence, and read nothing else."""
        return [found for file in self.series for found in file.steps(run, place)]


def epoch_folder(layout: Layout, epoch: str) -> str:
    return os.path.join(index_folder(layout), epoch)


def open_generation(layout: Layout, current: Generation | None = None) -> Generation | None:
    """Return the published generation: `current` if it still is, None if there is none that can be used.

    A file may disappear between the reading of the manifest and its opening (it was compacted into another):
    then there is a newer manifest. Damaged files are as good as none: the logs have everything.
    """
    for attempt in range(OPEN_ATTEMPTS):
        data = manifest_bytes(layout)
        if current is not None and data == current.written:
            return current  # as each query finds: nothing is parsed and checked again
        manifest = parse_manifest(layout, data)
        if manifest is None:
            return None
        if current is not None and identity(current.manifest) == identity(manifest):
            return current
        try:
            opened = _opened(layout, manifest, current)
            opened.written = data
            return opened
        except (OSError, ValueError, KeyError):
            latest = read_manifest(layout)
            if latest is None or identity(latest) == identity(manifest):
                return None
            time.sleep(0.001 * attempt)
    return None


def fault_of(layout: Layout) -> Exception | None:
    """Return why the published generation cannot be opened; None if it can, or if there is none."""
    manifest = read_manifest(layout)
    if manifest is None:
        for folder in (layout.index, index_folder(layout)):
            if os.path.lexists(folder) and (is_link(folder) or not os.path.isdir(folder)):
                return ValueError(f"{folder} is not a folder")
        path = manifest_path(layout)
        try:
            if stat.S_ISREG(os.lstat(path).st_mode):
                read_file(path, 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            return error
        return ValueError(f"{path} is not as it was written")
    try:
        _opened(layout, manifest, None)
    except (OSError, ValueError, KeyError) as error:
        return error
    return None


def identity(manifest: Manifest) -> tuple[str, int]:
    """Return what tells a generation from all others."""
    return manifest.epoch, manifest.generation


def _opened(layout: Layout, manifest: Manifest, current: Generation | None) -> Generation:
    """Open all that `manifest` names. Raises OSError or ValueError if something is missing or too old."""
    parameters = None
    if current is not None and current.manifest.epoch == manifest.epoch:
        parameters = current.parameters
        parameters.refresh()
    generation = Generation(layout, manifest, parameters, current)
    if generation.parameters.stamp < manifest.parameters:
        raise ValueError(f"the Tantivy index in {generation.folder} is older than the manifest")
    return generation
