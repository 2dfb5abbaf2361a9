"""Every page with real data, wide and narrow, light and dark: nothing fails, nothing is asked of anybody else."""

import pytest

from runstone import Repo

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

MEDIA = {
    "images": "samples",
    "audios": "speech",
    "texts": "story",
    "figures": "scatter",
    "distributions": "weights",
}


def test_the_table_of_runs(repo, shared, tab, keep):
    page = tab.go(shared(repo) + "runs?q=run.hparams.lr+%3C+0.2")
    page.get_by_text("19 of 25 runs").wait_for()
    assert page.get_by_role("link", name="sweep 23").is_visible()
    keep(tab, f"runs-{page.viewport_size['width']}")


def test_curves(repo, shared, tab, keep):
    page = tab.go(shared(repo) + "metrics?q=metric.name+%3D%3D+%22loss%22&colour=run.hparams.lr")
    page.get_by_text("49 metrics").wait_for()
    page.get_by_role("figure").locator("canvas").first.wait_for()
    keep(tab, f"metrics-{page.viewport_size['width']}")


def test_comparing_runs(repo, shared, tab, keep):
    page = tab.go(shared(repo) + "compare?q=run.hparams.lr+%21%3D+None")
    page.locator("canvas").first.wait_for()
    keep(tab, f"compare-{page.viewport_size['width']}")


@pytest.mark.parametrize("kind", MEDIA)
def test_media(repo, shared, tab, keep, kind):
    page = tab.go(shared(repo) + kind)
    page.locator("main").get_by_text(MEDIA[kind]).first.wait_for()
    if kind == "images":
        page.wait_for_function("() => [...document.images].filter(i => i.naturalWidth === 48).length > 3")
    if kind == "figures":
        page.frame_locator("iframe").first.locator(".main-svg").first.wait_for()
    keep(tab, f"{kind}-{page.viewport_size['width']}")


def test_an_empty_repository_says_what_to_do(tmp_path, up, tab, keep):
    Repo(tmp_path / "repo", init=True)
    page = tab.go(up(tmp_path / "repo") + "runs")
    page.get_by_text("from runstone import Run").wait_for()
    keep(tab, f"empty-{page.viewport_size['width']}")


def test_a_wrong_query_is_underlined_and_explained(repo, shared, wide, keep):
    wide.expected.append("400")
    page = wide.go(shared(repo) + "runs?q=run.hparams.lr+%3E")
    page.locator(".cm-lintRange-error").wait_for()
    keep(wide, "query-error")
