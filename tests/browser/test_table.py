"""The columns of the table, and what is selected in it; what it shows stands in the address."""

import csv
from collections.abc import Callable, Iterator

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

ASKED = "runs?q=run.seed+%21%3D+None&c=run.hparams.lr&c=run.hparams.batch_size&c=run.hparams.optimizer"
HEADS = "() => [...document.querySelectorAll('[data-head]')].map(e => e.innerText.trim().replace('\\n', ''))"
CELLS = """() => [...document.querySelectorAll('[data-line]')].sort((a, b) => a.dataset.line - b.dataset.line)
    .map(line => [...line.querySelectorAll('[role=gridcell]')].slice(1).map(cell => cell.innerText.trim()))"""

WIDTH = """[...document.querySelectorAll('[role=columnheader]')]
    .find(e => e.querySelector('[aria-label="hparams.lr, sort"]'))?.offsetWidth"""
ANSWERED = "() => document.querySelector('[aria-label=Runs][aria-busy=false]') !== null"


def heads(page: object) -> list[str]:
    return page.evaluate(HEADS)


def cells(page: object) -> list[list[str]]:
    return page.evaluate(CELLS)


def menu(page: object, column: str, item: str) -> None:
    page.get_by_role("columnheader", name=column).hover()
    page.get_by_role("button", name=f"What can be done with {column}").click()
    page.get_by_role("menuitem", name=item).click()


@pytest.fixture
def others(browser: object) -> Iterator[Callable[[str], object]]:
    """Opens an address as somebody else would: in a browser of their own."""
    contexts = []

    def opened(address: str) -> object:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 800}))
        page = contexts[-1].new_page()
        page.goto(address)
        page.locator("[data-line]").first.wait_for()
        page.wait_for_function(ANSWERED)
        return page

    yield opened
    for context in contexts:
        context.close()


def same_for_others(page: object, others: Callable[[str], object]) -> None:
    """What a page shows, it shows after a reload, and somebody else sees the same under that address."""
    shown = (heads(page), cells(page))
    page.reload()
    page.locator("[data-line]").first.wait_for()
    assert (heads(page), cells(page)) == shown
    other = others(page.url)
    assert (heads(other), cells(other)) == shown


def test_columns_are_dragged_pinned_and_hidden(repo, shared, wide, others):
    page = wide.go(shared(repo) + ASKED)
    page.get_by_role("link", name="sweep 23").wait_for()
    before = heads(page)
    assert before[-3:] == ["hparams.lr", "hparams.batch_size", "hparams.optimizer"]
    page.get_by_role("button", name="hparams.optimizer, sort").drag_to(
        page.get_by_role("columnheader", name="hparams.lr")
    )
    assert heads(page)[-3:] == ["hparams.optimizer", "hparams.lr", "hparams.batch_size"]
    menu(page, "hparams.batch_size", "Pin to the left")
    assert heads(page)[:2] == ["Name", "hparams.batch_size"]
    assert "pin=" in page.url
    menu(page, "hparams.lr", "Hide")
    assert "hparams.lr" not in heads(page)
    assert cells(page)[0][:2] == ["sweep 23", "128"]
    same_for_others(page, others)
    page.go_back()  # and each step is one of the browser's
    page.wait_for_function(f"() => ({HEADS})().includes('hparams.lr')")


def test_columns_are_chosen(repo, shared, wide, others):
    page = wide.go(shared(repo) + ASKED)
    page.get_by_role("button", name="Choose columns").click()
    page.get_by_role("searchbox", name="Find a name").fill("seed")
    page.get_by_role("checkbox", name="seed", exact=True).check()
    page.get_by_label("Any expression").fill('run.metrics["loss", {"subset": "val"}].min * 100')
    page.get_by_role("button", name="Add", exact=True).click()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.querySelectorAll('[data-head]').length === 11")
    assert heads(page)[-2] == "seed"
    grid = page.get_by_role("grid", name="Runs")
    grid.evaluate("e => e.scrollTo({left: e.scrollWidth})")
    shown = 'document.querySelector(\'[data-line="0"] [aria-colindex="12"]\')?.innerText'
    page.wait_for_function(f"() => Number({shown}) > 100")
    same_for_others(page, others)


