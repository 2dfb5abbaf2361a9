"""Damage to a log, every kind at every place: cut, bits flipped, sectors zeroed, exchanged, doubled, missing.

    python tools/crash/damage.py                 # every 8th byte of a log with all kinds of events; minutes
    python tools/crash/damage.py --step 1        # every byte and every bit; most of an hour

A reader must never give a value that was not written, or one twice; must report what it leaves out; and one
flipped bit may cost two lines. The negative control reads the same bytes without their checksums. Exit code 1
if the reader did anything of that, or if the control did not.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from runstone import Image, Run, Text
from runstone_writer.reader import BEFORE_BYTES, START, parse

LEAST_BYTES = 64 * 1024
SECTOR = 512
FLIP_COSTS = 2  # lines

Lines = tuple[list[bytes], list[bytes]]  # events and points, without their CRCs
Read = Callable[[bytes], tuple[Lines, bool]]  # what is found, and whether anything is told to be missing


@dataclass
class Found:
    """What one kind of damage did."""

    trials: int = 0
    wrong: int = 0  # trials in which something was read that had not been written there
    untold: int = 0  # trials in which something was missing without a word
    most: int = 0  # lines that were lost at once

    def __iadd__(self, other: Found) -> Found:
        self.trials += other.trials
        self.wrong += other.wrong
        self.untold += other.untold
        self.most = max(self.most, other.most)
        return self


def written_log(folder: Path) -> bytes:
    """Have a real script's run write a log with every kind of event, and return its bytes."""
    quiet = {"system_tracking_interval": None, "capture_terminal_logs": False}
    draw = random.Random(7)
    artifact = folder / "model.bin"
    artifact.write_bytes(b"weights")
    with Run(repo=folder, experiment="damage", **quiet) as run:
        run.name, run.description = "a run", "with everything in it"
        run["hparams"] = {"lr": 0.1, "layers": [64, 32], "nan": float("nan"), "big": 2**80, "text": "é\ud800"}
        run.add_tag("one")
        run.remove_tag("one")
        note = run.add_note("first")
        run.update_note(note, "second")
        run.log_artifact(artifact, block=True)
        run.report_progress(expect_next_in=5)
        run["sample"] = Image(np.zeros((4, 4), np.uint8))
        step = 0
        while os.path.getsize(run._log.path()) < LEAST_BYTES:
            run.track(draw.random(), name="loss", context={"subset": "train"})
            run.track(draw.choice((step, float("inf"), 2**70)), name="mixed", step=step, epoch=step // 10)
            if step % 50 == 0:
                run.log_info("step", number=step)
                run.track(Text(f"line {step}"), name="said")
                run["hparams", "lr"] = draw.random()
            step += 1
        del run["hparams", "text"]
        path = run._log.path()
    return Path(path).read_bytes()


def proven(data: bytes) -> tuple[Lines, bool]:
    """Read as Runstone does."""
    events: list[bytes] = []
    points: list[bytes] = []
    position, told = START, False
    while True:
        batch = parse(data[position.offset :], position, partial(_before, data, position.offset))
        events += (orjson.dumps({key: event[key] for key in event if key != "crc"}) for event in batch.events)
        points += (orjson.dumps(point[:-1]) for point in batch.points)
        told = told or bool(batch.damage)
        if batch.position == position:
            return (events, points), told or position.offset < len(data)
        position = batch.position


def _before(data: bytes, offset: int) -> bytes:
    return data[max(offset - BEFORE_BYTES, 0) : offset]


def trusting(data: bytes) -> tuple[Lines, bool]:
    """Read whatever is JSON: the negative control."""
    events: list[bytes] = []
    points: list[bytes] = []
    told = False
    for line in data.split(b"\n"):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            told = told or bool(line)
            continue
        if isinstance(value, dict):
            events.append(orjson.dumps({key: value[key] for key in value if key != "crc"}))
        elif isinstance(value, list):
            points.append(orjson.dumps(value[:-1]))
    return (events, points), told


# -- kinds of damage: each yields the damaged bytes for places start, start + step, ... ---------------------------


def cut(data: bytes, places: range) -> Iterator[bytes]:
    for place in places:
        yield data[:place]


def flipped(data: bytes, places: range) -> Iterator[bytes]:
    for place in places:
        for bit in range(8):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def _sectors(
    data: bytes, change: Callable[[list[bytes], int], list[bytes]], places: range
) -> Iterator[bytes]:
    sectors = [data[at : at + SECTOR] for at in range(0, len(data), SECTOR)]
    for number in sorted({place // SECTOR for place in places}):
        yield b"".join(change(list(sectors), number))


def _zeroed(sectors: list[bytes], number: int) -> list[bytes]:
    return [*sectors[:number], bytes(len(sectors[number])), *sectors[number + 1 :]]


def _missing(sectors: list[bytes], number: int) -> list[bytes]:
    return sectors[:number] + sectors[number + 1 :]


def _doubled(sectors: list[bytes], number: int) -> list[bytes]:
    return sectors[: number + 1] + sectors[number:]


def _exchanged(sectors: list[bytes], number: int) -> list[bytes]:
    other = (number * 7 + 3) % len(sectors)
    sectors[number], sectors[other] = sectors[other], sectors[number]
    return sectors


KINDS: dict[str, Callable[[bytes, range], Iterator[bytes]]] = {
    "cut at every byte": cut,
    "every bit flipped": flipped,
    "sector zeroed": lambda data, places: _sectors(data, _zeroed, places),
    "sector missing": lambda data, places: _sectors(data, _missing, places),
    "sector doubled": lambda data, places: _sectors(data, _doubled, places),
    "sectors exchanged": lambda data, places: _sectors(data, _exchanged, places),
}


def judge(data: bytes, kind: str, read: Read, places: range) -> Found:
    """Damage the log at some places and hold what is read against what was written."""
    (events, points), _ = proven(data)
    found = Found()
    for damaged in KINDS[kind](data, places):
        (some_events, some_points), told = read(damaged)
        lost = len(events) + len(points) - len(some_events) - len(some_points)
        found.trials += 1
        is_part = (
            _is_part if kind != "sectors exchanged" else _is_among
        )  # points have steps, the rest has times
        found.wrong += not (is_part(some_events, events) and is_part(some_points, points))
        found.untold += (
            lost > 0 and not told and len(damaged) == len(data)
        )  # a cut at the end of a line tells nothing
        found.most = max(found.most, lost)
    return found


def _is_part(some: list[bytes], whole: list[bytes]) -> bool:
    """Whether `some` are elements of `whole`, in its order."""
    if some == whole:
        return True
    rest = iter(whole)
    return all(item in rest for item in some)


def _is_among(some: list[bytes], whole: list[bytes]) -> bool:
    """Whether `some` are elements of `whole`, none more often than there."""
    return Counter(some) <= Counter(whole)


def campaign(data: bytes, read: Read, step: int) -> dict[str, Found]:
    """Do every kind of damage at every `step`-th place, on all cores."""
    results: dict[str, Found] = {}
    with ProcessPoolExecutor() as pool:
        for kind in KINDS:
            results[kind] = Found()
            width = max(len(data) // 64, 1)
            blocks = [range(at, min(at + width, len(data)), step) for at in range(0, len(data), width)]
            for part in pool.map(partial(_judged, data, kind, read), blocks):
                results[kind] += part
    return results


def _judged(data: bytes, kind: str, read: Read, places: range) -> Found:
    return judge(data, kind, read, places)


def main() -> int:
    """Run the campaign and its control, print both, and say by the exit code whether they came out right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--step", type=int, default=8, help="try every N-th place (default: %(default)s)")
    step = parser.parse_args().step
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        data = written_log(Path(folder))
    began = time.perf_counter()
    real, control = campaign(data, proven, step), campaign(data, trusting, max(step, 16))
    table = Table(
        title=f"a log of {len(data):,} bytes, {time.perf_counter() - began:.0f} s", title_justify="left"
    )
    for name in ("damage", "trials", "wrong", "untold", "most lines lost", "control: wrong"):
        table.add_column(name, justify="left" if name == "damage" else "right")
    for kind, found in real.items():
        counts = (found.trials, found.wrong, found.untold, found.most, control[kind].wrong)
        table.add_row(kind, *(f"{count:,}" for count in counts))
    console.print(table)
    bad = any(found.wrong or found.untold for found in real.values())
    bad |= real["every bit flipped"].most > FLIP_COSTS
    caught = control["every bit flipped"].wrong > 0 and control["sector doubled"].wrong > 0
    console.print(
        "[red]something is wrong[/red]" if bad else "Nothing is read wrong, nothing is left out silently."
    )
    console.print("The control was caught." if caught else "[red]the control went unnoticed[/red]")
    return int(bad or not caught)


if __name__ == "__main__":
    sys.exit(main())
