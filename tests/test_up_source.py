"""What must not stand in the source of the server: what runs code that came as data, and what fetches for others."""

import ast
from pathlib import Path

import pytest

import runstone_ui

ROOM = Path(runstone_ui.__file__).parent
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "extractall",
    "extract",
    "system",
    "popen",
    "unpack_archive",
}
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "yaml",
    "tarfile",
    "zipfile",
    "shutil",
    "xml",
    "lxml",
    "urllib.request",
    "http.client",
    "requests",
    "httpx",
    "aiohttp",
    "ftplib",
    "smtplib",
    "telnetlib",
    "boto3",
    "paramiko",
    "webbrowser",
    "ctypes",
}
KEYWORDS = {("shell", True), ("allow_pickle", True)}
LIFELINE = {"following.py"}  # starts the indexer: a fixed program


def modules():
    return sorted(ROOM.rglob("*.py"))


def found_in(source):
    """Yield what is not allowed."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if is_forbidden(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from filter(is_forbidden, names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            is_regex = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "re"
            if name in CALLS and not is_regex:
                yield name
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Constant) and (keyword.arg, keyword.value.value) in KEYWORDS:
                    yield f"{keyword.arg}={keyword.value.value}"


def is_forbidden(name):
    return any(name == module or name.startswith(f"{module}.") for module in MODULES)


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(ROOM)))
def test_nothing_runs_what_came_as_data_and_nothing_fetches_for_others(module):
    assert list(found_in(module.read_text())) == []


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(ROOM)))
def test_only_the_indexer_is_started_as_a_process(module):
    names = {node.attr for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Attribute)}
    starting = {
        "Popen",
        "run_command",
        "create_subprocess_exec",
        "create_subprocess_shell",
        "fork",
        "execv",
        "spawnv",
    }
    assert not names & starting or module.name in LIFELINE


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "exec(x)",
        "__import__('os')",
        "import pickle",
        "from pickle import loads",
        "import urllib.request",
        "from urllib import request",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(x, shell=True)",
        "tar.extractall()",
        "import tarfile",
        "os.system('x')",
        "import yaml",
        "from xml.etree import ElementTree",
    ],
)
def test_what_is_forbidden_would_be_found(source):
    assert list(found_in(source))


def test_what_is_harmless_is_not():
    assert not list(
        found_in(
            "import re, urllib.parse\nre.compile('x')\nasyncio.create_subprocess_exec(*x)\nd.get('eval')"
        )
    )
