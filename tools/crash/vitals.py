"""What a long-lived process holds: memory, descriptors, mappings; and whether that grows."""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

WARM = 1 / 3  # of the time, after which nothing should grow any more
EDGE = 0.1  # of the time: figures are the median over so much of it
LIMIT = 0.05  # of growth after that
SLACK_KIB = 1024  # of growth that is noise, whatever the size
DESCRIPTORS = 3


@dataclass(frozen=True)
class Vitals:
    """One look at a process."""

    seconds: float
    anonymous: int  # KiB: its own memory. What it maps from files belongs to the kernel's cache
    resident: int  # KiB
    descriptors: int  # but for those of index files, of which there are now more and now fewer
    files: int  # of the index, open
    mappings: int
    cpu: float  # seconds


def look_at(pid: int, seconds: float) -> Vitals | None:
    """Look at a process; None if it has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        with open(f"/proc/{pid}/stat") as file:
            times = file.read().rsplit(")", 1)[1].split()[11:13]
        with open(f"/proc/{pid}/maps") as file:
            mappings = sum(1 for _ in file)
        files = [name.endswith((".npz", ".npz (deleted)")) for name in _open_files(pid)]
        anonymous, resident = (int(fields[name].split()[0]) for name in ("RssAnon", "VmRSS"))
    except (OSError, KeyError, ValueError, IndexError):
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return Vitals(
        seconds, anonymous, resident, files.count(False), sum(files), mappings, sum(map(int, times)) / ticks
    )


def _open_files(pid: int) -> Iterator[str]:
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/{pid}/fd/{fd}")


@dataclass
class Chart:
    """The looks at one process, from its start to its end."""

    name: str
    looks: list[Vitals] = field(default_factory=list)

    def add(self, pid: int, seconds: float) -> None:
        look = look_at(pid, seconds)
        if look is not None:
            self.looks.append(look)

    def around(self, share: float, what: str) -> float:
        """The median of a figure around a share of the time: a single look may meet a peak."""
        first, last = self.looks[0].seconds, self.looks[-1].seconds
        begin = first + (last - first) * max(share - EDGE / 2, 0)
        end = begin + (last - first) * EDGE
        values = [getattr(look, what) for look in self.looks if begin <= look.seconds <= end]
        return float(statistics.median(values or [getattr(self.looks[-1], what)]))

    def growth(self, slack_kib: int = SLACK_KIB) -> str:
        """Say what grows behind the warm-up; empty if nothing does."""
        said = []
        warm, end = self.around(WARM, "anonymous"), self.around(1 - EDGE / 2, "anonymous")
        if end - warm > max(warm * LIMIT, slack_kib):
            said.append(f"memory from {warm / 1024:.1f} to {end / 1024:.1f} MiB")
        warm, end = self.around(WARM, "descriptors"), self.around(1 - EDGE / 2, "descriptors")
        if end - warm > DESCRIPTORS:
            said.append(f"descriptors from {warm:.0f} to {end:.0f}")
        return f"{self.name} grows: {', '.join(said)}" if said else ""

    def figures(self) -> dict[str, int | float | str]:
        """Start, quarter, third, end: of each figure."""
        if not self.looks:
            return {}
        found: dict[str, int | float | str] = {}
        for what, unit in (
            ("anonymous", 1024),
            ("resident", 1024),
            ("descriptors", 1),
            ("files", 1),
            ("mappings", 1),
        ):
            at = (self.around(share, what) / unit for share in (0, 0.25, WARM, 1 - EDGE / 2))
            found[f"{self.name} {what}"] = " / ".join(
                f"{value:.1f}" if unit > 1 else f"{value:.0f}" for value in at
            )
        cpu = self.looks[-1].cpu - self.looks[0].cpu
        seconds = max(self.looks[-1].seconds - self.looks[0].seconds, 1e-9)
        found[f"{self.name} share of a core"] = round(cpu / seconds, 3)
        return found
