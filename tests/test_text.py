"""Texts: any Unicode, of any length, exactly."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Repo, Run, Text, ValueTypeError
from runstone_writer.media.custom import INLINE_LIMIT

texts = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=50)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(texts, st.sampled_from([1, 20_000])), min_size=1, max_size=20))
def test_any_text_comes_back(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("texts")
    whole = [text * times for text, times in pairs]
    with Run(repo=path, **QUIET) as run:
        for text in whole:
            run.track(Text(text), name="x")
        run["x"] = [Text(text) for text in whole]
    stored = Repo(path).get_run(run.hash)
    assert [text.data for text in stored.get_text_sequence("x").values] == whole
    assert [text.data for text in stored["x"]] == whole


@pytest.mark.parametrize(("length", "blobs"), [(INLINE_LIMIT, 0), (INLINE_LIMIT + 1, 1)])
def test_long_texts_are_in_a_blob(tmp_path, length, blobs):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(Text("a" * length), name="x")
        run.track(Text("a" * length), name="x")
    assert len(list(tmp_path.glob(".runstone/blobs/*/*"))) == blobs


@pytest.mark.parametrize("value", [None, 5, b"a"])
def test_what_is_no_string_is_refused(value):
    with pytest.raises(ValueTypeError, match="made of a string"):
        Text(value)


def test_what_there_is_to_know_of_a_text():
    assert Text("a").json() == {}
    assert repr(Text("a")) == "Text('a')"
    assert repr(Text("a" * 20_000)) == "<Text of 20,000 bytes>"
    assert Text("a") == Text("a") != Text("b")
    assert Text("a" * 20_000) == Text("a" * 20_000)
