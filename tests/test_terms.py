"""Terms: equal things have equal terms and numbers keep their order, so that no match is ever lost."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstone_indexer.terms import (
    PREFIX_LENGTH,
    context_token,
    number_term,
    param_token,
    property_token,
    sequence_token,
    text_term,
)

numbers = st.one_of(
    st.floats(allow_nan=False),
    st.integers(),
    st.booleans(),
    st.sampled_from(
        [2**53, 2**53 + 1, 2**63, 2**63 - 1, 2**64, 10**308, 10**309, -(10**309), 0.0, -0.0, 5e-324]
    ),
)
texts = st.text(st.characters())  # lone surrogates included
keys = st.one_of(texts, st.integers())
TOKEN = re.compile(r"k[0-9a-f]{12}")


@given(numbers, numbers)
def test_numbers_keep_their_order(one, other):
    low, high = sorted((one, other))
    assert number_term(low) <= number_term(high)


@given(numbers, numbers)
def test_equal_numbers_have_equal_terms(one, other):
    if one == other:
        assert number_term(one) == number_term(other)
        assert math.copysign(1, number_term(one)) == math.copysign(1, number_term(other))


@given(numbers)
def test_every_number_has_a_finite_term(number):
    assert math.isfinite(number_term(number))


def test_nan_has_no_term():
    assert number_term(math.nan) is None


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), (0, False), (0.0, -0.0), (2**53, float(2**53))]
)
def test_one_number_in_two_types_has_one_term(one, other):
    assert number_term(one) == number_term(other)
    assert context_token(("k",), one) == context_token(("k",), other)


@given(texts, texts)
def test_a_text_that_starts_with_another_has_a_term_that_does_too(start, rest):
    assert text_term(start + rest).startswith(text_term(start))


@given(texts)
def test_the_term_of_a_text_is_valid_short_and_cannot_be_taken_for_a_date(text):
    term = text_term(text)
    assert term.encode().decode() == term
    assert term[0] == "s"
    assert "\0" not in term
    assert len(term) <= PREFIX_LENGTH + 1


@given(st.lists(keys, max_size=4).map(tuple), st.lists(keys, max_size=4).map(tuple))
def test_tokens_of_paths_are_opaque_and_differ_between_paths(one, other):
    assert TOKEN.fullmatch(param_token(one))
    assert (param_token(one) == param_token(other)) == (one == other)


def test_a_key_and_the_same_digits_as_text_are_two_paths():
    assert param_token((1,)) != param_token(("1",))


@given(texts)
def test_the_same_text_as_a_parameter_a_property_and_a_sequence_has_three_tokens(text):
    assert len({param_token((text,)), property_token(text), sequence_token(text)}) == 3


@given(st.lists(keys, min_size=1, max_size=3).map(tuple), st.one_of(numbers, texts))
def test_values_in_contexts_have_tokens(path, value):
    assert TOKEN.fullmatch(context_token(path, value) or "")


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, math.nan])
def test_what_is_neither_number_nor_text_is_not_indexed_in_contexts(value):
    assert context_token(("k",), value) is None


def test_a_text_and_a_number_in_a_context_differ():
    assert context_token(("k",), "1.0") != context_token(("k",), 1.0)
