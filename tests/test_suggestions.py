"""Suggestions: what a query may have meant, taken from what the repository has."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import QueryError, Repo, Run
from runstone_indexer.indexer import Indexer


@pytest.fixture(params=["index", "logs"])
def repo(request, tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["hparams"] = {"lr": 0.1, "Dropout": 0.5, "a b": {"depth": 3}, "\ud800": 1, 5: {"six": 6}}
        run["deep"] = {"hparams": {"lr": 0.2}}
        run.track(1.0, name="loss")
        run.track(1.0, name="accuracy")
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
        ("run.name == 'x'", []),
        ("run[5].six == 7", []),
    ],
)
def test_a_query_that_nothing_matches_says_which_names_nothing_has(repo, query, hints):
    assert repo.query_runs(query).hints == hints


def test_names_of_sequences_are_known_too(repo):
    assert repo.query_metrics("metric.name == 'acuracy'").hints == [
        "No sequence is called 'acuracy'. Did you mean `'accuracy'`?"
    ]
    assert repo.query_metrics("metric.name == 'loss' and metric.last > 5").hints == []


def test_an_empty_repository_has_no_hints(tmp_path):
    assert Repo(tmp_path, init=True).query_runs("run.lr > 1").hints == []
