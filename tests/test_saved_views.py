"""Saved views: events in logs of their own, whose latest counts; and the page about their format."""

import itertools
import os
import re
import shutil
import sys
from pathlib import Path

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import new_repo
from processes import files_up_to
from runstone import Repo
from runstone_query.repair import repair
from runstone_query.verify import verify
from runstone_writer import views as module
from runstone_writer.errors import MissingKeyError, StoreError, UsageError
from runstone_writer.layout import log_name, writer_time
from runstone_writer.lines import encode_event, frame_all, key_of
from runstone_writer.views import Views

PAGE = Path(__file__).resolve().parent.parent / "docs/format/repository.md"
WRITERS = ["19a0b5c1d2e-00c0ffee0001", "19a0b5c1d2e-00c0ffee0002", "19a0b5c1d2f-00c0ffee0003"]


@pytest.fixture
def layout(tmp_path):
    return new_repo(tmp_path)


def shown(layout):
    return [(view.id, view.name, view.address) for view in Views(layout).all()]


def write_log(layout, writer, *events, run="views"):
    header = {"event": "log", "format": 2, "run": run, "writer": writer, "part": 0, "kind": "views"}
    bodies = [encode_event(event, "an event") for event in (header, *events)]
    name = log_name(writer, 0)
    lines, _ = frame_all(bodies, 0, key_of("views", name))
    path = Path(layout.view_path(name))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(lines))
    return path


def view(dt, name, address="/runs", identity="abc"):
    return {"event": "view", "dt": dt, "id": identity, "name": name, "address": address}


def test_a_view_is_there_once_it_was_saved_and_in_the_order_in_which_it_was_made(layout):
    assert Views(layout).all() == []
    first = Views(layout).add("first", "/runs?q=run.archived")
    second = Views(layout).add("second", "/metrics")
    assert shown(layout) == [(first, "first", "/runs?q=run.archived"), (second, "second", "/metrics")]
    Views(layout).change(first, name="renamed")
    assert shown(layout)[0] == (first, "renamed", "/runs?q=run.archived")
    Views(layout).change(first, address="/images")
    assert shown(layout)[0] == (first, "renamed", "/images")
    Views(layout).remove(first)
    assert shown(layout) == [(second, "second", "/metrics")]


def test_a_view_that_is_not_there_cannot_be_changed(layout):
    gone = Views(layout).add("gone", "/runs")
    Views(layout).remove(gone)
    for act in (lambda v: Views(layout).change(v, name="x"), Views(layout).remove):
        for name in (gone, "0123456789ab"):
            with pytest.raises(MissingKeyError):
                act(name)


@pytest.mark.parametrize(
    "address",
    ["", "runs", "//evil.example", "https://evil.example", "/a\\b", "/a\nb", "javascript:alert(1)", 3, None],
)
def test_an_address_that_leads_elsewhere_is_refused_and_passed_over_where_it_stands_in_a_log(layout, address):
    with pytest.raises(UsageError):
        Views(layout).add("name", address)
    assert not os.path.exists(layout.views)
    write_log(layout, WRITERS[0], view(1, "bad", address), view(2, "good", identity="def"))
    assert shown(layout) == [("def", "good", "/runs")]
    assert len(Views(layout).problems()) == 1


def test_the_latest_counts_in_whatever_order_logs_are_read(tmp_path):
    events = [
        (WRITERS[0], view(5, "one", "/a")),
        (WRITERS[1], view(5, "two", "/b")),  # at the same time: the greater writer
        (WRITERS[2], view(-998, "late", "/c")),  # a millisecond later by its base, and yet earlier
    ]
    for number, some in enumerate(itertools.permutations(events)):
        layout = new_repo(tmp_path / str(number))
        for writer, event in some:
            write_log(layout, writer, event)
        assert shown(layout) == [("abc", "two", "/b")]


def test_a_change_counts_though_the_clock_is_behind_that_of_who_made_the_view(layout):
    hour = 3_600_000_000
    write_log(layout, WRITERS[0], view(hour * 24 * 365 * 1000, "of the year 3025"))
    Views(layout).change("abc", name="now")
    assert shown(layout) == [("abc", "now", "/runs")]
    Views(layout).remove("abc")
    assert shown(layout) == []


def test_what_is_torn_or_damaged_is_left_out_and_said(layout):
    kept = Views(layout).add("kept", "/runs")
    torn = write_log(layout, WRITERS[0], view(1, "torn"))
    torn.write_bytes(torn.read_bytes()[:-20])
    damaged = write_log(
        layout, WRITERS[1], view(1, "damaged", identity="bad"), view(2, "behind", identity="b")
    )
    damaged.write_bytes(damaged.read_bytes().replace(b"damaged", b"dAmaged"))
    moved = write_log(layout, WRITERS[2], view(1, "moved", identity="c"), run="other")
    assert {name for _, name, _ in shown(layout)} == {"kept", "behind"}
    assert shown(layout)[-1][0] == kept
    found = {problem.path: problem.reason for problem in Views(layout).problems()}
    assert found.keys() == {str(torn), str(damaged), str(moved)}
    assert found[str(torn)].startswith("torn tail")
    assert found[str(damaged)] == "checksum mismatch"


