"""SIGKILL at random instants: a training script and an indexer beside it, many times over.

    python tools/crash/sigkill.py --rounds 500 --seed 7

Each round kills the script (which sets parameters and tracks points, and says so after each call returned)
and the indexer, each at a random instant; then goes on with the same run in the next process. The oracle:
every acknowledged point is there, exactly once, in order, and the index says what the logs say.

The negative control acknowledges *before* the call. It has to be caught, or the campaign proves nothing.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from runstone import Repo
from runstone_indexer import Indexer
from runstone_query.verify import verify

SCRIPT = """
import sys
from runstone import Run
repo, run_hash, control = sys.argv[1:4]
run = Run(run_hash or None, repo=repo, system_tracking_interval=None, capture_terminal_logs=False)
print(run.hash, flush=True)
run["hparams", "writer"] = run._log.writer
step = 0
while True:
    if control:
        print(step, flush=True)
    run.track(step * 0.5, name="loss", step=step, context={"writer": run._log.writer})
    if not control:
        print(step, flush=True)
    step += 1
"""
INDEX = "import sys; from runstone_indexer import Indexer\nwhile True: Indexer(sys.argv[1]).run_once()"


@dataclass
class Campaign:
    """What was done, and what was found wrong."""

    kills: int = 0
    points: int = 0
    lost: int = 0
    wrong: int = 0
    differences: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="of which each kills two processes")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    console = Console()
    console.print(f"seed {options.seed}, {options.rounds} rounds")
    real = campaign(random.Random(options.seed), options.rounds, control=False)
    control = campaign(random.Random(options.seed), max(options.rounds // 4, 60), control=True)
    table = Table("campaign", "kills", "points", "lost", "wrong", "index differs")
    for name, found in (("real", real), ("control: says it before it is so", control)):
        table.add_row(
            name, *(f"{n:,}" for n in (found.kills, found.points, found.lost, found.wrong, found.differences))
        )
    console.print(table)
    if real.lost or real.wrong or real.differences:
        console.print("[red]The campaign found something. Repeat it with the seed above.")
        return 1
    if not control.lost:
        console.print("[red]The negative control went unnoticed: the campaign proves nothing.")
        return 1
    console.print("Nothing lost, nothing wrong; the control was caught.")
    return 0


def campaign(choice: random.Random, rounds: int, *, control: bool) -> Campaign:
    found = Campaign()
    with tempfile.TemporaryDirectory() as folder:
        Repo(folder, init=True)
        run_hash = ""
        for number in range(rounds):
            if number % 20 == 0:
                run_hash = ""
            run_hash = one_round(folder, run_hash, choice, found, control=control)
            if number % 20 == 19 or number == rounds - 1:
                Indexer(folder).run_once()
                verdict = verify(Repo(folder).layout)
                found.differences += len(verdict.index) + len(verdict.damage)
    return found


def one_round(folder: str, run_hash: str, choice: random.Random, found: Campaign, *, control: bool) -> str:
    """Kill a script and an indexer, look at what the script had said, and return the run's hash."""
    arguments = [folder, run_hash, "control" if control else ""]
    script = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, text=True)
    indexer = subprocess.Popen([sys.executable, "-c", INDEX, folder])
    assert script.stdout is not None
    run_hash = script.stdout.readline().strip()
    time.sleep(choice.uniform(0.0, 0.15))
    script.kill()
    said = [int(line) for line in script.stdout.read().split("\n")[:-1]]
    time.sleep(choice.uniform(0.0, 0.3))
    indexer.kill()
    script.wait()
    indexer.wait()
    script.stdout.close()
    found.kills += 2
    check(folder, run_hash, said, found)
    return run_hash


def check(folder: str, run_hash: str, said: list[int], found: Campaign) -> None:
    """Compare what the newest writer said with what there is, through the index and without it."""
    for index in (True, False):
        run = Repo(folder, index=index).get_run(run_hash)
        writer = run.get("hparams", {}).get("writer") if run is not None else None
        metric = run.get_metric("loss", {"writer": writer}) if run is not None and writer else None
        steps, values = metric.values.sparse_list() if metric is not None else ([], [])
        if steps != list(range(len(steps))) or values != [step * 0.5 for step in steps]:
            found.wrong += 1
        found.lost += max(len(said) - len(steps), 0)
        found.points += len(steps)


if __name__ == "__main__":
    sys.exit(main())
