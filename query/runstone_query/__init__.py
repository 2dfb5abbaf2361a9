"""The query room of Runstone: AimQL, `Repo`, sequences. Importing it loads nothing until it is used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import Context
    from .repo import Repo
    from .run import Run
    from .sequences import Metric

_PLACES = {"Context": "context", "Metric": "sequences", "Repo": "repo", "Run": "run"}

__all__ = ["Context", "Metric", "Repo", "Run"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
