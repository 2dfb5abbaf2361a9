"""Suggestions: what a query may have meant, taken from what the repository has."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import QueryError, Repo, Run
from runstone_indexer.indexer import Indexer

SUBSETS = "{'subset': 'train'}, {'subset': 'val'}"


@pytest.fixture(params=["index", "logs"])
def repo(request, tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["hparams"] = {"lr": 0.1, "Dropout": 0.5, "a b": {"depth": 3}, "\ud800": 1, 5: {"six": 6}}
        run["deep"] = {"hparams": {"lr": 0.2}}
        run.track(1.0, name="loss")
        run.track(1.0, name="accuracy")
        run.track(1.0, name="error", context={"subset": "train"})
        run.track(1.0, name="error", context={"subset": "val"})
    if request.param == "index":
        Indexer(tmp_path).run_once()
    return Repo(tmp_path, index=request.param == "index")


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("lr > 0.05", "Did you mean `run.hparams.lr`?"),
        ("dropout > 0.05", "Did you mean `run.hparams.Dropout`?"),
        ("depth > 1", "Did you mean `run.hparams['a b'].depth`?"),
        ("hparam.lr > 1", "Did you mean `run.hparams`?"),
        ("nothing > 1", "Parameters are written `run.nothing`; a text needs quotes: 'nothing'."),
    ],
)
def test_an_unknown_name_is_explained_by_the_parameters_there_are(repo, query, hint):
    for ask in (repo.query_runs, repo.query_metrics):
        with pytest.raises(QueryError, match="unknown name") as caught:
            ask(query)
        assert caught.value.hint == hint
        assert (caught.value.lineno, caught.value.offset) == (1, 1)


@pytest.mark.parametrize(
    ("query", "hints"),
    [
        ("run.lr > 0.05", ["No run has `run.lr`. Did you mean `run.hparams.lr`?"]),
        ("run.hparams.lr > 5", []),
        ("run.hparams.lr > 0.05", []),  # it matches
        ("run.hparms.lr > 5", ["No run has `run.hparms.lr`. Did you mean `run.hparams.lr`?"]),
        ("run.qqq == 1 and run.qqq == 2", ["No run has `run.qqq`."]),
        ("run.metrics['los'].last < 1", ["No sequence is called 'los'. Did you mean `'loss'`?"]),
        ("run.metrics['error'].last < 0", [f"No sequence 'error' has that context. There are: {SUBSETS}."]),
        (
            "run.metrics['error', {'subset': 'tain'}].last < 5",
            [f"No sequence 'error' has that context. There are: {SUBSETS}."],
        ),
        ("run.metrics['error', {'subset': 'val'}].last < 0", []),
        (
            "run.metrics['loss', {'subset': 'val'}].last < 5",
            ["No sequence 'loss' has that context. There are: none."],
        ),
        ("run.name == 'x'", []),
        ("run.expriment == 'x'", ["No run has `run.expriment`. Did you mean `run.experiment`?"]),
        (
            "run.status == 'finished'",
            ["No run has `run.status`. The status is no part of a query: `runstone runs ls --status`."],
        ),
        ("run[5].six == 7", []),
    ],
)
def test_a_query_that_nothing_matches_says_which_names_nothing_has(repo, query, hints):
    assert repo.query_runs(query).hints == hints


def test_a_parameter_of_that_very_name_is_meant_before_a_property_that_is_like_it(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["hparams"] = {"names": 1}
    assert "`run.hparams.names`" in Repo(tmp_path).query_runs("run.names == 2").hints[0]


def test_names_of_sequences_are_known_too(repo):
    assert repo.query_metrics("metric.name == 'acuracy'").hints == [
        "No sequence is called 'acuracy'. Did you mean `'accuracy'`?"
    ]
    assert repo.query_metrics("metric.name == 'loss' and metric.last > 5").hints == []


@pytest.mark.parametrize(
    ("query", "hints"),
    [
        ("metric.nam == 'loss'", ["There is no `metric.nam`. Did you mean `metric.name`?"]),
        ("metric.qqq > 1", ["There is no `metric.qqq`."]),
        ("metric.get('nothing') == 1", []),
        ("metric.context.subset == 'x'", []),
    ],
)
def test_a_sequence_has_attributes_of_its_own_and_no_others(repo, query, hints):
    assert repo.query_metrics(query).hints == hints


def test_an_order_that_no_match_has_is_said_to_be_none(repo):
    assert repo.query_runs("", order_by="run.hparams.rl").hints == [
        "Not sorted: No run has `run.hparams.rl`. Did you mean `run.hparams.lr`?"
    ]
    assert repo.query_metrics("", order_by="run.qqq").hints == ["Not sorted: No run has `run.qqq`."]
    assert repo.query_runs("", order_by="run.hparams.lr").hints == []
    assert repo.query_runs("", order_by="run.end_time").hints == []


def test_an_empty_repository_has_no_hints(tmp_path):
    assert Repo(tmp_path, init=True).query_runs("run.lr > 1").hints == []
