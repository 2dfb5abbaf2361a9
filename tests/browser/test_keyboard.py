"""Everything without a mouse: the query, the table, and whatever else a page has."""

import re

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

PATHS = [
    "runs",
    "metrics",
    "metrics?q=metric.name+%3D%3D+%22loss%22+and+run.seed+%3C+4",
    "compare?q=run.hparams.lr+%21%3D+None",
    "images",
    "texts",
    "views",
]
TABS = ["overview", "metrics", "history"]

# What Tab has to reach: each control that can be seen and used, and is not left to the arrow keys on purpose.
REACHABLE = """() => {
    const all = document.querySelectorAll(
        'a[href], button, input, select, textarea, summary, audio[controls], [tabindex="0"], [contenteditable="true"]');
    const groups = new Set();
    return [...all].filter(element => {
        const isSeen = element.checkVisibility({visibilityProperty: true});
        if (element.tabIndex < 0 || element.disabled || !isSeen) return false;
        if (element.type !== 'radio') return true;
        const isFirst = !groups.has(element.name);
        groups.add(element.name);
        return isFirst;
    }).map((element, place) => { element.dataset.place ??= place; return element.outerHTML.slice(0, 200) }).length;
}"""
HERE = """() => {
    const element = document.activeElement;
    if (element === null || element === document.body || element === document.documentElement) return null;
    if (element.matches('audio')) return {place: element.dataset.place, seen: true};  // the browser shows where in it
    const shows = one => {
        const style = getComputedStyle(one);
        return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    };
    let [seen, up] = [false, element];
    for (let level = 0; level < 5 && up !== null && !seen; level += 1, up = up.parentElement) seen = shows(up);
    return {place: element.dataset.place, seen, html: element.outerHTML.slice(0, 200)};
}"""


def stops(page: object) -> list[dict[str, object]]:
    """Press Tab from the top of the page until the focus leaves it; where it has been."""
    page.evaluate("document.activeElement?.blur()")
    been = []
    for _ in range(400):
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here is None or (been and here["place"] == been[0]["place"]):
            return been
        been.append(here)
    raise AssertionError(f"Tab never leaves the page: {been[-3:]}")


def judged(page: object) -> None:
    """Tab reaches every control of a page, shows where it is, and leaves the page again."""
    count = page.evaluate(REACHABLE)
    been = stops(page)
    reached = {here["place"] for here in been}
    missed = [
        page.locator(f'[data-place="{place}"]').first.evaluate("e => e.outerHTML.slice(0, 200)")
        for place in map(str, range(count))
        if place not in reached
    ]
    assert (missed, [here["html"] for here in been if not here["seen"]]) == ([], [])


def test_tab_goes_through_every_page(repo, the_run, shared, wide):
    for path in [*PATHS, *(f"run/{the_run}?tab={name}" for name in TABS)]:
        judged(wide.go(shared(repo) + path))


def test_tab_goes_through_a_narrow_page(repo, the_run, shared, narrow):
    for path in ["runs", PATHS[2], f"run/{the_run}?tab=overview"]:
        judged(narrow.go(shared(repo) + path))


def test_a_query_is_written_completed_and_asked(repo, shared, wide):
    page = wide.go(shared(repo) + "runs")
    page.get_by_role("link", name="sweep 23").wait_for()
    page.keyboard.press("/")
    editor = page.get_by_role("textbox", name="Query")
    assert editor.evaluate("e => e === document.activeElement")
    page.keyboard.type("run.hparams.optim")
    page.get_by_role("option", name="optimizer").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type(' == "sgd" and run.hparams.lr < 0.05')
    page.keyboard.press("Enter")
    page.get_by_text("6 of 25 runs").wait_for()
    assert editor.inner_text() == 'run.hparams.optimizer == "sgd" and run.hparams.lr < 0.05'
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    page.get_by_text("25 runs", exact=False).first.wait_for()
    page.keyboard.press("ArrowUp")  # what was asked before
    page.keyboard.press("Enter")
    page.get_by_text("6 of 25 runs").wait_for()


