"""A training process that is killed with SIGKILL while it works.

As a script (`crash.py REPO`) it trains for ever and prints every event that Runstone has acknowledged;
`crash()` starts it, kills it in mid-run, and returns what it had printed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from network import Digits, Network

from runstone import Run

HPARAMS: dict[str, Any] = {"learning_rate": 0.005, "batch_size": 64, "optimizer": "adam"}
KILL_AFTER = 3000  # acknowledged points


class Acknowledged(NamedTuple):
    """What the killed process knew to be written: its run, and (name, subset, step, value) of each point."""

    run: str
    points: list[tuple[str, str, int, float]]


def crash(repo: Path) -> Acknowledged:
    """Start the process, kill it, and return what had been acknowledged to it."""
    command = [sys.executable, __file__, str(repo)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(KILL_AFTER + 1)]
        process.kill()
        lines += process.stdout.readlines()  # what it had still printed
    if not lines[KILL_AFTER]:
        raise RuntimeError("the process that was to be killed ended by itself; its message stands above")
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return Acknowledged(whole[0], [tuple(point) for point in whole[1:]])


def train_for_ever(repo: Path) -> None:
    """Train, and print what `track` has returned from."""
    digits = Digits.load()
    network = Network(HPARAMS["optimizer"], HPARAMS["learning_rate"])
    # Its output is its report to the demo, and would only fill the run.
    run = Run(repo=repo, experiment="digits", capture_terminal_logs=False)
    run.name = "killed in mid-run"
    run["hparams"] = HPARAMS
    run.add_tag("crash")
    print(json.dumps(run.hash), flush=True)
    step = epoch = 0
    while True:
        for images, labels in digits.batches(HPARAMS["batch_size"], seed=epoch):
            train = network.train(images, labels)
            val = network.validate(digits.val_images, digits.val_labels)
            for subset, scores in (("train", train), ("val", val)):
                for name, value in scores._asdict().items():
                    run.track(value, name=name, step=step, context={"subset": subset})
                    print(json.dumps([name, subset, step, value]), flush=True)
            step += 1
        epoch += 1


if __name__ == "__main__":
    train_for_ever(Path(sys.argv[1]))
