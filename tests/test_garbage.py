"""`Repo.gc`: what goes, what stays, and what a kill in the middle leaves."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import EPOCH_MS, Journal, assert_same_answers, hash_of, write_run
from processes import DEADLINE_SECONDS, QUIET, Writer
from runstone import ReadOnlyError, Repo, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_query import garbage
from runstone_query.trash import Trash
from runstone_query.verify import verify
from runstone_writer.layout import open_repo

DAY = 86400


@pytest.fixture(params=["index", "logs"])
def repo(request, tmp_path):
    """Three ended runs; with an index that has them, or without any."""
    layout = open_repo(tmp_path, create=True)
    for number in range(3):
        write_run(layout, number)
    repo = Repo(tmp_path, index=request.param == "index")
    if request.param == "index":
        Indexer(tmp_path).run_once()
    return repo


def folder(repo, run):
    return Path(repo.layout.run_folder(run))


def put_blob(repo, content, age=30 * DAY):
    """Put a blob in place that was last touched so many seconds ago; return its name."""
    name = hashlib.sha256(content).hexdigest()
    path = Path(repo.layout.blobs) / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age,) * 2)
    return name


def blobs(repo):
    return sorted(path.name for path in Path(repo.layout.blobs).rglob("*") if path.is_file())


def delete_long_ago(repo, run):
    """As if somebody had deleted the run when it was made, in November 2026."""
    journal = Journal(repo.layout, run, 900 + int(run[3:]), kind="edit")
    journal.delete()
    journal.end()
    os.utime(journal.hint, (0, 0))
    for path in folder(repo, run).iterdir():
        os.utime(path, (EPOCH_MS / 1000, EPOCH_MS / 1000))


# -- runs -----------------------------------------------------------------------------------------------------


def test_a_run_that_was_deleted_goes_and_the_others_stay(repo):
    size = sum(path.stat().st_size for path in folder(repo, hash_of(1)).iterdir())
    repo.delete_run(hash_of(1))
    done = repo.gc(grace=0)
    assert done.runs == [hash_of(1)]
    assert done.run_bytes > size
    assert done.bytes == done.run_bytes
    assert not folder(repo, hash_of(1)).exists()
    assert repo.list_all_runs() == [hash_of(2), hash_of(0)]
    assert not repo.restore_run(hash_of(1))
    assert repo.gc(grace=0).runs == []
    assert_same_answers(repo.layout)
    assert not (Path(repo.layout.root) / "trash").exists()
    assert not list(Path(repo.layout.live).glob(f"{hash_of(1)}.*"))


def test_a_deletion_is_given_a_week(repo):
    repo.delete_run(hash_of(1))
    done = repo.gc()
    assert done.runs == []
    assert "0.0 days ago" in done.kept[hash_of(1)]
    assert repo.gc(grace=timedelta(hours=1)).runs == []
    assert repo.restore_run(hash_of(1))
    assert repo.gc(grace=0).runs == []
    assert len(repo.list_all_runs()) == 3


@pytest.mark.skipif(time.time() < EPOCH_MS / 1000 + 2000, reason="the clock stands before the runs were made")
def test_what_was_deleted_long_ago_goes_without_a_word(repo):
    delete_long_ago(repo, hash_of(1))
    assert repo.gc(grace=1).runs == [hash_of(1)]


def test_a_deletion_by_a_host_with_a_slow_clock_is_given_its_time(repo):
    journal = Journal(repo.layout, hash_of(1), 901, kind="edit")  # by which it was deleted long ago
    journal.delete()
    journal.end()
    os.utime(journal.hint, (0, 0))
    assert repo.gc(grace=3600).runs == []
    assert "0.0 days ago" in repo.gc(grace=3600).kept[hash_of(1)]
    assert repo.gc(grace=0).runs == [hash_of(1)]


def test_a_run_that_was_written_after_its_deletion_is_young(tmp_path, repo):
    repo.delete_run(hash_of(1))
    with pytest.warns(RuntimeWarning, match="was deleted"), Run(hash_of(1), repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="late")
    done = repo.gc(grace=3600)
    assert done.runs == []
    assert list(done.kept) == [hash_of(1)]


def test_a_run_that_is_being_written_stays(tmp_path, repo):
    with Writer(tmp_path) as writer:
        repo.delete_run(writer.hash)
        done = repo.gc(grace=0)
        assert done.runs == []
        assert done.kept == {writer.hash: "it is being written"}
        writer.do("run.track(1, name='loss')")
        assert repo.restore_run(writer.hash)
        assert repo.get_run(writer.hash).get_metric("loss").values.tolist() == [1]


def test_a_run_with_a_damaged_log_stays(repo):
    repo.delete_run(hash_of(1))
    log = next(path for path in folder(repo, hash_of(1)).iterdir() if b'"kind":"run"' in path.read_bytes())
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    assert "damaged" in repo.gc(grace=0).kept[hash_of(1)]


def test_a_dry_run_says_the_same_and_changes_nothing(repo):
    repo.delete_run(hash_of(1))
    lost = put_blob(repo, b"lost")
    Path(repo.layout.log_path(hash_of(0), ".temporary")).write_bytes(b"12345")
    os.utime(repo.layout.log_path(hash_of(0), ".temporary"), (0, 0))
    before = {path: path.read_bytes() for path in Path(repo.layout.logs).rglob("*") if path.is_file()}
    said = repo.gc(grace=0, dry_run=True)
    assert said.dry_run
    assert (said.runs, said.blobs, said.leftovers) == ([hash_of(1)], 1, 1)
    assert {path: path.read_bytes() for path in Path(repo.layout.logs).rglob("*") if path.is_file()} == before
    assert blobs(repo) == [lost]
    done = repo.gc(grace=0)
    said.dry_run = False
    assert done == said


def test_a_repository_that_may_not_be_changed_can_be_asked(tmp_path, repo):
    repo.delete_run(hash_of(1))
    read_only = Repo(tmp_path, read_only=True)
    with pytest.raises(ReadOnlyError):
        read_only.gc()
    assert read_only.gc(grace=0, dry_run=True).runs == [hash_of(1)]


@pytest.mark.parametrize("grace", [-1, float("nan"), timedelta(days=-1)])
def test_grace_is_no_time_that_there_cannot_be(repo, grace):
    with pytest.raises(UsageError, match="grace"):
        repo.gc(grace=grace)


def test_an_index_that_has_not_heard_of_the_deletion_does_not_bring_the_run_back(tmp_path, repo):
    repo.delete_run(hash_of(1))
    with Indexer(tmp_path):  # somebody else holds the index: gc cannot make it forget
        assert repo.gc(grace=0).runs == [hash_of(1)]
        assert Repo(tmp_path).list_all_runs() == [hash_of(2), hash_of(0)]
        assert Repo(tmp_path).get_run(hash_of(1)) is None
    Indexer(tmp_path).run_once()
    assert Repo(tmp_path).list_all_runs() == [hash_of(2), hash_of(0)]
    assert_same_answers(repo.layout)


def test_an_edit_that_comes_while_a_run_is_looked_at_keeps_it(repo, monkeypatch):
    """Restored between the look at the logs and the removal."""
    repo.delete_run(hash_of(1))
    take = Trash._take

    def restored_first(self, run):
        Repo(repo.path, index=False).restore_run(run)
        return take(self, run)

    monkeypatch.setattr(Trash, "_take", restored_first)
    done = repo.gc(grace=0)
    assert done.runs == []
    assert done.kept == {hash_of(1): "it was changed a moment ago"}
    assert repo.list_all_runs() == [hash_of(2), hash_of(1), hash_of(0)]
    assert repo.get_run(hash_of(1)).get_metric("loss").values.tolist() == [1, 1.1, 1.2]


# -- blobs ----------------------------------------------------------------------------------------------------


def test_blobs_that_no_log_names_go(repo):
    named, lost, young = put_blob(repo, b"named"), put_blob(repo, b"lost"), put_blob(repo, b"young", age=10)
    only_there = put_blob(repo, b"of a run that is deleted")
    journal = Journal(repo.layout, hash_of(0), 10)
    journal.track({"blob": named, "size": 5}, "images", 0, kind="image")
    journal = Journal(repo.layout, hash_of(1), 11)
    journal.track({"blob": only_there}, "images", 0, kind="image")
    journal.end()
    repo.delete_run(hash_of(1))
    assert repo.gc(grace=14 * DAY).blobs == 1
    assert blobs(repo) == sorted([named, young, only_there])
    assert lost not in blobs(repo)
    done = repo.gc(grace=0)
    assert (done.blobs, done.blob_bytes) == (1, len(b"of a run that is deleted"))
    assert blobs(repo) == sorted([named, young])


def test_a_name_across_the_pieces_that_a_log_is_read_in_is_found(repo, monkeypatch):
    monkeypatch.setattr("runstone_query.blobs.PIECE", 50)
    named = [put_blob(repo, b"%d" % number) for number in range(20)]
    journal = Journal(repo.layout, hash_of(0), 10)
    for step, name in enumerate(named):
        journal.track({"blob": name}, "images", step, kind="image")
    assert repo.gc(grace=0).blobs == 0
    assert blobs(repo) == sorted(named)


def test_a_blob_that_is_named_in_a_damaged_line_stays(repo):
    name = put_blob(repo, b"x")
    journal = Journal(repo.layout, hash_of(0), 10)
    journal.track({"blob": name}, "images", 0, kind="image")
    journal.flip(1)
    assert repo.gc(grace=0).blobs == 0


def test_every_blob_stays_when_a_log_cannot_be_read(repo):
    put_blob(repo, b"x")
    place = Path(repo.layout.log_path(hash_of(0), "19a0b5c1d2e-00c0ffee0001.jsonl"))
    place.mkdir()
    done = repo.gc(grace=0)
    assert done.blobs == 0
    assert done.unreadable
    place.rmdir()
    assert repo.gc(grace=0).blobs == 1


def test_a_blob_that_somebody_has_just_found_there_stays(repo, monkeypatch):
    name = put_blob(repo, b"x")
    named = garbage._Collection._named

    def found_meanwhile(self, *arguments):
        os.utime(Path(repo.layout.blobs) / name[:2] / name)
        return named(self, *arguments)

    monkeypatch.setattr(garbage._Collection, "_named", found_meanwhile)
    assert repo.gc(grace=0).blobs == 0
    assert blobs(repo) == [name]


def test_prune_leaves_deleted_runs_alone(repo):
    repo.delete_run(hash_of(1))
    put_blob(repo, b"x")
    repo.prune()
    assert blobs(repo) == []
    assert repo.restore_run(hash_of(1))


# -- leftovers ------------------------------------------------------------------------------------------------


def test_temporary_files_go_after_a_day_and_nothing_else_does(repo):
    old = [".x.jsonl.Ab3dEf", ".partial"]
    kept = ["notes.txt", ".nfs000001", ".young"]
    for name in (*old, *kept):
        path = Path(repo.layout.log_path(hash_of(0), name))
        path.write_bytes(b"123")
        if name != ".young":
            os.utime(path, (0, 0))
    copy = Path(repo.layout.root, "incoming", "abcd")
    copy.mkdir(parents=True)
    (copy / "log").write_bytes(b"12")
    os.utime(copy, (0, 0))
    temporary = Path(repo.layout.root, "format.json.1.abcd.tmp")
    temporary.write_bytes(b"1")
    os.utime(temporary, (0, 0))
    partial = Path(repo.layout.blobs, "ab", "ab12.77-cd.partial")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"1234")
    os.utime(partial, (0, 0))
    done = repo.gc()
    assert (done.leftovers, done.leftover_bytes) == (5, 13)
    there = {path.name for path in folder(repo, hash_of(0)).iterdir() if not path.name.endswith(".jsonl")}
    assert there == set(kept)
    assert not copy.parent.exists()
    assert len(repo.list_all_runs()) == 3


# -- kills ----------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from runstone import Repo
count, calls = int(sys.argv[2]), 0
def watched(event, arguments):
    global calls
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"):
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
repo = Repo(sys.argv[1], index=False)
repo.list_all_runs()
sys.addaudithook(watched)
repo.gc(grace=0)
print("done")
"""


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_a_repository_that_answers_rightly(tmp_path):
    """Killed before each change of the file system in turn."""
    layout = open_repo(tmp_path / "first", create=True)
    for number in range(3):
        write_run(layout, number)
    first = Repo(tmp_path / "first", index=False)
    keep = put_blob(first, b"keep")
    put_blob(first, b"lost")
    Journal(layout, hash_of(0), 10).track({"blob": keep}, "images", 0, kind="image")
    first.delete_run(hash_of(1))
    for count in range(100):
        path = tmp_path / str(count)
        shutil.copytree(tmp_path / "first", path)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, path, str(count)],
            capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False,
        )  # fmt: skip
        repo = Repo(path, index=False)
        assert repo.list_all_runs() == [hash_of(2), hash_of(0)]
        assert repo.get_run(hash_of(1)) is None
        repo.gc(grace=0)
        assert not folder(repo, hash_of(1)).exists()
        assert blobs(repo) == [keep]
        assert not Path(repo.layout.root, "trash").exists()
        if done.stdout == "done\n":
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert count > 8


