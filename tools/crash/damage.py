"""Damage to a log, every kind at every place: cut, bits flipped, sectors and pages zeroed, exchanged, doubled, missing.

    python tools/crash/damage.py                 # every byte and every bit of a log with all kinds of events
    python tools/crash/damage.py --trials 2000   # as many places, drawn at random

A reader must never give a value that was not written, or one twice; must report what it leaves out; one flipped bit
may cost two lines; and what stands behind the damage is read. The negative control reads the same bytes without
their checksums.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parent))

from campaign import Campaign, Options, Row, main

from runstone import Image, Run, Text
from runstone_writer.layout import log_name
from runstone_writer.lines import body_of, chain_after, key_of
from runstone_writer.reader import BEFORE_BYTES, START, Batch, Position, parse, read_log

LEAST_BYTES = 64 * 1024
SECTOR, PAGE = 512, 4096
FLIP_COSTS = 2  # lines
WINDOW = 6  # lines that are read from shortly before the damage, at first
WHOLE_EVERY = 1009  # of so many trials one is read from the start, from a real file, in small chunks
CONTROLS = 4000

Damage = Callable[[bytes, int], bytes]


def written_log(folder: Path, seed: int = 7) -> bytes:
    """Have a real script's run write a log with every kind of event, and return its bytes."""
    quiet = {"system_tracking_interval": None, "capture_terminal_logs": False}
    draw = random.Random(seed)
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


class Original:
    """A log as it was written: its lines, where each begins, and the chain up to there."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lines = data.splitlines(keepends=True)
        header = orjson.loads(self.lines[0])
        self.run, self.name = header["run"], log_name(header["writer"], header["part"])
        self.key = key_of(self.run, self.name)
        self.rows = [_text(orjson.loads(line)) for line in self.lines]
        self.starts: list[int] = []
        self.crcs: list[int] = []
        offset = crc = 0
        for line in self.lines:
            self.starts.append(offset)
            self.crcs.append(crc)
            offset, crc = offset + len(line), chain_after(line, self.key) or 0

    def line_at(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1

    def position(self, line: int) -> Position:
        return Position(self.starts[line], self.crcs[line])


def _text(row: object) -> str:
    """What tells any two values apart: 1 and 1.0 and true, and the order of keys. The CRC belongs to it."""
    return repr(row)


def _texts(batch: Batch) -> tuple[list[str], list[str]]:
    return [_text(event) for event in batch.events], [_text(point) for point in batch.points]


class Read:
    """What a reader gave of a damaged log."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.points: list[str] = []
        self.told = False
        self.left = 0  # bytes that it waits for

    def add(self, batch: Batch) -> None:
        events, points = _texts(batch)
        self.events += events
        self.points += points
        self.told = self.told or bool(batch.damage) or batch.replaced


def read_whole(original: Original, data: bytes, chunk: int) -> Read:
    """Read a real file with these bytes in the original's place from its start, as the product does."""
    found, position = Read(), START
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, original.run, original.name)
        path.parent.mkdir()
        path.write_bytes(data)
        while True:
            batch = read_log(str(path), position, chunk=chunk)
            found.add(batch)
            position = batch.position
            if not batch.more:
                found.left = batch.tail
                return found


def read_all(original: Original, data: bytes) -> Read:
    """Read these bytes in the original's place from the start, without a file."""
    found, position = Read(), START
    while True:
        before = partial(_before, data, position.offset)
        batch = parse(data[position.offset :], position, before, original.key)
        found.add(batch)
        if batch.position == position:
            found.left = len(data) - position.offset
            return found
        position = batch.position


def trusting(_original: Original, data: bytes) -> Read:
    """Read whatever is JSON: the negative control."""
    found = Read()
    for line in data.split(b"\n"):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            found.told = found.told or bool(line)
            continue
        (found.events if isinstance(value, dict) else found.points).append(_text(value))
    return found


def _before(data: bytes, offset: int) -> bytes:
    return data[max(offset - BEFORE_BYTES, 0) : offset]


# -- bits and cuts: read from a proven position shortly before -----------------------------------------------------


def flip(original: Original, place: int, bit: int) -> str:
    """Flip a bit, and return what is wrong with what is read then; empty if nothing is.

    Reading begins a line before the damage, at a position that is proven, as a reader that goes on does. As soon as
    it stands at a line of the original with the chain that the original has there, the rest is the same bytes read
    from the same position: it is what it was.
    """
    data, line = original.data, original.line_at(place)
    first = max(line - 1, 0)
    width = WINDOW
    while True:
        last = min(first + width, len(original.lines))
        at_end = last == len(original.lines)
        start = original.starts[first]
        end = len(data) if at_end else original.starts[last]
        window = bytearray(data[start:end])
        window[place - start] ^= 1 << bit
        batch = parse(bytes(window), original.position(first), partial(_before, data, start), original.key)
        if at_end or batch.position == original.position(last):
            break
        width *= 4
    expected = original.rows[first:last]
    events, points = _texts(batch)
    lost = len(expected) - len(events) - len(points)
    told = bool(batch.damage) or batch.position.offset < end
    return _wrong(expected, events, points, lost, told, FLIP_COSTS)


