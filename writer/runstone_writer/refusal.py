"""What a refusal of the storage means, and what to say of it."""

from __future__ import annotations

import errno

from .errors import StoreError

_HOPELESS = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG,
)  # fmt: skip


def is_hopeless(error: OSError) -> bool:
    """Whether nothing can ever be written there; a full disk may become free again."""
    return error.errno in _HOPELESS


def unwritable(root: str, error: OSError) -> StoreError:
    """Return the error for a repository that nothing can be written to."""
    return StoreError(
        f"cannot write to {root}: {error.strerror}",
        path=root,
        hint="Give a folder that you may write to: Run(repo=...).",
    )


def waiting(what: str, error: OSError, run: str, limit: int) -> str:
    """Return the warning that events wait in memory, at most `limit` bytes of them."""
    return (
        f"{what}: {error.strerror or error}\nTraining goes on: events of run {run} wait in memory (up to "
        f"{limit >> 20} MiB) and are sent again, in a new file, as soon as the storage takes them."
    )


def left(count: int, run: str, home: str, error: OSError | None, *, lost: int, path: str) -> str:
    """Return the warning that a process ended with `count` events that its `home` refused.

    `lost` of them the temporary folder has refused as well; otherwise they are in the file at `path`.
    """
    if lost:
        fate = f"The temporary folder refused {lost} of them too: they are lost."
    else:
        fate = f"They are in {path}: move that file to {home}"
    return f"{count} events of run {run} could not be written to {home}: {error}\n{fate}"
