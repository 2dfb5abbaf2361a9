"""The sweep: one run for each setting of learning rate, batch size and optimiser, four at a time."""

import itertools
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from network import Digits, Network

from runstone import Run

LEARNING_RATES = (0.0001, 0.001, 0.01, 0.1)
BATCH_SIZES = (32, 64, 128)
OPTIMIZERS = ("sgd", "momentum", "adam")
SETTINGS = tuple(itertools.product(LEARNING_RATES, BATCH_SIZES, OPTIMIZERS))
PROCESSES = 4
EPOCHS = 70

TRAIN = {"subset": "train"}
VAL = {"subset": "val"}


class Trained(NamedTuple):
    """What a training process knows of a run that it has written: what must be found again."""

    run: str
    hparams: dict[str, Any]
    points: int
    accuracy: float


def sweep(repo: Path, digits: Digits) -> Iterator[Trained]:
    """Train a network for each setting; yield each as soon as it is done."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, spawn, initializer=_prepare, initargs=(repo, digits)) as pool:
        jobs = [pool.submit(_train, *setting) for setting in SETTINGS]
        for job in as_completed(jobs):
            yield job.result()


def _prepare(repo: Path, digits: Digits) -> None:
    """In a training process: take the data; what it prints goes into its runs and not onto the screen."""
    global _repo, _digits
    _repo, _digits = repo, digits
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process lives


def _train(learning_rate: float, batch_size: int, optimizer: str) -> Trained:
    hparams = {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "epochs": EPOCHS,
    }
    network = Network(optimizer, learning_rate)
    with Run(repo=_repo, experiment="digits") as run:
        run.name = f"{optimizer}-{learning_rate}-{batch_size}"
        run["hparams"] = hparams
        run.add_tag("sweep")
        step = 0
        for epoch in range(EPOCHS):
            for images, labels in _digits.batches(batch_size, seed=epoch):
                train = network.train(images, labels)
                val = network.validate(_digits.val_images, _digits.val_labels)
                run.track(train.loss, name="loss", step=step, context=TRAIN)
                run.track(train.accuracy, name="accuracy", step=step, context=TRAIN)
                run.track(val.loss, name="loss", step=step, context=VAL)
                run.track(val.accuracy, name="accuracy", step=step, context=VAL)
                step += 1
            print(f"epoch {epoch}: loss {val.loss:.4f}, accuracy {val.accuracy:.1%}")
        if val.accuracy > 0.97:
            run.add_tag("best")
        return Trained(run.hash, hparams, 4 * step, val.accuracy)
