"""How a query reports that it is under way."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import new_repo, write_run
from processes import DEADLINE_SECONDS
from runstone import QueryReportMode, Repo, UsageError


@pytest.fixture
def repo(tmp_path):
    layout = new_repo(tmp_path)
    for number in range(3):
        write_run(layout, number)
    return Repo(tmp_path)


def test_the_modes_have_aims_names_and_numbers():
    assert {mode.name: int(mode) for mode in QueryReportMode} == {
        "DISABLED": 0, "PROGRESS_BAR": 1, "PROGRESS_TUPLE": 2
    }  # fmt: skip


@pytest.mark.parametrize("mode", [*QueryReportMode, 0, 1, 2])
def test_every_mode_gives_the_same_runs(repo, mode):
    assert len(list(repo.query_runs(report_mode=mode))) == 3
    assert len(list(repo.query_metrics("", mode))) == 6


def test_tuples_tell_how_far_it_is(repo):
    result = repo.query_runs(report_mode=QueryReportMode.PROGRESS_TUPLE)
    assert [progress for _, progress in result.iter_runs()] == [(1, 3), (2, 3), (3, 3)]
    assert [item.run.hash for item, _ in result.iter_runs()] == repo.list_all_runs()


@pytest.mark.parametrize("mode", [3, -1, "bar", None])
def test_an_unknown_mode_is_refused(repo, mode):
    with pytest.raises(UsageError, match="report mode"):
        repo.query_runs(report_mode=mode)


SCRIPT = """
import sys
from runstone import Repo
from runstone_query import report
report.BAR_AFTER_SECONDS = -1.0
print(len(Repo(sys.argv[1], index=False).at("9999-01-01").query_runs("", report_mode=int(sys.argv[2]))))
"""


def shown(repo, mode, on_terminal):
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, repo.path, str(mode)],
            stdout=subprocess.PIPE, stderr=theirs if on_terminal else subprocess.PIPE,
            env={**os.environ, "TERM": "xterm"}, timeout=DEADLINE_SECONDS, check=True,
        )  # fmt: skip
        assert done.stdout == b"3\n"
        if not on_terminal:
            return done.stderr
        os.set_blocking(ours, False)
        try:
            return os.read(ours, 65536)
        except BlockingIOError:
            return b""
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_bar_is_shown_on_a_terminal_only(repo):
    assert b"reading logs" in shown(repo, 1, on_terminal=True)
    assert shown(repo, 0, on_terminal=True) == b""
    assert shown(repo, 1, on_terminal=False) == b""
