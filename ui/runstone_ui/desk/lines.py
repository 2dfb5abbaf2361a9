"""Lines: what a run has printed and logged, and the lines of its logs as they are."""

from __future__ import annotations

import os
from typing import Any

from runstone_query.messages import records_of, terminal_of
from runstone_query.reply import Reply
from runstone_query.repo import Repo
from runstone_query.run import StoredRun
from runstone_writer.errors import StoreError, UsageError
from runstone_writer.layout import open_file

from .arguments import Arguments
from .values import reply, tagged

MOST_BYTES = 4 * 1024 * 1024  # of a page; a line that is longer comes alone

LONGEST_LINE = 16 * 1024 * 1024  # bytes; what has no newline for longer is no line


def terminal(repo: Repo, arguments: Arguments) -> Reply:
    """`GET runs/<hash>/terminal`."""
    found = terminal_of(_run(repo, arguments))
    lines, total = ([], 0) if found is None else found.page(*_page(arguments))
    return reply({"lines": [{"step": line.step, "text": line.line} for line in lines], "total": total})


def records(repo: Repo, arguments: Arguments) -> Reply:
    """`GET runs/<hash>/records`."""
    found = records_of(_run(repo, arguments))
    rows, total = ([], 0) if found is None else found.page(*_page(arguments))
    shown = [
        {
            "step": row.step,
            "time": row.timestamp,
            "level": row.level,
            "message": row.message,
            "args": tagged(row.args),
        }
        for row in rows
    ]
    return reply({"records": shown, "total": total})


def events(repo: Repo, arguments: Arguments) -> Reply:
    """`GET runs/<hash>/events`."""
    run = _run(repo, arguments).hash
    names = repo.layout.log_names(run)
    log = arguments.text("log") or names[0]
    if log not in names:
        raise UsageError(f"log is not {log!r:.80}", hint=f"The run has {', '.join(names)}.")
    path = repo.layout.log_path(run, log)
    try:
        lines, behind = _read(path, arguments.offset(), arguments.limit(200))
        logs = [{"file": name, "size": os.path.getsize(repo.layout.log_path(run, name))} for name in names]
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}", path=path) from error
    return reply({"logs": logs, "log": log, "lines": lines, "next": behind})


def _run(repo: Repo, arguments: Arguments) -> StoredRun:
    return StoredRun(repo, repo.record(arguments.text("hash")))


def _page(arguments: Arguments) -> tuple[int, int]:
    return arguments.whole("after", -1, -(2**53), 2**53), arguments.limit(1000)


def _read(path: str, start: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """Return the lines from an offset on, and where the next one begins; None if there is none."""
    lines: list[dict[str, Any]] = []
    with open(open_file(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        at = file.seek(min(start, size))
        while at < size and len(lines) < limit and at - start < MOST_BYTES:
            line = file.readline(min(size - at, LONGEST_LINE))
            lines.append({"offset": at, "text": line.removesuffix(b"\n").decode("utf-8", "backslashreplace")})
            at += len(line)
    return lines, at if at < size else None
