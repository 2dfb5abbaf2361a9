"""A backup: a second repository that has what the first one had, brought up to date by what is new."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from runstone_indexer.discovery import look_into, sweep
from runstone_indexer.hints import leave_hint
from runstone_writer.errors import CorruptionError, StoreError, UsageError
from runstone_writer.layout import (
    Layout,
    log_order,
    make_folder,
    open_file,
    open_repo,
    repo_root,
    sync_folder,
    write_whole,
)
from runstone_writer.lines import LINE_LIMIT, chain_after, whole_chunk_holds
from runstone_writer.reader import key_in
from runstone_writer.replay import Problem
from runstone_writer.views import view_logs

from .blobs import PIECE, blobs_in, copy_blob
from .transfer import checksum, copy_log

Progress = Callable[[int, int], None]
UNFINISHED = "unfinished-backup"  # there while logs are brought up to date
_TAIL = 16  # bytes that the end of a line with the digits of its CRC fits into


@dataclass(slots=True)
class Backup:
    """What one `Repo.backup` did."""

    path: str
    runs: int = 0  # that the backup has
    logs: int = 0  # that were copied or have grown
    log_bytes: int = 0
    blobs: int = 0  # that were copied
    blob_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)  # what is not in the backup, or is damaged in it


def back_up(source: Layout, dest: str | os.PathLike[str], progress: Progress | None = None) -> Backup:
    """Bring the backup at `dest` up to date; see :meth:`Repo.backup`."""
    root = repo_root(dest)
    here, there = os.path.realpath(source.root), os.path.realpath(root)
    if there == here or there.startswith(here + os.sep) or here.startswith(there + os.sep):
        raise UsageError(f"{dest} is where the repository itself is", hint="Give another folder.")
    target = open_repo(dest, create=True)
    _check_runs(source, target, dest)
    done = Backup(os.path.dirname(target.root))
    # Where each log ends is decided before the blobs are copied, and the logs come last: so at every moment the
    # blobs that the backup's logs name are there, as a writer puts a blob in place before the line that names it.
    ends = list(_ends(source, done))
    _copy_blobs(source, target, done)
    folders: set[str] = set()  # with new names, to be made durable together
    unfinished = os.path.join(target.root, UNFINISHED)
    is_doubtful = os.path.lexists(unfinished)  # a power cut may have left a good last line behind a hole
    write_whole(unfinished, b"")
    for count, (run, name, end) in enumerate(ends):
        try:
            if is_doubtful:
                _remove_torn(source.log_path(run, name), target.log_path(run, name), end)
            if _bring_up_log(source, target, run, name, end, done):
                folders.add(target.run_folder(run))
        except FileNotFoundError:  # collected in the meantime
            continue
        except OSError as error:
            path = str(error.filename or source.log_path(run, name))
            done.problems.append(Problem(path, 0, 0, f"cannot be copied: {error.strerror or error}"))
        if progress is not None:
            progress(count + 1, len(ends))
    above = {os.path.dirname(folder) for folder in folders}
    if _bring_up_views(source, target, done, is_doubtful=is_doubtful):
        folders.add(target.views)
        above.add(target.root)
    for folder in (*sorted(folders), *sorted(above), target.logs):
        sync_folder(folder)
    os.unlink(unfinished)
    done.runs = sum(1 for _ in sweep(target))
    return done


def _remove_torn(here: str, there: str, end: int) -> None:
    """Remove a copy that is not intact where the original is: it is made anew, whole."""
    with contextlib.suppress(FileNotFoundError):
        common = min(os.stat(there, follow_symlinks=False).st_size, end)
        common = last_line_end(here, common)
        is_same = checksum(here, common) == checksum(there, common)
        if not is_same and intact(here, 0, common) and not intact(there, 0, common):
            os.unlink(there)


def _check_runs(source: Layout, target: Layout, dest: str | os.PathLike[str]) -> None:
    """Refuse what has runs, and none of ours: two repositories that are mixed can only be told apart run by run."""
    if any(source.holds(run) for run in target.runs()):  # as a rule, the first one tells
        return
    theirs, ours = sum(1 for _ in target.runs()), sum(1 for _ in source.runs())
    if theirs and ours:
        raise UsageError(
            f"{os.fspath(dest)} is a repository with {theirs:,} runs, and none of them is one of these {ours:,}",
            hint="Give the folder of an earlier backup, or one that is not there. `runstone runs copy` adds runs.",
        )


def _ends(source: Layout, done: Backup) -> Iterator[tuple[str, str, int]]:
    """Yield each log and where its last whole line ends now."""

    def refused(error: OSError) -> None:
        path = str(error.filename or source.logs)
        done.problems.append(Problem(path, 0, 0, f"cannot be read: {error.strerror}"))

    for run in sweep(source, refused):
        try:
            for name, size in look_into(source, run).sizes.items():
                yield run, name, last_line_end(source.log_path(run, name), size)
        except OSError as error:
            refused(error)


def last_line_end(path: str, size: int) -> int:
    """Return the offset behind the last newline in the first `size` bytes of a file; 0 if there is none."""
    with open(open_file(path), "rb", buffering=0) as file:
        end = size
        while end > 0:
            start = max(end - PIECE, 0)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _copy_blobs(source: Layout, target: Layout, done: Backup) -> None:
    for blob in blobs_in(source):
        try:
            size = copy_blob(source, target, blob.name, trusting=True)
        except FileNotFoundError:  # collected in the meantime
            continue
        except (OSError, CorruptionError) as error:
            done.problems.append(Problem(blob.path, 0, blob.size, str(error).splitlines()[0]))
            continue
        if size:
            done.blobs += 1
            done.blob_bytes += size


def _bring_up_log(source: Layout, target: Layout, run: str, name: str, end: int, done: Backup) -> bool:
    """Copy what is new of a run's log; return whether its name is new."""
    here, there = source.log_path(run, name), target.log_path(run, name)
    start = _common(here, there, end, done)
    if start is None or start >= end:
        return False
    make_folder(target.run_folder(run))
    leave_hint(target, run, log_order(name)[0])
    _bring_up(here, there, start, end, done)
    return not start


