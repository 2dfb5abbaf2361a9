"""The appending end of a log: one file per writer process, which nobody else opens for writing.

When a method returns, the line is *written* (the kernel has it). The tender makes it *durable* within
a second. A write or an fsync that fails abandons the file: what is not known to be durable is sent
again in the writer's next part (docs/format/log.md, "Parts"), and until that works it waits in memory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Literal
from zlib import crc32

import orjson

from .errors import UsageError, ValueTypeError
from .layout import Layout, host, log_name, new_writer, sync_folder, writer_time
from .lines import LINE_LIMIT, chain_after, frame
from .tender import TENDER

LOG_FORMAT = 1
CHECKPOINT_BYTES = 1024 * 1024  # after this much, header and declarations are repeated
WAITING_LIMIT = 64 * 1024 * 1024  # bytes kept in memory while the storage refuses them
RETRY_SECONDS = 1.0

Kind = Literal["run", "edit"]

_dumps = orjson.dumps
_write = os.write
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while a laptop sleeps, never jumps
_clock = time.clock_gettime_ns
_fdatasync = getattr(os, "fdatasync", os.fsync)
_open_logs: weakref.WeakSet[LogWriter] = weakref.WeakSet()


class LogWriter:
    """One writer's log. The file is made by the first line; a forked child goes on in a log of its own."""

    def __init__(self, layout: Layout, run: str, *, kind: Kind = "run", durable: bool = False) -> None:
        self.layout = layout
        self.run = run
        self.kind: Kind = kind
        self.durable = durable
        self.declarations: dict[int, bytes] = {}
        self._start()
        _open_logs.add(self)

    def _start(self) -> None:
        """Become a writer that has written nothing: at first, and again in a forked child."""
        self.writer = new_writer()
        self.part = -1
        self.started = False
        self.closed = False
        self._zero = _clock(_CLOCK) - (time.time_ns() - writer_time(self.writer) * 1000)
        self._fd = -1
        self._crc = 0
        self._header = b""
        self._resend_part = 0  # the next part sends again what stands in this one
        self._resend_from = 0  # from this offset on
        self._durable_end = 0
        self._checkpoint = 0
        self._folder_synced = False
        self._unsynced: list[bytes] = []
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._retry_at = 0.0
        self._warned = False
        self._beats = 0
        self._in_flight: list[bytes] | None = None  # being made durable just now
        self._retired: list[int] = []
        self.refusal: OSError | None = None
        self._busy = False
        self._deferred: list[Callable[[], None]] = []
        self._after = self.durable
        # _lock guards the file and its bookkeeping; _sync_lock lets one fsync run at a time.
        # Whoever needs both takes _sync_lock first, so nobody may ask for it while holding _lock.
        self._lock = threading.RLock()
        self._sync_lock = threading.RLock()

    # -- appending ---------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the time in microseconds after the log's base: it never runs backwards."""
        return (_clock(_CLOCK) - self._zero) // 1000

    def point(self, sequence: int, step: float, value: Any, epoch: float | None) -> None:
        """Append one point of a declared sequence. `value` is JSON, with "nan", "inf" and "-inf" as strings."""
        with self._lock:
            if self._busy:  # a signal handler that logs has interrupted us
                self._defer(lambda: self.point(sequence, step, value, epoch))
                return
            self._busy = True
            body = line = b""
            try:
                # The 0 stands where the CRC goes: cutting "0]" off is cheaper than adding a comma.
                if epoch is None:
                    body = _dumps((sequence, step, value, (_clock(_CLOCK) - self._zero) // 1000, 0))[:-2]
                else:
                    body = _dumps((sequence, step, value, (_clock(_CLOCK) - self._zero) // 1000, epoch, 0))[
                        :-2
                    ]
                own = crc32(body, self._crc)
                tail = b"%d]\n" % own
                line = body + tail
                count = _write(self._fd, line)
                if count != len(line):
                    self._finish_line(line, count)
                self._crc = crc32(tail, own)
                self._unsynced.append(body)
            except BaseException as error:
                self._rescue(error, body, line)
            self._busy = False
        if self._after:
            self._settle()

    def append(self, event: str, **fields: Any) -> None:
        """Append an event. Raises UsageError if it is longer than a line may be."""
        with self._lock:
            if self._busy:
                self._defer(lambda: self.append(event, **fields))
                return
            self._append(encode_event({"event": event, "dt": self.now(), **fields}, f"the {event!r} event"))
        if self._after:
            self._settle()

    def declare(self, sequence: int, name: str, context: Any, kind: str) -> None:
        """Append (or repeat) the declaration of a sequence."""
        fields = {"event": "sequence", "id": sequence, "name": name, "context": context, "type": kind}
        body = encode_event(fields, f"the declaration of sequence {name!r}")
        with self._lock:
            self.declarations[sequence] = body
            if self._busy:
                self._defer(lambda: self.declare(sequence, name, context, kind))
                return
            self._append(body)
        if self._after:
            self._settle()

    def _append(self, body: bytes) -> None:
        self._busy = True
        line = b""
        try:
            line, crc = frame(body, self._crc)
            count = _write(self._fd, line)
            if count != len(line):
                self._finish_line(line, count)
            self._crc = crc
            self._unsynced.append(body)
        except BaseException as error:
            self._rescue(error, body, line)
        self._busy = False

    def _defer(self, call: Callable[[], None]) -> None:
        """A signal handler has interrupted a write and wants one too: it follows as soon as ours is complete."""
        self._deferred.append(call)
        self._after = True

    def _settle(self) -> None:
        """Do what had to wait until the lock was free: deferred calls, and the fsync of a durable log."""
        if self._lock._is_owned():  # type: ignore[attr-defined]
            return
        self._after = self.durable
        while self._deferred:
            self._deferred.pop(0)()
        if self.durable:
            self.sync()

    def _finish_line(self, line: bytes, written: int) -> None:
        """Complete a short write: the disk was nearly full, or a signal came."""
        while written < len(line):
            written += _write(self._fd, line[written:])

    # -- when something went wrong -------------------------------------------------------------------

    def _rescue(self, error: BaseException, body: bytes, line: bytes) -> None:
        """Deal with whatever stopped a line from being written."""
        try:
            if isinstance(error, OSError):
                if self.closed:
                    raise UsageError(f"run {self.run} is closed", hint="Run(hash) goes on with it.") from None
                if self._fd >= 0:
                    self._abandon(error)
                self._wait(body)
                if time.monotonic() >= self._retry_at:
                    self._reopen()
                return
            if line and self._fd >= 0:
                self._reconcile(body, line)
        finally:
            self._busy = False
        if self._deferred:
            self._after = True
        raise error

    def _reconcile(self, body: bytes, line: bytes) -> None:
        """An exception (Ctrl-C) came between a write and its bookkeeping: ask the file what happened."""
        size = os.fstat(self._fd).st_size
        if os.pread(self._fd, len(line), max(size - len(line), 0)) == line:
            after = chain_after(line)
            if after is not None and after != self._crc:
                self._crc = after
                self._unsynced.append(body)
        elif chain_after(os.pread(self._fd, LINE_LIMIT, max(size - 16, 0))) != self._crc:
            self._abandon(InterruptedError(errno.EINTR, "interrupted in the middle of a line"))

    def _abandon(self, error: OSError) -> None:
        """Give the file up. What is not known to be durable will be sent again in the next part."""
        fd, self._fd = self._fd, -1
        again, self._unsynced = self._unsynced, []
        if self._in_flight is not None:  # an fsync is under way: it alone hears of an error, so trust nothing
            again = self._in_flight + again
            self._resend_from = self._durable_end
            self._retired.append(fd)
        else:
            try:
                os.fsync(fd)
                self._resend_from = _end_of_lines(fd)
                again = []
            except OSError:
                self._resend_from = self._durable_end
            with contextlib.suppress(OSError):
                os.close(fd)
        self._waiting.extendleft(reversed(again))
        self._waiting_bytes += sum(map(len, again))
        self._resend_part = self.part
        self.refusal = error
        self._retry_at = 0.0
        if error.errno != errno.EINTR:
            self._warn(f"cannot write to {self.path()}: {error.strerror or error}")

    def _wait(self, body: bytes) -> None:
        self._waiting.append(body)
        self._waiting_bytes += len(body)
        while self._waiting_bytes > WAITING_LIMIT:
            self._waiting_bytes -= len(self._waiting.popleft())
            self._dropped += 1

    def _reopen(self) -> None:
        """Open the next part and send what waits; leave it waiting if that fails again."""
        self._retry_at = time.monotonic() + RETRY_SECONDS
        try:
            self._open_part()
            while self._waiting:
                self._write_line(self._waiting[0])
                self._unsynced.append(self._waiting.popleft())
                self._waiting_bytes -= len(self._unsynced[-1])
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                body = encode_event({"event": "dropped", "dt": self.now(), "count": dropped}, "the count")
                self._unsynced.append(body)
                self._write_line(body)
        except OSError as error:
            if self._fd >= 0:
                self._abandon(error)
                self._retry_at = time.monotonic() + RETRY_SECONDS
                return
            self.refusal = error
            self._warn(f"cannot open a log in {self.layout.run_folder(self.run)}: {error.strerror or error}")

    def _warn(self, what: str) -> None:
        if self._warned:
            return
        self._warned = True
        TENDER.add(self)  # it retries
        warnings.warn(
            f"{what}\nTraining goes on: events of run {self.run} wait in memory (up to "
            f"{WAITING_LIMIT >> 20} MiB) and are sent again, in a new file, as soon as the storage takes them.",
            RuntimeWarning,
            stacklevel=5,
        )

    # -- the file --------------------------------------------------------------------------------------

    def path(self) -> str:
        """Return the path of the current part."""
        return self.layout.log_path(self.run, log_name(self.writer, max(self.part, 0)))

    def _open_part(self) -> None:
        layout = self.layout
        if not self.started:
            self._hint()
            os.makedirs(layout.run_folder(self.run), exist_ok=True)
        part = self.part + 1
        header: dict[str, Any] = {
            "event": "log",
            "format": LOG_FORMAT,
            "run": self.run,
            "writer": self.writer,
        }
        header |= {"part": part, "kind": self.kind, "host": host(), "pid": os.getpid()}
        if part:
            header["from"] = [self._resend_part, self._resend_from]
        self._header = encode_event(header, "the header")
        path = layout.log_path(self.run, log_name(self.writer, part))
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._crc = 0
        try:
            self._write_preamble()
        except OSError:  # nothing acknowledged is in it yet: no trace of the attempt is left
            os.close(self._fd)
            self._fd = -1
            os.unlink(path)
            raise
        self.part = part
        self._checkpoint = self._durable_end = 0
        self._folder_synced = False
        self.started = True
        TENDER.add(self)

    def _write_preamble(self) -> None:
        self._write_line(self._header)
        for body in self.declarations.values():
            self._write_line(body)

    def _write_line(self, body: bytes) -> None:
        line, crc = frame(body, self._crc)
        count = _write(self._fd, line)
        if count != len(line):
            self._finish_line(line, count)
        self._crc = crc

    def sync(self) -> None:
        """Make every written line durable, its folder entry too. Errors lead to a new part, not to the caller."""
        if self._lock._is_owned():  # type: ignore[attr-defined]
            return  # a signal handler in the middle of a write; the tender comes by again
        with self._sync_lock:
            with self._lock:
                fd, end = self._begin_sync()
            if fd < 0:
                return
            failure: OSError | None = None
            try:
                _fdatasync(fd)
                if not self._folder_synced:
                    self._sync_folders()
            except OSError as error:
                failure = error
            with self._lock:
                self._end_sync(fd, end, failure)

    def _begin_sync(self) -> tuple[int, int]:
        """Set apart what the coming fsync covers; return its descriptor (-1 for nothing to do) and length."""
        if self._waiting and time.monotonic() >= self._retry_at:
            self._reopen()
        fd = self._fd
        if fd < 0 or (not self._unsynced and self._folder_synced):
            return -1, 0
        try:
            end = os.fstat(fd).st_size
            if end - self._checkpoint > CHECKPOINT_BYTES:
                self._checkpoint = end
                self._write_preamble()
        except OSError as error:
            self._abandon(error)
            return -1, 0
        self._in_flight, self._unsynced = (self._in_flight or []) + self._unsynced, []
        return fd, end

    def _end_sync(self, fd: int, end: int, failure: OSError | None) -> None:
        if self._fd == fd and failure is None:
            self._durable_end = end
            self._folder_synced = True
        elif self._fd == fd and failure is not None:
            self._abandon(failure)  # with _in_flight still set: after an error the kernel may claim success
            self._reopen()
        self._in_flight = None
        for retired in self._retired:
            with contextlib.suppress(OSError):
                os.close(retired)
        self._retired = []

    def _sync_folders(self) -> None:
        folder = self.layout.run_folder(self.run)
        for _ in range(3):  # the run's folder, its shard, logs/
            sync_folder(folder)
            folder = os.path.dirname(folder)

    def beat(self) -> None:
        """Move the heartbeat on: a counter in the hint file, so that any host can see that it moves."""
        if self.closed:
            return
        self._beats += 1
        with contextlib.suppress(OSError):
            self._hint()

    def _hint(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(self.layout.hint_path(self.run, self.writer), flags, 0o666)
        try:
            os.pwrite(fd, b"%d\n" % self._beats, 0)
        finally:
            os.close(fd)

    def close(self, final: str | None = None) -> None:
        """Append the event `final`, make all durable and close the file. A log never written to leaves no trace."""
        if self._lock._is_owned():  # type: ignore[attr-defined]
            self._defer(lambda: self.close(final))
            return
        if self.closed:
            return
        if self.started or self._waiting:
            if final is not None:
                self.append(final)
            self.sync()
        with self._sync_lock, self._lock:
            self.closed = True
            TENDER.remove(self)
            _open_logs.discard(self)
            if self._waiting:
                self._reopen()
            if self._waiting:
                self._leave_elsewhere()
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def forget(self) -> None:
        """Give up a log that could never be opened, with what waits for it."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self.closed = True
        TENDER.remove(self)

    def _leave_elsewhere(self) -> None:
        """The process ends and the storage still refuses: put what waits where it can be fetched from."""
        count, home = len(self._waiting), self.layout.run_folder(self.run)
        elsewhere = Layout(os.path.join(tempfile.gettempdir(), f"runstone-rescue-{os.getuid()}"))
        try:
            os.makedirs(elsewhere.live, mode=0o700, exist_ok=True)
            self.layout = elsewhere
            os.makedirs(elsewhere.run_folder(self.run), mode=0o700, exist_ok=True)
            self._reopen()
            lost = len(self._waiting)
        except OSError:
            lost = count
        place = (
            f"{count - lost} of them are in {self.path()}: move that file to {home}" if lost < count else ""
        )
        warnings.warn(
            f"{count} events of run {self.run} could not be written to {home}: {self.refusal}\n"
            f"{place or 'The temporary folder refused them too: they are lost.'}",
            RuntimeWarning,
            stacklevel=4,
        )


def encode_point(sequence: int, step: float, value: Any, dt: int, epoch: float | None) -> bytes:
    """Return a point's line up to where its CRC's digits go."""
    fields = (sequence, step, value, dt, 0) if epoch is None else (sequence, step, value, dt, epoch, 0)
    return _dumps(fields)[:-2]


def encode_event(fields: dict[str, Any], what: str) -> bytes:
    """Return an event's line up to where its CRC's digits go; UsageError if it is too long."""
    try:
        body = _dumps(fields)[:-1] + b',"crc":'
    except TypeError as error:
        raise ValueTypeError(f"{what} cannot be written: {error}") from error
    if len(body) > LINE_LIMIT - 16:
        raise UsageError(
            f"{what} is {len(body):,} bytes long; a line of the log holds at most {LINE_LIMIT:,}",
            hint="Keep large values as files, and log where they are.",
        )
    return body


def _end_of_lines(fd: int) -> int:
    """Return the offset behind the last complete line."""
    size = end = os.fstat(fd).st_size
    while end > 0:
        start = max(end - 65536, 0)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0 if size else size


def _after_fork() -> None:
    """In a forked child: every inherited log belongs to the parent; start over, keeping the declarations."""
    for log in list(_open_logs):
        fd = log._fd
        log._start()
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


os.register_at_fork(after_in_child=_after_fork)
