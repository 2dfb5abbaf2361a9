"""What a user does on the page of `runstone up`, one visit after the other; each returns what it has measured."""

import json
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from row import quantiles
from server import Server
from tab import RUN, Tab

HERE = Path(__file__).parent
READ_ONLY = ("--read-only", "--no-index")
SCROLLED = {"frames": 150, "distance": 400}  # pixels for each frame
MOVES, TURNS = 90, 20
LONE, STREAM = (30, 0.8, 0.8), (150, 0.1, 0.0)  # points, and the pauses between them, in seconds
SHOWN = {
    "run": ("run/{run}?tab=metrics", "article dl > div:first-child dd"),
    "metrics": (
        "metrics?" + urlencode({"q": 'metric.name == "watched"'}),
        "tr[data-line] td:nth-last-child(2)",
    ),
}

Figures = dict[str, float]


def visit_table(browser: Any, repo: Path) -> Figures:
    """Start a server, open the table of runs, scroll through it, and open it once more."""
    with Server(repo, *READ_ONLY) as server, tab_of(browser) as tab:
        figures = {"address": server.seconds, "table": _table(tab, server.address)}
        figures |= {"weight": tab.transferred, "requests": tab.requests}
        tab.rest()
        scroll = tab.frames(lambda: tab.ask("(how) => bench.scroll(how.frames, how.distance)", SCROLLED))
        figures |= _named("scroll", scroll) | {"jump": _jump(tab)}
        figures |= _named("table memory", server.memory() | tab.memory())
        tab.again()
        return figures | {"again": _table(tab, server.address)}


def _table(tab: Tab, address: str) -> float:
    tab.go(f"{address}runs")
    tab.until("() => bench.table > 0")
    return float(tab.ask("() => bench.table / 1000"))


def _jump(tab: Tab) -> float:
    """From a jump to the middle of the table until its runs are there."""
    return float(
        tab.ask(
            """async (run) => {
                let element = document.querySelector("[role=grid], [role=treegrid]");
                while (element.scrollHeight <= element.clientHeight + 5) element = element.parentElement;
                const began = performance.now();
                element.scrollTop = element.scrollHeight / 2;
                const room = element.getBoundingClientRect();
                const here = () => {
                    const rows = [...element.querySelectorAll("[role=row][data-line]")].filter((row) => {
                        const { top, bottom } = row.getBoundingClientRect();
                        return bottom > room.top && top < room.bottom;
                    });
                    return rows.length > 3 && rows.every((row) => row.querySelector(run));
                };
                do await new Promise(requestAnimationFrame); while (!here());
                await new Promise(requestAnimationFrame);
                return (performance.now() - began) / 1000;
            }""",
            RUN,
        )
    )


def visit_charts(browser: Any, repo: Path) -> Figures:
    """Open all curves, a chart for each metric."""
    with Server(repo, *READ_ONLY) as server, tab_of(browser) as tab:
        return {"charts": _drawn(tab, f"{server.address}metrics?all=1")[-1]["at"] / 1000}


def visit_chart(browser: Any, repo: Path, lines: int) -> Figures:
    """Open all curves in one chart; move over it, and zoom by dragging and by the wheel."""
    with Server(repo, *READ_ONLY) as server, tab_of(browser) as tab:
        drawings = _drawn(tab, f"{server.address}metrics?all=1&chart=none")
        whole = next(drawing for drawing in drawings if drawing["lines"] == lines)
        figures = {"chart": whole["at"] / 1000, "chart last": drawings[-1]["at"] / 1000}
        figures["chart transferred"] = tab.transferred
        figures |= _named("move", tab.frames(lambda: _move(tab)))
        for name, act in (("wheel", _turn), ("drag", _drag)):
            figures |= _named(name, tab.frames(lambda act=act: act(tab)))
            figures |= _let_go(tab, name)
        return figures | _named("chart memory", server.memory() | tab.memory())


