"""Every page with real data, wide and narrow, light and dark: nothing fails, nothing is asked of anybody else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import training

from runstone import Repo

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

MEDIA = {
    "images": "samples",
    "audios": "speech",
    "texts": "story",
    "figures": "scatter",
    "distributions": "weights",
}


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep, one run with everything, and one of each hostile name."""
    folder = tmp_path_factory.mktemp("pages") / "repo"
    training.sweep(folder, 24)
    training.everything(folder, folder.parent)
    return folder


@pytest.fixture(scope="session")
def bad(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Hostile names; and the run that has all of them."""
    folder = tmp_path_factory.mktemp("hostile") / "repo"
    return folder, training.hostile(folder)


def the_run(repo: Path) -> str:
    (run,) = Repo(repo, read_only=True).query_runs("run.name == 'everything'", report_mode=0)
    return run.hash


def test_the_table_of_runs(repo, up, tab, keep):
    page = tab.go(up(repo) + "runs?q=run.hparams.lr+%3C+0.2")
    page.get_by_text("19 of 25 runs").wait_for()
    assert page.get_by_role("link", name="sweep 23").is_visible()
    keep(tab, f"runs-{page.viewport_size['width']}")


def test_curves(repo, up, tab, keep):
    page = tab.go(up(repo) + "metrics?q=metric.name+%3D%3D+%22loss%22&colour=run.hparams.lr")
    page.get_by_text("49 metrics").wait_for()
    page.get_by_role("figure").locator("canvas").first.wait_for()
    keep(tab, f"metrics-{page.viewport_size['width']}")


def test_comparing_runs(repo, up, tab, keep):
    page = tab.go(up(repo) + "compare?q=run.hparams.lr+%21%3D+None")
    page.locator("canvas").first.wait_for()
    keep(tab, f"compare-{page.viewport_size['width']}")


@pytest.mark.parametrize("kind", MEDIA)
def test_media(repo, up, tab, keep, kind):
    page = tab.go(up(repo) + kind)
    page.locator("main").get_by_text(MEDIA[kind]).first.wait_for()
    if kind == "images":
        page.wait_for_function("() => [...document.images].filter(i => i.naturalWidth === 48).length > 3")
    if kind == "figures":
        page.frame_locator("iframe").first.locator(".main-svg").first.wait_for()
    keep(tab, f"{kind}-{page.viewport_size['width']}")


@pytest.mark.parametrize(
    "name", ["overview", "metrics", "terminal", "system", "media", "artifacts", "history", "events"]
)
def test_the_page_of_a_run(repo, up, tab, keep, name):
    page = tab.go(f"{up(repo)}run/{the_run(repo)}?tab={name}")
    assert page.get_by_role("tab", selected=True).first.inner_text().lower().startswith(name)
    assert page.get_by_role("tabpanel").first.inner_text().strip()
    keep(tab, f"run-{name}-{page.viewport_size['width']}")


def test_an_empty_repository_says_what_to_do(tmp_path, up, tab, keep):
    Repo(tmp_path / "repo", init=True)
    page = tab.go(up(tmp_path / "repo") + "runs")
    page.get_by_text("from runstone import Run").wait_for()
    keep(tab, f"empty-{page.viewport_size['width']}")


def test_a_run_that_is_not_there_is_said_to_be_so(repo, up, wide):
    wide.expected.append("404")
    page = wide.go(up(repo) + "run/000000000000000000000000")
    page.get_by_text("There is no such run").wait_for()


def test_an_address_that_is_none_is_said_to_be_so(repo, up, wide):
    wide.expected.append("404")
    page = wide.go(up(repo) + "nothing/here")
    page.get_by_text("There is no such page").wait_for()
    page.get_by_role("link", name="To the runs").click()
    page.get_by_role("link", name="sweep 23").wait_for()


def test_a_wrong_query_is_underlined_and_explained(repo, up, wide, keep):
    wide.expected.append("400")
    page = wide.go(up(repo) + "runs?q=run.hparams.lr+%3E")
    page.locator(".cm-lintRange-error").wait_for()
    keep(wide, "query-error")


def test_hostile_names_are_only_names(bad, up, tab):
    folder, run = bad
    address = up(folder)
    pages = [
        "runs",
        "metrics?q=metric.name+%21%3D+%27%27",
        "compare?q=run.hparams.plain+%3E%3D+0",
        "images",
        "texts",
    ]
    pages += [
        f"run/{run}?tab={name}" for name in ("overview", "metrics", "terminal", "media", "history", "events")
    ]
    for path in pages:
        page = tab.go(address + path)
        assert page.evaluate("window.hit") is None, path
        assert page.get_by_role("alert").count() == 0, path


def test_a_read_only_server_offers_no_changes(repo, up, wide):
    page = wide.go(f"{up(repo, '--read-only')}run/{the_run(repo)}")
    page.get_by_text("read-only").first.wait_for()
    assert page.get_by_role("button", name="Delete").count() == 0


def test_the_page_works_below_a_base_path(repo, up, wide):
    page = wide.go(up(repo, "--base-path", "/lab/runs") + "runs")
    page.get_by_text("25 runs").first.wait_for()
    page.get_by_role("link", name="everything").click()
    page.get_by_role("tab", name="Overview").wait_for()
    assert "/lab/runs/run/" in page.url


def test_with_a_token_only_who_has_it_gets_in(repo, up, browser, wide):
    address = up(repo, "--token", "a-secret-of-enough-length")
    wide.expected.append("401")
    assert "?token=" in address
    page = wide.go(address)
    page.get_by_text("25 runs").first.wait_for()
    assert "token" not in page.url
    other = browser.new_context().new_page()
    other.goto(page.url)
    assert other.evaluate("fetch('api/project').then(reply => reply.status)") == 401
    other.context.close()


@pytest.fixture
def training_run(tmp_path: Path) -> Iterator[tuple[Path, str, Path]]:
    """A process that trains: its repository, its run, and the file that ends it. Both are there before it begins."""
    repo, end = tmp_path / "repo", tmp_path / "end"
    Repo(repo, init=True)
    command = [sys.executable, str(Path(training.__file__)), str(repo), str(end)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    yield repo, process, end
    end.touch()
    process.stdin.close()
    process.stdout.close()
    assert process.wait(timeout=60) == 0


def test_a_training_run_is_seen_while_it_is_written(training_run, up, wide, keep):
    repo, process, end = training_run
    page = wide.go(up(repo) + "runs")
    page.get_by_text("from runstone import Run").wait_for()
    process.stdin.write("begin\n")
    process.stdin.flush()
    run = process.stdout.readline().strip()
    page.get_by_role("link", name="live").wait_for()  # without a reload
    page.get_by_text("1 running").wait_for()
    page.goto(wide.home.replace("/runs", "/metrics?q=metric.name+%3D%3D+%22loss%22"))
    count = "Number(document.querySelector('table tbody tr td:last-child')?.innerText.replace(/,/g, '') ?? 0)"
    page.wait_for_function(f"() => {count} > 20")
    before, drawn = page.evaluate(f"() => {count}"), page.locator("canvas").first.screenshot()
    page.wait_for_function(f"() => {count} > {before} + 100")
    assert page.locator("canvas").first.screenshot() != drawn  # the curve has moved
    keep(wide, "live")
    end.touch()
    page.goto(wide.home.replace("/runs", f"/run/{run}?tab=overview"))
    page.get_by_text("finished").first.wait_for()
