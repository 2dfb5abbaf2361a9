"""What is besieged: a repository with something of everything, good and bad, and `runstone up` on it as a process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(TOP / "tools/crash"), str(TOP / "tests"), str(TOP / "tests/browser")]

import httpx
import psutil
import training

from runstone import Repo, Run
from runstone_indexer.indexer import Indexer

TOKEN = "correct-horse-battery-staple-9173"
CANARY = b"canary-5e1f0b"
PATIENCE_SECONDS = 60
QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}


@dataclass(frozen=True)
class Victim:
    """A repository, and what there is in it. Around it lie canaries, and links in it lead to them."""

    repo: Path
    everything: str  # a run that has something of each kind
    hostile: str  # one whose names are what nobody should have
    deleted: str
    damaged: str
    runs: list[str]
    blobs: list[str]
    links: list[str]  # names of runs and blobs in whose place there is a link that leads out


def victim(folder: Path, runs: int = 12) -> Victim:
    """Make a repository in `folder`/repo: sweeps, media, hostile names; a deleted, a damaged, an indexed part.

    It is written elsewhere and moved there: what a run has recorded of its own machine does not name its place.
    """
    with tempfile.TemporaryDirectory(prefix="siege-written-") as elsewhere:
        return _written(Path(elsewhere), folder, runs)


def _written(elsewhere: Path, folder: Path, runs: int) -> Victim:
    repo = elsewhere / "repo"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hostile names are warned of
        names = training.sweep(repo, runs, steps=30)
        everything = training.everything(repo, elsewhere)
        hostile = training.hostile(repo)
    with Run(repo=repo, **QUIET) as run:
        run.name = "to be deleted"
    with Run(repo=repo, **QUIET) as broken:
        for step in range(200):
            broken.track(step * 1.0, name="loss", step=step)
    repo = Path(shutil.move(repo, folder / "repo"))
    for log in (repo / ".runstone" / "logs").glob(f"*/{broken.hash}/*"):
        data = bytearray(log.read_bytes())
        data[len(data) // 2] ^= 1
        log.write_bytes(data)
    Indexer(repo).run_once()
    Repo(repo).delete_run(run.hash)
    links = list(_links(folder, repo))
    found = sorted(
        path.name
        for path in (repo / ".runstone" / "blobs").rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    shown = [*names, everything, hostile, broken.hash]
    return Victim(repo, everything, hostile, run.hash, broken.hash, shown, found, links)


def _links(folder: Path, repo: Path) -> Iterator[str]:
    """Put canaries around a repository, and links to them into it, where a run, a log or a blob would be."""
    outside = folder / "outside"
    (outside / "folder").mkdir(parents=True)
    for place in (folder, outside, outside / "folder", repo, repo / ".runstone", repo / ".runstone" / "logs"):
        (place / "canary").write_bytes(CANARY)
    (outside / "folder" / "canary.jsonl").write_bytes(CANARY)
    store = repo / ".runstone"
    for number, target in enumerate((outside / "folder", Path("../../../../outside/folder"))):
        name = f"{'cafe'}{number:020d}"
        for parent in (store / "logs" / name[:2],):
            parent.mkdir(parents=True, exist_ok=True)
            (parent / name).symlink_to(target)
        yield name
    digest = "c0ffee" + "0" * 58
    place = store / "blobs" / digest[:2]
    place.mkdir(parents=True, exist_ok=True)
    (place / digest).symlink_to(outside / "canary")
    yield digest


@dataclass
class Besieged:
    """A server as a process. What it says on stdout and stderr is kept."""

    process: subprocess.Popen[bytes]
    address: str
    pid: int  # of the server itself, whatever has started it
    said: Path
    token: str = ""
    first: str = ""
    group: Path | None = None  # of the memory that it may have
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self.port = int(self.address.rstrip("/").rpartition(":")[2])

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def client(self, **options: Any) -> httpx.Client:
        """Return a client that shows the token."""
        given = {"timeout": PATIENCE_SECONDS, "trust_env": False, "headers": self.headers, **options}
        return httpx.Client(base_url=self.address.rstrip("/"), **given)

    @property
    def is_alive(self) -> bool:
        return psutil.pid_exists(self.pid) and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE

    def output(self) -> str:
        """Return what it has said, and not been asked to: all but the address at the beginning."""
        return self.said.read_text(errors="replace")


@contextlib.contextmanager
def besieged(
    repo: Path,
    *options: str,
    token: str = "",
    prefix: Sequence[str] = (),
    group: Path | None = None,
    program: str = "-m runstone",
) -> Iterator[Besieged]:
    """Start `runstone up` and end it.

    `prefix` is a command that starts it; `group` a memory cgroup that it is born in; `program` what Python is given in
    place of the module, as by a negative control.
    """
    with tempfile.TemporaryDirectory(prefix="siege-said-") as folder:
        said = Path(folder) / "said"
        start = [sys.executable, *program.split(" ", 1), "up", "--repo", str(repo), "--port", "0", "--json"]
        born = [] if group is None else ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
        environment = {**os.environ, "PYTHONWARNINGS": "default"}
        if token:
            environment["RUNSTONE_TOKEN"] = token
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [*born, *prefix, *start, *options], stdout=subprocess.PIPE, stderr=stderr, env=environment
            )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server did not start: {said.read_text(errors='replace')[-2000:]}")
            first = json.loads(line)
            address = first["address"].partition("?")[0]
            yield Besieged(process, address, first["pid"], said, token, line.decode(), group)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(first["pid"] if line else process.pid, signal.SIGTERM)
            try:
                process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@contextlib.contextmanager
def workshop(runs: int = 12) -> Iterator[Victim]:
    """Make a repository in a folder whose name is found nowhere else."""
    folder = Path(tempfile.mkdtemp(prefix="siege-place-"))
    try:
        yield victim(folder, runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
