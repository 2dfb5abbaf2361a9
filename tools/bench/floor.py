"""The floor of P1: what writing one point costs if nothing else is done.

A line like Runstone's (`[sequence,step,value,microseconds,crc]`) is encoded by orjson, its checksum continues
that of the line before, and `os.write` gives it to the kernel: what any log with these promises has to do.
"""

import os
import time
import zlib

import orjson


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
