"""Media: the images, recordings, texts, figures and distributions that a query finds."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from runstone_indexer.chunk import Chunk, take
from runstone_query.batch import Expression
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_query.report import QueryReportMode
from runstone_query.sequences import Sequence
from runstone_writer.media.objects import restore_point

from .arguments import Arguments
from .curves import about_runs
from .objects import Showcase
from .table import summary
from .values import reply, tagged

KINDS = ("images", "audios", "texts", "figures", "distributions")
MOST_SEQUENCES = 1_000
MOST_STEPS = 1_000


def media(repo: Repo, arguments: Arguments) -> Reply:
    """`GET media`."""
    began = time.perf_counter()
    kind = arguments.one_of("kind", KINDS, "images")
    low, high = arguments.number("low"), arguments.number("high")
    density = arguments.whole("density", 50, 2, MOST_STEPS)
    attributes = [Expression(repo, text) for text in arguments.texts("attribute")]
    ask = repo.query_figure_objects if kind == "figures" else getattr(repo, f"query_{kind}")
    result = ask(
        arguments.text("q"),
        QueryReportMode.DISABLED,
        limit=arguments.limit(50, MOST_SEQUENCES),
        offset=arguments.offset(),
    )
    items, showcase, shown = list(result.iter_runs()), Showcase(kind), []
    behind = None if high is None else float(np.nextafter(high, np.inf))
    for item, about in zip(items, about_runs(repo, items, attributes), strict=True):
        for sequence in item:
            inside = sequence.between(low, behind)
            label = {"name": sequence.name, "context": tagged(sequence.context.to_dict())}
            points = _points(repo, sequence, spread(inside, density), showcase)
            shown.append({**about, **label, "count": len(inside.steps), "points": points})
    return reply({**summary(repo, result, began), "kind": kind, "sequences": shown})


def spread(chunk: Chunk, density: int) -> Chunk:
    """Return the points of at most so many steps, evenly chosen, the first and the last among them."""
    steps = np.unique(chunk.steps)
    if len(steps) <= density:
        return chunk
    chosen = steps[np.round(np.linspace(0, len(steps) - 1, density)).astype(np.int64)]
    return take(chunk, np.flatnonzero(np.isin(chunk.steps, chosen)))


def _points(repo: Repo, sequence: Sequence, chunk: Chunk, showcase: Showcase) -> list[dict[str, Any]]:
    epochs = [None] * len(chunk.steps) if chunk.epochs is None else chunk.epochs.tolist()
    rows = zip(chunk.steps.tolist(), chunk.times.tolist(), epochs, chunk.python_values(), strict=True)
    return [
        {
            "step": step,
            "time": when,
            "epoch": None if epoch != epoch else epoch,
            "values": _values(repo, sequence.type, value, showcase),
        }
        for step, when, epoch, value in rows
    ]


def _values(repo: Repo, kind: str, value: Any, showcase: Showcase) -> list[dict[str, Any]]:
    shown = []
    for each in value if isinstance(value, list) else [value]:
        try:
            thing = restore_point(repo.layout, kind, each)
        except MemoryError:
            raise
        except Exception:  # nothing that Runstone wrote
            thing = None
        shown.append(showcase.show(thing))
    return shown
