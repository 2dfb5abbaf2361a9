"""The state of a run: a merge of all its writers' events that no order of reading changes."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstone_writer.state import EVENTS, PROPS, RunState, WriterState, sequence_identity
from runstone_writer.values import encode

RUN = "d" * 24
WRITERS = ("19a0b5c1d2e-00c0ffee0001", "19a0b5c1d2f-00c0ffee0002", "19a0b5c1e00-00c0ffee0003")
BASE = 0x19A0B5C1D2E * 1000

texts = st.sampled_from(["a", "b", "c"])
contexts = st.sampled_from([{}, {"s": 1}, {"s": 1.0}, {"s": True}, {"s": "x", "t": 2}, {"t": 2, "s": "x"}])
bodies = st.one_of(
    st.builds(
        lambda k, v: {"event": "set", "key": k, "value": v}, st.lists(texts, max_size=2), st.just({"x": 1})
    ),
    st.builds(lambda k: {"event": "unset", "key": [k]}, texts),
    st.builds(
        lambda n, v: {"event": "prop", "name": n, "value": v}, st.sampled_from(["name", "experiment"]), texts
    ),
    st.builds(lambda n, on: {"event": "tag", "name": n, "on": on}, texts, st.booleans()),
    st.builds(lambda on: {"event": "delete", "on": on}, st.booleans()),
    st.builds(lambda n: {"event": "dropped", "count": n}, st.integers(1, 9)),
    st.builds(
        lambda i, text: {"event": "note", "id": i, "text": text}, st.sampled_from("xy"), st.none() | texts
    ),
    st.builds(lambda n, size: {"event": "artifact", "name": n, "size": size}, texts, st.integers(0, 9)),
    st.builds(
        lambda s, done: {"event": "progress", "expect": s, "done": done}, st.integers(0, 9), st.booleans()
    ),
    st.just({"event": "open"}),
    st.just({"event": "end"}),
    st.just({"event": "telepathy"}),
)
declarations = st.builds(
    lambda number, name, context, kind: {
        "event": "sequence",
        "id": number,
        "name": name,
        "context": context,
        "type": kind,
    },
    st.integers(0, 3),
    texts,
    contexts,
    st.sampled_from(["number", "number", "image", "text"]),
)


@st.composite
def logs(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Return what each writer has appended, with times that never run backwards."""
    found = []
    for writer in WRITERS:
        dt, events = 0, [header(writer)]
        for event in draw(st.lists(bodies | declarations, max_size=8)):
            dt += draw(st.integers(0, 2))
            events.append(event if event["event"] == "sequence" else {**event, "dt": dt})
        found.append(events)
    return found


def header(writer: str, kind: str = "run") -> dict[str, Any]:
    return {
        "event": "log",
        "format": 1,
        "run": RUN,
        "writer": writer,
        "part": 0,
        "kind": kind,
        "host": "h",
        "pid": 1,
    }


def folded(state: RunState, *events: tuple[str, dict[str, Any]]) -> RunState:
    for writer, event in events:
        state.apply(state.writer(writer), event)
    return state


def answers(state: RunState) -> dict[str, Any]:
    """What can be asked of a state."""
    return {
        "params": state.params.tree(),
        "name": state.name,
        "experiment": state.experiment,
        "tags": state.tags,
        "deleted": state.deleted,
        "notes": state.note_marks,
        "artifacts": state.artifact_marks,
        "progress": {w.writer: w.progress for w in state.writers.values()},
        "created": state.created,
        "ended": state.ended,
        "writers": {w.writer: (w.kind, w.opened, w.last, w.end, w.dropped) for w in state.writers.values()},
        "sequences": {s.identity: s.context for s in state.sequences},
        "found": {s.identity: state.find(s.name, s.context).identity for s in state.sequences},
        "declared": {
            w.writer: {number: state.sequences[place].identity for number, place in w.declared.items()}
            for w in state.writers.values()
        },
    }


@given(logs(), st.randoms(use_true_random=False))
def test_the_order_in_which_logs_are_read_changes_no_answer(
    logs: list[list[dict[str, Any]]], random: Random
) -> None:
    one_by_one = RunState(RUN)
    for writer, events in zip(WRITERS, logs, strict=True):
        folded(one_by_one, *((writer, event) for event in events))
    mixed, pending = (
        RunState(RUN),
        {writer: list(events) for writer, events in zip(WRITERS, logs, strict=True)},
    )
    while any(pending.values()):
        writer = random.choice([writer for writer in pending if pending[writer]])
        folded(mixed, (writer, pending[writer].pop(0)))
    assert answers(mixed) == answers(one_by_one)


