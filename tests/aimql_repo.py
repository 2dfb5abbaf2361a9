"""The repository that the AimQL cases speak of: six small runs with everything that a query can meet.

ada   finished, experiment vision, tags best and gpu; nested parameters; loss{train,val}, acc{}
bob   finished, experiment text; parameters with the names of properties and methods; loss{train}, acc{},
      nanm{} = [nan, 1, inf], and a sequence of every other kind
cat   finished and archived, experiment vision, tag old; loss{train}
dee   its process was killed; loss{}
eve   finished, no parameters; loss{subset: test, fold: 1} = 100 at step 10
fay   finished, no sequences; the same names as in ada with values of other types
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from runstone import Audio, Distribution, Figure, Image, Repo, Run, Text

QUIET: dict[str, Any] = {"system_tracking_interval": None, "capture_terminal_logs": False}


def build(path: str | Path, *, names: str = "ada bob cat dee eve fay") -> dict[str, str]:
    """Write the named runs, in this order; return the name of each by its hash."""
    Repo.from_path(path, init=True)
    found = {}
    for name in names.split():
        if name == "dee":
            found[_killed(str(path))] = name
            continue
        run = Run(repo=str(path), **QUIET)
        run.name = name
        _WRITERS[name](run)
        run.close()
        found[run.hash] = name
    return found


def _ada(run: Run) -> None:
    run.experiment, run.description = "vision", "first, with notes"
    run.add_tag("best")
    run.add_tag("gpu")
    nested = {
        "lr": 0.001,
        "depth": 4,
        "nested": {"a": {"b": 1}},
        "note": "hello world",
        "zero": 0,
        "off": False,
    }
    blocks = [{"kind": "conv", "size": 3}, {"kind": "pool", "size": 2}]
    _set(
        run,
        {"lr": 0.001, "batch_size": 32, "opt": "adam", "flag": True, "seed": 7, "layers": [64, 128, 256]},
        {
            "ratio": 0.5,
            "huge": 2**70,
            "path": "data/train/a.txt",
            "model": {"name": "resnet50", "blocks": blocks},
        },
        {"hparams": {**nested, "empty": {}, "none": None, "elist": []}},
    )
    _track(run, "loss", [1.0, 0.8, 0.6, 0.4, 0.2], {"subset": "train"})
    _track(run, "loss", [2.0, 1.8, 1.6, 1.4, 1.2], {"subset": "val"})
    _track(run, "acc", [0.0, 0.1, 0.2, 0.3, 0.4])


def _bob(run: Run) -> None:
    run.experiment = "text"
    _set(
        run,
        {"lr": 0.1, "batch_size": 64, "opt": "sgd", "flag": False, "seed": 8, "layers": [32]},
        {
            "hparams": {
                "lr": 0.01,
                "depth": 2,
                "values": 5,
                "keys": 7,
                "get": 9,
                "name": "inner",
                "note": "Hello",
            }
        },
        {"name": "param-name", "metrics": 3, "run": 11, "experiment": "param-exp", "archived": True},
        {"tags": "param-tags", "created_at": "yesterday", "hash": "h", "duration": -1, "active": "no"},
        {"a.b": 1, "with space": 2, "_hidden": 3, "class": 4, "Größe": 5},
    )
    _track(run, "loss", [12.0, 13.0, 14.0, 15.0], {"subset": "train"})
    _track(run, "acc", [0.6, 0.7, 0.8, 0.9])
    _track(run, "nanm", [math.nan, 1.0, math.inf])
    import plotly.graph_objects as go

    for step in range(2):
        run.track(Image(np.full((2, 3), step, np.uint8)), name="imgs", step=step, context={"subset": "val"})
        run.track(Audio(np.zeros(4, np.int16), rate=8000), name="clip", step=step)
        run.track(Text(f"text {step}"), name="txt", step=step)
        run.track(Distribution([0.0, 1.0, 2.0]), name="dist", step=step)
        run.track(Figure(go.Figure(go.Scatter(y=[step]))), name="fig", step=step)


def _cat(run: Run) -> None:
    run.experiment = "vision"
    run.add_tag("old")
    _set(run, {"lr": 0.1, "batch_size": 64, "opt": "adam"})
    _track(run, "loss", [0.0, 1.0, 2.0, 3.0], {"subset": "train"})
    run.archived = True


def _dee(run: Run) -> None:
    run["lr"] = 0.0007
    _track(run, "loss", [0.5, 0.5, 0.5])


def _eve(run: Run) -> None:
    run.track(100.0, name="loss", step=10, context={"subset": "test", "fold": 1})


def _fay(run: Run) -> None:
    _set(
        run,
        {"lr": "0.1", "batch_size": 64.0, "hparams": None, "lst": [1, 2, 3], "tup": (1, 2), "text": ""},
        {"d": {"1": "one", 2: "two"}, "nan": math.nan, "inf": math.inf, "neg": -5, "mixed": [1, "a", None]},
        {"words": ["alpha", "beta"], "pairs": [["a", 1], ["b", 2]]},
    )


_WRITERS = {"ada": _ada, "bob": _bob, "cat": _cat, "dee": _dee, "eve": _eve, "fay": _fay}


def _set(run: Run, *groups: dict[str, Any]) -> None:
    for group in groups:
        for key, value in group.items():
            run[key] = value


def _track(run: Run, name: str, values: list[float], context: dict[str, Any] | None = None) -> None:
    for value in values:
        run.track(value, name=name, context=context)


def _killed(path: str) -> str:
    """Write dee in a process that ends without a word; return its hash."""
    done = subprocess.run(
        [sys.executable, __file__, path], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 9, done.stderr
    return done.stdout.split()[-1]


if __name__ == "__main__":
    dying = Run(repo=sys.argv[1], **QUIET)
    dying.name = "dee"
    _dee(dying)
    print(dying.hash, flush=True)
    os._exit(9)
