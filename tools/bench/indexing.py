"""The rows about what is derived, and about the disk: W, P4, P12."""

from comparison import Comparison, Samples
from goals import goal_for
from peer import Peer
from repositories import Written, size
from row import Row
from workload import Workload


def write_rows(comparison: Comparison, workload: Workload) -> list[Row]:
    """W: the whole workload written by one process, as it was when the repositories were made."""
    title = f"write {workload.runs:,} runs, {workload.total_points:,} points"
    row = Row("W", title, workload=workload.name)
    for store, written in comparison.written(workload).items():
        row.samples[store] = [written.write_seconds]
    return [row]


def index_rows(comparison: Comparison, workload: Workload) -> list[Row]:
    """P4: index from nothing, in a fresh process; importing and removing the old index are not counted."""
    row = Row("P4", "index from nothing", workload=workload.name, goal=goal_for("P4", workload.name))
    repositories = comparison.written(workload)

    def sampler(peer: Peer) -> Samples:
        return lambda: [peer.fresh("index", path=repositories[peer.name].path)]

    stores = [peer for peer in comparison.stores if peer.name in repositories]
    return [comparison.interleave(row, {peer.name: sampler(peer) for peer in stores})]


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
