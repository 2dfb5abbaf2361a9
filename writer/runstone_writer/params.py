"""Parameters as the merge of assignments: the same result in whatever order the logs are read.

Every assignment has a stamp (time, writer). An assignment to a path replaces all that stands at or
below that path with an earlier stamp, and is itself hidden by a later one at or above it. What is left
are the *live* assignments; applied in the order of their stamps they give the parameters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .values import Key, Marks, decode, encode

Stamp = tuple[int, str]  # microseconds since the epoch, and the writer id that breaks ties


class Unset:
    """What `del run[key]` assigns."""


UNSET = Unset()


class Assignment(NamedTuple):
    stamp: Stamp
    value: Any  # tagged JSON, or UNSET


class Params:
    """The live assignments of one run."""

    __slots__ = ("_groups", "_newest", "_root", "_tree", "marks")

    def __init__(self) -> None:
        self._root: Assignment | None = None
        # By first key part, then by whole key: an assignment only ever meets those of its own group.
        self._groups: dict[str | int, dict[Key, Assignment]] = {}
        self._newest: Stamp = (0, "")
        self._tree: dict[Any, Any] | None = None
        self.marks: Marks = {}  # which dictionaries in the tree are objects

    def assign(self, key: Key, stamp: Stamp, value: Any) -> None:
        """Take in one assignment; `value` is tagged JSON or UNSET."""
        self._tree = None
        if self._root is not None and self._root.stamp > stamp:
            return
        if not key:
            self._assign_all(stamp, value)
            return
        group = self._groups.setdefault(key[0], {})
        if stamp < self._newest and any(stamp < group[k].stamp for k in group if k == key[: len(k)]):
            return
        if len(group) > 1 or key not in group:
            size = len(key)
            for other in [k for k in group if k[:size] == key and group[k].stamp <= stamp]:
                del group[other]
        group.pop(key, None)
        group[key] = Assignment(stamp, value)
        self._newest = max(self._newest, stamp)

    def _assign_all(self, stamp: Stamp, value: Any) -> None:
        self._root = Assignment(stamp, value)
        for first in list(self._groups):
            kept = {k: a for k, a in self._groups[first].items() if a.stamp > stamp}
            if kept:
                self._groups[first] = kept
            else:
                del self._groups[first]
        self._newest = max(self._newest, stamp)

    def tree(self) -> dict[Any, Any]:
        """Return the parameters as nested dictionaries. Shared: do not change it. An object is its state."""
        if self._tree is None:
            self._tree = self._build()
        return self._tree

    def _build(self) -> dict[Any, Any]:
        tree: dict[Any, Any] = {}
        self.marks = {}
        if self._root is not None and isinstance(self._root.value, dict):
            tree = decode(self._root.value, self.marks)
        live = [(a.stamp, key, a.value) for group in self._groups.values() for key, a in group.items()]
        live.sort(key=lambda item: item[0])  # stable: equal stamps keep the order of the log
        for _, key, value in live:
            _put(tree, key, value, self.marks)
        return tree

    def get(self, key: Key, default: Any = None) -> Any:
        """Return the value at `key`, a path; list positions count as keys."""
        here: Any = self.tree()
        for part in key:
            try:
                here = here[part]
            except (KeyError, IndexError, TypeError):
                return default
        return here

    def dump(self) -> list[list[Any]]:
        """Return the live assignments as JSON: [key, time, writer, value?] (no value means unset)."""
        live: list[tuple[Key, Assignment]] = [] if self._root is None else [((), self._root)]
        live += [item for group in self._groups.values() for item in group.items()]
        rows = []
        for key, (stamp, value) in live:
            row = [encode(list(key)), *stamp]
            rows.append(row if value is UNSET else [*row, value])
        return rows

    @classmethod
    def load(cls, rows: list[list[Any]]) -> Params:
        """Return what `dump` was called on."""
        params = cls()
        for key, time, writer, *value in rows:
            stamp = (time, writer)
            assignment = Assignment(stamp, value[0] if value else UNSET)
            if key:
                path = tuple(decode(key))
                params._groups.setdefault(path[0], {})[path] = assignment
            else:
                params._root = assignment
            params._newest = max(params._newest, stamp)
        return params


def _put(tree: dict[Any, Any], key: Key, value: Any, marks: Marks) -> None:
    here: Any = tree
    for part in key[:-1]:
        below = here.get(part)
        if not isinstance(below, dict):
            if value is UNSET and part not in here:
                return
            below = here[part] = {}
        here = below
    if value is UNSET:
        here.pop(key[-1], None)
    else:
        here.pop(key[-1], None)  # a key assigned again moves to the end, as its stamp says
        here[key[-1]] = decode(value, marks)
