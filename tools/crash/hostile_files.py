"""Hostile files: links, and things that are no files, in the place of others."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hostile_place import HOSTILE, WRITER, Chain, Place
from hostile_table import Table

from runstone_writer.layout import shard

FILES = Table()
kind = FILES.kind


def _put(path: Path, what: str, target: Path) -> None:
    """Put a link or something that is no file in the place of whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if what == "link":
        path.symlink_to(target)
    elif what == "broken link":
        path.symlink_to(target / "nowhere")
    elif what == "FIFO":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as made_here:
            here = os.getcwd()
            os.chdir(path.parent)  # the path of a socket may have 107 bytes
            try:
                made_here.bind(path.name)
            finally:
                os.chdir(here)
    elif what == "device":
        with suppress(PermissionError):
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    elif what == "folder":
        (path / "in it").mkdir(parents=True)


def _log(place: Place) -> Path:
    return place.log()


def _blob(place: Place) -> Path:
    digest = "ab" * 32
    chain = Chain(place.log())
    state = b'{"blob":"%b","size":18}' % digest.encode()
    chain.line(b'{"event":"set","dt":2,"key":["text"],"value":{"$object":["text",%b]},"crc":' % state)
    chain.end()
    return Path(place.layout.blob_path(digest))


def _hint(place: Place) -> Path:
    chain = Chain(place.log())
    chain.end()
    return Path(place.layout.hint_path(HOSTILE, WRITER))


PLACES: dict[str, tuple[Callable[[Place], Path], str]] = {
    "a log": (_log, f"{WRITER}.jsonl"),
    "a second log of a run": (lambda place: place.log(next(iter(place.healthy))), f"{WRITER}.jsonl"),
    "a run's folder": (lambda place: place.log().parent, "run"),
    "a blob": (_blob, "secret.txt"),
    "a folder of blobs": (lambda place: _blob(place).parent, "sub"),
    "a hint": (_hint, "secret.txt"),
    "MANIFEST.json": (lambda place: place.index / "MANIFEST.json", "index/v1/MANIFEST.json"),
    "an index file": (lambda place: next(place.epoch.glob("states-*")), "keep.npz"),
    "meta.json": (lambda place: place.epoch / "params" / "meta.json", "secret.txt"),
    "the index's lock": (lambda place: place.index / "lock", "secret.txt"),
    "an epoch's folder": (lambda place: place.epoch, "sub"),
    "the folder of the index": (lambda place: Path(place.layout.index), "index"),
    "v1": (lambda place: place.index, "index/v1"),
    "Tantivy's folder": (lambda place: place.epoch / "params", "sub"),
}
WHOLE = {"format.json": "format.json", "live": "sub", "logs": ".", "blobs": "."}
UNTOLD = {"a hint", "the index's lock"}  # may be anything: nothing is lost by it


def _register_places() -> None:
    for where, (find, target) in PLACES.items():
        for what in ("link", "broken link", "FIFO", "socket", "device", "folder"):
            if (what == "folder" and "folder" in where) or (where, what) == ("v1", "folder"):
                continue

            def make(
                place: Place, find: Callable[[Place], Path] = find, what: str = what, to: str = target
            ) -> None:
                _put(find(place), what, place.outside / to)

            kind(
                f"{where}: a {what}",
                quiet=where in UNTOLD or (where == "a run's folder" and what == "folder"),
            )(make)
    for name, target in WHOLE.items():
        for what in ("link", "FIFO"):

            def whole(place: Place, name: str = name, what: str = what, to: str = target) -> None:
                _put(Path(place.layout.root, name), what, place.outside / to)

            kind(f"{name}: a {what}", refused=True)(whole)


_register_places()


@kind("a shard that is a link")
def _(place: Place) -> None:
    used = set(os.listdir(place.layout.logs))
    run = next(f"h{n}" for n in range(10_000) if shard(f"h{n}") not in used)
    shutil.copytree(place.outside / "run", place.outside / "shard" / run)
    Path(place.layout.logs, shard(run)).symlink_to(place.outside / "shard")


for folder in ("incoming", "trash"):

    @kind(f"{folder}: a link", refused=True)
    def _(place: Place, folder: str = folder) -> None:
        for name in ("taken-0123456789abcdef", "doomed-0123456789abcdef", "0123456789abcdef"):
            old = place.outside / "sub" / name
            old.mkdir(exist_ok=True)
            os.utime(old, (0, 0))
        Path(place.layout.root, folder).symlink_to(place.outside / "sub")

    @kind(f"links in {folder}", quiet=True)
    def _(place: Place, folder: str = folder) -> None:
        Path(place.layout.root, folder).mkdir()
        for name in ("taken-0123456789abcdef", "doomed-0123456789abcdef", "0123456789abcdef"):
            Path(place.layout.root, folder, name).symlink_to(place.outside / "sub")
            os.utime(Path(place.layout.root, folder, name), (0, 0), follow_symlinks=False)


@kind("a shard that is a broken link")
def _(place: Place) -> None:
    free = next(f"{n:02x}" for n in range(256) if f"{n:02x}" not in os.listdir(place.layout.logs))
    Path(place.layout.logs, free).symlink_to(place.outside / "nowhere")


@kind("names with line breaks, escapes and bytes that are no text")
def _(place: Place) -> None:
    Chain(place.log()).end()
    for where in (
        place.log().parent,
        Path(place.layout.logs),
        Path(place.layout.live),
        Path(place.layout.blobs, "ab"),
    ):
        where.mkdir(parents=True, exist_ok=True)
        for name in (b"a\nb", b"\xff\xfe", b"\x1b[31m.jsonl", b"\xc2\x9b31m"):
            Path(os.fsdecode(os.path.join(os.fsencode(where), name))).touch()


@kind("an unreadable hint with a hostile writer", quiet=True)
def _(place: Place) -> None:
    Path(place.layout.live, f"{HOSTILE}.\x1b[31m").touch()
    Path(place.layout.live, "..hidden").touch()
