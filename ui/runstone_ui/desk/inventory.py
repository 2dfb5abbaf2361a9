"""An inventory: which parameters, sequences, experiments and tags some runs have."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from runstone_indexer.states import StateFile
from runstone_indexer.table import OTHER, TEXT, property_key
from runstone_writer.environment import PARAMETER as SYSTEM
from runstone_writer.state import RunState
from runstone_writer.values import decode

from . import spelling

Path = tuple[str | int, ...]
Rows = NDArray[np.int64]


class Inventory:
    """What has been met so far. What the environment was is left out: that is hundreds of names."""

    def __init__(self) -> None:
        self.experiments: set[str] = set()
        self.tags: set[str] = set()
        self._paths: dict[Path, bool] = {}  # whether it is anything but a dictionary somewhere
        self._labels: dict[tuple[str, str, str], tuple[str, Any]] = {}  # by kind, name and context

    def add_rows(self, file: StateFile, rows: Rows, *, exactly: bool) -> None:
        """Take in rows of a file of the index; unless `exactly`, the names that other rows of it have as well."""
        if not len(rows):
            return
        here = np.zeros(len(file.run), bool)
        here[rows] = True
        for key in file.table.keys():  # noqa: SIM118 - it is no dictionary
            self._add_key(key, file, here, exactly)
        experiment = file.table.find(property_key("experiment"))
        mine = here[experiment.rows] & (experiment.kinds == TEXT)
        self.experiments.update(map(file.table.text, np.unique(experiment.bits[mine]).tolist()))
        labels, used = file.labels.labels, range(len(file.labels.labels))
        if exactly:
            used = np.unique(file.labels.label[file.labels.of(rows)[1]]).tolist()
        for number in used:
            self._add_label(*labels[number])

    def add_state(self, state: RunState) -> None:
        """Take in a run that comes from its logs."""
        self._add_tree(state.params.tree(), ())
        self.experiments.add(state.experiment)
        self.tags.update(state.tags)
        for sequence in state.sequences:
            if sequence.summary is not None:
                self._add_label(sequence.name, sequence.context, sequence.kind)

    def parameters(self) -> list[str]:
        """Return the expression of each parameter; a dictionary is one only if nothing stands in it."""
        above = {path[:depth] for path in self._paths for depth in range(1, len(path))}
        leaves = [path for path, is_value in self._paths.items() if is_value or path not in above]
        return [
            spelling.parameter(path) for path in sorted(leaves, key=lambda path: [str(part) for part in path])
        ]

    def sequences(self, kind: str) -> list[tuple[str, dict[Any, Any], str]]:
        """Return name, context and expression of each sequence of a kind ("number", "image", ...)."""
        mine = sorted((key, label) for key, label in self._labels.items() if key[0] == kind)
        found = ((name, decode(context)) for _, (name, context) in mine)
        return [(name, context, spelling.sequence(name, context)) for name, context in found]

    # -- inside ----------------------------------------------------------------------------------------

    def _add_key(self, key: bytes, file: StateFile, here: NDArray[np.bool_], exactly: bool) -> None:
        try:
            space, what = orjson.loads(key)
        except ValueError:  # a key that JSON cannot write
            return
        if space == "t":
            if what not in self.tags and bool(here[file.table.find(key).rows].any()):
                self.tags.add(what)
        elif space == "p" and what[0] != SYSTEM:
            path = tuple(what)
            if self._paths.get(path):
                return
            column = file.table.find(key)
            kinds = column.kinds[here[column.rows]] if exactly else column.kinds
            if len(kinds):
                self._paths[path] = bool((kinds != OTHER).any())

    def _add_tree(self, tree: dict[Any, Any], above: Path) -> None:
        for key, value in tree.items():
            path = (*above, key)
            if path != (SYSTEM,):
                is_tree = isinstance(value, dict)
                self._paths[path] = self._paths.get(path, False) or not is_tree
                if is_tree:
                    self._add_tree(value, path)

    def _add_label(self, name: str, context: Any, kind: str) -> None:
        self._labels.setdefault((kind, name, str(context)), (name, context))
