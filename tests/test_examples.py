"""The examples run on real data, and print what they promise. That of PyTorch is run by `make examples`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runstone import Repo

pytest.importorskip("sklearn")
pytestmark = [pytest.mark.checkout, pytest.mark.slow]

TOP = Path(__file__).resolve().parent.parent
EXAMPLES = TOP / "examples"


def run(name, folder):
    """Run an example; return what it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", folder],
        cwd=folder.parent,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_plain_finds_the_best_of_four_rates(tmp_path):
    lines = run("plain", tmp_path / "repo").splitlines()
    shares = [float(share) for line in lines for share in re.findall(r"([\d.]+)%", line)]
    assert len(shares) == 4
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 90
    assert lines[-1] == "Hardly learned: digits at 1e-05"
    assert len(Repo(tmp_path / "repo").list_all_runs()) == 4


def test_processes_make_one_run(tmp_path):
    first, *table = run("processes", tmp_path / "repo").splitlines()
    assert first.startswith("3 processes wrote the run folds-")
    assert [line.split()[0] for line in table] == ["trees", "5", "10", "20", "40", "80"]
    (stored,) = Repo(tmp_path / "repo").query_runs("").runs()
    assert first.endswith(stored.hash)
    assert stored.name == "a forest, three folds"
    assert stored["hparams"] == {"folds": 3, "trees": [5, 10, 20, 40, 80]}


def test_media_come_back(tmp_path):
    pytest.importorskip("matplotlib")
    lines = run("media", tmp_path / "repo").splitlines()
    counts = [int(count) for count in lines[0].removeprefix("mistakes by epoch:").split()]
    assert len(counts) == 8
    assert counts[-1] < counts[0]
    (images,) = Repo(tmp_path / "repo").query_images("")
    assert [len(found) for found in images.values.values_list()] == counts
    assert re.fullmatch(r"<Image 640x480 png '.*'>, <Audio wav [\d,]+ bytes '\d taken for \d'>", lines[-1])


def test_resume_loses_nothing_and_says_so(tmp_path):
    lines = run("resume", tmp_path / "repo").splitlines()
    assert int(re.fullmatch(r"killed by signal 9, when (\d+) points had .*", lines[0])[1]) >= 25
    assert re.fullmatch(r"going on from the checkpoint before epoch \d0", lines[1])
    assert lines[2] == "nothing is lost: epochs 0 to 59, by 2 processes"


def test_each_is_linked_and_run_by_make():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == set(re.findall(r"\(examples/(\w+)\.py\)", (TOP / "README.md").read_text()))
    done = subprocess.run(
        ["make", "--dry-run", "examples"], cwd=TOP, capture_output=True, text=True, check=True
    )
    quick = re.search(r"for name in ([\w ]+);", done.stdout)[1].split()
    assert names == {*quick, "pytorch"}
    assert "examples/pytorch.py" in done.stdout