def test_fsck_tells_damage_from_what_is_torn_and_a_repair_writes_it_down(layout):
    Views(layout).add("kept", "/runs")
    assert verify(layout).clean
    torn = write_log(layout, WRITERS[0], view(1, "torn"))
    torn.write_bytes(torn.read_bytes()[:-20])
    found = verify(layout)
    assert found.clean
    assert [problem.path for problem in found.tails] == [str(torn)]
    damaged = write_log(layout, WRITERS[1], view(1, "damaged"), view(2, "behind"))
    damaged.write_bytes(damaged.read_bytes().replace(b"damaged", b"dAmaged"))
    (Path(layout.views) / "notes.txt").write_text("mine")
    found = verify(layout)
    assert [problem.path for problem in found.damage] == [str(damaged)]
    assert [Path(problem.path).name for problem in found.foreign] == ["notes.txt"]
    assert [problem.path for problem in repair(layout).noted] == [str(damaged)]
    assert damaged.exists()
    again = verify(layout)
    assert again.clean
    assert [problem.path for problem in again.known] == [str(damaged)]


def test_fsck_says_so_where_a_link_or_a_folder_stands_in_the_place_of_views(layout, tmp_path):
    view_of_mine = Views(layout).add("mine", "/runs")
    (name,) = os.listdir(layout.views)
    os.mkdir(layout.view_path(log_name(WRITERS[0], 0)))
    assert [problem.path for problem in verify(layout).damage] == [layout.view_path(log_name(WRITERS[0], 0))]
    os.rename(layout.views, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", layout.views)
    assert Views(layout).all() == []
    assert [problem.path for problem in verify(layout).damage] == [layout.views]
    with pytest.raises(StoreError, match="symbolic link"):
        Views(layout).add("outside", "/runs")
    assert sorted(os.listdir(tmp_path / "elsewhere")) == sorted([name, log_name(WRITERS[0], 0)])
    assert view_of_mine


def test_a_full_disk_leaves_nothing_behind(layout):
    with files_up_to(100), pytest.raises(StoreError, match="cannot write a view"):
        Views(layout).add("too long for the disk", "/runs")
    assert os.listdir(layout.views) == []
    assert verify(layout).clean


def test_a_backup_has_the_views_and_is_brought_up_to_date(layout, tmp_path):
    first = Views(layout).add("first", "/runs")
    repo, there = Repo(layout), tmp_path / "backup"
    assert repo.backup(there).logs == 1
    copy = Repo(there).layout
    assert shown(copy) == shown(layout)
    second = Views(layout).add("second", "/metrics")
    Views(layout).remove(first)
    assert repo.backup(there).logs == 2
    assert shown(copy) == [(second, "second", "/metrics")]
    assert repo.backup(there).logs == 0
    assert verify(copy).clean


def test_gc_leaves_views_alone(layout):
    Views(layout).add("kept", "/runs")
    Repo(layout).gc(grace=0)
    assert [name for _, name, _ in shown(layout)] == ["kept"]


def test_two_repositories_become_one_by_copying_files(tmp_path):
    here, there = new_repo(tmp_path / "here"), new_repo(tmp_path / "there")
    Views(here).add("here", "/runs")
    shutil.copytree(here.views, there.views)
    (known,) = Views(there).all()
    Views(there).change(known.id, name="there")
    shutil.copytree(there.views, here.views, dirs_exist_ok=True)
    assert shown(here) == shown(there) == [(known.id, "there", "/runs")]


@pytest.mark.checkout
def test_the_page_and_the_code_say_the_same(layout):
    section = PAGE.read_text().split("\n## views/\n")[1].split("\n## ")[0]
    fields = set(re.findall(r"^\| view \| (\w+) \|", section, re.MULTILINE))
    Views(layout).remove(Views(layout).add("name", "/runs"))
    written = set()
    for path in Path(layout.views).iterdir():
        header, event, end = map(orjson.loads, path.read_text().splitlines())
        assert (header["run"], header["kind"], end["event"]) == (module.KIND, module.KIND, "end")
        written |= event.keys() - {"event", "crc"}
    assert written == fields
    example = section.split("```\n")[1]
    header = orjson.loads(example.splitlines()[0])
    path = Path(layout.view_path(log_name(header["writer"], 0)))
    path.write_text(example)
    assert Views(layout).problems() == []
    (found,) = Views(layout).all()
    assert (found.id, found.name) == ("0123456789ab", "Best of digits")
    assert found.time == (writer_time(header["writer"]) + 512) / 1e6
