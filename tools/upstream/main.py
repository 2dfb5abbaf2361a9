"""Runs Aim's own tests against Runstone, and compares how they end with tests/upstream/expected.toml.

The tests come from Aim's source distribution, which pip fetches into .upstream (or from the archive that AIM_SDIST
names, where there is no network). Nothing of Aim is installed, and nothing of it is kept in this repository.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

VERSION = "3.29.1"
ARCHIVE = f"aim-{VERSION}.tar.gz"
FOLDERS = ("tests/sdk", "tests/storage")

TOP = Path(__file__).resolve().parents[2]
SHIM = TOP / "tests" / "upstream"
KEPT = TOP / ".upstream"


def main() -> int:
    """Return 0 if every test ends as the table says."""
    expected = tomllib.loads((SHIM / "expected.toml").read_text())
    with tempfile.TemporaryDirectory(prefix="upstream-") as name:
        folder = Path(name)
        unpack(archive(), folder)
        outcomes = run(folder, verbose="-v" in sys.argv)
    wrong = deviations(outcomes, expected)
    for line in wrong:
        print(line)
    counts = Counter(outcomes.values())
    print(
        f"{len(outcomes)} tests of Aim {VERSION}: {counts['passed']} pass, {counts['skipped']} skipped, "
        f"{counts['failed']} fail; {len(wrong)} other than tests/upstream/expected.toml says"
    )
    return 1 if wrong or not outcomes else 0


def archive() -> Path:
    """Return the source distribution, fetched if need be."""
    given = os.environ.get("AIM_SDIST")
    if given:
        if not Path(given).is_file():
            sys.exit(f"AIM_SDIST names no file: {given}")
        return Path(given)
    if not (KEPT / ARCHIVE).exists():
        # pip asks the distribution for its metadata, and sets up what that needs: hence from source for aim alone.
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]
        command += ["--no-deps", "--no-binary", "aim", "--dest", str(KEPT), f"aim=={VERSION}"]
        if subprocess.run(command, check=False).returncode:
            sys.exit(
                f"cannot fetch Aim's source distribution; name one that you have: AIM_SDIST=.../{ARCHIVE}"
            )
    return KEPT / ARCHIVE


def unpack(path: Path, folder: Path) -> None:
    """Unpack the tests that are run, and nothing else."""
    wanted = tuple(f"aim-{VERSION}/{part}/" for part in FOLDERS)
    with tarfile.open(path) as tar:
        for member in tar.getmembers():
            if member.name.startswith(wanted):
                member.name = member.name.partition("/")[2]
                tar.extract(member, folder, filter="data")


def run(folder: Path, *, verbose: bool) -> dict[str, str]:
    """Run the tests in a folder, and return how each of them has ended."""
    outcomes = folder / "outcomes.json"
    path = os.pathsep.join([str(SHIM), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "UPSTREAM_OUTCOMES": str(outcomes)}
    environment.pop("RUNSTONE_RUN_HASH", None)
    (folder / "pytest.ini").write_text("[pytest]\n")  # and no other settings
    options = ["-p", "plugin", "-p", "no:cacheprovider", "--continue-on-collection-errors", "-q"]
    options += ["--tb=short" if verbose else "--tb=no", *FOLDERS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder, env=environment, stdout=None if verbose else subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if not outcomes.exists():
        print(done.stdout)
        return {}
    found: dict[str, str] = json.loads(outcomes.read_text())
    return found


def deviations(outcomes: dict[str, str], expected: dict[str, Any]) -> list[str]:
    """Return a line for each test that does not end as the table says."""
    fails, skips, either = expected["fails"], expected["skips"], expected["either"]
    wrong = []
    for test, outcome in sorted(outcomes.items()):
        if outcome == "failed" and test not in fails and test not in either:
            wrong.append(f"fails, and the table does not say why: {test}")
        elif outcome == "skipped" and test not in skips:
            wrong.append(f"is skipped, and the table does not say why: {test}")
        elif outcome == "passed" and test in fails:
            wrong.append(f"passes; take it out of the table: {test}")
    listed = {*fails, *skips, *either}
    wrong += [f"is in the table, and not there: {test}" for test in sorted(listed - outcomes.keys())]
    return wrong


if __name__ == "__main__":
    sys.exit(main())
