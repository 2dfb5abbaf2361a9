"""docs/media.md does what it says: its examples are run, and print what their comments say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runstone_writer.cargo import WAITING_LIMIT
from runstone_writer.media.blob import MEMORY_LIMIT

pytestmark = pytest.mark.checkout

PATH = Path(__file__).resolve().parent.parent / "docs/media.md"
PAGE = PATH.read_text() if PATH.exists() else ""
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_print_what_their_comments_say(tmp_path):
    (tmp_path / "examples.py").write_text("".join(BLOCKS))
    command = [sys.executable, "-W", "error", "examples.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = re.findall(r"^ *print\(.*\)  # (.*)$", "".join(BLOCKS), re.MULTILINE)
    assert done.stdout.splitlines() == told
    assert len(told) == 7


def test_the_numbers_of_the_page_are_those_of_the_code():
    assert f"up to {MEMORY_LIMIT >> 20} MiB is taken" in PAGE
    assert f"up to {WAITING_LIMIT >> 20} MiB, and are written" in PAGE.replace("\n", " ")
