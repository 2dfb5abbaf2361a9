"""`health_of`: what `runstone status` knows, with and without an index; each kind of damage with file and offset."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer, without_write_permission
from runstone import Repo, Run
from runstone_indexer.indexer import Indexer
from runstone_query.health import health_of
from runstone_writer.layout import open_repo
from runstone_writer.lines import frame
from runstone_writer.log import LogWriter


@pytest.fixture(params=["index", "logs", "indexed before"])
def kind(request):
    """Whether there is an index, and whether it was made before the damage was done."""
    return request.param


@pytest.fixture
def health(tmp_path, kind):
    """Does some damage as `kind` says, and returns what health_of() finds."""

    def health(damage=lambda: None):
        if kind == "indexed before":
            Indexer(tmp_path).run_once()
        damage()
        if kind == "index":
            Indexer(tmp_path).run_once()
        return health_of(Repo(tmp_path, index=kind != "logs"))

    return health


def finished_run(path):
    with Run(repo=path, **QUIET) as run:
        for step in range(10):
            run.track(step, name="loss")
    return run.hash


def killed_run(path):
    """A run whose writer died long ago; returns its hash."""
    with Writer(path) as writer:
        for step in range(10):
            writer.do(f"run.track({step}, name='loss')")
        writer.kill()
    long_ago = time.time() - 3600
    for hint in (path / ".runstone" / "live").glob(f"{writer.hash}.*"):
        os.utime(hint, (long_ago, long_ago))
    return writer.hash


def log_of(path, run_hash):
    layout = open_repo(path)
    (name,) = layout.log_names(run_hash)
    return Path(layout.log_path(run_hash, name))


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def found(health):
    return [(Path(p.path), p.start, p.end, p.reason) for p in health.problems]


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


# -- what is well ---------------------------------------------------------------------------------------------


def test_an_empty_repository_is_healthy(tmp_path, health):
    Repo(tmp_path, init=True)
    found = health()
    assert found.path == str(tmp_path)
    assert found.runs == {"running": 0, "finished": 0, "crashed": 0}
    assert (found.problems, found.dropped, found.points, found.unread_bytes) == ([], 0, 0, 0)


def test_runs_are_counted_by_state(tmp_path, health):
    finished_run(tmp_path)
    finished_run(tmp_path)
    killed_run(tmp_path)
    with Writer(tmp_path), Run(repo=tmp_path, **QUIET) as archived:
        archived.archived = True
        deleted = Repo(tmp_path, index=False)
        deleted.delete_run(finished_run(tmp_path))
        assert health().runs == {"running": 2, "finished": 2, "crashed": 1}


def test_what_is_not_indexed_is_counted(tmp_path, kind, health):
    first, late = finished_run(tmp_path), []
    seen = health(lambda: late.append(finished_run(tmp_path)))
    unread = {"index": [], "indexed before": late, "logs": [first, *late]}[kind]
    assert seen.points == 20 - 10 * len(unread)
    assert seen.generation == (kind != "logs")
    assert seen.unread_runs == len(unread)
    assert seen.unread_bytes == sum(log_of(tmp_path, run_hash).stat().st_size for run_hash in unread)


def test_looking_changes_nothing(tmp_path, health):
    finished_run(tmp_path)
    health()
    before = files(tmp_path)
    health_of(Repo(tmp_path))
    assert {path for path in files(tmp_path) if path.is_file()} == {path for path in before if path.is_file()}


def test_looking_at_a_repository_without_an_index_makes_none(tmp_path):
    finished_run(tmp_path)
    assert health_of(Repo(tmp_path)).generation == 0
    assert not (tmp_path / ".runstone" / "index").exists()


def test_a_line_that_is_being_written_is_no_problem(tmp_path, health):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
        log = log_of(tmp_path, run.hash)
        assert health(lambda: append(log, b"[0,1,")).problems == []


# -- damage ---------------------------------------------------------------------------------------------------


def test_a_torn_tail_of_a_dead_writer_is_a_problem(tmp_path, health):
    killed = killed_run(tmp_path)
    log = log_of(tmp_path, killed)
    size = log.stat().st_size

    assert found(health(lambda: append(log, b'{"event":"se'))) == [
        (log, size, size + 12, "torn tail of 12 bytes")
    ]
    assert Repo(tmp_path).get_run(killed).get_metric("loss").values.tolist() == list(range(10))


def test_garbage_in_the_middle_of_a_log_is_a_problem(tmp_path, kind, health):
    run_hash = finished_run(tmp_path)
    log = log_of(tmp_path, run_hash)

    def damage():
        data = bytearray(log.read_bytes())
        place = data.index(b"\n[0,5,") + 1
        data[place : place + 3] = b"\0\0\0"
        log.write_bytes(data)

    if kind == "indexed before":
        assert found(health(damage)) == []  # it has been read, whole: only fsck looks again
        return
    ((path, start, end, reason),) = found(health(damage))
    lines = log.read_bytes()
    assert (path, start, reason) == (log, lines.index(b"\n\0") + 1, "checksum mismatch")
    assert lines[end - 1 : end] == b"\n"


def test_an_empty_log_of_a_dead_writer_is_a_problem(tmp_path, health):
    killed = killed_run(tmp_path)
    log = log_of(tmp_path, killed)
    empty = log.with_name("00000000001-000000000001.jsonl")
    assert found(health(empty.touch)) == [(empty, 0, 0, "empty log")]


def test_a_foreign_file_in_a_runs_folder_is_a_problem(tmp_path, health):
    killed = killed_run(tmp_path)
    other = log_of(tmp_path, killed).with_name("notes.txt")
    assert found(health(lambda: other.write_text("mine"))) == [(other, 0, 0, "not a log of Runstone's")]


def test_a_log_of_a_newer_version_is_a_problem(tmp_path, health):
    killed = killed_run(tmp_path)
    log = log_of(tmp_path, killed)
    newer = log.with_name("00000000001-000000000001.jsonl")

    def write():
        header = (
            b'{"event":"log","format":99,"run":"%s","writer":"00000000001-000000000001","crc":'
            % killed.encode()
        )
        newer.write_bytes(frame(header, 0)[0])

    ((path, start, _, reason),) = found(health(write))
    assert (path, start) == (newer, 0)
    assert "log format 99" in reason


UNREADABLE = """
import sys
from pathlib import Path
from runstone import Repo
from runstone_query.health import health_of
log = next(Path(sys.argv[1]).rglob("*.jsonl"))
log.chmod(0)
for problem in health_of(Repo(sys.argv[1])).problems:
    print(problem.path == str(log), problem.start, problem.reason)
