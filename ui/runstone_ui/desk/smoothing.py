"""Smoothing: the exponential moving average, with bias correction."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOST = 0.999  # the weight of what came before
_RANGE = 1e8  # how far weights may be apart within a block, so that a sum of them stays exact


def smoothed(y: Array, weight: float) -> Array:
    """Return the averages: each is `weight` times the one before and the rest times the value, beginning at zero
    and divided by the sum of all weights so far, so that the first ones are not drawn towards zero.

    All values are finite. Block by block: within one, an average is a sum of scaled values; only the last average
    of each block is carried on one by one.
    """
    count = len(y)
    if not count or not weight:
        return y.astype(np.float64)
    largest = float(np.abs(y).max()) or 1.0  # so that nothing overflows on the way
    length = max(min(int(math.log(_RANGE) / -math.log(weight)), count), 1)
    blocks = -(-count // length)
    scaled = np.zeros(blocks * length)
    scaled[:count] = y / largest
    falling = weight ** np.arange(1.0, length + 1)
    inside = np.cumsum(scaled.reshape(blocks, length) * ((1 - weight) / falling), axis=1) * falling
    fade = float(falling[-1])
    ends = accumulate(inside[:, -1].tolist(), lambda before, end: before * fade + end)
    before = np.concatenate([[0.0], list(ends)[:-1]])
    average = (inside + before[:, None] * falling).ravel()[:count]
    average /= -np.expm1(np.arange(1, count + 1) * math.log(weight))
    with np.errstate(over="ignore"):  # at the very ends of what a float can be
        found: Array = average * largest
    return found
