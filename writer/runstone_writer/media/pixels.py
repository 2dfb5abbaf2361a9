"""Pixels: what arrays, tensors and figures are as PIL images. Nothing is cut, and nothing scaled by guess."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, ValueTypeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

    Array = NDArray[Any]

_SHAPES = (
    "Its shape is (height, width) or (height, width, channels) with 1 to 4 channels; of a torch tensor the "
)
_SHAPES += "channels come first. Track several images as a list."


def picture_of(value: Any) -> tuple[str, Picture]:
    """Return what kind of thing an image was given as, and the image. Raises UsageError if it is none."""
    from PIL import Image as Pillow  # noqa: PLC0415 - loaded only where images are

    if isinstance(value, Pillow.Image):
        return "PIL.Image", value
    if is_matplotlib(value):
        file = io.BytesIO()
        value.savefig(file, format="png")
        return "matplotlib.figure", Pillow.open(file)
    if type(value).__module__.partition(".")[0] == "torch":
        return "torch.Tensor", _picture(channels_last(value))
    if hasattr(value, "__array__"):
        import numpy as np  # noqa: PLC0415

        return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}", _picture(
            np.asarray(value)
        )
    raise ValueTypeError(
        f"an Image cannot be made of {type(value).__module__}.{type(value).__qualname__}",
        hint="Give a path, a PIL image, a numpy array, a torch tensor or a matplotlib figure.",
    )


def is_matplotlib(value: Any) -> bool:
    """Tell whether a value is a matplotlib figure, without loading matplotlib."""
    return any(kind.__module__ == "matplotlib.figure" for kind in type(value).__mro__)


def array_of(tensor: Any) -> Array:
    """Return a torch tensor as a numpy array; types that numpy does not have become float32."""
    import numpy as np  # noqa: PLC0415

    tensor = tensor.detach().cpu()
    try:
        found: Array = np.asarray(tensor.numpy())
    except TypeError:
        found = np.asarray(tensor.float().numpy())
    return found


def channels_last(tensor: Any) -> Array:
    """Return a torch tensor (channels, height, width) as an array (height, width, channels)."""
    array = array_of(tensor)
    return array.transpose(1, 2, 0) if array.ndim == 3 else array


def _picture(array: Array) -> Picture:
    from PIL import Image as Pillow  # noqa: PLC0415

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] > 4):
        raise UsageError(f"an array of shape {array.shape} is no image", hint=_SHAPES)
    pixels = _in_range(array)
    if pixels.dtype.itemsize == 2 and array.ndim == 3:
        raise UsageError("an image of 16 bits has one channel", hint="Scale it to 8 bits: array >> 8.")
    return Pillow.fromarray(pixels)


def _in_range(array: Array) -> Array:
    """Return the pixels as uint8 (uint16 for those): floats are 0.0 to 1.0, integers 0 to 255."""
    import numpy as np  # noqa: PLC0415

    kind = array.dtype.kind
    if kind == "b":
        return _whole(array) * np.uint8(255)
    if kind not in "uif":
        raise ValueTypeError(f"an image cannot be made of values of type {array.dtype}", hint=_SHAPES)
    if array.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(array)
    low, high, limit = array.min(), array.max(), 1 if kind == "f" else 255
    slack = 1e-5 if kind == "f" else 0  # what arithmetic leaves
    if not (low >= -slack and high <= limit + slack):
        what = "floats of an image are 0.0 to 1.0" if kind == "f" else "integers of an image are 0 to 255"
        raise UsageError(
            f"the {what}; these are {low} to {high}",
            hint="Scale them, such as by (x - x.min()) / (x.max() - x.min()), or clip them.",
        )
    if kind == "f":
        array = np.rint(np.clip(array.astype(np.float64), 0.0, 1.0) * 255)
    return _whole(array)


def _whole(array: Array) -> NDArray[np.uint8]:
    import numpy as np  # noqa: PLC0415

    return np.ascontiguousarray(array.astype(np.uint8))
