"""`Repo`: complete answers, whatever the index knows, whoever is writing, whatever was killed."""

import math
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer, wait_until
from runs import KINDS, NAMES, make_run, names, six_runs
from runstone import (
    DeletedRunError,
    MissingRunError,
    QueryError,
    Repo,
    Run,
    StoreError,
    UsageError,
    ValueTypeError,
)
from runstone_indexer.indexer import Indexer
from runstone_query import snapshot


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


# -- what there is ------------------------------------------------------------------------------------------


def test_half_means_that_some_runs_are_in_the_index_and_some_are_not(tmp_path, kind, opened, hashes):
    how = opened().explain("run.hparams.lr >= 0")
    assert (how.from_index, how.from_logs) == {"index": (6, 0), "logs": (0, 6), "half": (4, 2)}[kind]
    assert (how.runs, how.matched, how.skipped) == (6, 6, 0)


def test_runs_come_newest_first(opened, hashes):
    repo = opened()
    newest_first = [hashes[name] for name in reversed(NAMES)]
    assert repo.list_all_runs() == newest_first
    assert names(repo.iter_runs()) == "fedcba"
    assert repo.query_runs().hashes() == newest_first
    assert names(repo.query_runs("run.experiment == 'even'")) == "eca"
    assert [metric.run.name for metric in repo.query_metrics("metric.name == 'loss'")] == list("fedcba")
    assert repo.total_runs_count() == 6


def test_a_query_finds_by_parameter_property_and_metric(opened, hashes):
    repo = opened()
    assert names(repo.query_runs("run.hparams.lr > 0.2 and run.hparams.opt.name == 'adam'")) == "fed"
    assert names(repo.query_runs("run.name in ['a', 'f'] or 'x' in run.tags")) == "fa"
    assert names(repo.query_runs("run.metrics['loss', {'subset': 'train'}].last >= 2.4")) == "fe"
    assert len(repo.query_metrics("metric.context.subset == 'train' and run.hparams.lr == 0.1")) == 1


def test_runs_of_a_metric_query_come_with_their_metrics(opened, hashes):
    found = {item.run.name: [metric.name for metric in item] for item in opened().query_metrics().iter_runs()}
    assert found == {name: ["epoch", "loss"] for name in NAMES}


def test_runs_of_a_run_query_come_with_all_of_their_metrics(opened, hashes):
    (item,) = opened().query_runs("run.name == 'c'").iter_runs()
    assert item.run.hash == hashes["c"]
    assert [metric.name for metric in item] == ["epoch", "loss"]


@pytest.mark.parametrize("entity", ["images", "audios", "texts", "distributions", "figure_objects"])
def test_there_are_no_sequences_of_a_type_that_nobody_has_tracked(opened, hashes, entity):
    assert list(getattr(opened(), f"query_{entity}")()) == []


def test_a_run_is_found_by_its_hash(opened, hashes):
    repo = opened()
    assert repo.get_run(hashes["b"]).name == "b"
    assert repo.run_exists(hashes["b"])


@pytest.mark.parametrize("run_hash", ["0" * 24, "", ".", "..", "../x", "a/b", "-x", "x" * 300, "\0", "é"])
def test_a_run_that_is_not_there_is_none(opened, hashes, run_hash):
    repo = opened()
    assert repo.get_run(run_hash) is None
    assert not repo.run_exists(run_hash)
    with pytest.raises(MissingRunError, match="runs ls"):
        repo.record(run_hash)


def test_of_a_run_that_was_deleted_it_is_said_that_it_can_be_restored(tmp_path, opened, hashes):
    assert Repo(tmp_path).delete_run(hashes["a"])
    with pytest.raises(DeletedRunError, match=f"was deleted\n.*runs restore {hashes['a']}"):
        opened().record(hashes["a"])
    assert opened().get_run(hashes["a"]) is None
    Indexer(tmp_path).run_once()
    with pytest.raises(DeletedRunError):
        Repo(tmp_path).record(hashes["a"])
    assert Repo(tmp_path).restore_run(hashes["a"])
    assert opened().record(hashes["a"]).hash == hashes["a"]


def test_a_run_that_was_not_ended_is_active(tmp_path, opened, hashes):
    run = Run(repo=tmp_path, **QUIET)
    assert opened().list_active_runs() == [run.hash]
    run.close()
    assert opened().list_active_runs() == []


