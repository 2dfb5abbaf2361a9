"""Damage to what is not a log: the index's files, blobs, and whole files missing, emptied, cut, exchanged, doubled.

    python tools/crash/index_damage.py                 # a bit of every byte of a small index
    python tools/crash/index_damage.py --only files

An answer is right, or an error says what to do, or (where a log or a blob itself is gone) fsck tells. It is never
wrong in silence. The negative control does not look at checksums.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from campaign import Campaign, Options, Row, main

from runstone import Image, Repo, Run, Text
from runstone_indexer import columns, parameters
from runstone_indexer.indexer import Indexer
from runstone_query.verify import verify
from runstone_writer.errors import CorruptionError, RunstoneError
from runstone_writer.layout import open_repo

CUTS = 64  # places at which each file is cut
CONTROLS = 400
RIGHT, TOLD = "", "told"
QUERIES = (
    "run.hparams.lr > 0.15",
    "run.name == 'run 1'",
    "'even' in run.tags",
    "run.hparams.model.startswith('net')",
)


def made(folder: Path) -> None:
    """Make a small repository with an index, an image and a writer that was edited."""
    for number in range(3):
        with Run(
            repo=folder, experiment="e", system_tracking_interval=None, capture_terminal_logs=False
        ) as run:
            run.name = f"run {number}"
            run["hparams"] = {"lr": 0.1 * number, "model": f"net{number}", "big": 2**70}
            run.add_tag("even" if number % 2 == 0 else "odd")
            for step in range(30):
                run.track(step / 3 + number, name="loss", step=step, context={"subset": "train"})
                run.track(step % 4, name="count", step=step * step, epoch=step // 10)
            run.track(Text(f"text {number}"), name="texts")
            if number == 0:
                run.track(Image(np.full((3, 3), 7, np.uint8)), name="images")
    Indexer(open_repo(folder)).run_once()
    for run in list(Repo(folder).iter_runs())[:1]:
        run.add_tag("late")
    Indexer(open_repo(folder)).run_once()


def answers(folder: Path, *, index: bool = True) -> list[str]:
    """Ask what can be asked, by every way through the index."""
    repo = Repo(folder, index=index, read_only=True)
    found = [repr((run.hash, run.name, sorted(run.tags), run["hparams"])) for run in repo.iter_runs()]
    for query in QUERIES:
        found.append(repr([run.run.hash for run in repo.query_runs(query, report_mode=0).iter_runs()]))
    for result in repo.query_metrics("metric.last >= 0 and metric.context.subset == 'train'", 0).iter_runs():
        found += [repr((metric.name, metric.run.hash, metric.values.sparse_list())) for metric in result]
    for result in repo.query_metrics("metric.name == 'count'", 0).iter_runs():
        found += [repr((metric.run.hash, metric.values.sparse_list())) for metric in result]
    for result in repo.query_texts("texts.name == 'texts'", 0).iter_runs():
        found += [repr([text.data for text in texts.values.values_list()]) for texts in result]
    return found


def judge(folder: Path, expected: list[str]) -> str:
    """Return RIGHT, TOLD, or what is wrong with the answers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", RuntimeWarning
            )  # that the index is damaged: the answer has to be right
            found = answers(folder)
    except RunstoneError as error:
        return TOLD if error.hint else f"an error without a hint: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if found == expected:
        return RIGHT
    differing = [pair for pair in zip(found, expected, strict=False) if pair[0] != pair[1]]
    return f"a wrong answer in silence: {differing[:1] or (len(found), len(expected))}"[:400]


def damaged(data: bytes, place: int, bit: int) -> bytes:
    """Return the data with a bit flipped; cut there for bit -1."""
    if bit < 0:
        return data[:place]
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


Trial = tuple[str, int, int]  # file, place, bit


def index_files(folder: Path) -> list[str]:
    """Return the files of the index that are read, from the repository's folder on."""
    root = folder / ".runstone"
    found = (path for path in sorted((root / "index").rglob("*")) if path.is_file() and path.stat().st_size)
    return [str(path.relative_to(root)) for path in found]


