"""Values come back as they went in."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstone import Text, UsageError, ValueTypeError
from runstone_writer.values import LONGEST_KEY, Marks, as_number, decode, encode, normal_key, show_key

texts = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=8)
keys = st.one_of(texts, st.integers(), st.sampled_from(["$", "$int", "$dict", "$float"]))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.binary(max_size=5))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equal, with equal types, -0.0 told from 0.0 and NaN equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@given(values)
def test_every_value_survives_a_trip_through_json(value: Any) -> None:
    assert same(decode(orjson.loads(orjson.dumps(encode(value)))), value)


def test_a_tuple_comes_back_as_a_list() -> None:
    assert decode(encode((1, (2, 3)))) == [1, [2, 3]]


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [(np.float32(0.1), float(np.float32(0.1))), (np.int64(5), 5), (np.bool_(True), True), (np.array(3), 3)],
)
def test_a_numpy_scalar_is_kept_as_the_number_that_it_is(given_value: Any, kept: Any) -> None:
    assert same(decode(encode(given_value)), kept)


@pytest.mark.parametrize("value", [object(), int, len, {"a": {"b": object()}}, {1.5: 2}, (x for x in "")])
def test_what_cannot_be_kept_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueTypeError, match="hparams"):
        encode(value, ("hparams",))


def test_without_strict_its_repr_is_kept() -> None:
    assert encode({"a": slice(1, 2)}, strict=False) == {"a": "slice(1, 2, None)"}


def test_nesting_has_a_limit_that_is_an_error_at_the_call() -> None:
    value: Any = 1
    for _ in range(200):
        value = [value]
    with pytest.raises(UsageError, match="levels deep"):
        encode(value)


@pytest.mark.parametrize("key", [1.5, None, b"x", ("a", 2.0), (None,)])
def test_a_key_is_a_string_or_an_integer(key: Any) -> None:
    with pytest.raises(UsageError, match="strings or integers"):
        normal_key(key)


def test_keys_are_shown_as_one_would_write_them() -> None:
    assert show_key(("hparams", "lr")) == "hparams.lr"
    assert show_key(("a b", 0, "c")) == "['a b'][0].c"
    assert show_key(normal_key(...)) == "..."


def test_arrays_of_more_than_one_element_are_no_number() -> None:
    assert as_number(np.zeros(2)) is None
    assert as_number("5") is None


def test_an_object_is_decoded_as_its_state_and_marked() -> None:
    blobs: list[Any] = []
    marks: Marks = {}
    data = orjson.loads(orjson.dumps(encode({"a": [Text("t")], 5: Text("x" * 20_000)}, blobs=blobs)))
    found = decode(data, marks)
    reference = {"blob": blobs[0].digest, "size": 20_000}
    assert found == decode(data) == {"a": [{"data": "t"}], 5: reference}
    assert list(marks.values()) == [("text", {"data": "t"}), ("text", reference)]
    assert marks[id(found["a"][0])][1] is found["a"][0]


def test_an_object_is_kept_only_where_it_may_be() -> None:
    with pytest.raises(ValueTypeError, match=r"media\.text\.Text"):
        encode(Text("t"))
    assert encode(Text("t"), strict=False) == "Text('t')"


@pytest.mark.parametrize(
    "data", [["text"], ["text", 5], [5, {}], ["text", {}, 1], None, "text", ["text", {"a": {"$int": "x"}}]]
)
@pytest.mark.parametrize("tag", ["$object", "$blob"])
def test_what_is_no_object_does_not_decode(tag: str, data: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode({tag: data})


def test_a_key_that_no_reader_would_take_is_refused_at_the_call():
    assert len(normal_key(("k",) * LONGEST_KEY)) == LONGEST_KEY
    with pytest.raises(UsageError, match="at most 250 parts, not 251"):
        normal_key(("k",) * (LONGEST_KEY + 1))
