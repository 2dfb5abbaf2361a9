"""Runstone: an append-only log of machine-learning runs, and a search engine for them.

A training script needs `Run` and pays only for that; `Repo` and the rest load when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runstone_query.run import Run
from runstone_writer.errors import (
    CorruptionError,
    FormatVersionError,
    IndexBusyError,
    MissingKeyError,
    MissingRepoError,
    MissingRunError,
    QueryError,
    QueryTimeoutError,
    ReadOnlyError,
    RunstoneError,
    StoreError,
    UsageError,
    ValueTypeError,
)

from ._version import __version__

if TYPE_CHECKING:
    from runstone_query.context import Context
    from runstone_query.repo import Repo
    from runstone_query.sequences import Metric

_LAZY = {
    "Context": "runstone_query.context",
    "Metric": "runstone_query.sequences",
    "Repo": "runstone_query.repo",
}

__all__ = [
    "Context",
    "CorruptionError",
    "FormatVersionError",
    "IndexBusyError",
    "Metric",
    "MissingKeyError",
    "MissingRepoError",
    "MissingRunError",
    "QueryError",
    "QueryTimeoutError",
    "ReadOnlyError",
    "Repo",
    "Run",
    "RunstoneError",
    "StoreError",
    "UsageError",
    "ValueTypeError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
