"""Saved views: names for what the page shows, kept as events in logs of their own (docs/format/repository.md)."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import FormatVersionError, MissingKeyError, StoreError, UsageError
from .layout import (
    host,
    is_link,
    is_log,
    log_name,
    log_order,
    make_folder,
    new_writer,
    parse_log_name,
    writer_time,
)
from .lines import LOG_FORMAT, encode_event, key_of
from .part import Part
from .reader import START, read_log
from .replay import MALFORMED, Problem
from .state import LATEST
from .values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .layout import Layout

KIND = "views"  # of the logs, and the folder that they are in
NO_LOG = "not a log of Runstone's"
LONGEST_LOG = 64 * 1024 * 1024  # bytes of a log of views that are read

_ID = re.compile(r"[0-9a-f]{1,32}")
_ADDRESS = re.compile(r"/(?!/)[^\\\x00-\x1f]*")

Stamp = tuple[int, str]  # microseconds since the epoch, writer: the greatest counts


class View(NamedTuple):
    """A saved view: the path of the page, with its query, that `name` stands for."""

    id: str
    name: str
    address: str
    time: float  # of its last change: seconds since the epoch


class _Known(NamedTuple):
    stamp: Stamp
    made: Stamp
    name: str | None  # None: it was deleted
    address: str


class Views:
    """The saved views of one repository. Each change is an event in a new log, durable on return."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def all(self) -> list[View]:
        """Return the views, in the order in which they were made. Raises StoreError if they cannot be read."""
        known = self._read()[0]
        there = sorted((view.made, name) for name, view in known.items() if view.name is not None)
        return [_shown(name, known[name]) for _, name in there]

    def add(self, name: str, address: str) -> str:
        """Save a view; return its id. Raises UsageError, and StoreError if the storage refuses it."""
        view = os.urandom(6).hex()
        self._write(view, None, _kept(name, address))
        return view

    def change(self, view: str, *, name: str | None = None, address: str | None = None) -> None:
        """Give a view another name or address. Raises MissingKeyError if there is none with that id."""
        known = self._there(view)
        assert known.name is not None  # noqa: S101 - it is there
        kept = _kept(known.name if name is None else name, known.address if address is None else address)
        self._write(view, known, kept)

    def remove(self, view: str) -> None:
        """Take a view away. Raises MissingKeyError if there is none with that id."""
        self._write(view, self._there(view), {"deleted": True})

    def problems(self) -> list[Problem]:
        """Return what in the logs of views is damaged, not complete, or nobody's."""
        return self._read()[1]

    # -- inside ----------------------------------------------------------------------------------------

    def _there(self, view: str) -> _Known:
        known = self._read()[0].get(view)
        if known is None or known.name is None:
            raise MissingKeyError(f"there is no view {view!r}", hint="It may have been deleted.")
        return known

    def _read(self) -> tuple[dict[str, _Known], list[Problem]]:
        known: dict[str, _Known] = {}
        problems: list[Problem] = []
        for name in view_logs(self._layout, problems):
            writer, _ = log_order(name)
            path = self._layout.view_path(name)
            for event in _events(path, problems):
                try:
                    _fold(known, writer, event)
                except MALFORMED as error:
                    problems.append(Problem(path, 0, 0, f"malformed view event: {error!r}"))
        return known, problems

    def _write(self, view: str, before: _Known | None, fields: dict[str, Any]) -> None:
        """Append an event, which is later than what it replaces even if this host's clock is behind another's."""
        now = time.time_ns()
        writer = new_writer(now)
        moment = max(now // 1000, before.stamp[0] + 1 if before is not None else 0)
        dt = moment - writer_time(writer)
        header = {
            "event": "log",
            "format": LOG_FORMAT,
            "run": KIND,
            "writer": writer,
            "part": 0,
            "kind": KIND,
        }
        bodies = [
            encode_event({**header, "host": host(), "pid": os.getpid()}, "the header"),
            encode_event({"event": "view", "dt": dt, "id": view, **fields}, "the view"),
            encode_event({"event": "end", "dt": dt}, "the 'end' event"),
        ]
        try:
            self._put(log_name(writer, 0), bodies)
        except OSError as error:
            raise StoreError(
                f"cannot write a view to {self._layout.views}: {error.strerror}",
                path=self._layout.views,
                hint="Nothing was changed. Look for a full disk or missing permissions.",
            ) from error

    def _put(self, name: str, bodies: list[bytes]) -> None:
        path = self._layout.view_path(name)
        if is_link(self._layout.views):
            raise OSError(errno.ELOOP, "a symbolic link, which may lead out of the repository")
        make_folder(self._layout.views)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666)
        part = Part(0, fd, key_of(KIND, name))
        try:
            part.begin(bodies)
            part.sync([self._layout.views, self._layout.root])
            if part.failure is not None:
                raise part.failure
        except BaseException:
            part.close()
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        part.close()


