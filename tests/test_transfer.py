"""Copying and moving runs to another repository: whole or not at all, and the same down to each byte."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, assert_same_answers, hash_of, write_run
from processes import DEADLINE_SECONDS, Writer
from runstone import MissingRunError, ReadOnlyError, Repo, StoreError, UsageError
from runstone_indexer.indexer import Indexer
from runstone_query import transfer
from runstone_query.verify import compare, verify
from runstone_writer.layout import open_repo


@pytest.fixture(params=["index", "logs"])
def repos(request, tmp_path):
    """A repository with three ended runs, and another one with one; both indexed, or neither."""
    for name, numbers in (("a", range(3)), ("b", range(7, 8))):
        layout = open_repo(tmp_path / name, create=True)
        for number in numbers:
            write_run(layout, number)
        if request.param == "index":
            Indexer(layout).run_once()
    return [Repo(tmp_path / name, index=request.param == "index") for name in "ab"]


def logs(repo, run):
    folder = Path(repo.layout.run_folder(run))
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def put_blob(repo, content):
    name = hashlib.sha256(content).hexdigest()
    path = Path(repo.layout.blobs) / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def name_blob(repo, number, name):
    journal = Journal(repo.layout, hash_of(number), 50 + number)
    journal.track({"blob": name}, "images", 0, kind="image")
    journal.end()


def blobs(repo):
    return {path.name: path.read_bytes() for path in Path(repo.layout.blobs).rglob("[!.]*") if path.is_file()}


def test_a_copy_is_the_same_run(repos):
    source, dest = repos
    assert source.copy_runs([hash_of(1), hash_of(2)], dest) == (True, [])
    assert logs(dest, hash_of(1)) == logs(source, hash_of(1)) != {}
    assert dest.list_all_runs() == [hash_of(7), hash_of(2), hash_of(1)]
    assert compare(source.record(hash_of(1)), dest.record(hash_of(1))) == ""
    assert dest.get_run(hash_of(1)).status == "finished"
    assert len(source.list_all_runs()) == 3
    Indexer(dest.layout).run_once()
    assert_same_answers(dest.layout)
    assert verify(dest.layout).clean
    assert not Path(dest.layout.root, "incoming").exists()


def test_a_copy_may_be_made_into_a_path(repos):
    source, dest = repos
    source.copy_run(hash_of(1), dest.path)
    assert dest.run_exists(hash_of(1))


def test_blobs_that_a_run_names_come_along_and_others_do_not(repos):
    source, dest = repos
    one, other, lost = (put_blob(source, content) for content in (b"one", b"other", b"lost"))
    name_blob(source, 1, one)
    name_blob(source, 2, other)
    source.copy_run(hash_of(1), dest)
    assert blobs(dest) == {one: b"one"}
    source.move_run(hash_of(2), dest)
    assert blobs(dest) == {one: b"one", other: b"other"}
    assert set(blobs(source)) == {one, other, lost}
    source.gc(grace=0)
    assert other in blobs(source)  # an hour for blobs, always


def test_a_blob_that_is_not_what_was_written_is_not_copied(repos):
    source, dest = repos
    name = put_blob(source, b"one")
    (Path(source.layout.blobs) / name[:2] / name).write_bytes(b"two")
    name_blob(source, 1, name)
    with pytest.warns(RuntimeWarning, match="a blob is not what was written"):
        assert source.copy_runs([hash_of(1), hash_of(2)], dest) == (False, [hash_of(1)])
    assert not dest.run_exists(hash_of(1))
    assert dest.run_exists(hash_of(2))
    assert blobs(dest) == {}


def test_a_damaged_blob_that_is_there_already_is_replaced_by_the_good_one(repos):
    source, dest = repos
    name = put_blob(source, b"one")
    there = Path(dest.layout.blob_path(name))
    there.parent.mkdir(parents=True)
    there.write_bytes(b"\0\0\0")
    name_blob(source, 1, name)
    source.copy_runs([hash_of(1)], dest)
    assert blobs(dest) == {name: b"one"}


def test_a_moved_run_is_there_and_not_here(repos):
    source, dest = repos
    before = logs(source, hash_of(1))
    assert source.move_runs([hash_of(1)], dest) == (True, [])
    assert logs(dest, hash_of(1)) == before
    assert logs(source, hash_of(1)) == {}
    assert source.list_all_runs() == [hash_of(2), hash_of(0)]
    assert not source.restore_run(hash_of(1))
    assert dest.get_run(hash_of(1)).get_metric("loss").values.tolist() == [1, 1.1, 1.2]
    assert_same_answers(source.layout)
    assert not list(Path(source.layout.live).glob(f"{hash_of(1)}.*"))


def test_a_run_may_be_moved_to_and_fro(repos):
    source, dest = repos
    before = logs(source, hash_of(1))
    for _ in range(2):
        source.move_run(hash_of(1), dest)
        assert (source.run_exists(hash_of(1)), dest.run_exists(hash_of(1))) == (False, True)
        assert hash_of(1) not in source.list_all_runs()
        assert hash_of(1) in dest.list_all_runs()
        dest.move_run(hash_of(1), source)
        assert (source.run_exists(hash_of(1)), dest.run_exists(hash_of(1))) == (True, False)
        assert hash_of(1) in source.list_all_runs()
    assert logs(source, hash_of(1)) == before
    assert_same_answers(source.layout)
    assert_same_answers(dest.layout)


def test_copying_again_brings_the_copy_up_to_date(repos):
    source, dest = repos
    source.copy_run(hash_of(1), dest)
    source.get_run(hash_of(1)).name = "renamed"
    dest.get_run(hash_of(1)).add_tag("there")
    source.copy_run(hash_of(1), dest)
    assert dest.get_run(hash_of(1)).name == "renamed"
    assert dest.get_run(hash_of(1)).tags == ["t1", "there"]
    before = logs(dest, hash_of(1))
    source.copy_run(hash_of(1), dest)
    assert logs(dest, hash_of(1)) == before


def test_a_shorter_log_there_is_made_whole(repos):
    source, dest = repos
    source.copy_run(hash_of(1), dest)
    (path,) = Path(dest.layout.run_folder(hash_of(1))).iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    source.copy_run(hash_of(1), dest)
    assert logs(dest, hash_of(1)) == logs(source, hash_of(1))


def test_a_run_that_was_deleted_there_is_brought_back(repos):
    source, dest = repos
    source.copy_run(hash_of(1), dest)
    dest.delete_run(hash_of(1))
    source.copy_run(hash_of(1), dest)
    assert dest.run_exists(hash_of(1))


def test_another_run_of_that_hash_is_refused(repos):
    source, dest = repos
    write_run(dest.layout, 1, points=5)  # the same writer, and something else
    before = logs(dest, hash_of(1))
    with pytest.raises(UsageError, match=f"another run with the hash {hash_of(1)}\nNothing was changed"):
        source.copy_run(hash_of(1), dest)
    with pytest.raises(UsageError, match="another run"):
        source.move_run(hash_of(1), dest)
    Journal(dest.layout, hash_of(2), 77).track(1.0)  # another writer
    with pytest.raises(UsageError, match="another run"):
        source.copy_run(hash_of(2), dest)
    assert logs(dest, hash_of(1)) == before
    assert source.run_exists(hash_of(1))


def test_a_run_that_is_being_written_is_refused(repos):
    source, dest = repos
    with Writer(source.path) as writer:
        with pytest.warns(RuntimeWarning, match="is being written"):
            assert source.move_runs([writer.hash, hash_of(1)], dest) == (False, [writer.hash])
        assert not dest.run_exists(writer.hash)
        assert dest.run_exists(hash_of(1))
        writer.do("run.track(1, name='loss')")
        writer.end()
        source.move_run(writer.hash, dest)  # at once: it has said that it ends
    assert dest.get_run(writer.hash).get_metric("loss").values.tolist() == [1]


def test_what_cannot_be_is_refused(tmp_path, repos):
    source, dest = repos
    with pytest.raises(MissingRunError):
        source.copy_run("0" * 24, dest)
    with pytest.raises(UsageError, match="the same repository"):
        source.copy_run(hash_of(1), Repo(source.path))
    with pytest.raises(ReadOnlyError, match="into it"):
        source.copy_run(hash_of(1), Repo(dest.path, read_only=True))
    with pytest.raises(ReadOnlyError, match="out of it"):
        Repo(source.path, read_only=True).move_run(hash_of(1), dest)
    with pytest.raises(StoreError):
        source.copy_run(hash_of(1), tmp_path / "nothing")
    Repo(source.path, read_only=True).copy_run(hash_of(1), dest)
    assert dest.run_exists(hash_of(1))


def test_a_change_in_the_middle_of_a_move_leaves_the_run_in_both(repos, monkeypatch):
    source, dest = repos
    copied = transfer._copied

    def edited_then(*arguments):
        folder = copied(*arguments)
        Repo(source.path, index=False).get_run(hash_of(1)).name = "late"
        return folder

    monkeypatch.setattr(transfer, "_copied", edited_then)
    with pytest.raises(UsageError, match="was changed while it was moved\nIt is in both"):
        source.move_run(hash_of(1), dest)
    monkeypatch.undo()
    assert source.get_run(hash_of(1)).name == "late"
    assert dest.get_run(hash_of(1)).name == "number 1"
    source.move_run(hash_of(1), dest)
    assert dest.get_run(hash_of(1)).name == "late"


KILLED = """
import os, signal, sys
from runstone import Repo
count, calls = int(sys.argv[3]), 0
def watched(event, arguments):
    global calls
    changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")
    if changes or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
