"""README.md does what it says: its example and its commands are run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "README.md"
README = PAGE.read_text() if PAGE.exists() else ""  # not there where only the wheel is tested
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition(" #")[0].strip() for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()
]


def run(command, folder):
    """Run a command in a folder, with what is installed beside this Python first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The folder in which the Python example was run, and what it printed."""
    folder = tmp_path_factory.mktemp("readme")
    (text,) = [text for kind, text in BLOCKS if kind == "python"]
    (folder / "example.py").write_text(text)
    return folder, run("python example.py", folder)


def test_it_opens_with_the_two_commands_to_try_first():
    assert [command.split()[:2] for command in COMMANDS[:3]] == [
        ["make", "demo"],
        ["make", "test"],
        ["pip", "install"],
    ]
    assert README.index("make demo") < 100


def test_the_example_is_short_and_prints_what_its_comment_says(example):
    _, done = example
    (text,) = [text for kind, text in BLOCKS if kind == "python"]
    assert len([line for line in text.splitlines() if line.strip()]) <= 10
    assert done.stdout == text.rpartition("# ")[2]
    assert done.stderr == ""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("runstone ")])
def test_a_command_finds_what_the_example_logged(example, command):
    folder, _ = example
    done = run(command, folder)
    assert len(done.stdout.splitlines()) >= 2
    assert "digits" in done.stdout or "loss" in done.stdout


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_target_of_make_exists(command):
    run(f"make --dry-run {command.removeprefix('make ')}", TOP)


def test_no_other_command_is_left_out():
    rest = [command for command in COMMANDS if command.split()[0] not in ("make", "runstone")]
    assert rest == ["pip install ."]  # which .ci/run does, with a wheel


def test_the_table_has_every_command():
    told = run("runstone --help", TOP).stdout.partition("Commands:")[2]
    assert set(re.findall(r"^\| `runstone (\w+)`", README, re.MULTILINE)) == set(
        re.findall(r"^  (\w+) ", told, re.MULTILINE)
    )


def test_what_it_is_takes_five_sentences():
    text = re.search(r"^## What it is\n\n(.*?)\n\n", README, re.MULTILINE | re.DOTALL)[1]
    assert len(re.findall(r"\.(?:\s|$)", text)) == 5
