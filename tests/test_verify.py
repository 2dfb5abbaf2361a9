"""fsck: finds every kind of damage in logs and index, names the place, and cries no wolf."""

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import (
    Journal,
    Scribe,
    assert_index_is_right,
    assert_same_answers,
    hash_of,
    index,
    new_repo,
    published,
    records,
    write_run,
)
from processes import QUIET, without_write_permission
from runstone import CustomObject, Run, Text
from runstone_indexer import parameters
from runstone_indexer.chunk import Chunk
from runstone_indexer.generation import Generation
from runstone_indexer.manifest import manifest_path
from runstone_query import verify as module
from runstone_query.overlay import Tail
from runstone_query.record import Record
from runstone_query.trash import Trash
from runstone_query.verify import Verdict, compare, verify
from runstone_writer.layout import Layout, shard
from runstone_writer.media.shelf import stored_blobs


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def tree(folder: str) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(Path(folder).rglob("*"))
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_repository_is_clean_with_an_index_and_without(layout, seed):
    Scribe(layout, seed).act(300)
    without = verify(layout)
    index(layout)
    verdict = verify(layout)
    assert without.clean
    assert verdict.clean
    assert (without.indexed, verdict.indexed) == (0, verdict.runs)
    assert verdict.logs == len(list(Path(layout.logs).rglob("*.jsonl")))
    assert verdict.bytes_read == sum(path.stat().st_size for path in Path(layout.logs).rglob("*.jsonl"))


def test_nothing_is_changed_by_looking(layout):
    Scribe(layout, 3).act(200)
    index(layout)
    before = tree(layout.root)
    verify(layout)
    assert tree(layout.root) == before


def test_progress_is_told(layout):
    for number in range(3):
        write_run(layout, number)
    told = []
    verify(layout, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_empty_repository_is_clean(layout):
    assert verify(layout) == Verdict()
    index(layout)
    assert verify(layout).clean


def test_any_flipped_bit_in_a_log_is_found(layout):
    journal = write_run(layout, 1)
    index(layout)
    data = Path(journal.path).read_bytes()
    rng = random.Random(1)
    for at in range(0, len(data), 7):
        broken = bytearray(data)
        broken[at] ^= 1 << rng.randrange(8)
        Path(journal.path).write_bytes(broken)
        verdict = verify(layout)
        found = [problem for problem in verdict.damage + verdict.tails if problem.path == journal.path]
        assert found, at
        assert (
            all(problem.start <= at < max(problem.end, problem.start + 1) for problem in found[:1])
            or at < 200
        )


def test_a_torn_tail_and_a_foreign_file_are_told_and_are_no_damage(layout):
    journal = write_run(layout, 1, end=False)
    journal.raw(b"[0,")
    folder = Path(layout.run_folder(hash_of(1)))
    (folder / "notes.txt").write_text("mine")
    (folder / "sub").mkdir()
    (folder / "sub" / "x.jsonl").write_text("mine")
    Path(layout.logs, "readme").write_text("mine")
    Path(layout.logs, shard(hash_of(1)), "file").write_text("mine")
    os.makedirs(Path(layout.logs, "zz", hash_of(2)))
    os.makedirs(Path(layout.logs, shard(hash_of(1)), "-bad"))
    verdict = verify(layout)
    assert verdict.clean
    assert [problem.path for problem in verdict.tails] == [journal.path]
    found = sorted(os.path.relpath(problem.path, layout.logs) for problem in verdict.foreign)
    home = shard(hash_of(1))
    expected = [f"{home}/-bad", f"{home}/file", f"{home}/{hash_of(1)}/notes.txt", f"{home}/{hash_of(1)}/sub"]
    assert found == sorted([*expected, "readme", f"zz/{hash_of(2)}"])


def columns_of(generation: Generation) -> list[tuple[Path, int]]:
    """A place in each column of each file that has anything in it."""
    found = []
    for entry in generation.manifest.states + generation.manifest.series:
        for dtype, length, offset in entry["columns"].values():
            if length:
                found.append((Path(generation.folder, entry["file"]), offset))
                del dtype
    return found


def test_a_flipped_bit_in_any_column_of_the_index_is_found(layout):
    write_run(layout, 1)
    Journal(layout, hash_of(1), 2).track(2**60 + 1, "big", 3)
    index(layout)
    for path, offset in columns_of(published(layout)):
        data = path.read_bytes()
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 16]) + data[offset + 1 :])
        verdict = verify(layout)
        assert not verdict.clean
        assert [problem.path for problem in verdict.index] == [str(path)]
        path.write_bytes(data)
    assert verify(layout).clean


