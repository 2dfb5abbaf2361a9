"""Contexts: equal as in Python, usable as keys, and nobody's to change."""

import math

import pytest

from runstone import Context, ValueTypeError


def test_a_context_is_a_mapping():
    context = Context({"subset": "val", "fold": 1})
    assert context["subset"] == "val"
    assert list(context) == ["subset", "fold"]
    assert len(context) == 2
    assert "fold" in context
    assert "x" not in context
    assert context.get("x", 5) == 5
    assert dict(context) == context.to_dict() == {"subset": "val", "fold": 1}
    assert repr(context) == "Context({'subset': 'val', 'fold': 1})"
    with pytest.raises(KeyError):
        context["x"]


def test_no_context_is_the_empty_one():
    assert Context() == Context(None) == Context({}) == {}
    assert not Context()
    assert Context(Context({"a": 1})) == {"a": 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1.0}}}),
        ({"a": math.nan}, {"a": math.nan}),
        ({"a": -0.0}, {"a": 0}),
        ({1: "x"}, {1: "x"}),
    ],
)
def test_equal_contexts_are_one_key(one, other):
    assert Context(one) == Context(other)
    assert Context(one) == other
    assert other == Context(one)
    assert len({Context(one), Context(other)}) == 1
    assert Context(one).idx == Context(other).idx


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": {"b": 1}}, {"a.b": 1}),
        ({"a": []}, {"a": {}}),
        ({1: "x"}, {"1": "x"}),
        ({"a": ""}, {"a": None}),
    ],
)
def test_different_contexts_are_two_keys(one, other):
    assert Context(one) != Context(other)
    assert Context(one) != other
    assert len({Context(one), Context(other)}) == 2


def test_what_cannot_be_a_context_is_not_equal_to_one():
    assert Context({"a": 1}) != {"a": object()}
    assert Context({}) != []
    assert Context({}) != None  # noqa: E711 - the comparison is the test
    assert Context({"a": 1}) != "a"


def test_a_value_that_cannot_be_kept_is_refused():
    with pytest.raises(ValueTypeError, match="context"):
        Context({"a": object()})


def test_nobody_changes_a_context_from_outside():
    given = {"fold": {"k": [1]}}
    context = Context(given)
    given["fold"]["k"].append(2)
    context["fold"]["k"].append(3)
    context.to_dict()["fold"]["k"].append(4)
    assert context == {"fold": {"k": [1]}}
    assert context.to_dict() == {"fold": {"k": [1]}}
    with pytest.raises(TypeError):
        context["fold"] = 1


def test_the_number_of_a_context_is_the_same_in_every_process():
    numbers = [Context(context).idx for context in ({}, {"subset": "val"}, {"subset": "train"})]
    assert numbers == [137279666008780115, -2964962190028632591, 819536607403532671]
