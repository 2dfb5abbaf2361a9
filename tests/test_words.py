"""Words: texts that are the same to a person have the same words, and terms never lose one."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from evaluation import record_of
from runstone_indexer.words import LONGEST, folded, term_of, terms_of, texts_of, words_in

texts = st.text(st.characters())  # lone surrogates included


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Out of MEMORY", ["out", "of", "memory"]),
        ("lr=0.01,batch_size:32", ["lr", "0", "01", "batch_size", "32"]),
        ("\x1b[31mERROR\x1b[0m: \x1b]8;;http://x\x07link\x1b]8;;\x07", ["error", "link"]),
        ("Stra\u00dfe STRASSE", ["strasse", "strasse"]),
        ("e\u0301t\u00e9 \u00c9T\u00c9", ["\u00e9t\u00e9", "\u00e9t\u00e9"]),
        ("日本語 テスト", ["日本語", "テスト"]),
        ("a\udfffb", ["a", "b"]),
        ("", []),
    ],
)
def test_words_are_what_a_person_would_take_for_them(text, words):
    assert words_in(folded(text)) == words


@given(texts)
def test_a_folded_text_stays_as_it_is(text):
    assert words_in(folded(folded(text))) == words_in(folded(text))


@given(texts, texts)
def test_texts_behind_each_other_have_the_words_of_both(one, other):
    both = words_in("\n".join(map(folded, (one, other))))
    assert both == words_in(folded(one)) + words_in(folded(other))


@given(texts)
def test_every_word_but_a_number_has_a_term_and_equal_words_have_equal_ones(text):
    terms = {term_of(word) for word in words_in(folded(text)) if not word.isdigit()}
    assert None not in terms
    assert terms_of([text]) == terms
    assert terms_of([text.upper()]) >= {
        t for w in words_in(folded(text.upper())) if (t := term_of(w)) is not None
    }


def test_long_words_and_foreign_letters_are_indexed_by_their_digest():
    assert term_of("a" * LONGEST) == "a" * LONGEST
    one, other = term_of("a" * (LONGEST + 1)), term_of("a" * (LONGEST + 2))
    assert one != other
    assert len(one) == len(term_of("é")) == 17
    assert (term_of("12"), term_of("1e2")) == (None, "1e2")


def test_the_texts_of_a_run_are_its_properties_tags_keys_and_values():
    params = {"h": {"opt": "adam", "layers": ["conv", {"kind": "dense"}], 5: "five", "n": 3}, "x": None}
    record = record_of(params, name="a run", experiment="exp", description="what it is for")
    assert sorted(texts_of(record.state)) == sorted(
        [
            "a run",
            "exp",
            "what it is for",
            "h",
            "opt",
            "adam",
            "layers",
            "conv",
            "kind",
            "dense",
            "five",
            "n",
            "x",
        ]
    )
