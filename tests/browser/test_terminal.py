"""What a script has printed: the end of it first, and a search that says how far it is and can be stopped."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from runstone import Repo

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

LINES = 24_000
SCRIPT = """
import sys
from runstone import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None)
run.name = "talkative"
for line in range({lines}):
    print("needle in line" if line % 10_000 == 17 else "line", line)
run.close()
"""


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("terminal") / "repo"
    command = [sys.executable, "-c", SCRIPT.format(lines=LINES), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (run,) = Repo(folder, read_only=True).iter_runs()
    return folder, run.hash


def goes_back(url: str) -> bool:
    """Whether lines before those of the first page are asked for: by the search, not by what follows the run."""
    asked = urlsplit(url)
    return asked.path.endswith("/terminal") and int(parse_qs(asked.query)["after"][0]) < LINES - 2_000


def let_through(page: object, held: list[object]) -> None:
    """Let the oldest question through, once it has been asked."""
    for _ in range(3000):
        if held:
            return held.pop(0).continue_()
        page.wait_for_timeout(10)
    raise AssertionError("nothing is asked")


def test_the_end_is_seen_first(talkative, shared, wide):
    folder, run = talkative
    page = wide.go(f"{shared(folder)}run/{run}?tab=terminal")
    page.get_by_text(f"line {LINES - 1}", exact=True).wait_for()
    page.get_by_text(f"{LINES:,} lines").wait_for()


def test_a_search_says_how_far_it_is_and_stops(talkative, shared, wide):
    folder, run = talkative
    page = wide.go(f"{shared(folder)}run/{run}?tab=terminal")
    page.get_by_text(f"line {LINES - 1}", exact=True).wait_for()
    held = []
    page.route(goes_back, lambda route: held.append(route))  # noqa: PLW0108 - Playwright wants a function of ours
    page.get_by_role("searchbox", name="Find in what was printed").fill("needle")
    page.get_by_text("not found in the last 1,000 of 24,000 lines").wait_for()
    let_through(page, held)
    page.get_by_text(re.compile("1 found in the last [56],[0-9]+ of 24,000 lines")).wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    let_through(page, held)
    page.get_by_text(re.compile("1 found in the last 1[01],[0-9]+ of 24,000 lines")).wait_for()
    page.get_by_role("button", name="Search on").wait_for()
    assert held == []  # nothing more was asked
    page.unroute(goes_back)
    page.get_by_role("button", name="Search on").click()
    page.get_by_text("3 found", exact=True).wait_for()
    page.get_by_role("searchbox", name="Find in what was printed").press("Shift+Enter")
    page.get_by_text("3 of 3 found").wait_for()
    page.locator("mark[data-current=true]").wait_for()
