"""Archived, deleted and restored runs: where they are found, and where they are not."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer
from runs import KINDS, files, names, six_runs
from runstone import Repo, Run
from runstone_indexer.indexer import Indexer


@pytest.fixture(params=KINDS)
def kind(request):
    """What an answer comes from: the index, the logs alone, or the index for half of the runs."""
    return request.param


@pytest.fixture
def opened(tmp_path, kind):
    """Opens the repository of the test, once it is filled, as `kind` says."""
    return lambda: Repo(tmp_path, index=kind != "logs")


@pytest.fixture
def hashes(tmp_path, kind):
    """The hashes of six runs by name."""
    return six_runs(tmp_path, kind)


def test_archived_runs_are_listed_and_left_out_of_queries_that_do_not_ask_for_them(opened, hashes):
    opened().get_run(hashes["c"]).archived = True
    repo = opened()
    assert names(repo.iter_runs()) == "fedcba"
    assert names(repo.query_runs()) == "fedba"
    assert [m.run.name for m in repo.query_metrics("metric.name == 'loss'")] == list("fedba")
    assert names(repo.query_runs("run.archived")) == "c"
    assert names(repo.query_runs("not run.archived")) == "fedba"
    repo.get_run(hashes["c"]).archived = False
    assert names(repo.query_runs()) == "fedcba"


def test_a_deleted_run_is_nowhere(tmp_path, opened, hashes):
    with Run(hashes["c"], repo=tmp_path, **QUIET) as run:
        run["only"] = 1
        run.track(1, name="only")
    assert opened().delete_run(hashes["c"]) is True
    for repo in (opened(), Repo(tmp_path, index=False)):
        assert hashes["c"] not in repo.list_all_runs()
        assert "c" not in names(repo.iter_runs())
        assert repo.total_runs_count() == 5
        assert repo.get_run(hashes["c"]) is None
        assert not repo.run_exists(hashes["c"])
        assert "c" not in names(repo.query_runs("run.archived or True"))
        assert len(repo.query_runs("run.only == 1")) == 0
        assert len(repo.query_metrics("metric.name == 'only'")) == 0
        assert "only" not in repo.collect_params_info()
        assert "only" not in repo.collect_sequence_info("metric")["metric"]
    Indexer(tmp_path).run_once()
    assert "c" not in names(opened().iter_runs())


def test_a_restored_run_is_back_with_everything(tmp_path, opened, hashes):
    before = opened().get_run(hashes["c"])[...]
    assert opened().delete_runs([hashes["c"], hashes["d"]]) == (True, [])
    assert names(opened().query_runs()) == "feba"
    assert opened().restore_run(hashes["c"]) is True
    assert names(opened().query_runs()) == "fecba"
    assert opened().get_run(hashes["c"])[...] == before
    assert len(opened().query_metrics("run.name == 'c' and metric.name == 'loss'")) == 1


def test_several_runs_are_restored(opened, hashes):
    repo = opened()
    repo.delete_runs([hashes["a"], hashes["c"]])
    assert repo.restore_runs([hashes["c"], "0" * 24, hashes["a"]]) == (False, ["0" * 24])
    assert repo.restore_runs([hashes["c"]]) == (True, [])
    assert names(repo.query_runs()) == "fedcba"


def test_an_experiment_is_deleted_with_its_runs(opened, hashes):
    repo = opened()
    assert repo.delete_experiment("even") is True
    assert names(repo.query_runs()) == "fdb"
    assert repo.delete_experiment("even") is False
    assert repo.delete_experiment("nothing") is False
    assert repo.restore_run(hashes["a"])


def test_deleting_what_there_never_was_is_true_as_in_aim_and_restoring_it_is_not(tmp_path, opened, hashes):
    before = files(tmp_path / ".runstone" / "logs")
    for run_hash in ("0" * 24, "../logs", ""):
        assert opened().delete_run(run_hash) is True
        assert opened().restore_run(run_hash) is False
    assert files(tmp_path / ".runstone" / "logs") == before


def test_a_writer_goes_on_with_a_run_that_was_deleted_and_restored(tmp_path, opened, hashes):
    with Writer(tmp_path, hashes["c"]) as writer:
        repo = opened()
        repo.delete_run(hashes["c"])
        writer.do("run.track(9, name='late')")
        assert len(repo.query_metrics("metric.name == 'late'")) == 0
        repo.restore_run(hashes["c"])
        assert len(repo.query_metrics("metric.name == 'late'")) == 1


def test_deleted_runs_are_not_counted(opened, hashes, tmp_path):
    repo = opened()
    assert repo.explain("").runs == 6
    repo.delete_runs([hashes["a"], hashes["f"]])
    assert repo.explain("").runs == 4
    repo.restore_run(hashes["f"])
    assert repo.explain("").runs == 5
    Indexer(tmp_path).run_once()
    assert opened().explain("run.name == 'b'").runs == 5
    repo.delete_run(hashes["b"])
    assert opened().explain("").runs == 4
