"""The floors: what a measure would cost if nothing but the work that cannot be left out were done.

P1: a line like Runstone's (`[sequence,step,value,microseconds,crc]`) is encoded by orjson, its checksum continues
that of the line before, and `os.write` gives it to the kernel: what any log with these promises has to do.
P4 and P5: every file of the logs is read, checked by one CRC over its bytes, and decoded by orjson in one call.
P11: as many points from a `.npy` file for each sequence's steps and values, as numpy's users would keep them.
"""

import gc
import os
import time
import zlib

import orjson

NPY_ROUNDS = 3


def loop(path: str, values: list[float], warm_up: int, budget: float) -> float:
    """Seconds for one line, over a loop that appends to a new file in `path`; it needs no budget."""
    del budget
    file = os.path.join(path, "floor.jsonl")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        _append(descriptor, values[:warm_up])
        started = time.perf_counter()
        _append(descriptor, values)
        return (time.perf_counter() - started) / len(values)
    finally:
        os.close(descriptor)
        os.unlink(file)


def _append(descriptor: int, values: list[float]) -> None:
    dumps, crc32, write, now = orjson.dumps, zlib.crc32, os.write, time.time_ns
    crc, began = 0, now()
    for step, value in enumerate(values):
        body = dumps([3, step, value, (now() - began) // 1000])[:-1] + b","
        crc = crc32(body, crc)
        tail = b"%d]\n" % crc
        # the digits themselves are covered by the next line's checksum
        crc = crc32(tail, crc)
        write(descriptor, body + tail)


def decode(path: str) -> float:
    """Seconds to read, check and decode all logs of a repository."""
    gc.disable()
    started, lines = time.perf_counter(), 0
    for folder, _, names in os.walk(os.path.join(path, ".runstone", "logs")):
        for name in names:
            with open(os.path.join(folder, name), "rb", buffering=0) as file:
                data = file.read()
            zlib.crc32(data)
            lines += len(orjson.loads(b"[%b]" % data[:-1].replace(b"\n", b",")))
    assert lines
    return time.perf_counter() - started


def load_arrays(path: str, sequences: int, points: int) -> list[float]:
    """Seconds to load the points of so many sequences, warm; several samples. The files are removed again."""
    import numpy as np

    files, times = [os.path.join(path, f"{number}.npy") for number in range(2 * sequences)], []
    for number, file in enumerate(files):
        np.save(file, np.arange(points) + number)
    for _ in range(NPY_ROUNDS):
        started = time.perf_counter()
        loaded = [np.load(file) for file in files]
        times.append(time.perf_counter() - started)
        assert len(loaded) == 2 * sequences
    for file in files:
        os.unlink(file)
    return times
