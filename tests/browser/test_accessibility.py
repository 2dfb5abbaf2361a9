"""What axe-core finds wrong for those who see a page badly or not at all; and no page is wider than the screen."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

AXE = Path(__file__).resolve().parents[2] / "ui" / "web" / "node_modules" / "axe-core" / "axe.min.js"
JUDGE = """async () => (await axe.run(document, {iframes: false, resultTypes: ['violations']})).violations.flatMap(rule =>
    rule.nodes.map(node => `${rule.id}: ${rule.help}: ${node.html.slice(0, 200)}`))"""
WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? []
    : [`the page is ${document.documentElement.scrollWidth} pixels wide`]"""
PATHS = [
    "runs",
    "runs?group=run.experiment",
    "runs?q=run.hparams.lr+%3E+5",
    "metrics",
    "metrics?q=metric.name+%3D%3D+%22loss%22&colour=run.hparams.lr",
    "compare?q=run.hparams.lr+%21%3D+None",
    "images",
    "audios",
    "texts",
    "figures",
    "distributions",
    "views",
    "nothing/here",
    "run/000000000000000000000000",
]
TABS = ["overview", "metrics", "terminal", "system", "media", "artifacts", "history", "events"]


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make page installs it with the packages of the page")
    return AXE.read_text()


def faults(page: object, axe: str) -> list[str]:
    """What axe-core finds; a sentence for each element."""
    page.evaluate(axe)
    return page.evaluate(JUDGE)


def test_axe_finds_what_is_wrong(shared, repo, wide, axe):
    page = wide.go(shared(repo) + "views")
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    assert [fault.split(":")[0] for fault in faults(page, axe)] == ["label"]


def test_no_page_shuts_anybody_out(repo, the_run, shared, tab, axe):
    tab.expected.append("404")
    found = {}
    paths = [*PATHS, *(f"run/{the_run}?tab={name}" for name in TABS)]
    # what can be too wide, and a page of each kind in the other colours
    for path in (
        paths if tab.page.viewport_size["width"] > 390 else [*PATHS[:6:2], *PATHS[4:8], *paths[-8::2]]
    ):
        page = tab.go(shared(repo) + path)
        found[path] = [*faults(page, axe), *page.evaluate(WIDER)]
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_what_opens_above_a_page_shuts_nobody_out(repo, shared, narrow, axe):
    page = narrow.go(shared(repo) + "runs")
    page.get_by_role("link", name="sweep 23").wait_for()
    for label in ("Choose columns", "Group the runs", "Export the runs that match", "Save this view"):
        page.get_by_role("button", name=label).click()
        page.locator(":popover-open").wait_for()
        assert faults(page, axe) == [], label
        page.keyboard.press("Escape")
    page.get_by_role("checkbox", name="Select sweep 23").click()
    page.get_by_role("button", name="Tags of the selected runs").click()
    page.locator(":popover-open").wait_for()
    assert faults(page, axe) == []
