"""Parameters merge to the same, in whatever order the logs of their writers are read."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from runstone_writer.kinds import exact
from runstone_writer.params import UNSET, Params
from runstone_writer.values import decode

WRITERS = ("w0", "w1", "w2")
keys = st.lists(st.sampled_from(["a", "b", 0]), min_size=0, max_size=3).map(tuple)
leaves = st.integers(0, 3) | st.none()
values = st.recursive(
    leaves, lambda inner: st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2), max_leaves=4
)
assignments = st.tuples(keys, values, st.integers(0, 2), st.booleans())
Event = tuple[tuple[Any, ...], tuple[int, str], Any]


@st.composite
def histories(draw: st.DrawFn) -> list[list[Event]]:
    """Return what each writer assigned, in the order of its log: its time never runs backwards."""
    logs = []
    for writer in WRITERS:
        time, events = 0, []
        for key, value, pause, gone in draw(st.lists(assignments, max_size=6)):
            time += pause
            assigned = (value if isinstance(value, dict) else {}) if not key else UNSET if gone else value
            events.append((key, (time, writer), assigned))
        logs.append(events)
    return logs


def merged(events: list[Event]) -> Params:
    params = Params()
    for key, stamp, value in events:
        params.assign(key, stamp, value)
    return params


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_logs_are_read_does_not_matter(logs: list[list[Event]], random: Any) -> None:
    in_stamp_order = sorted((event for log in logs for event in log), key=lambda event: event[1])
    expected = merged(in_stamp_order).tree()
    pending = [list(log) for log in logs]
    interleaved = []
    while any(pending):
        interleaved.append(random.choice([log for log in pending if log]).pop(0))
    assert merged(interleaved).tree() == expected


@given(histories())
def test_the_merge_is_what_plain_assignments_in_the_order_of_their_stamps_give(
    logs: list[list[Event]],
) -> None:
    events = sorted((event for log in logs for event in log), key=lambda event: event[1])
    tree: dict[Any, Any] = {}
    for key, _, value in events:
        _assign(tree, key, value)
    assert _pruned(merged(events).tree()) == _pruned(tree)


def _assign(tree: dict[Any, Any], key: tuple[Any, ...], value: Any) -> None:
    import copy

    if not key:
        tree.clear()
        tree.update(copy.deepcopy(value))
        return
    for part in key[:-1]:
        if not isinstance(tree.get(part), dict):
            if value is UNSET and part not in tree:
                return
            tree[part] = {}
        tree = tree[part]
    tree.pop(key[-1], None)
    if value is not UNSET:
        tree[key[-1]] = copy.deepcopy(value)


def _pruned(tree: Any) -> Any:
    """Without empty dictionaries: a deletion may leave one where nothing was."""
    if not isinstance(tree, dict):
        return tree
    below = {key: _pruned(value) for key, value in tree.items()}
    return {key: value for key, value in below.items() if value != {}}


@given(histories())
def test_a_dump_loads_to_the_same(logs: list[list[Event]]) -> None:
    params = merged([event for log in logs for event in log])
    assert Params.load(params.dump()).tree() == params.tree()


@given(histories())
def test_tagged_json_of_all_reads_back_as_the_tree(logs: list[list[Event]]) -> None:
    params = merged([event for log in logs for event in log])
    assert decode(orjson.loads(orjson.dumps(params.tagged()))) == params.tree()


def test_tagged_json_of_all_has_each_value_as_the_log_has_it() -> None:
    dated = {"$datetime": "2026-11-22T00:00:00"}
    mixed = {"$dict": [[1, {"$float": "nan"}], ["b", [dated, {"$array": ["<f8", [0], ""]}]]]}
    params = merged(
        [(("a",), (1, "w"), mixed), (("a", "b", 0), (2, "w"), 5), (("$",), (3, "w"), {"$str": "7aCA"})]
    )
    given = {"$dict": [[1, {"$float": "nan"}], ["b", [5, {"$array": ["<f8", [0], ""]}]]]}
    assert params.tagged() == {"$dict": [["a", given], ["$", {"$str": "7aCA"}]]}


def test_assigning_a_dictionary_replaces_what_was_below() -> None:
    params = merged([(("h", "a"), (1, "w"), 1), (("h",), (2, "w"), {"b": 2}), (("h", "c"), (3, "w"), 3)])
    assert params.tree() == {"h": {"b": 2, "c": 3}}


def test_a_later_assignment_that_is_read_first_stays() -> None:
    params = merged([(("h", "a"), (5, "w1"), "late"), (("h",), (2, "w0"), {"a": "early", "b": 1})])
    assert params.tree() == {"h": {"a": "late", "b": 1}}


nested = st.recursive(
    st.integers(0, 3) | st.just({"$set": [1]}),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path that leads to something, sets left closed."""
    below = enumerate(tree) if isinstance(tree, list) else tree.items() if isinstance(tree, dict) else ()
    return [path, *(found for key, item in below if key != "$set" for found in _paths(item, (*path, key)))]


@given(st.data())
def test_assigning_to_places_in_lists_is_what_python_does(data: st.DataObject) -> None:
    params, model = Params(), {"a": data.draw(nested)}
    params.assign(("a",), (0, "w"), orjson.loads(orjson.dumps(model["a"])))
    for time in range(1, data.draw(st.integers(1, 5)) + 1):
        path, value = data.draw(st.sampled_from(_paths(model)[1:])), data.draw(nested)
        params.assign(path, (time, "w"), orjson.loads(orjson.dumps(value)))
        here: Any = model
        for part in path[:-1]:
            here = here[part]
        here[path[-1]] = value
    assert params.tree() == decode(model)
    assert params.exact(()) == exact(model)
    assert Params.load(orjson.loads(orjson.dumps(params.dump()))).exact(()) == exact(model)


def test_a_place_that_the_list_lost_to_another_writer_loses_nothing() -> None:
    params = merged([(("a",), (1, "w"), [1, 2, 3]), (("a", 2), (2, "w"), 9)])
    params.assign(("a",), (1, "x"), [5])  # at the same time, by somebody else
    assert params.tree() == {"a": {0: 5, 2: 9}}
