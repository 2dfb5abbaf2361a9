"""W&B as a driver, offline: calls hand records to a service process, which writes them."""

import glob
import os
import struct
from collections.abc import Iterator
from typing import Any

import wandb
from serve import serve
from wandb.proto.wandb_internal_pb2 import Record

BLOCK, HEADER = 32 * 1024, 7  # of a .wandb file, which is a LevelDB log behind seven bytes of its own
FULL, LAST = 1, 4


class Run:
    """One run, offline."""

    def __init__(self, path: str) -> None:
        quiet = wandb.Settings(console="off", x_disable_stats=True, silent=True)
        self._run = wandb.init(mode="offline", dir=path, project="bench", settings=quiet)

    def track(self, value: float, name: str, context: dict[str, Any]) -> None:
        """One row of the history."""
        self._run.log({f"{context['subset']}/{name}": value})

    def close(self) -> None:
        """Waits until all is in the file."""
        self._run.finish()


class WandbAdapter:
    """W&B through its public API, without system metrics and terminal capture, as everywhere here."""

    packages = ("wandb", "protobuf")

    def create(self, path: str) -> None:
        """A folder is enough."""

    def open_run(self, path: str) -> Run:
        """W&B starts a service process with the first one."""
        return Run(path)

    def count(self, path: str) -> int:
        """Rows of history in the files: nothing but W&B's own upload reads them otherwise."""
        files = glob.glob(os.path.join(path, "wandb", "offline-run-*", "*.wandb"))
        return sum(_is_history(record) for file in files for record in records(file))


def records(path: str) -> Iterator[bytes]:
    """Yield the complete records of a .wandb file."""
    with open(path, "rb") as file:
        data = file.read()
    at, parts = HEADER, b""
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        part = data[at + HEADER : at + HEADER + length]
        if not kind or len(part) < length:
            return
        parts, at = parts + part, at + HEADER + length
        if kind in (FULL, LAST):
            yield parts
            parts = b""


def _is_history(record: bytes) -> bool:
    return Record.FromString(record).WhichOneof("record_type") == "history"


if __name__ == "__main__":
    serve(WandbAdapter())
