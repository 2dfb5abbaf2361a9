"""What is served: the first thing that the page asks for."""

from __future__ import annotations

import os
from typing import Any

from .lookout import News
from .refusals import encodable
from .settings import Settings


def project(settings: Settings, now: News, indexed: int | None, *, is_indexing: bool) -> dict[str, Any]:
    """Return what there is to know before any run has been looked at."""
    path = os.path.dirname(settings.layout.root)
    return {
        "name": encodable(os.path.basename(path) or path),
        "path": encodable(path),
        "version": settings.version,
        "read_only": settings.read_only,
        "runs": indexed,
        "active": now.active,
        "generation": now.generation,
        "indexing": is_indexing,
    }
