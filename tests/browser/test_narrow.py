"""On a telephone: 390 pixels, and fingers."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

PATHS = [
    "runs",
    "runs?group=run.experiment",
    "runs?q=run.hparams.lr+%3E",
    "metrics",
    "metrics?q=metric.name+%3D%3D+%22loss%22&colour=run.hparams.lr",
    "compare?q=run.hparams.lr+%21%3D+None",
    "compare?q=run.hparams.lr+%21%3D+None&view=scatter",
    "images",
    "audios",
    "texts",
    "figures",
    "distributions",
    "views",
    "nothing/here",
]
TABS = ["overview", "metrics", "terminal", "system", "media", "artifacts", "history", "events"]
WIDER = "() => [document.documentElement.scrollWidth, document.body.scrollWidth].filter(width => width > innerWidth)"


def swipe(page: object, x: int, y: int, by_x: int, by_y: int) -> None:
    """A finger that moves what lies under it."""
    session = page.context.new_cdp_session(page)
    session.send(
        "Input.synthesizeScrollGesture",
        {"x": x, "y": y, "xDistance": by_x, "yDistance": by_y, "gestureSourceType": "touch", "speed": 3000},
    )
    session.detach()


@pytest.mark.parametrize("of", ["repo", "bad"])
def test_no_page_is_wider_than_the_screen(repo, the_run, bad, shared, narrow, of):
    narrow.expected += ["404", "400"]
    folder, run = (repo, the_run) if of == "repo" else bad
    found = {}
    for path in [*PATHS, *(f"run/{run}?tab={name}" for name in TABS)]:
        found[path] = narrow.go(shared(folder) + path).evaluate(WIDER)
    assert {path: wider for path, wider in found.items() if wider} == {}


def test_the_table_is_moved_by_a_finger(repo, shared, narrow):
    page = narrow.go(shared(repo) + "runs")
    grid = page.get_by_role("grid", name="Runs")
    page.get_by_role("link", name="sweep 23").wait_for()
    swipe(page, 250, 500, -200, 0)
    page.wait_for_function("() => document.querySelector('[role=grid]').scrollLeft > 100")
    assert page.get_by_role("link", name="sweep 23").is_visible()  # the name stays
    swipe(page, 250, 600, 0, -300)
    page.wait_for_function("() => document.querySelector('[role=grid]').scrollTop > 100")
    page.get_by_role("link", name="sweep 0", exact=True).wait_for()
    assert grid.evaluate("() => document.documentElement.scrollTop") == 0


def test_menus_are_reached_by_a_finger(repo, shared, narrow):
    page = narrow.go(shared(repo) + "runs")
    page.get_by_role("link", name="sweep 23").wait_for()
    for label in ("Choose columns", "Group the runs", "Export the runs that match", "Queries asked before"):
        page.get_by_role("button", name=label).tap()
        box = page.locator(":popover-open").bounding_box()
        assert box["x"] >= 0, label
        assert box["x"] + box["width"] <= 390, label
        page.touchscreen.tap(380, 5)
        page.locator(":popover-open").wait_for(state="detached")
    page.get_by_role("checkbox", name="Select sweep 22").tap()
    page.get_by_text("1 selected").wait_for()
    page.get_by_role("button", name="Tags of the selected runs").tap()
    page.locator(":popover-open").get_by_role("textbox").wait_for()
    page.touchscreen.tap(380, 5)
    page.get_by_role("link", name="sweep 22").tap()
    page.get_by_role("heading", name="sweep 22").wait_for()
    for name in ("Views", "Compare", "Metrics"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).tap()
    page.get_by_role("link", name="loss").first.tap()
    page.get_by_role("button", name="How to draw").tap()
    page.get_by_role("button", name="Log y").tap()
    page.wait_for_url("**logy=1*")
