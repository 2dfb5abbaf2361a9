"""Many runs selected at once: what can be done with them, and what is said where something can't."""

import re
from pathlib import Path

import pytest

from runstone import Repo, Run
from runstone_ui.endpoints import MOST_EDITED

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

TOP = Path(__file__).resolve().parents[2]
MANY = 320  # more than a query can name


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "repo"
    for number in range(MANY):
        run = Run(repo=folder, system_tracking_interval=None, capture_terminal_logs=False)
        run.name = f"run {number}"
        run["number"] = number
        run.track(float(number), name="loss", step=0)
        run.close()
    return folder


def test_no_more_runs_are_changed_at_once_than_the_server_takes():
    source = (TOP / "ui" / "web" / "src" / "pages" / "runs" / "edits.ts").read_text()
    (at_once,) = re.findall(r"^const AT_ONCE = ([0-9_]+);", source, re.MULTILINE)
    assert int(at_once) <= MOST_EDITED


def select_all(page: object, count: str) -> None:
    page.get_by_role("checkbox", name="Select all that match").click()
    page.get_by_text(f"{count} selected").wait_for()


def test_the_curves_of_all_that_match(many, shared, wide):
    page = wide.go(shared(many) + "runs?q=run.number+%3C+300&c=run.number")
    page.get_by_role("link", name="run 299").wait_for()
    select_all(page, "300")
    page.get_by_role("link", name="Metrics of these").click()
    page.get_by_text("300 metrics in").wait_for()
    page.go_back()
    page.get_by_role("link", name="run 299").wait_for()
    select_all(page, "300")
    page.get_by_role("link", name="Compare these").click()
    page.get_by_text(re.compile("^300 of 320 runs in")).wait_for()
    page = wide.go(shared(many) + "runs?c=run.number")
    page.get_by_role("link", name="run 319").wait_for()
    select_all(page, "320")
    page.get_by_role("link", name="Metrics of these").click()
    page.get_by_text("320 metrics in").wait_for()


def test_where_no_query_says_the_same_that_is_said(many, shared, wide):
    page = wide.go(shared(many) + "runs?q=run.number+%3C+300&c=run.number")
    page.get_by_role("link", name="run 299").wait_for()
    select_all(page, "300")
    page.get_by_role("checkbox", name="Select run 298", exact=True).click()
    page.get_by_text("299 selected").wait_for()
    assert page.get_by_role("button", name="Metrics of these").is_disabled()
    page.get_by_text("A query can name 140 runs").wait_for()
    page.get_by_role("button", name="Select none").click()
    for number in (299, 298):
        page.get_by_role("checkbox", name=f"Select run {number}", exact=True).click()
    page.get_by_role("link", name="Metrics of these").click()
    page.get_by_text("2 metrics in").wait_for()


def test_all_of_many_runs_are_changed_and_that_is_undone(many, shared, wide):
    page = wide.go(shared(many) + "runs?c=run.number")
    page.get_by_role("link", name="run 319").wait_for()
    select_all(page, "320")
    page.get_by_role("button", name="Tags of the selected runs").click()
    page.get_by_label("Add a tag to 320 runs").fill("all")
    page.keyboard.press("Enter")
    page.get_by_text("320 runs tagged “all”.").wait_for()
    page.keyboard.press("Escape")
    tagged = Repo(many, read_only=True).query_runs("'all' in run.tags", report_mode=0)
    assert sum(1 for _ in tagged) == MANY
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("320 runs as before.").wait_for()
    assert not list(Repo(many, read_only=True).query_runs("'all' in run.tags", report_mode=0))
