"""A module of answers for the tests of workers and pools: what is large, slow, greedy or broken."""

from __future__ import annotations

import mmap
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_writer.errors import DamagedBlobError

Arguments = dict[str, Any]

_kept: list[bytearray] = []
_mapped: list[mmap.mmap] = []
_warmed: list[str] = []


def body(size: int) -> bytes:
    """Bytes of which no two parts are the same, always the same ones."""
    return random.Random(size).randbytes(size)


def warm(repo: Repo) -> None:
    _warmed.append(repo.path)


def echo(repo: Repo, arguments: Arguments) -> Reply:
    return Reply({"text": arguments["text"], "was_warmed": _warmed == [repo.path]}, body(arguments["size"]))


def spin(_repo: Repo, _arguments: Arguments) -> Reply:
    while True:
        pass


def fill(_repo: Repo, arguments: Arguments) -> Reply:
    return Reply({"filled": len(bytearray(arguments["size"]))})


def keep(_repo: Repo, arguments: Arguments) -> Reply:
    _kept.append(bytearray(arguments["size"]))
    return Reply({"kept": sum(map(len, _kept))})


def map_file(_repo: Repo, arguments: Arguments) -> Reply:
    with Path(arguments["path"]).open("rb") as file:
        _mapped.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return Reply({"mapped": sum(map(len, _mapped))})


def damaged(_repo: Repo, _arguments: Arguments) -> Reply:
    raise DamagedBlobError("/a/blob", 0, 7, "it is gone")


def broken(_repo: Repo, _arguments: Arguments) -> Reply:
    return Reply({"never": 1 / 0})


ANSWERS: dict[str, Callable[[Repo, Arguments], Reply]] = {
    "echo": echo,
    "spin": spin,
    "fill": fill,
    "keep": keep,
    "map": map_file,
    "damaged": damaged,
    "broken": broken,
}
