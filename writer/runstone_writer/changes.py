"""What was changed in a run, when and by whom: the events of all its logs, in the order in which they count."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .errors import UsageError
from .params import UNSET, Params, TaggedTree
from .replay import replay
from .state import PROPS, RunState, WriterState
from .values import Key, decode, normal_key

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from .layout import Layout

KINDS = ("params", "props", "tags", "life")
LIFE = ("opened", "ended", "deleted")
_MISSING = object()


class Change(NamedTuple):
    """One change of one thing, as :meth:`Run.history` returns it."""

    time: float
    """When it was made: seconds since the epoch, by the clock of the writer's host."""
    value: Any
    """What it has been since then; None if it was deleted."""
    deleted: bool
    """Whether it was taken away."""
    writer: str
    """The id of the writer (one process, one log) that did it."""
    host: str
    """The name of the writer's host."""
    of: str
    """What kind of thing it is: "params", "props", "tags" or "life"."""
    key: tuple[str | int, ...]
    """Which one: the path of a parameter; the name of a property or tag; "opened", "ended" or "deleted"."""

    @property
    def when(self) -> datetime:
        """The time as a datetime that knows its zone (UTC)."""
        return datetime.fromtimestamp(self.time, UTC)


class Edit(NamedTuple):
    """One change, with what was there before and what is there since: tagged JSON, None for nothing."""

    time: float
    writer: str
    of: str
    """One of "params", "props", "tags" and "notes"."""
    key: tuple[str | int, ...]
    before: Any
    after: Any


class _Recorder(RunState):
    """A state that remembers what it was told, of events with certain names."""

    def __init__(self, run: str, names: Container[str] | None = None) -> None:
        super().__init__(run)
        self._names = _READ if names is None else names
        self.told: list[tuple[int, str, dict[str, Any]]] = []

    def apply(self, writer: WriterState, event: dict[str, Any]) -> None:
        super().apply(writer, event)
        if event["event"] in self._names:
            self.told.append((writer.base + event.get("dt", 0), writer.writer, event))


def changes_of(
    layout: Layout,
    run: str,
    key: Any = None,
    of: str | None = None,
    *,
    ends: Mapping[str, int] | None = None,
    unwritten: tuple[str, Iterable[bytes]] | None = None,
) -> list[Change]:
    """Return the changes that a run's logs tell of, the one that counts last at the end.

    See :meth:`Run.history` for `key` and `of`. `ends` cuts the logs as in `replay`; `unwritten` is a writer,
    and what it could not write yet. Raises UsageError for a key or kind that there cannot be.
    """
    if of is not None and of not in KINDS:
        raise UsageError(f"there is no history of {of!r}", hint=f"of= is one of {', '.join(KINDS)}.")
    if key is None:
        found = _all_changes(_recorded(layout, run, ends, unwritten))
        return [change for change in found if of in (None, change.of)]
    if of in (None, "params"):
        return _of_parameter(_recorded(layout, run, ends, unwritten), key)
    known = {"props": PROPS, "life": LIFE}.get(of or "")
    if not isinstance(key, str) or (known and key not in known):
        hint = f"It is one of {', '.join(known)}." if known else "A tag is a string."
        raise UsageError(f"there is no history of {key!r} in {of!r}", hint=hint)
    found = _all_changes(_recorded(layout, run, ends, unwritten))
    return [change for change in found if change.of == of and change.key == (key,)]


def edits_of(layout: Layout, run: str) -> list[Edit]:
    """Return what was changed in a run's parameters, properties, tags and notes, in the order in which it counts."""
    recorder = _Recorder(run, ("set", "unset", "prop", "tag", "note"))
    replay(layout, recorder, layout.log_names(run), _no_points)
    recorder.told.sort(key=lambda told: told[:2])
    params, others, found = TaggedTree(), dict[tuple[str, str], Any](), []
    for time, writer, event in recorder.told:
        of = _EDITED[event["event"]]
        if of == "params":
            key = _path(event)
            before = params.get(key)
            params.put(key, UNSET if event["event"] == "unset" else event["value"])
            after = params.get(key)
        else:
            name = event["id" if of == "notes" else "name"]
            after = event[{"props": "value", "tags": "on", "notes": "text"}[of]]
            key, before = (name,), others.get((of, name), False if of == "tags" else None)
            others[of, name] = after
        found.append(Edit(time / 1e6, writer, of, key, before, after))
    return found


