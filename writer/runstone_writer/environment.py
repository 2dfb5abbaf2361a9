"""What a run ran in: packages, environment variables, the state of git, the command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from typing import Any

PARAMETER = "__system_params"
GIT_SECONDS = 5.0  # a repository on a file system that hangs must not hang the training

_SECRET = re.compile(r"secret|key|token|password|passwd|credential|auth|private", re.IGNORECASE)
# An argument is told more narrowly: --tokenizer, --author and --keyframes are no secrets.
_SECRET_ARGUMENT = re.compile(
    r"secret|passw(?:or)?d|passphrase|credential|(?<![a-z])(?:api|access|auth|private)?(?:key|token|auth|private)s?(?![a-z])",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?<=bearer )\S+|(?<=basic )\S+", re.IGNORECASE)
LEFT_OUT = "(left out)"
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")


def describe() -> dict[str, Any]:
    """Return the value of the parameter ``__system_params``. Takes a tenth of a second or more.

    Left out: environment variables and arguments whose name tells of a secret, users and passwords inside URLs, what
    follows "Bearer", and what cannot be found out (``git_info`` where there is no repository).
    """
    found: dict[str, Any] = {
        "packages": _packages(),
        "env_variables": _variables(),
        "executable": sys.executable,
        "arguments": _arguments(sys.argv),
    }
    git = _git_info()
    return found | {"git_info": git} if git else found


def _packages() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in metadata.distributions():
        try:
            found.setdefault(package.metadata["Name"], package.version)
        except Exception:  # noqa: S112 - leftovers of a broken installation
            continue
    # Where a package is on the path twice, the first is in use, and it came first.
    return {name: found[name] for name in sorted(found) if isinstance(found[name], str)}


def _variables() -> dict[str, str]:
    return {name: _without_user(text) for name, text in os.environ.items() if not _SECRET.search(name)}


def _arguments(given: list[str]) -> list[str]:
    """Return the command line: of ``--api-key=x``, ``--api-key x`` and ``api_key=x`` without the x."""
    kept, secret = [], False
    for argument in given:
        name, equals, _ = argument.partition("=")
        if secret and not argument.startswith("--"):
            kept.append(LEFT_OUT)
            secret = False
            continue
        secret = False
        if equals and "://" not in name and _SECRET_ARGUMENT.search(name):
            kept.append(f"{name}={LEFT_OUT}")
        else:
            secret = not equals and argument.startswith("-") and bool(_SECRET_ARGUMENT.search(argument))
            kept.append(_without_user(argument))
    return kept


def _without_user(text: str) -> str:
    return _BEARER.sub(LEFT_OUT, _USER_IN_URL.sub("", text))


def _git_info() -> dict[str, Any]:
    """What git says of the current folder, in Aim's shape; empty without git or outside of a repository."""
    if _git("rev-parse", "--is-inside-work-tree") != "true":
        return {}
    found: dict[str, Any] = {
        "branch": _git("symbolic-ref", "--short", "HEAD") or _git("rev-parse", "--abbrev-ref", "HEAD"),
        "remote_origin_url": _without_user(_git("config", "--get", "remote.origin.url")),
    }
    commit = _git("log", "-1", "--pretty=format:%H%x00%aI%x00%an").split("\0")
    if len(commit) == 3:
        found["commit"] = dict(zip(("hash", "timestamp", "author"), commit, strict=True))
    return {name: value for name, value in found.items() if value}


def _git(*arguments: str) -> str:
    """Return what git prints, or "" if it cannot or will not answer."""
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            env=quiet,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()
