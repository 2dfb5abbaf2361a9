"""What is said of a run: notes, and that its properties are its own attributes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer
from runstone import MissingKeyError, ReadOnlyError, Repo, Run, UsageError


def stored(repo, run):
    return Repo(repo, index=False).get_run(run.hash)


def texts(run):
    return [note.text for note in run.notes]


def test_notes_are_added_changed_and_taken_away(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    assert run.notes == []
    first = run.add_note("loss explodes \ud800 from step 2 on")
    second = run.add_note("")
    assert texts(run) == ["loss explodes \ud800 from step 2 on", ""]
    run.update_note(second, "fixed")
    assert run.find_note(second).text == "fixed"
    assert run.find_note(second).created < run.find_note(second).updated
    run.remove_note(first)
    assert texts(run) == ["fixed"]
    assert run.find_note(first) is None
    run.close()
    assert stored(tmp_path, run).notes == Repo(tmp_path).get_run(run.hash).notes
    assert texts(Repo(tmp_path).get_run(run.hash)) == ["fixed"]


@pytest.mark.parametrize("change", [lambda run: run.update_note("x", "y"), lambda run: run.remove_note("x")])
def test_a_note_that_is_not_there_cannot_be_changed(tmp_path, change):
    run = Run(repo=tmp_path, **QUIET)
    there = run.add_note("a")
    with pytest.raises(MissingKeyError, match=there):
        change(run)


@pytest.mark.parametrize("text", [None, 5, b"x"])
def test_a_note_is_text(tmp_path, text):
    run = Run(repo=tmp_path, **QUIET)
    with pytest.raises(UsageError, match="the note of a run is a string"):
        run.add_note(text)
    assert run.notes == []


def test_anybody_may_write_a_note_to_a_run_that_is_going_on_or_over(tmp_path):
    with Writer(tmp_path) as writer:
        found = Repo(tmp_path).get_run(writer.hash)
        note = found.add_note("seen")
        assert texts(found) == ["seen"]
        writer.do(f"run.update_note({note!r}, run.notes[0].text + ' and answered')")
        writer.end()
        found = Repo(tmp_path).get_run(writer.hash)
        assert texts(found) == ["seen and answered"]
        found.remove_note(note)
        assert Repo(tmp_path).get_run(writer.hash).notes == []


def test_a_repository_that_is_read_takes_no_notes(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    run.close()
    found = Repo(tmp_path, read_only=True).get_run(run.hash)
    with pytest.raises(ReadOnlyError):
        found.add_note("x")


def test_aims_props_are_the_run(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    run.props.name = "first"
    run.props.add_note("n")
    assert (run.name, texts(run)) == ("first", ["n"])
