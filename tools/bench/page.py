"""The tables and plots of docs/performance.md, from what the benchmarks wrote.

    python tools/bench/page.py docs/performance.md bench.json large.json million.json --load load.json
    python tools/bench/page.py docs/performance.md --browsing browsing.json    # that section alone

Everything between a `<!-- NAME -->` and its `<!-- end -->` is written anew; the sentences stay.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from growth import draw_growth
from report import fitting_unit, number

OURS = "runstone"
WRITERS = ("mlflow", "wandb", "tensorboardX", "trackio")


def quantity(value: float | None, unit: str) -> str:
    """A value in the unit that suits it."""
    if value is None:
        return ""
    scale, name = fitting_unit(value, unit)
    return f"{number(value / scale)} {name}".rstrip()


def beside(row: dict[str, Any], store: str) -> str:
    """Another store's median, and how many times ours it is."""
    value, ours = row["median"].get(store), row["median"].get(OURS)
    if (row["row"], store) == ("P1 kept", "aim"):  # its reader finds none, and why was not settled
        return ""
    if value is None:
        return "failed" if store in row["failed"] else ""
    times = f" ({number(value / ours)} x)" if ours and row["unit"] in ("s", "B") else ""
    return quantity(value, row["unit"]) + times


def table(rows: list[dict[str, Any]], stores: list[str]) -> list[str]:
    """A table in Markdown, one line a row."""
    heads = ["", "measure", "on", "Runstone", *stores, "goal"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        if not row["median"] and not row["failed"]:
            continue
        goal = row["goal"] or ""
        ours = quantity(row["median"].get(OURS), row["unit"])
        cells = [
            row["row"],
            row["title"],
            row["workload"],
            ours,
            *(beside(row, store) for store in stores),
            goal,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def load_table(measured: dict[str, Any]) -> list[str]:
    """The latencies under load."""
    names = ["p50", "p99", "p99.9", "most"]
    lines = ["| | times | " + " | ".join(names) + " |", "|---|" + "---|" * (len(names) + 1)]
    for name, figures in measured["figures"].items():
        cells = [quantity(value, "s") for value in figures["quantiles"]]
        lines.append(f"| {name} | {figures['times']:,} | " + " | ".join(cells) + " |")
    return [*lines, "", *facts(measured["facts"], ("wanted", "reached", "indexer"))]


def browsing_table(measured: list[dict[str, Any]]) -> list[str]:
    """What was measured in a browser: medians of the rounds, and how far these lie apart."""
    lines = ["| on | measure | median | min … max | goal |", "|" + "---|" * 5]
    for row in (row for content in measured for row in content["rows"]):
        samples, unit = row["samples"][OURS], row["unit"]
        spread = f"{quantity(min(samples), unit)} … {quantity(max(samples), unit)}"
        cells = [
            row["workload"],
            row["title"],
            quantity(row["median"][OURS], unit),
            spread,
            row["goal"] or "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    names = ("browser", "cpu", "cores", "commit", "load", "load after")
    return [*lines, "", *(line for content in measured for line in facts(content["facts"], names))]


def facts(found: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Some of the facts in one line."""
    return [", ".join(f"{name}: {found[name]}" for name in names if name in found) + "."]


def fill(page: str, name: str, lines: list[str]) -> str:
    """The page with other lines between the marks of that name."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marks.search(page):
        raise SystemExit(f"the page has no place for {name}")
    return marks.sub(lambda found: found[1] + "\n" + "\n".join(lines) + "\n\n" + found[2], page)


def main() -> int:
    """Write the page, and the plot beside it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("measured", type=Path, nargs="*", help="what main.py wrote")
    parser.add_argument("--load", type=Path, help="what load.py wrote")
    parser.add_argument("--browsing", type=Path, nargs="+", help="what browsing.py wrote, perhaps in parts")
    given = parser.parse_args()
    page = given.page.read_text()
    if given.measured:
        measured = [json.loads(file.read_text()) for file in given.measured]
        rows = [row for content in measured for row in content["rows"]]
        writing = [row for row in rows if row["row"].startswith(("P1", "P2", "P3")) and not row["workload"]]
        page = fill(page, "writing", table(writing, ["aim", *WRITERS, "floor"]))
        rest = [row for row in rows if row["workload"]]
        page = fill(page, "reading", table(rest, ["aim", "floor"]))
        names = ("cpu", "cores", "system", "file system", "commit", "load", "load after")
        page = fill(page, "machine", facts(measured[0]["facts"], names))
        draw_growth(rows, given.page.parent / "images" / "growth.svg")
    if given.load:
        page = fill(page, "load", load_table(json.loads(given.load.read_text())))
    if given.browsing:
        page = fill(
            page, "browsing", browsing_table([json.loads(file.read_text()) for file in given.browsing])
        )
    given.page.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
