"""`Repo.backup`: a second repository that grows by what is new, taken while runs are being written."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, Scribe, hash_of, write_run
from processes import DEADLINE_SECONDS, Writer, without_write_permission
from runstone import Repo, UsageError
from runstone_indexer.indexer import Indexer
from runstone_query import backup
from runstone_query.verify import compare, verify
from runstone_writer.layout import open_repo


@pytest.fixture
def repo(tmp_path):
    layout = open_repo(tmp_path / "repo", create=True)
    for number in range(3):
        write_run(layout, number, points=20)
    return Repo(tmp_path / "repo")


def put_blob(repo, content):
    name = hashlib.sha256(content).hexdigest()
    path = Path(repo.layout.blobs) / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def logs(repo):
    return {
        str(path.relative_to(repo.layout.logs)): path.read_bytes()
        for path in Path(repo.layout.logs).rglob("*") if path.is_file()
    }  # fmt: skip


def assert_same(one, other):
    assert one.list_all_runs() == other.list_all_runs()
    for run in one.list_all_runs():
        assert compare(one.record(run), other.record(run)) == ""


def test_a_backup_is_a_repository_with_the_same_answers(tmp_path, repo):
    put_blob(repo, b"blob")
    repo.query_runs().hashes()  # makes an index, which is not copied
    done = repo.backup(tmp_path / "copy")
    copy = Repo(tmp_path / "copy")
    assert (done.path, done.runs, done.logs, done.blobs, done.problems) == (copy.path, 3, 3, 1, [])
    assert done.log_bytes == sum(map(len, logs(repo).values()))
    assert done.blob_bytes == 4
    assert not Path(copy.layout.index).exists()
    assert logs(copy) == logs(repo)
    assert_same(repo, copy)
    assert verify(copy.layout).clean
    assert [run.status for run in copy.iter_runs()] == ["finished"] * 3


def test_only_what_is_new_is_copied(tmp_path, repo):
    journal = Journal(repo.layout, hash_of(1), 20)
    journal.track(1.0, "new")
    repo.backup(tmp_path / "copy")
    copy = Repo(tmp_path / "copy")
    assert len(copy.query_metrics("metric.name == 'new'")) == 1  # its index has all of it
    assert repo.backup(tmp_path / "copy").logs == 0
    before = len(Path(journal.path).read_bytes())
    journal.track(2.0, "new", 1)
    done = repo.backup(tmp_path / "copy")
    assert (done.logs, done.log_bytes) == (1, len(Path(journal.path).read_bytes()) - before)
    (metric,) = copy.query_metrics("metric.name == 'new' and metric.last == 2")
    assert metric.values.tolist() == [1.0, 2.0]
    assert_same(repo, Repo(tmp_path / "copy"))


def test_a_line_that_is_being_written_is_left_for_the_next_time(tmp_path, repo):
    journal = Journal(repo.layout, hash_of(1), 20)
    journal.track(1.0)
    whole = Path(journal.path).read_bytes()
    journal.raw(b"[0,1,2.0,30")
    repo.backup(tmp_path / "copy")
    copied = Path(tmp_path / "copy" / ".runstone" / "logs" / Path(journal.path).relative_to(repo.layout.logs))
    assert copied.read_bytes() == whole
    Path(journal.path).write_bytes(whole)
    journal.track(3.0, step=1)
    repo.backup(tmp_path / "copy")
    assert copied.read_bytes() == Path(journal.path).read_bytes()


def test_what_a_kill_left_half_is_made_whole(tmp_path, repo):
    repo.backup(tmp_path / "copy")
    copy = Repo(tmp_path / "copy")
    whole = logs(copy)
    for cut, name in enumerate(whole):
        (Path(copy.layout.logs) / name).write_bytes(whole[name][: -1 - 60 * cut])
    done = repo.backup(tmp_path / "copy")
    assert done.problems == []
    assert logs(copy) == whole


def test_another_log_in_the_backup_is_left_alone_and_told(tmp_path, repo):
    repo.backup(tmp_path / "copy")
    copy = Repo(tmp_path / "copy")
    (name, *_) = before = logs(copy)
    (Path(copy.layout.logs) / name).write_bytes(before[name][:-40] + b'0000,"crc":1}\n')
    Journal(repo.layout, hash_of(0), 30).track(1.0)
    done = repo.backup(tmp_path / "copy")
    assert [problem.reason.partition(":")[0] for problem in done.problems] == [
        "the backup has another log of this name"
    ]
    assert done.logs == 1
    assert logs(copy)[name] != before[name]
    (Path(copy.layout.logs) / name).unlink()
    assert repo.backup(tmp_path / "copy").problems == []
    assert logs(copy) == logs(repo)


def test_damage_in_the_original_is_copied_and_told(tmp_path, repo):
    path = Path(repo.layout.logs) / next(iter(logs(repo)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = repo.backup(tmp_path / "copy")
    assert [problem.reason for problem in done.problems] == ["damaged lines, as in the original"]
    assert logs(Repo(tmp_path / "copy")) == logs(repo)
    assert repo.backup(tmp_path / "copy").problems == []


def test_a_blob_that_is_not_what_was_written_is_told(tmp_path, repo):
    put_blob(repo, b"blob").write_bytes(b"blub")
    good = put_blob(repo, b"good")
    done = repo.backup(tmp_path / "copy")
    assert [problem.reason.partition(" in ")[0] for problem in done.problems] == [
        "a blob is not what was written"
    ]
    there = [path.name for path in (tmp_path / "copy/.runstone/blobs").rglob("*") if path.is_file()]
    assert there == [good.name]


def test_what_was_removed_stays_in_the_backup(tmp_path, repo):
    repo.delete_run(hash_of(1))
    repo.backup(tmp_path / "copy")
    repo.gc(grace=0)
    assert repo.backup(tmp_path / "copy").runs == 3
    copy = Repo(tmp_path / "copy")
    assert not copy.run_exists(hash_of(1))
    assert copy.restore_run(hash_of(1))


def test_a_place_inside_of_the_repository_is_refused(tmp_path, repo):
    for place in (repo.path, repo.layout.root, Path(repo.layout.root) / "logs"):
        with pytest.raises(UsageError, match="where the repository itself is"):
            repo.backup(place)


def test_a_repository_with_other_runs_alone_is_refused_and_stays_as_it_is(tmp_path, repo):
    other = open_repo(tmp_path / "other", create=True)
    write_run(other, 77, points=5)
    before = logs(Repo(tmp_path / "other"))
    with pytest.raises(UsageError, match="none of them is one of these 3") as caught:
        repo.backup(tmp_path / "other")
    assert "earlier backup" in caught.value.hint
    assert logs(Repo(tmp_path / "other")) == before
    for path in Path(repo.layout.logs).iterdir():
        shutil.rmtree(path)
    assert Repo(repo.path).backup(tmp_path / "other").runs == 1  # there is nothing to be mixed up


def test_a_backup_of_a_medium_that_cannot_be_written(tmp_path, repo):
    script = f"import sys; from runstone import Repo; print(Repo(sys.argv[1]).backup({str(tmp_path / 'copy')!r}).runs)"
    done = without_write_permission(Path(repo.path), script)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_a_backup_that_is_taken_while_a_process_writes_has_all_that_was_acknowledged(tmp_path, repo):
    with Writer(repo.path) as writer:
        for step in range(5):
            writer.do(f"run.track({step}, name='live')")
            assert repo.backup(tmp_path / "copy").problems == []
            copy = Repo(tmp_path / "copy")
            assert copy.get_run(writer.hash).get_metric("live").values.tolist() == list(range(step + 1))
            assert copy.get_run(writer.hash).status == "crashed"  # nobody writes the copy
            if step == 2:
                Indexer(tmp_path / "copy").run_once()


def test_the_backup_of_anything_has_everything(tmp_path):
    layout = open_repo(tmp_path / "repo", create=True)
    scribe, repo = Scribe(layout, 3), Repo(tmp_path / "repo", index=False)
    for _ in range(6):
        scribe.act(60)
        assert repo.backup(tmp_path / "copy").problems == []
        assert_same(repo, Repo(tmp_path / "copy"))
        assert logs(Repo(tmp_path / "copy")) == logs(repo)


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7, 20])
def test_the_end_of_the_last_line_is_found_in_small_pieces(tmp_path, monkeypatch, size):
    monkeypatch.setattr(backup, "PIECE", 3)
    data = b"ab\ncd\nefghijklmnopqrstuvw\n"
    (tmp_path / "file").write_bytes(data)
    assert backup.last_line_end(tmp_path / "file", size) == data[:size].rfind(b"\n") + 1


def test_lines_are_verified_from_any_of_them_on(tmp_path, repo):
    (path, *_) = (Path(repo.layout.logs) / name for name in logs(repo))
    data = path.read_bytes()
    places = [0] + [at + 1 for at, byte in enumerate(data) if byte == 10]
    assert all(backup.intact(path, start, len(data)) for start in places)
    bad = bytearray(data)
    bad[places[3] + 5] ^= 1
    path.write_bytes(bad)
    assert [backup.intact(path, start, len(data)) for start in places[:3]] == [False] * 3
    assert backup.intact(path, places[5], len(data))


KILLED = """
import os, signal, sys
from runstone import Repo
count, calls = int(sys.argv[3]), 0
def watched(event, arguments):
    global calls
    changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
    if changes or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