def test_parameters_of_all_runs_make_one_tree_of_types(tmp_path, opened, hashes):
    with Run(repo=tmp_path, **QUIET) as run:
        run["hparams"] = {"lr": "high", "opt": None, 3: True}
        run.archived = True
    assert opened().collect_params_info() == {
        "hparams": {
            "lr": {"__example_type__": "<class 'str'>"},
            "layers": {"__example_type__": "<class 'list'>"},
            "opt": {
                "__example_type__": "<class 'NoneType'>",
                "name": {"__example_type__": "<class 'str'>"},
            },
            3: {"__example_type__": "<class 'bool'>"},
        }
    }


def test_sequences_of_all_runs_are_listed_by_type_name_and_context(tmp_path, opened, hashes):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1, name="loss", context={"subset": "val", "fold": {"k": 1}})
        run.track(1, name="loss", context={"fold": {"k": 1.0}, "subset": "val"})  # the same one
        run.archived = True
    found = opened().collect_sequence_info(("metric", "images"))
    assert found == {
        "metric": {
            "epoch": [{}],
            "loss": [{"subset": "val", "fold": {"k": 1}}, {"subset": "train"}],
        },
        "images": {},
    }
    assert opened().collect_sequence_info("metric") == {"metric": found["metric"]}


def test_an_unknown_sequence_type_is_refused(opened, hashes):
    with pytest.raises(UsageError, match="metric, images"):
        opened().collect_sequence_info("metrics")
    with pytest.raises(UsageError, match="metric, images"):
        opened().explain("", "metrics")


def test_an_expression_that_cannot_be_right_is_refused_when_the_query_is_made(opened, hashes):
    with pytest.raises(QueryError, match=r"line 1, column \d"):
        opened().query_runs("run.")
    with pytest.raises(QueryError, match="query_metrics"):
        opened().query_runs("metric.name == 'loss'")
    with pytest.raises(SyntaxError):
        opened().query_metrics("import os")


def test_offset_goes_on_behind_a_run_whether_it_matches_or_not(opened, hashes):
    repo = opened()
    assert names(repo.query_runs(offset=hashes["d"])) == "cba"
    assert names(repo.query_runs("run.experiment == 'even'", offset=hashes["d"])) == "ca"
    assert names(repo.query_runs(offset=hashes["a"])) == ""
    with pytest.raises(MissingRunError):
        repo.query_runs(offset="0" * 24)


