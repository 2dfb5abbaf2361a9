"""`Audio`: a recording at a step, from a file, bytes or an array of samples."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import UsageError, ValueTypeError
from .blob import MemoryBlob, blob_of_file
from .custom import Content
from .pixels import array_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .blob import Blob

FORMATS = ("wav", "mp3", "flac")
DEFAULT_RATE = 22500  # samples a second, as in Aim


class Audio(Content):
    """A recording: WAV, MP3 or FLAC.

    Args:
        data: a path, bytes or a binary file (kept as they are), or an array of samples, (n,) or (n, channels),
            of type uint8, int16, int32, float32 or float64, which is kept as WAV.
        format: "wav", "mp3" or "flac". Of a path it is the extension if not given; bytes need it.
        caption: a text to show beside it.
        rate: samples a second, of an array; 22500 if not given, as in Aim.

    Raises UsageError (or its kin ValueTypeError) for anything else, for a format that is not one of these and
    for a file that cannot be read.
    """

    AIM_NAME = "aim.audio"

    def __init__(self, data: Any, format: str = "", caption: str = "", rate: int | None = None) -> None:
        if not isinstance(caption, str) or not isinstance(format, str):
            raise ValueTypeError("the format and the caption of an Audio are strings")
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int) or not 0 < rate < 2**31):
            raise ValueTypeError(f"the rate of an Audio is a number of samples a second, not {rate!r}")
        wanted = format.lower().lstrip(".")
        blob, found, rate = _content(data, wanted, rate)
        if found not in FORMATS:
            raise UsageError(
                f"{found!r} is no format of audio" if found else "the format of the audio is not known",
                hint=f"Give format=, one of {', '.join(FORMATS)}.",
            )
        super().__init__(blob, format=found, caption=caption, rate=rate)

    @property
    def format(self) -> str:
        """One of "wav", "mp3" and "flac"."""
        name: str = self.storage["format"]
        return name

    @property
    def caption(self) -> str:
        """The text to show beside the recording."""
        text: str = self.storage["caption"]
        return text

    @caption.setter
    def caption(self, value: str) -> None:
        if not isinstance(value, str):
            raise ValueTypeError(f"the caption of an Audio is a string, not {type(value).__name__}")
        self.storage["caption"] = value

    @property
    def rate(self) -> int | None:
        """Samples a second, of audio that was made of an array or given with a rate; else None."""
        found: int | None = self.storage["rate"]
        return found

    def get(self) -> io.BytesIO:
        """Return the file's bytes. Raises DamagedBlobError if what is stored is missing or damaged."""
        return io.BytesIO(self._blob.read())

    def open(self) -> BinaryIO:
        """Return the file, to be read in pieces: it may be large. Raises DamagedBlobError."""
        return self._blob.open()

    def to_numpy(self) -> NDArray[Any]:
        """Return the samples of WAV as an array, (n,) or (n, channels), with the type that they have in the file.

        24 bits are given as int32, in its upper bits. Raises UsageError for another format.
        """
        from .wav import sound_of  # noqa: PLC0415

        if self.format != "wav":
            raise UsageError(
                f"only WAV can be given as an array, not {self.format}", hint="get() has the file's bytes."
            )
        return sound_of(self._blob.read()).samples

    def json(self) -> dict[str | int, Any]:
        """Return caption, format and rate."""
        return {name: self.storage[name] for name in ("caption", "format", "rate")}

    def __repr__(self) -> str:
        return f"<Audio {self.format} {self._blob.size:,} bytes {self.caption!r:.80}>"


def _content(data: Any, wanted: str, rate: int | None) -> tuple[Blob, str, int | None]:
    """Return the file, its format and the rate."""
    if isinstance(data, str | os.PathLike):
        path = os.fspath(data)
        return blob_of_file(path), wanted or os.path.splitext(path)[1].lower().lstrip("."), rate
    if isinstance(data, bytes | bytearray | memoryview):
        return MemoryBlob(bytes(data)), wanted, rate
    if isinstance(data, io.BytesIO):
        return MemoryBlob(data.getvalue()), wanted, rate
    is_tensor = type(data).__module__.partition(".")[0] == "torch"
    if is_tensor or hasattr(data, "__array__"):
        import numpy as np  # noqa: PLC0415

        from .wav import wav_of  # noqa: PLC0415

        if wanted not in ("", "wav"):
            raise UsageError(
                f"an array is kept as WAV, not as {wanted!r}", hint='Leave the format out, or say "wav".'
            )
        rate = rate or DEFAULT_RATE
        samples = array_of(data) if is_tensor else np.asarray(data)
        return MemoryBlob(wav_of(samples, rate)), "wav", rate
    raise ValueTypeError(
        f"an Audio cannot be made of {type(data).__module__}.{type(data).__qualname__}",
        hint="Give a path, bytes, a BytesIO or an array of samples.",
    )