def trials_of(folder: Path, draw: random.Random) -> list[Trial]:
    """Return every trial: a bit of each byte of each file of the index, and cuts."""
    found: list[Trial] = []
    for name in index_files(folder):
        size = (folder / ".runstone" / name).stat().st_size
        found += [(name, place, bit) for place in range(size) for bit in draw.sample(range(8), 1)]
        found += [(name, size * n // CUTS, -1) for n in range(CUTS)]
    return found


def _judged(source: Path, expected: list[str], trials: list[Trial]) -> list[tuple[Trial, str]]:
    """Make trials in a copy of the repository."""
    found = []
    with tempfile.TemporaryDirectory(prefix="damaged-") as scratch:
        folder = Path(scratch, "repo")
        shutil.copytree(source, folder)
        _settle(folder)
        for name, place, bit in trials:
            path = folder / ".runstone" / name
            data = path.read_bytes()
            path.unlink()  # never in place: what is mapped stays what it was
            path.write_bytes(damaged(data, place, bit))
            found.append(((name, place, bit), judge(folder, expected)))
            path.unlink()
            path.write_bytes(data)
    return found


def _settle(folder: Path) -> None:
    """Make a copied index this repository's own, so that it is used and the logs are not read besides."""
    Indexer(open_repo(folder)).run_once()


def index(options: Options) -> Row:
    """Every byte of a small index."""
    row = Row("R5", "bits of an index flipped, its files cut", "damages", control="no checksums")
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="damage-") as scratch:
        folder = Path(scratch, "repo")
        made(folder)
        _settle(folder)
        expected = answers(folder)
        everything = trials = trials_of(folder, draw)
        if options.trials is not None:
            trials = draw.sample(everything, min(options.trials, len(everything)))
        outcomes = _spread(folder, expected, trials)
        row.trials = len(outcomes)
        told = sum(outcome == TOLD for _, outcome in outcomes)
        wrong = [(trial, outcome) for trial, outcome in outcomes if outcome not in (RIGHT, TOLD)]
        row.failures = [f"seed {options.seed}: {trial}: {outcome}" for trial, outcome in wrong]
        row.figures = {
            "bytes": sum((folder / ".runstone" / n).stat().st_size for n in index_files(folder)),
            "told": told,
        }
        # Of points, because much of the other files is not asked for by every question.
        some = [
            trial for trial in everything if trial[2] >= 0 and os.path.basename(trial[0]).startswith("series")
        ]
        some = draw.sample(some, min(CONTROLS, 2 * len(trials), len(some)))
        row.controls = len(some)
        row.caught = sum(
            outcome not in (RIGHT, TOLD) for _, outcome in _without_checksums(folder, expected, some)
        )
    return row


def _spread(folder: Path, expected: list[str], trials: list[Trial]) -> list[tuple[Trial, str]]:
    width = max(len(trials) // 32, 50)
    parts = [trials[at : at + width] for at in range(0, len(trials), width)]
    if len(parts) == 1:
        return _judged(folder, expected, trials)
    found: list[tuple[Trial, str]] = []
    with ProcessPoolExecutor() as pool:  # a worker that dies (SIGBUS, an abort) ends all of it with an error
        for some in pool.map(partial(_judged, folder, expected), parts):
            found += some
    return found


def _without_checksums(folder: Path, expected: list[str], trials: list[Trial]) -> list[tuple[Trial, str]]:
    with (
        mock.patch.object(columns.Columns, "_prove"),
        mock.patch.object(parameters, "_refuse_damaged"),
    ):
        return _judged(folder, expected, trials)


# -- whole files ---------------------------------------------------------------------------------------------------

Change = Callable[[Path, list[Path]], None]


def _missing(path: Path, _others: list[Path]) -> None:
    path.unlink()


def _empty(path: Path, _others: list[Path]) -> None:
    path.unlink()
    path.write_bytes(b"")


def _halved(path: Path, _others: list[Path]) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])


