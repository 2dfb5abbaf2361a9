"""A short form of the campaign that kills at random instants."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "crash"


@pytest.mark.slow
def test_scripts_and_indexers_killed_at_random_instants_lose_nothing_that_they_had_said(tmp_path):
    """In a process of its own: it forks, and takes in the children of others that were killed."""
    found = tmp_path / "found.json"
    command = [
        sys.executable,
        str(TOOLS / "sigkill.py"),
        "--seed",
        "5",
        "--trials",
        "40",
        "--json",
        str(found),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (row,) = json.loads(found.read_text())
    assert (row["verdict"], row["failures"], done.returncode) == ("held", [], 0), done.stderr
    assert row["trials"] >= 40
    assert row["caught"] > 0
    assert row["figures"]["events said"] > 0