@given(logs())
def test_a_dump_is_json_and_loads_to_the_same(logs: list[list[dict[str, Any]]]) -> None:
    state = RunState(RUN)
    for writer, events in zip(WRITERS, logs, strict=True):
        folded(state, *((writer, event) for event in events))
        state.writers[writer].parts.append([120, 345, -1, 0])
        state.writers[writer].orphans.append([9, 1, 0.5, 3, 77])
    data = orjson.loads(orjson.dumps(state.dump()))
    assert orjson.dumps(RunState.load(data).dump()) == orjson.dumps(state.dump())
    assert answers(RunState.load(data)) == answers(state)


def test_the_last_writer_of_a_property_wins() -> None:
    early = (WRITERS[0], {"event": "prop", "dt": 900, "name": "name", "value": "early"})
    late = (WRITERS[2], {"event": "prop", "dt": 5, "name": "name", "value": "late"})
    for order in ((early, late), (late, early)):
        assert folded(RunState(RUN), *order).name == "late"


def test_a_tag_that_is_put_on_again_is_the_newest() -> None:
    marks = [("a", True), ("b", True), ("a", False), ("a", True)]
    events = [
        (WRITERS[0], {"event": "tag", "dt": dt, "name": name, "on": on})
        for dt, (name, on) in enumerate(marks)
    ]
    assert folded(RunState(RUN), *events).tags == ["b", "a"]


def test_a_run_that_was_deleted_and_brought_back_is_there() -> None:
    state = folded(RunState(RUN), (WRITERS[1], {"event": "delete", "dt": 1, "on": True}))
    assert state.deleted
    assert not folded(state, (WRITERS[2], {"event": "delete", "dt": 1, "on": False})).deleted


def test_edits_alone_do_not_make_a_run() -> None:
    state = folded(RunState(RUN), (WRITERS[0], header(WRITERS[0], "edit")))
    assert not state.known
    assert folded(state, (WRITERS[1], header(WRITERS[1]))).known
    assert state.created == int(WRITERS[1][:11], 16) * 1000


def test_a_run_has_ended_when_every_writer_of_it_has() -> None:
    state = folded(
        RunState(RUN),
        (WRITERS[0], header(WRITERS[0])),
        (WRITERS[1], header(WRITERS[1])),
        (WRITERS[0], {"event": "set", "dt": 5000, "key": ["a"], "value": 1}),
        (WRITERS[1], {"event": "end", "dt": 9000}),
    )
    assert state.ended is None
    folded(state, (WRITERS[0], {"event": "end", "dt": 7000}))
    assert state.ended == BASE + 1000 + 9000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, True),
        ({"a": 0}, {"a": -0.0}, True),
        ({"a": [1, {"x": 2.0}]}, {"a": [True, {"x": 2}]}, True),
        ({1: "a", 2: "b"}, {2: "b", 1: "a"}, True),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": None}, {}, False),
        ({"a": float("nan")}, {"a": None}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
    ],
)
def test_contexts_are_the_same_if_python_calls_them_equal(one: Any, other: Any, same: bool) -> None:
    assert (sequence_identity("x", encode(one)) == sequence_identity("x", encode(other))) is same


def test_the_spelling_of_a_context_is_the_first_writers_in_whatever_order_it_is_read() -> None:
    def declared(writer: str, fold: Any) -> tuple[str, dict[str, Any]]:
        return writer, {
            "event": "sequence",
            "id": 0,
            "name": "x",
            "context": {"fold": fold},
            "type": "number",
        }

    events = [declared(WRITERS[0], 1), declared(WRITERS[1], 1.0), declared(WRITERS[2], True)]
    for order in (events, events[::-1], [events[1], events[0], events[2]]):
        (sequence,) = folded(RunState(RUN), *order).sequences
        assert repr(sequence.context) == "{'fold': 1}"


