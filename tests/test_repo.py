"""`Repo`: complete answers, whatever the index knows, whoever is writing, whatever was killed."""

import math
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer, wait_until, without_write_permission
from runstone import (
    FormatVersionError,
    MissingRepoError,
    MissingRunError,
    QueryError,
    ReadOnlyError,
    Repo,
    Run,
    StoreError,
    UsageError,
    ValueTypeError,
)
from runstone_indexer.indexer import Indexer
from runstone_query import snapshot
from runstone_writer.layout import Layout

NAMES = "abcdef"  # oldest first
KINDS = ("index", "logs", "half")


def make_run(path, name, *, close=True):
    run = Run(repo=path, experiment="even" if NAMES.index(name) % 2 == 0 else "odd", **QUIET)
    run.name = name
    run["hparams"] = {"lr": NAMES.index(name) / 10, "layers": [1, 2], "opt": {"name": "adam"}}
    for step in range(3):
        run.track(step + NAMES.index(name) / 10, name="loss", context={"subset": "train"})
    run.track(1, name="epoch")
    if close:
        run.close()
    return run


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
    made = {}
    for count, name in enumerate(NAMES):
        made[name] = make_run(tmp_path, name).hash
        if kind == "half" and count == len(NAMES) // 2:
            Indexer(tmp_path).run_once()
    if kind == "index":
        Indexer(tmp_path).run_once()
    return made


def names(runs):
    return "".join(run.name for run in runs)


def replace(source, target):
    """Copy a file the way that rsync does: the old one stays whole for whoever has it open."""
    shutil.copy2(source, f"{target}.new")
    os.replace(f"{target}.new", target)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


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


# -- archived, deleted ----------------------------------------------------------------------------------------


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


# -- opening --------------------------------------------------------------------------------------------------


def test_a_path_is_the_folder_or_what_is_in_it(tmp_path, monkeypatch):
    Repo(tmp_path, init=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    for path in (tmp_path, str(tmp_path), tmp_path / ".runstone", f"~/{tmp_path.name}", ".", None):
        assert Repo(path).path == str(tmp_path)
    assert Repo(Layout(str(tmp_path / ".runstone"))).path == str(tmp_path)


def test_from_path_makes_a_repository_when_asked_to(tmp_path):
    with pytest.raises(MissingRepoError):
        Repo.from_path(tmp_path / "new")
    assert not Repo.exists(tmp_path / "new")
    assert Repo.from_path(tmp_path / "new", init=True).list_all_runs() == []
    assert Repo.exists(tmp_path / "new")
    make_run(tmp_path / "new", "a")
    assert names(Repo.from_path(str(tmp_path / "new"), init=True).iter_runs()) == "a"


def test_the_default_repository_is_the_nearest_one_upwards(tmp_path, monkeypatch):
    Repo(tmp_path, init=True)
    Repo(tmp_path / "a" / "b", init=True)
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    for folder, found in (("a/b/c/d", "a/b"), ("a/b", "a/b"), ("a", "."), (".", ".")):
        monkeypatch.chdir(tmp_path / folder)
        assert Repo.default_repo().path == str((tmp_path / found).resolve())


def test_without_a_default_repository_the_error_says_where_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingRepoError) as raised:
        Repo.default_repo()
    assert str(tmp_path) in str(raised.value)
    assert "runstone init" in raised.value.hint
    assert Repo.default_repo(init=True).path == str(tmp_path)


def test_a_missing_repository_is_told_with_place_and_remedy(tmp_path):
    with pytest.raises(MissingRepoError) as raised:
        Repo(tmp_path / "nowhere")
    assert isinstance(raised.value, OSError)
    assert raised.value.filename == str(tmp_path / "nowhere" / ".runstone")
    assert str(tmp_path / "nowhere") in str(raised.value)
    assert "runstone init" in raised.value.hint
    assert not (tmp_path / "nowhere").exists()


def test_a_newer_repository_is_refused_and_left_alone(tmp_path):
    Repo(tmp_path, init=True)
    version = tmp_path / ".runstone" / "format.json"
    version.write_text('{"format": 99}')
    before = files(tmp_path)
    for opening in (lambda: Repo(tmp_path), lambda: Repo(tmp_path, init=True), lambda: Run(repo=tmp_path)):
        with pytest.raises(FormatVersionError) as raised:
            opening()
        assert "99" in str(raised.value)
        assert raised.value.filename == str(version)
        assert "pip install --upgrade" in raised.value.hint
    assert files(tmp_path) == before


