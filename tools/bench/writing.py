"""The rows about the writer: P1 (with what a SIGKILL leaves), P2, P3."""

import math
import random

from comparison import Comparison, Samples
from goals import goal_for
from peer import Peer
from row import OURS, Row

CALLS = 5_000
WARM_UP = 200
BUDGET = 2.0
"""Seconds that a slow store may take for one loop; it then makes fewer calls."""


def values(count: int) -> list[float]:
    """Numbers with all their digits, as losses have."""
    rng = random.Random(1)
    return [rng.random() for _ in range(count)]


def track_rows(comparison: Comparison) -> list[Row]:
    """P1: `track()` of one number in a loop, beside the floor, and the 99th percentile of single calls."""
    calls, warm_up = (500, 50) if comparison.quick else (CALLS, WARM_UP)
    paths = {peer.name: comparison.repositories.empty(peer) for peer in comparison.stores}
    loop = Row("P1", "track() of one number, mean of a loop", goal=goal_for("P1"))
    floor = Row("P1 floor", "the same, beside its floor: encode, CRC, os.write", goal=goal_for("P1 floor"))
    slow = Row("P1 p99", "track() of one number, 99th percentile")
    numbers = values(calls)
    with comparison.processes(asked=False) as processes:

        def sampler(store: str, command: str) -> Samples:
            asked = {"path": paths[store], "values": numbers, "warm_up": warm_up, "budget": BUDGET}
            return lambda: [processes[store].call(command, **asked) for _ in range(3)]

        loops = {store: sampler(store, "track") for store in processes}
        # the floor takes its turn between the stores, so that it drifts with them
        comparison.interleave(loop, {OURS: loops.pop(OURS), "floor": sampler(OURS, "floor"), **loops})
        comparison.interleave(slow, {store: sampler(store, "track_each") for store in processes})
    floor.samples = {OURS: loop.samples.get(OURS, []), "floor": loop.samples.pop("floor", [])}
    fastest = Row("P1 peers", "the same, beside the fastest but Aim", goal=goal_for("P1 peers"))
    others = [store for store in loop.samples if store not in (OURS, "aim")]
    if others:
        best = min(others, key=lambda store: loop.median(store) or math.inf)
        fastest.samples = {OURS: loop.samples.get(OURS, []), best: loop.samples[best]}
    return [loop, *([fastest] if others else []), floor, slow, kept_row(comparison, numbers[:WARM_UP])]


def kept_row(comparison: Comparison, numbers: list[float]) -> Row:
    """P1 kept: how many points are there after a process that has tracked them is killed in the next moment."""
    row = Row("P1 kept", f"of {len(numbers)} points tracked before a SIGKILL, found again", unit="points")

    def sampler(peer: Peer) -> Samples:
        def sample() -> list[float]:
            path = comparison.repositories.empty(peer)
            peer.killed("track_and_die", path=path, values=numbers)
            return [peer.fresh("count", path=path)]

        return sample

    return comparison.interleave(row, {peer.name: sampler(peer) for peer in comparison.stores})


def open_rows(comparison: Comparison) -> list[Row]:
    """P2: from `Run(...)` to the return of its first `track()`, in a warm process and in a fresh one."""
    paths = {peer.name: comparison.repositories.empty(peer) for peer in comparison.stores}
    warm = Row("P2", "open a run, first event written", goal=goal_for("P2"))
    cold = Row("P2 cold", "the same, first run of a process (imports not counted)")
    count = 5 if comparison.quick else 20
    with comparison.processes(asked=False) as processes:
        for store, process in processes.items():
            process.call("open_and_track", path=paths[store], count=2)

        def sampler(store: str) -> Samples:
            return lambda: processes[store].call("open_and_track", path=paths[store], count=count)

        comparison.interleave(warm, {store: sampler(store) for store in processes})

    def fresh(peer: Peer) -> Samples:
        return lambda: peer.fresh("open_and_track", path=paths[peer.name], count=1)

    comparison.interleave(cold, {peer.name: fresh(peer) for peer in comparison.stores})
    return [warm, cold]


def import_rows(comparison: Comparison) -> list[Row]:
    """P3: wall time of an interpreter that imports Run, less that of one that does nothing."""
    row = Row("P3", "import Run in a fresh process, over bare Python", goal=goal_for("P3"))
    pairs = 2 if comparison.quick else 5

    def sampler(peer: Peer) -> Samples:
        return lambda: [
            peer.python_seconds("-c", peer.importing) - peer.python_seconds("-c", "pass")
            for _ in range(pairs)
        ]

    for peer in comparison.stores:  # byte-code and page cache
        peer.python_seconds("-c", peer.importing)
    return [comparison.interleave(row, {peer.name: sampler(peer) for peer in comparison.stores})]
