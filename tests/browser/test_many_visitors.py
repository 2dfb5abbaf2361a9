"""Several tabs of one browser, and several browsers: all of them are served, and all of them are told."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import training

from runstone import Run

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

TABS = 7  # a browser opens six connections to a server over HTTP/1.1


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    training.sweep(tmp_path / "repo", 3, steps=2)
    return tmp_path / "repo"


@pytest.fixture
def context(browser: object) -> Iterator[object]:
    context = browser.new_context(viewport={"width": 1000, "height": 600})
    context.set_default_timeout(30_000)
    yield context
    context.close()


def added(repo: Path, name: str) -> None:
    """A run that somebody else writes."""
    run = Run(repo=repo, system_tracking_interval=None)
    run.name = name
    run.close()


def opened(context: object, address: str, streams: list[str]) -> list[object]:
    """Tabs on the runs, each of which shows them and is connected."""
    context.on(
        "request", lambda request: streams.append(request.url) if request.url.endswith("/live") else None
    )
    pages = []
    for _ in range(TABS):
        page = context.new_page()
        page.goto(address)
        page.get_by_role("link", name="sweep 2").wait_for()
        page.get_by_text("nothing running").wait_for()
        pages.append(page)
    return pages


def test_seven_tabs_share_a_stream_and_all_are_told(mine, up, context):
    streams: list[str] = []
    pages = opened(context, up(mine) + "runs", streams)
    assert len(streams) == 1
    added(mine, "news")
    for page in pages:
        page.get_by_role("link", name="news").wait_for()
    for page in (pages[0], pages[-1]):
        page.get_by_role("link", name="news").click()
        page.get_by_role("heading", name="news").wait_for()
        page.go_back()
    pages.pop(0).close()  # it had the stream: another one takes over
    added(mine, "more news")
    for page in pages:
        page.get_by_role("link", name="more news").wait_for()
    assert len(streams) == 2


def test_seven_tabs_work_where_the_browser_has_no_locks(mine, up, context):
    address = up(mine, "--allowed-host", "lab.test")
    port = urlsplit(address).port
    streams: list[str] = []
    # plain HTTP from another machine: browsers call that insecure, and offer less
    pages = opened(context, f"http://lab.test:{port}/runs", streams)
    assert [page.evaluate("[isSecureContext, navigator.locks]") for page in pages[:1]] == [[False, None]]
    added(mine, "news")
    for page in pages:
        page.get_by_role("link", name="news").wait_for()
    pages.pop(0).close()
    added(mine, "more news")
    for page in pages:
        page.get_by_role("link", name="more news").wait_for()


def test_several_browsers_at_once(mine, up, browser):
    address = up(mine)
    contexts = [browser.new_context() for _ in range(4)]
    pages = [context.new_page() for context in contexts]
    for number, page in enumerate(pages):
        page.goto(f"{address}runs?q=run.seed+%3E%3D+{number - 1}+or+run.seed+%3D%3D+None")
    added(mine, "news")
    for number, page in enumerate(pages):
        page.get_by_role("link", name="news").wait_for()
        page.get_by_text(re.compile(f"^{(4, 4, 3, 2)[number]}( of 4)? runs in")).wait_for()
    for context in contexts:
        context.close()