def test_a_column_keeps_the_width_that_it_was_given(repo, shared, wide):
    page = wide.go(shared(repo) + ASKED)
    head = page.get_by_role("columnheader", name="hparams.lr")
    before = head.bounding_box()
    right, middle = before["x"] + before["width"] - 2, before["y"] + before["height"] / 2
    page.mouse.move(right, middle)
    page.mouse.down()
    for by in (40, 80):
        page.mouse.move(right + by, middle)
        page.wait_for_function(f"() => Math.abs({WIDTH} - {before['width'] + by}) < 4")
    page.mouse.up()
    page.wait_for_function(f"() => Math.abs({WIDTH} - {before['width'] + 80}) < 4")
    assert page.url.endswith(ASKED)  # it has not sorted, and is no part of what is shown
    page.reload()
    head.wait_for()
    page.wait_for_function(f"() => Math.abs({WIDTH} - {before['width'] + 80}) < 4")


def test_sorting_by_a_parameter(repo, shared, wide, others):
    page = wide.go(shared(repo) + ASKED)
    page.get_by_role("button", name="hparams.lr, sort").click()
    page.wait_for_url("**order_by=run.hparams.lr*")
    page.wait_for_function(ANSWERED)
    at = heads(page).index("hparams.lr")
    values = [float(row[at]) for row in cells(page)]
    assert values == sorted(values)
    assert values[0] == 0.01
    page.get_by_role("button", name="hparams.lr, sort").click()
    page.wait_for_function(ANSWERED)
    values = [float(row[at]) for row in cells(page)]
    assert values == sorted(values, reverse=True)
    assert page.get_by_role("columnheader", name="hparams.lr").get_attribute("aria-sort") == "descending"
    same_for_others(page, others)


def test_groups_fold_and_unfold(repo, shared, wide, others):
    page = wide.go(shared(repo) + ASKED)
    page.get_by_role("button", name="Group the runs").click()
    page.locator(":popover-open").get_by_role("button", name="hparams.optimizer").click()
    page.get_by_text("2 groups").wait_for()
    lines = page.locator("[data-line]")
    assert sorted(text.split("\n")[1] for text in lines.all_inner_texts()) == ["adam", "sgd"]
    same_for_others(page, others)
    lines.filter(has_text="sgd").click()
    page.get_by_role("link", name="sweep 23").wait_for()
    assert page.get_by_role("link", name="sweep 22").count() == 0
    lines.filter(has_text="sgd").first.click()
    page.get_by_role("link", name="sweep 23").wait_for(state="detached")
    page.get_by_role("button", name="No groups").click()
    page.get_by_role("link", name="sweep 22").wait_for()


def test_what_selected_runs_differ_in(repo, shared, wide):
    page = wide.go(shared(repo) + ASKED)
    for number in (1, 5):  # same rate and optimizer, another batch size
        page.get_by_role("checkbox", name=f"Select sweep {number}", exact=True).click()
    page.get_by_text("2 selected").wait_for()
    page.get_by_role("button", name="Only differences").click()
    page.wait_for_function(f"() => !({HEADS})().includes('hparams.lr')")
    assert "hparams.batch_size" in heads(page)
    assert "hparams.optimizer" not in heads(page)
    page.get_by_role("button", name="Side by side").click()
    beside = page.get_by_role("region", name="Side by side")
    beside.get_by_text("batch_size").first.wait_for()
    page.get_by_role("button", name="Select none").click()
    page.wait_for_function(f"() => ({HEADS})().includes('hparams.lr')")


def test_a_file_has_what_the_table_shows(repo, shared, wide, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    page = wide.go(shared(repo) + ASKED + "&order_by=run.hparams.lr&descending=1")
    page.get_by_role("link", name="sweep 0", exact=True).wait_for()
    shown, at = cells(page), heads(page).index("hparams.lr")
    for name in ("CSV", "Parquet"):
        page.get_by_role("button", name="Export the runs that match").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=name).first.click()
        download.value.save_as(tmp_path / name)
    with (tmp_path / "CSV").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    names = ["run.hparams.lr", "run.hparams.batch_size", "run.hparams.optimizer"]
    assert [[row["name"], *(row[name] for name in names)] for row in rows][: len(shown)] == [
        [row[0], *row[at : at + 3]] for row in shown
    ]
    table = parquet.read_table(tmp_path / "Parquet")
    assert table.column("name").to_pylist() == [row["name"] for row in rows]
    assert table.column("run.hparams.lr").to_pylist() == [float(row["run.hparams.lr"]) for row in rows]
