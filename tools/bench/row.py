"""A row of the report: one measure, its samples from each store, and what it should come to."""

from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any

OURS = "runstone"


def quantiles(samples: list[float]) -> dict[str, float]:
    """What a user notices of many times: the median, the 95th percentile, and the worst."""
    ordered = sorted(samples)
    return {"median": median(ordered), "p95": ordered[ceil(len(ordered) * 0.95) - 1], "worst": ordered[-1]}


@dataclass(frozen=True)
class Goal:
    """What to reach: our own median at most `limit`, or the peer's at least `ratio` times ours."""

    text: str
    limit: float | None = None
    ratio: float | None = None


@dataclass
class Row:
    """`samples`: seconds or bytes by store. `answers`: "equal", what differs, or empty (not asked)."""

    key: str
    title: str
    unit: str = "s"
    workload: str = ""
    goal: Goal | None = None
    samples: dict[str, list[float]] = field(default_factory=dict)
    answers: str = ""
    failed: dict[str, str] = field(default_factory=dict)

    def median(self, store: str) -> float | None:
        """Median over all rounds; None if the store was not measured."""
        return median(self.samples[store]) if self.samples.get(store) else None

    def ratio(self, store: str) -> float | None:
        """How many times ours the other store's median is."""
        ours, theirs = self.median(OURS), self.median(store)
        return theirs / ours if ours and theirs else None

    def reached(self, peer: str) -> bool | None:
        """Whether the goal is met; None where there is nothing to judge."""
        ours, ratio = self.median(OURS), self.ratio(peer)
        if self.goal is None or ours is None:
            return None
        if self.goal.limit is not None:
            return ours <= self.goal.limit
        return None if self.goal.ratio is None or ratio is None else ratio >= self.goal.ratio

    def as_json(self) -> dict[str, Any]:
        """Everything, with medians worked out."""
        return {
            "row": self.key,
            "title": self.title,
            "workload": self.workload,
            "unit": self.unit,
            "goal": self.goal.text if self.goal else None,
            "median": {store: self.median(store) for store in self.samples},
            "samples": self.samples,
            "answers": self.answers,
            "failed": self.failed,
        }
