"""Asking the desk, in this process or in a worker's, and reading what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from runstone import Repo
from runstone_query.reply import Reply
from runstone_ui.desk import ANSWERS


def ask(path: Path | Repo, name: str, **arguments: Any) -> Reply:
    repo = path if isinstance(path, Repo) else Repo(path, read_only=True)
    return ANSWERS[name](repo, arguments)


def told(path: Path | Repo, name: str, **arguments: Any) -> Any:
    """What an answer in JSON says."""
    reply = ask(path, name, **arguments)
    assert reply.header["type"] == "application/json"
    return json.loads(reply.body)


def columns(body: bytes) -> tuple[dict[str, Any], Any]:
    """The header and the numbers of a binary reply."""
    length = int.from_bytes(body[:4], "little")
    assert (length + 4) % 8 == 0
    numbers = body[4 + length :]
    assert len(numbers) % 8 == 0
    return json.loads(body[4 : 4 + length]), np.frombuffer(numbers, "<f8")


def drawn(path: Path | Repo, **arguments: Any) -> tuple[dict[str, Any], list[Any]]:
    """The header of some curves; and (x, y) of each."""
    header, numbers = columns(ask(path, "curves", **arguments).body)
    return header, [points(sequence, numbers) for sequence in header["sequences"]]


def points(placed: dict[str, Any], numbers: Any) -> tuple[list[float], list[float]]:
    x, y, length = placed["x"], placed["y"], placed["length"]
    return numbers[x : x + length].tolist(), numbers[y : y + length].tolist()