def test_a_flipped_bit_in_tantivys_files_is_found(layout):
    write_run(layout, 1)
    index(layout)
    for path in Path(published(layout).folder, "params").iterdir():
        if path.suffix in (".lock", ".json"):
            continue
        data = path.read_bytes()
        path.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
        verdict = verify(layout)
        assert verdict.index, path
        assert (
            str(path) in verdict.index[0].path + verdict.index[0].reason
            or "params" in verdict.index[0].reason
        )
        path.write_bytes(data)
    assert verify(layout).clean


@pytest.mark.parametrize("what", ["manifest", "states", "params"])
def test_an_index_that_cannot_be_used_is_told(layout, what):
    write_run(layout, 1)
    index(layout)
    generation = published(layout)
    if what == "manifest":
        Path(manifest_path(layout)).write_bytes(b"{}")
    elif what == "states":
        os.unlink(os.path.join(generation.folder, generation.manifest.states[0]["file"]))
    else:
        shutil.rmtree(os.path.join(generation.folder, "params"))
    verdict = verify(layout)
    assert not verdict.clean
    assert "cannot be used" in verdict.index[0].reason


def test_an_index_that_has_events_that_the_logs_lost_is_told(layout):
    journal = write_run(layout, 1)
    index(layout)
    lines = Path(journal.path).read_bytes().splitlines(keepends=True)
    Path(journal.path).write_bytes(b"".join(lines[:-3]))
    verdict = verify(layout)
    assert not verdict.clean
    assert verdict.index[0].path == layout.run_folder(hash_of(1))


def test_a_run_that_is_indexed_and_gone_is_told(layout):
    for number in range(3):
        write_run(layout, number)
    index(layout)
    shutil.rmtree(layout.run_folder(hash_of(1)))
    assert [problem.reason for problem in verify(layout).index] == [
        "indexed, and not there any more: 6 points"
    ]


@pytest.mark.parametrize("told", ["by the index", "by a hint"])
def test_a_run_that_gc_was_killed_over_is_no_damage_and_an_index_pass_is_enough(layout, told):
    for number in range(3):
        write_run(layout, number)
    if told == "by a hint":
        index(layout)
    Journal(layout, hash_of(1), 9, kind="edit").delete()
    if told == "by the index":
        index(layout)
        for hint in Path(layout.live).iterdir():
            hint.unlink()
    taken = Trash(layout)._take(hash_of(1))
    Path(taken).rename(taken.replace("taken-", "doomed-"))
    verdict = verify(layout)
    assert verdict.clean
    assert "`runstone gc` finishes" in verdict.unfinished[0].reason
    left = [problem.reason for problem in verdict.unfinished[1:]]
    assert left == ["indexed, and not there any more: `runstone index` is enough"] * (told == "by a hint")
    Trash(layout).settle()
    index(layout)
    assert verify(layout).unfinished == []
    assert_index_is_right(layout)


