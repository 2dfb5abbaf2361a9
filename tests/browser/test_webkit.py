"""The page in the engine of Safari: WebKitGTK, driven by its own WebDriver, on a display that nobody sees.

Playwright has WebKit only in a build of its own, so this is Selenium. What the other tests check at length in Chromium is
checked here where the engines differ.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import training

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from selenium.common import exceptions  # noqa: E402 - where there is none, this module is skipped
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402
from selenium.webdriver.webkitgtk.service import Service  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.checkout,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:selenium"),
]

PAGE = Path(__file__).resolve().parents[2] / "ui" / "runstone_ui" / "page" / "index.html"
NEEDED = ("WebKitWebDriver", "Xvfb")
PATIENCE = int(os.environ.get("RUNSTONE_PATIENCE", "30"))
WATCH = """
    window.wrong = [];
    addEventListener('error', event => wrong.push(String(event.message)));
    addEventListener('unhandledrejection', event => wrong.push(String(event.reason)));
    addEventListener('securitypolicyviolation', event => wrong.push(`${event.violatedDirective}: ${event.blockedURI}`));
    const say = console.error;
    console.error = (...what) => { wrong.push(what.map(String).join(' ')); say(...what) };
"""
SETTLED = """
    return document.querySelector('main') !== null && document.querySelector('search textarea') === null
        && ![...document.querySelectorAll('[role=status]')].some(e => /^(Loading|asking)/.test(e.textContent.trim()))
"""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """The name of a display."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or not PAGE.exists():
        pytest.skip(
            f"{', '.join(missing) or 'the page'} is not there; on Debian: apt install webkit2gtk-driver xvfb"
        )
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as process:
        os.close(writing)
        with os.fdopen(reading) as said:
            yield f":{said.readline().strip()}"
        process.terminate()


