"""Reading on: a log that grew is the same log; one that was cut, replaced or taken away is read from the start."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, new_repo
from runstone_indexer.discovery import look_into
from runstone_indexer.reading import Reading, read_on
from runstone_writer.layout import Layout
from runstone_writer.state import RunState


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


@pytest.fixture
def journal(layout: Layout) -> Journal:
    """A log of five points that has been read."""
    made = Journal(layout, "run", 1)
    for step in range(5):
        made.track(float(step), step=step)
    return made


def read(layout: Layout, state: RunState | None = None) -> Reading:
    return read_on(layout, state or RunState("run"), look_into(layout, "run"))


def values(reading: Reading) -> list[float]:
    return [value for _, _, chunk in reading.chunks for value in chunk.python_values()]


def cut(journal: Journal, count: int) -> None:
    """Take away whole lines at the end."""
    lines = Path(journal.path).read_bytes().splitlines(keepends=True)
    Path(journal.path).write_bytes(b"".join(lines[:-count]))


def assert_started_over(layout: Layout, before: Reading, expected: list[float], damaged: bool = True) -> None:
    after = read(layout, before.state)
    assert after.started_over
    assert values(after) == expected
    assert len(after.damage) == damaged
    alone = read(layout)
    assert after.state.dump() == alone.state.dump() or [s.summary.dump() for s in after.state.sequences] == [
        s.summary.dump() for s in alone.state.sequences
    ]


def test_only_what_is_new_is_read(layout, journal):
    first = read(layout)
    assert (values(first), first.bytes_read, first.started_over) == (
        [0, 1, 2, 3, 4],
        os.path.getsize(journal.path),
        False,
    )
    again = read(layout, first.state)
    assert (values(again), again.bytes_read, again.extent) == ([], 0, first.extent)
    journal.track(5.0, step=5)
    other = Journal(layout, "run", 2)
    other.track(6.0, step=6)
    more = read(layout, again.state)
    assert values(more) == [5.0, 6.0]
    assert not more.started_over
    assert more.extent == os.path.getsize(journal.path) + os.path.getsize(other.path)


def test_a_torn_tail_is_left_and_told_and_read_when_it_is_complete(layout, journal):
    size = os.path.getsize(journal.path)
    journal.track(5.0, step=5)
    whole = Path(journal.path).read_bytes()
    Path(journal.path).write_bytes(whole[:-3])
    first = read(layout)
    assert [(tail.start, tail.end) for tail in first.tails] == [(size, len(whole) - 3)]
    assert (first.damage, first.unread, first.extent) == ([], [], size)
    Path(journal.path).write_bytes(whole)
    second = read(layout, first.state)
    assert (values(second), second.tails) == ([5.0], [])


def test_a_log_that_lost_lines_is_read_from_the_start(layout, journal):
    before = read(layout)
    cut(journal, 2)
    assert_started_over(layout, before, [0, 1, 2])


def test_a_log_that_lost_lines_and_grew_again_is_read_from_the_start(layout, journal):
    before = read(layout)
    cut(journal, 2)
    for step in range(10, 20):
        journal.track(float(step), step=step)
    assert_started_over(layout, before, [0, 1, 2, *map(float, range(10, 20))])


def test_a_log_whose_end_became_zeros_is_read_from_the_start(layout, journal):
    before = read(layout)
    last = len(Path(journal.path).read_bytes().splitlines(keepends=True)[-1])
    data = Path(journal.path).read_bytes()
    Path(journal.path).write_bytes(data[:-last] + bytes(last))
    assert_started_over(layout, before, [0, 1, 2, 3])


def test_another_log_in_its_place_is_not_taken_for_it(layout, journal):
    before = read(layout)
    other = Journal(layout, "other", 1)
    other.track(9.0)
    shutil.copy(other.path, journal.path)
    after = read(layout, before.state)
    assert after.started_over
    assert values(after) == []
    assert "found in the place of" in after.damage[0].reason or "found in the place of" in str(after.unread)


def test_a_log_that_is_gone_takes_its_points_with_it(layout, journal):
    other = Journal(layout, "run", 2)
    other.track(6.0, step=6)
    before = read(layout)
    os.unlink(journal.path)
    assert_started_over(layout, before, [6.0])


def test_a_run_without_any_log_is_empty_and_nothing_is_wrong_with_it(layout, journal):
    before = read(layout)
    shutil.rmtree(layout.run_folder("run"))
    assert_started_over(layout, before, [], damaged=False)


def test_a_log_that_cannot_be_read_now_is_not_taken_for_another(layout, journal):
    before = read(layout)
    os.rename(journal.path, f"{journal.path}.away")
    os.symlink(f"{journal.path}.away", journal.path)  # links are not followed
    after = read(layout, before.state)
    assert not after.started_over
    assert [problem.reason.partition(":")[0] for problem in after.unread] == ["cannot be read"]
    assert after.damage == []
    os.unlink(journal.path)
    os.rename(f"{journal.path}.away", journal.path)
    journal.track(5.0, step=5)
    assert values(read(layout, after.state)) == [5.0]


def test_damage_and_what_could_not_be_read_are_told_apart(layout, journal):
    journal.flip(2)
    journal.track("not a number", "bad")
    newer = Journal(layout, "run", 2)
    os.unlink(newer.path)
    newer.event("log", format=99, run="run", writer=newer.writer, part=0, kind="run", host="", pid=1)
    reading = read(layout)
    assert [problem.path for problem in reading.unread] == [newer.path]
    assert "format 99" in reading.unread[0].reason
    assert len(reading.damage) == 2
    assert values(reading) == [0.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "junk", [b"\0" * 5000, b"garbage\n" * 10, b"\n", b"[]\n", b"{}\n", b"[" * 10_000, b"\xff\xfe\n"]
)
def test_anything_can_stand_at_the_end_of_a_log(layout, journal, junk):
    journal.raw(junk)
    reading = read(layout)
    assert values(reading) == [0, 1, 2, 3, 4]
    assert not read(layout, reading.state).started_over
