"""What a reader does with curves, and with the pictures of Compare; it stands in the address, and a reload keeps it."""

import math
import re
from pathlib import Path

import pytest
import training

from runstone import Run

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

LOSS = "metrics?q=metric.name+%3D%3D+%22loss%22"
ROWS = "() => [...document.querySelectorAll('table tbody tr[data-line]')].map(e => e.innerText.split('\\t'))"
LONG = 9000


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep, and a run whose curve has more points than a screen."""
    folder = tmp_path_factory.mktemp("curves") / "repo"
    training.sweep(folder, 4, steps=30)
    run = Run(repo=folder, experiment="long", system_tracking_interval=None)
    run.name = "long"
    for step in range(LONG):
        run.track(10.0 if step == 4321 else math.sin(step / 500), name="wave", step=step)
    run.close()
    return folder


def rows(page: object) -> list[list[str]]:
    """The legend: a list of texts for each line."""
    return page.evaluate(ROWS)


def plot(page: object) -> object:
    page.locator("figure canvas").first.wait_for()
    return page.get_by_role("application").first


def drawn(page: object) -> bytes:
    return plot(page).screenshot()


def choose(page: object, picker: str, option: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{picker} ")).first.click()
    page.get_by_role("combobox", name=f"{picker}: search").fill(option)
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def reloaded(page: object) -> None:
    """A reload keeps the number of charts, and the legend."""
    before = (page.locator("figure").count(), rows(page))
    page.reload()
    page.locator("figure canvas").first.wait_for()
    page.wait_for_function("count => document.querySelectorAll('figure').length === count", arg=before[0])
    assert rows(page) == before[1]


def test_curves_are_coloured_and_split_by_what_runs_differ_in(curves, shared, wide):
    page = wide.go(shared(curves) + LOSS)
    assert len(rows(page)) == 8
    choose(page, "Colour", "hparams.optimizer")
    page.wait_for_url("**colour=*run.hparams.optimizer*")
    choose(page, "Charts", "hparams.optimizer")
    page.wait_for_function("() => document.querySelectorAll('figure').length === 2")
    titles = page.locator("figure h2, figure h3").all_inner_texts()
    assert [("adam" in title, "sgd" in title) for title in titles] == [(True, False), (False, True)]
    reloaded(page)


def test_means_of_groups(curves, shared, wide):
    page = wide.go(shared(curves) + LOSS + "&colour=run.hparams.optimizer")
    page.get_by_label("Aggregate").select_option("Mean of groups")
    page.get_by_label("Band").select_option("quartiles")
    page.get_by_text("2 groups").wait_for()
    assert sorted(row[-1] for row in rows(page)) == ["4", "4"]
    assert "aggregate=mean.quartiles" in page.url
    reloaded(page)


def test_smoothing_and_logarithmic_axes_change_the_picture(curves, shared, wide):
    page = wide.go(shared(curves) + LOSS)
    page.mouse.move(0, 0)
    pictures = [drawn(page)]
    page.get_by_role("slider", name="Smoothing").fill("90")
    page.wait_for_url("**smooth=0.9*")
    wide.settle()
    pictures.append(drawn(page))
    for name, said in (("Log y", "logy=1"), ("Log x", "logx=1"), ("Ignore outliers", "trim=1")):
        page.get_by_role("button", name=name).click()
        page.wait_for_url(f"**{said}*")
        assert page.get_by_role("button", name=name).get_attribute("aria-pressed") == "true"
        pictures.append(drawn(page))
    assert len(set(pictures[:4])) == 4
    reloaded(page)


@pytest.mark.parametrize(
    ("option", "x"), [("epoch", "epoch"), ("time of day", "time"), ("accuracy", "metric%3Aaccuracy")]
)
def test_another_x(curves, shared, wide, option, x):
    page = wide.go(shared(curves) + LOSS)
    choose(page, "x", option)
    page.wait_for_url(f"**x={x}*")
    label = "accuracy" if option == "accuracy" else x
    page.get_by_role("application", name=re.compile(f"8 lines over {label}")).wait_for()
    reloaded(page)


def test_zooming_in_brings_every_point(curves, shared, wide):
    page = wide.go(shared(curves) + "metrics?q=metric.name+%3D%3D+%22wave%22")
    page.get_by_text("thinned").first.wait_for()
    assert rows(page)[0][-1] == "9,000"
    assert "10" in rows(page)[0]  # the one peak is there all the same
    box = plot(page).bounding_box()
    left, width, middle = box["x"], box["width"], box["y"] + box["height"] / 2
    page.mouse.move(left + width * 0.45, middle)
    page.mouse.down()
    page.mouse.move(left + width * 0.5, middle, steps=3)
    page.mouse.move(left + width * 0.55, middle + 3, steps=3)
    page.mouse.up()
    page.wait_for_url("**xrange=*")
    page.get_by_text("every point").wait_for()
    low, high = map(float, re.search(r"xrange=([\d.]+)\.\.([\d.]+)", page.url).groups())
    assert 3500 < low < high < 5500
    page.reload()
    page.get_by_text("every point").wait_for()
    page.get_by_role("button", name="Show all of wave").click()
    page.get_by_text("thinned").first.wait_for()


def test_the_legend_hides_shows_and_sorts(curves, shared, wide):
    page = wide.go(shared(curves) + LOSS)
    page.get_by_role("button", name=re.compile("^Show sweep 0 loss subset=val")).click()
    page.get_by_text("1 hidden").wait_for()
    page.get_by_text("7 of 8 lines").wait_for()
    reloaded(page)
    page.get_by_role("button", name="Show all", exact=True).click()
    page.get_by_text("1 hidden").wait_for(state="detached")
    page.get_by_role("button", name="last", exact=True).click()
    page.wait_for_url("**sort=-last*")
    last = [float(row[-2]) for row in rows(page)]
    assert last == sorted(last, reverse=True)
    page.get_by_role("row", name=re.compile("sweep 3.*val")).get_by_role("button", name="only").click(
        force=True
    )
    page.get_by_text("7 hidden").wait_for()
    page.locator("tr[data-line]").first.get_by_role("link").click()
    page.get_by_role("tab", name="Overview").wait_for()


def test_the_cursor_says_values_in_the_legend(curves, shared, wide):
    page = wide.go(shared(curves) + LOSS)
    box = plot(page).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-cursor]')].every(e => Number(e.textContent) > 0)"
    )


COMPARE = "compare?q=run.hparams.lr+%21%3D+None"


def test_a_brush_on_parallel_coordinates_selects(curves, shared, wide):
    page = wide.go(shared(curves) + COMPARE)
    wide.settle()
    if page.get_by_role("application", name=re.compile("^Parallel")).count() == 0:
        page.get_by_role("button", name=re.compile("Parallel")).click()
    surface = page.get_by_role("application", name=re.compile("^Parallel"))
    page.get_by_role("button", name="Axis hparams.lr").wait_for()
    listed = page.locator("table tbody tr")
    assert listed.count() == 4
    head = page.get_by_role("button", name="Axis hparams.lr").bounding_box()
    box = surface.bounding_box()
    x = head["x"] + head["width"] / 2
    page.mouse.move(x, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] * 0.4, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Show all of hparams.lr").wait_for()
    page.wait_for_function("() => document.querySelectorAll('table tbody tr').length < 4")
    kept = listed.count()
    assert 0 < kept < 4
    page.reload()
    page.get_by_role("button", name="Show all of hparams.lr").wait_for()
    page.wait_for_function(f"() => document.querySelectorAll('table tbody tr').length === {kept}")
    page.get_by_role("button", name="Put into the query").click()
    page.get_by_text(f"{kept} of 5 runs").wait_for()
    page.get_by_role("button", name="Show all of hparams.lr").wait_for(state="detached")


def test_a_scatter_plot_leads_to_its_runs(curves, shared, wide):
    page = wide.go(shared(curves) + COMPARE + "&view=scatter")
    surface = page.get_by_role("application", name=re.compile("^Scatter"))
    surface.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/run/*")
    page.get_by_role("heading", name=re.compile("sweep")).first.wait_for()
