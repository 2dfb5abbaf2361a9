"""The indexer beside the server: it follows what comes, waits for its turn, and ends with the server."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, wait_until
from runstone import Run
from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import read_manifest
from runstone_writer.layout import open_repo
from servers import Up, served


def a_run(repo):
    with Run(repo=repo, **QUIET) as run:
        run.track(1.0, name="loss")
    return run.hash


def indexed(repo):
    manifest = read_manifest(open_repo(repo))
    return 0 if manifest is None else manifest.runs


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_what_is_there_is_indexed_and_what_comes(tmp_path):
    a_run(tmp_path)
    with served(tmp_path, index=True) as server:
        wait_until(lambda: indexed(tmp_path) == 1)
        assert server.get("/api/project").json()["indexing"] is True
        a_run(tmp_path)
        wait_until(lambda: indexed(tmp_path) == 2)
        wait_until(lambda: server.get("/api/project").json()["runs"] == 2)
        pid = server.application.follower.pid
    assert is_gone(pid)


def test_while_another_process_indexes_it_waits_for_its_turn(tmp_path):
    a_run(tmp_path)
    with served(tmp_path, index=False) as server:
        assert server.get("/api/project").json()["indexing"] is False
    with Indexer(tmp_path), served(tmp_path, index=True) as server:
        wait_until(lambda: server.application.follower.pid is not None)
        pid = server.application.follower.pid
        wait_until(lambda: not server.application.follower.is_indexing and has_begun(pid))
        assert indexed(tmp_path) == 0
        assert server.application.follower.pid == pid


def has_begun(pid):
    """Whether the process has got as far as to wait: its threads are there, and it does nothing."""
    try:
        process = psutil.Process(pid)
        return process.num_threads() > 1 and process.status() == psutil.STATUS_SLEEPING
    except psutil.NoSuchProcess:
        return False


def test_one_that_is_killed_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("runstone_ui.following.AGAIN_SECONDS", 0.05)
    with served(tmp_path, index=True) as server:
        follower = server.application.follower
        wait_until(lambda: follower.is_indexing)
        first = follower.pid
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: follower.pid not in (None, first))
        a_run(tmp_path)
        wait_until(lambda: indexed(tmp_path) == 1)


@pytest.mark.parametrize("options", [{"read_only": True}, {"index": False}])
def test_a_server_that_is_not_to_index_starts_none(tmp_path, options):
    a_run(tmp_path)
    with served(tmp_path, **{"index": True, **options}) as server:
        project = server.get("/api/project").json()
        assert (project["indexing"], project["generation"]) == (False, None)
        assert server.application.follower.pid is None
    assert not (tmp_path / ".runstone" / "index").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_server_however_that_ends(tmp_path, number):
    a_run(tmp_path)
    with Up(tmp_path, tmp_path / "log", "--port", "0") as up:
        up.said()
        wait_until(lambda: indexed(tmp_path) == 1)
        children = [child.pid for child in psutil.Process(up.process.pid).children(recursive=True)]
        assert children
        assert up.end(number) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    wait_until(lambda: all(map(is_gone, children)))
    assert "Traceback" not in Path(tmp_path / "log").read_text()
