"""Copying and moving a run to another repository: byte for byte, and in place as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from zlib import crc32

from runstone_indexer.discovery import RunFolder, hinted, look_into
from runstone_indexer.hints import leave_hint
from runstone_writer.errors import StoreError, UsageError
from runstone_writer.layout import Layout, log_order, make_folder, open_file, sync_folder
from runstone_writer.liveness import file_system_now, is_written

from .blobs import PIECE, copy_blob, named_in
from .leftovers import INCOMING
from .overlay import Tail
from .repo import Repo
from .trash import Trash

ATTEMPTS = 5  # to copy a run that is edited meanwhile


def copy_run(source: Repo, run: str, dest: Repo) -> None:
    """Copy a run; see :meth:`Repo.copy_run`."""
    _copied(source, run, dest)


def move_run(source: Repo, run: str, dest: Repo) -> None:
    """Move a run; see :meth:`Repo.move_run`. The source's index is left to `forget`."""
    folder = _copied(source, run, dest)
    source.delete_run(run)  # an event: whoever reads from an index learns of it
    try:
        if _removed(source.layout, run, folder):
            return
    except BaseException:
        source.restore_run(run)
        raise
    source.restore_run(run)
    raise UsageError(
        f"run {run} was changed while it was moved", hint="It is in both repositories. Move it again."
    )


def _removed(layout: Layout, run: str, copied: RunFolder) -> bool:
    """Remove a run that has just been deleted, if nothing but that has happened to it since it was copied."""
    hints = hinted(layout).get(run, [])
    refuse_live(layout, run)
    now = look_into(layout, run)
    before = {name: size for name, size in now.sizes.items() if name in copied.sizes}
    came = len(now.sizes) - len(copied.sizes)
    return before == copied.sizes and came == 1 and Trash(layout).remove(run, now, hints)


def _copied(source: Repo, run: str, dest: Repo) -> RunFolder:
    """Copy a run, and return what was copied."""
    source.record(run)  # raises MissingRunError
    if os.path.realpath(source.layout.root) == os.path.realpath(dest.layout.root):
        raise UsageError(f"run {run} is in {dest.path} already: it is the same repository")
    for _ in range(ATTEMPTS):
        refuse_live(source.layout, run)
        folder = look_into(source.layout, run)
        _copy(source.layout, run, folder, dest.layout)
        if look_into(source.layout, run).sizes == folder.sizes:
            break
    else:
        raise UsageError(f"run {run} is changed again and again", hint="Try again when it is left alone.")
    tail = dest.snapshots.tail(run)
    if tail.state.deleted:  # it was there once: whoever copies it wants it back
        dest.restore_run(run)
    return folder


def refuse_live(layout: Layout, run: str) -> None:
    """Raise UsageError if anybody is writing a run."""
    hints = hinted(layout).get(run, [])
    tail = Tail(layout, run, None)
    tail.update()
    if is_written(layout, tail.state, hints, file_system_now(layout)):
        raise UsageError(
            f"run {run} is being written",
            hint="Wait for its end. (A process that was killed counts as alive for 30 seconds.)",
        )


def _copy(source: Layout, run: str, folder: RunFolder, dest: Layout) -> None:
    there = look_into(dest, run).sizes
    wanted = [name for name in folder.sizes if _is_wanted(source, dest, run, name, folder.sizes, there)]
    if there and not set(there) & set(folder.sizes):
        raise _another(run, dest)
    for name in wanted:
        for blob in sorted(named_in(source.log_path(run, name), folder.sizes[name])):
            with contextlib.suppress(FileNotFoundError):  # a blob that is missing here is missing there
                copy_blob(source, dest, blob, trusting=False)
    if wanted:
        _put_in_place(source, run, {name: folder.sizes[name] for name in wanted}, dest)


def _is_wanted(
    source: Layout, dest: Layout, run: str, name: str, here: dict[str, int], there: dict[str, int]
) -> bool:
    """Whether a log is missing there, or shorter. Raises UsageError if it is another one."""
    if name not in there:
        return True
    common = min(here[name], there[name])
    if checksum(source.log_path(run, name), common) != checksum(dest.log_path(run, name), common):
        raise _another(run, dest)
    return there[name] < here[name]


def _another(run: str, dest: Layout) -> UsageError:
    return UsageError(
        f"{os.path.dirname(dest.root)} has another run with the hash {run}",
        hint="Nothing was changed. Delete that one and remove its bytes with `runstone gc --now` to make room.",
    )


def _put_in_place(source: Layout, run: str, sizes: dict[str, int], dest: Layout) -> None:
    stage = os.path.join(dest.root, INCOMING, os.urandom(8).hex())
    target = dest.run_folder(run)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.makedirs(stage)
    try:
        for name, size in sizes.items():
            copy_log(source.log_path(run, name), os.path.join(stage, name), size)
            leave_hint(dest, run, log_order(name)[0])
        sync_folder(stage)
        try:
            os.rename(stage, target)  # the whole run, at once
        except OSError:  # an older form of it is there: log by log
            make_folder(target)
            for name in sizes:
                os.replace(os.path.join(stage, name), os.path.join(target, name))
            sync_folder(target)
        sync_folder(os.path.dirname(target))
        sync_folder(dest.logs)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(stage))


def copy_log(source: str, target: str, size: int) -> None:
    """Copy the first `size` bytes of a log to a new file, durable and read back on return. Raises StoreError."""
    left, crc = size, 0
    with open(open_file(source), "rb", buffering=0) as file, open(target, "xb", buffering=0) as copy:
        while left and (data := file.read(min(PIECE, left))):
            rest = memoryview(data)
            while rest:
                rest = rest[copy.write(rest) :]
            crc, left = crc32(data, crc), left - len(data)
        os.fsync(copy.fileno())
    if left or checksum(target, size) != crc:
        raise StoreError(f"{target} is not what was copied from {source}", path=target)


def checksum(path: str, size: int, start: int = 0) -> int:
    """Return the CRC-32 of `size` bytes of a file."""
    crc = 0
    with open(open_file(path), "rb", buffering=0) as file:
        file.seek(start)
        while size and (data := file.read(min(PIECE, size))):
            crc, size = crc32(data, crc), size - len(data)
    return crc
