"""The parameter __system_params: what a run ran in, without anybody's secrets."""

import os
import shutil
import subprocess
import sys

import pytest

from runstone_writer import Run, environment

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, in which git looks no further up and reads no configuration of the user's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    return tmp_path


def git(*arguments):
    identity = ["-c", "user.name=Ada L", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_run_keeps_it_as_a_parameter(folder):
    with Run(system_tracking_interval=None, capture_terminal_logs=False, log_system_params=True) as run:
        kept = run["__system_params"]
    assert kept == environment.describe()
    assert kept["executable"] == sys.executable
    assert kept["arguments"] == sys.argv
    assert kept["packages"]["orjson"]
    assert "git_info" not in kept


def test_it_is_off_by_default(folder):
    with Run(system_tracking_interval=None, capture_terminal_logs=False) as run:
        assert run[...] == {}


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS",
        "api_key",
        "GITHUB_TOKEN",
        "PGPASSWORD",
        "Google_Credentials",
        "BASIC_AUTH",
        "Passwords",
        "MYSQL_PASSWD",
        "PRIVATE_PEM",
    ],
)
def test_variables_that_tell_of_a_secret_are_left_out(monkeypatch, name):
    monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    kept = environment.describe()["env_variables"]
    assert kept["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert name not in kept
    assert "hidden" not in kept.values()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("http://user:pass@proxy:3128/", "http://proxy:3128/"),
        ("a,https://me@host/x", "a,https://host/x"),
        ("postgresql://u:p@h1,https://u@h2", "postgresql://h1,https://h2"),
        ("https://host/@not-a-user", "https://host/@not-a-user"),
        ("user@host:/path", "user@host:/path"),
    ],
)
def test_users_and_passwords_inside_urls_are_left_out(monkeypatch, value, kept):
    monkeypatch.setenv("http_proxy", value)
    assert environment.describe()["env_variables"]["http_proxy"] == kept


@pytest.mark.parametrize(
    ("given_arguments", "kept"),
    [
        (["--api-key=x", "--lr=0.1"], ["--api-key=(left out)", "--lr=0.1"]),
        (["--token", "x", "--lr", "0.1"], ["--token", "(left out)", "--lr", "0.1"]),
        (["wandb.api_key=x", "a.HF_TOKEN=x"], ["wandb.api_key=(left out)", "a.HF_TOKEN=(left out)"]),
        (["--dbpassword=a=b", "--accessKey", "x"], ["--dbpassword=(left out)", "--accessKey", "(left out)"]),
        (["--key", "--verbose", "x"], ["--key", "--verbose", "x"]),
        (["--tokenizer=bert", "--author", "me", "--keyframes=5"], ["--tokenizer=bert", "--author", "me", "--keyframes=5"]),
        (["s3://u:p@host/x?key=1", "key.py"], ["s3://host/x?key=1", "key.py"]),
        (["-H", "Authorization: Bearer abc"], ["-H", "Authorization: Bearer (left out)"]),
    ],
)  # fmt: skip
def test_secrets_on_the_command_line_are_left_out(monkeypatch, given_arguments, kept):
    monkeypatch.setattr("sys.argv", ["train.py", *given_arguments])
    assert environment.describe()["arguments"] == ["train.py", *kept]


def test_bytes_in_the_environment_come_back(folder, monkeypatch):
    monkeypatch.setitem(os.environb, b"ODD", b"\xff\xfe")
    with Run(system_tracking_interval=None, capture_terminal_logs=False, log_system_params=True) as run:
        assert os.fsencode(run["__system_params", "env_variables", "ODD"]) == b"\xff\xfe"


@needs_git
def test_git_tells_branch_remote_and_commit(folder):
    git("init", "--initial-branch", "trunk")
    git("remote", "add", "origin", "https://ada:hunter2@example.org/net.git")
    git("commit", "--allow-empty", "--message", "first", "--date", "2024-05-06T07:08:09+02:00")
    assert environment.describe()["git_info"] == {
        "branch": "trunk",
        "remote_origin_url": "https://example.org/net.git",
        "commit": {
            "hash": git("rev-parse", "HEAD"),
            "timestamp": "2024-05-06T07:08:09+02:00",
            "author": "Ada L",
        },
    }


@needs_git
def test_detached_head_has_no_branch_of_its_own(folder):
    git("init")
    git("commit", "--allow-empty", "--message", "first")
    git("checkout", "--detach")
    found = environment.describe()["git_info"]
    assert found["branch"] == "HEAD"
    assert found.keys() == {"branch", "commit"}


@needs_git
def test_git_without_a_commit_leaves_it_out(folder):
    git("init", "--initial-branch", "trunk")
    assert environment.describe()["git_info"] == {"branch": "trunk"}


@needs_git
def test_no_repository_no_key(folder):
    assert "git_info" not in environment.describe()


def test_no_git_no_key(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    assert "git_info" not in environment.describe()


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_git_that_hangs_is_given_up(folder, monkeypatch):
    script = folder / "git"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(environment, "GIT_SECONDS", 0.05)
    assert "git_info" not in environment.describe()


def test_importing_runstone_does_not_load_it():
    script = "import runstone_writer, sys; print('runstone_writer.environment' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
