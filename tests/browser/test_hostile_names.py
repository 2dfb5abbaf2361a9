"""Names that nobody should have are only names, on every page."""

import pytest

from runstone import Run

# Signs that are not seen and change what is, in what a page shows and says; but for fields, where they can be deleted.
UNSEEN = """() => {
    const sign = /(?![\\t\\n\\r])[\\p{Cc}\\p{Bidi_Control}\\u2028\\u2029\\u200b\\ufeff]/u;
    const found = [];
    const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walk.currentNode; node !== null; node = walk.nextNode()) {
        if (node.nodeType === Node.TEXT_NODE && sign.test(node.data))
            found.push(node.parentElement.outerHTML.slice(0, 200));
        for (const name of ['title', 'aria-label', 'alt', 'placeholder'])
            if (sign.test(node.getAttribute?.(name) ?? '')) found.push(`${name} of ${node.outerHTML.slice(0, 200)}`);
    }
    return found;
}"""

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


def pages_of(run: str) -> list[str]:
    """Every page on which names stand."""
    tabs = ("overview", "metrics", "terminal", "media", "artifacts", "history", "events")
    return [
        "runs",
        "runs?group=run.name",
        "metrics",
        "metrics?q=metric.name+%21%3D+%27%27&colour=run.hparams.text",
        "compare?q=run.hparams.plain+%3E%3D+0&axes=run.hparams.text&axes=run.name",
        "images",
        "texts",
        "views",
        *(f"run/{run}?tab={name}" for name in tabs),
    ]


def test_hostile_names_are_only_names(bad, shared, tab):
    folder, run = bad
    address = shared(folder)
    for path in pages_of(run):
        page = tab.go(address + path)
        assert page.evaluate("window.hit") is None, path
        assert page.get_by_role("alert").count() == 0, path
        assert page.evaluate(UNSEEN) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_signs_that_are_not_seen_are_written_out(bad, shared, wide):
    address = shared(bad[0])
    page = wide.go(address + "runs")
    name = page.get_by_role("link", name="⟨U+202E⟩gnp.exe⟨U+202C⟩", exact=True)
    assert name.locator(".sign").all_inner_texts() == ["⟨U+202E⟩", "⟨U+202C⟩"]
    left = [sign.bounding_box()["x"] for sign in name.locator(".sign").all()]
    assert left[0] < left[1]  # in the order in which they were written
    page.get_by_role("checkbox", name="Select ⟨U+202E⟩gnp.exe⟨U+202C⟩").click()
    page.get_by_role("button", name="Tags of the selected runs").click()
    page.locator(":popover-open .sign").first.wait_for()
    page.get_by_role("button", name="Choose columns").click()
    page.locator(":popover-open").get_by_role("searchbox").wait_for()
    assert page.evaluate(UNSEEN) == []


def test_a_name_in_hebrew_leaves_its_neighbours_alone(tmp_path, up, wide):
    for name in ("שלום", "plain"):
        run = Run(repo=tmp_path / "repo", system_tracking_interval=None)
        run.name = name
        run.add_tag("א1")
        run.add_tag("2ב")
        run.close()
    page = wide.go(up(tmp_path / "repo") + "runs")
    page.get_by_role("link", name="plain").wait_for()
    tags = page.get_by_role("row").filter(has_text="שלום").get_by_text("ב").or_(page.get_by_text("א")).all()
    isolated = [tag.evaluate("e => getComputedStyle(e).unicodeBidi") for tag in tags]
    assert set(isolated) == {"isolate"}