def test_what_a_killed_copy_or_gc_has_left_is_told_and_is_not_foreign(layout):
    write_run(layout, 1)
    log = Path(layout.log_path(hash_of(1), ".x.jsonl.1a2b3c4d"))
    blob = Path(layout.blob_path("ab" * 32)).with_name(f".gone-{'ab' * 32}")
    copied = Path(layout.root, "incoming", "1a2b")
    for path in (log, blob, copied / "log.jsonl"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    verdict = verify(layout)
    assert {problem.path for problem in verdict.unfinished} == {str(log), str(blob), str(copied)}
    assert (verdict.foreign, verdict.clean) == ([], True)


@pytest.mark.parametrize("what", ["missing", "wrong", "too many"])
def test_parameters_that_tantivy_has_wrong_are_told(layout, what):
    write_run(layout, 1)
    write_run(layout, 2)
    index(layout)
    generation = published(layout)
    found = generation.parameters.documents
    runs, digests = found()
    if what == "missing":
        changed = runs[1:], digests[1:]
    elif what == "wrong":
        changed = runs, digests + 1
    else:
        changed = [*runs, 99], [*digests, 5]
    import numpy as np

    verdict = Verdict()
    generation.parameters.documents = lambda: tuple(np.array(column) for column in changed)  # type: ignore[method-assign]
    module._verify_runs(layout, set(layout.runs()), generation, verdict)
    assert len(verdict.index) == {"missing": 1, "wrong": 2, "too many": 1}[what]
    assert "indexed" in verdict.index[0].reason
    assert isinstance(found, type(published(layout).parameters.documents))
    assert parameters.NO_DOCUMENT == 0


# -- compare finds every difference -----------------------------------------------------------------------------


def record(layout: Layout, run: str) -> Record:
    tail = Tail(layout, run, None)
    tail.update()
    return tail.record()


DIFFERENCES = {
    "a point": lambda j: j.track(1.0, step=9),
    "a point of another value": lambda j: j.track(2.0, step=9),
    "a point with an epoch": lambda j: j.track(1.0, step=9, epoch=1),
    "an integer": lambda j: j.track(1, step=9),
    "a huge integer": lambda j: j.track(2**60 + 1, step=9),
    "nan": lambda j: j.track("nan", step=9),
    "a negative zero": lambda j: j.track(-0.0, step=9),
    "a zero": lambda j: j.track(0.0, step=9),
    "another sequence": lambda j: j.track(1.0, "other", step=9),
    "another context": lambda j: j.track(1.0, step=9, fold=1),
    "another type": lambda j: j.track({"text": "x"}, "texts", step=9, kind="text"),
    "a parameter": lambda j: j.set("p", value=1),
    "a parameter of another type": lambda j: j.set("p", value=1.0),
    "a parameter that is nan": lambda j: j.set("p", value=float("nan")),
    "a name": lambda j: j.prop("name", "x"),
    "a description": lambda j: j.prop("description", "x"),
    "a tag": lambda j: j.tag("x"),
    "a tag taken off": lambda j: j.tag("x", on=False),
    "archived": lambda j: j.prop("archived", True),
    "deleted": lambda j: j.delete(),
    "an end": lambda j: j.end(),
    "dropped events": lambda j: j.event("dropped", count=3),
    "nothing": lambda j: None,
}


@pytest.mark.parametrize("one", DIFFERENCES)
def test_two_runs_are_told_apart_by_anything_in_which_they_differ(tmp_path, one):
    made = []
    for number, (_what, act) in enumerate(DIFFERENCES.items()):
        layout = new_repo(tmp_path / str(number))
        journal = Journal(layout, "run", 1)
        journal.track(0.5, step=1)
        act(journal)
        made.append(record(layout, "run"))
    mine = made[list(DIFFERENCES).index(one)]
    for what, other in zip(DIFFERENCES, made, strict=True):
        assert (compare(mine, other) == "") == (what == one), what


def test_points_that_differ_in_storage_alone_are_found_by_comparing_points(layout, monkeypatch):
    """The summaries are equal; only the stored points are not."""
    write_run(layout, 1)
    index(layout)
    good = record(layout, hash_of(1))
    stored = records(layout)[hash_of(1)]
    assert compare(good, stored) == ""
    real = Record.points

    def changed(self: Record, place: int) -> tuple[Chunk, list[str], object]:
        chunk, writers, by = real(self, place)
        return (
            (chunk._replace(times=chunk.times + 1e-6), writers, by)
            if self is stored
            else (chunk, writers, by)
        )

    monkeypatch.setattr(Record, "points", changed)
    assert "the points of" in compare(good, stored)


# -- while others work --------------------------------------------------------------------------------------------


def test_a_run_that_is_written_while_it_is_verified_is_no_difference(layout, monkeypatch):
    journal = write_run(layout, 1, end=False)
    index(layout)
    real, calls = Tail.update, []

    def update(self: Tail, folder: object = None) -> None:
        if len(calls) < 30:
            calls.append(1)
            journal.track(0.5, step=1000 + len(calls))
        real(self)

    monkeypatch.setattr(Tail, "update", update)
    verdict = verify(layout)
    assert verdict.clean
    assert (verdict.indexed, len(calls)) == (1, 30)


def test_a_run_that_never_comes_to_rest_is_not_compared_and_no_difference(layout, monkeypatch):
    journal = write_run(layout, 1, end=False)
    index(layout)
    real, calls = Tail.update, []

    def update(self: Tail, folder: object = None) -> None:
        calls.append(1)
        journal.track(0.5, step=1000 + len(calls))
        real(self)

    monkeypatch.setattr(Tail, "update", update)
    monkeypatch.setattr(module, "PATIENCE", 5)
    verdict = verify(layout)
    assert verdict.clean
    assert verdict.indexed == 0


# -- read-only ------------------------------------------------------------------------------------------------------

ANSWERS = """
import sys
sys.path.insert(0, {tests!r})
from journals import *
layout = Layout(sys.argv[1])
assert_same_answers(layout)
assert verify(layout).clean
print(sorted(records(layout)))
print(open_generation(layout) is not None)
"""
SCRIPT = ANSWERS.format(tests=str(Path(__file__).parent))


@pytest.mark.parametrize("with_index", [True, False])
def test_a_repository_that_may_only_be_read_answers_the_same(layout, with_index):
    for number in range(3):
        write_run(layout, number, end=False)
    index(layout)
    Journal(layout, hash_of(1), 50).track(9.0, step=90)
    if not with_index:
        shutil.rmtree(layout.index)
    done = without_write_permission(Path(layout.root), SCRIPT)
    assert (done.stdout, done.stderr) == (f"{[hash_of(n) for n in range(3)]}\n{with_index}\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("with_index", [True, False])
def test_a_repository_on_a_read_only_file_system_answers_the_same(layout, tmp_path, with_index):
    for number in range(3):
        write_run(layout, number, end=False)
    index(layout)
    Journal(layout, hash_of(1), 50).track(9.0, step=90)
    if not with_index:
        shutil.rmtree(layout.index)
    there = tmp_path / "there"
    there.mkdir()
    script = 'mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" && exec "$3" -c "$4" "$2/.runstone"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path), str(there), sys.executable, SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "permission denied" in done.stderr.lower() or "not permitted" in done.stderr:
        pytest.skip("may not mount")
    assert (done.stdout, done.stderr) == (f"{[hash_of(n) for n in range(3)]}\n{with_index}\n", "")
    assert_same_answers(layout)


# -- blobs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_blobs(layout):
    """Texts in blobs: in a sequence, in a list, in a parameter, in an object of somebody's own."""
    with Run(repo=layout.root, **QUIET) as run:
        run.track(Text("a" * 20_000), name="one")
        run.track([Text("short"), Text("b" * 20_000)], name="several")
        run["parameter"] = {"deep": [Text("c" * 20_000)]}
        own = CustomObject._restored("tests.own", {})
        own.storage["bytes"] = b"d" * 20_000
        run.track(own, name="own")
    blobs = {Path(blob.path).read_bytes()[:1].decode(): blob for blob in stored_blobs(layout)}
    assert sorted(blobs) == ["a", "b", "c", "d"]
    return blobs


def test_blobs_are_read_and_counted(layout, with_blobs):
    for _ in range(2):
        verdict = verify(layout)
        assert verdict.clean
        assert verdict.blobs == 4
        assert verdict.bytes_read > 80_000
        index(layout)


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("letter", "abcd")
def test_a_missing_blob_is_named_with_what_needs_it(layout, with_blobs, letter, indexed):
    if indexed:
        index(layout)
    os.unlink(with_blobs[letter].path)
    (problem,) = verify(layout).damage
    who = {"a": "'one'", "b": "'several'", "c": "a parameter", "d": "'own'"}[letter]
    assert problem.path == with_blobs[letter].path
    assert re.fullmatch(rf"the blob is missing: {who} of run \w+ needs it", problem.reason)


@pytest.mark.parametrize("letter", "ad")
def test_any_damage_of_a_blob_is_found(layout, with_blobs, letter):
    path = Path(with_blobs[letter].path)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[random.Random(letter).randrange(len(data))] ^= 1
    path.write_bytes(data)
    (problem,) = verify(layout).damage
    assert (problem.path, problem.reason) == (str(path), "the blob's content is not what its name says")
    path.write_bytes(data[:-1])
    assert {problem.reason for problem in verify(layout).damage} >= {
        "the blob's content is not what its name says"
    }


def test_what_is_no_blob_is_foreign_and_what_was_never_completed_a_tail(layout, with_blobs):
    top = Path(layout.blobs)
    (top / "file").write_bytes(b"")
    Path(with_blobs["a"].path).with_name("x.partial").write_bytes(b"")
    verdict = verify(layout)
    assert verdict.clean
    assert [Path(problem.path).name for problem in verdict.foreign] == ["file"]
    assert [Path(problem.path).name for problem in verdict.tails] == ["x.partial"]


def test_an_emptied_blob_is_damage_only_if_a_log_names_it(layout, tmp_path):
    """A power cut may leave a blob without content, and without the line that was to name it."""
    source = tmp_path / "model"
    source.write_bytes(b"weights")
    with Run(repo=layout.root, **QUIET) as run:
        run.log_artifact(source, block=True)
    (blob,) = stored_blobs(layout)
    stray = Path(layout.blob_path("0" * 64))
    stray.parent.mkdir(exist_ok=True)
    stray.touch()
    assert verify(layout).clean
    assert [problem.path for problem in verify(layout).tails] == [str(stray)]
    Path(blob.path).chmod(0o644)
    Path(blob.path).write_bytes(bytes(7))
    assert [problem.path for problem in verify(layout).damage] == [blob.path]
    log = layout.log_path(run.hash, layout.log_names(run.hash)[0])
    os.rename(log, log + "x")
    os.symlink("nowhere", log)  # a log that cannot be read may name anything
    assert {str(stray), blob.path} <= {problem.path for problem in verify(layout).damage}


def test_an_artifact_whose_blob_is_missing_is_damage(layout, tmp_path):
    source = tmp_path / "model"
    source.write_bytes(b"weights")
    with Run(repo=layout.root, **QUIET) as run:
        run.log_artifact(source, block=True)
    (blob,) = stored_blobs(layout)
    os.unlink(blob.path)
    (problem,) = verify(layout).damage
    assert "missing" in problem.reason
    assert "'model'" in problem.reason


def test_a_writer_that_only_one_of_two_records_knows_is_a_difference(layout):
    write_run(layout, 1, end=False)
    one = record(layout, hash_of(1))
    Path(Journal(layout, hash_of(1), 7).path).write_bytes(b"")
    other = record(layout, hash_of(1))
    assert "writer" in compare(one, other)
    assert "writer" in compare(other, one)
