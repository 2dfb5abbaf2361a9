"""Where answers come from: the published index for what it has read, the logs for the rest."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from runstone_indexer.generation import Generation, open_generation
from runstone_indexer.indexer import Indexer
from runstone_writer.layout import Layout

from .aimql import Query
from .columnar import columnar
from .lower import narrowing
from .overlay import Overlay, Tail
from .prefilter import WORTH_ASKING, WORTH_ASKING_BESIDE_COLUMNS, candidates, describe
from .selection import Explanation, Selection
from .suggestions import Known

# With more runs than this to read on the spot, an index is made first, if nobody else is making one.
INDEX_WHEN_FRESH = 64

Progress = Callable[[int, int], None]  # runs done, runs to do


class Snapshots:
    """Finds the runs that a query has to be evaluated on: each time as the repository is at that moment.

    With `may_index` an index is made, or brought up to date when it is far behind. That is only ever a
    matter of speed: where it fails (nothing can be written, somebody else is at it), the logs answer.
    """

    def __init__(self, layout: Layout, *, uses_index: bool, may_index: bool) -> None:
        self._layout = layout
        self._uses_index = uses_index
        self._may_index = uses_index and may_index
        self._overlay = Overlay(layout)
        self._generation: Generation | None = None
        self.progress: Progress | None = None  # told how far indexing is

    def close(self) -> None:
        """Let go of the index's files and of what was read from logs."""
        self._generation = None
        self._overlay = Overlay(self._layout)

    def tail(self, run: str) -> Tail:
        """Return one run, read to the end of its logs."""
        return self._overlay.tail(run, self._refreshed())

    def take(self, *, may_index: bool = True) -> tuple[Generation | None, dict[str, Tail]]:
        """Return the newest generation of the index and the runs that it does not fully cover."""
        # Hints first: one that is gone by then was removed after a manifest with all of its log was published.
        hints = self._overlay.candidates()
        generation = self._refreshed()
        if may_index and self._may_index and self._is_far_behind(generation, hints):
            with contextlib.suppress(OSError):  # somebody else is at it, or nothing can be written here
                Indexer(self._layout).run_once(self.progress, full=generation is None)
            hints = self._overlay.candidates()
            generation = self._refreshed()
        return generation, self._overlay.fresh(hints, generation)

    def known(self) -> Known:
        """Return the names of the parameters and sequences that there are."""
        return Known.of(*self.take(may_index=False))

    def select(self, query: Query) -> Selection:
        """Return the runs to evaluate `query` on, and what is known of how they were found."""
        began = time.perf_counter()
        narrowed = narrowing(query)
        generation, fresh = self.take()
        explanation = Explanation(query.text, describe(narrowed))
        explanation.seconds["refresh"] = time.perf_counter() - began
        began = time.perf_counter()
        numbers = None
        if generation is not None:
            explanation.runs = generation.manifest.runs
            if narrowed is not None:
                share = WORTH_ASKING if columnar(query) is None else WORTH_ASKING_BESIDE_COLUMNS
                numbers = candidates(generation.parameters, narrowed, share)
        explanation.runs += sum(tail.number is None for tail in fresh.values())
        archived_too = query.asks_for_archived
        selection = Selection(generation, numbers, fresh, explanation, archived_too=archived_too)
        explanation.seconds["prefilter"] = time.perf_counter() - began
        return selection

    def _refreshed(self) -> Generation | None:
        if self._uses_index:
            self._generation = open_generation(self._layout, self._generation)
        return self._generation

    def _is_far_behind(self, generation: Generation | None, hints: dict[str, None]) -> bool:
        if generation is None:
            return True
        if len(hints) <= INDEX_WHEN_FRESH:
            return False
        return len(self._overlay.fresh(hints, generation)) > INDEX_WHEN_FRESH
