"""WAV files and numpy arrays: every sample comes back as it went in.

Python's own `wave` has no floats, and needs the whole of a file in memory as well.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError, ValueTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DTYPES = {(_PCM, 8): "u1", (_PCM, 16): "<i2", (_PCM, 32): "<i4", (_FLOAT, 32): "<f4", (_FLOAT, 64): "<f8"}
_LARGEST = 2**32 - 100  # sizes in a WAV file have 32 bits


class Sound(NamedTuple):
    """Samples, as an array (samples,) or (samples, channels), and how many of them make a second."""

    samples: Array
    rate: int


def wav_of(samples: Array, rate: int) -> bytes:
    """Return a WAV file of samples (n,) or (n, channels): uint8, int16, int32, float32 or float64.

    Raises UsageError for another shape, ValueTypeError for another type.
    """
    codes = {code: key for key, code in _DTYPES.items()}
    code = samples.dtype.newbyteorder("<").str.lstrip("|")
    if code not in codes:
        raise ValueTypeError(
            f"audio cannot be made of samples of type {samples.dtype}",
            hint="Convert them to float32 (-1.0 to 1.0), float64, int16, int32 or uint8.",
        )
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 1 <= samples.shape[1] <= 1024):
        raise UsageError(
            f"an array of shape {samples.shape} is no audio",
            hint="Its shape is (samples,) or (samples, channels).",
        )
    if samples.nbytes > _LARGEST:
        raise UsageError("audio of more than 4 GiB does not fit into a WAV file", hint="Track it in parts.")
    tag, bits = codes[code]
    channels = samples.shape[1] if samples.ndim == 2 else 1
    width = channels * bits // 8
    data = samples.astype(code, order="C", copy=False).tobytes()
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data))
    padding = b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + len(data) + len(padding)) + body + data + padding


def sound_of(data: bytes) -> Sound:
    """Return what is in a WAV file. 24 bits come back in the upper ones of int32. Raises UsageError."""
    head, samples = _chunks(data)
    if len(head) < 16 or samples is None:
        raise UsageError("this is no WAV file", hint="Only WAV can be given as an array.")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head)
    if tag == _EXTENSIBLE and len(head) >= 26:
        (tag,) = struct.unpack_from("<H", head, 24)
    array = _array_of(samples, tag, bits)
    if channels > 1:
        array = array[: len(array) // channels * channels].reshape(-1, channels)
    return Sound(array, rate)


def _array_of(samples: memoryview, tag: int, bits: int) -> Array:
    import numpy as np  # noqa: PLC0415 - only where audio is made of arrays, or arrays of audio

    if (tag, bits) == (_PCM, 24):
        three = np.frombuffer(samples[: len(samples) // 3 * 3], np.uint8).reshape(-1, 3)
        four = np.zeros((len(three), 4), np.uint8)
        four[:, 1:] = three
        return four.view("<i4")[:, 0]
    code = _DTYPES.get((tag, bits))
    if code is None:
        raise UsageError(
            f"WAV with {bits} bits of encoding {tag} cannot be given as an array",
            hint="get() has the file as it is, for a library that knows the encoding.",
        )
    width = bits // 8
    return np.frombuffer(samples[: len(samples) // width * width], code)


def _chunks(data: bytes) -> tuple[memoryview, memoryview | None]:
    """Return the chunks "fmt " and "data" of a RIFF file."""
    whole = memoryview(data)
    head, samples = whole[:0], None
    if bytes(whole[:4]) != b"RIFF" or bytes(whole[8:12]) != b"WAVE":
        return head, samples
    at = 12
    while at + 8 <= len(whole) and samples is None:
        name, (size,) = bytes(whole[at : at + 4]), struct.unpack_from("<I", whole, at + 4)
        if name == b"fmt ":
            head = whole[at + 8 : at + 8 + size]
        elif name == b"data":
            samples = whole[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return head, samples