def cut(original: Original, place: int) -> str:
    """Cut the log, and return what is wrong with what is read then."""
    line = original.line_at(place) if place < len(original.data) else len(original.lines)
    first = max(line - 2, 0)
    start = original.starts[first]
    data = original.data[start:place]
    whole = data[: data.rfind(b"\n") + 1]  # what _whole_lines() hands to the parser
    batch = parse(whole, original.position(first), key=original.key)
    events, points = _texts(batch)
    expected = original.rows[first:line]
    if Counter(events + points) != Counter(expected) or batch.damage:
        return f"{len(events) + len(points)} lines read of {len(expected)} before the cut"
    if line < len(original.lines) and batch.position != original.position(line):
        return f"reading would go on at {batch.position} and not at {original.position(line)}"
    return ""


def _wrong(
    expected: list[str], events: list[str], points: list[str], lost: int, told: bool, most: int
) -> str:
    if not (_is_part(events, expected) and _is_part(points, expected)):
        return "a line is read that was not written"
    if lost and not told:
        return f"{lost} lines are missing without a word"
    return f"{lost} lines are lost" if lost > most else ""


def _is_part(some: list[str], whole: list[str]) -> bool:
    """Whether `some` are elements of `whole`, in its order."""
    rest = iter(whole)
    return all(item in rest for item in some)


# -- blocks: read from the start -----------------------------------------------------------------------------------


