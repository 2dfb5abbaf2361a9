"""The state of a run as a fold over the events of its logs.

Pure: no files, no clock. The result does not depend on the order in which the logs of different
writers are read, because every part of it is a merge by (time, writer).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .identity import sequence_identity
from .layout import is_digest, writer_time
from .params import UNSET, Params, Stamp
from .values import LONGEST_KEY, Key, Marks, decode

LATEST = 253_402_128_000_000_000  # microseconds: two days before the year 10000, the last that has dates everywhere
UNKNOWN_SOURCE = -1  # in place of the part that a part sends again from, until its header has been read
_PROP_TYPES = {
    "name": str,
    "description": str | None,
    "experiment": str,
    "archived": bool,
    "artifacts_uri": str | None,
}
PROPS = tuple(_PROP_TYPES)


def _is_text(value: Any) -> bool:
    return isinstance(decode(value), str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int)


# What tells whether a field of an artifact is sound: sizes and digests are used as they stand, texts may be in tags.
ARTIFACT_FIELDS: dict[str, Callable[[Any], bool]] = {
    "path": _is_text,
    "uri": _is_text,
    "size": _is_count,
    "blob": is_digest,
    "sha256": is_digest,
    "error": _is_text,
}


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
        "parent",
        "parts",
        "pid",
        "progress",
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
        self.parent = ""  # the writer of the process that this one's got the run from
        self.progress: list[Any] | None = (
            None  # its last report: time, seconds to the next, whether it is done
        )
        # Per part: offset and CRC read up to, and from where (part, offset) it sends lines again (see replay.py).
        self.parts: list[list[int]] = []
        # Points whose sequence's declaration has not been met: it is damaged, and comes again.
        self.orphans: list[list[Any]] = []
        # The log's number of a sequence -> its place in RunState.sequences.
        self.declared: dict[int, int] = {}

    def dump(self) -> list[Any]:
        declared = [[number, place] for number, place in self.declared.items()]
        life = [self.writer, self.kind, self.host, self.pid, self.opened, self.last, self.end, self.dropped]
        return [*life, self.parent, self.progress, self.parts, declared, self.orphans]

    @classmethod
    def load(cls, row: list[Any]) -> WriterState:
        state = cls(row[0])
        state.kind, state.host, state.pid, state.opened, state.last, state.end, state.dropped = row[1:8]
        state.parent, state.progress, state.parts, declared, state.orphans = row[8:]
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
        self.identity = (*sequence_identity(name, context), kind)
        self.summary: Any = None


class RunState:
    """Everything about a run but its points."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.params = Params()
        self.props: dict[str, tuple[Stamp, Any]] = {}
        self.tag_marks: dict[str, tuple[Stamp, bool]] = {}
        self.deleted_mark: tuple[Stamp, bool] | None = None
        # By id: when the note was made, the stamp of its last change, its text (tagged JSON; None: removed).
        self.note_marks: dict[str, tuple[int, Stamp, Any]] = {}
        self.artifact_marks: dict[str, tuple[Stamp, dict[str, Any]]] = {}  # by name: the fields of the event
        self.writers: dict[str, WriterState] = {}
        self.sequences: list[Sequence] = []
        self._places: dict[tuple[str, str], dict[str, int]] = {}  # by name and context, then by type

    # -- folding -------------------------------------------------------------------------------------

    def writer(self, writer: str) -> WriterState:
        """Return the state of a writer, new if it has not been met."""
        if writer not in self.writers:
            self.writers[writer] = WriterState(writer)
        return self.writers[writer]

    def apply(self, writer: WriterState, event: dict[str, Any]) -> None:
        """Take in one event. An event of a name that is not known is passed over.

        Raises KeyError, TypeError or ValueError, and changes nothing, if it is not what a writer writes.
        """
        handler = _HANDLERS.get(_typed(event["event"], str))
        time = writer.base + _typed(event.get("dt", 0), int)
        if not 0 <= time <= LATEST:
            raise ValueError(f"dt {event['dt']} is no time")
        if handler is not None:
            handler(self, writer, (time, writer.writer), event)
        writer.last = max(writer.last, time)

    def _on_log(self, writer: WriterState, _stamp: Stamp, event: dict[str, Any]) -> None:
        kind, host, pid = _typed(event["kind"], str), _typed(event["host"], str), _typed(event["pid"], int)
        parent = _typed(event.get("parent", ""), str)
        if "from" in event:
            source, start = event["from"]
            if not (0 <= _typed(source, int) < event["part"] and _typed(start, int) >= 0):
                raise ValueError(event["from"])
            part = writer.parts[event["part"]]
            if part[2] == UNKNOWN_SOURCE:
                part[2:] = source, start
        writer.kind, writer.host, writer.pid, writer.parent = kind, host, pid, parent

    def _on_open(self, writer: WriterState, stamp: Stamp, _event: dict[str, Any]) -> None:
        writer.opened = stamp[0]

    def _on_sequence(self, writer: WriterState, _stamp: Stamp, event: dict[str, Any]) -> None:
        number, name = _typed(event["id"], int), _typed(event["name"], str)
        context, kind = _typed(event["context"], dict), _typed(event["type"], str)
        known = writer.declared.get(number)
        if known is not None:  # nearly all declarations are repetitions
            sequence = self.sequences[known]
            said = sequence.by, sequence.name, sequence.kind, sequence.context
            if said == (writer.writer, name, kind, context):
                return
        _typed(decode(context), dict)
        writer.declared[number] = self.place(name, context, kind, writer.writer)

    def place(self, name: str, context: Any, kind: str, by: str) -> int:
        """Return the place of a sequence in `sequences`, made if need be.

        Processes that do not know of each other may give one name to numbers and to images: two sequences.
        """
        places = self._places.setdefault(sequence_identity(name, context), {})
        place = places.get(kind)
        if place is None:
            place = places[kind] = len(self.sequences)
            self.sequences.append(Sequence(place, name, context, kind, by))
        elif (
            by < self.sequences[place].by
        ):  # {"fold": 1} and {"fold": 1.0} are one: as the first writer has it
            self.sequences[place].by, self.sequences[place].context = by, context
        return place

    def find(self, name: str, context: Any, kind: str = "number") -> Sequence | None:
        """Return the sequence of that name and context (tagged JSON), or None.

        Where there are several it is the one of type `kind`, else the first by the name of its type.
        """
        places = self._places.get(sequence_identity(name, context))
        return None if not places else self.sequences[places[kind if kind in places else min(places)]]

    def _on_set(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        key, value = _key_of(event), event["value"]
        marks: Marks = {}
        decoded = decode(value, marks)  # raises what is wrong with it here, and not in the middle of a query
        if not key and id(_typed(decoded, dict)) in marks:
            raise TypeError("an object in the place of all parameters")
        self.params.assign(key, stamp, value)

    def _on_unset(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        self.params.assign(_key_of(event), stamp, UNSET)

    def _on_prop(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        name, value = _typed(event["name"], str), event["value"]
        if not isinstance(decode(value), _PROP_TYPES.get(name, object)):
            raise TypeError(f"{value!r:.80} is no {name}")
        mark = self.props.get(name)
        if mark is None or stamp >= mark[0]:
            self.props[name] = (stamp, value)

    def _on_tag(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        name, on = _typed(event["name"], str), _typed(event["on"], bool)
        mark = self.tag_marks.get(name)
        if mark is None or stamp >= mark[0]:
            self.tag_marks[name] = (stamp, on)

    def _on_delete(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        if self.deleted_mark is None or stamp >= self.deleted_mark[0]:
            self.deleted_mark = (stamp, _typed(event["on"], bool))

    def _on_note(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        name, text = _typed(event["id"], str), event["text"]
        if not isinstance(decode(text), str | None):
            raise TypeError(f"{text!r:.80} is no note")
        made, last, kept = self.note_marks.get(name, (stamp[0], stamp, text))
        newest = (stamp, text) if stamp >= last else (last, kept)
        self.note_marks[name] = (min(made, stamp[0]), *newest)

    def _on_artifact(self, _writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        name, kept = _typed(event["name"], str), {}
        for field, is_sound in ARTIFACT_FIELDS.items():
            if field in event:
                kept[field] = event[field]
                if not is_sound(kept[field]):
                    raise TypeError(f"{kept[field]!r:.80} as {field} of an artifact")
        mark = self.artifact_marks.get(name)
        if mark is None or stamp >= mark[0]:
            self.artifact_marks[name] = (stamp, kept)

    def _on_progress(self, writer: WriterState, stamp: Stamp, event: dict[str, Any]) -> None:
        seconds, done = event["expect"], _typed(event["done"], bool)
        if type(seconds) not in (int, float) or seconds < 0:
            raise TypeError(f"{seconds!r:.80} seconds")
        writer.progress = [stamp[0], seconds, done]

    def _on_end(self, writer: WriterState, stamp: Stamp, _event: dict[str, Any]) -> None:
        writer.end = stamp[0]

    def _on_dropped(self, writer: WriterState, _stamp: Stamp, event: dict[str, Any]) -> None:
        writer.dropped += _typed(event["count"], int)

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
    def is_there(self) -> bool:
        """Whether there is such a run: somebody has opened it, and it is not deleted."""
        return self.known and not self.deleted

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
        """Return the writers that did not end and were not followed by a later one (a resumed run).

        A forked process that was killed counts as ended once the one that it was forked from has ended.
        """
        writers = [w for w in self.writers.values() if w.kind == "run"]
        newest = max((w.opened for w in writers), default=0)
        waiting = [w for w in writers if w.end is None and not w.last < newest != w.opened]
        return [w for w in waiting if not self._ended_by_parent(w)]

    def _ended_by_parent(self, writer: WriterState) -> bool:
        ancestor, met = self.writers.get(writer.parent), {writer.writer}
        while ancestor is not None and ancestor.end is None and ancestor.writer not in met:
            met.add(ancestor.writer)
            ancestor = self.writers.get(ancestor.parent)
        return ancestor is not None and ancestor.end is not None and writer.last <= ancestor.end

    @property
    def ended(self) -> int | None:
        """When the last writer ended the run (microseconds), or None while one has not."""
        if self.open_writers():
            return None
        ends = (w.end for w in self.writers.values() if w.kind == "run" and w.end is not None)
        return max(ends, default=None)

    # -- as JSON ---------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON: `load` gives back an equal one."""
        return {
            "run": self.run,
            "params": self.params.dump(),
            "props": {name: [*stamp, value] for name, (stamp, value) in self.props.items()},
            "tags": {name: [*stamp, on] for name, (stamp, on) in self.tag_marks.items()},
            "deleted": None if self.deleted_mark is None else [*self.deleted_mark[0], self.deleted_mark[1]],
            "notes": {name: [made, *stamp, text] for name, (made, stamp, text) in self.note_marks.items()},
            "artifacts": {name: [*stamp, kept] for name, (stamp, kept) in self.artifact_marks.items()},
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
        for name, (made, time, by, text) in data["notes"].items():
            state.note_marks[name] = (made, (time, by), text)
        for name, (time, by, kept) in data["artifacts"].items():
            state.artifact_marks[name] = ((time, by), kept)
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
    "note": RunState._on_note,
    "artifact": RunState._on_artifact,
    "progress": RunState._on_progress,
    "end": RunState._on_end,
    "dropped": RunState._on_dropped,
}
EVENTS = (*_HANDLERS, "resent")  # which tells replay() where repeated lines end, and changes no state


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r:.80} is not of type {kind.__name__}")
    return value


def _key_of(event: dict[str, Any]) -> Key:
    if len(_typed(event["key"], list)) > LONGEST_KEY:
        raise ValueError(f"a key of {len(event['key']):,} parts")
    parts = _typed(decode(event["key"]), list)
    for part in parts:
        if type(part) is not str and type(part) is not int:
            raise TypeError(f"{part!r:.80} in a key")
    return tuple(parts)


__all__ = ["EVENTS", "PROPS", "UNKNOWN_SOURCE", "RunState", "Sequence", "WriterState", "sequence_identity"]
