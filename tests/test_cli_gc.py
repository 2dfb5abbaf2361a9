"""`runstone gc`, `backup`, `history`, `runs copy` and `runs move`, as they are installed."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import damage, lines_of_json, make_run, runstone, three_runs
from processes import QUIET, Writer
from runstone import Repo, Run


@pytest.fixture
def repo(tmp_path):
    """A repository with three runs; returns (path, hashes by name)."""
    path = tmp_path / "repo"
    path.mkdir()
    return path, three_runs(path)


def folder(path, run_hash):
    return Path(Repo(path).layout.run_folder(run_hash))


def test_gc_asks_and_removes(repo):
    path, hashes = repo
    Repo(path).delete_run(hashes["b"])
    done = runstone("gc", "--now", "--repo", path, text="n\n", code=1)
    assert hashes["b"] in done.stderr
    assert "Remove 1 deleted run for good?" in done.stderr
    assert folder(path, hashes["b"]).exists()
    done = runstone("gc", "--now", "--repo", path, text="y\n")
    assert done.stdout.startswith("Removed 1 run (")
    assert not folder(path, hashes["b"]).exists()
    assert (
        "there is no deleted run" in runstone("runs", "restore", hashes["b"], "--repo", path, code=1).stderr
    )
    assert len(lines_of_json(runstone("runs", "ls", "--json", "--repo", path).stdout)) == 2


def test_gc_says_what_would_go_and_what_stays(repo):
    path, hashes = repo
    Repo(path).delete_run(hashes["b"])
    done = runstone("gc", "--repo", path)
    assert done.stdout.startswith("Removed 0 runs (0 B)")
    assert f"Kept {hashes['b']}: it was deleted or written 0.0 days ago." in done.stderr
    done = runstone("gc", "--dry-run", "--now", "--repo", path)
    assert done.stdout.startswith("Would remove 1 run (")
    assert hashes["b"] in done.stdout
    assert folder(path, hashes["b"]).exists()
    (said,) = lines_of_json(runstone("gc", "--dry-run", "--grace", "0", "--json", "--repo", path).stdout)
    assert (said["dry_run"], said["runs"], said["bytes"] > 500) == (True, [hashes["b"]], True)


def test_gc_with_nothing_to_do_does_not_ask(repo):
    path, _ = repo
    assert runstone("gc", "--now", "--repo", path).stdout.startswith("Removed 0 runs (0 B), 0 blobs (0 B)")


def test_backup_copies_and_then_only_what_is_new(tmp_path, repo):
    path, hashes = repo
    (first,) = lines_of_json(runstone("backup", tmp_path / "copy", "--json", "--repo", path).stdout)
    assert (first["runs"], first["logs"], first["problems"]) == (3, 3, [])
    done = runstone("backup", tmp_path / "copy", "--repo", path)
    assert "Copied 0 B of 0 logs" in done.stdout
    assert "which has 3 runs" in done.stdout
    rows = lines_of_json(runstone("runs", "ls", "--json", "--repo", tmp_path / "copy").stdout)
    assert [row["hash"] for row in rows] == [hashes[name] for name in "cba"]
    runstone("fsck", "--repo", tmp_path / "copy")


def test_backup_ends_with_an_error_if_something_is_damaged(tmp_path, repo):
    path, hashes = repo
    log, _ = damage(path, hashes["b"])
    done = runstone("backup", tmp_path / "copy", "--repo", path, code=1)
    assert "damaged lines, as in the original" in done.stdout
    assert log.name in done.stdout
    assert runstone("backup", path, "--repo", path, code=2).stderr.startswith("runstone: ")


def test_history_shows_each_value(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["hparams"] = {"lr": 0.1}
        run["hparams", "lr"] = 0.01
        del run["hparams", "lr"]
        run.name = "x\x1b[31m"
        run.add_tag("best")
    lines = runstone(
        "history", run.hash[:8], "hparams.lr", "--repo", tmp_path, COLUMNS="200"
    ).stdout.splitlines()
    assert [line.split()[4] for line in lines[2:]] == ["0.1", "0.01", "(deleted)"]
    rows = lines_of_json(runstone("history", run.hash, "hparams.lr", "--json", "--repo", tmp_path).stdout)
    assert [(row["value"], row["deleted"], row["key"]) for row in rows] == [
        (0.1, False, ["hparams", "lr"]), (0.01, False, ["hparams", "lr"]), (None, True, ["hparams", "lr"])
    ]  # fmt: skip
    (row,) = lines_of_json(
        runstone("history", run.hash, "best", "--of", "tags", "--json", "--repo", tmp_path).stdout
    )
    assert row["value"] is True
    assert runstone("history", run.hash, "lr", "--repo", tmp_path).stderr == "The run never had 'lr'.\n"
    everything = runstone("history", run.hash, "--repo", tmp_path).stdout
    assert "\x1b" not in everything
    assert "opened" in everything
    assert "ended" in everything
    assert (
        "there is no history"
        in runstone("history", run.hash, "lr", "--of", "props", "--repo", tmp_path, code=2).stderr
    )


def test_history_may_end_in_the_past(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["lr"] = 0.1
    rows = runstone("history", run.hash, "lr", "--at", "9999-01-01", "--json", "--repo", tmp_path).stdout
    assert [row["value"] for row in lines_of_json(rows)] == [0.1]
    assert "no run" in runstone("history", run.hash, "--at", "2001-01-01", "--repo", tmp_path, code=1).stderr
    assert "not a time" in runstone("history", run.hash, "--at", "x", "--repo", tmp_path, code=2).stderr


def test_a_query_may_be_about_the_past(tmp_path):
    run_hash = make_run(tmp_path, "a")
    then = Repo(tmp_path).get_run(run_hash).end_time
    Repo(tmp_path).delete_run(run_hash)
    make_run(tmp_path, "b")
    query = ("query", "--json", "--repo", tmp_path)
    assert [row["name"] for row in lines_of_json(runstone(*query).stdout)] == ["b"]
    rows = lines_of_json(runstone(*query, "--at", then).stdout)
    assert [row["name"] for row in rows] == ["a"]
    assert runstone(*query, "--at", "2001-01-01").stdout == ""


def test_runs_are_copied_and_moved(tmp_path, repo):
    path, hashes = repo
    runstone("init", tmp_path / "other")
    done = runstone("runs", "copy", hashes["a"], hashes["b"][:10], "--to", tmp_path / "other", "--repo", path)
    assert done.stdout == f"copied {hashes['a']}\ncopied {hashes['b']}\n"
    done = runstone("runs", "move", hashes["a"], "--to", tmp_path / "other", "--json", "--repo", path)
    assert json.loads(done.stdout) == {"hash": hashes["a"], "done": "moved"}
    assert sorted(Repo(path).list_all_runs()) == sorted([hashes["b"], hashes["c"]])
    assert sorted(Repo(tmp_path / "other").list_all_runs()) == sorted([hashes["a"], hashes["b"]])


def test_a_run_that_is_being_written_is_not_moved(tmp_path, repo):
    path, _ = repo
    runstone("init", tmp_path / "other")
    with Writer(path) as writer:
        done = runstone("runs", "move", writer.hash, "--to", tmp_path / "other", "--repo", path, code=2)
        assert "is being written" in done.stderr
