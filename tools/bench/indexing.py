"""The rows about what is derived, and about the disk: W, P4, P5, P12."""

import math

from comparison import Comparison, Samples
from goals import goal_for
from peer import Peer
from questions import QUESTIONS
from repositories import Written, size
from row import OURS, Row
from workload import Workload

MANY_POINTS, MANY_RUNS = 1_000, 50_000


def write_rows(comparison: Comparison, workload: Workload) -> list[Row]:
    """W: the whole workload written by one process, as it was when the repositories were made."""
    title = f"write {workload.runs:,} runs, {workload.total_points:,} points"
    row = Row("W", title, workload=workload.name)
    for store, written in comparison.written(workload).items():
        row.samples[store] = [written.write_seconds]
    return [row]


def index_rows(comparison: Comparison, workload: Workload) -> list[Row]:
    """P4: index from nothing, in a fresh process; importing and removing the old index are not counted.

    P5 is the same on long runs. The floor reads, checks and decodes. A repository that has many runs is indexed once.
    """
    key = "P5" if workload.points > MANY_POINTS else "P4"
    title = "index from nothing" if key == "P4" else f"index {workload.total_points:,} points from nothing"
    row = Row(key, title, workload=workload.name, goal=goal_for(key, workload.name))
    repositories = comparison.written(workload)
    if workload.runs > MANY_RUNS:
        row.samples[OURS] = [repositories[OURS].index_seconds]
        return [row]

    def sampler(peer: Peer, command: str) -> Samples:
        return lambda: [peer.fresh(command, path=repositories[peer.name].path)]

    stores = [peer for peer in comparison.stores if peer.name in repositories]
    samplers = {peer.name: sampler(peer, "index") for peer in stores}
    ours = next(peer for peer in stores if peer.name == OURS)
    return [comparison.interleave(row, {**samplers, "floor": sampler(ours, "decode")})]


def held_rows(comparison: Comparison, workload: Workload) -> list[Row]:
    """P15 and P16: the memory and the open files of an indexer and of a process that has asked, at their most."""
    written = comparison.written(workload)[OURS]
    name = workload.name
    queries = [
        QUESTIONS[key].make(number, workload).aimql for key in ("P6", "P7", "P8") for number in range(10)
    ]
    ours = next(peer for peer in comparison.stores if peer.name == OURS)
    with ours.process() as process:
        process.call("ask", path=written.path, kind="runs", queries=queries, budget=math.inf)
        asked = process.call("held")
    memory = [
        Row("P15 index", "memory of the indexer, peak", "B", name, goal_for("P15 index", name)),
        Row("P15 query", "memory of a process that asks, peak", "B", name, goal_for("P15 query", name)),
    ]
    files = [
        Row("P16 index", "open files of the indexer", "files", name, goal_for("P16 index", name)),
        Row("P16 query", "open files of a process that asks", "files", name, goal_for("P16 query", name)),
    ]
    for rows, values in ((memory, (written.index_peak, asked[0])), (files, (written.index_files, asked[1]))):
        for row, value in zip(rows, values, strict=True):
            row.samples[OURS] = [value]
    return memory + files


def disk_rows(comparison: Comparison, workload: Workload) -> list[Row]:
    """P12: the disk that the workload takes, and content per point of its parts."""
    titles = {
        "P12": "disk: log and index, blocks allocated",
        "P12 content": "disk: log and index, content",
        "P12 log": "log, content per point",
        "P12 index": "whole index, content per point",
        "P12 points": "compacted points, content per point",
    }
    name = workload.name
    rows = [Row(key, title, "B", name, goal_for(key, name)) for key, title in titles.items()]
    repositories = comparison.written(workload)
    for peer in comparison.stores:
        if peer.name in repositories:
            for row, value in zip(rows, _sizes(peer, repositories[peer.name], workload), strict=True):
                row.samples[peer.name] = [value] if value else []
    return rows


def _sizes(peer: Peer, written: Written, workload: Workload) -> list[float]:
    """Allocated; content; and per point: log, index, that part of it which holds points (Aim has none)."""
    parts = peer.fresh("parts", path=written.path)
    (log, log_content), (index, index_content) = size(parts["log"]), size(parts["index"])
    _, points_content = size(parts.get("points", []))
    per_point = [content / workload.total_points for content in (log_content, index_content, points_content)]
    return [log + index, log_content + index_content, *per_point]
