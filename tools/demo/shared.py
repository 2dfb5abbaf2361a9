"""One run that two processes write at the same time, each with half of the images and without a lock."""

import multiprocessing
from pathlib import Path
from threading import Barrier
from typing import Any

from network import Digits, Network
from sweep import TRAIN

from runstone import Run

PROCESSES = 2
STEPS = 1000  # of each process
HPARAMS: dict[str, Any] = {"learning_rate": 0.01, "batch_size": 64, "optimizer": "adam"}


def share(repo: Path, digits: Digits) -> str:
    """Create a run, have two processes write to it together, and return its hash."""
    with Run(repo=repo, experiment="digits", system_tracking_interval=None) as run:
        run.name = "two processes, one run"
        run["hparams"] = HPARAMS
        run.add_tag("shared")
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(PROCESSES)
    writers = [
        spawn.Process(target=_write, args=(repo, run.hash, digits.part(rank, PROCESSES), rank, start))
        for rank in range(PROCESSES)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        if writer.exitcode:
            raise RuntimeError(f"a process of the shared run ended with exit code {writer.exitcode}")
    return run.hash


def _write(repo: Path, run_hash: str, half: Digits, rank: int, start: Barrier) -> None:
    """Track into a sequence of this process's own, and every other step of one that both write."""
    network = Network(HPARAMS["optimizer"], HPARAMS["learning_rate"], seed=rank)
    epochs = (half.batches(HPARAMS["batch_size"], seed=epoch) for epoch in range(STEPS))
    batches = (batch for epoch in epochs for batch in epoch)
    start.wait()
    with Run(run_hash, repo=repo, system_tracking_interval=None) as run:
        for step, (images, labels) in zip(range(STEPS), batches, strict=False):
            loss = network.train(images, labels).loss
            run.track(loss, name="loss", step=step, context={"subset": "train", "process": rank})
            run.track(loss, name="loss", step=PROCESSES * step + rank, context=TRAIN)
