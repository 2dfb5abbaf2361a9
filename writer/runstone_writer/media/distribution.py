"""`Distribution`: a histogram at a step, of samples or of counts that are known already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ..errors import UsageError, ValueTypeError
from .blob import MemoryBlob, is_blob
from .custom import INLINE_LIMIT, Content
from .pixels import array_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

DEFAULT_BINS = 64
MOST_BINS = 1_000_000
_BYTES_PER_BIN = 20  # as decimal digits in a log, at most


class Distribution(Content):
    """A histogram: how many samples there are in each of a number of bins of equal width.

    Args:
        samples: numbers in an array, list or tensor of any shape; they are counted, and not kept.
        bin_count: how many bins to count them in, from the lowest to the highest. Samples that are all the same,
            or so close that floats cannot tell the edges of bins, get bins around them.
        hist: in place of samples: the counts (or weights), one a bin.
        bin_range: with `hist`: (lowest, highest) edge of the bins.

    Raises UsageError if there are no samples, if some are not finite, and unless either `samples` or `hist`
    with `bin_range` are given.
    """

    AIM_NAME = "aim.distribution"

    def __init__(
        self,
        samples: Any = None,
        bin_count: int = DEFAULT_BINS,
        *,
        hist: Any = None,
        bin_range: Any = None,
    ) -> None:
        if (samples is None) == (hist is None):
            raise UsageError(
                "a Distribution is made of either samples or a histogram",
                hint="Distribution(samples), or Distribution(hist=counts, bin_range=(low, high)).",
            )
        if samples is not None:
            weights, span = _counted(_numbers(samples, "samples"), bin_count, bin_range)
        else:
            weights, span = _numbers(hist, "hist"), _checked_range(bin_range)
            if weights.ndim != 1 or not 1 <= len(weights) <= MOST_BINS:
                raise UsageError(f"a histogram is a list of weights, not an array of shape {weights.shape}")
        data: Any = weights.tolist()
        if len(weights) * _BYTES_PER_BIN > INLINE_LIMIT:
            data = MemoryBlob(weights.tobytes())
        super().__init__(data, bin_count=len(weights), range=list(span), dtype=weights.dtype.str)

    @classmethod
    def from_samples(cls, samples: Any, bin_count: int = DEFAULT_BINS) -> Self:
        """Return the distribution of samples in `bin_count` bins."""
        return cls(samples, bin_count)

    @classmethod
    def from_histogram(cls, hist: Any, bin_range: Any) -> Self:
        """Return the distribution with the given counts in bins of equal width from `bin_range[0]` to `[1]`."""
        return cls(hist=hist, bin_range=bin_range)

    @property
    def bin_count(self) -> int:
        """How many bins there are."""
        count: int = self.storage["bin_count"]
        return count

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest edge of the bins."""
        low, high = self.storage["range"]
        return low, high

    @property
    def weights(self) -> Array:
        """How many samples there are in each bin: int64 or float64."""
        import numpy as np  # noqa: PLC0415 - loaded only where distributions are

        data, dtype = self.storage.raw("data"), np.dtype(self.storage["dtype"])
        if not is_blob(data):
            return np.array(data, dtype)
        return np.frombuffer(data.read(), dtype)

    @property
    def ranges(self) -> Array:
        """The edges of the bins: one more than there are bins."""
        import numpy as np  # noqa: PLC0415

        low, high = self.range
        return np.linspace(low, high, self.bin_count + 1)

    def to_np_histogram(self) -> tuple[Array, Array]:
        """Return (weights, edges), as numpy.histogram does."""
        return self.weights, self.ranges

    def json(self) -> dict[str | int, Any]:
        """Return bin_count and range, as in Aim."""
        return {"bin_count": self.bin_count, "range": list(self.range)}

    def __repr__(self) -> str:
        return f"<Distribution of {self.bin_count} bins from {self.range[0]} to {self.range[1]}>"


def _numbers(values: Any, what: str) -> Array:
    """Return int64 or float64 (booleans count as integers)."""
    import numpy as np  # noqa: PLC0415

    try:
        array = (
            array_of(values) if type(values).__module__.partition(".")[0] == "torch" else np.asarray(values)
        )
    except ValueError as error:  # a ragged list
        raise ValueTypeError(f"the {what} of a Distribution are numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueTypeError(f"the {what} of a Distribution are numbers, not {array.dtype}")
    if not array.size:
        raise UsageError(f"a Distribution needs {what}: there are none")
    wide = array.astype("<f8" if array.dtype.kind == "f" or array.dtype == np.uint64 else "<i8")
    if wide.dtype.kind == "f" and not np.isfinite(wide).all():
        count = int((~np.isfinite(wide)).sum())
        raise UsageError(
            f"{count:,} of {wide.size:,} {what} of a Distribution are NaN or infinite",
            hint="Leave them out: x[np.isfinite(x)].",
        )
    return wide


def _counted(samples: Array, bin_count: int, bin_range: Any) -> tuple[Array, tuple[float, float]]:
    import numpy as np  # noqa: PLC0415

    if isinstance(bin_count, bool) or not isinstance(bin_count, int) or not 1 <= bin_count <= MOST_BINS:
        raise UsageError(f"bin_count is a number from 1 to {MOST_BINS:,}, not {bin_count!r}")
    if bin_range is not None:
        raise UsageError(
            "bin_range belongs to hist=", hint="The bins of samples go from the lowest to the highest."
        )
    low, high = float(samples.min()), float(samples.max())
    if high - low == float("inf"):
        raise UsageError(f"samples from {low} to {high} are too far apart to be counted in bins")
    narrow = 4 * bin_count * float(np.spacing(max(abs(low), abs(high))))
    span = None
    if high - low < narrow and (low != high or narrow > 1.0):
        span = (
            low - narrow / 2,
            high + narrow / 2,
        )  # bins must be wide enough for floats to tell their edges
    weights, edges = np.histogram(samples, bins=bin_count, range=span)
    return weights.astype("<i8"), (float(edges[0]), float(edges[-1]))


def _checked_range(bin_range: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in bin_range)
    except (TypeError, ValueError):
        raise UsageError(
            f"bin_range is (lowest, highest), not {bin_range!r}", hint="Give the edges of the outermost bins."
        ) from None
    if not (low < high and high - low < float("inf")):
        raise UsageError(f"bin_range is (lowest, highest), both finite, not {bin_range!r}")
    return low, high
