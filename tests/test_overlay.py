"""The overlay: a query sees every event at once, whatever the index knows."""

import os
import shutil
import sys
import time
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
    records,
    write_run,
)
from runstone_indexer.discovery import RunFolder, look_into
from runstone_indexer.generation import Generation, open_generation
from runstone_indexer.indexer import Indexer
from runstone_query import overlay as module
from runstone_query.overlay import OLDER_GENERATIONS, Overlay, Tail
from runstone_query.verify import compare
from runstone_writer import reader as reading_end
from runstone_writer.layout import Layout
from runstone_writer.lines import frame
from runstone_writer.state import RunState


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


class Reader:
    """Asks again and again, as one Repo does."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.overlay = Overlay(layout)
        self.generation: Generation | None = None

    def fresh(self) -> dict[str, Tail]:
        hints = self.overlay.candidates()
        self.generation = open_generation(self.layout, self.generation)
        return self.overlay.fresh(hints, self.generation)


def values(tail: Tail) -> list:
    return tail.record().points(0)[0].python_values()


def test_an_indexed_run_that_nobody_writes_is_not_read_again(layout):
    write_run(layout, 1)
    index(layout)
    assert Reader(layout).fresh() == {}


def test_what_is_written_after_indexing_is_seen_at_once(layout):
    journal = write_run(layout, 1, end=False)
    index(layout)
    reader = Reader(layout)
    assert reader.fresh() == {}
    for step in range(10, 13):
        journal.track(float(step), step=step)
        tail = reader.fresh()[hash_of(1)]
        assert values(tail) == [1.0, 1.1, 1.2, *map(float, range(10, step + 1))]
    assert tail.number == 0


def test_a_new_run_is_seen_with_its_hint_and_without(layout):
    write_run(layout, 1)
    index(layout)
    reader = Reader(layout)
    write_run(layout, 2)
    write_run(layout, 3, hint=False)
    assert sorted(reader.fresh()) == [hash_of(2), hash_of(3)]


def test_a_run_whose_folder_was_there_before_its_log_is_seen_without_a_hint(layout):
    """As when rsync makes the folder first: the folder's own time stamp does not move again."""
    os.makedirs(layout.run_folder(hash_of(2)))
    write_run(layout, 1)
    index(layout)
    write_run(layout, 2, hint=False)
    assert sorted(Reader(layout).fresh()) == [hash_of(2)]
    index(layout, full=False)
    assert Reader(layout).fresh() == {}


def test_without_an_index_every_run_is_read_from_its_logs(layout):
    for number in range(3):
        write_run(layout, number, hint=False)
    assert sorted(Reader(layout).fresh()) == [hash_of(n) for n in range(3)]


def test_an_index_that_came_with_a_copy_is_checked_against_all_logs(layout, tmp_path):
    for number in range(3):
        write_run(layout, number)
    index(layout)
    copy = Layout(str(shutil.copytree(layout.root, tmp_path / "copy" / ".runstone")))
    assert Reader(copy).fresh() == {}
    with open(layout.log_path(hash_of(1), layout.log_names(hash_of(1))[0]), "rb") as file:
        known = file.read()
    late = Journal(layout, hash_of(1), 50, hint=False)
    late.track(7.0, step=70)
    shutil.copytree(layout.logs, copy.logs, dirs_exist_ok=True)
    assert known
    assert sorted(Reader(copy).fresh()) == [hash_of(1)]
    assert_same_answers(copy)


def test_a_tail_goes_on_from_an_older_generation_when_a_newer_one_is_published(layout):
    journal = write_run(layout, 1, end=False)
    index(layout)
    reader = Reader(layout)
    journal.track(10.0, step=10)
    first = reader.fresh()[hash_of(1)]
    index(layout)
    journal.track(11.0, step=11)
    second = reader.fresh()[hash_of(1)]
    assert second is first
    assert second.generation is not reader.generation
    assert values(second) == [1.0, 1.1, 1.2, 10.0, 11.0]


def test_a_tail_moves_on_to_a_newer_generation_when_it_has_read_much(layout, monkeypatch):
    monkeypatch.setattr(module, "POINTS_KEPT", 5)
    journal = Journal(layout, "run", 1)
    journal.track(0.0, step=0)
    index(layout)
    reader = Reader(layout)
    bases = set()
    for step in range(1, 30):
        journal.track(float(step), step=step)
        tail = reader.fresh()["run"]
        assert values(tail) == [float(i) for i in range(step + 1)]
        bases.add(tail.generation)
        index(layout)
        assert reader.fresh() in ({}, {"run": tail})
    assert len(bases) > 3