def test_what_is_typed_before_the_editor_is_there_is_kept(repo, shared, wide):
    held = []
    wide.page.route("**/field-*.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    page = wide.page
    wide.home = shared(repo) + "runs"
    page.goto(wide.home)
    page.locator("search textarea").wait_for()
    page.keyboard.press("/")
    query = 'run.hparams.optimizer == "sgd" and run.hparams.lr < 0.05'
    page.keyboard.type(query)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    held[0].continue_()
    page.locator("search textarea").wait_for(state="detached")
    page.keyboard.type("0")
    editor = page.get_by_role("textbox", name="Query")
    assert editor.inner_text() == query.replace("0.05", "0.005")
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    page.get_by_text("6 of 25 runs").wait_for()


def test_a_query_is_asked_where_the_editor_cannot_be_had(repo, shared, wide):
    wide.expected = ["field-"]
    wide.page.route("**/field-*.js", lambda route: route.abort())
    page = wide.page
    wide.home = shared(repo) + "runs"
    page.goto(wide.home)
    page.locator("search textarea").wait_for()
    page.keyboard.press("/")
    page.keyboard.type('run.hparams.optimizer == "sgd" and run.hparams.lr < 0.05')
    page.keyboard.press("Enter")
    page.get_by_text("6 of 25 runs").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_table_by_keyboard(repo, shared, wide):
    page = wide.go(shared(repo) + "runs?q=run.hparams.lr+%21%3D+None+and+run.seed+%21%3D+None")
    page.get_by_role("link", name="sweep 23").wait_for()
    grid = page.get_by_role("grid", name="Runs")
    grid.focus()
    line = lambda: page.evaluate(  # noqa: E731
        "() => document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.innerText"
    )
    assert "sweep 23" in line()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "sweep 21" in line()
    page.keyboard.press(" ")
    page.get_by_text("1 selected").wait_for()
    assert page.get_by_role("checkbox", name="Select sweep 21").is_checked()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.get_by_text("3 selected").wait_for()
    page.keyboard.press("End")
    assert "sweep 0" in line()
    page.keyboard.press("Home")
    assert "sweep 23" in line()
    page.keyboard.press("ControlOrMeta+a")
    page.get_by_text("24 selected").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("24 selected").wait_for(state="detached")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="sweep 22").wait_for()
    assert re.search("/run/[0-9a-f]{24}", page.url)
    page.go_back()
    grid.wait_for()


def test_columns_by_keyboard(repo, shared, wide):
    page = wide.go(shared(repo) + "runs")
    page.get_by_role("link", name="sweep 23").wait_for()
    head = page.get_by_role("button", name="Name, sort")
    head.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**order_by=run.name*")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Status, sort"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.get_by_role("menu", name="What can be done with Experiment").wait_for()
    for item in ("Smallest first", "Largest first", "Group by it"):
        page.wait_for_function("text => document.activeElement.innerText.trim() === text", arg=item)
        page.keyboard.press("Enter" if item == "Group by it" else "ArrowDown")
    page.wait_for_url("**group=run.experiment*")
    grid = page.get_by_role("treegrid", name="Runs")
    grid.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("row", name="sweep").first.wait_for()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("row", name="sweep").first.wait_for(state="detached")


def test_a_chart_by_keyboard(repo, shared, wide):
    page = wide.go(shared(repo) + "metrics?q=metric.name+%3D%3D+%22loss%22+and+run.seed+%3C+2")
    chart = page.get_by_role("application", name=re.compile("^loss: 4 lines"))
    chart.focus()
    said = page.locator("figure [aria-live=polite]").first
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('figure [aria-live=polite]').textContent !== ''")
    first = said.text_content()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "text => document.querySelector('figure [aria-live=polite]').textContent !== text", arg=first
    )
    page.keyboard.press("+")
    page.wait_for_url("**xrange=*")
    page.keyboard.press("0")
    page.wait_for_function("() => !location.search.includes('xrange')")
