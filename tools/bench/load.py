"""Latency under load: how long calls take while many runs are written, indexed and asked at once.

    python tools/bench/load.py                    # 100 runs of 1,000 points a second each, for a minute
    python tools/bench/load.py --seconds 10 --runs 20

Writers call `track()` on a schedule (ten points for each run every ten milliseconds), and time every call; one that
falls behind its schedule goes on without a pause. `runstone index --watch` follows. One process asks, before and
meanwhile; another looks how old the newest point is that the index has.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from facts import machine_facts
from questions import one_run, range_and_equality
from report import fitting_unit, number
from rich.console import Console
from rich.table import Table
from straight import write_straight
from workload import Workload

from runstone import Repo, Run
from runstone_indexer.generation import open_generation
from runstone_writer.layout import open_repo

WRITERS = 4
TICK = 0.01  # seconds
PAUSE = 0.02  # seconds between queries, and between looks
QUANTILES = (50, 99, 99.9, 100)
START_SECONDS = 60.0
QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}
Samples = dict[str, list[float]]


def write(pipe: Connection, path: str, runs: int, rate: int, seconds: float) -> None:
    """Write so many runs at that rate, and send the seconds of each call, and when the last one returned."""
    opened = [Run(repo=path, **QUIET) for _ in range(runs)]
    for run in opened:
        run.track(0.0, name="loss")
    pipe.send([run.hash for run in opened])
    pipe.recv()
    each, times, clock = max(int(rate * TICK), 1), [], time.perf_counter_ns
    began = time.monotonic()
    for tick in range(int(seconds / TICK)):
        for run in opened:
            track = run.track
            for _ in range(each):
                started = clock()
                track(0.5, name="loss")
                times.append(clock() - started)
        if (early := began + (tick + 1) * TICK - time.monotonic()) > 0:
            time.sleep(early)
    lasted = time.monotonic() - began
    for run in opened:
        run.close()
    pipe.send({"track()": [value / 1e9 for value in times], "lasted": [lasted]})


def ask(pipe: Connection, path: str, workload: Workload) -> None:
    """Ask until told to end; send the seconds of each query, by what was asked."""
    repo, found, k = Repo(path), {"one of all runs": [], "2 % of all runs": [], "a point just written": []}, 0
    repo.query_runs("run.hparams.seed == 0").hashes()
    pipe.send("ready")
    while not pipe.poll(PAUSE):
        k += 1
        for name, text in (
            ("one of all runs", one_run(k, workload).aimql),
            ("2 % of all runs", range_and_equality(k, workload).aimql),
            ("a point just written", "run.active and run.metrics['loss'].count > 1"),
        ):
            started = time.perf_counter()
            repo.query_runs(text, report_mode=0).hashes()
            found[name].append(time.perf_counter() - started)
    pipe.send(found)


def watch(pipe: Connection, path: str, runs: list[str]) -> None:
    """Look until told to end; send how many seconds ago the index's newest point of each run was written."""
    layout, lags, generation = open_repo(path), [], None
    history: dict[str, tuple[list[int], list[float]]] = {run: ([], []) for run in runs}
    pipe.send("ready")
    while not pipe.poll(PAUSE):
        generation = open_generation(layout, generation)
        for run, (sizes, times) in history.items():
            size = sum(os.stat(layout.log_path(run, name)).st_size for name in layout.log_names(run))
            now = time.monotonic()
            if not sizes or size > sizes[-1]:
                sizes.append(size)
                times.append(now)
            place = None if generation is None else generation.place(run)
            read = 0 if place is None else place[0].extent(place[1])[1]
            missing = bisect_left(sizes, read + 1)  # the first look at which there was more than that
            lags.append(now - times[missing] if missing < len(times) else 0.0)
    pipe.send({"age of what the index lacks": lags})


class Role:
    """One of the functions above in a process of its own."""

    def __init__(self, role: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self._process = context.Process(target=role, args=(other, *arguments), daemon=True)
        self._process.start()
        other.close()
        self.said = self.pipe.recv()

    def finish(self) -> Samples:
        """Tell it to end, and return what it has measured."""
        self.pipe.send("end")
        return self.result()

    def result(self) -> Samples:
        """Wait until it has ended by itself."""
        found: Samples = self.pipe.recv()
        self._process.join()
        return found


def measure(
    path: str, workload: Workload, runs: int, rate: int, seconds: float
) -> tuple[Samples, dict[str, Any]]:
    """Ask alone for a while, and then under load."""
    asker = Role(ask, path, workload)
    time.sleep(seconds / 4)
    found = {f"query, {name}, nobody writing": times for name, times in asker.finish().items()}
    indexer = subprocess.Popen(
        [sys.executable, "-m", "runstone", "index", "--watch", "--repo", path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        writers = [Role(write, path, runs // WRITERS, rate, seconds) for _ in range(WRITERS)]
        asker = Role(ask, path, workload)
        watcher = Role(watch, path, [run for writer in writers for run in writer.said])
        for writer in writers:
            writer.pipe.send("begin")
        results = [writer.result() for writer in writers]
        found |= {f"query, {name}": times for name, times in asker.finish().items()} | watcher.finish()
        held = Path(f"/proc/{indexer.pid}/status").read_text().split("VmHWM:")[1].split()[0]
        cpu = sum(map(int, Path(f"/proc/{indexer.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    finally:
        indexer.terminate()
        indexer.wait()
    found["track()"] = [value for result in results for value in result["track()"]]
    lasted = max(result["lasted"][0] for result in results)
    facts = {
        "wanted": f"{runs} runs of {rate:,} points a second each",
        "reached": f"{len(found['track()']) / lasted:,.0f} points a second",
        "indexer": f"{int(held) / 1024:.0f} MiB, {cpu / os.sysconf('SC_CLK_TCK') / lasted:.0%} of a core",
    }
    return found, facts


def rows(found: Samples) -> Iterator[tuple[str, int, list[float]]]:
    """What was measured, how often, and its quantiles in seconds."""
    for name, times in found.items():
        if times:
            yield name, len(times), [float(value) for value in np.percentile(times, QUANTILES)]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100, help="that are written (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=1000, help="points a second each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument(
        "--there", type=int, default=10_000, help="runs that are there before (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    given = parser.parse_args()
    workload = Workload("load", runs=given.there, points=2)
    with tempfile.TemporaryDirectory(prefix="runstone-load-") as path:
        write_straight(path, workload, lambda done: None)
        subprocess.run(
            [sys.executable, "-m", "runstone", "index", "--repo", path], check=True, stdout=subprocess.DEVNULL
        )
        facts: dict[str, Any] = machine_facts(Path(path))
        found, said = measure(path, workload, given.runs, given.rate, given.seconds)
    facts |= said
    console = Console(width=None if sys.stdout.isatty() else 120)
    for name, value in facts.items():
        console.print(f"{name:>12}: {value}", highlight=False, markup=False)
    table = Table("", "times", *(f"p{q:g}" if q < 100 else "most" for q in QUANTILES))
    for name, count, values in rows(found):
        scaled = (fitting_unit(value, "s") for value in values)
        cells = [
            f"{number(value / scale)} {unit}" for value, (scale, unit) in zip(values, scaled, strict=True)
        ]
        table.add_row(name, f"{count:,}", *cells)
    console.print(table)
    if given.json:
        figures = {name: {"times": count, "quantiles": values} for name, count, values in rows(found)}
        given.json.write_text(
            json.dumps({"facts": facts, "quantiles": QUANTILES, "figures": figures}, indent=1)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