def test_tails_hold_on_to_few_generations(layout):
    journals = [Journal(layout, hash_of(n), n) for n in range(12)]
    reader = Reader(layout)
    for n, journal in enumerate(journals):
        journal.track(1.0)
        index(layout)
        journals[n].track(2.0, step=1)
        reader.fresh()
        bases = {tail.generation for tail in reader.overlay._tails.values()}
        assert len(bases) <= OLDER_GENERATIONS + 1
    assert_same_answers(layout)


def test_a_run_is_covered_when_the_index_has_caught_up(layout):
    journal = write_run(layout, 1, end=False)
    reader = Reader(layout)
    index(layout)
    journal.track(5.0, step=50)
    assert sorted(reader.fresh()) == [hash_of(1)]
    index(layout)
    assert reader.fresh() == {}
    assert reader.overlay._tails == {}


def test_runs_that_are_asked_for_one_by_one_are_not_kept_in_memory(layout):
    for number in range(5):
        write_run(layout, number)
    index(layout)
    reader = Reader(layout)
    reader.fresh()
    for number in range(5):
        tail = reader.overlay.tail(hash_of(number), reader.generation)
        assert tail.state.name == f"number {number}"
    assert reader.overlay._tails == {}


def test_runs_that_have_ended_are_forgotten_by_a_reader_that_stays(layout):
    reader = Reader(layout)
    for number in range(5):
        write_run(layout, number)
        reader.fresh()
        index(layout)
        reader.generation = open_generation(layout)
    reader.fresh()
    assert (reader.overlay._tails, reader.overlay._proven) == ({}, set())


def test_a_log_that_was_cut_behind_the_index_is_read_from_the_start(layout):
    """As after a power cut that took what had been written and not made durable."""
    journal = write_run(layout, 1, points=5, end=False)
    index(layout)
    data = Path(journal.path).read_bytes()
    lines = data.splitlines(keepends=True)
    Path(journal.path).write_bytes(b"".join(lines[:-4]))
    tail = Reader(layout).fresh()[hash_of(1)]
    assert tail.base is None
    assert tail.number == 0
    assert values(tail) == [1.0, 1.1, 1.2]
    assert_same_answers(layout)


def test_a_log_that_was_replaced_behind_the_index_is_read_from_the_start(layout):
    journal = write_run(layout, 1, end=False)
    index(layout)
    other = write_run(layout, 2, points=40)
    shutil.copy(other.path, journal.path)
    assert Reader(layout).fresh()[hash_of(1)].base is None
    assert_same_answers(layout)


def test_a_run_that_was_taken_away_while_it_was_written_is_not_shown(layout):
    write_run(layout, 1, end=False)
    index(layout)
    shutil.rmtree(layout.run_folder(hash_of(1)))
    assert sorted(Reader(layout).fresh()) == [hash_of(1)]
    assert records(layout) == {}


def broken_states(layout: Layout) -> None:
    """Flip a bit in every state that is stored."""
    generation = open_generation(layout)
    assert generation is not None
    for file, entry in zip(reversed(generation.states), generation.manifest.states, strict=True):
        path = Path(generation.folder, entry["file"])
        data = bytearray(path.read_bytes())
        for start in file.column("end")[:-1].tolist():
            data[entry["columns"]["state"][2] + start + 5] ^= 1
        path.write_bytes(data)


def test_a_run_whose_state_is_damaged_in_the_index_is_read_from_its_logs(layout):
    for number in range(3):
        write_run(layout, number, end=number > 0)
    without = records(layout, index=False)
    index(layout)
    broken_states(layout)
    assert_same_answers(layout)
    for run, record in records(layout).items():
        assert record.params == without[run].params
        assert record.points(0)[0].python_values() == without[run].points(0)[0].python_values()
    index(layout)  # a run that is in use is looked at: so the damage is met
    assert_index_is_right(layout)


def test_a_torn_tail_is_waited_for_and_read_when_it_is_complete(layout):
    journal = write_run(layout, 1, end=False)
    index(layout)
    reader = Reader(layout)
    whole = Path(journal.path).read_bytes()
    journal.track(5.0, step=50)
    more = Path(journal.path).read_bytes()[len(whole) :]
    Path(journal.path).write_bytes(whole + more[:10])
    assert reader.fresh() == {}
    Path(journal.path).write_bytes(whole + more)
    assert values(reader.fresh()[hash_of(1)])[-1] == 5.0


