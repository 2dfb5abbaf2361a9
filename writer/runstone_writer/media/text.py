"""`Text`: a piece of text at a step."""

from __future__ import annotations

from typing import Any

from ..errors import ValueTypeError
from .blob import MemoryBlob, is_blob
from .custom import INLINE_LIMIT, Content


class Text(Content):
    """A text: any Unicode, of any length.

    Args:
        text: the text. Raises ValueTypeError if it is not a string.
    """

    AIM_NAME = "aim.text"

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ValueTypeError(f"a Text is made of a string, not {type(text).__name__}: {text!r:.80}")
        data = text.encode("utf-8", "surrogatepass")
        super().__init__(MemoryBlob(data) if len(data) > INLINE_LIMIT else str.__str__(text))

    @property
    def data(self) -> str:
        """The text. A long one is read from its blob each time."""
        data = self.storage.raw("data")
        return data.read().decode("utf-8", "surrogatepass") if is_blob(data) else str(data)

    def json(self) -> dict[str | int, Any]:
        """Return {}, as in Aim."""
        return {}

    def __repr__(self) -> str:
        data = self.storage.raw("data")
        return f"<Text of {data.size:,} bytes>" if is_blob(data) else f"Text({data!r:.200})"
