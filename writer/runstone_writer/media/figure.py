"""`Figure`: a plotly or matplotlib figure at a step."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, ValueTypeError
from .blob import MemoryBlob
from .custom import Content
from .pixels import is_matplotlib

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLOTLY, SVG = "plotly", "svg"


class Figure(Content):
    """A figure that can be looked at later.

    Args:
        obj: a plotly figure, kept as plotly's JSON, or a matplotlib figure. The latter is converted by plotly,
            as in Aim; it is kept as SVG where plotly is not installed or cannot convert it. (Image(figure)
            keeps a picture of any figure.)

    Raises ValueTypeError for anything else.
    """

    AIM_NAME = "aim.figure"

    def __init__(self, obj: Any) -> None:
        if is_matplotlib(obj):
            source, converted = "matplotlib", _converted(obj)
        elif hasattr(obj, "to_plotly_json") and hasattr(obj, "to_json"):
            source, converted = "plotly", obj
        else:
            raise ValueTypeError(
                f"a Figure cannot be made of {type(obj).__module__}.{type(obj).__qualname__}",
                hint="Give a plotly or a matplotlib figure.",
            )
        if converted is None:
            text, kept, version = _svg(obj), SVG, _version("matplotlib")
        else:
            text, kept, version = converted.to_json(), PLOTLY, _version("plotly")
        super().__init__(MemoryBlob(text.encode()), source=source, format=kept, version=version)

    @property
    def format(self) -> str:
        """How the figure is kept: "plotly" (its JSON) or "svg"."""
        name: str = self.storage["format"]
        return name

    @property
    def data(self) -> str:
        """The JSON or SVG of the figure. Raises DamagedBlobError if what is stored is missing or damaged."""
        return self._blob.read().decode()

    def to_plotly_figure(self) -> go.Figure:
        """Return the figure as one of plotly's, which has to be installed. Raises UsageError for an SVG."""
        if self.format != PLOTLY:
            raise UsageError(
                f"this figure is kept as {self.format}, which plotly cannot read",
                hint="`data` has it as text.",
            )
        import plotly.io  # noqa: PLC0415 - only where figures are looked at

        return plotly.io.from_json(self.data)

    def json(self) -> dict[str | int, Any]:
        """Return source, format and version of the library that it was made with."""
        return {name: self.storage[name] for name in ("source", "format", "version")}

    def __repr__(self) -> str:
        return f"<Figure of {self.storage['source']} as {self.format}>"


def _converted(figure: Any) -> Any:
    """Return a matplotlib figure as one of plotly's; None if there is no plotly, or if it cannot."""
    try:
        from plotly.tools import mpl_to_plotly  # noqa: PLC0415

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is deprecated in matplotlib
            warnings.simplefilter("error", UserWarning)  # of what it leaves out
            return mpl_to_plotly(figure)
    except Exception:  # another library's guesses at a third one's insides fail in many ways
        return None


def _svg(figure: Any) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg")
    return file.getvalue()


def _version(package: str) -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version(package)
