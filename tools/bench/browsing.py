"""The page of `runstone up` in a real Chromium: how soon, how smoothly, how late, and what it weighs.

    python tools/bench/browsing.py                     # tables of 1,000 and 100,000 runs, 200 curves, live values
    python tools/bench/browsing.py --quick             # small workloads
    python tools/bench/browsing.py --only curves --rounds 1
    python tools/bench/browsing.py --reuse L=/data/large --json page.json

Servers and browsers are real ones, a new server for each round. Without a window Chromium draws by software, so frames
say what a machine without a graphics processor takes. Times are never asserted.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from facts import load, machine_facts
from goals import goal_for
from peer import Peer, PeerError
from report import show, write_json
from repositories import Repositories
from rich.console import Console
from row import OURS, Row
from server import ServerError
from tab import BrowserMissingError, chromium
from visits import Figures, visit_chart, visit_charts, visit_live, visit_table
from workload import LARGE, QUICK, WORKLOADS, Workload

from runstone import Repo

TOP = Path(__file__).resolve().parents[2]
METRICS = 10  # sequences of a run of workload D
CURVES = 200
VISITS = ("table", "curves", "live")
DELAYS = {
    "lone run": "a point on the screen, from track(): page of the run",
    "lone metrics": "the same: page of metrics",
    "stream run": "the same, ten points a second: page of the run",
    "stream metrics": "the same, ten points a second: page of metrics",
}
FRAMES = {
    "scroll": "frame while scrolling the table",
    "move": "frame while the mouse moves over all curves",
    "wheel": "frame while the wheel zooms all curves",
    "drag": "frame while dragging over all curves",
}
LET_GO = {
    "wheel": "the wheel rests: drawn anew (0.25 s of it waits for another turn)",
    "drag": "a fifth of x was chosen by dragging: drawn anew",
}
HELD = {
    "server": ("memory of the server", "B"),
    "workers": ("memory of its workers", "B"),
    "heap": ("JavaScript heap of the page", "B"),
    "process": ("memory of the page's process", "B"),
    "elements": ("elements of the page", "elements"),
}
TITLES = {
    "address": ("runstone up prints its address", "s"),
    "table": ("first rows of the table, from the navigation", "s"),
    "again": ("the same, on a second visit", "s"),
    "weight": ("transferred until then, compressed", "B"),
    "requests": ("requests until then", "requests"),
    "jump": ("rows after a jump to the middle", "s"),
    **{f"scroll {of}": (f"{FRAMES['scroll']}, {of}", "s") for of in ("median", "p95", "worst")},
    **{f"table memory {of}": said for of, said in HELD.items()},
    "charts": ("all curves, a chart for each metric: drawn as they stay", "s"),
    "chart": ("all curves in one chart: drawn", "s"),
    "chart last": ("the same, as they stay", "s"),
    "chart transferred": ("transferred until then, compressed", "B"),
    **{f"move {of}": (f"{FRAMES['move']}, {of}", "s") for of in ("median", "p95", "worst")},
    **{
        f"{act} {of}": (f"{FRAMES[act]}, {of}", "s")
        for act in ("wheel", "drag")
        for of in ("median", "p95", "worst")
    },
    **{
        f"{act} {what}": (f"{said}{also}", "s")
        for act, said in LET_GO.items()
        for what, also in (("drawn", ""), ("every point", ", with every point"), ("pause", ", longest frame"))
    },
    **{f"chart memory {of}": said for of, said in HELD.items()},
    **{
        f"{how} {of}": (f"{said}, {of}", "s")
        for how, said in DELAYS.items()
        for of in ("median", "p95", "worst")
    },
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=VISITS, help="may be given several times")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="small workloads")
    parser.add_argument(
        "--reuse",
        type=_place,
        action="append",
        default=[],
        metavar="WORKLOAD=REPO",
        help="a repository that is there, of S, L or D; it is only read, and should be indexed",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    parser.add_argument("--data", type=Path, default=TOP / "bench-data", help="folder for the repositories")
    return parser.parse_args()


def _place(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in ("S", "L", "D") or not (Path(path) / ".runstone").is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not the name of a workload, = and a repository")
    return name, Path(path)


class Grounds:
    """The repositories that are looked at: those that are there, the others composed when they are needed."""

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._there, self._console = dict(options.reuse), console
        self._data, self._quick = options.data.resolve(), options.quick
        self._repositories = Repositories(self._data, reuse=True)
        self._peer = Peer(OURS, Path(sys.executable), "runstone_driver.py", "", self._data)

    def workload(self, name: str) -> Workload:
        """The workload of that name; of D as many runs as there are curves to look at."""
        found = (QUICK if self._quick else WORKLOADS | LARGE)[name]
        return replace(
            found, straight=True, **({} if name != "D" or self._quick else {"runs": CURVES // METRICS})
        )

    def repo(self, name: str) -> Path:
        """The repository with that workload, indexed."""
        if name not in self._there:
            self._console.print(f"writing and indexing workload {name} …")
            written = self._repositories.written(self._peer, "", self.workload(name), lambda done: None)
            self._there[name] = Path(written.path)
        return self._there[name]


@dataclass(frozen=True)
class Visit:
    """One visit of a round, what it is called, and the workload that it is about."""

    name: str
    workload: str
    go: Callable[[], Figures]


def visits(wanted: list[str], grounds: Grounds, browser: Any) -> list[Visit]:
    """All visits of a round."""
    found = []
    if "table" in wanted:
        for name in ("S", "L"):
            found.append(Visit("the table", name, partial(visit_table, browser, grounds.repo(name))))
    if "curves" in wanted:
        repo, lines = grounds.repo("D"), grounds.workload("D").runs * METRICS
        found.append(Visit("a chart for each metric", "D", partial(visit_charts, browser, repo)))
        found.append(Visit("one chart", "D", partial(visit_chart, browser, repo, lines)))
    if "live" in wanted:
        found.append(Visit("a run that is being trained", "", partial(_live, browser)))
    return found


def _live(browser: Any) -> Figures:
    with tempfile.TemporaryDirectory(prefix="runstone-live-") as folder:
        Repo(folder, init=True)
        return visit_live(browser, Path(folder))


def measure(options: argparse.Namespace, console: Console) -> list[Row]:
    """All visits, round by round, each round with a browser of its own."""
    grounds = Grounds(options, console)
    rows: dict[tuple[str, str], Row] = {}
    for number in range(options.rounds):
        with chromium() as browser:
            for visit in visits(options.only or list(VISITS), grounds, browser):
                console.print(f"round {number + 1}: {visit.name} {visit.workload}", highlight=False)
                for key, value in visit.go().items():
                    at = (key, visit.workload)
                    if at not in rows:
                        rows[at] = Row(
                            "page", *TITLES[key], visit.workload, goal_for(f"page {key}", visit.workload)
                        )
                    rows[at].samples.setdefault(OURS, []).append(value)
    return list(rows.values())


def main() -> int:
    """Measure and print."""
    options, progress = arguments(), Console(stderr=True)
    try:
        with chromium() as browser:
            version = f"Chromium {browser.version}, without a graphics processor"
        facts: dict[str, Any] = {**machine_facts(options.data), "browser": version}
        rows = measure(options, progress)
    except (BrowserMissingError, PeerError, ServerError) as error:
        progress.print(str(error), style="red", markup=False)
        return 1
    facts["load after"] = load()
    console = Console() if sys.stdout.isatty() else Console(width=200)
    show(console, rows, facts, [], judge=not options.quick)
    if options.json:
        write_json(options.json, rows, facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