def view_logs(layout: Layout, problems: list[Problem] | None = None) -> list[str]:
    """Return the file names of the logs of views; what else lies there goes to `problems`. Raises StoreError."""
    if is_link(layout.views):
        return []
    try:
        with os.scandir(layout.views) as entries:
            found = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(
            f"cannot read {layout.views}: {error.strerror}",
            path=layout.views,
            hint="Whose folder is it, and does its file system answer?",
        ) from error
    for entry in found:
        if problems is not None and not is_log(entry) and not entry.name.startswith("."):
            problems.append(Problem(entry.path, 0, 0, NO_LOG))
    return sorted((entry.name for entry in found if is_log(entry)), key=log_order)


def _events(path: str, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    """Yield the events of a log of views, as far as they are intact and the log belongs where it is."""
    position, has_more = START, True
    while has_more and position.offset < LONGEST_LOG:
        try:
            batch = read_log(path, position)
        except (OSError, FormatVersionError) as error:
            problems.append(Problem(path, position.offset, position.offset, f"cannot be read: {error}"))
            return
        problems += [Problem(path, *damage) for damage in batch.damage]
        if not position.offset and not _belongs(path, batch.events):
            problems.append(Problem(path, 0, 0, "a log of something else, found among the views"))
            return
        yield from (event for event in batch.events if event.get("event") == "view")
        position, has_more = batch.position, batch.more
        if not has_more and batch.tail:
            end = position.offset + batch.tail
            problems.append(Problem(path, position.offset, end, f"torn tail of {batch.tail} bytes"))


def _belongs(path: str, events: list[dict[str, Any]]) -> bool:
    writer = (parse_log_name(os.path.basename(path)) or ("", 0))[0]
    headers = [event for event in events if event.get("event") == "log"]
    return all((header.get("run"), header.get("writer")) == (KIND, writer) for header in headers)


def _fold(known: dict[str, _Known], writer: str, event: dict[str, Any]) -> None:
    view, dt = event["id"], event["dt"]
    if not isinstance(view, str) or not _ID.fullmatch(view) or type(dt) is not int:
        raise TypeError(f"{view!r:.80} is no view")
    stamp = (writer_time(writer) + dt, writer)
    if not 0 <= stamp[0] <= LATEST:
        raise ValueError("a time before 1970, or after the year 9999")
    name, address = None, ""
    if event.get("deleted") is not True:
        name, address = decode(event["name"]), decode(event["address"])
        _kept(name, address)
    before = known.get(view)
    made = stamp if before is None else min(before.made, stamp)
    if before is None or stamp > before.stamp:
        known[view] = _Known(stamp, made, name, address)
    else:
        known[view] = before._replace(made=made)


def _kept(name: Any, address: Any) -> dict[str, Any]:
    """Return the fields of an event. Raises UsageError for what is no view: an address that leads elsewhere."""
    if not isinstance(name, str) or not name:
        raise UsageError("a view has a name: a text that is not empty")
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise UsageError(
            "the address of a view is a path of the page", hint="It begins with one slash: '/runs?q='."
        )
    return {"name": encode(name), "address": encode(address)}


def _shown(view: str, known: _Known) -> View:
    return View(view, known.name or "", known.address, known.stamp[0] / 1e6)
