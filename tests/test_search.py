"""search("words"): the same through the index, without it, and with half of it; also in what was printed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from evaluation import value_of
from processes import QUIET
from runstone import QueryError, Repo, Run
from runstone_indexer import intake
from runstone_indexer.generation import open_generation
from runstone_indexer.indexer import Indexer
from runstone_query.budget import LimitError
from runstone_query.search import WANTED_LIMIT
from runstone_writer.layout import open_repo


@pytest.fixture(params=["index", "logs", "half"])
def repo(request, tmp_path):
    lines = {
        "ada": ["Epoch 1 loss 0.25", "\x1b[31mCUDA\x1b[0m out of memory", "x" * 200],
        "bob": ["epoch 2", "all good"],
        "cat": [],
    }
    for name, printed in lines.items():
        run = Run(repo=tmp_path, experiment="digits", **QUIET)
        run.name = name
        run["opt"] = "AdamW" if name == "ada" else "sgd"
        run["layers"] = ["conv 3x3", {"kind": "Dense"}]
        run.description = f"for {name}"
        run.add_tag("night shift")
        run.track(1.0, name="loss")
        if printed:
            run._log.declare(7, "logs", {}, "log_line")
            for number, line in enumerate(printed):
                run._log.point(7, number, line, None)
        if name == "bob":
            run.log_warning("Gradient EXPLODED \ud800", layer="conv3")
            run.add_note("Ask Carol about warmup")
            run.remove_note(run.add_note("forget this"))
        run.close()
        if request.param == "half" and name == "ada":
            Indexer(tmp_path).run_once()
    if request.param == "index":
        Indexer(tmp_path).run_once()
    return Repo(tmp_path, index=request.param != "logs")


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("search('adamw')", "ada"),
        ("search('ADAMW') and run.opt == 'AdamW'", "ada"),
        ("search('adam')", ""),  # whole words only
        ("search('cuda memory')", "ada"),
        ("search('memory out')", "ada"),
        ("search('31mCUDA')", ""),
        ("search('epoch')", "ada bob"),
        ("search('2')", "bob"),  # numbers are not indexed
        ("search('epoch sgd')", "bob"),
        ("search('dense night digits for layers opt')", "ada bob cat"),
        ("search('')", "ada bob cat"),
        ("search('...')", "ada bob cat"),
        ("search('nowhere')", ""),
        ("not search('epoch')", "cat"),
        ("search('memory') or run.opt == 'sgd'", "ada bob cat"),
        ("search('good') or search('memory')", "ada bob"),
        ("search('exploded')", "bob"),
        ("search('layer conv3 warning')", "bob"),
        ("search('carol warmup')", "bob"),
        ("search('message')", ""),
        ("search('forget')", ""),
        ("search('epoch') and (search('good') or run.name == 'cat')", "bob"),
        ("search(run.name)", "ada bob cat"),
        ("search(run.nope)", ""),
        (f"search('{'x' * 200}')", "ada"),
        (f"search('{'x' * 150}')", ""),
        ("any(search(w) for w in ['good', 'memory'])", "ada bob"),
    ],
)
def test_runs_are_found_by_their_words(repo, expression, names):
    result = repo.query_runs(expression)
    assert sorted(run.name for run in result) == names.split()
    assert result.skipped == 0


def test_the_run_of_a_sequence_is_searched(repo):
    assert {m.run.name for m in repo.query_metrics("search('memory') and metric.name == 'loss'")} == {"ada"}
    assert {m.run.name for m in repo.query_metrics("metric.name == 'loss' and not search('memory')")} == {
        "bob",
        "cat",
    }


def test_words_narrow_what_is_evaluated(repo):
    explained = repo.explain("search('cuda memory')")
    assert "word 'cuda'" in explained.prefilter
    assert "word 'memory'" in explained.prefilter
    assert explained.matched == 1
    if explained.from_index + explained.from_logs == 1:
        return
    assert explained.from_logs == (3 if explained.from_index == 0 else 2)


def test_what_a_run_prints_later_is_found_too(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run, Indexer(tmp_path) as indexer:
        run._log.declare(7, "logs", {}, "log_line")
        for number, line in enumerate(["one two", "two three", "three four", "one five"]):
            run._log.point(7, number, line, None)
            indexer.run_once()
            found = Repo(tmp_path).query_runs(f"search('one {line}')")
            assert found.hashes() == [run.hash]
            assert found.explain().from_index == 1
        assert [new_terms(tmp_path, word) for word in ("one", "two", "five")] == [1, 1, 1]


def new_terms(folder, word):
    """Return how many documents have a word."""
    generation = open_generation(open_repo(folder))
    reader = generation.parameters
    import tantivy

    return len(reader.search(tantivy.Query.term_query(reader.schema, "words", word), 100))


def test_words_that_are_forgotten_are_indexed_again_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "RUNS_REMEMBERED", 0)
    with (
        Run(repo=tmp_path, **QUIET) as run,
        Run(repo=tmp_path, **QUIET) as other,
        Indexer(tmp_path) as indexer,
    ):
        for each in (run, other):
            each._log.declare(7, "logs", {}, "log_line")
        for number in range(3):
            for each in (run, other):
                each._log.point(7, number, f"again number{number}", None)
            indexer.run_once()
        assert sorted(Repo(tmp_path).query_runs("search('again number0 number2')").hashes()) == sorted(
            [run.hash, other.hash]
        )


def test_what_is_no_text_or_too_long_is_an_error_of_that_run():
    with pytest.raises(TypeError, match="takes a text"):
        value_of("search(run.lr)", {"lr": 0.5})
    with pytest.raises(LimitError):
        value_of("search(run.text)", {"text": "x" * (WANTED_LIMIT + 1)})
    assert value_of("search(run.text)", {"text": "x" * WANTED_LIMIT}) is True
    assert value_of("search(run.nope)") is None


@pytest.mark.parametrize(
    "text", ["search", "map(search, ['a'])", "[search][0]('a')", "search()", "search('a', 'b')"]
)
def test_search_is_called_with_words(tmp_path, text):
    with pytest.raises(QueryError):
        Repo(tmp_path, init=True).query_runs(text)
