"""The power cuts that need no root: the strictest file system, and the judge on what power cuts leave."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import device
import hang
import power
import strict
from campaign import Options

from runstone import Repo, Run
from runstone_indexer import Indexer

EVENTS = 45


@pytest.mark.slow
def test_what_posix_allows_a_power_cut_to_take_is_nothing_that_was_durable():
    row = strict.strict(Options(seed=3, trials=3))
    assert row.failures == []
    assert row.verdict == "held"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with each kind of event, indexed."""
    root = tmp_path / "repo"
    with Run("run", create=True, repo=root, **power.QUIET) as run:
        for i in range(EVENTS):
            power.one_event(run, "w", i, tmp_path)
    Indexer(root).run_once()
    return root


def judged(repo: Path, durable: int = EVENTS) -> list[str]:
    expected = [power.Expected("w", "run", durable, EVENTS)]
    return power.judge(repo, repo.parent / "none", expected, {}, None)


def log_of(repo: Path) -> Path:
    (found,) = (repo / ".runstone" / "logs").rglob("*.jsonl")
    return found


def blobs_of(repo: Path) -> list[Path]:
    return sorted(path for path in (repo / ".runstone" / "blobs").rglob("*") if path.is_file())


def test_nothing_is_wrong_with_a_tail_of_zeros(repo):
    assert judged(repo) == []
    with open(log_of(repo), "ab") as file:
        file.write(bytes(5000))
    assert judged(repo) == []


def test_a_tail_that_was_indexed_and_is_zeros_now_is_put_right_without_being_told(repo):
    """Its hint was there still, as nobody had made the log durable."""
    log = log_of(repo)
    data = log.read_bytes()
    cut = data.rfind(b"\n", 0, len(data) - 400) + 1
    log.write_bytes(data[:cut] + bytes(len(data) - cut))
    (repo / ".runstone" / "live" / f"run.{log.name.partition('.')[0]}").write_bytes(b"1\n")
    durable = max(power.events_of(Repo(repo, index=False).get_run("run"), "w")) + 1
    assert durable < EVENTS
    assert judged(repo, durable) == []
    assert any("lost" in what for what in judged(repo))


def test_what_is_durable_and_gone_is_found(repo):
    log = log_of(repo)
    log.write_bytes(log.read_bytes()[:-2000])
    assert any("lost" in what for what in judged(repo))


def test_an_emptied_blob_is_found_where_a_durable_line_names_it(repo):
    for blob in blobs_of(repo):
        blob.chmod(0o644)
        blob.write_bytes(b"")
    wrong = judged(repo)
    for kind in ("image", "artifact", "image param"):
        assert any(f" {kind} " in what and "is broken" in what for what in wrong), kind
    assert judged(repo, durable=7) == []


@pytest.mark.parametrize("content", [b"", bytes(300)])
def test_a_published_index_without_content_is_found(repo, content):
    (repo / ".runstone" / "index" / "v1" / "MANIFEST.json").write_bytes(content)
    assert any("published index is broken" in what for what in judged(repo))


def test_a_backup_that_lacks_what_it_said_to_have_is_found(repo, tmp_path):
    there = Repo(repo)
    there.backup(tmp_path / "backup")
    saved = power.Expected("w", "run", EVENTS, EVENTS)
    assert power.judge_backup(there, tmp_path / "backup", saved) == []
    log = log_of(tmp_path / "backup")
    log.write_bytes(log.read_bytes()[:-2000])
    assert any("lost" in what for what in power.judge_backup(there, tmp_path / "backup", saved))


@pytest.mark.parametrize("module", [power, device, hang])
def test_without_root_a_campaign_says_that_it_was_not_run(module: Any, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda tool: f"/bin/{tool}")
    for campaign in module.CAMPAIGNS.values():
        row = campaign(Options())
        assert (row.skipped, row.verdict, row.failures) == ("it needs root", "not run", [])
