"""A short form of the campaigns that kill at system calls."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "crash"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("name", ["write", "remove", "recovery"])
def test_operations_killed_at_system_calls_leave_a_repository_that_is_right(name, tmp_path):
    found = tmp_path / "found.json"
    command = [sys.executable, str(TOOLS / "syscalls.py"), "--only", name, "--seed", "3", "--trials", "2"]
    done = subprocess.run([*command, "--json", str(found)], capture_output=True, text=True, check=False)
    (row,) = json.loads(found.read_text())
    if row["skipped"]:
        pytest.skip(row["skipped"])
    assert (row["verdict"], row["failures"], done.returncode) == ("held", [], 0), done.stderr
    assert row["trials"] == 2
    assert row["caught"] > 0
