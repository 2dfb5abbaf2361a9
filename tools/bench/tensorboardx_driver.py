"""tensorboardX as a driver: an event file a run, written by a thread."""

import os
import struct
import uuid
from typing import Any

from serve import serve
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event


class Run:
    """One writer. Steps are counted here, as Runstone and Aim count them inside."""

    def __init__(self, path: str) -> None:
        self._writer, self._step = SummaryWriter(os.path.join(path, uuid.uuid4().hex)), 0

    def track(self, value: float, name: str, context: dict[str, Any]) -> None:
        """One scalar; the context is a part of the name, as TensorBoard's users write it."""
        self._writer.add_scalar(f"{name}/{context['subset']}", value, self._step)
        self._step += 1

    def close(self) -> None:
        """Waits for the thread."""
        self._writer.close()


class TensorBoardAdapter:
    """tensorboardX through its public API."""

    packages = ("tensorboardX", "protobuf", "numpy")

    def create(self, path: str) -> None:
        """A folder is enough."""

    def open_run(self, path: str) -> Run:
        """A folder and an event file of its own."""
        return Run(path)

    def count(self, path: str) -> int:
        """Points in complete records: length, its CRC, the record, its CRC."""
        found = 0
        for folder, _, names in os.walk(path):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    while len(head := file.read(12)) == 12:
                        (length,) = struct.unpack("<Q", head[:8])
                        record = file.read(length)
                        if len(record) < length or len(file.read(4)) < 4:
                            break
                        found += len(Event.FromString(record).summary.value)
        return found


if __name__ == "__main__":
    serve(TensorBoardAdapter())
