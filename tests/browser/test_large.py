"""A hundred thousand runs. Asked for by RUNSTONE_LARGE, which names a repository that has them and is only read.

tools/bench/main.py makes one: workload L.
"""

import os
import re

import pytest

from runstone import Repo

LARGE = os.environ.get("RUNSTONE_LARGE", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.checkout,
    pytest.mark.skipif(not LARGE, reason="RUNSTONE_LARGE names no repository"),
]

ANSWERED = "() => document.querySelector('[aria-label=Runs][aria-busy=false]') !== null"
LAST = """() => {
    const lines = [...document.querySelectorAll('[data-line]')];
    return lines.length > 0 && !lines.some(line => line.querySelector('[class*=pending]'));
}"""


@pytest.fixture(scope="module")
def parameter() -> str:
    """A parameter that is a number."""
    run = next(iter(Repo(LARGE, read_only=True).iter_runs()))
    return next(f"run.{name}" for name, value in run[...].items() if isinstance(value, float))


def first(page: object) -> str:
    return page.locator('[data-line="0"]').inner_text()


def number_in(page: object, line: int) -> float:
    """What stands in the last column of a line."""
    cell = page.locator(f'[data-line="{line}"] [role=gridcell]').last
    return float(cell.inner_text().replace("\u2212", "-").replace(",", ""))


def test_a_hundred_thousand_runs(parameter, shared, wide):
    page = wide.go(shared(LARGE, "--read-only") + f"runs?c={parameter}")
    page.locator("[data-line]").first.wait_for()
    count = page.get_by_role("grid", name="Runs").get_attribute("aria-rowcount")
    total = int(count) - 1
    assert total >= 100_000
    page.get_by_role("grid", name="Runs").focus()
    page.keyboard.press("End")
    page.locator(f'[data-line="{total - 1}"]').wait_for()
    page.wait_for_function(LAST)
    page.get_by_role("button", name=f"{parameter.removeprefix('run.')}, sort").click()
    page.wait_for_function(ANSWERED)
    page.wait_for_function(LAST)
    lowest = number_in(page, 0)
    assert lowest <= number_in(page, 1) <= number_in(page, 5)
    page.keyboard.press("/")
    page.keyboard.insert_text(f"{parameter} > {lowest}")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^[0-9,]+ of [0-9,]+ runs in")).wait_for()
    page.wait_for_function(LAST)
    assert number_in(page, 0) > lowest
    page = wide.go(shared(LARGE, "--read-only") + "runs?group=run.experiment")
    page.get_by_text(re.compile("^[0-9,]+ groups")).wait_for()
    page.locator("[data-line]").first.click()
    page.get_by_role("link").nth(20).wait_for()


def test_all_of_a_hundred_thousand_runs_are_selected(shared, wide):
    page = wide.go(shared(LARGE, "--read-only") + "runs?c=run.hash")
    page.locator("[data-line]").first.wait_for()
    total = int(page.get_by_role("grid", name="Runs").get_attribute("aria-rowcount")) - 1
    page.get_by_role("checkbox", name="Select all that match").click()
    page.get_by_text(f"{total:,} selected").wait_for()
    assert page.get_by_role("link", name="Metrics of these").is_visible()
