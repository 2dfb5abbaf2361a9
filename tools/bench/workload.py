"""The data that every store is given: workloads S, M, L, XL and D, the same bytes from the same seed.

Standard library only, because the drivers import this from environments that share no packages.
Each run draws from a generator of its own, so a run's data doesn't depend on how many came before it.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

SEED = 20260917
GENERATION = 1
"""Raise it when the data change: repositories made from other data are then not reused."""

SEQUENCES = (("loss", "train"), ("loss", "val"), ("accuracy", "train"), ("accuracy", "val"))
BATCH_SIZES = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384)
MODELS = ("resnet18", "resnet50", "vit-small", "vit-base", "mlp")
OPTIMIZERS = ("adam", "adamw", "sgd")


@dataclass(frozen=True)
class RunData:
    """One run: a label to compare answers by (hashes differ between stores), parameters, points."""

    label: str
    params: dict[str, Any]
    series: dict[tuple[str, str], list[float]] = field(repr=False)

    def in_training_order(self) -> Iterator[tuple[int, str, str, float]]:
        """(step, name, subset, value), as a training loop would log them: all sequences at each step."""
        for step in range(len(self.series[SEQUENCES[0]])):
            for (name, subset), values in self.series.items():
                yield step, name, subset, values[step]


@dataclass(frozen=True)
class Workload:
    """A number of runs with six parameters and four sequences of `points` points each, and more of both.

    One that is `alone` is for Runstone only: a peer would take hours. One that is `straight` is composed as logs,
    without training scripts. `rows` are those that are measured on it.
    """

    name: str
    runs: int
    points: int
    more_params: int = 0
    more_sequences: int = 0
    alone: bool = False
    straight: bool = False
    rows: tuple[str, ...] = ()

    @property
    def total_points(self) -> int:
        """Points of all sequences of all runs."""
        return self.runs * self.points * (len(SEQUENCES) + self.more_sequences)

    @property
    def key(self) -> str:
        """Names the folder of a repository that holds exactly this data."""
        more = f"+{self.more_params}+{self.more_sequences}" if self.more_params or self.more_sequences else ""
        return f"{self.name}-{self.runs}x{len(SEQUENCES)}x{self.points}{more}-{SEED}-{GENERATION}"

    def label(self, number: int) -> str:
        """What a run is called in answers."""
        return f"r{number:06d}"

    def params(self, number: int) -> dict[str, Any]:
        """The six parameters that questions are about, two of them nested."""
        return _params(number, random.Random(f"{SEED}/{number}"))

    def run(self, number: int) -> RunData:
        """The run of that number."""
        rng = random.Random(f"{SEED}/{number}")  # reproducible, not secret
        params = _params(number, rng)
        series = {key: _curve(rng, key[0], self.points) for key in SEQUENCES}
        params |= {f"p{i:02}": rng.choice((i, rng.random(), f"value {i}")) for i in range(self.more_params)}
        for i in range(self.more_sequences):
            series[f"metric {i:02}", "train"] = _curve(rng, "loss", self.points)
        return RunData(self.label(number), params, series)

    def all_runs(self) -> Iterator[RunData]:
        """Every run, oldest first."""
        return map(self.run, range(self.runs))


def _params(number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "hparams": {"seed": number, "lr": rng.uniform(0.0, 0.1)},
        "batch_size": rng.choice(BATCH_SIZES),
        "dropout": rng.uniform(0.0, 0.5),
        "optimizer": rng.choice(OPTIMIZERS),
        "model": rng.choice(MODELS),
    }


def _curve(rng: random.Random, name: str, points: int) -> list[float]:
    """A curve with noise, so that values have all their digits, as measured ones do."""
    decay = rng.uniform(3.0, 9.0)
    falling = [math.exp(-step / decay) + 0.05 * rng.random() for step in range(points)]
    return falling if name == "loss" else [1.0 - value / 1.05 for value in falling]


_SMALL = ("W", "P6", "P7", "P8", "P9", "P10")
_MANY = {"points": 1, "more_params": 24, "more_sequences": 16, "alone": True}
_LONG = {"more_sequences": 6, "alone": True, "rows": ("W", "P5", "P11", "P12")}
_L = ("W", "P4", "P6", "P7", "P8", "P9", "P12", "P13", "P15")
_XL = ("P4", "P6", "P7", "P8", "P12", "P13", "P15")
WORKLOADS = {
    "S": Workload("S", runs=1_000, points=25, rows=(*_SMALL, "P4", "P12")),
    "M": Workload("M", runs=10_000, points=2, rows=(*_SMALL, "P14")),
}
LARGE = {
    "D": Workload("D", runs=100, points=10_000, **_LONG),
    "L": Workload("L", runs=100_000, rows=_L, **_MANY),
    "XL": Workload("XL", runs=1_000_000, rows=_XL, straight=True, **_MANY),
}
QUICK = {
    "S": replace(WORKLOADS["S"], runs=100),
    "M": replace(WORKLOADS["M"], runs=300),
    "D": replace(LARGE["D"], runs=5),
    "L": replace(LARGE["L"], runs=1_000),
    "XL": replace(LARGE["XL"], runs=2_000),
}


def named(name: str, *, quick: bool = False) -> Workload:
    """The workload of that name, or its small version."""
    return (QUICK if quick else WORKLOADS | LARGE)[name]