@pytest.mark.parametrize("content", ["", "garbage", "[]", '{"other": 1}'])
def test_a_damaged_format_file_is_told_with_its_remedy(tmp_path, content):
    Repo(tmp_path, init=True)
    (tmp_path / ".runstone" / "format.json").write_text(content)
    with pytest.raises(StoreError) as raised:
        Repo(tmp_path)
    assert str(tmp_path / ".runstone" / "format.json") in str(raised.value)
    assert '{"format":' in raised.value.hint


def test_rm_deletes_the_repository_and_nothing_else(tmp_path):
    make_run(tmp_path, "a")
    (tmp_path / "mine").write_text("kept")
    Repo.rm(tmp_path)
    assert os.listdir(tmp_path) == ["mine"]
    with pytest.raises(MissingRepoError):
        Repo.rm(tmp_path)


# -- read-only ------------------------------------------------------------------------------------------------


def test_a_repo_opened_read_only_answers_and_writes_nothing(tmp_path, hashes):
    before = files(tmp_path)
    repo = Repo(tmp_path, read_only=True)
    assert names(repo.query_runs("run.hparams.lr > 0.2")) == "fed"
    assert [run.status for run in repo.iter_runs()] == ["finished"] * 6
    assert len(repo.query_metrics()) == 12
    assert files(tmp_path) == before


def test_a_repo_opened_read_only_refuses_every_change(tmp_path, hashes):
    repo = Repo(tmp_path, read_only=True)
    before = files(tmp_path)
    run = repo.get_run(hashes["a"])
    for change in (
        lambda: repo.delete_run(hashes["a"]),
        lambda: repo.restore_run(hashes["a"]),
        lambda: setattr(run, "name", "x"),
        lambda: setattr(run, "archived", True),
        lambda: run.add_tag("x"),
    ):
        with pytest.raises(ReadOnlyError, match="read-only"):
            change()
    assert files(tmp_path) == before


READ_ONLY_MEDIUM = """
import sys
from runstone import Repo, StoreError
folder = sys.argv[1]
try:
    open(folder + "/probe", "w")
except PermissionError:
    print("nothing can be written")
repo = Repo(folder)
print("".join(run.name for run in repo.query_runs("run.hparams.lr > 0.2")))
print(*(run.status for run in repo.iter_runs()))
try:
    repo.get_run(repo.list_all_runs()[0]).name = "changed"
except StoreError as error:
    print(error.hint)
print(repo.get_run(repo.list_all_runs()[0]).name)
"""


def test_a_repository_on_a_read_only_medium_answers_and_says_why_it_cannot_be_changed(tmp_path, hashes):
    done = without_write_permission(tmp_path, READ_ONLY_MEDIUM)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "nothing can be written",
        "fed",
        " ".join(["finished"] * 6),
        "Nothing was changed. Look for a full disk or missing permissions.",
        "f",
    ]


def test_an_edit_that_the_storage_refuses_changes_nothing_and_is_told(tmp_path):
    run_hash = make_run(tmp_path, "a").hash
    repo = Repo(tmp_path, index=False)
    shutil.rmtree(tmp_path / ".runstone" / "live")
    (tmp_path / ".runstone" / "live").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the change"):
        repo.get_run(run_hash).name = "b"
    assert repo.get_run(run_hash).name == "a"


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


@pytest.mark.parametrize("call", ["delete_runs", "restore_runs", "copy_runs", "move_runs"])
def test_a_hash_is_not_taken_for_a_list_of_letters(tmp_path, call):
    run_hash = make_run(tmp_path / "repo", "a").hash
    repo, dest = Repo(tmp_path / "repo", index=False), Repo(tmp_path / "dest", init=True)
    more = (dest,) if call in ("copy_runs", "move_runs") else ()
    with pytest.raises(ValueTypeError, match="come as a list"):
        getattr(repo, call)(run_hash, *more)
    assert repo.list_all_runs() == [run_hash]
