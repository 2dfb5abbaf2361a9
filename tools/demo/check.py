"""What the demo proves about itself: each check returns what it found, or raises CheckError."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import shared
from questions import BIG_BATCHES, answers
from sweep import Trained

from crash import HPARAMS as CRASHED_HPARAMS
from crash import Acknowledged
from runstone import Repo


class CheckError(Exception):
    """Something that Runstone promises does not hold."""


Points = dict[tuple[str, str], dict[int, float]]


def sweep_is_complete(path: Path, trained: Iterable[Trained]) -> str:
    """Every run of the sweep has as many points as its process tracked."""
    repo = Repo(path)
    total = 0
    for run in trained:
        found = sum(len(points) for points in _points(repo, run.run).values())
        _require(found == run.points, f"run {run.run} has {found:,} points, {run.points:,} were tracked")
        total += found
    return f"the sweep's {total:,} points are all there"


def killed_run_is_complete(path: Path, acknowledged: Acknowledged) -> str:
    """Every event that the killed process was told is written is there, with its value."""
    found = _points(Repo(path, index=False), acknowledged.run)
    lost = [point for point in acknowledged.points if found.get(point[:2], {}).get(point[2]) != point[3]]
    _require(not lost, f"{len(lost):,} acknowledged points of the killed run are lost: {lost[:1]} ...")
    more = sum(map(len, found.values())) - len(acknowledged.points)
    _require(
        more <= 1, f"the killed run has {more:,} points that nobody knows of"
    )  # one may have been on its way
    return f"the killed run has all {len(acknowledged.points):,} points that were acknowledged to it"


def shared_run_is_complete(path: Path, run: str) -> str:
    """What two processes wrote to one run is there, of each and of both together."""
    sequences = [
        (metric.context.to_dict().get("process"), metric.values.sparse_numpy()[0].tolist())
        for metric in Repo(path).query_metrics(f'run.hash == "{run}" and metric.name == "loss"')
    ]
    steps = shared.STEPS
    together = list(range(shared.PROCESSES * steps))
    expected = [(None, together), *((rank, list(range(steps))) for rank in range(shared.PROCESSES))]
    _require(
        sorted(sequences, key=str) == sorted(expected, key=str),
        "points of the shared run are lost or doubled",
    )
    return f"the shared run has all {2 * len(together):,} points of its {shared.PROCESSES} processes"


def answer_is_right(path: Path, trained: Iterable[Trained], others: Iterable[str]) -> str:
    """The first question's answer is what plain Python picks out of what was logged."""
    hparams = {run.run: run.hparams for run in trained}
    hparams |= dict(zip(others, (shared.HPARAMS, CRASHED_HPARAMS), strict=True))
    expected = {run for run, p in hparams.items() if p["learning_rate"] > 0.0001 and p["batch_size"] > 32}
    found = set(Repo(path).query_runs(BIG_BATCHES.text).hashes())
    _require(found == expected, f"the first question finds {len(found)} runs, {len(expected)} are right")
    return f"the first question finds the same {len(found)} runs as plain Python does"


def index_can_be_deleted(path: Path, rebuild: Callable[[], None]) -> str:
    """The answers are the same with the index, without any, after it was deleted, and rebuilt."""
    before = answers(path)
    _require(all(before), "a question has no answer at all")
    _require(answers(path, index=False) == before, "the logs alone give other answers than the index")
    shutil.rmtree(path / ".runstone" / "index")
    _require(answers(path) == before, "with the index deleted the answers are others")
    rebuild()
    _require(answers(path) == before, "the rebuilt index gives other answers than the first one")
    return (
        f"all {len(before)} answers are the same from the logs alone, and from an index deleted and rebuilt"
    )


def _points(repo: Repo, run: str) -> Points:
    """The points of a run's loss and accuracy, by name and subset, then by step."""
    found: Points = {}
    text = f'run.hash == "{run}" and metric.name in ("loss", "accuracy")'
    for metric in repo.query_metrics(text):
        steps, values = metric.values.sparse_numpy()
        key = metric.name, metric.context.to_dict()["subset"]
        found[key] = dict(zip(steps.tolist(), values.tolist(), strict=True))
    return found


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise CheckError(otherwise)
