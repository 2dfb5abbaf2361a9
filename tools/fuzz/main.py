"""Random questions, by the thousand: hostile ones to the sandbox, valid ones to the prefilter.

    python tools/fuzz/main.py                     # everything; minutes
    python tools/fuzz/main.py --only hostile --count 50000 --seed 7
    python tools/fuzz/main.py --only prefilter --seeds 1000

Exit code 1 if anything was wrong, or if a negative control went unnoticed.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/property"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import hostile
from agreement import Agreement, compare
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from test_prefilter import unsound

QUERIES = 100  # of each seed


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("hostile", "prefilter"))
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="the first one (default: the clock)"
    )
    parser.add_argument("--count", type=int, default=10_000, help="hostile expressions")
    parser.add_argument(
        "--seeds", type=int, default=200, help=f"repositories that get {QUERIES} queries each"
    )
    return parser.parse_args()


def main() -> int:
    given = arguments()
    console = Console()
    bad = False
    if given.only != "hostile":
        bad |= prefilter(console, given.seed, given.seeds)
    if given.only != "prefilter":
        bad |= bool(hostile.run(given.seed, given.count))
    console.print("[red]something is wrong[/red]" if bad else "[green]all as it has to be[/green]")
    return int(bad)


def prefilter(console: Console, seed: int, seeds: int) -> bool:
    """Compare the prefilter with evaluating every run; return whether it lost a match."""
    total = Agreement()
    columns = ("prefilter", BarColumn(), MofNCompleteColumn(), "repositories", TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress, ProcessPoolExecutor() as pool:
        task = progress.add_task("", total=seeds)
        jobs = {pool.submit(compare, seed + number, QUERIES): seed + number for number in range(seeds)}
        for job in as_completed(jobs):
            found = job.result()
            total.pairs += found.pairs
            total.narrowed += found.narrowed
            total.matches += found.matches
            total.candidates += found.candidates
            total.misses += [f"seed {jobs[job]}: {miss}" for miss in found.misses]
            total.refused += found.refused
            progress.advance(task)
    console.print(
        f"prefilter: {total.pairs:,} pairs of repository and query, seeds {seed} to {seed + seeds - 1}: "
        f"{len(total.misses)} lost matches of {total.matches:,}; {total.narrowed / max(total.pairs, 1):.0%} narrowed; "
        f"{total.candidates:,} candidates; {len(total.refused)} queries refused"
    )
    for line in [*total.misses, *total.refused][:10]:
        console.print(f"  {line}", markup=False)
    control = sum(len(compare(seed + number, QUERIES, narrowing=unsound).misses) for number in range(6))
    console.print(f"negative control, an unsound rule: {control} lost matches")
    return bool(total.misses) or not control


if __name__ == "__main__":
    sys.exit(main())
