"""The plot of the README, from what `main.py --json FILE` wrote.

    python tools/bench/picture.py FILE docs/images/speed.svg

One bar a row: how many times the peer's median is ours. Rows without a peer are left out.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

TITLES = {
    "P1": "track() of one number",
    "P2": "open a run, first event",
    "P3": "import",
    "W": "write the whole workload",
    "P4": "index from nothing",
    "P6": "find one run",
    "P7": "range and equality, 2 % match",
    "P8": "half of all runs match",
    "P9": "points of 7.7 % of the runs",
    "P10": "every point of two metrics",
    "P12": "disk",
}
INK, BAR = "#24292f", "#3b6ea5"


def main() -> int:
    """Draw what is in the file."""
    source, target = map(Path, sys.argv[1:])
    content = json.loads(source.read_text())
    bars = [(label(row), ratio(row)) for row in content["rows"] if row["row"] in TITLES and ratio(row)]
    mpl.rcParams.update(
        {"svg.hashsalt": "runstone", "font.size": 9, "text.color": INK, "axes.labelcolor": INK}
    )
    figure, axes = plt.subplots(figsize=(7.5, 0.27 * len(bars) + 0.9), layout="constrained")
    names, ratios = [name for name, _ in bars], [value for _, value in bars]
    drawn = axes.barh(names, ratios, color=BAR, height=0.62)
    axes.bar_label(drawn, [f"{value:,.0f} x" for value in ratios], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(1, max(ratios) * 3)
    axes.invert_yaxis()
    axes.set_xlabel("Aim's median / Runstone's, in one run on one machine (logarithmic)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
    return 0


def label(row: dict[str, Any]) -> str:
    """What a bar is called."""
    workload = {"S": ", 1,000 runs", "M": ", 10,000 runs"}.get(row["workload"], "")
    return TITLES[row["row"]] + workload


def ratio(row: dict[str, Any]) -> float:
    """How many times ours Aim's median is; 0 if it was not measured."""
    medians = row["median"]
    return medians["aim"] / medians["runstone"] if medians.get("aim") and medians.get("runstone") else 0.0


if __name__ == "__main__":
    sys.exit(main())
