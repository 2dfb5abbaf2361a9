"""The data that every store is given: workloads S, M and L, the same bytes from the same seed.

Standard library only, because the drivers import this from environments that share no packages.
Each run draws from a generator of its own, so a run's data doesn't depend on how many came before it.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
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

    One that is `alone` is for Runstone only: a peer would take hours.
    """

    name: str
    runs: int
    points: int
    more_params: int = 0
    more_sequences: int = 0
    alone: bool = False

    @property
    def total_points(self) -> int:
        """Points of all sequences of all runs."""
        return self.runs * self.points * (len(SEQUENCES) + self.more_sequences)

    @property
    def key(self) -> str:
        """Names the folder of a repository that holds exactly this data."""
        more = f"+{self.more_params}+{self.more_sequences}" if self.more_params or self.more_sequences else ""
        return f"{self.name}-{self.runs}x{len(SEQUENCES)}x{self.points}{more}-{SEED}-{GENERATION}"

    def run(self, number: int) -> RunData:
        """The run of that number; six parameters, two of them nested."""
        rng = random.Random(f"{SEED}/{number}")  # reproducible, not secret
        params = {
            "hparams": {"seed": number, "lr": rng.uniform(0.0, 0.1)},
            "batch_size": rng.choice(BATCH_SIZES),
            "dropout": rng.uniform(0.0, 0.5),
            "optimizer": rng.choice(OPTIMIZERS),
            "model": rng.choice(MODELS),
        }
        series = {key: _curve(rng, key[0], self.points) for key in SEQUENCES}
        params |= {f"p{i:02}": rng.choice((i, rng.random(), f"value {i}")) for i in range(self.more_params)}
        for i in range(self.more_sequences):
            series[f"metric {i:02}", "train"] = _curve(rng, "loss", self.points)
        return RunData(f"r{number:06d}", params, series)

    def all_runs(self) -> Iterator[RunData]:
        """Every run, oldest first."""
        return map(self.run, range(self.runs))


def _curve(rng: random.Random, name: str, points: int) -> list[float]:
    """A curve with noise, so that values have all their digits, as measured ones do."""
    decay = rng.uniform(3.0, 9.0)
    falling = [math.exp(-step / decay) + 0.05 * rng.random() for step in range(points)]
    return falling if name == "loss" else [1.0 - value / 1.05 for value in falling]


WORKLOADS = {"S": Workload("S", runs=1_000, points=25), "M": Workload("M", runs=10_000, points=2)}
LARGE = {"L": Workload("L", runs=100_000, points=1, more_params=24, more_sequences=16, alone=True)}
QUICK = {
    "S": Workload("S", runs=100, points=25),
    "M": Workload("M", runs=300, points=2),
    "L": Workload("L", runs=1_000, points=1, more_params=24, more_sequences=16, alone=True),
}


def named(name: str, *, quick: bool = False) -> Workload:
    """The workload of that name, or its small version."""
    return (QUICK if quick else WORKLOADS | LARGE)[name]
