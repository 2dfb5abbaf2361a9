"""Runs: six of them, known by name, in the index or not; and the points of one."""

from pathlib import Path
from typing import Any

from processes import QUIET
from runstone import Repo, Run
from runstone_indexer.indexer import Indexer

NAMES = "abcdef"  # oldest first
KINDS = ("index", "logs", "half")  # what an answer comes from


def make_run(path, name, *, close=True):
    run = Run(repo=path, experiment="even" if NAMES.index(name) % 2 == 0 else "odd", **QUIET)
    run.name = name
    run["hparams"] = {"lr": NAMES.index(name) / 10, "layers": [1, 2], "opt": {"name": "adam"}}
    for step in range(3):
        run.track(step + NAMES.index(name) / 10, name="loss", context={"subset": "train"})
    run.track(1, name="epoch")
    if close:
        run.close()
    return run


def six_runs(path, kind):
    """Make six runs; of them, as `kind` says, all, none or some are in the index. Return their hashes by name."""
    made = {}
    for count, name in enumerate(NAMES):
        made[name] = make_run(path, name).hash
        if kind == "half" and count == len(NAMES) // 2:
            Indexer(path).run_once()
    if kind == "index":
        Indexer(path).run_once()
    return made


def names(runs):
    return "".join(run.name for run in runs)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def points(repo: Path, run: Run, name: str = "loss") -> tuple[list[float], list[Any]]:
    stored = Repo(repo, index=False).get_run(run.hash)
    assert stored is not None
    metric = stored.get_metric(name)
    assert metric is not None
    return metric.values.sparse_list()
