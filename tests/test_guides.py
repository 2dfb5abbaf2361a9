"""The guides do what they say: their examples are run, and print what the comments behind them say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

DOCS = Path(__file__).resolve().parent.parent / "docs"
GUIDES = ["history.md", "repo.md"]


def code_of(page):
    return "".join(re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("page", GUIDES)
def test_the_examples_print_what_stands_behind_them(tmp_path, page):
    pytest.importorskip("polars")
    code = code_of(page)
    (tmp_path / "example.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONWARNINGS": "error"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    expected = re.findall(r"^# (.*)$", code, re.MULTILINE)
    assert done.stdout.splitlines() == expected
    assert len(expected) >= 5


@pytest.mark.parametrize("page", GUIDES)
def test_commands_that_are_named_exist(page):
    from runstone.cli.main import COMMANDS

    named = re.findall(r"`runstone (\w+)", (DOCS / page).read_text())
    assert set(named) <= set(COMMANDS)
    assert named
