"""A tab of a real Chromium, and the stop-watches in it.

What is timed inside of the page is timed by its own clock: frames, drawings, and when a text changes. All begin with the
navigation. A picture counts when the frame after it begins, as only then has it been drawn.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from row import quantiles

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING_PLAYWRIGHT = (
    "Playwright is missing. It comes with the packages for developers: pip install -e '.[dev]'"
)
MISSING_CHROMIUM = "Chromium is missing. On Debian: apt install chromium"
SIZE = {"width": 1280, "height": 800}
QUIET_SECONDS = 1.0
PATIENCE = 120.0
RUN = "[role=gridcell] a[href*='run/']"

STOPWATCH = """
(() => {
  const bench = (window.bench = { table: null, drawings: [], frames: null, texts: [] });
  const behind = (then) => requestAnimationFrame(() => requestAnimationFrame(() => then(performance.now())));
  const look = () => {
    if (bench.table !== null || !document.querySelector(ROW)) return;
    bench.table = -1;
    watcher.disconnect();
    behind((now) => (bench.table = now));
  };
  const watcher = new MutationObserver(look);
  watcher.observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntriesByName("runstone lines"))
      behind((now) => bench.drawings.push({ ...detail, at: now }));
  }).observe({ entryTypes: ["mark"] });
  bench.record = () => {
    const frames = (bench.frames = []);
    let last = performance.now();
    const next = () => {
      if (bench.frames !== frames) return;
      const now = performance.now();
      frames.push((now - last) / 1000);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  };
  bench.follow = (selector) => {
    let before = null;
    const next = () => {
      const text = document.querySelector(selector)?.textContent ?? null;
      if (text !== before) bench.texts.push([Date.now() / 1000, text]);
      before = text;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  };
  bench.scroll = async (frames, distance) => {
    let element = document.querySelector("[role=grid], [role=treegrid]");
    while (element && element.scrollHeight <= element.clientHeight + 5) element = element.parentElement;
    for (let frame = 0; frame < frames; frame += 1) {
      element.scrollTop += distance;
      await new Promise(requestAnimationFrame);
    }
  };
})();
""".replace("ROW", json.dumps(RUN))


class BrowserMissingError(Exception):
    """There is nothing to browse with; the text says how to get it."""


@contextmanager
def chromium() -> Iterator[Any]:
    """The system's Chromium, without a window. Raises BrowserMissingError."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BrowserMissingError(MISSING_PLAYWRIGHT) from None
    where = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if where is None:
        raise BrowserMissingError(MISSING_CHROMIUM)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own does not work for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=sandbox)
        yield browser
        browser.close()


class Tab:
    """A tab with an empty cache."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._context = browser.new_context(viewport=SIZE)
        self._open()

    def _open(self) -> None:
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.add_init_script(STOPWATCH)
        self._protocol = self._context.new_cdp_session(self.page)
        self._protocol.send("Network.enable")
        self._protocol.on("Network.requestWillBeSent", self._asked)
        self._protocol.on("Network.dataReceived", self._received)
        self._protocol.on("Network.responseReceived", self._answered)
        self._protocol.on("Network.loadingFinished", self._loaded)
        self._protocol.on("Network.loadingFailed", self._loaded)
        self.requests, self.transferred = 0, 0
        self._asking: set[str] = set()

    def again(self) -> None:
        """Another tab of the same browser: its cache is filled."""
        self.page.close()
        self._open()

    def _asked(self, event: dict[str, Any]) -> None:
        self.requests += 1
        if not event["request"]["url"].endswith("/live"):  # that one never ends
            self._asking.add(event["requestId"])

    def _answered(self, event: dict[str, Any]) -> None:
        self.transferred += event["response"]["encodedDataLength"]  # the headers

    def _received(self, event: dict[str, Any]) -> None:
        self.transferred += event["encodedDataLength"]

    def _loaded(self, event: dict[str, Any]) -> None:
        self._asking.discard(event["requestId"])

    def go(self, address: str) -> None:
        """Begin to open an address."""
        self.page.goto(address, wait_until="commit")

    def ask(self, expression: str, argument: Any = None) -> Any:
        """The value of an expression in the page."""
        return self.page.evaluate(expression, argument)

    def until(self, condition: str) -> None:
        """Wait until a condition holds in the page."""
        self.page.wait_for_function(condition)

    def rest(self) -> None:
        """Wait until nothing has been loaded or drawn for a second."""
        deadline, quiet, before = time.monotonic() + PATIENCE, time.monotonic(), None
        while time.monotonic() - quiet < QUIET_SECONDS:
            if time.monotonic() > deadline:
                raise TimeoutError("the page does not come to rest")
            self.page.wait_for_timeout(50)
            now = (self.ask("() => bench.drawings.length"), self.requests)
            if self._asking or now != before:
                quiet, before = time.monotonic(), now

    def frames(self, act: Callable[[], None]) -> dict[str, float]:
        """How long frames take while something is done: seconds from each to the next."""
        self.ask("() => bench.record()")
        act()
        found = self.ask("() => { const frames = bench.frames; bench.frames = null; return frames }")
        return quantiles(found)

    def memory(self) -> dict[str, float]:
        """After a collection of garbage: the heap of JavaScript, the process of the page (PSS), and its elements."""
        from server import held

        self._protocol.send("Performance.enable")
        self._protocol.send("HeapProfiler.collectGarbage")
        metrics = {
            one["name"]: one["value"] for one in self._protocol.send("Performance.getMetrics")["metrics"]
        }
        whole = self._browser.new_browser_cdp_session()
        processes = whole.send("SystemInfo.getProcessInfo")["processInfo"]
        whole.detach()
        renderers = [held(psutil.Process(one["id"])) for one in processes if one["type"] == "renderer"]
        return {
            "heap": metrics["JSHeapUsedSize"],
            "process": max(renderers),  # a spare one waits beside it
            "elements": self.ask("() => document.querySelectorAll('*').length"),
        }

    def close(self) -> None:
        """Close it, and forget its cache."""
        self._context.close()
