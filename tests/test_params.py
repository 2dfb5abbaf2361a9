"""Parameters merge to the same, in whatever order the logs of their writers are read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runstone_writer.params import UNSET, Params

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


def test_assigning_a_dictionary_replaces_what_was_below() -> None:
    params = merged([(("h", "a"), (1, "w"), 1), (("h",), (2, "w"), {"b": 2}), (("h", "c"), (3, "w"), 3)])
    assert params.tree() == {"h": {"b": 2, "c": 3}}


def test_a_later_assignment_that_is_read_first_stays() -> None:
    params = merged([(("h", "a"), (5, "w1"), "late"), (("h",), (2, "w0"), {"a": "early", "b": 1})])
    assert params.tree() == {"h": {"a": "late", "b": 1}}