def test_a_kill_after_a_run_was_taken_from_a_copy_does_not_bring_it_back(tmp_path, repo, monkeypatch):
    """Its index has not heard of the deletion, and a copy may come without live/: then gc leaves a hint itself."""
    repo.delete_run(hash_of(1))
    shutil.copytree(
        tmp_path / ".runstone", tmp_path / "copy/.runstone", ignore=shutil.ignore_patterns("run0*.*")
    )
    uses_index = os.path.isdir(repo.layout.index)
    copy = Repo(tmp_path / "copy", index=uses_index)

    def killed(self, entry):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trash, "_doom", killed)
    with pytest.raises(KeyboardInterrupt):
        copy.gc(grace=0)
    monkeypatch.undo()
    found = Repo(tmp_path / "copy", index=uses_index)
    assert found.list_all_runs() == [hash_of(2), hash_of(0)]
    assert found.get_run(hash_of(1)) is None
    verdict = verify(copy.layout)
    assert verdict.clean
    assert verdict.unfinished
    found.gc(grace=0)
    assert found.list_all_runs() == [hash_of(2), hash_of(0)]
    assert not any(name.startswith(hash_of(1)) for name in os.listdir(copy.layout.live))
    assert verify(copy.layout).unfinished == []


def test_what_was_only_taken_goes_back_to_where_it_was(repo):
    """Killed before it was certain that the deletion stood; meanwhile somebody restored the run."""
    repo.delete_run(hash_of(1))
    entry = Trash(repo.layout)._take(hash_of(1))
    assert entry is not None
    journal = Journal(repo.layout, hash_of(1), 999, kind="edit")
    journal._dt = int(time.time() * 1e6) - EPOCH_MS * 1000
    journal.delete(on=False)
    assert repo.gc(grace=0).runs == []
    assert repo.run_exists(hash_of(1))
    assert repo.get_run(hash_of(1)).get_metric("loss").values.tolist() == [1, 1.1, 1.2]