log.chmod(0o444)
print(health_of(Repo(sys.argv[1])).problems)
"""


def test_an_unreadable_log_is_a_problem_until_it_can_be_read(tmp_path):
    killed_run(tmp_path)
    done = without_write_permission(tmp_path, UNREADABLE)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True 0 cannot be read: Permission denied", "[]"]


def test_a_folder_in_place_of_a_log_is_a_problem(tmp_path, health):
    killed = killed_run(tmp_path)
    folder = log_of(tmp_path, killed).with_name("00000000001-000000000001.jsonl")
    ((path, start, _, reason),) = found(health(folder.mkdir))
    assert (path, start) == (folder, 0)
    assert "not a log" in reason


def test_a_problem_that_was_mended_is_one_no_longer(tmp_path, health):
    killed = killed_run(tmp_path)
    other = log_of(tmp_path, killed).with_name("notes.txt")
    assert len(health(lambda: other.write_text("mine")).problems) == 1
    other.unlink()
    assert health_of(Repo(tmp_path)).problems == []


def test_a_tail_that_was_completed_after_all_is_a_problem_no_longer(tmp_path, kind, health):
    run_hash = finished_run(tmp_path)
    log = log_of(tmp_path, run_hash)
    whole = log.read_bytes()
    cut = whole.rindex(b'{"event":"end"') + 5
    log.write_bytes(whole[:cut])
    for hint in (tmp_path / ".runstone" / "live").iterdir():
        os.utime(hint, (0, 0))
    assert [problem.reason for problem in health().problems] == ["torn tail of 5 bytes"]
    log.write_bytes(whole)
    Indexer(tmp_path).run_once()
    assert health_of(Repo(tmp_path, index=kind != "logs")).problems == []


def test_problems_are_told_under_the_paths_of_a_repository_that_was_moved(tmp_path, health):
    killed = killed_run(tmp_path / "here")
    other = log_of(tmp_path / "here", killed).with_name("notes.txt")
    other.write_text("mine")
    Indexer(tmp_path / "here").run_once()
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert found(health_of(Repo(tmp_path / "there"))) == [
        (log_of(tmp_path / "there", killed).with_name("notes.txt"), 0, 0, "not a log of Runstone's")
    ]


def test_events_that_a_writer_had_to_drop_are_counted(tmp_path, health):
    for count in (3, 4):
        log = LogWriter(open_repo(tmp_path, create=True), f"run{count}")
        log.append("open")
        log.append("dropped", count=count)
        log.close("end")
    assert health().dropped == 7


def test_a_read_only_repo_is_looked_at_without_writing(tmp_path):
    finished_run(tmp_path)
    killed_run(tmp_path)
    before = files(tmp_path)
    assert health_of(Repo(tmp_path, read_only=True)).runs == {"running": 0, "finished": 1, "crashed": 1}
    assert files(tmp_path) == before
