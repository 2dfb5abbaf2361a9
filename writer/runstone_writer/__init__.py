"""The writing room of Runstone: the log format (both its ends), and `Run`, which appends to it."""

from .errors import (
    CorruptionError,
    DamagedBlobError,
    FormatVersionError,
    IndexBusyError,
    MissingKeyError,
    MissingRepoError,
    MissingRunError,
    QueryError,
    ReadOnlyError,
    RunstoneError,
    StoreError,
    UsageError,
    ValueTypeError,
)
from .run import Run

__all__ = [
    "CorruptionError",
    "DamagedBlobError",
    "FormatVersionError",
    "IndexBusyError",
    "MissingKeyError",
    "MissingRepoError",
    "MissingRunError",
    "QueryError",
    "ReadOnlyError",
    "Run",
    "RunstoneError",
    "StoreError",
    "UsageError",
    "ValueTypeError",
]
