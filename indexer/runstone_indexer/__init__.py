"""The indexing room of Runstone: derived, disposable data that makes queries fast. Importing it loads nothing yet."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .generation import Generation, open_generation
    from .indexer import Indexer, Report

_PLACES = {
    "Generation": "generation",
    "Indexer": "indexer",
    "Report": "indexer",
    "open_generation": "generation",
}

__all__ = ["Generation", "Indexer", "Report", "open_generation"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
