"""The repositories that are measured: written once through each store's public API, from the same data."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from peer import Peer, PeerError, Progress
from row import OURS
from workload import Workload

RUN_BYTES = 600_000
"""What Aim allocates for a run of workload S, rounded up; other stores take less."""
OUR_BYTES = 30_000
"""What Runstone allocates for a run of workload L, index included, rounded up."""


@dataclass(frozen=True)
class Written:
    """A repository with a workload in it; `labels` says which run hash is which run of the workload.

    What the process that indexed it has held at most: bytes, and open files. Zero where that is not known.
    """

    path: str
    labels: dict[str, str]
    write_seconds: float
    index_seconds: float
    index_peak: int = 0
    index_files: int = 0


class Repositories:
    """The data folder.

    Ours are written anew each time, because the code that writes them is what is being changed; unless with
    `reuse`. A peer's are kept: Aim takes minutes for workload M, and its version is part of the folder's name.
    """

    def __init__(self, folder: Path, *, reuse: bool = False) -> None:
        self.folder = folder
        self._scratch = folder / "scratch"
        self._scratched = 0
        self._made: dict[tuple[str, str], Written] = {}
        if not reuse:
            self.clean()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "drivers.log").write_text("")

    def empty(self, peer: Peer) -> str:
        """A new and empty repository for the rows that write."""
        self._scratched += 1
        path = str(self._scratch / f"{peer.name}-{self._scratched}")
        peer.fresh("create", path=path)
        return path

    def written(self, peer: Peer, version: str, workload: Workload, progress: Progress) -> Written:
        """The repository of that store with that workload, written and indexed if it isn't there."""
        key = (peer.name, workload.key)
        if key not in self._made:
            home = self.folder / (OURS if peer.name == OURS else f"{peer.name}-{version}") / workload.key
            self._made[key] = _load(home) or _write(home, peer, workload, progress)
        return self._made[key]

    def clean(self) -> None:
        """Remove ours and the scratch; a peer's stay for the next time."""
        for folder in (self._scratch, self.folder / OURS):
            shutil.rmtree(folder, ignore_errors=True)


def _load(home: Path) -> Written | None:
    """A repository that was finished earlier: the note beside it is written last."""
    note = home / "written.json"
    return Written(path=str(home / "repo"), **json.loads(note.read_text())) if note.exists() else None


def _write(home: Path, peer: Peer, workload: Workload, progress: Progress) -> Written:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if shutil.disk_usage(home).free < (
        needed := workload.runs * (OUR_BYTES if workload.alone else RUN_BYTES)
    ):
        raise PeerError(f"{peer.name}: workload {workload.name} needs up to {needed / 1e9:.0f} GB in {home}")
    path = str(home / "repo")
    with peer.process() as process:
        process.call("create", path=path)
        command = "write_straight" if workload.straight else "write"
        done = process.call(command, progress, path=path, workload=asdict(workload))
    with peer.process() as process:
        seconds = process.call("index", path=path)
        held = process.call("held") if peer.name == OURS else []
    written = Written(path, done["labels"], done["seconds"], seconds, *held)
    note = {key: value for key, value in asdict(written).items() if key != "path"}
    (home / "written.json").write_text(json.dumps(note))
    return written


def size(paths: list[str]) -> tuple[int, int]:
    """(bytes allocated on disk, bytes of content) of files and folders; the first is what `du` says."""
    allocated = content = 0
    for root in map(Path, paths):
        for file in (root, *root.rglob("*")):
            status = file.lstat()
            allocated += status.st_blocks * 512
            content += 0 if file.is_dir() else status.st_size
    return allocated, content