def blocks(data: bytes, other: bytes, size: int, full: bool) -> Iterator[tuple[str, bytes]]:
    """Yield what was done and the bytes after it, for blocks of a size (`full`: every pair is exchanged)."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    others = [other[at : at + size] for at in range(0, len(other), size)]
    for n, piece in enumerate(pieces):
        before, after = pieces[:n], pieces[n + 1 :]
        made = {
            "zeroed": [bytes(len(piece))],
            "missing": [],
            "doubled": [piece, piece],
            "full of ones": [b"\xff" * len(piece)],
            "from another log": [others[n % len(others)]],
        }
        for what, instead in made.items():
            yield f"block {n} of {size} {what}", b"".join([*before, *instead, *after])
        for m in range(n + 1, len(pieces)) if full else ((n * 7 + 3) % len(pieces),):
            swapped = list(pieces)
            swapped[n], swapped[m] = swapped[m], swapped[n]
            yield f"blocks {n} and {m} of {size} exchanged", b"".join(swapped)


def judge_blocks(original: Original, what: str, data: bytes, read: Callable[[Original, bytes], Read]) -> str:
    """Return what is wrong with what is read of a log after something was done to its blocks."""
    found = read(original, data)
    strange = Counter(found.events + found.points) - Counter(original.rows)
    lost = len(original.rows) - len(found.events) - len(found.points) + strange.total()
    if strange:
        return f"{what}: a line is read that was not written there, or twice"
    cut_short = data == original.data[: len(data)]  # at the end of a line: nothing can be told
    if lost and not (found.told or found.left or cut_short):
        return f"{what}: {lost} lines are missing without a word"
    size = int(what.split(" of ")[1].split()[0])
    touched = 2 if "exchanged" in what else 1
    widest = size // min(map(len, original.lines)) + 3  # lines that a block can have a part in
    return f"{what}: {lost} lines are lost" if lost > touched * widest + touched else ""


# -- campaigns -----------------------------------------------------------------------------------------------------


def _spread(judge: Callable[[Original, list[int]], list[str]], data: bytes, places: list[int]) -> list[str]:
    """Judge places on all cores."""
    width = max(len(places) // 64, 1)
    parts = [places[at : at + width] for at in range(0, len(places), width)]
    found: list[str] = []
    with ProcessPoolExecutor() as pool:
        for some in pool.map(partial(_judged, judge, data), parts):
            found += some
    return found


def _judged(judge: Callable[[Original, list[int]], list[str]], data: bytes, places: list[int]) -> list[str]:
    return judge(Original(data), places)


def _places(draw: random.Random, options: Options, full: int) -> list[int]:
    count = options.count(full)
    return list(range(full)) if count >= full else sorted(draw.sample(range(full), count))


def _judge_cuts(original: Original, places: list[int]) -> list[str]:
    found = []
    for place in places:
        wrong = cut(original, place)
        if not wrong and place % WHOLE_EVERY == 0:
            whole, line = read_whole(original, original.data[:place], 8192), original.line_at(place)
            expected = original.rows if place == len(original.data) else original.rows[:line]
            if Counter(whole.events + whole.points) != Counter(expected) or whole.told:
                wrong = "read from the start it is another log"
        if wrong:
            found.append(f"cut at {place}: {wrong}")
    return found


def _judge_flips(original: Original, places: list[int]) -> list[str]:
    found = []
    for place in places:
        byte, bit = divmod(place, 8)
        wrong = flip(original, byte, bit)
        if not wrong and place % WHOLE_EVERY == 0:
            data = _flipped(original.data, byte, bit)
            whole = read_whole(original, data, 8192)
            lost = len(original.rows) - len(whole.events) - len(whole.points)
            told = whole.told or whole.left > 0
            wrong = _wrong(original.rows, whole.events, whole.points, lost, told, FLIP_COSTS)
        if wrong:
            found.append(f"bit {bit} of byte {byte} flipped: {wrong}")
    return found


def _flipped(data: bytes, byte: int, bit: int) -> bytes:
    return data[:byte] + bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :]


def _believed(original: Original, places: Iterable[int]) -> int:
    """How many flipped bits a reader without checksums takes for what was written: the control."""
    bodies = Counter(body_of(line) for line in original.lines)
    caught = 0
    for place in places:
        byte, bit = divmod(place, 8)
        line = original.line_at(byte)
        start = original.starts[line]
        damaged = _flipped(original.lines[line], byte - start, bit)
        found = trusting(original, damaged)
        caught += bool(found.events or found.points) and bodies[body_of(damaged)] == 0
    return caught


def cuts(options: Options) -> Row:
    """R4: the log ends at every byte."""
    row = Row("R4", "a log cut at every byte", "cuts", control="a torn line counts as read")
    data = _new_log(options)
    places = _places(random.Random(options.seed), options, len(data) + 1)
    row.trials = len(places)
    row.failures = [f"seed {options.seed}: {wrong}" for wrong in _spread(_judge_cuts, data, places)]
    original, draw = Original(data), random.Random(options.seed)
    for place in draw.sample(range(len(data)), min(CONTROLS, len(data), options.count(CONTROLS))):
        row.controls += 1
        pieces = data[:place].rsplit(b"\n", 1)  # splitting at newlines alone invents the last line
        row.caught += bool(pieces[-1]) and pieces[-1] + b"\n" not in original.lines
    row.figures = {"bytes": len(data), "lines": len(original.lines)}
    return row


def flips(options: Options) -> Row:
    """R5: every bit flipped, one at a time."""
    row = Row("R5", "every bit of a log flipped", "flips", control="no checksums")
    data = _new_log(options)
    draw = random.Random(options.seed)
    places = _places(draw, options, 8 * len(data))
    row.trials = len(places)
    row.failures = [f"seed {options.seed}: {wrong}" for wrong in _spread(_judge_flips, data, places)]
    sample = draw.sample(places, min(CONTROLS, len(places)))
    row.controls, row.caught = len(sample), _believed(Original(data), sample)
    row.figures = {"bytes": len(data)}
    return row


def sectors(options: Options) -> Row:
    """R6: sectors and pages zeroed, missing, doubled, exchanged, taken from another log."""
    row = Row("R6", "sectors and pages of a log", "damages", control="no checksums")
    with tempfile.TemporaryDirectory() as one:
        data = written_log(Path(one))
    with tempfile.TemporaryDirectory() as two:
        other = written_log(Path(two), seed=options.seed + 100)
    original, full = Original(data), options.trials is None
    made = [*blocks(data, other, SECTOR, full), *blocks(data, other, PAGE, full)]
    if not full:
        made = random.Random(options.seed).sample(made, min(options.count(0), len(made)))
    for what, damaged in made:
        row.trials += 1
        wrong = judge_blocks(original, what, damaged, read_all)
        if wrong:
            row.failures.append(f"seed {options.seed}: {wrong}")
    for what, damaged in random.Random(options.seed).sample(made, min(CONTROLS // 8, len(made))):
        row.controls += 1
        row.caught += bool(judge_blocks(original, what, damaged, trusting))
    row.figures = {"of them with a block of another log": sum("another log" in what for what, _ in made)}
    return row


def _new_log(options: Options) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return written_log(Path(folder), options.seed)


CAMPAIGNS: dict[str, Campaign] = {"cuts": cuts, "flips": flips, "sectors": sectors}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
