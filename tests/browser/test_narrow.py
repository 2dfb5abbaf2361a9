"""On a telephone: 390 pixels, and fingers."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


def swipe(page: object, x: int, y: int, by_x: int, by_y: int) -> None:
    """A finger that moves what lies under it."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, int]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for part in range(1, 11):
        touch("touchMove", {"x": x + by_x * part // 10, "y": y + by_y * part // 10})
    touch("touchEnd")
    session.detach()


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