source, dest = Repo(sys.argv[1], index=False), Repo(sys.argv[2], index=False)
sys.addaudithook(watched)
source.move_run("run0001", dest)
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("repos", ["logs"], indirect=True)
def test_a_kill_at_any_step_of_a_move_loses_nothing(tmp_path, repos):
    """Killed before each change of the file system in turn, then moved again."""
    source = repos[0]
    name_blob(source, 1, put_blob(source, b"one"))
    whole = logs(source, hash_of(1))
    for count in range(200):
        places = [tmp_path / f"{count}-{name}" for name in "ab"]
        for repo, place in zip(repos, places, strict=True):
            shutil.copytree(repo.path, place)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, *places, str(count)],
            capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False,
        )  # fmt: skip
        here, there = (Repo(place, index=False) for place in places)
        assert there.list_all_runs() in ([hash_of(7)], [hash_of(7), hash_of(1)])
        assert here.run_exists(hash_of(1)) or there.run_exists(hash_of(1)) or here.restore_run(hash_of(1))
        if there.run_exists(hash_of(1)):
            assert logs(there, hash_of(1)) == whole
            assert there.get_run(hash_of(1)).get_metric("loss").values.tolist() == [1, 1.1, 1.2]
        if done.stdout == "done\n":
            assert not here.run_exists(hash_of(1))
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        for hint in Path(here.layout.live).glob("run0001.*"):
            os.utime(hint, (0, 0))  # as if half a minute had passed since the kill
        if here.run_exists(hash_of(1)):
            here.move_run(hash_of(1), there)
            assert there.run_exists(hash_of(1))
            assert set(whole.items()) <= set(logs(there, hash_of(1)).items())
            assert blobs(there) == blobs(source)
        shutil.rmtree(places[0])
        shutil.rmtree(places[1])
    assert count > 10
