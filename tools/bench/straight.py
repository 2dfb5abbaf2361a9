"""Composes a workload as logs, as the writers of so many runs would have left them: a million would take hours."""

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from workload import SEED, Workload

from runstone_writer.layout import Layout, log_name, open_repo
from runstone_writer.lines import LOG_FORMAT, encode_event, encode_point, frame_all, key_of

BEGAN = 1_780_000_000_000  # milliseconds since the epoch: when the first run was started; one a second
EVENT_MICROSECONDS = 10
SAY_EVERY = 1_000


def write_straight(path: str, workload: Workload, say: Callable[[int], None]) -> dict[str, str]:
    """Write every run of a workload; return the labels by run hash."""
    layout, labels = open_repo(path, create=True), {}
    for number in range(workload.runs):
        labels[_write_run(layout, workload, number)] = workload.label(number)
        if number % SAY_EVERY == 0:
            say(number)
    return labels


def _write_run(layout: Layout, workload: Workload, number: int) -> str:
    digest = blake2b(f"{SEED}/{number}".encode(), digest_size=18).hexdigest()
    run, writer = digest[:24], f"{BEGAN + number * 1000:011x}-{digest[24:]}"
    name = log_name(writer, 0)
    lines, _ = frame_all(_bodies(workload, number, run, writer), 0, key_of(run, name))
    folder = layout.run_folder(run)
    os.makedirs(folder)
    descriptor = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    os.write(descriptor, b"".join(lines))
    os.close(descriptor)
    return run


def _bodies(workload: Workload, number: int, run: str, writer: str) -> list[bytes]:
    """The lines that a training script with this data leaves, but for their checksums."""
    data, times = workload.run(number), iter(range(0, 2**40, EVENT_MICROSECONDS))

    def event(kind: str, /, **fields: Any) -> bytes:
        return encode_event({"event": kind, **fields}, kind)

    owner = {"run": run, "writer": writer, "part": 0, "kind": "run"}
    bodies = [event("log", format=LOG_FORMAT, **owner, host="bench", pid=1), event("open", dt=next(times))]
    bodies += [event("set", dt=next(times), key=[key], value=value) for key, value in data.params.items()]
    ids: dict[tuple[str, str], int] = {}
    for step, name, subset, value in data.in_training_order():
        if (name, subset) not in ids:
            ids[name, subset] = len(ids)
            sequence = {
                "id": ids[name, subset],
                "name": name,
                "context": {"subset": subset},
                "type": "number",
            }
            bodies.append(event("sequence", **sequence))
        bodies.append(encode_point(ids[name, subset], step, value, next(times), None))
    return [*bodies, event("end", dt=next(times))]
