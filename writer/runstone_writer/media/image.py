"""`Image`: a picture at a step, from a file, a PIL image, an array, a tensor or a matplotlib figure."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import UsageError, ValueTypeError
from .blob import MemoryBlob, blob_of_file
from .custom import Content
from .pixels import picture_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from ..values import Key
    from .blob import Blob

DEFAULT_FORMAT = "png"
_ANIMATED = ("gif", "png", "tiff", "webp")  # the formats that keep more than one frame
_OPAQUE = ("jpeg", "bmp")  # those that have no transparency
_AS_RGB = ("CMYK", "HSV", "LAB", "RGBX", "YCbCr")
_PREMULTIPLIED = {"RGBa": "RGBA", "La": "LA"}


class Image(Content):
    """An image.

    Args:
        image: a path, a PIL image, a matplotlib figure, a numpy array (height, width[, channels]) or a torch
            tensor ([channels,] height, width); 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels.
            Integers are 0 to 255 (also uint16, which stays 16 bits deep), floats 0.0 to 1.0.
        caption: a text to show beside it. May be changed until the image is tracked.
        format: how to encode it: "png" (the default, which loses nothing), "jpeg", "webp", "gif", ...
        quality: of "jpeg" and "webp": 1 to 100.
        optimize: take longer for a smaller file, where the format can.

    A file keeps its own bytes unless a `format` other than its own is asked for. Animated images keep their
    frames. Where a format has no transparency, what is transparent becomes white. Raises UsageError for what
    is not an image, also for arrays with values outside their range: nothing is cut or scaled by guess.
    """

    AIM_NAME = "aim.image"

    def __init__(
        self,
        image: Any,
        caption: str = "",
        format: str | None = None,
        quality: int = 90,
        optimize: bool = False,
    ) -> None:
        wanted = _normal_format(format)
        if isinstance(image, str | os.PathLike):
            source, (blob, picture, found) = "file", _from_file(os.fspath(image), wanted, quality, optimize)
        else:
            source, picture = picture_of(image)
            found = wanted or _format_for(picture)
            blob = MemoryBlob(_encoded(picture, found, quality, optimize))
        super().__init__(
            blob,
            caption=_checked_caption(caption),
            format=found,
            width=picture.width,
            height=picture.height,
            mode=picture.mode,
            source=source,
        )

    @property
    def caption(self) -> str:
        """The text to show beside the image."""
        text: str = self.storage["caption"]
        return text

    @caption.setter
    def caption(self, value: str) -> None:
        self.storage["caption"] = _checked_caption(value)

    @property
    def format(self) -> str:
        """How the image is encoded: "png", "jpeg", ..."""
        name: str = self.storage["format"]
        return name

    @property
    def width(self) -> int:
        """The width in pixels."""
        pixels: int = self.storage["width"]
        return pixels

    @property
    def height(self) -> int:
        """The height in pixels."""
        pixels: int = self.storage["height"]
        return pixels

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    def to_pil_image(self) -> Picture:
        """Return the image as a PIL image. Raises DamagedBlobError if what is stored is missing or damaged."""
        from PIL import Image as Pillow  # noqa: PLC0415 - loaded only where images are

        return Pillow.open(io.BytesIO(self._blob.read()))

    def open(self) -> BinaryIO:
        """Return the encoded image as a file to be read. Raises DamagedBlobError."""
        return self._blob.open()

    def json(self) -> dict[str | int, Any]:
        """Return caption, format, width and height, as in Aim."""
        return {name: self.storage[name] for name in ("caption", "format", "width", "height")}

    def __eq__(self, other: object) -> bool:
        """Whether the other image has the same bytes, format and caption."""
        if not isinstance(other, Image):
            return NotImplemented
        return self._blob.digest == other._blob.digest and self.json() == other.json()

    __hash__ = None  # type: ignore[assignment] # the caption can be changed

    def __repr__(self) -> str:
        return f"<Image {self.width}x{self.height} {self.format} {self.caption!r:.80}>"

    def _state(self, path: Key, blobs: list[Blob]) -> tuple[str, Any]:
        _checked_caption(self.storage["caption"])
        return super()._state(path, blobs)


def _checked_caption(caption: Any) -> str:
    if not isinstance(caption, str):
        raise ValueTypeError(
            f"the caption of an image is a string, not {type(caption).__name__}: {caption!r:.80}"
        )
    return caption


def _normal_format(name: str | None) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise ValueTypeError(f"the format of an image is a string, not {type(name).__name__}")
    lower = name.lower().lstrip(".")
    return "jpeg" if lower == "jpg" else "tiff" if lower == "tif" else lower


def _from_file(path: str, wanted: str | None, quality: int, optimize: bool) -> tuple[Blob, Picture, str]:
    """Return the content to keep, the picture (for its properties) and the format."""
    from PIL import Image as Pillow  # noqa: PLC0415
    from PIL import UnidentifiedImageError  # noqa: PLC0415

    blob = blob_of_file(path)
    try:
        with blob.open() as file, Pillow.open(file) as picture:
            picture.load()  # an image that is cut short is noticed here
            found = (picture.format or DEFAULT_FORMAT).lower()
            if wanted is not None and wanted != found:
                blob, found = MemoryBlob(_encoded(picture, wanted, quality, optimize)), wanted
            return blob, picture, found
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        if isinstance(error, UsageError):
            raise
        # Pillow names the object that it read from, which says nothing to anybody.
        why = "it has no known format" if isinstance(error, UnidentifiedImageError) else str(error)
        raise UsageError(
            f"{path} cannot be read as an image: {why}", hint="Give an image that Pillow can read."
        ) from error


def _format_for(picture: Picture) -> str:
    own = (picture.format or "").lower()
    return own if own in _ANIMATED and _frames(picture) > 1 else DEFAULT_FORMAT


def _frames(picture: Picture) -> int:
    count: int = getattr(picture, "n_frames", 1)
    return count


def _encoded(picture: Picture, name: str, quality: int, optimize: bool) -> bytes:
    """Return the image file with that picture in it."""
    options: dict[str, Any] = {"optimize": optimize}
    if name in ("jpeg", "webp"):
        options["quality"] = quality
    if _frames(picture) > 1:
        if name not in _ANIMATED:
            raise UsageError(
                f"an image with {_frames(picture)} frames cannot be kept as {name!r}",
                hint=f"Take one of {', '.join(_ANIMATED)}, or copy the one frame that you want.",
            )
        options["save_all"] = True
    else:
        picture = _with_a_mode_for(picture, name)
    file = io.BytesIO()
    try:
        picture.save(file, name, **options)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"an image of mode {picture.mode!r} cannot be kept as {name!r}: {error}",
            hint="Take another format, or convert the image first.",
        ) from error
    return file.getvalue()


def _with_a_mode_for(picture: Picture, name: str) -> Picture:
    """Return the picture with a mode that the format has; what is transparent is put on white if need be."""
    from PIL import Image as Pillow  # noqa: PLC0415

    if picture.mode in _PREMULTIPLIED:
        picture = picture.convert(_PREMULTIPLIED[picture.mode])
    clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    if name in _OPAQUE and clear:
        front = picture.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", front.size, "white"), front).convert("RGB")
    if name == "jpeg" and picture.mode == "P":
        return picture.convert("RGB")
    if name == DEFAULT_FORMAT and picture.mode in _AS_RGB:
        return picture.convert("RGB")
    return picture
