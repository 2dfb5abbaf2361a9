"""The command line, as it is installed: what every command prints, where, and its exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import RUNSTONE, damage, environment, lines_of_json, log_of, make_run, runstone, three_runs
from processes import DEADLINE_SECONDS, QUIET, Writer, wait_until
from runstone import Repo, Run
from runstone_indexer.indexer import Indexer
from runstone_writer.lines import frame

COMMANDS = (
    "init", "up", "query", "runs ls", "runs show", "runs rm", "runs restore", "runs archive", "runs tag", "runs copy",
    "runs move", "history", "tail", "index", "reindex", "status", "fsck", "gc", "backup",
)  # fmt: skip


@pytest.fixture
def repo(tmp_path):
    """A repository with three runs, the newest of which is called "c"; returns (path, hashes by name)."""
    return tmp_path, three_runs(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(command):
    for option in ("--help", "-h"):
        text = runstone(*command.split(), option).stdout
        assert re.search(rf"Examples?:\n +runstone {command}", text)
        assert "--json" in text
        assert "\\b" not in text


def test_the_help_lists_every_command_and_the_exit_codes():
    text = runstone("--help").stdout
    listed = re.findall(r"^  (\w+) ", text.partition("Commands:")[2], re.MULTILINE)
    assert set(listed) == {command.split()[0] for command in COMMANDS}
    assert "0 all well, 1 it failed or damage was found, 2 a wrong call" in text
    assert "..." not in text.partition("Commands:")[2]


def test_the_version_is_told():
    import runstone as package

    assert runstone("--version").stdout == f"runstone, version {package.__version__}\n"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "init"])
def test_without_a_repository_every_command_fails_with_what_to_do(tmp_path, command):
    one = ["x"] if command.startswith("runs ") or command in ("tail", "history", "backup") else []
    arguments = {
        "runs tag": ["best", "x"],
        "runs copy": ["x", "--to", "there"],
        "runs move": ["x", "--to", "there"],
        "runs ls": [],
    }.get(command, one)
    done = runstone(*command.split(), *arguments, cwd=tmp_path, code=1)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "runstone: there is no Runstone repository here or in a folder above",
        "Give one with --repo DIR, or create one with `runstone init`.",
    ]
    done = runstone(*command.split(), *arguments, "--repo", tmp_path / "nowhere", code=1)
    assert str(tmp_path / "nowhere") in done.stderr


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["query", "--nonsense"], ["query", "--limit", "-1"], ["runs", "rm"], ["tail"]]
)
def test_a_wrong_call_ends_with_2(arguments):
    done = runstone(*arguments, code=2)
    assert done.stdout == ""
    assert "Usage: runstone" in done.stderr


def test_the_repository_is_the_nearest_one_upwards_or_that_of_the_environment(repo, tmp_path_factory):
    path, hashes = repo
    (path / "deep" / "er").mkdir(parents=True)
    asked = runstone("query", "--json", "--columns", "hash", cwd=path / "deep" / "er")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    told = runstone("query", "--json", "--columns", "hash", cwd=elsewhere, RUNSTONE_REPO=str(path))
    assert lines_of_json(asked.stdout) == lines_of_json(told.stdout) == [{"hash": hashes[n]} for n in "cba"]


def test_a_newer_repository_is_refused(repo):
    path, _ = repo
    (path / ".runstone" / "format.json").write_text('{"format": 99}')
    done = runstone("query", "--repo", path, code=1)
    assert "99" in done.stderr
    assert "pip install --upgrade" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["query", "--json"], ["query"], ["runs", "ls"], ["tail", "{run}", "--no-follow"]]
)
def test_head_may_close_the_pipe(repo, arguments):
    path, hashes = repo
    with Run(hashes["a"], repo=path, **QUIET) as run:
        for step in range(20_000):
            run.track(float(step), name="long")
            if step < 200:
                run.set(f"p{step}", "x" * 500)
    command = [str(a).format(run=hashes["a"]) for a in (RUNSTONE, *arguments, "--repo", path)]
    script = f"set -o pipefail; {' '.join(command)} | head -c 10"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, encoding="utf-8", env=environment(), check=False
    )
    assert (done.returncode, len(done.stdout)) == (0, 10)
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_init_makes_a_repository_and_leaves_one_that_is_there(tmp_path):
    assert runstone("init", tmp_path / "new").stdout == f"Made a repository at {tmp_path}/new/.runstone\n"
    make_run(tmp_path / "new", "a")
    assert "There is a repository already" in runstone("init", tmp_path / "new").stdout
    assert len(Repo(tmp_path / "new").list_all_runs()) == 1
    runstone("init", cwd=tmp_path)
    assert Repo.exists(tmp_path)


def test_init_tells_programs_where(tmp_path):
    for created in (True, False):
        (told,) = lines_of_json(runstone("init", tmp_path, "--json").stdout)
        assert told == {"repo": str(tmp_path / ".runstone"), "created": created}


def test_init_says_why_it_could_not():
    done = runstone("init", "/proc/nowhere", code=1)
    assert "cannot create a repository at /proc/nowhere/.runstone" in done.stderr
    assert "Give a folder that you may write to" in done.stderr


def test_index_reads_what_is_new_and_says_how_much(repo):
    path, _ = repo
    assert "Indexed 3 runs with something new: 9 points" in runstone("index", "--repo", path).stdout
    assert "Indexed 0 runs with something new: 0 points" in runstone("index", "--repo", path).stdout
    (told,) = lines_of_json(runstone("reindex", "--repo", path, "--json").stdout)
    assert (told["runs"], told["points"], told["problems"]) == (3, 9, 0)
    assert told["bytes"] > 0
    assert Repo(path).explain("").from_index == 3


def test_index_tells_of_problems(repo):
    path, hashes = repo
    damage(path, hashes["b"])
    done = runstone("index", "--repo", path)
    assert "1 problem found: `runstone status` shows where." in done.stderr


def test_a_second_indexer_says_that_the_first_does_the_work(repo):
    path, _ = repo
    with Indexer(path):
        done = runstone("index", "--repo", path, code=1)
    assert "another process is indexing" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_index_watch_follows_until_it_is_told_to_stop(repo, number):
    path, _ = repo
    command = [RUNSTONE, "index", "--watch", "--json", "--repo", path]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment()
    )
    try:
        assert process.stderr.readline().startswith("Watching")
        assert json.loads(process.stdout.readline())["runs"] == 3
        with Writer(path) as writer:
            writer.do("run.track(1.0, name='loss')")
            told = json.loads(process.stdout.readline())
            assert told["runs"] == 1
            wait_until(lambda: Repo(path).explain(f"run.hash == '{writer.hash}'").from_index == 1)
            process.send_signal(number)
            rest, notes = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 0
        assert all(line["problems"] == 0 for line in lines_of_json(rest))
        assert notes == "Stopped. Everything that was read is published.\n"
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_status_counts_runs_and_what_is_not_indexed(repo):
    path, _ = repo
    text = runstone("status", "--repo", path).stdout
    assert re.search(r"^runs +3 runs: 3 finished$", text, re.MULTILINE)
    assert re.search(r"^not indexed +[\d.]+ kB in 3 runs$", text, re.MULTILINE)
    assert re.search(r"^problems +0$", text, re.MULTILINE)
    (told,) = lines_of_json(runstone("status", "--json", "--repo", path).stdout)
    assert told["runs"] == {"running": 0, "finished": 3, "crashed": 0}
    assert (told["generation"], told["unread_runs"], told["problems"]) == (0, 3, [])
    runstone("index", "--repo", path)
    text = runstone("status", "--repo", path).stdout
    assert re.search(r"^index +generation 1, 9 points$", text, re.MULTILINE)
    assert re.search(r"^not indexed +nothing$", text, re.MULTILINE)


def test_status_shows_each_kind_of_damage_with_file_and_offset(repo):
    path, hashes = repo
    garbage, place = damage(path, hashes["a"])
    torn = log_of(path, hashes["b"])
    size = torn.stat().st_size
    torn.write_bytes(torn.read_bytes() + b"[0,1,")
    foreign = torn.with_name("notes.txt")
    foreign.write_text("mine")
    empty = log_of(path, hashes["c"]).with_name("00000000001-000000000001.jsonl")
    empty.touch()
    newer = empty.with_name("00000000001-000000000002.jsonl")
    newer.write_bytes(
        frame(b'{"event":"log","format":99,"run":"x","writer":"00000000001-000000000002","crc":', 0)[0]
    )
    for hint in (path / ".runstone" / "live").iterdir():
        os.utime(hint, (0, 0))
    expected = {
        (str(garbage), place, "checksum mismatch"),
        (str(torn), size, "torn tail of 5 bytes"),
        (str(foreign), 0, "not a log of Runstone's"),
        (str(empty), 0, "empty log"),
    }
    for indexed in (False, True):
        if indexed:
            runstone("index", "--repo", path)
        (told,) = lines_of_json(runstone("status", "--json", "--repo", path).stdout)
        found = {(problem["path"], problem["start"], problem["reason"]) for problem in told["problems"]}
        assert expected <= found
        ((newer_path, _, reason),) = found - expected
        assert newer_path == str(newer)
        assert "log format 99" in reason
        text = runstone("status", "--repo", path, cwd=path).stdout
        assert f"  torn tail of 5 bytes\n    {torn.relative_to(path)}, bytes {size} to {size + 5}\n" in text
        assert f"  not a log of Runstone's\n    {foreign.relative_to(path)}\n" in text


def test_fsck_of_a_healthy_repository_ends_with_0(repo):
    path, _ = repo
    for _ in range(2):
        assert "No damage." in runstone("fsck", "--repo", path).stdout
        (told,) = lines_of_json(runstone("fsck", "--json", "--repo", path).stdout)
        assert (told["clean"], told["runs"], told["logs"]) == (True, 3, 3)
        runstone("index", "--repo", path)


def test_fsck_ends_with_1_on_damage_and_shows_where(repo):
    path, hashes = repo
    runstone("index", "--repo", path)
    log, place = damage(path, hashes["a"])
    done = runstone("fsck", "--repo", path, cwd=path, code=1)
    assert f"checksum mismatch\n    {log.relative_to(path)}, bytes {place} to " in done.stdout
    (told,) = lines_of_json(runstone("fsck", "--json", "--repo", path, code=1).stdout)
    assert told["clean"] is False
    assert (told["damage"][0]["path"], told["damage"][0]["start"]) == (str(log), place)


def test_fsck_takes_a_torn_tail_and_a_foreign_file_for_no_damage(repo):
    path, hashes = repo
    log = log_of(path, hashes["a"])
    log.write_bytes(log.read_bytes() + b"[0,1,")
    log.with_name("notes.txt").write_text("mine")
    done = runstone("fsck", "--repo", path)
    assert "torn tail of 5 bytes" in done.stdout
    assert "notes.txt" in done.stdout
    assert "No damage." in done.stdout


def test_fsck_notices_an_index_that_is_damaged(repo):
    path, _ = repo
    runstone("index", "--repo", path)
    (states,) = (path / ".runstone" / "index").rglob("states-*")
    data = bytearray(states.read_bytes())
    (manifest,) = (path / ".runstone" / "index").rglob("MANIFEST.json")
    data[json.loads(manifest.read_bytes())["states"][0]["columns"]["state"][2]] ^= 1
    states.unlink()
    states.write_bytes(data)
    done = runstone("fsck", "--repo", path, code=1)
    assert "`runstone reindex` makes it anew" in done.stdout
    runstone("reindex", "--repo", path)
    assert "No damage." in runstone("fsck", "--repo", path).stdout


def test_python_runs_it_as_a_module(tmp_path):
    command = [sys.executable, "-m", "runstone", "init", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert lines_of_json(done.stdout) == [{"repo": str(tmp_path / ".runstone"), "created": True}]
    done = subprocess.run([*command[:3], "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: runstone [OPTIONS] COMMAND")
