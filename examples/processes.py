"""Several processes, one run: do three parts of the data agree on how many trees a forest needs?

Starts three processes that know nothing of each other. Each validates on another third of the digits, and all log
into one run, because RUNSTONE_RUN_HASH names it. The same variable works for torchrun, Slurm and mpirun.

    pip install runstone scikit-learn
    python examples/processes.py [FOLDER]     # the run goes to FOLDER/.runstone; ./example-repo if not given
"""

import os
import subprocess
import sys
import uuid

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from runstone import Repo, Run

FOLDS = 3
TREES = 5, 10, 20, 40, 80


def main(folder: str) -> None:
    """Start the processes, wait for them, and ask."""
    shared = f"folds-{uuid.uuid4().hex[:8]}"  # a hash of our own choice; a job's number would do
    environment = {**os.environ, "RUNSTONE_RUN_HASH": shared}
    workers = [
        subprocess.Popen([sys.executable, __file__, folder, str(fold)], env=environment)
        for fold in range(FOLDS)
    ]
    codes = [worker.wait() for worker in workers]
    if any(codes):
        sys.exit(f"a process failed: {codes}")
    ask(folder, shared)


def work(folder: str, fold: int) -> None:
    """What each process does. Run() takes the hash from the environment: nothing here says how many there are."""
    digits = load_digits()
    parts = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(digits.data, digits.target))
    train, val = parts[fold]
    forest = RandomForestClassifier(warm_start=True, random_state=fold)
    with Run(repo=folder, experiment="processes", system_tracking_interval=None) as run:
        if fold == 0:  # what one process says for all
            run.name = "a forest, three folds"
            run["hparams"] = {"folds": FOLDS, "trees": TREES}
        for trees in TREES:
            forest.set_params(n_estimators=trees).fit(digits.data[train], digits.target[train])
            right = forest.score(digits.data[val], digits.target[val])
            run.track(right, name="accuracy", step=trees, context={"fold": fold})


def ask(folder: str, shared: str) -> None:
    """One run, one sequence for each process: together they are a table."""
    found = Repo(folder).query_metrics(f'run.hash == "{shared}" and metric.name == "accuracy"')
    metrics = sorted(found, key=lambda metric: metric.context["fold"])
    writers = {writer for metric in metrics for writer in metric.writers}
    print(f"{len(writers)} processes wrote the run {shared}")
    table = np.array([metric.values.values_numpy() for metric in metrics])
    print("trees  mean   spread")
    for trees, mean, spread in zip(TREES, table.mean(axis=0), np.ptp(table, axis=0), strict=True):
        print(f"{trees:5}  {mean:.1%}  {spread:.1%}")


if __name__ == "__main__":
    place = sys.argv[1] if len(sys.argv) > 1 else "example-repo"
    if len(sys.argv) > 2:
        work(place, int(sys.argv[2]))
    else:
        main(place)
