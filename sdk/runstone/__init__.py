"""Runstone: an append-only log of machine-learning runs, and a search engine for them.

A training script needs `Run` and pays only for that; `Repo` and the rest load when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runstone_query.run import Run
from runstone_writer.errors import (
    CorruptionError,
    DamagedBlobError,
    DeletedRunError,
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
    from runstone_query.report import QueryReportMode
    from runstone_query.sequences import Audios, Distributions, Figures, Images, Metric, Texts
    from runstone_writer.media.audio import Audio
    from runstone_writer.media.custom import CustomObject
    from runstone_writer.media.distribution import Distribution
    from runstone_writer.media.figure import Figure
    from runstone_writer.media.image import Image
    from runstone_writer.media.text import Text

_LAZY = {
    "Audio": "runstone_writer.media.audio",
    "Audios": "runstone_query.sequences",
    "Context": "runstone_query.context",
    "CustomObject": "runstone_writer.media.custom",
    "Distribution": "runstone_writer.media.distribution",
    "Distributions": "runstone_query.sequences",
    "Figure": "runstone_writer.media.figure",
    "Figures": "runstone_query.sequences",
    "Image": "runstone_writer.media.image",
    "Images": "runstone_query.sequences",
    "Metric": "runstone_query.sequences",
    "QueryReportMode": "runstone_query.report",
    "Repo": "runstone_query.repo",
    "Text": "runstone_writer.media.text",
    "Texts": "runstone_query.sequences",
}

__all__ = [
    "Audio",
    "Audios",
    "Context",
    "CorruptionError",
    "CustomObject",
    "DamagedBlobError",
    "DeletedRunError",
    "Distribution",
    "Distributions",
    "Figure",
    "Figures",
    "FormatVersionError",
    "Image",
    "Images",
    "IndexBusyError",
    "Metric",
    "MissingKeyError",
    "MissingRepoError",
    "MissingRunError",
    "QueryError",
    "QueryReportMode",
    "QueryTimeoutError",
    "ReadOnlyError",
    "Repo",
    "Run",
    "RunstoneError",
    "StoreError",
    "Text",
    "Texts",
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
