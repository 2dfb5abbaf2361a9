"""The benchmark's own ground: that what it measures is what a user would have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout
BENCH = Path(__file__).parents[1] / "tools" / "bench"
sys.path.insert(0, str(BENCH))


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


def test_a_value_is_late_by_as_long_as_neither_it_nor_a_later_one_is_on_the_screen():
    from visits import delays

    shown = [(0.5, "0"), (1.25, "1"), (2.0, None), (2.5, "3"), (4.0, "1,000")]
    times = [1.0, 1.5, 2.25, *(3.0 + number / 1000 for number in range(997))]
    found = delays(times, shown)
    assert found[:4] == [0.25, 1.0, 0.25, 1.0]
    assert found[-1] == pytest.approx(0.004)
    with pytest.raises(ValueError, match="older"):
        delays([1.0, 2.0], [(1.5, "2"), (2.5, "1")])


def test_of_many_times_the_median_the_95th_percentile_and_the_worst_are_told():
    from row import quantiles

    assert quantiles([float(value) for value in range(100, 0, -1)]) == {
        "median": 50.5,
        "p95": 95.0,
        "worst": 100.0,
    }
    assert quantiles([3.0]) == {"median": 3.0, "p95": 3.0, "worst": 3.0}


def test_the_table_of_the_docs_is_what_was_measured_in_a_browser(tmp_path):
    from goals import goal_for
    from report import write_json
    from row import OURS, Row

    weight = Row("page", "transferred", "B", "S", samples={OURS: [349_000, 350_000, 352_000]})
    table = Row("page", "first rows", "s", "L", goal_for("page table", "L"), {OURS: [0.8, 0.9, 1.25]})
    write_json(tmp_path / "browsing.json", [weight, table], {"browser": "Chromium 1", "cores": "2"})
    page = tmp_path / "performance.md"
    page.write_text("before\n\n<!-- browsing -->\n\nold\n\n<!-- end -->\n\nbehind <!-- end -->\n")
    command = [sys.executable, BENCH / "page.py", page, "--browsing", tmp_path / "browsing.json"]
    subprocess.run(command, check=True)
    text = page.read_text()
    assert "| S | transferred | 350 kB | 349 kB … 352 kB |  |" in text
    assert "| L | first rows | 900 ms | 800 ms … 1.25 s | ≤ 1 s |" in text
    assert "browser: Chromium 1, cores: 2." in text
    assert "old" not in text
    assert (text.startswith("before\n"), text.endswith("behind <!-- end -->\n")) == (True, True)


def test_without_a_browser_it_is_said_how_to_get_one(tmp_path):
    pytest.importorskip("playwright")
    command = [sys.executable, BENCH / "browsing.py", "--data", tmp_path / "data"]
    environment = os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Chromium is missing. On Debian: apt install chromium\n")
    assert list(tmp_path.iterdir()) == []


def test_a_visit_measures_all_that_the_report_has_a_title_for(tmp_path):
    from browsing import TITLES
    from runstone_driver import RunstoneAdapter
    from straight import write_straight
    from tab import BrowserMissingError, chromium
    from visits import visit_chart, visit_charts, visit_table
    from workload import Workload

    if not (BENCH.parents[1] / "ui" / "runstone_ui" / "page" / "index.html").exists():
        pytest.skip("the page has not been built: make page")
    path = tmp_path / "repo"
    write_straight(str(path), Workload("T", runs=60, points=30), lambda done: None)
    RunstoneAdapter.load_reader(adapter := RunstoneAdapter())
    adapter.index(str(path))
    found = {}
    try:
        with chromium() as browser:
            for visit in (visit_table, visit_charts, lambda *where: visit_chart(*where, lines=240)):
                found |= visit(browser, path)
    except BrowserMissingError as error:
        pytest.skip(str(error))
    live = {key for key in TITLES if key.startswith(("lone", "stream"))}
    assert found.keys() == TITLES.keys() - live
    assert [key for key, value in found.items() if not value > 0] == []
