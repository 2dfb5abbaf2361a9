"""Views that are saved under a name: they are events in the repository, and everybody has them."""

import pytest
import training

from runstone import Repo

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views") / "repo"
    training.sweep(folder, 4, steps=2)
    return folder


def save(page, name):
    page.get_by_role("button", name="Save this view").click()
    page.get_by_label("Name of the view").fill(name)
    page.keyboard.press("Enter")
    page.get_by_text("Saved. It is among the").wait_for()


def test_a_view_is_saved_opened_renamed_and_deleted(mine, shared, up, wide, keep):
    page = wide.go(shared(mine) + "runs?q=run.seed+%3C+2&c=run.seed&order_by=run.seed")
    page.get_by_text("2 of 4 runs").wait_for()
    save(page, "the <b>first</b> two")
    page.get_by_role("link", name="views", exact=True).click()
    page.get_by_role("link", name="the <b>first</b> two").wait_for()
    keep(wide, "views-1280")
    elsewhere = up(mine, "--read-only")  # another server, that was started later and writes nothing
    page = wide.go(elsewhere + "views")
    assert page.get_by_role("button", name="Delete the <b>first</b> two").count() == 0
    page.get_by_role("link", name="the <b>first</b> two").click()
    page.get_by_text("2 of 4 runs").wait_for()
    assert page.url == elsewhere + "runs?q=run.seed+%3C+2&c=run.seed&order_by=run.seed"
    page = wide.go(shared(mine) + "views")
    page.get_by_role("button", name="Rename the <b>first</b> two").click()
    page.get_by_label("Name of the view").fill("zero and one")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="zero and one").wait_for()
    page.get_by_role("button", name="Delete zero and one").click()
    page.get_by_text("No saved views").wait_for()
    assert wide.go(elsewhere + "views").get_by_text("No saved views").is_visible()
    page = wide.go(shared(mine) + "views")
    save(wide.go(shared(mine) + "metrics?q=metric.name+%3D%3D+%22loss%22&smooth=0.5"), "smooth")
    page = wide.go(shared(mine) + "views")
    page.get_by_role("button", name="Delete smooth").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="smooth").click()
    page.get_by_text("0.5", exact=True).wait_for()


def test_a_view_that_somebody_else_saves_comes_without_a_reload(mine, shared, browser, wide):
    page = wide.go(shared(mine) + "views")
    context = browser.new_context()
    other = context.new_page()
    other.goto(shared(mine) + "runs")
    save(other, "theirs")
    context.close()
    page.get_by_role("link", name="theirs").wait_for()


def test_views_are_no_runs(mine, shared, wide):
    page = wide.go(shared(mine) + "runs")
    page.get_by_text("4 runs").first.wait_for()
    assert len(list(Repo(mine, read_only=True).iter_runs())) == 4
