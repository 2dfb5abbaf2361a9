"""Discovery: hints, folders that changed, and what is in a run's folder."""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, hash_of, new_repo, write_run
from processes import without_write_permission
from runstone_indexer import discovery as module
from runstone_indexer.discovery import (
    UNSETTLED,
    Hinted,
    changed_shards,
    hinted,
    log_sizes,
    look_into,
    mark_of,
    runs_in_shard,
    shard_marks,
    sweep,
)
from runstone_writer.layout import Layout, shard


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def test_a_hint_names_a_run_and_its_writer(layout):
    journal = Journal(layout, "some-run_1", 3)
    assert hinted(layout) == {"some-run_1": [journal.writer]}


def test_files_that_are_no_hints_are_passed_over(layout):
    for name in ("nonsense", ".hidden", "..", "a b.writer"):
        if name != "..":
            Path(layout.live, name).touch()
    assert hinted(layout) == {}


def long_ago(folder: str) -> None:
    """Let a folder look as if nothing had happened in it for a minute."""
    os.utime(folder, ns=(0, time.time_ns() - 60 * 10**9))


def test_a_large_folder_of_hints_is_listed_only_if_it_has_changed(layout, monkeypatch):
    monkeypatch.setattr(module, "LARGE_FOLDER", 0)
    listed = []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scan(path))
    runs = Hinted(layout)
    Journal(layout, "a", 1)
    assert list(runs.now()) == ["a"]
    assert list(runs.now()) == ["a"]
    assert (
        len(listed) == 2
    )  # it changed a moment ago, and may change again within the same tick of its time stamp
    long_ago(layout.live)
    assert [list(runs.now()) for _ in range(5)] == [["a"]] * 5
    assert len(listed) == 3
    journal = Journal(layout, "b", 2)
    assert sorted(runs.now()) == ["a", "b"]
    long_ago(layout.live)
    assert sorted(runs.now()) == ["a", "b"]
    os.unlink(layout.hint_path("b", journal.writer))
    assert list(runs.now()) == ["a"]


def test_a_small_folder_of_hints_is_listed_each_time(layout, monkeypatch):
    runs = Hinted(layout)
    Journal(layout, "a", 1)
    long_ago(layout.live)
    assert list(runs.now()) == ["a"]
    before = os.stat(layout.live).st_mtime_ns
    Journal(layout, "b", 2)
    os.utime(layout.live, ns=(before, before))  # as on a file server whose time stamps are late
    assert sorted(runs.now()) == ["a", "b"]


