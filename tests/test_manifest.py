"""The manifest: whole and as it was written, or not there at all."""

import errno
import os
import shutil
import sys
from pathlib import Path

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import new_repo
from runstone_indexer import manifest as module
from runstone_indexer.manifest import Manifest, home_of, manifest_path, publish, read_manifest
from runstone_writer.layout import Layout
from runstone_writer.lines import frame

ENTRY = {"file": "states-1.npz", "size": 128, "columns": {"run": ["<i8", 4, 64]}, "crc": 7}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = new_repo(tmp_path)
    os.makedirs(os.path.dirname(manifest_path(made)))
    return made


def full(layout: Layout) -> Manifest:
    path = os.path.join(layout.logs, "ab", "run", "x.jsonl")
    return Manifest(
        epoch="e1", generation=3, next_run=4, runs=2, points=10**12, parameters=17, series=[ENTRY], states=[ENTRY],
        home=home_of(layout), shards={"ab": [123, 3]}, damage=[[path, 1, 2, "checksum mismatch"]],
        waiting=[[path, 5, 5, "cannot be read: Permission denied"]], unlisted=[0, 2],
    )  # fmt: skip


def written(layout: Layout, data: object) -> None:
    line, _ = frame(orjson.dumps(data)[:-1] + b',"crc":', 0)
    Path(manifest_path(layout)).write_bytes(line)


def test_what_is_published_is_what_is_read(layout):
    publish(layout, full(layout))
    assert read_manifest(layout) == full(layout)


def test_a_repository_without_an_index_has_no_manifest(layout):
    assert read_manifest(layout) is None
    shutil.rmtree(layout.index)
    assert read_manifest(layout) is None


def test_a_flipped_bit_anywhere_is_noticed(layout):
    publish(layout, full(layout))
    path = Path(manifest_path(layout))
    data = bytearray(path.read_bytes())
    for at in range(len(data)):
        bit = 1 << at % 8
        data[at] ^= bit
        path.write_bytes(data)
        assert read_manifest(layout) is None, (at, bit)
        data[at] ^= bit


def test_a_manifest_cut_anywhere_is_noticed(layout):
    publish(layout, full(layout))
    path = Path(manifest_path(layout))
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        assert read_manifest(layout) is None


@pytest.mark.parametrize(
    "data",
    [{}, {"format": 1}, {"format": 2, "epoch": "e1"}, {"format": 1, "epoch": "e1", "colour": "red"},
     {"epoch": "e1"}],
)  # fmt: skip
def test_a_manifest_of_another_kind_is_as_good_as_none(layout, data):
    written(layout, data)
    assert read_manifest(layout) is None


def test_a_folder_in_its_place_is_as_good_as_none(layout):
    os.mkdir(manifest_path(layout))
    assert read_manifest(layout) is None


def test_problems_are_found_where_the_repository_is_now(layout, tmp_path):
    publish(layout, full(layout))
    elsewhere = shutil.copytree(layout.root, tmp_path / "copy" / ".runstone")
    moved = read_manifest(Layout(str(elsewhere)))
    assert moved is not None
    assert [row[0] for row in moved.damage] == [str(elsewhere / "logs/ab/run/x.jsonl")]


def test_problems_that_are_not_listed_are_counted_in_a_last_line(layout):
    problems = full(layout).problems
    assert [row[3] for row in problems[:2]] == ["checksum mismatch", "cannot be read: Permission denied"]
    assert problems[2][3].startswith("2 more problems")
    assert Manifest(epoch="e1").problems == []


def test_a_draft_does_not_change_what_was_published(layout):
    published = full(layout)
    draft = published.draft()
    assert draft == published
    draft.states.append(ENTRY)
    draft.series.clear()
    assert published == full(layout)


def test_the_files_of_a_manifest_are_those_of_both_kinds(layout):
    series = {**ENTRY, "file": "series-1.npz"}
    assert Manifest(epoch="e1", states=[ENTRY], series=[series]).files() == {"states-1.npz", "series-1.npz"}


def test_a_copy_of_a_repository_has_another_home(layout, tmp_path):
    copy = Layout(str(shutil.copytree(layout.root, tmp_path / "copy" / ".runstone")))
    assert home_of(layout) == home_of(Layout(layout.root))
    assert home_of(copy) != home_of(layout)


def test_a_repository_without_logs_has_no_home(tmp_path):
    assert home_of(Layout(str(tmp_path / "nothing"))) == []


class NoId:
    f_fsid = 0


def test_a_file_system_on_the_network_has_no_id_and_the_same_home_on_each_host(layout, monkeypatch):
    monkeypatch.setattr(module.os, "statvfs", lambda path: NoId)
    stat = os.stat
    homes = []
    for device in (1, 2):  # each host gives it a number of its own

        def other(path, device=device):
            found = stat(path)
            return os.stat_result([*found[:2], device, *found[3:]], {"st_ctime_ns": found.st_ctime_ns})

        with monkeypatch.context() as patch:
            patch.setattr(module.os, "stat", other)
            homes.append(home_of(layout))
    assert homes[0] == homes[1] != []


def test_a_copy_on_a_file_system_without_an_id_has_another_home(layout, monkeypatch, tmp_path):
    monkeypatch.setattr(module.os, "statvfs", lambda path: NoId)
    copy = Layout(str(shutil.copytree(layout.root, tmp_path / "copy" / ".runstone")))
    assert home_of(copy)[0] != home_of(layout)[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"epoch": "../../../outside"},
        {"epoch": "/tmp"},
        {"epoch": "."},
        {"epoch": 5},
        {"next_run": 2**40},
        {"points": -1},
        {"runs": 1.5},
        {"home": ["x"]},
        {"shards": {"ab": [1]}},
        {"damage": [["x"]]},
        {"unlisted": None},
        {"states": [{**ENTRY, "file": "../../outside/states-1.npz"}]},
        {"series": [{**ENTRY, "file": "/etc/passwd"}]},
        {"states": [{**ENTRY, "size": -5}]},
        {"states": [{**ENTRY, "columns": {"run": ["|O", 1, 64]}}]},
        {"states": [{**ENTRY, "columns": {"run": ["<i8", 2**40, 64]}}]},
        {"states": [{**ENTRY, "columns": {"run": ["<i8", 1, -8]}}]},
        {"states": [{**ENTRY, "columns": {"run": [{"a": 1}, "x"]}}]},
    ],
    ids=str,
)
def test_a_forged_manifest_is_as_good_as_none(layout, fields):
    manifest = full(layout)
    publish(layout, manifest)
    known = orjson.loads(Path(manifest_path(layout)).read_bytes())
    del known["crc"]
    written(layout, known)
    assert read_manifest(layout) is not None
    written(layout, known | fields)
    assert read_manifest(layout) is None


def test_a_manifest_that_is_a_link_or_no_file_is_as_good_as_none(layout, tmp_path):
    publish(layout, full(layout))
    path = Path(manifest_path(layout))
    os.rename(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert read_manifest(layout) is None
    path.unlink()
    os.mkfifo(path)
    assert read_manifest(layout) is None


@pytest.mark.parametrize(("times", "found"), [(1, True), (module.READ_ATTEMPTS, False)])
def test_a_manifest_that_another_host_replaces_while_it_is_read_is_read_again(
    layout, monkeypatch, times, found
):
    publish(layout, full(layout))
    opened, read_file = [], module.read_file

    def stale(path, longest):
        opened.append(path)
        if len(opened) <= times:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        return read_file(path, longest)

    monkeypatch.setattr(module, "read_file", stale)
    assert (read_manifest(layout) is not None) is found
