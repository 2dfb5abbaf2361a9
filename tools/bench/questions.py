"""The queries, each beside the plain Python that says what the right answer is.

A question comes in variants that differ in a constant. Timing asks a new variant each time, so a store
that merely remembers the last answer gains nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from digests import series_digest
from workload import BATCH_SIZES, Workload

Params = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One query text, and which runs and sequences it should find."""

    aimql: str
    run_matches: Callable[[Params], bool]
    sequences: tuple[tuple[str, str], ...] | None = None  # all


@dataclass(frozen=True)
class Question:
    """A row's query; `kind` is "runs" (hashes out) or "points" (all points of the matches out)."""

    row: str
    kind: str
    make: Callable[[int, Workload], Variant]

    def variants(self, workload: Workload, first: int, count: int) -> list[Variant]:
        """`count` variants that fit the workload, from number `first` on."""
        return [self.make(k, workload) for k in range(first, first + count)]


def one_run(k: int, workload: Workload) -> Variant:
    """P6: one run of all, found by a nested parameter."""
    seed = (17 + k) % workload.runs
    return Variant(f"run.hparams.seed == {seed}", lambda p: p["hparams"]["seed"] == seed)


def range_and_equality(k: int, workload: Workload) -> Variant:
    """P7: a fifth of the runs by a range, a tenth of these by an equality: 2 %."""
    limit, size = 0.02 + 1e-6 * k, BATCH_SIZES[k % len(BATCH_SIZES)]
    return Variant(
        f"run.hparams.lr < {limit!r} and run.batch_size == {size}",
        lambda p: p["hparams"]["lr"] < limit and p["batch_size"] == size,
    )


def half_of_all(k: int, workload: Workload) -> Variant:
    """P8: half of the runs match."""
    limit = 0.25 + 1e-6 * k
    return Variant(f"run.dropout < {limit!r}", lambda p: p["dropout"] < limit)


def points_of_some(k: int, workload: Workload) -> Variant:
    """P9: one sequence of each of 7.7 % of the runs, with all its points."""
    limit = 0.0923 - 1e-6 * k
    return Variant(
        f'metric.name == "loss" and metric.context.subset == "val" and run.hparams.lr >= {limit!r}',
        lambda p: p["hparams"]["lr"] >= limit,
        (("loss", "val"),),
    )


def points_of_all(k: int, workload: Workload) -> Variant:
    """P10: two sequences of every run, with all their points."""
    name = ("loss", "accuracy")[k % 2]
    return Variant(f'metric.name == "{name}"', lambda p: True, ((name, "train"), (name, "val")))


def every_point(k: int, workload: Workload) -> Variant:
    """P11: all there is."""
    return Variant(f'metric.name != "none {k}"', lambda p: True)


QUESTIONS = {
    question.row: question
    for question in (
        Question("P6", "runs", one_run),
        Question("P7", "runs", range_and_equality),
        Question("P8", "runs", half_of_all),
        Question("P9", "points", points_of_some),
        Question("P10", "points", points_of_all),
        Question("P11", "points", every_point),
    )
}


class Truth:
    """The right answers, worked out from the generated data alone; no store is asked."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._params = [workload.params(number) for number in range(workload.runs)]

    def answer(self, kind: str, variant: Variant) -> list[str] | dict[str, str]:
        """What a correct store finds: labels for runs; for points a digest for each sequence."""
        workload = self._workload
        found = [number for number, params in enumerate(self._params) if variant.run_matches(params)]
        if kind == "runs":
            return sorted(map(workload.label, found))
        return {
            f"{workload.label(number)}/{name}/{subset}": series_digest(range(len(values)), values)
            for number in found
            for (name, subset), values in workload.run(number).series.items()
            if variant.sequences is None or (name, subset) in variant.sequences
        }


def difference(answer: Any, truth: Any) -> str:
    """What is wrong with an answer in a few words; empty if nothing is."""
    if answer == truth:
        return ""
    missing, extra = sorted(set(truth) - set(answer)), sorted(set(answer) - set(truth))
    if missing or extra:
        return f"{len(missing)} missing {missing[:3]}, {len(extra)} too many {extra[:3]}"
    if isinstance(truth, list):
        return "a run was given twice"
    wrong = [key for key in truth if answer[key] != truth[key]]
    return f"points differ in {len(wrong)} sequences: {wrong[:3]}"