class Looked:
    """A window, and all that went wrong on the page that it shows."""

    def __init__(self, display: str) -> None:
        options = webdriver.WebKitGTKOptions()
        options.add_argument("--automation")
        options.binary_location = str(next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")))
        service = Service(shutil.which(NEEDED[0]), env={**os.environ, "DISPLAY": display})
        try:
            self.driver = webdriver.WebKitGTK(options=options, service=service)
        except exceptions.WebDriverException as error:
            pytest.skip(f"WebKit does not start here: {error}")
        self.driver.set_window_size(1280, 900)
        self.driver.set_script_timeout(PATIENCE)

    def go(self, address: str) -> None:
        """Open a page, and wait until nothing is being loaded."""
        self.driver.get(address)
        self.driver.execute_script(WATCH)
        self.settle()

    def settle(self) -> None:
        self.until(lambda: self.ask(SETTLED))

    def ask(self, script: str, *given: object) -> object:
        return self.driver.execute_script(script, *given)

    def one(self, css: str) -> object:
        """Wait for an element, and return it."""
        return self.until(lambda: self.driver.find_elements("css selector", css))[0]

    def text(self) -> str:
        return self.ask("return document.querySelector('main')?.innerText ?? ''")

    def until(self, condition: Callable[[], object]) -> object:
        passing = (exceptions.JavascriptException, exceptions.StaleElementReferenceException)
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05, ignored_exceptions=passing)
        try:
            return wait.until(lambda _: condition())
        except exceptions.TimeoutException:
            raise AssertionError(f"not seen on {self.driver.current_url}: {self.text()[:1000]}") from None

    def type(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def wrong(self) -> object:
        return self.ask("return window.wrong")


@pytest.fixture
def window(display: str) -> Iterator[Looked]:
    looked = Looked(display)
    yield looked
    looked.driver.quit()


def test_every_page_is_drawn(repo, the_run, shared, window):
    window.go(f"{shared(repo)}runs")
    window.until(lambda: "sweep 23" in window.text())
    expected = {
        "Metrics": "Which metric?",
        "Compare": "Trend",
        "Images": "24 images",
        "Audio": "wav, 8,000 Hz",
        "Texts": "the quick brown fox",
        "Figures": "scatter",
        "Distributions": "64 bins",
        "Views": "saves one under a name",
        "Runs": "sweep 23",
    }
    for name, text in expected.items():
        window.ask(
            """for (const link of document.querySelectorAll('nav[aria-label=Pages] a'))
                   if (link.textContent === arguments[0]) link.click()""",
            name,
        )
        window.until(lambda text=text: text in window.text())
    assert window.wrong == []
    window.go(f"{shared(repo)}run/{the_run}")
    tabs = window.ask("return [...document.querySelectorAll('[role=tab]')].map(tab => tab.id)")
    assert len(tabs) == 8
    for tab in tabs:
        window.ask("document.getElementById(arguments[0]).click()", tab)
        window.settle()
    assert window.wrong == []


def test_a_query_is_written_completed_and_asked(repo, shared, window):
    window.go(f"{shared(repo)}runs")
    window.one(".cm-content").click()
    offers = ".cm-tooltip-autocomplete li"
    first = "return document.querySelector('.cm-completionLabel')?.textContent"
    window.type("run.")
    window.until(lambda: window.ask(first))
    window.type("see")  # its place is measured anew
    window.until(lambda: window.ask(first) == "run.seed")
    seen = f"""
        const done = arguments[0], isSeen = () => {{
            const item = document.querySelector('{offers}'), box = item.getBoundingClientRect();
            return item.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
        }};
        requestAnimationFrame(() => requestAnimationFrame(() => done(isSeen())));
    """
    assert window.driver.execute_async_script(seen), "something cuts the list off"
    window.type(Keys.TAB, " == 3", Keys.ENTER)
    window.until(lambda: "1 of 25 runs" in window.text())
    assert "sweep 3" in window.text()
    assert window.wrong == []


def test_a_figure_is_drawn_in_its_frame(repo, shared, window):
    window.go(f"{shared(repo)}figures")
    window.driver.switch_to.frame(window.one("iframe"))
    window.one(".main-svg .scatterlayer path")
    assert window.ask("return origin") == "null"
    window.driver.switch_to.default_content()
    assert window.wrong == []


def test_curves_are_drawn_read_and_enlarged(repo, shared, window):
    window.go(f"{shared(repo)}metrics?q=metric.name+%3D%3D+%22loss%22")
    plot = window.one("canvas")
    window.settle()
    window.until(lambda: "49 curves" in window.text())
    webdriver.ActionChains(window.driver).move_to_element(plot).click_and_hold().move_by_offset(
        90, 0
    ).release().perform()
    window.until(lambda: "xrange=" in window.driver.current_url)
    assert window.wrong == []


def test_a_recording_can_be_played(repo, shared, window):
    window.go(f"{shared(repo)}audios")
    window.one("audio")
    ready = """
        const audio = document.querySelector('audio'), done = arguments[0];
        audio.addEventListener('canplaythrough', () => done(audio.duration));
        audio.addEventListener('error', () => done(audio.error.message));
        audio.preload = 'auto';
        audio.load();
    """
    assert window.driver.execute_async_script(ready) == pytest.approx(0.1)


def test_a_training_run_is_seen_while_it_is_written(training_run, up, window):
    repo, process, _ = training_run
    address = up(repo)
    window.go(f"{address}runs")
    window.until(lambda: "from runstone import Run" in window.text())
    process.stdin.write("begin\n")
    process.stdin.flush()
    process.stdout.readline()
    window.until(lambda: "live" in window.text())  # without a reload
    window.go(f"{address}metrics?q=metric.name+%3D%3D+%22loss%22")
    points = "return Number(document.querySelector('table tbody tr td:last-child')?.innerText.replace(/,/g, '') ?? 0)"
    before = window.until(lambda: window.ask(points))
    window.until(lambda: window.ask(points) > before + 100)
    assert window.wrong == []


def test_a_name_is_changed(tmp_path, up, window):
    training.sweep(tmp_path / "repo", 2)
    window.go(f"{up(tmp_path / 'repo')}runs")
    window.one("a[href*='run/']").click()
    window.one("[aria-label='Change the name']").click()
    window.one("input[aria-label='New name']").send_keys(" again", Keys.ENTER)
    window.until(lambda: "sweep 1 again" in window.one("h1").text)
    assert window.wrong == []
