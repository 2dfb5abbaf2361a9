"""What is collected: Python's garbage, not where there is none; and freed memory, for the system."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Decoding makes millions of objects and no cycles: looking for some would double its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def give_back() -> None:
    """Have the C library give back to the system what was freed: it keeps that, for each thread of Tantivy's."""
    import ctypes  # noqa: PLC0415 - for processes that live long

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
