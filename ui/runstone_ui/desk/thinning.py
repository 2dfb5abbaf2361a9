"""Thinning: of many points, those that a picture of all of them shows.

The range of x is cut into buckets of equal width, and of each the lowest and the highest point are kept, in their
order; and the first and the last of all. Every point that is kept was tracked, and no peak is lost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def thinned(x: Array, y: Array, points: int) -> Array:
    """Return the places of the points to show, ascending: all, if there are `points` at most, else about so many.

    At most two more than `points` are kept. Points that are not finite are left out where anything is.
    """
    if len(x) <= points:
        return np.arange(len(x))
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(finite) <= points:
        return finite
    starts = _starts(x[finite], points // 2)
    kept = np.concatenate([[0], _extremes(y[finite], starts), [len(finite) - 1]])
    places: Array = finite[np.unique(kept)]
    return places


def _starts(x: Array, buckets: int) -> Array:
    """Return where each bucket that is not empty begins. Where x goes back and forth, they are of equal length."""
    with np.errstate(over="ignore"):
        width = x[-1] - x[0]
    if not (np.isfinite(width) and width > 0 and bool((x[1:] >= x[:-1]).all())):
        return np.unique(np.arange(buckets) * len(x) // buckets)
    number = np.minimum((x - x[0]) / width * buckets, buckets - 1).astype(np.int64)
    return np.flatnonzero(np.diff(number, prepend=-1))


def _extremes(y: Array, starts: Array) -> Array:
    """Return the first lowest and the first highest place of each bucket."""
    counts = np.diff(starts, append=len(y))
    bucket = np.repeat(np.arange(len(starts)), counts)
    found = []
    for ends in (np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)):
        at = np.flatnonzero(y == np.repeat(ends, counts))
        found.append(at[np.diff(bucket[at], prepend=-1) > 0])
    return np.concatenate(found)