def _drawn(tab: Tab, address: str) -> list[dict[str, float]]:
    """All drawings until the page comes to rest, the first ones made from fewer points where the room was not known."""
    tab.go(address)
    tab.until("() => bench.drawings.length > 0")
    tab.rest()
    found: list[dict[str, float]] = tab.ask("() => bench.drawings")
    return found


def _box(tab: Tab) -> dict[str, float]:
    found: dict[str, float] = tab.page.locator(".u-over").first.bounding_box()
    return found


def _move(tab: Tab) -> None:
    box = _box(tab)
    for step in range(MOVES):
        across, down = 0.05 + 0.9 * step / MOVES, 0.3 + 0.4 * (step % 9) / 9
        tab.page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)


def _turn(tab: Tab) -> None:
    """Zoom in by the wheel, out, and in again."""
    box = _box(tab)
    tab.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    tab.page.keyboard.down("Control")
    for turn in range(3 * TURNS):
        tab.page.mouse.wheel(0, 100 if TURNS <= turn < 2 * TURNS else -100)
        tab.page.wait_for_timeout(16)


def _drag(tab: Tab) -> None:
    """Drag over a part of the chart, without letting go."""
    box = _box(tab)
    tab.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.31, steps=MOVES)


def _let_go(tab: Tab, name: str) -> Figures:
    """From the moment in which the wheel rests, or the button is let go, until lines are drawn anew; and as they stay."""
    began = tab.ask("() => { bench.drawings = []; return performance.now() }")
    frames = tab.frames(lambda: (tab.page.mouse.up(), tab.page.keyboard.up("Control"), tab.rest()))
    drawings = tab.ask("() => bench.drawings.map(({ at }) => at)")
    return {
        f"{name} drawn": (drawings[0] - began) / 1000,
        f"{name} every point": (drawings[-1] - began) / 1000,
        f"{name} pause": frames["worst"],
    }


def visit_live(browser: Any, repo: Path) -> Figures:
    """Watch a run that is being trained, on its page and on that of metrics: how late is each value?"""
    figures = {}
    with Server(repo) as server:
        for place in SHOWN:
            for name, how in (("lone", LONE), ("stream", STREAM)):
                with tab_of(browser) as tab:
                    figures |= _named(f"{name} {place}", quantiles(_delays(tab, server, repo, place, how)))
    return figures


def _delays(tab: Tab, server: Server, repo: Path, place: str, how: tuple[int, float, float]) -> list[float]:
    command = [sys.executable, HERE / "trainee.py", repo, *map(str, how)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as trainee:
        assert trainee.stdin is not None
        assert trainee.stdout is not None
        path, selector = SHOWN[place]
        tab.go(server.address + path.format(run=trainee.stdout.readline().strip()))
        tab.until(f"() => document.querySelector({json.dumps(selector)})?.textContent === '0'")
        tab.rest()
        tab.ask("(selector) => bench.follow(selector)", selector)
        trainee.stdin.write("begin\n")
        trainee.stdin.flush()
        times = json.loads(trainee.stdout.readline())
        last = f"{len(times):,}"
        tab.until(f"() => document.querySelector({json.dumps(selector)})?.textContent === '{last}'")
        texts = tab.ask("() => bench.texts")
        trainee.stdin.write("end\n")
        trainee.stdin.flush()
    return delays(times, texts)


def delays(times: list[float], texts: list[tuple[float, str]]) -> list[float]:
    """How long after its `track()` each of the numbers 1, 2, ... was on the screen, or a later one was.

    `texts` are what was on the screen, and since when.
    """
    shown = [(int(text.replace(",", "")), at) for at, text in texts if text]
    numbers = [number for number, _ in shown]
    if numbers != sorted(numbers):
        raise ValueError("an older value has come after a newer one")
    return [shown[bisect_left(numbers, number)][1] - at for number, at in enumerate(times, start=1)]


def _named(name: str, figures: Figures) -> Figures:
    return {f"{name} {key}": value for key, value in figures.items()}


@contextmanager
def tab_of(browser: Any) -> Iterator[Tab]:
    """A tab that is closed in the end."""
    tab = Tab(browser)
    try:
        yield tab
    finally:
        tab.close()
