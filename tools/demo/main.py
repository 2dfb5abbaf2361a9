"""Runstone in a minute: a sweep that trains for real, a crash, an index, questions, and the evidence.

Run it with `make demo`. It leaves the repository in ./demo-repo, made anew each time; the exit code is 1 if
something that Runstone promises does not hold.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# One thread for each process: four processes that each start a pool of threads would only be slower.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import check
from network import Digits
from questions import QUESTIONS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from shared import share
from sweep import PROCESSES, SETTINGS, Trained, sweep

from crash import Acknowledged, crash

TOP = Path(__file__).resolve().parents[2]
REPO = TOP / "demo-repo"
RUNSTONE = Path(sys.executable).with_name("runstone")
EXAMPLES = (
    "runs ls",
    """query 'run.hparams.optimizer == "adam"'""",
    """query --metrics 'metric.name == "loss" and metric.last < 0.01'""",
    "up",
)
COLUMNS = "name,hparams.learning_rate,hparams.batch_size,hparams.optimizer,tags"

console = Console(highlight=False)


def main() -> int:
    """Tell the story; return the exit code."""
    began = time.perf_counter()
    shutil.rmtree(REPO, ignore_errors=True)
    trained, shared_run, acknowledged = train()
    with chapter("Indexing the logs"):
        runstone("index")
    ask()
    try:
        prove(trained, shared_run, acknowledged)
    except check.CheckError as error:
        console.print("\n[bold red]A check failed:[/]", end=" ")
        console.print(str(error), markup=False, soft_wrap=True)
        return 1
    farewell(time.perf_counter() - began)
    return 0


def train() -> tuple[list[Trained], str, Acknowledged]:
    """Fill the repository: the sweep, the shared run, the crash."""
    with chapter(f"Training {len(SETTINGS)} networks to read digits, in {PROCESSES} processes"):
        digits = Digits.load()
        trained = watched(sweep(REPO, digits), len(SETTINGS))
        best = max(trained, key=lambda run: run.accuracy)
        say(f"{sum(run.points for run in trained):,} points; the best network reads {best.accuracy:.1%}")
    with chapter("Two processes write one run at the same time"):
        shared_run = share(REPO, digits)
    with chapter("Killing a process with SIGKILL in mid-run"):
        acknowledged = crash(REPO)
        say(f"{len(acknowledged.points):,} points had been acknowledged to it")
    return trained, shared_run, acknowledged


def watched(runs: Iterator[Trained], count: int) -> list[Trained]:
    """Collect the runs, with a bar that goes away."""
    columns = TextColumn(" "), BarColumn(40), MofNCompleteColumn(), TextColumn("runs")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        return list(progress.track(runs, total=count))


def ask() -> None:
    """Put every question to the command line."""
    for question in QUESTIONS:
        shape = ["--metrics"] if question.of_metrics else ["--columns", COLUMNS]
        console.print(f"\n[bold]{question.words}[/]")
        console.print(f"  {question.text}", style="cyan", markup=False, soft_wrap=True)
        runstone("query", question.text, *shape, "--limit", "5")


def prove(trained: list[Trained], shared_run: str, acknowledged: Acknowledged) -> None:
    """Check what is promised, and say what was found."""
    with chapter("Checking"):
        say(check.killed_run_is_complete(REPO, acknowledged))
        say(check.shared_run_is_complete(REPO, shared_run))
        say(check.sweep_is_complete(REPO, trained))
        say(check.answer_is_right(REPO, trained, (shared_run, acknowledged.run)))
        say(check.index_can_be_deleted(REPO, lambda: runstone("index", quiet=True)))


def farewell(seconds: float) -> None:
    """Say where everything is."""
    command = RUNSTONE.relative_to(TOP) if RUNSTONE.is_relative_to(TOP) else RUNSTONE
    console.print(f"\n[bold green]Everything holds[/] ({seconds:.0f} s). What was made is in {REPO.name}/:")
    for example in EXAMPLES:
        console.print(f"  {command} {example} --repo {REPO.name}", markup=False, soft_wrap=True)


@contextmanager
def chapter(title: str) -> Iterator[None]:
    """Print what is being done, and afterwards how long it took."""
    began = time.perf_counter()
    console.print(f"\n[bold]{title} …[/]")
    yield
    say(f"[dim]{time.perf_counter() - began:.1f} s[/]")


def say(text: str) -> None:
    console.print(f"  {text}", soft_wrap=True)


def runstone(*arguments: str, quiet: bool = False) -> None:
    """Run the command line as a user would; its output is part of the story."""
    command = [str(RUNSTONE), *arguments, "--repo", str(REPO)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL if quiet else None, check=False)
    if done.returncode:
        raise SystemExit(f"`runstone {arguments[0]}` failed with exit code {done.returncode}")


if __name__ == "__main__":
    sys.exit(main())
