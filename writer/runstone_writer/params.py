"""Parameters as the merge of assignments: the same result in whatever order the logs are read.

Every assignment has a stamp (time, writer). An assignment to a path replaces all that stands at or
below that path with an earlier stamp, and is itself hidden by a later one at or above it. What is left
are the *live* assignments; applied in the order of their stamps they give the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from . import kinds
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

    __slots__ = ("_exact", "_groups", "_newest", "_root", "_tree", "exact_marks", "marks")

    def __init__(self) -> None:
        self._root: Assignment | None = None
        # By first key part, then by whole key: an assignment only ever meets those of its own group.
        self._groups: dict[str | int, dict[Key, Assignment]] = {}
        self._newest: Stamp = (0, "")
        self._tree: dict[Any, Any] | None = None
        self._exact: dict[Any, Any] | None = None
        self.marks: Marks = {}  # which dictionaries in the tree are objects,
        self.exact_marks: Marks = {}  # and in that of exact values

    def assign(self, key: Key, stamp: Stamp, value: Any) -> None:
        """Take in one assignment; `value` is tagged JSON or UNSET."""
        self._tree = self._exact = None
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
        """Return the parameters as nested dictionaries of plain values. Shared: do not change it.

        An object is its state.
        """
        if self._tree is None:
            self.marks = {}
            self._tree = self._build(partial(decode, marks=self.marks))
        return self._tree

    def exact(self, key: Key, default: Any = None) -> Any:
        """Return the value at `key` as it was given, and not its plain view. Shared: do not change it."""
        if self._exact is None:
            self.exact_marks = {}
            self._exact = self._build(lambda data: kinds.exact(data, self.exact_marks))
        return _follow(self._exact, key, default)

    def tagged(self) -> dict[str, Any]:
        """Return all parameters as tagged JSON: each value as the log has it."""
        tree = TaggedTree()
        if self._root is not None and isinstance(self._root.value, dict):
            tree.put((), self._root.value)
        for _, key, value in sorted(self._live(), key=lambda item: item[0]):
            tree.put(key, value)
        found: dict[str, Any] = tree.get()
        return found

    def _live(self) -> list[tuple[Stamp, Key, Any]]:
        return [(a.stamp, key, a.value) for group in self._groups.values() for key, a in group.items()]

    def _build(self, read: Callable[[Any], Any]) -> dict[Any, Any]:
        live = self._live()
        if any(type(part) is int for _, key, _ in live for part in key[1:]):
            # A list has places, an array and a set have none, though a query sees lists of them as well.
            tree: dict[Any, Any] = _closed(self._assemble(live, _opened), read)
            return tree
        return self._assemble(live, read)

    def _assemble(self, live: list[tuple[Stamp, Key, Any]], read: Callable[[Any], Any]) -> dict[Any, Any]:
        tree: dict[Any, Any] = {}
        if self._root is not None and isinstance(self._root.value, dict):
            tree = read(self._root.value)
        live.sort(key=lambda item: item[0])  # stable: equal stamps keep the order of the log
        for _, key, value in live:
            _put(tree, key, UNSET if value is UNSET else read(value))
        return tree

    def get(self, key: Key, default: Any = None) -> Any:
        """Return the value at `key`, a path; list positions count as keys."""
        return _follow(self.tree(), key, default)

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


class TaggedTree:
    """Parameters as tagged JSON, to which assignments are made in the order in which they count."""

    def __init__(self) -> None:
        self._tree: Any = {}

    def put(self, key: Key, value: Any) -> None:
        """Assign tagged JSON, or UNSET."""
        opened = UNSET if value is UNSET else _opened(value)
        if key:
            _put(self._tree, key, opened)
        else:
            self._tree = opened if isinstance(opened, dict) else {}

    def get(self, key: Key = ()) -> Any:
        """Return what stands at a path; None if nothing does."""
        return _as_tagged(_follow(self._tree, key, None))


def _follow(here: Any, key: Key, default: Any) -> Any:
    for part in key:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return default
    return here


def _put(tree: dict[Any, Any], key: Key, value: Any) -> None:
    here: Any = tree
    for place, part in enumerate(key[:-1]):
        below = here.get(part) if isinstance(here, dict) else here[part]
        ahead = key[place + 1]
        deleting = value is UNSET and place + 2 == len(key)
        if not isinstance(below, dict) and (deleting or not _is_place(below, ahead)):
            if value is UNSET and isinstance(here, dict) and part not in here:
                return
            # A list that has no such place becomes a dictionary of its places, so that nothing of it is lost.
            is_list = isinstance(below, list) and type(ahead) is int
            below = here[part] = dict(enumerate(below or ())) if is_list else {}
        here = below
    if not isinstance(here, dict):
        here[key[-1]] = value
        return
    here.pop(key[-1], None)  # a key assigned again moves to the end, as its stamp says
    if value is not UNSET:
        here[key[-1]] = value


def _is_place(value: Any, part: str | int) -> bool:
    return isinstance(value, list) and type(part) is int and 0 <= part < len(value)


class _Leaf:
    """Tagged JSON that is neither a dictionary nor a list of the caller's."""

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data


def _opened(data: Any) -> Any:
    """Return dictionaries and lists of leaves, for assignments to places in them."""
    if type(data) is list:
        return [_opened(item) for item in data]
    if type(data) is not dict:
        return _Leaf(data)
    tag = next(iter(data), "")
    if tag == "$dict":
        return {decode(key): _opened(item) for key, item in data[tag]}
    return _Leaf(data) if tag[:1] == "$" else {key: _opened(item) for key, item in data.items()}


def _closed(value: Any, read: Callable[[Any], Any]) -> Any:
    if isinstance(value, _Leaf):
        return read(value.data)
    if isinstance(value, list):
        return [_closed(item, read) for item in value]
    return {key: _closed(item, read) for key, item in value.items()}


def _as_tagged(value: Any) -> Any:
    """Return the tagged JSON that `_opened` was given."""
    if isinstance(value, _Leaf):
        return value.data
    if isinstance(value, list):
        return [_as_tagged(item) for item in value]
    if not isinstance(value, dict):
        return None
    items = {key: _as_tagged(item) for key, item in value.items()}
    keys = {key: encode(key) for key in items}
    if all(type(key) is str and key[:1] != "$" for key in keys.values()):
        return items
    return {"$dict": [[keys[key], item] for key, item in items.items()]}
