"""Resuming after a crash: what does a run keep if its process is killed in the middle of it?

Starts a process that trains and is then killed with SIGKILL, goes on with the same run from the last checkpoint,
and checks that every point that was acknowledged to the killed process is there. The exit code is 1 if not.

    pip install runstone scikit-learn
    python examples/resume.py [FOLDER]     # the run goes to FOLDER/.runstone; ./example-repo if not given
"""

import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from runstone import Repo, Run

EPOCHS = 60
KILL_AFTER = 25  # epochs
CHECKPOINT_EVERY = 10


def main(folder: str) -> None:
    """Train, be killed, go on, check."""
    command = [sys.executable, __file__, folder, "train"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(KILL_AFTER + 1)]
        process.kill()
        lines += process.stdout  # what it had still printed
    run_hash, *points = [json.loads(line) for line in lines if line.endswith("\n")]
    print(f"killed by signal {-process.returncode}, when {len(points)} points had been acknowledged")
    train(folder, run_hash)
    ask(folder, run_hash, points)


def train(folder: str, run_hash: str | None = None, report=lambda _: None) -> None:
    """Train to the end: from the beginning, or from the last checkpoint of a run that is there."""
    images, labels = load_digits(return_X_y=True)
    # The child's output is its report to the parent, and would only fill the run.
    with Run(run_hash, repo=folder, experiment="resume", capture_terminal_logs=False) as run:
        report(run.hash)
        begin, model = load(run)
        metric = run.get_metric("loss")
        logged = -1 if metric is None else metric.last_step()
        for epoch in range(begin, EPOCHS):
            model.partial_fit(images / 16, labels, classes=range(10))
            if epoch > logged:  # what lies between the checkpoint and the kill is there already
                loss = log_loss(labels, model.predict_proba(images / 16))
                run.track(loss, name="loss", step=epoch)
                report([epoch, loss])  # the call has returned: the point survives SIGKILL
            if (epoch + 1) % CHECKPOINT_EVERY == 0:
                save(run, epoch + 1, model)


def save(run: Run, epoch: int, model: SGDClassifier) -> None:
    """Keep a checkpoint as an artifact of the run: whole, or the one before."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.pickle")
        path.write_bytes(pickle.dumps((epoch, model)))
        run.log_artifact(path, block=True)


def load(run: Run) -> tuple[int, SGDClassifier]:
    """The next epoch, and the model before it."""
    if "checkpoint.pickle" not in run.artifacts:
        return 0, SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.0001, random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        path = run.artifacts["checkpoint.pickle"].download(folder)
        epoch, model = pickle.loads(Path(path).read_bytes())
    print(f"going on from the checkpoint before epoch {epoch}")
    return epoch, model


def ask(folder: str, run_hash: str, acknowledged: list[tuple[int, float]]) -> None:
    """The evidence: every point that was acknowledged, each epoch once, and the number of processes."""
    (metric,) = Repo(folder).query_metrics(f'run.hash == "{run_hash}" and metric.name == "loss"')
    epochs, values = metric.values.sparse_list()
    stored = dict(zip(epochs, values, strict=True))
    lost = [epoch for epoch, value in acknowledged if stored.get(epoch) != value]
    if lost or epochs != list(range(EPOCHS)):
        sys.exit(f"lost: {lost}; epochs: {epochs}")
    print(f"nothing is lost: epochs {epochs[0]:g} to {epochs[-1]:g}, by {len(set(metric.writers))} processes")
    at_kill = acknowledged[-1][1]
    print(f"loss: {values[0]:.2f} at first, {at_kill:.2f} at the kill, {values[-1]:.2f} at last")


if __name__ == "__main__":
    place = sys.argv[1] if len(sys.argv) > 1 else "example-repo"
    if sys.argv[2:] == ["train"]:
        train(place, report=lambda news: print(json.dumps(news), flush=True))
    else:
        main(place)
