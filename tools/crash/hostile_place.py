"""The place of a hostile deed: a repository with healthy runs, what is beside it, and how lines get into its logs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from runstone import Repo, Run, Text
from runstone_indexer.indexer import Indexer
from runstone_writer.layout import Layout, open_repo
from runstone_writer.lines import frame, key_of

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
