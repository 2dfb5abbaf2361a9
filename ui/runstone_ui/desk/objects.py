"""Objects as a page shows them: images, recordings, texts, figures and distributions."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from runstone_writer.errors import RunstoneError, UsageError
from runstone_writer.media.audio import Audio
from runstone_writer.media.blob import StoredBlob, is_blob
from runstone_writer.media.custom import Content
from runstone_writer.media.distribution import Distribution
from runstone_writer.media.figure import PLOTLY, Figure
from runstone_writer.media.image import Image
from runstone_writer.media.text import Text

LONGEST_TEXT = 65_536  # characters
LARGEST_FIGURE = 16 * 1024 * 1024  # bytes
ROOM = 64 * 1024 * 1024  # bytes of texts, figures and distributions in one reply

_CLASSES: dict[str, type[Content]] = {
    "images": Image,
    "audios": Audio,
    "texts": Text,
    "figures": Figure,
    "distributions": Distribution,
}


class Showcase:
    """Shows objects of a kind ("images", ...), until there is no more room in the reply."""

    def __init__(self, kind: str) -> None:
        self._class = _CLASSES[kind]
        self._show = _SHOWN[kind]
        self._left = ROOM

    def show(self, thing: Any) -> dict[str, Any]:
        """Return what the page is told of one object: an error, if it cannot be read."""
        if not isinstance(thing, self._class):
            return {"error": "What is kept here is not as Runstone writes it."}
        if self._left <= 0:
            return {"error": "There is no more room in this answer: ask for fewer steps or sequences."}
        try:
            shown, size = self._show(thing)
        except MemoryError:
            raise
        except RunstoneError as error:
            return {"error": f"{error.message}."}
        except Exception as error:
            return {"error": f"It cannot be read: {type(error).__name__}: {error}"[:500]}
        self._left -= size
        return shown


def _image(image: Image) -> tuple[dict[str, Any], int]:
    about = {"caption": image.caption, "width": image.width, "height": image.height}
    return {**_reference(image), **about}, 0


def _audio(audio: Audio) -> tuple[dict[str, Any], int]:
    return {**_reference(audio), "caption": audio.caption, "rate": audio.rate}, 0


def _text(text: Text) -> tuple[dict[str, Any], int]:
    """A long text is read to its end, to be verified and counted, and never held as a whole."""
    data = text.storage.raw("data")
    if not is_blob(data):
        data = str(data)
        return {"text": data[:LONGEST_TEXT], "length": len(data)}, len(data[:LONGEST_TEXT])
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    shown, length = "", 0
    for piece in data.pieces():
        part = decoder.decode(piece)
        length += len(part)
        shown += part[: LONGEST_TEXT - len(shown)]
    decoder.decode(b"", final=True)
    return {"text": shown, "length": length}, len(shown)


def _figure(figure: Figure) -> tuple[dict[str, Any], int]:
    if figure.format != PLOTLY:
        return _reference(figure), 0
    blob = figure.storage.raw("data")
    if blob.size > LARGEST_FIGURE:
        raise UsageError(f"the figure has {blob.size:,} bytes, too many for a page")
    data = figure.data.encode()
    if not isinstance(orjson.loads(data), dict):
        raise UsageError("this is not the JSON of a figure")
    return {"json": orjson.Fragment(data)}, len(data)


def _distribution(distribution: Distribution) -> tuple[dict[str, Any], int]:
    weights, (low, high) = distribution.weights, distribution.range
    if weights.ndim != 1 or not (np.isfinite(weights).all() and np.isfinite([low, high]).all()):
        raise UsageError("these are not the weights of a distribution")
    return {"weights": weights.tolist(), "low": low, "high": high}, 20 * len(weights)


def _reference(content: Content) -> dict[str, Any]:
    """Return the blob of an object, which is there as far as one can tell without reading it."""
    blob, kept = content.storage.raw("data"), content.storage.raw("format")
    if not isinstance(blob, StoredBlob):
        raise UsageError("its content is not in the repository")
    if not os.path.exists(blob.path):
        raise UsageError("the blob is missing")
    if os.path.getsize(blob.path) != blob.size:
        raise UsageError(f"the blob has {os.path.getsize(blob.path):,} bytes in place of {blob.size:,}")
    return {"blob": blob.digest, "format": kept}


_SHOWN: dict[str, Callable[[Any], tuple[dict[str, Any], int]]] = {
    "images": _image,
    "audios": _audio,
    "texts": _text,
    "figures": _figure,
    "distributions": _distribution,
}
