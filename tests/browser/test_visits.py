"""Ways in: a wrong address, a base path, a token; and a run that is seen while it is written."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import training

from runstone import Repo

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


def test_an_address_that_is_none_is_said_to_be_so(repo, up, wide):
    wide.expected.append("404")
    page = wide.go(up(repo) + "nothing/here")
    page.get_by_text("There is no such page").wait_for()
    page.get_by_role("link", name="To the runs").click()
    page.get_by_role("link", name="sweep 23").wait_for()


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