def _recorded(
    layout: Layout,
    run: str,
    ends: Mapping[str, int] | None,
    unwritten: tuple[str, Iterable[bytes]] | None,
) -> _Recorder:
    recorder = _Recorder(run)
    names = [name for name in layout.log_names(run) if ends is None or ends.get(name)]
    replay(layout, recorder, names, _no_points, ends=ends)
    if unwritten is not None:
        writer = recorder.writer(unwritten[0])
        for body in unwritten[1]:
            if body[:1] == b"{":
                recorder.apply(writer, orjson.loads(body + b"0}"))
    recorder.told.sort(key=lambda told: told[:2])  # stable: in a log, order is position
    return recorder


def _no_points(_state: RunState, _writer: WriterState, _points: list[list[Any]]) -> None:
    return


def _all_changes(recorder: _Recorder) -> list[Change]:
    found = []
    for time, writer, event in recorder.told:
        of, read = _READ[event["event"]]
        key, value = read(event)
        if of == "life" and key != ("deleted",) and recorder.writers[writer].kind != "run":
            continue  # an edit has a log of its own, which nobody has to hear of
        deleted = event["event"] == "unset" or (of == "tags" and not value)
        found.append(_change(recorder, time, writer, of, key, value, deleted=deleted))
    return found


def _change(
    recorder: _Recorder, time: int, writer: str, of: str, key: Key, value: Any, *, deleted: bool
) -> Change:
    host = recorder.writers[writer].host
    return Change(time / 1e6, None if deleted else value, deleted, writer, host, of, key)


def _of_parameter(recorder: _Recorder, key: Any) -> list[Change]:
    path = _meant(recorder, key)
    params, found, was_there = Params(), [], False
    for time, writer, event in recorder.told:
        if event["event"] not in ("set", "unset"):
            continue
        at = _path(event)
        if at[: len(path)] != path and path[: len(at)] != at:
            continue
        params.assign(at, (time, writer), UNSET if event["event"] == "unset" else event["value"])
        value = params.get(path, _MISSING)
        if value is not _MISSING or was_there:
            gone = value is _MISSING
            found.append(_change(recorder, time, writer, "params", path, value, deleted=gone))
        was_there = value is not _MISSING
    return found


def _meant(recorder: _Recorder, key: Any) -> Key:
    """Return the path that `key` means: "a.b" is the parameter of that very name if there ever was one."""
    if not isinstance(key, str) or "." not in key:
        return normal_key(key)
    for _, _, event in recorder.told:
        if event["event"] == "set":
            at = _path(event)
            if at[:1] == (key,) or (not at and key in decode(event["value"])):
                return (key,)
    return normal_key(tuple(key.split(".")))


def _path(event: dict[str, Any]) -> Key:
    return tuple(decode(event["key"]))


_EDITED = {"set": "params", "unset": "params", "prop": "props", "tag": "tags", "note": "notes"}
_READ: dict[str, Any] = {
    "set": ("params", lambda event: (_path(event), decode(event["value"]))),
    "unset": ("params", lambda event: (_path(event), None)),
    "prop": ("props", lambda event: ((event["name"],), decode(event["value"]))),
    "tag": ("tags", lambda event: ((event["name"],), event["on"])),
    "open": ("life", lambda _event: (("opened",), True)),
    "end": ("life", lambda _event: (("ended",), True)),
    "delete": ("life", lambda event: (("deleted",), event["on"])),
}
