"""A generation: one published state of the index, opened to be read. It never changes underneath a reader."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from runstone_writer.layout import Layout

from .columns import Columns
from .manifest import Manifest, index_folder, read_manifest
from .parameters import ParameterReader
from .series import Found, SeriesFile
from .states import DELETED, KNOWN, StateFile, StateRow

OPEN_ATTEMPTS = 20


class Generation:
    """The files that a manifest names, mapped; and the Tantivy index beside them."""

    def __init__(self, layout: Layout, manifest: Manifest, parameters: ParameterReader | None = None) -> None:
        """Open `manifest`'s files. Raises OSError or ValueError if one is missing or damaged."""
        self.layout = layout
        self.manifest = manifest
        self.folder = epoch_folder(layout, manifest.epoch)
        self.states = [StateFile(Columns(self.folder, entry)) for entry in reversed(manifest.states)]
        self.series = [SeriesFile(Columns(self.folder, entry)) for entry in manifest.series]
        self._parameters = parameters

    @property
    def parameters(self) -> ParameterReader:
        """The Tantivy index. It may be newer than the generation: then the newer runs are unread tails."""
        if self._parameters is None:
            self._parameters = ParameterReader(os.path.join(self.folder, "params"))
        return self._parameters

    def find(self, run_hash: str) -> StateRow | None:
        """Return the newest row of the run with a hash, or None."""
        for file in self.states:
            row = file.row_named(run_hash)
            if row is not None:
                return file.load(row)
        return None

    def row(self, run: int) -> StateRow | None:
        """Return the newest row of the run with a number, or None."""
        for file in self.states:
            row = file.row_of(run)
            if row is not None:
                return file.load(row)
        return None

    def locate(self, runs: NDArray[np.int64] | None) -> Iterator[tuple[StateFile, NDArray[np.int64]]]:
        """Yield, file by file, the rows of the runs asked for (sorted numbers; None for all) that exist.

        Each run comes once, from its newest row; deleted ones do not.
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
            flags = file.column("flags")[rows]
            yield file, rows[(flags & (DELETED | KNOWN)) == KNOWN]

    def chunks(self, run: int, place: int) -> list[Found]:
        """Return the stored chunks of a sequence; each writer's in the order of its log."""
        found: list[Found] = []
        for file in self.series:
            found += file.find(run, place)
        return found


def epoch_folder(layout: Layout, epoch: str) -> str:
    return os.path.join(index_folder(layout), epoch)


def open_generation(layout: Layout, current: Generation | None = None) -> Generation | None:
    """Return the published generation: `current` if it still is, None if there is none that can be used.

    A file may disappear between the reading of the manifest and its opening (it was compacted into another):
    then there is a newer manifest. Damaged files are as good as none: the logs have everything.
    """
    for attempt in range(OPEN_ATTEMPTS):
        manifest = read_manifest(layout)
        if manifest is None:
            return None
        if current is not None and (current.manifest.epoch, current.manifest.generation) == (
            manifest.epoch,
            manifest.generation,
        ):
            return current
        try:
            parameters = current._parameters if current and current.manifest.epoch == manifest.epoch else None
            generation = Generation(layout, manifest, parameters)
            generation.parameters.refresh()
            return generation
        except (OSError, ValueError, KeyError):
            latest = read_manifest(layout)
            if (
                latest is not None
                and latest.generation == manifest.generation
                and latest.epoch == manifest.epoch
            ):
                return None
            time.sleep(0.001 * attempt)
    return None
