"""The state of a run as a fold over the events of its logs.

Pure: no files, no clock. The result does not depend on the order in which the logs of different
writers are read, because every part of it is a merge by (time, writer).
"""

from __future__ import annotations

from typing import Any

import orjson

from .layout import writer_time
from .params import UNSET, Params, Stamp
from .values import decode

PROPS = ("name", "description", "experiment", "archived")
RUN_TAGS = "tags"


class WriterState:
    """What is known of one writer: its life, and how far its log has been read."""

    __slots__ = (
        "base",
        "declared",
        "dropped",
        "end",
        "host",
        "kind",
        "last",
        "opened",
        "orphans",
        "parts",
        "pid",
        "writer",
    )

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self.base = writer_time(writer)
        self.kind = "run"
        self.host = ""
        self.pid = 0
        self.last = self.base
        self.opened = self.base  # exact once the "open" event has been read
        self.end: int | None = None
        self.dropped = 0
        # Per part: offset and CRC read up to, and from where (part, offset) it sends lines again (-1: nowhere).
        self.parts: list[list[int]] = []
        # Points whose sequence's declaration has not been met: it is damaged, and comes again.
        self.orphans: list[list[Any]] = []
        # The log's number of a sequence -> its place in RunState.sequences.
        self.declared: dict[int, int] = {}

    def dump(self) -> list[Any]:
        declared = [[number, place] for number, place in self.declared.items()]
        life = [self.writer, self.kind, self.host, self.pid, self.opened, self.last, self.end, self.dropped]
        return [*life, self.parts, declared, self.orphans]

    @classmethod
    def load(cls, row: list[Any]) -> WriterState:
        state = cls(row[0])
        state.kind, state.host, state.pid, state.opened, state.last, state.end, state.dropped = row[1:8]
        state.parts, declared, state.orphans = row[8:]
        state.declared = dict(declared)
        return state


class Sequence:
    """One sequence of a run: what it is called. `summary` belongs to whoever folds the points."""

    __slots__ = ("by", "context", "identity", "kind", "name", "place", "summary")

    def __init__(self, place: int, name: str, context: Any, kind: str, by: str) -> None:
        self.place = place
        self.name = name
        self.context = context  # tagged JSON
        self.kind = kind  # "number", "image", ...
        self.by = by
        self.identity = sequence_identity(name, context)
        self.summary: Any = None


