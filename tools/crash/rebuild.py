"""Everything derived is deleted and made anew: the same answers to random queries, with half an index and with none.

    python tools/crash/rebuild.py --seed 1                 # 1,000 queries, each asked in four ways

The control makes the index from logs of which single lines are left out.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "tests"), str(HERE.parents[2] / "tests" / "property")]

import values  # noqa: E402 - they lie beside the tests
from campaign import Options, Row, main  # noqa: E402
from expressions import Grammar  # noqa: E402

from journals import Journal, hash_of, new_repo  # noqa: E402
from runstone import Repo  # noqa: E402
from runstone_indexer import Indexer  # noqa: E402
from runstone_query.verify import verify  # noqa: E402
from runstone_writer.errors import RunstoneError  # noqa: E402
from runstone_writer.layout import Layout  # noqa: E402
from runstone_writer.lines import frame_all  # noqa: E402

QUERIES = 1000
RUNS = 60
LINES_LEFT_OUT = 12  # of the control


def write_runs(layout: Layout, rng: random.Random, first: int, last: int) -> None:
    """Write nasty runs: any parameters, some sequences, tags, edits, several writers."""
    for number in range(first, last):
        for writer in range(rng.choice((1, 1, 2))):
            journal = Journal(layout, hash_of(number), 2 * number + writer)
            for _ in range(rng.randrange(12)):
                keys = [rng.choice(values.KEYS) for _ in range(rng.choice((1, 1, 2)))]
                _try(journal.set, *keys, value=values.value(rng))
            if rng.random() < 0.5:
                journal.prop("name", rng.choice(["one", "two", "adam"]))
            for _ in range(rng.randrange(3)):
                journal.tag(rng.choice("ab"), rng.random() < 0.8)
            for step in range(rng.randrange(30)):
                value = rng.choice([rng.random(), rng.randrange(9), "nan", "inf", 2**60 + 1, -0.0])
                journal.track(
                    value, rng.choice(["loss", "acc", "a.b"]), step, subset=rng.choice(["train", "val"])
                )
            if rng.random() < 0.1:
                journal.prop("archived", True)
            if rng.random() < 0.8:
                journal.end()


def _try(write: Any, *args: Any, **fields: Any) -> None:
    try:
        write(*args, **fields)
    except (TypeError, ValueError):  # not every key can be written as it is
        return


def answer(repo: Repo, text: str, entity: str | None) -> Any:
    """Everything that a query returns, or what it says is wrong."""
    try:
        if entity is None:
            return [(run.hash, repr(run[...])) for run in repo.query_runs(text, report_mode=0)]
        found = []
        for metric in repo.query_metrics(text, report_mode=0):
            found.append(
                (metric.run.hash, metric.name, repr(metric.context), repr(metric.values.sparse_list()))
            )
        return found
    except RunstoneError as error:
        return f"{type(error).__name__}: {error}"


def rebuild(options: Options) -> Row:
    row = Row("H8", "derived data deleted, random queries", "queries", control="lines left out of the logs")
    rng = random.Random(options.seed)
    # What a query says of the time that goes by (the duration of a run that goes on) is asked of no two repositories.
    asked = []
    while len(asked) < options.count(QUERIES):
        entity = rng.choice((None, None, "metric"))
        text = Grammar(rng, entity).expression()
        if "duration" not in text:
            asked.append((text, entity))
    with tempfile.TemporaryDirectory(prefix="runstone-rebuild-") as name:
        layout = new_repo(Path(name, "repo"))
        write_runs(layout, rng, 0, RUNS // 2)
        Indexer(layout).run_once()
        write_runs(layout, rng, RUNS // 2, RUNS)
        answers = {"half an index": ask(layout, asked, read_only=True)}
        for number in range(RUNS // 2, RUNS, 5):
            Indexer(layout).run_once(full=number % 2 == 0)
        answers["the index as it grew"] = ask(layout, asked)
        for derived in (layout.index, layout.live):
            shutil.rmtree(derived)
        answers["no index"] = ask(layout, asked, index=False)
        Indexer(layout).run_once()
        answers["the index made anew"] = ask(layout, asked)
        row.failures += [str(problem) for problem in verify(layout).index]
        truth = answers.pop("no index")
        for how, found in answers.items():
            for (text, entity), one, other in zip(asked, truth, found, strict=True):
                if one != other:
                    row.failures.append(
                        f"seed {options.seed}, {entity}, {how}: {text} -> {other!r:.300}, not {one!r:.300}"
                    )
        row.trials = len(asked)
        row.figures["matches"] = sum(len(found) for found in truth if isinstance(found, list))
        row.figures["queries with matches"] = sum(bool(found) and isinstance(found, list) for found in truth)
        row.figures["refused"] = sum(isinstance(found, str) for found in truth)
        leave_out(layout, rng)
        shutil.rmtree(layout.index)
        Indexer(layout).run_once()
        other = ask(layout, asked)
        row.controls, row.caught = len(asked), sum(a != b for a, b in zip(truth, other, strict=True))
    return row


def ask(layout: Layout, asked: list[tuple[str, str | None]], **options: Any) -> list[Any]:
    repo = Repo(layout, **options)
    return [answer(repo, text, entity) for text, entity in asked]


def leave_out(layout: Layout, rng: random.Random) -> None:
    """Leave one line out of some logs, in a way that no checksum can tell."""
    logs = sorted(Path(layout.logs).rglob("*.jsonl"))
    for path in rng.sample(logs, LINES_LEFT_OUT):
        lines = path.read_bytes().splitlines()
        sets = [n for n, line in enumerate(lines) if b'"set"' in line] or [len(lines) - 1]
        del lines[rng.choice(sets)]
        bodies = [line[: line.rindex(b":" if line.startswith(b"{") else b",") + 1] for line in lines]
        bodies = [body if body.endswith(b":") else body[:-1] for body in bodies]
        path.write_bytes(b"".join(frame_all(bodies, 0)[0]))


CAMPAIGNS = {"rebuild": rebuild}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
