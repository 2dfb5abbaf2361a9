"""The indexing room of Runstone: derived, disposable data that makes queries fast."""

from .generation import Generation, open_generation
from .indexer import Indexer, Report

__all__ = ["Generation", "Indexer", "Report", "open_generation"]