sys.addaudithook(watched)
Repo(sys.argv[1], index=False).backup(sys.argv[2])
print("done")
"""


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_a_backup_that_the_next_one_completes(tmp_path, repo):
    blob = put_blob(repo, b"blob")
    for count in range(100):
        place = tmp_path / str(count)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, repo.path, place, str(count)],
            capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False,
        )  # fmt: skip
        if Repo.exists(place):
            assert set(Repo(place, index=False).list_all_runs()) <= {hash_of(0), hash_of(1), hash_of(2)}
        assert repo.backup(place).problems == []
        assert_same(repo, Repo(place, index=False))
        assert (place / ".runstone" / "blobs" / blob.parent.name / blob.name).read_bytes() == b"blob"
        if done.stdout == "done\n":
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert count > 8


def test_rsync_does_too(tmp_path, repo):
    """A plain copy of the folder, without the index, is a repository (as rsync would make it)."""
    Repo(repo.path).query_runs().hashes()
    copy = ["cp", "-r", repo.path, str(tmp_path / "copy")]
    subprocess.run(copy, check=True)
    assert_same(repo, Repo(tmp_path / "copy"))
    assert os.path.isdir(tmp_path / "copy" / ".runstone" / "index")


@pytest.mark.parametrize("hole", [(2000, 3000), (2000, None)])
def test_a_power_cut_in_the_middle_of_a_backup_leaves_no_hole(tmp_path, repo, monkeypatch, hole):
    """Pages reach the disk in any order: the last line may be there, and what stands before it not."""
    journal = Journal(repo.layout, hash_of(1), 20)
    journal.track(0)
    repo.backup(tmp_path / "copy")
    for step in range(100):
        journal.track(step, step=step)

    def cut(*_):
        raise OSError(5, "the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(backup, "write_whole", lambda path, data: Path(path).touch())
        patch.setattr(backup, "sync_folder", cut)
        with pytest.raises(OSError, match="power"):
            repo.backup(tmp_path / "copy")
    copied = Path(tmp_path / "copy" / ".runstone" / "logs" / Path(journal.path).relative_to(repo.layout.logs))
    data = copied.read_bytes()
    start, end = hole[0], hole[1] or len(data)
    copied.write_bytes(data[:start] + bytes(end - start) + data[end:])
    done = repo.backup(tmp_path / "copy")
    assert done.problems == []
    assert copied.read_bytes() == Path(journal.path).read_bytes()
    assert not (tmp_path / "copy" / ".runstone" / backup.UNFINISHED).exists()


def test_a_good_copy_is_not_replaced_by_a_damaged_original_after_a_power_cut(tmp_path, repo):
    journal = Journal(repo.layout, hash_of(1), 20)
    for step in range(10):
        journal.track(step, step=step)
    repo.backup(tmp_path / "copy")
    whole = Path(journal.path).read_bytes()
    journal.flip(3)
    (tmp_path / "copy" / ".runstone" / backup.UNFINISHED).touch()
    repo.backup(tmp_path / "copy")
    copied = Path(tmp_path / "copy" / ".runstone" / "logs" / Path(journal.path).relative_to(repo.layout.logs))
    assert copied.read_bytes() == whole