def test_hints_that_are_not_there_or_cannot_be_listed_are_not_taken_for_those_before(layout, monkeypatch):
    monkeypatch.setattr(module, "LARGE_FOLDER", 0)
    runs = Hinted(layout)
    Journal(layout, "a", 1)
    long_ago(layout.live)
    assert list(runs.now()) == ["a"]
    aside = layout.live + ".aside"
    os.rename(layout.live, aside)
    assert list(runs.now()) == []
    os.mkdir(layout.live)
    assert list(runs.now()) == []
    os.rmdir(layout.live)
    os.rename(aside, layout.live)
    assert list(runs.now()) == ["a"]
    with monkeypatch.context() as patch:
        Journal(layout, "b", 2)
        patch.setattr(
            os, "scandir", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
        with pytest.raises(PermissionError):
            runs.now()
    long_ago(layout.live)
    assert sorted(runs.now()) == ["a", "b"]


def test_a_repository_without_its_folders_is_empty(tmp_path):
    layout = Layout(str(tmp_path / "nothing"))
    assert hinted(layout) == shard_marks(layout) == {}
    assert list(sweep(layout)) == []
    assert look_into(layout, "run") == ({}, [])


def test_a_sweep_finds_every_run_once(layout):
    for number in range(50):
        write_run(layout, number, hint=number % 2 == 0)
    assert sorted(sweep(layout)) == [hash_of(number) for number in range(50)]


def test_a_folder_in_the_wrong_place_is_not_taken_for_a_run(layout):
    write_run(layout, 1)
    wrong = next(name for name in ("00", "01") if name != shard("run0002"))
    os.makedirs(os.path.join(layout.logs, wrong, "run0002"))
    os.makedirs(os.path.join(layout.logs, wrong, "-x"))
    Path(layout.logs, "zz").touch()
    assert list(sweep(layout)) == ["run0001"]
    assert runs_in_shard(layout, "zz") == runs_in_shard(layout, "none") == []


def test_a_new_run_changes_the_mark_of_its_shard_and_of_no_other(layout):
    for number in range(30):
        write_run(layout, number)
    before = shard_marks(layout)
    assert changed_shards(shard_marks(layout), before) == []
    write_run(layout, 77)
    assert changed_shards(shard_marks(layout), before) == [shard(hash_of(77))]


def test_a_log_that_grows_changes_no_mark(layout):
    journal = write_run(layout, 1, end=False)
    write_run(layout, 2)
    before = shard_marks(layout)
    journal.track(1.0)
    assert shard_marks(layout) == before


def test_with_a_link_count_a_mark_is_settled_at_once():
    assert mark_of(changed=100, links=3, settled=50) == [100, 3]


@pytest.mark.parametrize("links", [1, 2])
def test_without_a_link_count_a_folder_that_changed_just_now_is_looked_at_again(links):
    assert mark_of(changed=100, links=links, settled=50) == [UNSETTLED, links]
    assert mark_of(changed=40, links=links, settled=50) == [40, links]
    marks = {"ab": [UNSETTLED, links]}
    assert changed_shards(marks, marks) == ["ab"]


def test_on_a_file_system_without_link_counts_no_new_run_is_missed(layout, monkeypatch):
    """As on btrfs: every folder has one link. Runs appear while marks are taken, within one tick of the clock."""
    real = os.stat_result

    def stat_without_links(entry: os.DirEntry[str]) -> os.stat_result:
        found = entry.stat()
        return real((*found[:3], 1, *found[4:]))

    known: dict[str, list[int]] = {}
    seen: set[str] = set()
    for number in range(40):
        write_run(layout, number)
        settled = time.time_ns() - 2_000_000_000
        with os.scandir(layout.logs) as entries:
            marks = {
                e.name: mark_of(e.stat().st_mtime_ns, stat_without_links(e).st_nlink, settled)
                for e in entries
            }
        for name in changed_shards(marks, known):
            seen.update(runs_in_shard(layout, name))
        known = marks
        assert hash_of(number) in seen


def test_logs_come_in_the_order_in_which_they_apply_and_other_files_are_foreign(layout):
    first, second = Journal(layout, "run", 1), Journal(layout, "run", 2)
    part = Journal(layout, "run", 1, part=1)
    folder = Path(layout.run_folder("run"))
    for name in ("notes.txt", "x.jsonl", ".rsync.tmp"):
        (folder / name).write_text("hello")
    (folder / "sub").mkdir()
    found = look_into(layout, "run")
    assert list(found.sizes) == [os.path.basename(journal.path) for journal in (first, part, second)]
    assert found.foreign == ["notes.txt", "sub", "x.jsonl"]
    assert (
        found.sizes
        == {name: os.path.getsize(folder / name) for name in found.sizes}
        == log_sizes(layout, "run")
    )
    assert found.extent == (3, sum(found.sizes.values()))


UNREADABLE = """
import os, sys
from runstone_indexer.discovery import look_into, runs_in_shard, sweep
from runstone_indexer import discovery as module
from runstone_writer.layout import Layout, shard
layout = Layout(sys.argv[1])
for path in (layout.run_folder("run0001"), os.path.join(layout.logs, shard("run0002"))):
    os.chmod(path, 0)
told = []
print(sorted(sweep(layout, told.append)), [error.filename == path for error in told])
for attempt in (lambda: look_into(layout, "run0001"), lambda: runs_in_shard(layout, shard("run0002"))):
    try:
        attempt()
        print("read")
    except PermissionError:
        print("refused")
"""


def test_a_folder_that_may_not_be_read_is_an_error_and_a_sweep_goes_on(layout):
    for number in (1, 2, 3):
        write_run(layout, number)
    done = without_write_permission(Path(layout.root), UNREADABLE)
    assert (done.stdout, done.stderr) == ("['run0001', 'run0003'] [True]\nrefused\nrefused\n", "")


def test_a_broken_link_and_a_name_that_is_no_text_among_the_shards_hides_no_run(layout, tmp_path):
    write_run(layout, 1)
    free = next(f"{n:02x}" for n in range(256) if f"{n:02x}" != shard(hash_of(1)))
    os.symlink(tmp_path / "nowhere", os.path.join(layout.logs, free))
    os.mkdir(os.path.join(os.fsencode(layout.logs), b"\xff\xfe"))
    refused = []
    assert list(sweep(layout, refused.append)) == [hash_of(1)]
    assert [error.filename for error in refused] == [os.path.join(layout.logs, free)]


@pytest.mark.parametrize("which", ["run", "shard"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(layout, tmp_path, which):
    write_run(layout, 1)
    folder = layout.run_folder(hash_of(1))
    place = folder if which == "run" else os.path.dirname(folder)
    os.rename(place, tmp_path / "outside")
    os.symlink(tmp_path / "outside", place)
    with pytest.raises(OSError, match="symbolic link"):
        look_into(layout, hash_of(1))
    assert layout.log_names(hash_of(1)) == []


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)])
def test_what_only_has_the_name_of_a_log_is_foreign(layout, make):
    write_run(layout, 1)
    name = "19a0b5c1d2e-00c0ffee0001.jsonl"
    make(layout.log_path(hash_of(1), name))
    folder = look_into(layout, hash_of(1))
    assert folder.foreign == [name]
    assert len(folder.sizes) == 1
