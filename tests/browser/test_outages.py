"""What a page says when something is not as it should be: nothing there, a server that is gone, damaged logs."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import training

from runstone import Repo, Run

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

PATHS = ["runs", "metrics?all=1", "compare", "images", "audios", "texts", "figures", "distributions", "views"]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    training.sweep(tmp_path / "repo", 3, steps=2)
    return tmp_path / "repo"


def test_every_page_of_an_empty_repository_says_something(tmp_path, up, narrow):
    Repo(tmp_path / "repo", init=True)
    address = up(tmp_path / "repo")
    for path in PATHS:
        page = narrow.go(address + path)
        assert page.get_by_role("alert").count() == 0, path
        assert len(page.locator("main").inner_text()) > 40, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert page.get_by_text("No saved views").is_visible()


def test_a_query_without_matches_says_so_and_leads_back(repo, shared, wide):
    page = wide.go(shared(repo) + "runs?q=run.hparams.lr+%3E+5")
    page.get_by_text("No run matches").wait_for()
    page.get_by_role("button", name="Show all runs").click()
    page.get_by_role("link", name="sweep 23").wait_for()
    page = wide.go(shared(repo) + "runs?q=run.hparms.lr+%3E+0.1")  # a name that nobody has
    page.get_by_text("No run matches").wait_for()
    assert "hparms" in page.get_by_role("search").inner_text()
    for path in PATHS[2:8]:
        page = wide.go(f"{shared(repo)}{path}?q=run.seed+%3E+1000")
        assert page.get_by_role("alert").count() == 0, path


@pytest.mark.parametrize(
    ("query", "marked", "said"),
    [
        ("run.hparams.lr > 0.1 and and run.seed", "and", "column 26"),
        ("run.seed == 1 and\n__import__('os')", "__import__", "line 2"),
    ],
)
def test_a_fault_is_underlined_where_it_is(repo, shared, wide, query, marked, said):
    page = wide.go(shared(repo) + "runs")
    wide.expected.append("400")
    page.get_by_role("link", name="sweep 23").wait_for()
    page.keyboard.press("/")
    page.keyboard.insert_text(query)
    fault = page.locator(".cm-lintRange-error")
    fault.first.wait_for()  # while it is being written
    page.keyboard.press("Enter")
    page.get_by_text("That could not be asked").or_(fault).first.wait_for()
    assert marked in fault.first.inner_text()
    page.get_by_text(said).wait_for()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="sweep 23").wait_for()
    assert fault.count() == 0


def test_a_server_that_is_gone_and_comes_back(mine, servers, wide):
    address = servers.start(mine)
    page = wide.go(address + "runs")
    page.get_by_text("nothing running").wait_for()
    wide.expected += ["api/", "console"]  # nobody answers for a while
    servers.stop()
    page.get_by_text("not connected").wait_for()
    assert page.get_by_role("link", name="sweep 2").is_visible()  # what was there stays
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("The server does not answer").first.wait_for()
    run = Run(repo=mine, system_tracking_interval=None)
    run.name = "meanwhile"
    run.close()
    servers.start(mine, port=urlsplit(address).port)
    page.get_by_text("nothing running").wait_for()
    page.get_by_role("link", name="meanwhile").wait_for()  # by itself
    page.get_by_text("The server does not answer").wait_for(state="detached")


def test_damage_in_a_log_is_shown_with_its_place(mine, up, wide):
    (run,) = Repo(mine, read_only=True).query_runs("run.name == 'sweep 1'", report_mode=0)
    (log,) = [path for path in (mine / ".runstone" / "logs").rglob("*.jsonl") if run.hash in str(path)]
    data = bytearray(log.read_bytes())
    lines = bytes(data).split(b"\n")
    at = sum(len(line) + 1 for line in lines[:5])
    data[at + 4] ^= 1
    log.write_bytes(bytes(data))
    page = wide.go(f"{up(mine)}run/{run.hash}")
    page.get_by_role("heading", name="sweep 1").wait_for()
    page.get_by_text(log.name).first.wait_for()
    assert f"{at:,}" in page.locator("main").inner_text()
    page = wide.go(wide.home.split("/run/")[0] + "/runs")
    page.get_by_role("link", name="sweep 1").wait_for()
