"""All campaigns, one after the other, and one table at the end.

    python tools/crash/main.py                              # everything, at full length; hours
    python tools/crash/main.py --trials 50                  # a short form of each; minutes
    python tools/crash/main.py --only sigkill --only damage --json found.json

What a campaign needs (root, strace, XFS, ...) and is not there is said in its row. Exit code 1 if a promise was
broken, or if a negative control went unnoticed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from campaign import Row, as_json, from_json, show
from rich.console import Console

HERE = Path(__file__).resolve().parent
MODULES = (
    "sigkill",
    "syscalls",
    "power",
    "strict",
    "device",
    "hang",
    "faults",
    "reading",
    "storage",
    "compound",
    "memory",
    "damage",
    "index_damage",
    "hostile_repository",
    "writers",
    "clock",
    "indexers",
    "rebuild",
    "watching",
    "soak",
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=MODULES, help="may be given several times")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the clock")
    parser.add_argument("--trials", type=int, help="of each campaign (default: the full one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="put everything that was found there")
    given = parser.parse_args()
    console = Console()
    rows: list[Row] = []
    for name in given.only or MODULES:
        console.rule(name, align="left")
        rows += module(name, given.seed, given.trials)
        if any(row.is_interrupted for row in rows):
            break
    console.rule()
    show(console, rows)
    if given.json:
        given.json.write_text(json.dumps([as_json(row) for row in rows], indent=1))
    return int(any(row.verdict not in ("held", "not run") for row in rows))


def module(name: str, seed: int, trials: int | None) -> list[Row]:
    """Run one module's campaigns in a process of their own, and return what they found."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        command = [sys.executable, str(HERE / f"{name}.py"), "--seed", str(seed), "--json", str(found)]
        if trials is not None:
            command += ["--trials", str(trials)]
        process = subprocess.Popen(command)
        try:
            code = process.wait()
        except KeyboardInterrupt:  # it has had it too, and writes down what it has found
            code = process.wait()
        if not found.exists():
            return [Row("", name, failures=[f"it ended with exit code {code} and said nothing"])]
        return [from_json(fields) for fields in json.loads(found.read_text())]


if __name__ == "__main__":
    sys.exit(main())
