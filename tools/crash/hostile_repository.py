"""Repositories that somebody has made to harm whoever opens them.

    python tools/crash/hostile_repository.py                  # every kind, and 20,000 lines of a fuzzer
    python tools/crash/hostile_repository.py --only kinds

Each kind is put into a repository that also has healthy runs, and every command and the Python interface are
asked, each in a process of its own. None may end in a traceback, hang, need much memory, write a terminal's
escape sequences, or read or touch anything outside of the repository; the healthy runs answer exactly; and fsck
tells of it. The negative controls take a protection away.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from campaign import Campaign, Options, Row, main
from confined import Ended, apart, command, tree

import runstone_query.backup
import runstone_query.garbage  # noqa: F401 - what is loaded here is loaded once, and not by each process
from runstone import Repo, Run, Text
from runstone_indexer import columns
from runstone_indexer.indexer import Indexer
from runstone_query import overlay
from runstone_writer import lines, reader
from runstone_writer.layout import Layout, open_repo, shard
from runstone_writer.lines import frame

MOST_MEMORY = 640 * 1024 * 1024  # of a process that has loaded everything, which takes about 150 MiB
FUZZED = 20_000
LOG_LINES = 500
GIGABYTE = 1 << 30
SECRET = b"CANARY-7f3a-SECRET"
WRITER = "19a0b5c1d2e-00c0ffee0001"
HOSTILE = "hostile0000"
ODD_NAME = "\x1b[31mred\x1b]0;title\x07\n\r\x9b31m\u202e"


@dataclass
class Place:
    """A repository, what is beside it, and its healthy runs' answers."""

    folder: Path
    layout: Layout
    outside: Path
    healthy: dict[str, str]

    def log(self, run: str = HOSTILE, writer: str = WRITER, part: int = 0) -> Path:
        """Return where a hostile log goes, with a hint that there is something to read."""
        Path(self.layout.live, f"{run}.{writer}").touch()
        path = Path(self.layout.log_path(run, f"{writer}.{part}.jsonl" if part else f"{writer}.jsonl"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def index(self) -> Path:
        return Path(self.layout.index, "v1")

    @property
    def epoch(self) -> Path:
        return next(path for path in self.index.iterdir() if path.is_dir())


class Chain:
    """Writes lines that fit, whatever is in them."""

    def __init__(self, path: Path, *, header: bytes | None = None) -> None:
        self._file = open(path, "wb")  # noqa: SIM115 - closed by end()
        self._crc = 0
        self.line(header or HEADER % (HOSTILE.encode(), WRITER.encode()))

    def line(self, body: bytes) -> None:
        line, self._crc = frame(body, self._crc)
        self._file.write(line)

    def sequence(self, number: int = 0, name: bytes = b'"loss"', kind: bytes = b'"number"') -> None:
        self.line(
            b'{"event":"sequence","id":%d,"name":%b,"context":{},"type":%b,"crc":' % (number, name, kind)
        )

    def end(self) -> None:
        self._file.close()


HEADER = b'{"event":"log","format":1,"run":"%b","writer":"%b","part":0,"kind":"run","host":"h","pid":1,"crc":'


def made(folder: Path) -> Place:
    """Make a repository with two healthy runs and an index, and something beside it that nobody may look at."""
    inside, outside = folder / "repo", folder / "outside"
    inside.mkdir(parents=True)
    for number in range(2):
        with Run(
            repo=inside, experiment="good", system_tracking_interval=None, capture_terminal_logs=False
        ) as run:
            run.name = f"healthy {number}"
            run["hparams"] = {"lr": 0.1 * (number + 1), "layers": [1, 2]}
            for step in range(40):
                run.track(step / 7 + number, name="loss", step=step, context={"subset": "train"})
            run.track(Text("said"), name="texts")
    layout = open_repo(inside)
    Indexer(layout).run_once()
    healthy = answers(inside, index=True)
    for run_hash in healthy:  # something that an open log would have
        for name in layout.log_names(run_hash):
            Path(layout.hint_path(run_hash, name.removesuffix(".jsonl"))).touch()
    shutil.copytree(layout.run_folder(next(iter(healthy))), outside / "run")
    (outside / "secret.txt").write_bytes(SECRET + b"\n")
    chain = Chain(outside / f"{WRITER}.jsonl")
    chain.line(b'{"event":"prop","dt":1,"name":"name","value":"%b","crc":' % SECRET)
    chain.end()
    (outside / "format.json").write_text('{"format":1}')
    (outside / "keep.npz").write_bytes(SECRET)
    (outside / "sub").mkdir()
    (outside / "sub" / "keep.npz").write_bytes(SECRET)
    shutil.copytree(layout.index, outside / "index")
    return Place(inside, layout, outside, healthy)


def answers(folder: Path, *, index: bool) -> dict[str, str]:
    """Return what the Python interface says of each run that it finds, down to each point."""
    repo = Repo(folder, index=index, read_only=True)
    found = {}
    for result in repo.query_metrics("metric.name == 'loss'", 0).iter_runs():
        for metric in result:
            if metric.run.experiment == "good":
                points = [list(map(repr, part.tolist())) for part in metric.values.sparse_numpy()]
                found[metric.run.hash] = repr(
                    (metric.run.name, metric.run["hparams"], metric.context.to_dict(), points)
                )
    names = {run.hash: run.name for run in repo.iter_runs()}
    for run in found:
        assert names[run] in found[run], "iter_runs() and query_metrics() disagree"
    if index:
        for run in repo.query_runs("run.hparams.lr > 0.05", report_mode=0).iter_runs():
            assert run.run.hash in found or run.run.hash.startswith("hostile")
    return dict(sorted(found.items()))


# -- kinds of hostility --------------------------------------------------------------------------------------------

Kind = Callable[[Place], None]
KINDS: dict[str, Kind] = {}
REFUSED: set[str] = set()  # kinds for which the whole repository is refused, with a reason
QUIET: set[str] = set()  # kinds that are right, if odd: nothing has to be told


def kind(name: str, *, refused: bool = False, quiet: bool = False) -> Callable[[Kind], Kind]:
    def register(make: Kind) -> Kind:
        KINDS[name] = make
        (REFUSED if refused else QUIET if quiet else set()).add(name)
        return make

    return register


def lines_kind(name: str, *bodies: bytes, quiet: bool = False) -> None:
    """Register a log with some lines whose checksums are right."""

    def make(place: Place) -> None:
        chain = Chain(place.log())
        chain.sequence()
        for body in bodies:
            chain.line(body)
        chain.line(b"[0,1,0.5,9000,")
        chain.end()

    kind(name, quiet=quiet)(make)


@kind("a line of 1 GB")
def _(place: Place) -> None:
    path = place.log()
    chain = Chain(path)
    chain.end()
    with path.open("ab") as file:
        file.write(b'{"event":"set","dt":1,"key":["x"],"value":"')
        file.seek(GIGABYTE, os.SEEK_CUR)
        file.write(b'","crc":1}\n')


@kind("1 GB without a newline")
def _(place: Place) -> None:
    path = place.log()
    Chain(path).end()
    with path.open("ab") as file:
        for _ in range(GIGABYTE // 2**24):
            file.write(b"[" * 2**24)


@kind("1 GB of zeros")
def _(place: Place) -> None:
    path = place.log()
    Chain(path).end()
    os.truncate(path, GIGABYTE)


@kind("64 MB of newlines")
def _(place: Place) -> None:
    place.log().write_bytes(b"\n" * (64 << 20))


@kind("64 MB of short lines that fit nothing")
def _(place: Place) -> None:
    place.log().write_bytes(b"[0,0,1,2,3]\n" * ((64 << 20) // 12))


for levels in (1_000, 10_000, 100_000):
    lines_kind(f"{levels:,} lists in each other", b'{"event":"set","dt":1,"key":["x"],"value":' + b"[" * levels + b"]" * levels + b',"crc":')  # fmt: skip
    lines_kind(f"{levels:,} dictionaries in each other", b'{"event":"set","dt":1,"key":["x"],"value":' + b'{"a":' * levels + b"1" + b"}" * levels + b',"crc":')  # fmt: skip
lines_kind("a key of 100,000 parts", b'{"event":"set","dt":1,"key":[' + b'"k",' * 100_000 + b'"k"],"value":1,"crc":', quiet=True)  # fmt: skip
lines_kind("a key of 400 parts", b'{"event":"set","dt":1,"key":[' + b'"k",' * 400 + b'"k"],"value":1,"crc":', quiet=True)  # fmt: skip
lines_kind("duplicate keys", b'{"event":"set","event":"tag","dt":1,"dt":2,"key":["x"],"key":["y"],"value":1,"value":2,"name":"t","on":true,"crc":', quiet=True)  # fmt: skip
lines_kind("an integer of a million digits", b"[0,0," + b"9" * 1_000_000 + b",5,")
lines_kind(
    "an integer of a million digits in hex", b'[0,0,{"$int":"0x' + b"f" * 1_000_000 + b'"},5,', quiet=True
)
lines_kind("a negative integer of a million hex digits as parameter", b'{"event":"set","dt":1,"key":["x"],"value":{"$int":"-0x' + b"f" * 1_000_000 + b'"},"crc":', quiet=True)  # fmt: skip
lines_kind("1e999", b"[0,0,1e999,5,")
lines_kind("NaN", b"[0,0,NaN,5,", b"[0,0,-Infinity,5,")
lines_kind("invalid UTF-8", b'{"event":"prop","dt":1,"name":"name","value":"\xff\xfe\xc0\x80","crc":')
lines_kind("a lone surrogate", b'{"event":"prop","dt":1,"name":"name","value":"\\ud800","crc":')
lines_kind(
    "a lone surrogate in $str",
    b'{"event":"prop","dt":1,"name":"name","value":{"$str":"7aCA"},"crc":',
    quiet=True,
)
lines_kind("escape sequences in names", *(
    b'{"event":"%b","dt":1,%b"crc":' % (event, fields % json.dumps(ODD_NAME).encode())
    for event, fields in ((b"prop", b'"name":"name","value":%b,'), (b"prop", b'"name":"experiment","value":%b,'), (b"tag", b'"name":%b,"on":true,'), (b"set", b'"key":[%b],"value":1,'), (b"set", b'"key":["v"],"value":%b,'), (b"note", b'"id":"a1","text":%b,'), (b"artifact", b'"name":"a","path":%b,"size":3,'))  # fmt: skip
), b'{"event":"sequence","id":7,"name":%b,"context":{%b:%b},"type":"number","crc":' % ((json.dumps(ODD_NAME).encode(),) * 3), b"[7,0,1.0,5,", quiet=True)  # fmt: skip
for number in (2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, -(2**63), -(2**63) - 1, -1):
    digits = str(number).encode()
    lines_kind(f"steps of {number}", b"[0," + digits + b",1.5,5,", b"[0,3,1.5,6,", quiet=True)
    lines_kind(f"times of {number}", b"[0,0,1.5," + digits + b",", b"[0,1,1.5,6,", quiet=True)
    lines_kind(f"events at {number}", *(b'{"event":"%b","dt":%b%b,"crc":' % (event, digits, more) for event, more in ((b"open", b""), (b"tag", b',"name":"t","on":true'), (b"note", b',"id":"a1","text":"x"'), (b"progress", b',"expect":1e308,"done":false'), (b"delete", b',"on":false'), (b"end", b""))), quiet=True)  # fmt: skip
    lines_kind(f"a sequence with the number {number}", b'{"event":"sequence","id":%b,"name":"n","context":{},"type":"number","crc":' % digits, b"[" + digits + b",0,1.5,5,", quiet=True)  # fmt: skip
    lines_kind(f"{number} events dropped, an epoch and a size of as much", b'{"event":"dropped","dt":1,"count":%b,"crc":' % digits, b"[0,0,1.5,5," + digits + b",", b'{"event":"artifact","dt":1,"name":"a","path":"p","size":%b,"crc":' % digits, quiet=True)  # fmt: skip
lines_kind("a blob's name that leads out", b'{"event":"artifact","dt":1,"name":"a","path":"p","size":18,"blob":"../../../outside/secret.txt","crc":', b'{"event":"set","dt":2,"key":["image"],"value":{"$object":["image",{"caption":"","format":"png","width":1,"height":1,"mode":"L","source":"file","blob":"../../../outside/secret.txt","size":18}]},"crc":')  # fmt: skip
lines_kind("a blob of an enormous size", b'{"event":"set","dt":2,"key":["image"],"value":{"$object":["text",{"blob":"%b","size":%d}]},"crc":' % (b"ab" * 32, 2**63 - 1))  # fmt: skip
lines_kind("arrays that claim 8 TiB", b'{"event":"set","dt":1,"key":["x"],"value":{"$array":["<f8",[1099511627776],"AAAA"]},"crc":', b'{"event":"set","dt":2,"key":["y"],"value":{"$array":["|O",[1],"AAAAAAAAAAA="]},"crc":', b'{"event":"set","dt":3,"key":["z"],"value":{"$range":[0,1e18,1]},"crc":', b'{"event":"set","dt":4,"key":["w"],"value":{"$decimal":"1e999999999"},"crc":', b'{"event":"set","dt":5,"key":["v"],"value":{"$timedelta":1e300},"crc":', b'{"event":"set","dt":6,"key":["u"],"value":{"$datetime":"2020-01-01T00:00:00[../../../../outside/secret.txt]"},"crc":')  # fmt: skip


@kind("a million declarations", quiet=True)
def _(place: Place) -> None:
    chain = Chain(place.log())
    for number in range(200_000):
        for _ in range(5):
            chain.sequence(number % 1000)
    chain.line(b"[1,0,0.5,5,")
    chain.end()


@kind("a hundred thousand sequences", quiet=True)
def _(place: Place) -> None:
    chain = Chain(place.log())
    for number in range(100_000):
        chain.sequence(number, b'"s%d"' % number)
    chain.end()


@kind("the header of another run")
def _(place: Place) -> None:
    chain = Chain(place.log(), header=HEADER % (b"another", WRITER.encode()))
    chain.line(b'{"event":"prop","dt":1,"name":"name","value":"x","crc":')
    chain.end()


@kind("a run with .. in its header")
def _(place: Place) -> None:
    Chain(place.log(), header=HEADER % (b"../../../outside", WRITER.encode())).end()


@kind("a log of a later format")
def _(place: Place) -> None:
    Chain(
        place.log(), header=HEADER.replace(b'"format":1', b'"format":2') % (HOSTILE.encode(), WRITER.encode())
    ).end()


@kind("parts that send again from nowhere")
def _(place: Place) -> None:
    Chain(place.log()).end()
    for part, source in (
        (1, b"[0,9223372036854775807]"),
        (2, b"[-5,1]"),
        (3, b'["x"]'),
        (999_999, b"[999998,0]"),
    ):
        header = HEADER.replace(b'"part":0', b'"part":%d' % part).replace(
            b',"crc"', b',"from":%b,"crc"' % source
        )
        chain = Chain(place.log(part=part), header=header % (HOSTILE.encode(), WRITER.encode()))
        chain.sequence()
        chain.line(b"[0,0,1.5,5,")
        chain.end()


# -- things in the place of others ---------------------------------------------------------------------------------


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
    Path(place.layout.logs, "zz").symlink_to(place.outside / "nowhere")


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


# -- the index -----------------------------------------------------------------------------------------------------


def forged(place: Place, change: Callable[[dict[str, object]], None]) -> None:
    """Change the manifest, with a checksum that is right."""
    path = place.index / "MANIFEST.json"
    known = json.loads(path.read_bytes())
    del known["crc"]
    change(known)
    line, _ = frame(json.dumps(known, separators=(",", ":")).encode()[:-1] + b',"crc":', 0)
    path.write_bytes(line)


def manifest_kind(name: str, change: Callable[[dict[str, object]], None], *, quiet: bool = False) -> None:
    kind(f"a manifest: {name}", quiet=quiet)(lambda place: forged(place, change))


def _entry(known: dict[str, object], **fields: object) -> None:
    known["states"][0].update(fields)  # type: ignore[index]


def _column(known: dict[str, object], *described: object) -> None:
    known["states"][0]["columns"]["run"] = list(described)  # type: ignore[index]


manifest_kind("an epoch that leads out", lambda known: known.update(epoch="../../../outside/sub"))
manifest_kind("an absolute epoch", lambda known: known.update(epoch="/tmp"))
manifest_kind("an epoch of one dot", lambda known: known.update(epoch="."))
manifest_kind(
    "a file that leads out",
    lambda known: _entry(known, file="../../../../outside/keep.npz", size=len(SECRET)),
)
manifest_kind("more files, outside", lambda known: known["series"].append({"file": "../../../../outside/keep.npz", "size": len(SECRET), "columns": {}, "crc": 0}))  # fmt: skip
for number, value in enumerate((None, "x", -1, 2**80, [], {}, 1.5, True, [["x"]], [None] * 4)):
    for field in ("states", "series", "generation", "next_run", "runs", "points", "parameters", "home", "shards", "damage", "waiting", "unlisted", "epoch"):  # fmt: skip

        def make(known: dict[str, object], field: str = field, value: object = value) -> None:
            known[field] = value

        if (number + 3 * len(field)) % 10 == len(field[1:3]) * 2 + len(field) % 3:
            manifest_kind(f"{field} is {value!r:.20}", make, quiet=True)
manifest_kind("objects in a column", lambda known: _column(known, "|O", 2, 64))
manifest_kind("a column of 8 TiB", lambda known: _column(known, "<i8", 2**40, 64))
manifest_kind("a column that starts before the file", lambda known: _column(known, "<i8", 2, -8))
manifest_kind("a column of a negative length", lambda known: _column(known, "<i8", -1, 0))
manifest_kind("a column of another type", lambda known: _column(known, "<f4", 2, 64))
manifest_kind("a column of nonsense", lambda known: _column(known, {"a": 1}, "x"))
manifest_kind("2^40 runs", lambda known: known.update(next_run=2**40))


@kind("a manifest: 300 MB")
def _(place: Place) -> None:
    forged(place, lambda known: known.update(shards={"ab": [1] * 100_000_000}))


@kind("an index file: a pickle inside")
def _(place: Place) -> None:
    _replaced(
        place, lambda path: np.savez(path, run=np.array([Canary(str(place.outside / "ran"))], dtype=object))
    )


@kind("an index file: an array that claims 8 TiB")
def _(place: Place) -> None:
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("run.npy", header.ljust(127) + b"\n")

    _replaced(place, write)


@kind("an index file: a zip bomb")
def _(place: Place) -> None:
    def write(path: Path) -> None:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("run.npy", "w") as file,
        ):
            for _ in range(256):
                file.write(bytes(1 << 22))

    _replaced(place, write)


@kind("a state: a zip bomb")
def _(place: Place) -> None:
    import zlib

    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 22)) for _ in range(1024)) + packer.flush()
    path = next(place.epoch.glob("states-*"))
    known = json.loads((place.index / "MANIFEST.json").read_bytes())
    entry = next(entry for entry in known["states"] if entry["file"] == path.name)
    with np.load(path) as data:
        arrays = {name: data[name] for name in entry["columns"] if name != "crc"}
    arrays["state"] = np.frombuffer(bomb, np.uint8)
    arrays["end"] = np.array([0, len(bomb), len(bomb)], np.int64)
    path.unlink()
    new = columns.write_columns(str(path), arrays)
    forged(place, lambda known: known.update(states=[new]))


def _replaced(place: Place, write: Callable[[Path], None]) -> None:
    """Replace a file of the index, with a manifest that has its size."""
    path = next(place.epoch.glob("states-*"))
    path.unlink()
    write(path)
    forged(place, lambda known: _entry(known, size=path.stat().st_size))


class Canary:
    """Leaves a trace where it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self._path),)


@kind("Tantivy's folder: garbage")
def _(place: Place) -> None:
    for path in (place.epoch / "params").iterdir():
        path.write_bytes(random.Random(1).randbytes(4096))


@kind("Tantivy's files: each one of the next")
def _(place: Place) -> None:
    paths = sorted(
        path for path in (place.epoch / "params").iterdir() if path.suffix not in (".json", ".lock")
    )
    contents = [path.read_bytes() for path in paths]
    for path, data in zip(paths, contents[1:] + contents[:1], strict=True):
        path.write_bytes(data)


@kind("meta.json names a segment that leads out")
def _(place: Place) -> None:
    path = place.epoch / "params" / "meta.json"
    meta = json.loads(path.read_bytes())
    meta["segments"][0]["segment_id"] = "../../../../../outside/keep"
    path.write_text(json.dumps(meta))


# -- judging -------------------------------------------------------------------------------------------------------


def asked(place: Place) -> Iterator[tuple[str, Ended]]:
    """Ask a repository everything, each question in a process of its own."""
    repo = ("--repo", str(place.folder))
    backup = place.folder.parent / "backup"
    yield "the Repo without an index", apart(lambda: _say(answers(place.folder, index=False)))
    yield "the Repo", apart(lambda: _say(answers(place.folder, index=True)))
    yield "fsck", apart(command("fsck", *repo))
    yield "status", apart(command("status", *repo))
    yield "query", apart(command("query", "run.hparams.lr > 0", *repo))
    yield "runs ls", apart(command("runs", "ls", *repo))
    yield "runs show", apart(command("runs", "show", HOSTILE, *repo))
    yield "gc --dry-run", apart(command("gc", "--now", "--dry-run", *repo))
    yield "index", apart(command("index", *repo))
    yield "the Repo after index", apart(lambda: _say(answers(place.folder, index=True)))
    yield "runs ls --json", apart(command("runs", "ls", "--json", *repo))
    yield "backup", apart(command("backup", str(backup), *repo))
    yield "gc", apart(command("gc", "--now", "--yes", *repo))


def _say(found: dict[str, str]) -> None:
    for run, answer in found.items():
        print(run, answer)


@dataclass
class Judged:
    """What was wrong, and how much memory was needed at most."""

    wrong: list[str]
    peak: int = 0


def judge(name: str, place: Place, most: int = MOST_MEMORY) -> Judged:
    """Make a repository hostile in one way, and return what is wrong with how it is dealt with."""
    KINDS[name](place)
    before, found = tree(place.outside), Judged([])
    expected = "".join(f"{run} {answer}\n" for run, answer in place.healthy.items()).encode()
    for what, ended in asked(place):
        found.peak = max(found.peak, ended.peak)
        fault = ended.fault(most)
        if name in REFUSED and b"RunstoneError" not in ended.err and b"StoreError" in ended.err:
            fault = ""  # the Python interface raises what the commands say
        if fault:
            found.wrong.append(f"{name}: {what}: {fault}")
        elif what.startswith("the Repo") and name not in REFUSED and ended.out != expected:
            found.wrong.append(f"{name}: {what}: healthy runs answer otherwise: {ended.said[-300:]!r}")
        elif name in REFUSED and ended.code == 0:
            found.wrong.append(f"{name}: {what}: it is not refused")
        elif what == "fsck" and name not in QUIET and ended.code == 0 and b"no damage)" not in ended.out:
            found.wrong.append(f"{name}: fsck tells nothing of it")
        if SECRET in ended.said:
            found.wrong.append(f"{name}: {what}: it shows what is outside")
        if tree(place.outside) != before:
            found.wrong.append(f"{name}: {what}: something outside was changed")
            before = tree(place.outside)
    backup = place.folder.parent / "backup"
    if any(
        SECRET in path.read_bytes()
        for path in backup.rglob("*")
        if path.is_file() and path.stat().st_size < 2**20
    ):
        found.wrong.append(f"{name}: the backup has what is outside")
    return found


def kinds(options: Options) -> Row:
    """Every kind of hostility."""
    row = Row("T1", "hostile repositories", "kinds", control="protections off")
    names = list(KINDS)
    if options.trials is not None:
        names = random.Random(options.seed).sample(names, min(options.trials, len(names)))
    peak = 0
    for name in names:
        row.trials += 1
        with _place() as place:
            found = judge(name, place)
        row.failures += found.wrong
        peak = max(peak, found.peak)
    for control in (_control_pickle, _control_links, _control_limit):
        row.controls += 1
        with _place() as place:
            row.caught += control(place)
    row.figures = {"MiB of memory at most": peak >> 20, "processes": row.trials * 12}
    return row


class _place:  # noqa: N801 - used as a function
    """A new repository, gone afterwards. The template is made once, in a process of its own."""

    template: Path | None = None

    def __enter__(self) -> Place:
        self._folder = tempfile.TemporaryDirectory(prefix="hostile-")
        folder = Path(self._folder.name, "here")
        told = Path(self._folder.name, "told")

        def make() -> None:
            told.write_text(json.dumps(made(folder).healthy))

        ended = apart(make)
        if ended.code:
            raise RuntimeError(ended.err.decode(errors="replace"))
        inside = folder / "repo"
        return Place(
            inside, Layout(str(inside / ".runstone")), folder / "outside", json.loads(told.read_text())
        )

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _control_pickle(place: Place) -> bool:
    """numpy.load as some use it runs what is in the file."""
    KINDS["an index file: a pickle inside"](place)
    path = next(place.epoch.glob("states-*"))

    def load() -> None:
        np.load(path, allow_pickle=True)["run"]

    apart(load)
    return (place.outside / "ran").exists()


def _control_links(place: Place) -> bool:
    """A reader that follows links shows what is outside."""
    KINDS["a log: a link"](place)
    path = place.log()

    def read() -> None:
        print(path.read_text())

    return SECRET in apart(read).out


def _control_limit(place: Place) -> bool:
    """A reader without a limit for lines takes as much memory as the line has bytes."""
    KINDS["1 GB without a newline"](place)

    def read() -> None:
        lines.LINE_LIMIT = reader.LINE_LIMIT = 1 << 40
        tail = overlay.Tail(place.layout, HOSTILE, None)
        tail.update()

    return apart(read).peak > MOST_MEMORY


# -- fuzzing -------------------------------------------------------------------------------------------------------

EVENTS: dict[str, dict[str, bytes]] = {
    "open": {},
    "sequence": {"id": b"1", "name": b'"n"', "context": b'{"a":1}', "type": b'"number"'},
    "set": {"key": b'["a","b"]', "value": b'{"x":1}'},
    "unset": {"key": b'["a"]'},
    "prop": {"name": b'"name"', "value": b'"n"'},
    "tag": {"name": b'"t"', "on": b"true"},
    "note": {"id": b'"a1"', "text": b'"t"'},
    "artifact": {
        "name": b'"a"',
        "path": b'"p"',
        "size": b"3",
        "blob": b'"' + b"ab" * 32 + b'"',
        "uri": b'"s3://x"',
        "sha256": b'"' + b"cd" * 32 + b'"',
        "error": b'"e"',
    },  # fmt: skip
    "progress": {"expect": b"5", "done": b"false"},
    "delete": {"on": b"false"},
    "dropped": {"count": b"3"},
    "resent": {},
    "end": {},
}
_DEEP = b"[" * 900 + b"]" * 900
ODD = (
    b"null", b"true", b"false", b"0", b"-1", b"1", b"1.5", b"-0.0", b"1e308", b"1e999", b"NaN", b"9223372036854775807",
    b"9223372036854775808", b"-9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"1" + b"0" * 400,
    b'""', b'"x"', b'"\\u0000"', b'"\\ud800"', b'"\xff"', b'"../../x"', b'"' + b"x" * 5000 + b'"', json.dumps(ODD_NAME).encode(),
    b"[]", b"[[]]", b"[null]", b'["a",1]', b"[1.5]", b"{}", b'{"a":{"b":[1,{"c":null}]}}', b'{"":1}', _DEEP,
    b'{"$float":"nan"}', b'{"$float":"x"}', b'{"$float":1}', b'{"$int":"0xzz"}', b'{"$int":5}', b'{"$int":"0x' + b"f" * 3000 + b'"}',
    b'{"$str":"!!"}', b'{"$str":"7aCA"}', b'{"$bytes":"AA"}', b'{"$datetime":"2020"}', b'{"$datetime":"9999-12-31T23:59:59+00:00[x/../y]"}',
    b'{"$date":"0000-00-00"}', b'{"$timedelta":1e300}', b'{"$decimal":"NaN"}', b'{"$decimal":"1e999999"}', b'{"$uuid":"x"}', b'{"$complex":[1]}',
    b'{"$range":[0,1,0]}', b'{"$range":[0,100000000000000000,1]}', b'{"$set":[[1]]}', b'{"$set":[1,1.0,true]}', b'{"$array":["<f8",[-1],""]}', b'{"$array":["O",[1],""]}',
    b'{"$dict":[[1,2],[1,3]]}', b'{"$dict":[[[1],2]]}', b'{"$dict":5}', b'{"$object":["image",{}]}', b'{"$object":["image",{"blob":"../x","size":-1}]}', b'{"$object":[1,2]}',
    b'{"$object":["text",{"data":5}]}', b'{"$object":["distribution",{"bin_count":-5,"range":[1],"dtype":"O","data":[]}]}', b'{"$blob":{"blob":"x","size":1}}', b'{"$nobody":1}', b'{"$float":"nan","x":1}',
)  # fmt: skip
SENTINEL = b'{"event":"sequence","id":999,"name":"sentinel","context":{},"type":"number","crc":'


def fuzzed(draw: random.Random) -> bytes:
    """Return a line of some kind with something odd in it, up to where its CRC's digits go."""
    if draw.random() < 0.3:
        row = [b"1", b"0", b"0.5", b"100"] + ([b"1"] if draw.random() < 0.3 else [])
        for _ in range(draw.choice((1, 1, 2))):
            row[draw.randrange(len(row))] = draw.choice(ODD)
        if draw.random() < 0.1:
            row = row[: draw.randrange(1, len(row))] or row
        return b"[" + b",".join(row) + b","
    event = draw.choice(list(EVENTS))
    fields = {"dt": b"%d" % draw.randrange(1000), **EVENTS[event]}
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        name = draw.choice(list(fields) or ["dt"])
        if draw.random() < 0.1:
            fields.pop(name, None)
        elif not (event == "delete" and name == "on"):
            fields[name] = draw.choice(ODD)
    if event == "delete":
        fields["on"] = draw.choice((b"false", b'"x"', b"null", b"1"))
    name = b'"%b"' % event.encode() if draw.random() < 0.95 else draw.choice(ODD)
    return (
        b'{"event":%b,' % name
        + b"".join(b'"%b":%b,' % (k.encode(), v) for k, v in fields.items())
        + b'"crc":'
    )


def fuzz(options: Options) -> Row:
    """Valid lines of every kind with odd types, values and numbers; between them points that have to be read."""
    row = Row("T2", "fuzzed lines with right checksums", "lines", control="no look at types")
    count = options.count(FUZZED)
    for start in range(0, count, LOG_LINES):
        some = min(LOG_LINES, count - start)
        with _place() as place:
            row.failures += _judge_fuzz(place, f"{options.seed}:{start}", some)
        row.trials += some
    with _place() as place:
        row.controls, row.caught = 1, _control_types(place, options.seed)
    return row


def _judge_fuzz(place: Place, seed: str, count: int) -> list[str]:
    name = f"seed {seed}, {count} lines"
    sentinels = _write_fuzz(place, seed, count)
    KINDS[name] = lambda _: None
    QUIET.add(name)
    try:
        found = judge(name, place).wrong
    finally:
        del KINDS[name]
    for index in (False, True):
        ended = apart(lambda index=index: print(_sentinels(place.folder, index)))
        if ended.out.strip() != b"%d" % sentinels:
            found.append(f"{name}: {ended.said[-300:]!r} of {sentinels} points are read, index {index}")
    ended = apart(command("fsck", "--json", "--repo", str(place.folder)))
    if ended.fault(MOST_MEMORY) or json.loads(ended.out)["index"]:
        found.append(f"{name}: index and logs differ: {ended.said[-600:]!r}")
    return found


def _write_fuzz(place: Place, seed: str, count: int) -> int:
    draw, sentinels = random.Random(seed), 0
    chain = Chain(place.log())
    for number in range(count):
        if number % 10 == 0:
            chain.line(SENTINEL)
            chain.line(b"[999,%d,0.5,%d," % (sentinels, 1000 + number))
            sentinels += 1
        chain.line(fuzzed(draw))
    chain.end()
    return sentinels


def _sentinels(folder: Path, index: bool) -> int:
    repo = Repo(folder, index=index, read_only=True)
    found = repo.query_metrics("metric.name == 'sentinel'", 0).iter_runs()
    return sum(len(metric.values) for run in found for metric in run)


def _control_types(place: Place, seed: int) -> int:
    """A reader that believes what it decodes ends in an exception."""
    _write_fuzz(place, f"{seed}:0", 200)

    def read() -> None:
        state: dict[str, object] = {}
        for line in place.log().read_bytes().splitlines():
            row = json.loads(line)
            if isinstance(row, dict):
                state[row["event"]] = row["dt"] + 1

    return int(b"Traceback" in apart(read).err)


CAMPAIGNS: dict[str, Campaign] = {"kinds": kinds, "fuzz": fuzz}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
