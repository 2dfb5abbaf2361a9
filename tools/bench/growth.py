"""The plot of how the cost of a query grows with the number of runs."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

RUNS = {"S": 1_000, "M": 10_000, "L": 100_000, "XL": 1_000_000}
LINES = {"P6": "one run of all", "P7": "range and equality, 2 % match", "P8": "half of all runs match"}
COLOURS = {"P6": "#3b6ea5", "P7": "#b5651d", "P8": "#5a8a3a"}
INK = "#24292f"


def draw_growth(rows: list[dict[str, Any]], target: Path) -> None:
    """Draw our medians against the number of runs, and Aim's dotted."""
    mpl.rcParams.update(
        {"svg.hashsalt": "runstone", "font.size": 9, "text.color": INK, "axes.labelcolor": INK}
    )
    figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    for key, title in LINES.items():
        for store, style in (("runstone", "-o"), ("aim", ":o")):
            points = sorted(
                (RUNS[row["workload"]], row["median"][store] * 1e3)
                for row in rows
                if row["row"] == key and row["workload"] in RUNS and row["median"].get(store)
            )
            if points:
                label = title if store == "runstone" else f"{title} (Aim)"
                axes.plot(*zip(*points, strict=True), style, color=COLOURS[key], label=label, markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("runs in the repository")
    axes.set_ylabel("milliseconds, warm, hashes out")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, which="major", alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})
