"""fsck --repair: what is derived is made anew, what is damaged is set aside with a note, and no log is changed."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import lines_of_json, runstone
from journals import Journal, assert_same_answers, hash_of, index, new_repo, records, write_run
from processes import QUIET, without_write_permission
from runstone import Image, Repo, Run
from runstone_indexer.manifest import manifest_path
from runstone_query import damaged as module
from runstone_query.repair import repair
from runstone_query.verify import compare, verify
from runstone_writer.layout import Layout, open_repo


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


REPAIR = """
import sys
from runstone_query.repair import repair
from runstone_writer.errors import StoreError
from runstone_writer.layout import open_repo
try:
    repair(open_repo(sys.argv[1]))
except StoreError as error:
    print("cannot be written" if "cannot be written" in str(error) else error)
"""


def contents(folder):
    return {
        str(path): (path.stat().st_ino, path.read_bytes())
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def a_repository(folder):
    """Return the layout of one with an image, a part that is missing, a flipped bit, and an index."""
    layout = new_repo(folder)
    with Run(repo=folder, **QUIET) as run:
        run.track(Image(np.zeros((3, 3), np.uint8)), name="images")
        run.track(1.5, name="loss")
    write_run(layout, 1, points=20).flip(9)
    index(layout)
    write_run(layout, 2, points=20).flip(7)
    return layout


def blob_of(layout):
    return next(path for path in Path(layout.blobs).rglob("*") if path.is_file())


def flipped(path):
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:5] + bytes([data[5] ^ 1]) + data[6:])


def damage_everything(layout):
    flipped(blob_of(layout))
    flipped(Path(manifest_path(layout)))


def test_a_healthy_repository_has_nothing_to_repair(layout):
    write_run(layout, 1)
    index(layout)
    before = contents(layout.root)
    assert repair(layout).nothing
    assert contents(layout.root) == before


def test_afterwards_fsck_is_clean_and_every_intact_line_is_in_every_answer(tmp_path):
    layout = a_repository(tmp_path)
    damage_everything(layout)
    answers, logs = records(layout, index=False), contents(layout.logs)
    before = verify(layout)
    assert before.lost_lines >= 2
    done = repair(layout)
    assert not before.clean
    assert {len(done.noted) > 2, len(done.moved) == 1, bool(done.rebuilt)} == {True}
    after = verify(layout)
    assert after.clean
    assert len(after.known) >= 3
    assert contents(layout.logs) == logs
    assert_same_answers(layout)
    for run, record in records(layout).items():
        assert compare(answers[run], record) == ""


def test_a_second_repair_changes_nothing(tmp_path):
    layout = a_repository(tmp_path)
    damage_everything(layout)
    repair(layout)
    before = contents(layout.root)
    assert repair(layout).nothing
    assert contents(layout.root) == before


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(tmp_path):
    layout = a_repository(tmp_path)
    damage_everything(layout)
    before = contents(layout.root)
    planned = repair(layout, dry_run=True)
    assert contents(layout.root) == before
    assert planned.noted
    assert planned.moved
    assert planned.rebuilt


def test_a_note_says_what_was_found_and_what_was_moved_is_beside_it(tmp_path):
    layout = a_repository(tmp_path)
    blob = blob_of(layout)
    flipped(blob)
    content = blob.read_bytes()
    repair(layout)
    notes = {path: orjson.loads(path.read_bytes()) for path in Path(layout.root, "damaged").glob("*.json")}
    ((path, moved),) = [(path, note) for path, note in notes.items() if note["moved"]]
    assert path.with_suffix("").read_bytes() == content
    assert moved["path"] == os.path.relpath(blob, layout.root)
    assert "not what its name says" in moved["reason"]
    assert {"path", "start", "end", "reason", "crc", "moved", "time"} == set(moved)


def test_new_damage_beside_known_damage_is_reported(tmp_path):
    layout = new_repo(tmp_path)
    journal = write_run(layout, 1, points=20)
    journal.flip(9)
    repair(layout)
    assert verify(layout).clean
    journal.flip(4)
    assert not verify(layout).clean
    journal.flip(9)  # as it was written
    journal.flip(4)
    assert verify(layout).known == []


def test_a_blob_that_comes_back_is_read_and_is_no_known_damage_any_more(tmp_path):
    layout = a_repository(tmp_path)
    blob = blob_of(layout)
    good = blob.read_bytes()
    flipped(blob)
    repair(layout)
    assert not blob.exists()
    blob.write_bytes(good)
    verdict = verify(layout)
    assert verdict.clean
    assert not any(problem.path.startswith(layout.blobs) for problem in verdict.known)


@pytest.mark.parametrize("fails_at", range(12))
def test_a_repair_that_is_cut_short_is_finished_by_the_next(tmp_path, monkeypatch, fails_at):
    layout = a_repository(tmp_path)
    damage_everything(layout)
    calls = 0

    def counted(act):
        def call(*arguments):
            nonlocal calls
            calls += 1
            if calls > fails_at:
                raise KeyboardInterrupt
            return act(*arguments)

        return call

    for name in ("write_whole", "sync_folder", "make_folder"):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    with pytest.raises(KeyboardInterrupt):
        repair(layout)
    monkeypatch.undo()
    repair(layout)
    assert verify(layout).clean
    assert repair(layout).nothing
    assert_same_answers(layout)


def test_a_run_that_only_the_index_knew_is_written_down_with_how_much_it_had(layout):
    write_run(layout, 1)
    write_run(layout, 2, points=5)
    index(layout)
    shutil.rmtree(layout.run_folder(hash_of(2)))
    assert "10 points" in verify(layout).index[0].reason
    repair(layout)
    (note,) = [orjson.loads(path.read_bytes()) for path in Path(layout.root, "damaged").glob("*.json")]
    assert "10 points" in note["reason"]
    assert hash_of(2) in note["path"]
    assert verify(layout).clean


@pytest.mark.parametrize("place", ["index", "index/v1"])
def test_a_link_in_the_place_of_the_index_is_moved_and_what_it_leads_to_is_left_alone(
    layout, tmp_path, place
):
    write_run(layout, 1)
    index(layout)
    outside = tmp_path / "outside"
    os.rename(os.path.join(layout.root, place), outside)
    (outside / "v1").mkdir(exist_ok=True)
    os.symlink(outside, os.path.join(layout.root, place))
    before = contents(outside)
    assert not verify(layout).clean
    assert_same_answers(layout)
    repair(layout)
    assert verify(layout).clean
    assert verify(layout).indexed == 1
    assert contents(outside) == before


def test_a_log_of_a_later_format_is_left_alone(layout):
    journal = Journal(layout, hash_of(1), 1)
    os.unlink(journal.path)
    journal.event(
        "log", format=99, run=hash_of(1), writer=journal.writer, part=0, kind="run", host="h", pid=1
    )
    done = repair(layout)
    assert [problem.path for problem in done.left] == [journal.path]
    assert not verify(layout).clean


def test_a_repository_that_cannot_be_written_is_refused(tmp_path):
    layout = a_repository(tmp_path)
    before = contents(layout.root)
    done = without_write_permission(tmp_path, REPAIR)
    assert done.stdout == "cannot be written\n", done.stderr
    assert contents(layout.root) == before


def test_the_command_asks_before_it_acts(tmp_path):
    layout = a_repository(tmp_path)
    before = contents(layout.root)
    runstone("fsck", "--repair", "--repo", tmp_path, code=1, text="n\n")
    assert contents(layout.root) == before
    runstone("fsck", "--repair", "--dry-run", "--repo", tmp_path, code=1)
    assert contents(layout.root) == before
    assert "written down" in runstone("fsck", "--repair", "--repo", tmp_path, text="y\n").stdout
    assert "No damage but what is known." in runstone("fsck", "--repo", tmp_path).stdout
    assert "nothing to repair" in runstone("fsck", "--repair", "--repo", tmp_path).stdout


def test_the_command_prints_json(tmp_path):
    a_repository(tmp_path)
    (told,) = lines_of_json(runstone("fsck", "--repair", "--yes", "--json", "--repo", tmp_path).stdout)
    assert told["damage"]
    assert told["repair"]["noted"]
    (told,) = lines_of_json(runstone("fsck", "--json", "--repo", tmp_path).stdout)
    assert told["clean"]
    assert told["known"]


def test_a_dry_run_of_nothing_is_a_wrong_call(tmp_path):
    new_repo(tmp_path)
    assert "--repair" in runstone("fsck", "--dry-run", "--repo", tmp_path, code=2).stderr


def test_damaged_is_no_part_of_an_answer(tmp_path):
    layout = a_repository(tmp_path)
    repair(layout)
    Path(layout.root, "damaged", "x.jsonl").write_text("{}")
    assert verify(open_repo(tmp_path)).foreign == []
    assert len(Repo(tmp_path).list_all_runs()) == 3
