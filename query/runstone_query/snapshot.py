"""Where answers come from: the published index for what it has read, the logs for the rest."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from runstone_indexer.columns import DamagedColumnsError
from runstone_indexer.generation import Generation, identity, open_generation
from runstone_indexer.indexer import Indexer
from runstone_indexer.manifest import read_manifest
from runstone_writer.errors import StoreError
from runstone_writer.layout import Layout
from runstone_writer.mounts import may_vanish
from runstone_writer.replay import Problem

from .aimql import Query
from .columnar import columnar
from .lower import narrowing
from .overlay import Overlay, Tail
from .prefilter import WORTH_ASKING, WORTH_ASKING_BESIDE_COLUMNS, candidates, describe
from .selection import Explanation, Selection
from .suggestions import Known

# With more runs than this to read on the spot, the index is brought up to date first, if nobody else is at it.
INDEX_WHEN_FRESH = 64
# Not again before so many times what that took: runs that are being written are cheaper read on than indexed.
REST = 20
MOST_GAPS = 10

Progress = Callable[[int, int], None]  # runs done, runs to do
T = TypeVar("T")


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
        self._lacking = Lacking()
        self._distrusted: tuple[str, int] | None = None  # a generation in which damage was met
        self._rests_until = -math.inf  # by the monotonic clock: no index pass before
        self.progress: Progress | None = None  # told how far indexing is

    def close(self) -> None:
        """Let go of the index's files and of what was read from logs."""
        self._generation = None
        self._overlay = Overlay(self._layout)

    def tail(self, run: str, *, warns: bool = True) -> Tail:
        """Return one run, read to the end of its logs."""
        with refusals_told(self._layout):
            found = self.despite_damage(lambda: self._overlay.tail(run, self._refreshed()))
        if warns:
            self._lacking.tell(found.unread)
        return found

    def take(
        self, *, may_index: bool = True, warns: bool = True
    ) -> tuple[Generation | None, dict[str, Tail]]:
        """Return the newest generation of the index and the runs that it does not fully cover.

        With `warns` a warning names what cannot be read, so that the answer may lack it.
        """
        with refusals_told(self._layout):
            found = self.despite_damage(lambda: self._take(may_index))
        if warns:
            self._lacking.tell(self._overlay.unread.values(), of_all=True)
        return found

    def _take(self, may_index: bool) -> tuple[Generation | None, dict[str, Tail]]:
        # Hints first: one that is gone by then was removed after a manifest with all of its log was published.
        hints = self._overlay.candidates()
        generation = self._refreshed()
        if generation is None and may_index and self._may_index:
            hints, generation = self._brought_up()
        fresh = self._overlay.fresh(hints, generation)
        if may_index and self._may_index and self._is_far_behind(generation, fresh):
            hints, generation = self._brought_up()
            fresh = self._overlay.fresh(hints, generation)
        return generation, fresh

    def _brought_up(self) -> tuple[Collection[str], Generation | None]:
        """Bring the index up to date; return the hints and the generation that there are then."""
        began, is_first = time.monotonic(), self._generation is None
        with contextlib.suppress(OSError):  # somebody else is at it, or nothing can be written here
            Indexer(self._layout).run_once(self.progress, full=is_first)
        now = time.monotonic()
        if not is_first:
            self._rests_until = now + REST * (now - began)
        hints = self._overlay.candidates()
        return hints, self._refreshed()

    def is_shut_out(self) -> bool:
        """Tell whether there is a newer index that a confined process cannot open.

        Where another host may remove an index's files, they are copied before they are opened (see `mounts`), and a
        confined process writes no copies: only one that begins anew can.
        """
        if not may_vanish(self._layout.root):
            return False
        manifest, current = read_manifest(self._layout), self._generation
        return manifest is not None and (current is None or identity(manifest) != identity(current.manifest))

    def gaps(self) -> list[str]:
        """Return a sentence about each thing that could not be read when the last question was answered."""
        unread = {problem.path: problem.reason for problem in self._overlay.unread.values()}
        return [f"Answers lack what is in {path}: {reason}." for path, reason in unread.items()][:MOST_GAPS]

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
        explanation.runs += sum(_uncounted(tail, generation) for tail in fresh.values())
        archived_too = query.asks_for_archived
        selection = Selection(generation, numbers, fresh, explanation, archived_too=archived_too)
        explanation.seconds["prefilter"] = time.perf_counter() - began
        return selection

    def despite_damage(self, ask: Callable[[], T]) -> T:
        """Return what `ask` gives; where it meets damage in the index, what it gives without that."""
        try:
            return ask()
        except DamagedColumnsError as error:
            self._distrust(error)
            return ask()

    def _distrust(self, error: DamagedColumnsError) -> None:
        """Go by the logs, and by a new index if one may be made: the damaged one is derived from them."""
        if self._generation is not None:
            self._distrusted = identity(self._generation.manifest)
        self.close()
        where = f"the index is damaged in {error.path}: {error.reason}"
        if self._may_index:
            with contextlib.suppress(OSError):  # somebody else is at it, or nothing can be written here
                Indexer(self._layout).reindex(self.progress)
                warnings.warn(f"{where}\nIt was made anew from the logs.", RuntimeWarning, stacklevel=6)
                return
        warnings.warn(
            f"{where}\nThe logs answer, which takes longer. `runstone reindex` makes the index anew.",
            RuntimeWarning,
            stacklevel=6,
        )

    def _refreshed(self) -> Generation | None:
        if not self._uses_index:
            return None
        self._generation = open_generation(self._layout, self._generation)
        if self._generation is not None and identity(self._generation.manifest) == self._distrusted:
            return None
        return self._generation

    def _is_far_behind(self, generation: Generation | None, fresh: dict[str, Tail]) -> bool:
        is_rested = time.monotonic() >= self._rests_until
        return generation is not None and len(fresh) > INDEX_WHEN_FRESH and is_rested


def _uncounted(tail: Tail, generation: Generation | None) -> int:
    """Return by how much a tail changes the number of runs that the index knows of."""
    state = tail.state
    if tail.number is None or generation is None:
        return state.is_there
    # An indexed run is looked up only if it was ever deleted: the others are there, in both.
    return 0 if state.deleted_mark is None else state.is_there - generation.has(state.run)


class Lacking:
    """Warns of what an answer may lack, because it cannot be read: once, as long as that is so."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, unread: Iterable[Problem], *, of_all: bool = False) -> None:
        """Warn of what is new in `unread`. With `of_all` everything was looked at, and the rest can be read again."""
        found = {problem.path: problem.reason for problem in unread}
        new = [path for path in found if path not in self._told]
        self._told = set(found) | (set() if of_all else self._told)
        if new:
            more = f" (and {len(new) - 1:,} more)" if len(new) > 1 else ""
            warnings.warn(
                f"answers lack what is in {new[0]}{more}: {found[new[0]]}\n`runstone status` lists what cannot be "
                "read.",
                RuntimeWarning,
                stacklevel=4,
            )


@contextlib.contextmanager
def refusals_told(layout: Layout) -> Iterator[None]:
    """Say in our own words that the disk said no."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        path = str(error.filename or layout.root)
        raise StoreError(
            f"cannot read {path}: {error.strerror or error}",
            path=path,
            hint="Whose file is it, and does its file system answer? The answer would not be complete without it.",
        ) from error