def test_runs_with_damaged_logs_are_listed(tmp_path, opened, hashes):
    assert opened().list_corrupted_runs() == []
    for name in "be":
        (log,) = (tmp_path / ".runstone" / "logs").glob(f"*/{hashes[name]}/*.jsonl")
        data = bytearray(log.read_bytes())
        data[len(data) // 2] ^= 1
        log.write_bytes(data)
    shutil.rmtree(tmp_path / ".runstone" / "index", ignore_errors=True)
    assert opened().list_corrupted_runs() == sorted([hashes["b"], hashes["e"]])
    (log,) = (tmp_path / ".runstone" / "logs").glob(f"*/{hashes['a']}/*.jsonl")
    with log.open("ab") as file:
        file.write(b"[0,1,2")  # a torn tail is no damage
    assert opened().list_corrupted_runs() == sorted([hashes["b"], hashes["e"]])


@pytest.mark.parametrize("call", ["delete_runs", "restore_runs", "copy_runs", "move_runs"])
def test_a_hash_is_not_taken_for_a_list_of_letters(tmp_path, call):
    run_hash = make_run(tmp_path / "repo", "a").hash
    repo, dest = Repo(tmp_path / "repo", index=False), Repo(tmp_path / "dest", init=True)
    more = (dest,) if call in ("copy_runs", "move_runs") else ()
    with pytest.raises(ValueTypeError, match="come as a list"):
        getattr(repo, call)(run_hash, *more)
    assert repo.list_all_runs() == [run_hash]


def test_an_edit_that_the_storage_refuses_changes_nothing_and_is_told(tmp_path):
    run_hash = make_run(tmp_path, "a").hash
    repo = Repo(tmp_path, index=False)
    shutil.rmtree(tmp_path / ".runstone" / "live")
    (tmp_path / ".runstone" / "live").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the change"):
        repo.get_run(run_hash).name = "b"
    assert repo.get_run(run_hash).name == "a"


# -- while others write ---------------------------------------------------------------------------------------


def test_a_query_sees_every_event_that_another_process_was_told_is_written(tmp_path, opened, hashes):
    repo = opened()
    with Writer(tmp_path) as writer:
        for step in range(20):
            writer.do(f"run.track({step} + 0.5, name='live', step={step})")
            assert len(repo.query_metrics(f"metric.name == 'live' and metric.last == {step + 0.5}")) == 1
            writer.do(f"run['at'] = {step}")
            assert repo.query_runs(f"run.at == {step}").hashes() == [writer.hash]
            assert repo.query_runs(f"run.at < {step}").hashes() == []
            if step % 7 == 6:
                Indexer(tmp_path).run_once()
        (metric,) = repo.query_metrics("metric.name == 'live'")
        assert metric.values.values_list() == [step + 0.5 for step in range(20)]


def test_a_new_run_of_another_process_is_the_newest_at_once(tmp_path, opened, hashes):
    repo = opened()
    with Writer(tmp_path) as first, Writer(tmp_path) as second:
        assert repo.list_all_runs()[:2] == [second.hash, first.hash]
        assert repo.list_active_runs() == [second.hash, first.hash]
        first.end()
        assert repo.list_active_runs() == [second.hash]


def test_nothing_that_a_killed_process_was_told_is_written_is_lost(tmp_path, opened, hashes):
    with Writer(tmp_path) as writer:
        writer.do("[run.track(i, name='loss') for i in range(1000)] and run.set('x', {'a': [1, None]})")
        writer.kill()
    for _ in range(2):
        run = opened().get_run(writer.hash)
        assert run["x"] == {"a": [1, None]}
        assert run.active
        assert run.get_metric("loss").values.values_list() == list(range(1000))
        Indexer(tmp_path).run_once()


def test_a_result_stays_as_it_was_when_it_was_first_asked_for(tmp_path, opened, hashes):
    result = opened().query_runs()
    assert len(result) == 6
    make_run(tmp_path, "a")
    assert len(result) == 6
    assert len(list(result)) == 6
    assert len(opened().query_runs()) == 7


def test_what_an_evaluation_could_not_decide_is_counted_and_the_first_is_told(opened, hashes):
    result = opened().query_runs("1 / run.hparams.lr > 3")
    assert names(result) == "dcb"
    assert result.skipped == 1
    assert result.first_error.startswith(f"run {hashes['a']}: ZeroDivisionError")


def test_two_repositories_in_one_process_know_nothing_of_each_other(tmp_path, kind):
    first, second = (Repo(tmp_path / name, init=True, index=kind != "logs") for name in ("one", "two"))
    make_run(tmp_path / "one", "a")
    assert names(first.iter_runs()) == "a"
    assert names(second.iter_runs()) == ""
    make_run(tmp_path / "two", "b")
    first.delete_run(first.list_all_runs()[0])
    assert names(first.iter_runs()) == ""
    assert names(second.iter_runs()) == "b"


def test_two_repositories_are_asked_by_two_threads_at_once(tmp_path, kind):
    """Interleaved, each while a process writes it: neither ever sees a run of the other."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, name in zip(folders, "ab", strict=True):
        Repo(folder, init=True)
        for _ in range(5):
            make_run(folder, name)
    seen: list[set[str]] = [set(), set()]
    errors = []
    start = threading.Barrier(2)

    def ask(at):
        try:
            start.wait()
            for step in range(20):
                repo = Repo(folders[at], index=kind != "logs")
                found = repo.query_metrics("metric.name == 'loss'")
                seen[at] |= {metric.run.name for metric in found} | set(names(repo.query_runs()))
                repo.get_run(repo.list_all_runs()[0]).add_tag(str(step))
                assert len(repo.query_runs(f"'{step}' in run.tags")) == 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert seen == [{"a"}, {"b"}]


def test_two_openings_of_one_repository_see_the_same(opened, hashes):
    one, other = opened(), opened()
    one.get_run(hashes["a"]).name = "renamed"
    assert other.get_run(hashes["a"]).name == "renamed"
    other.delete_run(hashes["b"])
    assert not one.run_exists(hashes["b"])


def test_a_repo_may_be_asked_again_after_it_was_closed(opened, hashes):
    repo = opened()
    assert len(repo.query_runs()) == 6
    repo.close()
    assert len(repo.query_runs()) == 6


def test_many_writers_and_readers_agree_in_the_end(tmp_path, kind, opened):
    Repo(tmp_path, init=True)
    with Writer(tmp_path) as one, Writer(tmp_path, one.hash) as other:
        repo = opened()
        for step in range(10):
            one.do(f"run.track({step}, name='loss', step={step})")
            other.do(f"run.track({step} + 100, name='loss', step={step})")
            if kind != "logs" and step == 5:
                Indexer(tmp_path).run_once()
        (metric,) = repo.query_metrics("metric.name == 'loss'")
        assert metric.values.indices_list() == sorted([*range(10), *range(10)])
        assert set(metric.values.values_list()) == {*range(10), *range(100, 110)}
        one.end()
        assert repo.get_run(one.hash).active
        other.end()
    wait_until(lambda: repo.get_run(one.hash).status == "finished")


# -- with and without an index --------------------------------------------------------------------------------


def test_the_answers_stay_when_the_index_is_deleted_under_an_open_repo(tmp_path, hashes):
    repo = Repo(tmp_path)
    before = repo.list_all_runs()
    shutil.rmtree(tmp_path / ".runstone" / "index", ignore_errors=True)
    assert repo.list_all_runs() == before
    assert len(repo.query_metrics("metric.last == 2.5")) == 1


def test_the_answers_stay_when_the_index_is_garbage(tmp_path, hashes):
    before = Repo(tmp_path).list_all_runs()
    for path in (tmp_path / ".runstone" / "index").rglob("*"):
        if path.is_file():
            path.unlink()  # a file that somebody has mapped must not be cut: the kernel would kill the reader
            path.write_bytes(b"garbage")
    assert Repo(tmp_path).list_all_runs() == before


def test_an_index_is_made_when_there_is_none(tmp_path):
    make_run(tmp_path, "a")
    assert Repo(tmp_path).explain("").from_index == 1


def test_an_index_far_behind_is_brought_up_to_date(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot, "INDEX_WHEN_FRESH", 2)
    make_run(tmp_path, "a")
    repo = Repo(tmp_path)
    repo.query_runs().hashes()
    make_run(tmp_path, "b")
    assert repo.explain("").from_logs == 1
    make_run(tmp_path, "c")
    make_run(tmp_path, "d")
    how = repo.explain("")
    assert (how.from_index, how.from_logs) == (4, 0)


def test_runs_that_are_being_written_are_read_on_not_indexed_by_each_query(tmp_path, monkeypatch):
    """Such a pass costs many times what reading on does, and there would be one for each query."""
    monkeypatch.setattr(snapshot, "INDEX_WHEN_FRESH", 2)
    monkeypatch.setattr(snapshot, "REST", math.inf)
    runs = [Run(repo=tmp_path, **QUIET) for _ in range(4)]
    repo = Repo(tmp_path)
    passes = 0
    for step in range(5):
        for run in runs:
            run.track(step, name="loss")
        assert len(repo.query_runs(f"run.metrics['loss'].last == {step}").hashes()) == 4
        passes += repo.explain("").from_logs == 0
    assert passes == 2  # the first index, and what is far behind once
    for run in runs:
        run.close()


def test_without_an_index_none_is_made(tmp_path):
    make_run(tmp_path, "a")
    assert Repo(tmp_path, index=False).explain("").from_logs == 1
    assert not (tmp_path / ".runstone" / "index").exists()


def test_the_logs_answer_while_another_process_holds_the_index(tmp_path):
    make_run(tmp_path, "a")
    with Indexer(tmp_path):
        repo = Repo(tmp_path)
        assert names(repo.query_runs()) == "a"
        assert repo.explain("").from_logs == 1


def test_the_logs_answer_when_no_index_can_be_written(tmp_path):
    make_run(tmp_path, "a")
    (tmp_path / ".runstone" / "index").write_text("in the way")
    assert names(Repo(tmp_path).query_runs()) == "a"


def replace(source, target):
    """Copy a file the way that rsync does: the old one stays whole for whoever has it open."""
    shutil.copy2(source, f"{target}.new")
    os.replace(f"{target}.new", target)


def test_a_copy_of_a_repository_answers_like_the_original(tmp_path, kind):
    make_run(tmp_path / "here", "a")
    Repo(tmp_path / "here").query_runs().hashes()
    with Writer(tmp_path / "here") as writer:
        writer.do("run.set('x', 1)")
        shutil.copytree(tmp_path / "here", tmp_path / "there")
        writer.do("run.set('x', 2)")
    copy = Repo(tmp_path / "there", index=kind != "logs")
    assert copy.query_runs("run.x == 1").hashes() == [writer.hash]
    shutil.copytree(tmp_path / "here", tmp_path / "there", dirs_exist_ok=True, copy_function=replace)
    assert copy.query_runs("run.x == 2").hashes() == [writer.hash]
