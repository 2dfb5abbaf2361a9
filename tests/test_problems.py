"""Problems: listed as long as they are there, and no longer; counted where they are too many."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import new_repo
from runstone_indexer.manifest import Manifest
from runstone_indexer.problems import LISTED, Problems
from runstone_writer.layout import Layout
from runstone_writer.replay import Problem


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_repo(tmp_path)


def at(layout: Layout, run: str, name: str = "x.jsonl", start: int = 0) -> Problem:
    return Problem(os.path.join(layout.run_folder(run), name), start, start, "broken")


def listed(problems: Problems) -> Manifest:
    manifest = Manifest(epoch="e1")
    problems.write_to(manifest)
    return manifest


def test_what_waits_to_be_put_right_is_gone_when_its_run_is_looked_at_again(layout):
    problems = Problems(layout, Manifest(epoch="e1"))
    problems.set_waiting("one", [at(layout, "one")])
    problems.set_waiting("two", [at(layout, "two")])
    problems.set_waiting("one", [])
    assert [row[0] for row in listed(problems).waiting] == [at(layout, "two").path]


def test_problems_are_the_same_after_a_restart(layout):
    problems = Problems(layout, Manifest(epoch="e1"))
    problems.set_waiting("one", [at(layout, "one"), at(layout, "one", "y")])
    problems.add_damage([at(layout, "two", start=7)])
    again = Problems(layout, listed(problems))
    assert listed(again) == listed(problems)
    again.set_waiting("one", [])
    assert listed(again).waiting == []


def test_damage_is_listed_once_however_often_it_is_met(layout):
    problems = Problems(layout, Manifest(epoch="e1"))
    for _ in range(3):
        problems.add_damage([at(layout, "one", start=7), at(layout, "one", start=9)])
    assert len(listed(problems).damage) == 2


def test_damage_is_forgotten_with_its_file_when_everything_is_looked_at(layout):
    os.makedirs(layout.run_folder("one"))
    Path(at(layout, "one").path).touch()
    problems = Problems(layout, Manifest(epoch="e1"))
    problems.add_damage([at(layout, "one"), at(layout, "two")])
    problems.set_waiting("three", [at(layout, "three")])
    problems.start_over()
    assert [row[0] for row in listed(problems).damage] == [at(layout, "one").path]
    assert listed(problems).waiting == []


def test_too_many_problems_are_counted(layout):
    problems = Problems(layout, Manifest(epoch="e1"))
    problems.add_damage([at(layout, "one", start=i) for i in range(LISTED + 5)])
    problems.set_waiting("two", [at(layout, "two", start=i) for i in range(LISTED + 7)])
    manifest = listed(problems)
    assert (len(manifest.damage), len(manifest.waiting), manifest.unlisted) == (LISTED, LISTED, [5, 7])
    assert "12 more problems" in manifest.problems[-1][3]
    again = Problems(layout, manifest)
    assert listed(again).unlisted == [5, 7]
    again.start_over()
    assert listed(again).unlisted == [5, 0]


def test_a_foreign_file_may_have_any_name(layout):
    name = os.fsdecode(b"\xff\xfe.txt")
    problems = Problems(layout, Manifest(epoch="e1"))
    problems.set_waiting("one", [at(layout, "one", name)])
    path = listed(problems).waiting[0][0]
    assert path.encode().decode() == path
