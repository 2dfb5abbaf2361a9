"""Kinds of hostility: what somebody may put into a repository to harm whoever opens it.

Each is a function that is given a `Place` and does it there. `made` makes the place.
"""

# ruff: noqa: E501 - tables of bytes are read by the row

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from runstone import Repo, Run, Text
from runstone_indexer import columns
from runstone_indexer.indexer import Indexer
from runstone_writer.layout import Layout, open_repo, shard
from runstone_writer.lines import frame, key_of

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
        self._crc, self._key = 0, key_of(path.parent.name, path.name)
        self.line(header or HEADER % (HOSTILE.encode(), WRITER.encode()))

    def line(self, body: bytes) -> None:
        line, self._crc = frame(body, self._crc, self._key)
        self._file.write(line)

    def sequence(self, number: int = 0, name: bytes = b'"loss"', kind: bytes = b'"number"') -> None:
        self.line(
            b'{"event":"sequence","id":%d,"name":%b,"context":{},"type":%b,"crc":' % (number, name, kind)
        )

    def end(self) -> None:
        self._file.close()


HEADER = b'{"event":"log","format":2,"run":"%b","writer":"%b","part":0,"kind":"run","host":"h","pid":1,"crc":'


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


@kind("16 MB of newlines")
def _(place: Place) -> None:
    place.log().write_bytes(b"\n" * (16 << 20))


@kind("16 MB of short lines that fit nothing")
def _(place: Place) -> None:
    place.log().write_bytes(b"[0,0,1,2,3]\n" * ((16 << 20) // 12))


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
lines_kind(
    "escape sequences in names",
    *(
        b'{"event":"%b","dt":1,%b"crc":' % (event, fields % json.dumps(ODD_NAME).encode())
        for event, fields in (
            (b"prop", b'"name":"name","value":%b,'),
            (b"prop", b'"name":"experiment","value":%b,'),
            (b"tag", b'"name":%b,"on":true,'),
            (b"set", b'"key":[%b],"value":1,'),
            (b"set", b'"key":["v"],"value":%b,'),
            (b"note", b'"id":"a1","text":%b,'),
            (b"artifact", b'"name":"a","path":%b,"size":3,'),
        )
    ),
    b'{"event":"sequence","id":7,"name":%b,"context":{%b:%b},"type":"number","crc":'
    % ((json.dumps(ODD_NAME).encode(),) * 3),
    b"[7,0,1.0,5,",
    quiet=True,
)
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
        place.log(), header=HEADER.replace(b'"format":2', b'"format":3') % (HOSTILE.encode(), WRITER.encode())
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
