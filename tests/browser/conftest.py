"""A real server, `runstone up` in a process of its own, and a real browser that looks at it."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import training

from runstone import Repo

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "ui" / "runstone_ui" / "page" / "index.html"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP lab.test 127.0.0.1"]
SIZES = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 780}}
# What a page may say that is no fault of ours: a reply that is not waited for any more as another page is opened.
ABANDONED = "net::ERR_ABORTED"


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium, the system's. Not for longer than a module: Playwright's event loop is in the way of any other."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    where = next(filter(None, map(shutil.which, NAMES)), None)
    if where is None:
        pytest.skip("there is no Chromium; on Debian: apt install chromium")
    if not PAGE.exists():
        pytest.skip("the page has not been built: make page")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=ARGUMENTS)
        yield browser
        browser.close()


class Servers:
    """Servers that were started, each a process of its own, with its log in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[tuple[subprocess.Popen[str], Path]] = []

    def start(self, repo: Path | str, *options: str, port: int = 0) -> str:
        """Start `runstone up` on a repository; returns its address."""
        command = [sys.executable, "-m", "runstone", "up", "--repo", str(repo), "--port", str(port), "--json"]
        said_to = self.folder / f"up-{len(self.running)}.log"
        with said_to.open("w") as log:
            server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True)
        self.running.append((server, said_to))
        assert server.stdout is not None
        said = server.stdout.readline()
        assert said, said_to.read_text()
        return json.loads(said)["address"]

    def stop(self) -> None:
        """End all that run, each of them well."""
        for server, said_to in self.running:
            if server.returncode is not None:
                continue
            server.send_signal(signal.SIGINT)
            code = server.wait(timeout=30)
            assert server.stdout is not None
            server.stdout.close()
            assert (code, "Traceback" in said_to.read_text()) == (0, False), said_to.read_text()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Servers of one test, that it may stop and start again."""
    servers = Servers(tmp_path)
    yield servers
    servers.stop()


@pytest.fixture
def up(servers: Servers) -> Callable[..., str]:
    """Start `runstone up` on a repository; returns its address. Each ends with the test, and well."""
    return servers.start


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Like `up`, but there is one server on a repository for all tests of a module: for those that change nothing."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield functools.cache(servers.start)
    servers.stop()


class Looked:
    """A tab, and all that went wrong in it: errors on its console, failed requests, requests to anybody else."""

    def __init__(self, browser: object, size: str, colours: str) -> None:
        self.context = browser.new_context(
            viewport=SIZES[size], color_scheme=colours, reduced_motion="reduce", has_touch=size == "narrow"
        )
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.page.set_default_timeout(int(os.environ.get("RUNSTONE_PATIENCE", "30")) * 1000)
        self.wrong: list[str] = []
        self.expected: list[str] = []  # parts of what may go wrong
        self.home = ""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", self._asked)
        self.page.on("request", self._requested)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def _said(self, message: object) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.wrong.append(f"console: {message.text}")

    def _asked(self, dialog: object) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: object) -> None:
        there = urlsplit(request.url)
        if there.scheme not in ("data", "blob") and there.netloc != urlsplit(self.home).netloc:
            self.wrong.append(f"a request to {request.url}")

    def _failed(self, request: object) -> None:
        if request.failure != ABANDONED:
            self.wrong.append(f"{request.url}: {request.failure}")

    def _answered(self, response: object) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.url}: {response.status}")

    def go(self, address: str) -> object:
        """Open a page, and wait until nothing is being loaded."""
        self.home = address
        self.page.goto(address)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing is loading any more: no bar, no reply that is waited for, no editor."""
        self.page.wait_for_function("() => document.querySelector('main') !== null")
        self.page.wait_for_function(
            """() => ![...document.querySelectorAll('[role=status]')]
                .some(e => /^(Loading|asking)/.test(e.textContent.trim()))
                && document.querySelector('search textarea') === null"""
        )

    def judge(self) -> None:
        """Fail if anything went wrong that was not expected."""
        wrong = [what for what in self.wrong if not any(part in what for part in self.expected)]
        assert wrong == []


@pytest.fixture(params=["wide-light", "narrow-dark"])
def tab(browser: object, request: pytest.FixtureRequest) -> Iterator[Looked]:
    """A tab; once wide and light, once narrow and dark."""
    yield from _opened(browser, *request.param.split("-"))


@pytest.fixture
def wide(browser: object) -> Iterator[Looked]:
    """A wide tab."""
    yield from _opened(browser, "wide", "light")


@pytest.fixture
def narrow(browser: object) -> Iterator[Looked]:
    """A narrow tab, as on a telephone: it has no mouse, and is touched."""
    yield from _opened(browser, "narrow", "dark")


def _opened(browser: object, size: str, colours: str) -> Iterator[Looked]:
    looked = Looked(browser, size, colours)
    yield looked
    if os.environ.get("RUNSTONE_LAST"):
        looked.page.screenshot(path=os.environ["RUNSTONE_LAST"])
    looked.context.close()
    looked.judge()


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> Callable[[Looked, str], None]:
    """Keep a picture of a tab for the docs, if RUNSTONE_PICTURES names a folder."""
    folder = os.environ.get("RUNSTONE_PICTURES")

    def shoot(looked: Looked, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            looked.page.screenshot(path=f"{folder}/{name}.png")

    return shoot


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep, one run with everything, and one of each hostile name."""
    folder = tmp_path_factory.mktemp("pages") / "repo"
    training.sweep(folder, 24)
    training.everything(folder, folder.parent)
    return folder


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


@pytest.fixture(scope="session")
def bad(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Hostile names; and the run that has all of them."""
    folder = tmp_path_factory.mktemp("hostile") / "repo"
    return folder, training.hostile(folder)


@pytest.fixture(scope="session")
def the_run(repo: Path) -> str:
    """The hash of the run that has something of each kind."""
    (run,) = Repo(repo, read_only=True).query_runs("run.name == 'everything'", report_mode=0)
    return run.hash