def _exchanged(path: Path, others: list[Path]) -> None:
    other = others[0] if others else path
    one, two = path.read_bytes(), other.read_bytes()
    for target, data in ((path, two), (other, one)):
        target.unlink()
        target.write_bytes(data)


def _doubled(path: Path, _others: list[Path]) -> None:
    stem, _, rest = path.name.partition(".")
    last = "0" if stem[-1] != "0" else "1"
    path.with_name(stem[:-1] + last + ("." + rest if rest else "")).write_bytes(path.read_bytes())


CHANGES: dict[str, Change] = {
    "missing": _missing, "empty": _empty, "halved": _halved, "exchanged": _exchanged, "doubled": _doubled,
}  # fmt: skip


def files(options: Options) -> Row:
    """R6: each file missing, empty, cut, exchanged with another of its kind, there twice."""
    row = Row("R6", "whole files of a repository", "damages", control="fsck does not look")
    with tempfile.TemporaryDirectory(prefix="damage-") as scratch:
        source = Path(scratch, "source")
        made(source)
        kinds = list(_file_trials(source))
        if options.trials is not None:
            kinds = random.Random(options.seed).sample(kinds, min(options.trials, len(kinds)))
        for name, change in kinds:
            folder = Path(scratch, "repo")
            shutil.copytree(source, folder)
            _settle(folder)
            wrong, unseen = _judge_file(folder, name, change)
            row.trials += 1
            row.controls += 1
            row.caught += unseen
            if wrong:
                row.failures.append(f"{name} {change}: {wrong}")
            shutil.rmtree(folder)
    return row


def _file_trials(folder: Path) -> Iterator[tuple[str, str]]:
    root = folder / ".runstone"
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name not in ("lock", ".managed.json") and not path.name.endswith(".lock"):
            for change in CHANGES:
                yield str(path.relative_to(root)), change


def _judge_file(folder: Path, name: str, change: str) -> tuple[str, bool]:
    """Return what is wrong, and whether only fsck saw that an answer changed (the control leaves it out)."""
    expected = answers(folder)
    path = folder / ".runstone" / name
    others = [p for p in sorted(path.parent.rglob("*" + path.suffix)) if p != path and p.is_file()]
    if name.startswith("logs/"):
        others = [p for p in sorted((folder / ".runstone" / "logs").rglob("*.jsonl")) if p != path]
    CHANGES[change](path, others)
    outcome = judge(folder, expected)
    if outcome in (RIGHT, TOLD):
        return "", False
    if outcome.startswith("a wrong answer"):
        verdict = verify(open_repo(folder))
        changed = verdict.damage + verdict.index + verdict.tails + verdict.foreign
        return ("" if changed else outcome), True
    return outcome, False


def blobs(options: Options) -> Row:
    """Every bit of a blob."""
    row = Row(
        "R5", "every bit of a blob flipped", "flips", control="the content is not compared with the name"
    )
    with tempfile.TemporaryDirectory(prefix="damage-") as scratch:
        folder = Path(scratch, "repo")
        made(folder)
        layout = open_repo(folder)
        (path,) = (path for path in Path(layout.blobs).rglob("*") if path.is_file())
        data = path.read_bytes()
        places = range(8 * len(data))
        for place in random.Random(options.seed).sample(places, min(options.count(len(places)), len(places))):
            os.chmod(path, 0o600)
            path.write_bytes(damaged(data, place // 8, place % 8))
            row.trials += 1
            row.controls += 1
            row.caught += path.read_bytes() != data  # whoever just reads the file gets other bytes
            try:
                row.failures.append(f"bit {place}: {len(_image(folder).open().read())} bytes are read")
            except CorruptionError:
                continue
    return row


def _image(folder: Path) -> Image:
    (run,) = (
        run for run in Repo(folder, read_only=True).query_images("images.name == 'images'", 0).iter_runs()
    )
    (sequence,) = run
    image: Image = sequence.values.values_list()[0]
    return image


CAMPAIGNS: dict[str, Campaign] = {"index": index, "files": files, "blobs": blobs}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