def test_damage_is_told_once_and_what_cannot_be_read_as_long_as_that_is_so(layout):
    journal = write_run(layout, 1, end=False)
    journal.flip(2)
    newer = Path(layout.run_folder(hash_of(1)), "19f6a5bd800-000000000099.jsonl")
    newer.write_bytes(b"")
    reader = Reader(layout)
    tail = reader.fresh()[hash_of(1)]
    assert [problem.reason for problem in tail.problems] == ["checksum mismatch"]
    newer.write_bytes(frame(b'{"event":"log","format":99,"run":"run0001","crc":', 0)[0])
    for _ in range(3):
        journal.track(1.0, step=8)
        problems = reader.fresh()[hash_of(1)].problems
        assert len(problems) == 2
        assert problems[0].reason == "checksum mismatch"
        assert "log format 99" in problems[1].reason
    os.unlink(newer)
    journal.track(1.0, step=9)
    assert len(reader.fresh()[hash_of(1)].problems) == 1


def test_a_run_that_cannot_be_folded_harms_no_other(layout, monkeypatch):
    write_run(layout, 1)
    write_run(layout, 2)
    real = module.read_on

    def fail(where: Layout, state: RunState, *rest: object) -> object:
        if state.run == hash_of(1):
            raise ZeroDivisionError("no reason")
        return real(where, state, *rest)

    monkeypatch.setattr(module, "read_on", fail)
    reader = Reader(layout)
    assert sorted(reader.fresh()) == [hash_of(2)]
    tail = reader.overlay.tail(hash_of(1), None)
    assert not tail.is_whole
    assert "ZeroDivisionError" in tail.problems[0].reason
    monkeypatch.setattr(module, "read_on", real)
    assert sorted(reader.fresh()) == [hash_of(1), hash_of(2)]


@pytest.mark.parametrize("seed", range(6))
def test_one_reader_that_stays_sees_what_a_new_one_sees(seed, layout):
    scribe, reader = Scribe(layout, seed), Reader(layout)
    for _ in range(40):
        scribe.act(scribe.random.randrange(1, 15))
        if scribe.random.random() < 0.4:
            index(layout)
        if scribe.random.random() < 0.05:
            Indexer(layout).reindex()
        fresh = reader.fresh()
        for run, tail in fresh.items():
            alone = Tail(layout, run, None)
            alone.update()
            assert compare(alone.record(), tail.record()) == ""
        for run in set(layout.runs()) - set(fresh):
            tail = Tail(layout, run, reader.generation)
            tail.update()
            # Without a hint, only a sweep finds what a known run gets.
            assert not tail.is_fresh or run in scribe.without_hint


def test_nobody_waits_for_a_clock(layout):
    """A run made within the same tick as its folder's time stamp is seen."""
    reader = Reader(layout)
    write_run(layout, 0)
    index(layout)
    began = time.monotonic()
    for number in range(1, 60):
        write_run(layout, number, hint=False)
        assert hash_of(number) in reader.fresh()
    assert time.monotonic() >= began


def test_a_writer_whose_log_has_no_line_yet_is_known_with_an_index_and_without(layout):
    """A power cut may leave an empty file: whether its writer has crashed must not depend on the index."""
    write_run(layout, 0)
    index(layout)
    first = Journal(layout, hash_of(0), 5)
    Path(first.path).write_bytes(b"")
    assert_same_answers(layout)
    index(layout)
    assert_same_answers(layout)


def test_zeros_that_are_filled_without_a_log_getting_longer_are_read_then(layout, monkeypatch):
    journal = write_run(layout, 1, points=9, end=False)
    whole = Path(journal.path).read_bytes()
    at = len(whole) // 2
    reader = Reader(layout)
    monkeypatch.setattr(reading_end, "is_remote", lambda device: True)  # another host is writing
    Path(journal.path).write_bytes(whole[:at] + bytes(40) + whole[at + 40 :])
    partly = reader.fresh()[hash_of(1)]
    assert partly.problems == []
    assert partly.is_fresh
    assert len(values(partly)) < 9
    with Indexer(layout) as indexer:
        indexer.run_once()
        Path(journal.path).write_bytes(whole)
        assert len(values(reader.fresh()[hash_of(1)])) == 9
        indexer.run_once(full=False)
    assert_index_is_right(layout)


def test_a_log_that_is_not_in_a_listing_yet_is_not_taken_for_lost(layout):
    write_run(layout, 1, end=False)
    later = Journal(layout, hash_of(1), 2)
    later.track(9.0, "loss", 9)
    index(layout)
    generation = open_generation(layout)
    folder = look_into(layout, hash_of(1))
    old = RunFolder({name: size for name, size in folder.sizes.items() if name != Path(later.path).name}, [])
    tail = Tail(layout, hash_of(1), generation)
    tail.update(old)  # what a host sees that has not asked the file server for a while
    assert tail.problems == []
    assert values(tail)[-1] == 9.0