MALFORMED = [
    {"event": "set", "dt": 1, "key": ["a"]},
    {"event": "set", "dt": 1, "key": "ab", "value": 1},
    {"event": "set", "dt": 1, "key": [True], "value": 1},
    {"event": "set", "dt": 1, "key": [None], "value": 1},
    {"event": "set", "dt": 1, "key": [["a"]], "value": 1},
    {"event": "set", "dt": 1, "key": [], "value": 5},
    {"event": "set", "dt": 1, "key": ["a"], "value": {"$int": 5}},
    {"event": "set", "dt": 1, "key": ["a"], "value": [{"$none": ""}]},
    {"event": "set", "dt": 1, "key": ["a"], "value": {"$dict": [[[], 1]]}},
    {"event": "set", "dt": "1", "key": ["a"], "value": 1},
    {"event": "set", "dt": True, "key": ["a"], "value": 1},
    {"event": "unset", "dt": 1},
    {"event": "prop", "dt": 1, "name": "name", "value": 5},
    {"event": "prop", "dt": 1, "name": "archived", "value": "yes"},
    {"event": "prop", "dt": 1, "name": ["name"], "value": "x"},
    {"event": "tag", "dt": 1, "name": "x", "on": 1},
    {"event": "tag", "dt": 1, "name": {"$str": "7aCA"}, "on": True},
    {"event": "delete", "dt": 1, "on": None},
    {"event": "note", "dt": 1, "id": 5, "text": "x"},
    {"event": "note", "dt": 1, "id": "a", "text": 5},
    {"event": "note", "dt": 1, "id": "a"},
    {"event": "set", "dt": 1, "key": [], "value": {"$object": ["custom", {}]}},
    {"event": "artifact", "dt": 1, "name": None, "size": 5},
    {"event": "artifact", "dt": 1, "name": "a", "size": "5"},
    {"event": "artifact", "dt": 1, "name": "a", "blob": {"$str": "YQ=="}},
    {"event": "artifact", "dt": 1, "name": "a", "blob": "../../../etc/passwd"},
    {"event": "artifact", "dt": 1, "name": "a", "sha256": "A" * 64},
    {"event": "progress", "dt": 1, "expect": -1, "done": False},
    {"event": "progress", "dt": 1, "expect": True, "done": False},
    {"event": "progress", "dt": 1, "expect": 5, "done": None},
    {"event": "dropped", "dt": 1, "count": 1.5},
    {"event": "sequence", "id": "0", "name": "x", "context": {}, "type": "number"},
    {"event": "sequence", "id": 0, "name": None, "context": {}, "type": "number"},
    {"event": "sequence", "id": 0, "name": "x", "context": [], "type": "number"},
    {"event": "sequence", "id": 0, "name": "x", "context": {"$int": "0x1"}, "type": "number"},
    {
        "event": "log",
        "format": 1,
        "run": RUN,
        "writer": WRITERS[0],
        "part": 0,
        "kind": "run",
        "host": 5,
        "pid": 1,
    },
    {"event": ["set"], "dt": 1},
    {"dt": 1},
]


@pytest.mark.parametrize("event", MALFORMED, ids=lambda event: orjson.dumps(event).decode()[:60])
def test_an_event_that_no_writer_writes_changes_nothing(event: dict[str, Any]) -> None:
    state = folded(RunState(RUN), (WRITERS[0], header(WRITERS[0])))
    before = answers(state)
    with pytest.raises((KeyError, TypeError, ValueError)):
        folded(state, (WRITERS[0], event))
    assert answers(state) == before
    assert orjson.dumps(state.dump())


def test_every_property_and_event_that_is_documented_is_known() -> None:
    assert set(PROPS) == {"name", "description", "experiment", "archived", "artifacts_uri"}
    assert {
        "log",
        "open",
        "sequence",
        "set",
        "unset",
        "prop",
        "tag",
        "note",
        "artifact",
        "progress",
        "delete",
        "end",
        "dropped",
        "resent",
    } == set(EVENTS)


FORKED = [
    ([(0, "end", 50)], True),  # the parent has ended, the child was killed before
    ([], False),  # both are still there
    ([(0, "end", 50), (1, "open", 60)], False),  # the child has outlived its parent
    ([(0, "end", 50), (1, "end", 60)], True),
]


@pytest.mark.parametrize(("events", "ended"), FORKED)
def test_a_forked_writer_without_an_end_ends_with_its_parent(
    events: list[tuple[int, str, int]], ended: bool
) -> None:
    state = folded(RunState(RUN), (WRITERS[0], header(WRITERS[0])))
    folded(state, (WRITERS[1], {**header(WRITERS[1]), "parent": WRITERS[0]}))
    folded(state, *((WRITERS[0], {"event": "open", "dt": 0}), (WRITERS[1], {"event": "open", "dt": 0})))
    folded(state, *((WRITERS[number], {"event": event, "dt": dt * 1000}) for number, event, dt in events))
    assert (state.ended is not None) is ended


def test_writers_that_name_each_other_as_parents_do_no_harm() -> None:
    state = RunState(RUN)
    for one, other in (WRITERS[:2], WRITERS[1::-1]):
        folded(state, (one, {**header(one), "parent": other}))
    assert state.ended is None


def test_a_writer_that_nothing_was_read_of_has_the_time_of_its_name() -> None:
    writer = WriterState(WRITERS[0])
    assert (writer.base, writer.opened, writer.last, writer.end) == (BASE, BASE, BASE, None)
