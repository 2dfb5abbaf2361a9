"""What is printed and written at the end."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from row import OURS, Row

TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
SIZE_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def fitting_unit(value: float, unit: str) -> tuple[float, str]:
    """The scale and the name of the unit in which the value is a handy number."""
    if unit not in ("s", "B"):
        return 1.0, ""
    units = TIME_UNITS if unit == "s" else SIZE_UNITS
    return next((pair for pair in units if abs(value) >= pair[0] * 0.9995), units[-1])


def number(value: float) -> str:
    """Three digits, and never an exponent."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"


def cells(row: Row, store: str) -> tuple[str, str]:
    """The median with its unit, and the spread in the same unit: 0.00213 s is "2.13 ms"."""
    if store in row.failed:
        return "failed", ""
    middle = row.median(store)
    if middle is None:
        return "-", ""
    scale, name = fitting_unit(middle, row.unit)
    low, high = (number(pick(row.samples[store]) / scale) for pick in (min, max))
    spread = f"{low} … {high}" if len(row.samples[store]) > 1 else ""
    return f"{number(middle / scale)} {name}".rstrip(), spread


def table(rows: list[Row], peers: list[str], *, judge: bool) -> Table:
    """The rows side by side; goals are judged only if the sizes are the goals' own."""
    title = "Runstone, min … max of all rounds, and its peers: medians, and how many times ours they are"
    made = Table(title=title, title_justify="left")
    for name in ("#", "measure", "on"):
        made.add_column(name, overflow="fold")
    for name in ("Runstone", "min … max", *peers):
        made.add_column(name, justify="right", no_wrap=True, style="dim" if "…" in name else "")
    made.add_column("goal", no_wrap=True)
    made.add_column("answers", no_wrap=True)
    for row in rows:
        made.add_row(
            *(row.key, row.title, row.workload),
            *cells(row, OURS),
            *(beside(row, peer) for peer in peers),
            _goal(row, judge=judge),
            row.answers if row.answers in ("", "equal") else "[red]DIFFERENT[/red]",
        )
    return made


def beside(row: Row, store: str) -> str:
    """A peer's median (or the floor's), and how many times ours it is."""
    text, _ = cells(row, store)
    ratio = row.ratio(store)
    if row.unit not in ("s", "B"):
        return text
    return text if ratio is None or store in row.failed else f"{text}\n{number(ratio)} x"


def _goal(row: Row, *, judge: bool) -> str:
    if row.goal is None:
        return ""
    others = [store for store in row.samples if store != OURS]
    peer = "aim" if "aim" in others else others[0] if others else ""
    reached = row.reached(peer) if judge else None
    if reached is None:
        return row.goal.text
    return f"[green]{row.goal.text} ✓[/green]" if reached else f"[yellow]{row.goal.text} ✗[/yellow]"


def show(console: Console, rows: list[Row], facts: dict[str, Any], peers: list[str], *, judge: bool) -> None:
    """Facts, table, and everything that went wrong in full."""
    beside_ours = [*peers, "floor"] if any("floor" in row.samples for row in rows) else peers
    console.print()
    for name, value in facts.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        console.print(f"{name:>12}: {text}", highlight=False, markup=False)
    console.print(table(rows, beside_ours, judge=judge))
    for row in rows:
        if row.answers not in ("", "equal"):
            console.print(f"{row.key} {row.workload}: {row.answers}", style="red", markup=False)
        for store, error in row.failed.items():
            console.print(f"{row.key} {row.workload}, {store} failed: {error}", style="red", markup=False)


def write_json(file: Path, rows: list[Row], facts: dict[str, Any]) -> None:
    """Everything that was measured, each sample included."""
    content = {"facts": facts, "rows": [row.as_json() for row in rows]}
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