def _bring_up_views(source: Layout, target: Layout, done: Backup, *, is_doubtful: bool) -> bool:
    """Copy what is new of the saved views; return whether there are new names."""
    is_new = False
    for name in view_logs(source):
        here, there = source.view_path(name), target.view_path(name)
        try:
            end = last_line_end(here, os.stat(here, follow_symlinks=False).st_size)
            if is_doubtful:
                _remove_torn(here, there, end)
            start = _common(here, there, end, done)
            if start is not None and start < end:
                make_folder(target.views)
                _bring_up(here, there, start, end, done)
                is_new = is_new or not start
        except OSError as error:
            done.problems.append(Problem(here, 0, 0, f"cannot be copied: {error.strerror or error}"))
    return is_new


def _bring_up(here: str, there: str, start: int, end: int, done: Backup) -> None:
    """Copy a log from `start`, up to where the backup has it, to `end`."""
    if start:
        _append(here, there, start, end)
    else:
        _copy_new(here, there, end)
    done.logs += 1
    done.log_bytes += end - start
    if not intact(there, start, end):
        done.problems.append(Problem(there, start, end, "damaged lines, as in the original"))


def _common(here: str, there: str, end: int, done: Backup) -> int | None:
    """Return how much of a log the backup has; None if what it has is not the beginning of this log.

    The digits at the end of a line vouch for all that stands before it, so only they are compared.
    """
    try:
        had = last_line_end(there, os.stat(there, follow_symlinks=False).st_size)
    except FileNotFoundError:
        return 0
    common = min(had, end)
    if _vouched(here, common) == _vouched(there, common) and (
        not common or _vouched(here, common) is not None
    ):
        return had
    if checksum(here, common) == checksum(there, common):  # the line there is damaged, in both
        return had
    reason = "the backup has another log of this name: remove it to have this one copied"
    done.problems.append(Problem(there, 0, common, reason))
    return None


def _vouched(path: str, offset: int) -> int | None:
    with open(open_file(path), "rb", buffering=0) as file:
        file.seek(max(offset - _TAIL, 0))
        return chain_after(file.read(min(offset, _TAIL)))


def _append(here: str, there: str, start: int, end: int) -> None:
    """Append what is new. A kill leaves a line that is not complete, which the next backup replaces."""
    with open(open_file(here), "rb", buffering=0) as file, open(there, "r+b", buffering=0) as copy:
        copy.truncate(start)
        file.seek(start)
        copy.seek(start)
        left = end - start
        while left and (data := file.read(min(PIECE, left))):
            rest = memoryview(data)
            while rest:
                rest = rest[copy.write(rest) :]
            left -= len(data)
        os.fsync(copy.fileno())
    if checksum(here, end - start, start) != checksum(there, end - start, start):
        raise StoreError(f"{there} is not what was copied from {here}", path=there)


def _copy_new(here: str, there: str, end: int) -> None:
    temporary = os.path.join(os.path.dirname(there), f".{os.path.basename(there)}.{os.urandom(4).hex()}")
    try:
        copy_log(here, temporary, end)
        os.replace(temporary, there)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def intact(path: str, start: int, end: int) -> bool:
    """Tell whether every line between two ends of lines is what was written, by the chain of CRCs."""
    with open(open_file(path), "rb", buffering=0) as file:
        crc, key = 0, key_in(file.fileno(), path)
        if start:
            file.seek(max(start - _TAIL, 0))
            before = chain_after(file.read(min(start, _TAIL)), key)
            if before is None:
                return False
            crc = before
        while start < end:
            file.seek(start)
            data = file.read(min(end - start, PIECE))
            if b"\n" not in data:  # a long line
                data += file.read(LINE_LIMIT)
            whole = data[: data.rfind(b"\n", 0, end - start) + 1]
            if not whole or not whole_chunk_holds(whole, crc, key):
                return False
            last = whole[whole.rfind(b"\n", 0, len(whole) - 1) + 1 :]
            crc, start = chain_after(last, key) or 0, start + len(whole)
    return True
