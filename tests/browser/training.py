"""Runs as a page has to show them: of all kinds, with names that nobody should have."""

import io
import math
import os
import random
import wave
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from runstone import Audio, Distribution, Figure, Image, Run, Text

PAYLOADS = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    '"><svg onload=window.hit=1>',
    "javascript:window.hit=1",
    "{{constructor.constructor('window.hit=1')()}}",
    '<iframe srcdoc="<script>parent.hit=1</script>"></iframe>',
    "<a href=javascript:window.hit=1>x</a>",
    "<style>@import '//evil.example/x.css'</style>",
    "<img src=//evil.example/x.png>",
    "<math><mtext></math><img src=x onerror=window.hit=1>",
    "</title><script>window.hit=1</script>",
    "${window.hit=1}",
    "\u202egnp.exe\u202c",
    "\x1b]0;hit\x07\x1b[31mred",
    "a" * 3000,
    "' or 1=1 --",
    "\U0001f600 \u00e9\u00e4\u4e2d\u6587 \u0000 \u2028",
]


def curve(step: int, rate: float, subset: str) -> float:
    """A loss that goes down, as losses do."""
    return 2.0 * math.exp(-rate * step) + (0.3 if subset == "val" else 0.05) + 0.02 * math.sin(step / 3)


def sweep(repo: Path, runs: int, steps: int = 60) -> list[str]:
    """Write runs with parameters and metrics; returns their hashes, oldest first."""
    hashes = []
    for number in range(runs):
        run = Run(repo=repo, experiment=("vision", "language")[number % 2], system_tracking_interval=None)
        run.name = f"sweep {number}"
        rate = (0.3, 0.1, 0.03, 0.01)[number % 4]
        run["hparams"] = {
            "lr": rate,
            "batch_size": 32 << number % 3,
            "optimizer": ("adam", "sgd")[number % 2],
        }
        run["seed"] = number
        run.add_tag("keep" if number % 3 else "baseline")
        for step in range(steps):
            for subset in ("train", "val"):
                value = curve(step, rate, subset)
                run.track(value, name="loss", step=step, epoch=step // 10, context={"subset": subset})
                run.track(
                    1 - value / 3, name="accuracy", step=step, epoch=step // 10, context={"subset": subset}
                )
        hashes.append(run.hash)
        run.close()
    return hashes


def picture(number: int, size: int = 48) -> Image:
    """A disc that grows."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    disc = (np.hypot(x, y) < 0.1 + 0.05 * number) * 255.0
    return Image(Pillow.fromarray(np.stack([disc, 255 * (x + 0.5), 255 * (y + 0.5)], -1).astype(np.uint8)))


def tone(number: int) -> Audio:
    """A tenth of a second of a sine."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        wave_form = np.sin(np.arange(800) * 2 * np.pi * 220 * (1 + number) / 8000)
        file.writeframes((wave_form * 20000).astype("<i2").tobytes())
    data.seek(0)
    return Audio(data, rate=8000, format="wav", caption=f"tone {number}")


def everything(repo: Path, folder: Path) -> str:
    """Write one run that has something of each kind; returns its hash."""
    run = Run(repo=repo, experiment="media", capture_terminal_logs=False, log_system_params=True)
    run.name, run.description = "everything", "One of each kind."
    run["hparams"] = {
        "lr": 0.1,
        "layers": [64, 64],
        "opt": {"name": "adam", "betas": (0.9, 0.999)},
        "none": None,
    }
    run["hparams", "lr"] = 0.01
    run.add_tag("media")
    rng = random.Random(1)
    for step in range(12):
        run.track(curve(step, 0.2, "train"), name="loss", step=step)
        run.track([picture(step), picture(11 - step)], name="samples", step=step, context={"subset": "val"})
        run.track(tone(step), name="speech", step=step)
        run.track(
            Text(f"step {step}: the quick brown fox jumps over {step} lazy dogs"), name="story", step=step
        )
        run.track(Distribution([rng.gauss(step / 4, 1) for _ in range(500)]), name="weights", step=step)
    run.track(Figure(figure()), name="scatter", step=0)
    (folder / "model.txt").write_text("weights")
    run.log_artifact(str(folder / "model.txt"), name="model.txt")
    run.log_info("begun", seed=1)
    run.log_warning("the loss is high")
    run.add_note("a first try")
    run.close()
    return run.hash


def figure() -> object:
    """A Plotly figure."""
    import plotly.graph_objects as go

    return go.Figure(
        go.Scatter(x=[1, 2, 3, 4], y=[4, 1, 3, 2], mode="lines+markers"), {"title": {"text": "A figure"}}
    )


def hostile(repo: Path) -> str:
    """Write a run for each payload, which is its name, and one that has all of them wherever text may stand.

    Returns the hash of the last.
    """
    for number, payload in enumerate(PAYLOADS):
        run = Run(repo=repo, system_tracking_interval=None)
        run.name = run.description = run.experiment = payload
        run["hparams"] = {"plain": number, "text": payload}
        run.add_tag(payload)
        run.track(float(number), name="loss", step=0, context={payload: payload})
        run.close()
    run = Run(repo=repo, system_tracking_interval=None)
    run.name = run.description = "".join(PAYLOADS)
    for payload in PAYLOADS:
        run["hparams", payload] = {payload: [payload, {payload: 1}]}
        run.add_tag(payload)
        run.add_note(payload)
        run.log_error(payload, why=payload)
        for step in range(2):
            run.track(float(step), name=payload, step=step, context={payload: payload})
            run.track(Text(payload), name=f"text {payload}", step=step, context={"c": payload})
            image = picture(step)
            image.caption = payload
            run.track(image, name=f"image {payload}", step=step)
    run.close()
    return run.hash


def write_forever() -> None:
    """What a training process does, from a line on its input on: a point every 20 ms, until it is told to end."""
    import sys
    import time

    sys.stdin.readline()
    run = Run(repo=sys.argv[1], experiment="live", system_tracking_interval=None)
    run.name = "live"
    print(run.hash, flush=True)
    step = 0
    while not os.path.exists(sys.argv[2]):
        run.track(curve(step, 0.01, "train"), name="loss", step=step)
        step += 1
        time.sleep(0.02)  # the pace of a training loop
    run.close()


if __name__ == "__main__":
    write_forever()
