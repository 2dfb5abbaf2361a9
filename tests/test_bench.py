"""The benchmark's own ground: that what it measures is what a user would have."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout
sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "bench"))


def test_a_workload_that_is_composed_reads_as_one_that_scripts_have_written(tmp_path):
    from questions import QUESTIONS, Truth, difference
    from runstone_driver import RunstoneAdapter
    from serve import Driver
    from straight import write_straight
    from workload import Workload

    workload = Workload("T", runs=5, points=3, more_params=4, more_sequences=2)
    driver = Driver(RunstoneAdapter(), lambda message: None)
    written, composed = str(tmp_path / "written"), str(tmp_path / "composed")
    labels = {written: driver.write(written, vars(workload))["labels"]}
    labels[composed] = write_straight(composed, workload, lambda done: None)
    found = {path: {label: _all_of(path, run) for run, label in labels[path].items()} for path in labels}
    assert found[written] == found[composed]
    variant = QUESTIONS["P11"].make(0, workload)
    for path in labels:
        driver.index(path)
        answer = driver.answer(path, "points", variant.aimql, labels[path])
        assert difference(answer, Truth(workload).answer("points", variant)) == ""
        assert len(answer) == 5 * 6


def _all_of(path: str, run: str) -> object:
    from runstone import Repo

    found = Repo(path, index=False, read_only=True).get_run(run)
    assert found is not None
    points = [(m.name, m.context.to_dict(), *map(list, m.values.sparse_list())) for m in found.metrics()]
    return found[...], points, found.active, found.end_time is not None