class RunState:
    """Everything about a run but its points."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.params = Params()
        self.props: dict[str, tuple[Stamp, Any]] = {}
        self.tag_marks: dict[str, tuple[Stamp, bool]] = {}
        self.deleted_mark: tuple[Stamp, bool] | None = None
        self.writers: dict[str, WriterState] = {}
        self.sequences: list[Sequence] = []
        self._places: dict[tuple[str, str], int] = {}

    # -- folding -------------------------------------------------------------------------------------

    def writer(self, writer: str) -> WriterState:
        """Return the state of a writer, new if it has not been met."""
        if writer not in self.writers:
            self.writers[writer] = WriterState(writer)
        return self.writers[writer]

    def apply(self, writer: WriterState, event: dict[str, Any]) -> None:
        """Take in one event. An event of a name that is not known is passed over."""
        handler = _HANDLERS.get(event["event"])
        time = writer.base + event.get("dt", 0)
        writer.last = max(writer.last, time)
        if handler is not None:
            handler(self, writer, (time, writer.writer), event)

    def _on_log(self, writer: WriterState, _stamp: Stamp, event: dict[str, Any]) -> None:
        writer.kind, writer.host, writer.pid = event["kind"], event["host"], event["pid"]
        if "from" in event:
            writer.parts[event["part"]][2:] = event["from"]

    def _on_open(self, writer: WriterState, stamp: Stamp, _event: dict[str, Any]) -> None:
        writer.opened = stamp[0]

    def _on_sequence(self, writer: WriterState, _stamp: Stamp, event: dict[str, Any]) -> None:
        place = self.place(event["name"], event["context"], event["type"], writer.writer)
        writer.declared[event["id"]] = place

    def place(self, name: str, context: Any, kind: str, by: str) -> int:
        """Return the place of a sequence in `sequences`, made if need be."""
        identity = sequence_identity(name, context)
        place = self._places.get(identity)
        if place is None:
            place = self._places[identity] = len(self.sequences)
            self.sequences.append(Sequence(place, name, context, kind, by))
        elif (
            by < self.sequences[place].by
        ):  # spellings such as {"fold": 1} and {"fold": 1.0}: the first writer's
            self.sequences[place].by, self.sequences[place].context = by, context
        return place

    def find(self, name: str, context: Any) -> Sequence | None:
        """Return the sequence of that name and context (tagged JSON), or None."""
        place = self._places.get(sequence_identity(name, context))
        return None if place is None else self.sequences[place]

    def _on_set(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        self.params.assign(tuple(decode(event["key"])), stamp, event["value"])

    def _on_unset(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        self.params.assign(tuple(decode(event["key"])), stamp, UNSET)

    def _on_prop(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        mark = self.props.get(event["name"])
        if mark is None or stamp >= mark[0]:
            self.props[event["name"]] = (stamp, event["value"])

    def _on_tag(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        mark = self.tag_marks.get(event["name"])
        if mark is None or stamp >= mark[0]:
            if mark is not None and not mark[1]:
                del self.tag_marks[event["name"]]  # taken off and put on again: it is the newest now
            self.tag_marks[event["name"]] = (stamp, event["on"])

    def _on_delete(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        if self.deleted_mark is None or stamp >= self.deleted_mark[0]:
            self.deleted_mark = (stamp, event["on"])

    def _on_end(self, writer: WriterState, stamp: Stamp, _event: dict[str, Any]) -> None:
        writer.end = stamp[0]

    def _on_dropped(self, writer: WriterState, _stamp: Stamp, event: dict[str, Any]) -> None:
        writer.dropped += event["count"]

    # -- what a run is ---------------------------------------------------------------------------------

    def prop(self, name: str, default: Any = None) -> Any:
        mark = self.props.get(name)
        return default if mark is None else decode(mark[1])

    @property
    def name(self) -> str:
        return str(self.prop("name", f"Run: {self.run}"))

    @property
    def experiment(self) -> str:
        return str(self.prop("experiment", "default"))

    @property
    def tags(self) -> list[str]:
        """The tags, in the order in which they were put on."""
        on = [(stamp, name) for name, (stamp, there) in self.tag_marks.items() if there]
        return [name for _, name in sorted(on, key=lambda item: item[0])]

    @property
    def archived(self) -> bool:
        return bool(self.prop("archived", False))

    @property
    def deleted(self) -> bool:
        return self.deleted_mark is not None and self.deleted_mark[1]

    @property
    def known(self) -> bool:
        """Whether any writer of the run itself has been read (edits alone do not make a run)."""
        return any(writer.kind == "run" for writer in self.writers.values())

    @property
    def created(self) -> int:
        """When the first writer opened the run: microseconds since the epoch."""
        return min((w.opened for w in self.writers.values() if w.kind == "run"), default=0)

    def open_writers(self) -> list[WriterState]:
        """Return the writers that did not end and were not followed by a later one (a resumed run)."""
        writers = [w for w in self.writers.values() if w.kind == "run"]
        newest = max((w.opened for w in writers), default=0)
        return [w for w in writers if w.end is None and not w.last < newest != w.opened]

    @property
    def ended(self) -> int | None:
        """When the last writer ended the run (microseconds), or None while one has not."""
        if self.open_writers():
            return None
        return max(
            (w.end for w in self.writers.values() if w.kind == "run" and w.end is not None), default=None
        )

    # -- as JSON ---------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON: `load` gives back an equal one."""
        return {
            "run": self.run,
            "params": self.params.dump(),
            "props": {name: [*stamp, value] for name, (stamp, value) in self.props.items()},
            "tags": {name: [*stamp, on] for name, (stamp, on) in self.tag_marks.items()},
            "deleted": None if self.deleted_mark is None else [*self.deleted_mark[0], self.deleted_mark[1]],
            "writers": [writer.dump() for writer in self.writers.values()],
            "sequences": [[s.name, s.context, s.kind, s.by, s.summary] for s in self.sequences],
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> RunState:
        state = cls(data["run"])
        state.params = Params.load(data["params"])
        state.props = {name: ((time, by), value) for name, (time, by, value) in data["props"].items()}
        state.tag_marks = {name: ((time, by), on) for name, (time, by, on) in data["tags"].items()}
        if data["deleted"] is not None:
            time, by, on = data["deleted"]
            state.deleted_mark = ((time, by), on)
        state.writers = {row[0]: WriterState.load(row) for row in data["writers"]}
        for name, context, kind, by, summary in data["sequences"]:
            state.sequences[state.place(name, context, kind, by)].summary = summary
        return state


_HANDLERS = {
    "log": RunState._on_log,
    "open": RunState._on_open,
    "sequence": RunState._on_sequence,
    "set": RunState._on_set,
    "unset": RunState._on_unset,
    "prop": RunState._on_prop,
    "tag": RunState._on_tag,
    "delete": RunState._on_delete,
    "end": RunState._on_end,
    "dropped": RunState._on_dropped,
}
EVENTS = tuple(_HANDLERS)


_IDENTITIES: dict[tuple[str, bytes], tuple[str, str]] = {}
_IDENTITY_LIMIT = 50_000


def sequence_identity(name: str, context: Any) -> tuple[str, str]:
    """Return what two declarations of one sequence have in common: contexts compare as in Python.

    So the order of keys does not matter, and 1, 1.0 and True are the same (as in Aim).
    """
    if not context:
        return name, "{}"
    spelled = name, orjson.dumps(context)
    identity = _IDENTITIES.get(spelled)
    if identity is None:  # thousands of runs have the same few sequences
        if len(_IDENTITIES) >= _IDENTITY_LIMIT:
            _IDENTITIES.clear()
        canonical = orjson.dumps(_canonical(context), option=orjson.OPT_SORT_KEYS).decode()
        identity = _IDENTITIES[spelled] = name, canonical
    return identity


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer() and abs(value) < 2**63):
        return int(value)
    return value
