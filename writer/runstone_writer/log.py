"""The appending end of a log: one file per writer process, which nobody else opens for writing.

When a method returns, the line is *written* (the kernel has it). The tender makes it *durable* within
a second. A write or an fsync that fails abandons the file: what is not known to be durable is sent
again in the writer's next part (docs/format/log.md, "Parts"), and until that works it waits in memory.

A line on its way into the file is *pending*. An exception out of a signal handler leaves it pending, and
whoever comes next completes it; a signal handler (or the garbage collector) that logs in the middle of
that finds the lock its own, and what it wants is done as soon as the interrupted call is complete.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
import weakref
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import orjson

from . import refusal
from .cargo import Cargo
from .errors import UsageError
from .heartbeat import Heartbeat
from .layout import Layout, host, log_name, make_folder, new_writer, writer_time
from .lines import LOG_FORMAT, LONGEST_BODY, encode_event, encode_point, frame_all, key_of, too_long
from .part import Part
from .tender import TENDER
from .workers import at_end_of_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from .media.blob import Blob

CHECKPOINT_BYTES = 1024 * 1024  # after this much, header and declarations are repeated
WAITING_LIMIT = 64 * 1024 * 1024  # bytes kept in memory while the storage refuses them
UNSYNCED_LIMIT = 1_000_000  # lines kept in memory while an fsync takes its time; then the writer waits for it
RETRY_SECONDS = 1.0
BATCH = 256  # points that are written before anybody else's turn comes

Kind = Literal["run", "edit"]

_dumps = orjson.dumps
_write = os.write
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while a laptop sleeps, never jumps
_clock = time.clock_gettime_ns
_NOWHERE = Part(0, -1, 0)  # in place of a file: every write to it fails
_OWN = (b'{"event":"log"', b'{"event":"sequence"', b'{"event":"resent"')  # every part has its own
_open_logs: weakref.WeakSet[LogWriter] = weakref.WeakSet()


class LogWriter:
    """One writer's log. The file is made by the first line; a forked child goes on in a log of its own."""

    def __init__(self, layout: Layout, run: str, *, kind: Kind = "run", durable: bool = False) -> None:
        self.layout = layout
        self.run = run
        self.kind: Kind = kind
        self.durable = durable
        self.declarations: dict[int, bytes] = {}
        self.writer = self.parent = ""  # and the writer of the process that this one was forked from
        # Whether the first line of all raises StoreError where nothing can ever be written.
        self.may_refuse = kind == "run"
        self._start()
        _open_logs.add(self)

    def _start(self) -> None:
        """Become a writer that has written nothing: at first, and again in a forked child."""
        now = time.time_ns()
        self.writer = new_writer(now)
        self.started = False
        self.closed = self._closing = False
        self.refusal: OSError | None = None
        self._zero = _clock(_CLOCK) - (now - writer_time(self.writer) * 1000)
        self._part = _NOWHERE
        self._next = 0  # the number of the next part,
        self._origin = (0, 0)  # and from where on it sends again what stands in earlier ones
        # None: at rest; b"": somebody is at work, or was when an exception came; else the body of a line that is
        # on its way into the file.
        self._pending: bytes | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = self._dropped = 0
        self._retry_at = 0.0
        self._warning = ""
        self._warned = self._doubtful = False
        self._heart = Heartbeat(self.layout, self.run, self.writer)
        self._final: str | None = None
        self._cargo = Cargo()
        self._deferred: deque[Callable[[], bytes]] = deque()  # lines wanted in the middle of another call,
        self._served: Callable[[], bytes] | None = None  # the one of them that is being written,
        self._close_asked: tuple[str | None] | None = None  # and close(), asked for there as well
        self._after = self.durable  # whether there is something to settle
        # _lock guards all of this; _sync_lock lets one fsync run at a time. Whoever needs both takes
        # _sync_lock first, so nobody may ask for it while holding _lock.
        self._lock = threading.RLock()
        self._sync_lock = threading.RLock()

    # -- appending ---------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the time in microseconds after the log's base: it never runs backwards."""
        return (_clock(_CLOCK) - self._zero) // 1000

    def point(self, sequence: int, step: float, value: Any, epoch: float | None) -> None:
        """Append one point of a declared sequence. `value` is tagged JSON, with "nan", "inf" and "-inf" for
        what is not finite.
        """
        lock = self._lock
        try:
            try:  # what `with` does, and a tenth of a microsecond faster
                lock.acquire()
                if here := self._pending is None:
                    self._pending = b""
                    # The 0 stands where the CRC goes: cutting "0]" off is cheaper than adding a comma.
                    dt = (_clock(_CLOCK) - self._zero) // 1000
                    if epoch is None:
                        body = _dumps((sequence, step, value, dt, 0))[:-2]
                    else:
                        body = _dumps((sequence, step, value, dt, epoch, 0))[:-2]
                    if len(body) > LONGEST_BODY:
                        raise too_long(body, "the point")
                    self._pending = body
                    part = self._part
                    own = crc32(body, part.crc)
                    tail = b"%d]\n" % (own ^ part.key)
                    line = body + tail
                    if _write(part.fd, line) == len(line):
                        part.lines.append(line)
                        part.crc = crc32(tail, own)
                        self._pending = None
                        if not self._after:
                            return
                    else:
                        self._work_off()
                        self._retry()
                        self._pending = None
            except OSError as error:
                self._fail(error)
                self._pending = None
            finally:
                lock.release()
        except RuntimeError as error:  # Ctrl-C while waiting for the lock: there was nothing to release
            raise error.__context__ or error from None
        if here:
            self._settle()
        else:
            self._submit(partial(self._encode_point, sequence, step, value, epoch))

    def _encode_point(self, sequence: int, step: float, value: Any, epoch: float | None) -> bytes:
        return encode_point(sequence, step, value, self.now(), epoch)

    def points(self, sequence: int, points: list[tuple[float, Any]]) -> None:
        """Append (step, value) pairs together: a durable log makes one fsync of up to 256 of them."""
        for start in range(0, len(points), BATCH):
            batch = points[start : start + BATCH]
            self._submit_all([partial(self._encode_point, sequence, *point, None) for point in batch])

    def append(self, event: str, **fields: Any) -> None:
        """Append an event. Raises UsageError if it is longer than a line may be."""
        self._submit(
            lambda: encode_event({"event": event, "dt": self.now(), **fields}, f"the {event!r} event")
        )

    def declare(self, sequence: int, name: str, context: Any, kind: str) -> None:
        """Append (or repeat) the declaration of a sequence."""
        fields = {"event": "sequence", "id": sequence, "name": name, "context": context, "type": kind}
        body = encode_event(fields, f"the declaration of sequence {name!r}")
        self.declarations[sequence] = body
        self._submit(lambda: body)

    def point_with(
        self, blobs: list[Blob], sequence: int, step: float, value: Any, epoch: float | None
    ) -> None:
        """Append a point that refers to blobs, once these are in their place."""
        self._submit_with(blobs, partial(self._encode_point, sequence, step, value, epoch), waits=True)

    def append_with(self, blobs: list[Blob], event: str, **fields: Any) -> None:
        """Append an event that refers to blobs, once these are in their place."""
        what = f"the {event!r} event"
        self._submit_with(
            blobs, lambda: encode_event({"event": event, "dt": self.now(), **fields}, what), waits=False
        )

    def _submit_with(self, blobs: list[Blob], make: Callable[[], bytes], *, waits: bool) -> None:
        make()  # what is wrong with it is raised here, before anything is kept
        try:
            self._cargo.shelve(self, blobs, may_wait=waits)
        except OSError as error:
            self._warn_soon(self._cargo.refused(self, error, blobs, make if waits else None))
            self._settle()
        else:
            self._submit(make)

    def _warn_soon(self, message: str) -> None:
        if message and not self._warning:
            self._warning, self._after = message, True

    def _submit(self, make: Callable[[], bytes]) -> None:
        """Write the line that `make` gives: now, or when the call that this one has interrupted is complete."""
        if self._lock._is_owned():  # type: ignore[attr-defined]
            if self._closing:
                raise self._closed_error()
            make()  # what is wrong with it is raised here
            self._deferred.append(make)
            self._after = True
            return
        with self._lock:
            self._enter()
            self._put(make())
            self._leave()
        if self._after:
            self._settle()

    def _submit_all(self, makes: list[Callable[[], bytes]]) -> None:
        if self._lock._is_owned():  # type: ignore[attr-defined]
            for make in makes:
                self._submit(make)
            return
        with self._lock:
            self._enter()
            for make in makes:
                self._put(make())
            self._leave()
        if self._after:
            self._settle()

    def _enter(self) -> None:
        """Mark the log as being worked on, after completing what an exception has cut short."""
        if self._pending is not None:
            self._work_off()
        self._pending = b""

    def _leave(self) -> None:
        """Leave the log at rest, with what signal handlers wanted to append in the meantime."""
        deferred = self._deferred
        while deferred:
            if deferred[0] is not self._served:
                body = deferred[0]()
                self._pending, self._served = body, deferred[0]
                self._put(body)
            deferred.popleft()
        self._pending = None

    def _put(self, body: bytes) -> None:
        self._pending = body
        try:
            self._part.append(body)
            self._pending = b""
        except OSError as error:
            self._fail(error)

    def _settle(self) -> None:
        """Do what had to wait until the lock was free: deferred calls, the fsync of a durable log, a warning."""
        if self._lock._is_owned():  # type: ignore[attr-defined]
            return
        self._after = self.durable or self._part.syncing > 0
        self._catch_up()
        if self.durable or len(self._part.lines) > UNSYNCED_LIMIT:
            self.sync()
        if self._warning:
            message, self._warning = self._warning, ""
            warnings.warn(message, RuntimeWarning, stacklevel=5)

    def _catch_up(self) -> None:
        """Do what was asked for in the middle of another call."""
        if self._deferred:
            with self._lock:
                self._enter()
                self._leave()
        asked, self._close_asked = self._close_asked, None
        if asked is not None:
            self.close(*asked)

    # -- when something went wrong -------------------------------------------------------------------

    def _work_off(self) -> None:
        """Bring the log to rest: complete the pending line, then send what waits."""
        part, waiting = self._part, self._waiting
        if part is _NOWHERE:
            self._wait()
            return
        try:
            if self._pending:
                part.complete(self._pending)
            while True:
                if waiting and waiting[0] is self._pending:
                    self._waiting_bytes -= len(waiting.popleft())
                if not waiting:
                    break
                self._pending = waiting[0]
                part.append(waiting[0])
            if self._dropped:
                body = encode_event(
                    {"event": "dropped", "dt": self.now(), "count": self._dropped}, "the 'dropped' event"
                )
                self._dropped, self._pending = 0, body
                part.append(body)
            if not part.caught_up:
                self._pending = encode_event({"event": "resent", "dt": self.now()}, "the 'resent' event")
                part.append(self._pending)
                part.caught_up = True
            self._pending = b""
        except OSError as error:
            self._condemn(error)

    def _fail(self, error: OSError) -> None:
        """The pending line could not be written: it waits, and so does all that is not known to be durable."""
        if self.closed:
            self._pending = None
            raise self._closed_error() from None
        if self._part is _NOWHERE:
            self._wait()
        else:
            self._condemn(error)
        self._retry()

    def _closed_error(self) -> UsageError:
        return UsageError(
            f"run {self.run} is closed", hint=f"Go on with it in Run({self.run!r}), which resumes it."
        )

    def _condemn(self, error: OSError) -> None:
        """Give the part up: what it has that is not known to be durable waits for the next, ahead of the rest."""
        part, pending, waiting = self._part, self._pending, self._waiting
        end, bodies = part.give_up(self._folders())
        again = deque(body for body in bodies if not body.startswith(_OWN))
        again.extend(waiting)
        if pending and not pending.startswith(_OWN) and not (waiting and waiting[0] is pending):
            again.append(pending)
        size = sum(map(len, again))
        origin = (part.number, end) if part.caught_up else self._origin
        # Plain assignments in a row: nothing comes in between (see part.py).
        self._part, self._waiting, self._pending, self._origin = _NOWHERE, again, b"", origin
        self._waiting_bytes = size
        self._drop()
        self._refused(
            f"cannot write to {self.layout.log_path(self.run, log_name(self.writer, part.number))}", error
        )

    def _wait(self) -> None:
        """There is no part to write to: the pending line waits for one."""
        body, waiting = self._pending, self._waiting
        if body and not body.startswith(_OWN) and not (waiting and waiting[-1] is body):
            waiting.append(body)
            self._waiting_bytes += len(body)
        self._pending = b""
        self._drop()

    def _drop(self) -> None:
        while self._waiting and self._waiting_bytes > WAITING_LIMIT:
            self._waiting_bytes -= len(self._waiting.popleft())
            self._dropped += 1

    def _retry(self) -> None:
        if self._part is _NOWHERE and time.monotonic() >= self._retry_at:
            self._resume()

    def _resume(self) -> None:
        """Open the next part and send what waits. If that fails in its turn, the rest goes on waiting."""
        progress = True
        while progress and self._part is _NOWHERE:
            before = len(self._waiting)
            try:
                self._open_part()
                self._work_off()
            except OSError as error:
                self._refuse_if_hopeless(error)
                self._refused(f"cannot open a log in {self.layout.run_folder(self.run)}", error)
            progress = len(self._waiting) < before
        waits = self._part is _NOWHERE or self._doubtful  # after a failed fsync a write means little
        self._retry_at = time.monotonic() + RETRY_SECONDS if waits else 0.0

    def _refuse_if_hopeless(self, error: OSError) -> None:
        """A folder that can never be written to is a wrong call; a full disk is not (it may become free)."""
        first, self.may_refuse = self.may_refuse, False
        if not first or not refusal.is_hopeless(error):
            return
        self.forget()
        raise refusal.unwritable(self.layout.root, error) from error

    def _refused(self, what: str, error: OSError) -> None:
        self.refusal = error.with_traceback(None)  # a traceback would keep the part, and so the file, open
        if not self._warned:
            self._warned, self._warning = True, refusal.waiting(what, error, self.run, WAITING_LIMIT)
            self._after = True  # last: whoever sees it finds the warning

    # -- the file --------------------------------------------------------------------------------------

    @property
    def part(self) -> int:
        """The number of the newest part; -1 before the first line."""
        return self._next - 1

    def path(self) -> str:
        """Return the path of the newest part."""
        return self.layout.log_path(self.run, log_name(self.writer, max(self.part, 0)))

    def unwritten(self) -> list[bytes]:
        """Return the bodies of the lines that are not in a file yet, because the storage refuses them."""
        return list(self._waiting)

    def _open_part(self) -> None:
        TENDER.add(self)
        at_end_of_worker("logs", _close_all, 10)
        if not self.started:
            self._heart.begin()
            make_folder(self.layout.run_folder(self.run))
        number = self._next
        name = log_name(self.writer, number)
        path, key = self.layout.log_path(self.run, name), key_of(self.run, name)
        preamble = self._preamble(number)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            self._clear_away(path, frame_all(preamble, 0, key)[0])
            self._open_part()
            return
        part = Part(number, fd, key)
        try:
            part.begin(preamble)
        except BaseException:  # no trace of the attempt is left: nothing acknowledged is in it
            part.close()
            os.unlink(path)
            raise
        self._next, self._pending, self._part = number + 1, b"", part
        self.started, self.may_refuse = True, False

    def _clear_away(self, path: str, lines: list[bytes]) -> None:
        """Remove what an attempt has left that an exception cut short; anything else stays where it is."""
        with open(path, "rb") as file:
            leftover = b"".join(lines).startswith(file.read())
        if leftover:
            os.unlink(path)
        else:
            self._next += 1

    def _preamble(self, number: int) -> list[bytes]:
        """Return what every part begins with, and what is repeated in it now and then."""
        header: dict[str, Any] = {"event": "log", "format": LOG_FORMAT, "run": self.run}
        header |= {"writer": self.writer, "part": number, "kind": self.kind}
        header |= {"host": host(), "pid": os.getpid()}
        if self.parent:
            header["parent"] = self.parent
        if number:
            header["from"] = self._origin
        return [encode_event(header, "the header"), *list(self.declarations.values())]

    def _folders(self) -> list[str]:
        """Return the folders that hold the names on the way to the file: the run's, its shard, logs/."""
        folder = self.layout.run_folder(self.run)
        shard = os.path.dirname(folder)
        return [folder, shard, os.path.dirname(shard)]

    # -- durability ------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Make every written line durable, its folder entry too. Errors lead to a new part, not to the caller."""
        if self._lock._is_owned():  # type: ignore[attr-defined]
            return  # in the middle of a write; the tender comes by again
        self._catch_up()
        with self._sync_lock:
            self._cargo.retry(self)
            with self._lock:
                self._enter()
                part, end = self._begin_sync()
                self._leave()
            self._warn_soon(self._cargo.sync(self))  # of all blobs that a line before `end` names
            if part is not None:
                part.sync(self._folders())
                with self._lock:
                    self._enter()
                    self._end_sync(part, end)
                    self._leave()

    def _begin_sync(self) -> tuple[Part | None, int]:
        """Set apart what the coming fsync covers; return its part (None for nothing to do) and where it ends."""
        if self._part.failure is not None:  # an exception came before anybody could see to it
            self._condemn(self._part.failure)
        if self._waiting:
            self._retry()
        part = self._part
        if part is _NOWHERE or part.is_durable:
            return None, 0
        try:
            end = part.take_off()
        except OSError as error:
            self._fail(error)
            return None, 0
        since = end - part.checkpoint
        if since > CHECKPOINT_BYTES and since > 10 * sum(map(len, list(self.declarations.values()))):
            self._repeat_preamble()
            part.checkpoint = end
        self._after = True  # as long as the fsync takes, somebody has to count the lines
        return part, end

    def _repeat_preamble(self) -> None:
        part = self._part
        for body in self._preamble(part.number):
            if self._part is part:
                self._put(body)

    def _end_sync(self, part: Part, end: int) -> None:
        part.land(end)
        self._doubtful = part.failure is not None
        if part.failure is not None and part is self._part:
            self._condemn(part.failure)
            self._retry()

    def beat(self) -> None:
        """Move the heartbeat on: a counter in the hint file, so that any host can see that it moves."""
        if not self.closed:
            self._heart.beat()

    # -- the end ---------------------------------------------------------------------------------------

    def close(self, final: str | None = None) -> None:
        """Append the event `final`, make all durable and close the file. A log never written to leaves no trace."""
        # In the middle of a write, or of the tender's visit: the collector may close a run from anywhere.
        if self._lock._is_owned() or self._sync_lock._is_owned():  # type: ignore[attr-defined]
            self._close_asked, self._after = (final,), True
            return
        if self.closed:
            return
        self._catch_up()
        if self.started or self._waiting:
            with self._sync_lock:
                self._cargo.retry(self, at_once=True)
                self._warn_soon(self._cargo.give_up(self))
            if final is not None and self._final is None:
                self.append(final)
                self._final = final
            self.sync()
        with self._sync_lock, self._lock:
            self._enter()
            self._leave()
            self._pending, self._closing = b"", True
            self._close()
            self._pending = None
        self._settle()

    def _close(self) -> None:
        if self._waiting and not self.closed:
            self._resume()
            if self._waiting:
                self._leave_elsewhere()
        if self._part is not _NOWHERE and not self._part.is_durable:  # the last fsync failed
            self._part.sync(self._folders())
        self.closed = True
        TENDER.remove(self)
        _open_logs.discard(self)
        self._part.close()
        self._part = _NOWHERE

    def forget(self) -> None:
        """Give up a log that could never be opened, with what waits for it."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self.closed = True
        TENDER.remove(self)

    def _leave_elsewhere(self) -> None:
        """The process ends and the storage still refuses: put what waits where it can be fetched from."""
        import tempfile  # noqa: PLC0415 - slow to import, and hardly ever needed

        count, home, why = len(self._waiting), self.layout.run_folder(self.run), self.refusal
        try:
            elsewhere = Layout(tempfile.mkdtemp(prefix="runstone-rescue-"))
            os.makedirs(elsewhere.live)
            self.layout, self.started = elsewhere, False
            self._heart = Heartbeat(elsewhere, self.run, self.writer)
            self._resume()
        except OSError as error:
            self.refusal = error.with_traceback(None)
        self._warning = refusal.left(count, self.run, home, why, lost=len(self._waiting), path=self.path())
        self._after = True


def _after_fork() -> None:
    """In a forked child: every inherited log belongs to the parent; start over, keeping the declarations."""
    for log in list(_open_logs):
        part, log.parent = log._part, log.writer
        log._start()
        part.close()


def _close_all() -> None:
    for log in list(_open_logs):
        if log.kind == "run":
            log.close("end")


os.register_at_fork(after_in_child=_after_fork)
