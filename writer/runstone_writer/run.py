"""`Run`: what a training script holds. Every change is an event in the process's own log."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from . import messages, system, terminal
from .accepted import AcceptedLog
from .artifacts import Artifacts
from .errors import MissingKeyError, MissingRunError, ReadOnlyError, UsageError, ValueTypeError
from .identity import sequence_identity
from .kinds import copied, has_kind
from .layout import Layout, check_hash, find_repo, is_safe_hash, new_hash, open_repo
from .log import LogWriter
from .messages import Messages
from .properties import checked_name
from .tracked import NUMBER, check_kind, checked_number, encoded_value
from .values import Key, as_number, decode, encode, normal_key, show_key
from .workers import at_end_of_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .history import History
    from .media.blob import Blob
    from .state import RunState
    from .uploads import Uploads
    from .values import Marks

Durability = Literal["accepted", "written", "durable"]
DEFAULT_SYSTEM_TRACKING_INTERVAL = 10.0  # seconds, as in Aim

HASH_VARIABLE = "RUNSTONE_RUN_HASH"  # the run that all processes of a job share

_MISSING = object()
_STEPS_START, _STEPS_END = -(2**63), 2**63 - 1  # so that the next step fits into 64 bits as well
_bound: weakref.WeakValueDictionary[int, Run] = weakref.WeakValueDictionary()  # by id: two runs may be equal
_kept: dict[tuple[str, str], Run] = {}  # those that a worker process has got by pickle


class Extra(Protocol):
    """What a run holds besides its log, and closes before it."""

    def close(self) -> None:
        """Append what is left."""


class _Series:
    """What the writer remembers of a sequence that it has tracked."""

    __slots__ = ("declared", "kind", "next_step", "number")

    def __init__(self, number: int, kind: str, next_step: float) -> None:
        self.number = number
        self.kind = kind
        self.next_step = next_step
        self.declared = 0


class Run(Messages, Artifacts):
    """One training run: parameters, sequences and properties, appended to a log of this process's own.

    Args:
        run_hash: the run to go on with. An unknown hash raises MissingRunError, unless `create` is given.
            None takes the one in the environment variable RUNSTONE_RUN_HASH, with ``create=True``; where there
            is none, it makes a new run.
        create: share the run with other processes: whoever comes first creates it, nobody waits. The hash may be
            any safe file name, such as a job id. Steps that are not given count from 0 in each process
            (docs/parallel.md).
        repo: a folder that holds (or will hold) ``.runstone``, or a Repo. None takes the nearest one
            upwards from the current folder, or makes one here.
        experiment: the name of the experiment that the run belongs to ("default" if never set).
        read_only: only read; any change raises ReadOnlyError.
        force_resume: accepted for compatibility with Aim; there are no locks to break.
        system_tracking_interval: seconds between samples of CPU, memory, disk and GPU use; None for none.
        capture_terminal_logs: keep what the process prints, as the text sequence ``logs``.
        log_system_params: keep packages, git state, command line and environment under ``__system_params``.
        durability: what holds when a call returns. "written" (default): the kernel has the event, so it
            survives SIGKILL, and within a second it is durable. "durable": it is fsynced, and survives a
            power cut. "accepted": it is in memory; for storage that hangs.

    When a call has returned, the event is written; there is nothing to flush. The run ends with
    ``close()``, at the end of a ``with`` block, when the object is collected or the process exits. A run
    whose process is killed keeps everything and is shown as crashed.
    """

    _durability: Durability
    _log: LogWriter | None  # None for a run opened to be read

    def __init__(
        self,
        run_hash: str | None = None,
        *,
        repo: Any = None,
        experiment: str | None = None,
        read_only: bool = False,
        create: bool = False,
        force_resume: bool = False,
        system_tracking_interval: float | None = DEFAULT_SYSTEM_TRACKING_INTERVAL,
        capture_terminal_logs: bool = True,
        log_system_params: bool = False,
        durability: Durability = "written",
    ) -> None:
        del force_resume
        system.check_interval(system_tracking_interval)
        self._hash, may_create = _chosen(run_hash, create, read_only)
        self._bind(_layout_of(repo, read_only), read_only)
        if not may_create and not self._layout.holds(self.hash):
            raise MissingRunError(
                f"there is no run {self.hash!r} in {self._layout.root}",
                hint="`runstone runs ls` lists the runs. Leave run_hash out to start a new one, or give create=True "
                "to start one with this hash.",
            )
        if read_only:
            return
        if os.path.isdir(self._layout.run_folder(self.hash)):
            from .history import warn_if_deleted  # noqa: PLC0415 - a new run needs no reader

            warn_if_deleted(self._layout, self.hash)
        # Steps go on from the highest in a resumed run. In a shared one they do not depend on who came first.
        self._resumed = not may_create
        self._durability = durability
        self._open()
        self._append("open")  # raises StoreError where nothing can ever be written
        if experiment is not None:
            self.experiment = experiment
        self._start_extras(system_tracking_interval, capture_terminal_logs, log_system_params)

    def _bind(self, layout: Layout, read_only: bool) -> None:
        """Take the state of a run that nothing has been done with yet."""
        self._layout = layout
        self.read_only = read_only
        self._history: History | None = None
        self._series: dict[Any, _Series] = {}  # the fast way in: by name, or (name, *context items)
        self._known: dict[tuple[str, str], _Series] = {}
        self._numbers = itertools.count()  # of sequences
        self._mutex = threading.RLock()
        self._closed = False
        self._durability = "written"
        self._log = None
        self._records = None
        self._uploads: Uploads | None = None
        _bound[id(self)] = self

    def _open(self, parent: str = "") -> None:
        """Begin a log; the first event makes its file. `parent` is the writer that it ends with at the latest."""
        log = self._log = _open_log(self._layout, self.hash, self._durability)
        log.parent = parent
        self._extras: list[Extra] = []
        self._finalizer = weakref.finalize(self, _end, log, self._extras)
        at_end_of_worker("runs", _close_all, 20)
        self._uploads = None
        self._reserve(messages.NAME, messages.KIND)
        number = partial(next, self._numbers)
        self._records = messages.Records(log, number, self._next_step(messages.NAME, messages.KIND))

    def _reserve(self, name: str, kind: str) -> None:
        """Keep track() from a sequence that is somebody else's."""
        self._known.setdefault(sequence_identity(name, {}), _Series(-1, kind, 0))

    def _next_step(self, name: str, kind: str) -> Callable[[], int]:
        """Return what finds out the first step of a reserved sequence: later, as it may take a while."""
        return partial(_steps_kept, self._layout, self.hash, name, kind) if self._resumed else int

    # -- sequences -----------------------------------------------------------------------------------

    def track(
        self,
        value: Any,
        name: str | None = None,
        step: float | None = None,
        epoch: float | None = None,
        *,
        context: dict[str, Any] | None = None,
    ) -> None:
        """Append one point to the sequence called `name` in `context`; it is written on return.

        `value` is a number, a numpy or 0-d tensor scalar, an Image, Audio, Text, Distribution, Figure or other
        CustomObject, a list of objects of one kind, or a dictionary of several values (then without `name`; all
        get the same step). Without `step`, one more than the highest so far in this writer, from 0. NaN and
        infinities are kept. Raises UsageError (a ValueError) for a value or step that is none of these, and for
        a kind of value that the sequence does not have.
        """
        try:
            series = self._series[name if not context else (name, *context.items())]
        except (KeyError, TypeError, AttributeError):
            self._track_slowly(value, name, step, epoch, context)
            return
        if type(value) is not float or value - value:
            if isinstance(value, dict):
                raise UsageError("'name' should be None when tracking values dictionary.")
            value = checked_number(value, name)
        if epoch is not None:
            epoch = _checked_epoch(epoch)
        if step is None:
            step = series.next_step
        elif type(step) is not int:
            step = _checked_step(step)
        if step >= series.next_step:
            if step >= _STEPS_END:
                raise _odd_step(step)
            series.next_step = step + 1
        elif step < _STEPS_START:
            raise _odd_step(step)
        self._log.point(series.number, step, value, epoch)  # type: ignore[union-attr]

    def _track_slowly(self, value: Any, name: Any, step: Any, epoch: Any, context: Any) -> None:
        log = self._writable()
        if isinstance(value, dict):
            if name is not None:
                raise UsageError("'name' should be None when tracking values dictionary.")
            items = list(value.values())
            checked = [(checked_name(key), encoded_value(item)) for key, item in value.items()]
        else:
            encoded = encoded_value(value)
            if name is None:
                raise UsageError("'name' should not be None.")
            items = [value]
            checked = [(checked_name(name), encoded)]
        context = _checked_context(context)
        step = None if step is None else _checked_step(step)
        epoch = None if epoch is None else _checked_epoch(epoch)
        with self._mutex:
            places = [
                self._series_of(key, context, kind, item)
                for (key, (kind, _, _)), item in zip(checked, items, strict=True)
            ]
        for series, (_, (_, item, blobs)) in zip(places, checked, strict=True):
            with self._mutex:
                at = series.next_step if step is None else step
                if at >= series.next_step:
                    if at >= _STEPS_END:
                        raise _odd_step(at)
                    series.next_step = at + 1
                if not blobs:
                    log.point(series.number, at, item, epoch)
            if blobs:  # they may be large: nobody waits for them
                log.point_with(blobs, series.number, at, item, epoch)

    def _series_of(self, name: str, context: dict[Any, Any], kind: str, value: Any) -> _Series:
        """Return the series, declared if need be: before its first point, and once more before its second."""
        encoded = encode(context, ("context",))
        if has_kind(encoded):
            raise ValueTypeError(
                f"a context holds texts, numbers, lists and dictionaries: {context!r}",
                hint="Turn dates, sets, arrays and the like into text, or keep them as parameters.",
            )
        identity = sequence_identity(name, encoded)
        series = self._known.get(identity)
        if series is None:
            known = self._fresh_state().find(name, encoded, kind) if self._resumed else None
            start = 0 if known is None or known.summary is None else known.summary + 1
            there = kind if known is None else known.kind
            check_kind(name, there, kind, value)
            # One step each, so that a signal handler that tracks cannot take the same number in between.
            series = self._known.setdefault(identity, _Series(next(self._numbers), there, start))
        check_kind(name, series.kind, kind, value)
        if series.declared < 2:
            self._writable().declare(series.number, name, encoded, series.kind)
            series.declared += 1
        elif kind == NUMBER and not self._closed:
            self._remember(name, context, series)
        return series

    def _remember(self, name: str, context: dict[Any, Any], series: _Series) -> None:
        key = name if not context else (name, *context.items())
        try:
            self._series[key] = series
        except TypeError:  # a nested context: found by its JSON each time
            return

    # -- parameters ------------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        self.set(key, value)

    def set(self, key: Any, val: Any, strict: bool = True) -> None:
        """Set the parameter `key` ("a", ("a", "b") for a nested one, ... for all): what was there is replaced.

        docs/parameters.md says which values come back as what they were; images and other objects may be among them.
        Raises TypeError, naming the key, for one that cannot be kept; with ``strict=False`` its ``repr`` is kept
        instead. A place in a list that is there may be set too, as ("a", 0).
        """
        path = normal_key(key)
        self._check_places(path)
        blobs: list[Blob] = []
        data = encode(val, path, strict, blobs)
        if not path and not isinstance(decode(data), dict):
            raise ValueTypeError(f"all parameters together are a dictionary, not {type(val).__name__}")
        if blobs:
            self._writable().append_with(blobs, "set", key=encode(list(path)), value=data)
        else:
            self._append("set", key=encode(list(path)), value=data)

    def __delitem__(self, key: Any) -> None:
        path = normal_key(key)
        if self._fresh_state().params.exact(path, _MISSING) is _MISSING:
            raise MissingKeyError(f"run {self.hash} has no parameter {show_key(path)}")
        if path and not isinstance(self._fresh_state().params.exact(path[:-1]), dict):
            raise UsageError(
                f"parameter {show_key(path[:-1])} is no dictionary: nothing can be deleted from it",
                hint="Set it as a whole.",
            )
        self._append("unset", key=encode(list(path)))

    def __getitem__(self, key: Any) -> Any:
        path = normal_key(key)
        value = self._fresh_state().params.exact(path, _MISSING)
        if value is _MISSING:
            raise MissingKeyError(
                f"run {self.hash} has no parameter {show_key(path)}",
                hint=f"It has: {', '.join(map(repr, list(self._fresh_state().params.tree())[:20])) or 'none'}.",
            )
        return self._given(value, self._fresh_state().params.exact_marks)

    def _given(self, value: Any, marks: Marks) -> Any:
        """Return a copy of what stands in the tree of parameters, with the objects in it."""
        if not marks:
            return copied(value)
        from .media.objects import restore  # noqa: PLC0415 - most runs have no objects

        return restore(self._layout, value, marks)

    def get(self, key: Any, default: Any = None, strict: bool = True, resolve_objects: bool = False) -> Any:
        """Return the parameter `key`, or `default`.

        With `resolve_objects` it is what a query sees: numbers, texts, lists and dictionaries alone. `strict` is Aim's,
        and changes nothing.
        """
        del strict
        params = self._fresh_state().params
        read = params.get if resolve_objects else params.exact
        value = read(normal_key(key), _MISSING)
        if value is _MISSING:
            return default
        return copied(value) if resolve_objects else self._given(value, params.exact_marks)

    def plain_params(self) -> dict[Any, Any]:
        """Return all parameters as a query sees them, but with objects (images, ...) as such: for tables and JSON."""
        params = self._fresh_state().params
        shown: dict[Any, Any] = self._given(params.tree(), params.marks)
        return shown

    def _check_places(self, path: Key) -> None:
        """Refuse a key that leads to a place which the list (or array) that is there has not."""
        for depth, part in enumerate(path[1:], 1):
            if type(part) is int:
                holder = self._fresh_state().params.exact(path[:depth])
                if not (holder is None or isinstance(holder, dict)) and not (
                    isinstance(holder, list) and 0 <= part < len(holder)
                ):
                    raise UsageError(
                        f"parameter {show_key(path[:depth])} has no place [{part}] that can be set",
                        hint="Set it as a whole.",
                    )

    # -- life ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the run for this writer: everything is durable, and another change raises an error."""
        with self._mutex:
            self._closed = True
            self._series = {}
        if self._log is not None:
            _end(self._log, self._extras)  # again, if an exception has cut short an earlier close()
            self._finalizer.detach()

    def finalize(self) -> None:
        """End the run now, as close() does; another change opens it again, in a log of its own.

        Terminal capture and system metrics end for good. Aim had this before version 3.
        """
        if self._closed:
            return
        self._writable()
        with self._mutex:
            self.close()
            self._resumed = True
            for series in self._known.values():
                series.declared = 0
            self._open()
            self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, as for a worker that is spawned: the same run there, written in a log of the worker's own."""
        if self._log is None:
            return partial(type(self), repo=self._layout.root, read_only=True), (self.hash,)
        return _reopened, (type(self), self.hash, self._layout.root, self._durability, self._log.writer)

    def __repr__(self) -> str:
        return f"<Run {self.hash} in {self._layout.root}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (self.hash, self._layout.root) == (other.hash, other._layout.root)

    def __hash__(self) -> int:
        return hash((self.hash, self._layout.root))

    # -- inside ----------------------------------------------------------------------------------------

    def _writable(self) -> LogWriter:
        if self._log is None:
            raise ReadOnlyError(
                f"run {self.hash} was opened to be read", hint="Open it with Run(hash) to change it."
            )
        if self._closed:
            raise UsageError(
                f"run {self.hash} is closed", hint=f"Go on with it in Run({self.hash!r}), which resumes it."
            )
        return self._log

    def _append(self, event: str, **fields: Any) -> None:
        self._writable().append(event, **fields)

    def _edit(self, event: str, **fields: Any) -> None:
        """Change a property; a run that is not being written has another place for it."""
        self._append(event, **fields)

    def _fresh_state(self) -> RunState:
        """Return the state of the run, brought up to date with every log of it."""
        with self._mutex:
            if self._history is None:
                self._history = _history(self._layout, self.hash)
            return self._history.read(self._log)

    def _uploading(self) -> Uploads:
        log = self._writable()
        with self._mutex:
            if self._uploads is None:
                from .uploads import Uploads  # noqa: PLC0415 - few scripts have artifacts

                self._uploads = Uploads(log, self._layout)
                self._extras.append(self._uploads)
            return self._uploads

    def _start_extras(self, interval: float | None, capture: bool, params: bool) -> None:
        """System metrics, terminal capture and system parameters."""
        assert self._log is not None  # noqa: S101 - only a run opened to write has extras
        if params:
            from . import environment  # noqa: PLC0415 - off by default, and slow to import

            self[environment.PARAMETER] = environment.describe()
        if capture:
            self._reserve(terminal.NAME, terminal.KIND)
            first_line = self._next_step(terminal.NAME, terminal.KIND)
            self._extras.append(terminal.Capture(self._log, next(self._numbers), first_line))
        sampler = system.start(self, interval)
        if sampler is not None:
            self._extras.append(sampler)


def _history(layout: Layout, run: str) -> History:
    from .history import History  # noqa: PLC0415 - many scripts never read what they write

    return History(layout, run)


def _chosen(run_hash: str | None, create: bool, read_only: bool) -> tuple[str, bool]:
    """Return the hash of the run to open, and whether it need not be there yet."""
    if run_hash is not None:
        return check_hash(run_hash), create and not read_only
    shared = os.environ.get(HASH_VARIABLE)
    if shared:
        if not is_safe_hash(shared):
            raise UsageError(
                f"the environment variable {HASH_VARIABLE} is no run hash: {shared!r}",
                hint="A hash is 1 to 128 letters, digits, '_' or '-', and does not start with '-'.",
            )
        return shared, not read_only
    if read_only:
        raise UsageError(
            "which run is to be read?", hint="Give its hash: Run(hash, read_only=True). Repo finds runs."
        )
    return new_hash(), True


def _steps_kept(layout: Layout, run: str, name: str, kind: str) -> int:
    """Return the next step of a reserved sequence in a resumed run."""
    found = _history(layout, run).read().find(name, {}, kind)
    return 0 if found is None or found.summary is None else int(found.summary) + 1


def _reopened(kind: type[Run], run_hash: str, repo: str, durability: Durability, parent: str) -> Run:
    """Return the run in this process: the one that is open, or one that is kept to the end of the process.

    (A pool unpickles one for every task.)
    """
    for run in list(_bound.values()):
        if (run.hash, run._layout.root) == (run_hash, repo) and run._log is not None and not run._closed:
            return run
    run = _kept[run_hash, repo] = kind.__new__(kind)
    run._hash = run_hash
    run._bind(open_repo(repo), read_only=False)
    run._resumed, run._durability = False, durability
    run._open(parent)
    run._append("open")
    return run


def _close_all() -> None:
    for run in list(_bound.values()):
        run.close()


def _end(log: LogWriter, extras: list[Extra]) -> None:
    for extra in extras:
        extra.close()
    log.close("end")


def _layout_of(repo: Any, read_only: bool) -> Layout:
    if repo is None:
        root = find_repo()
        return open_repo(root or os.curdir, create=not read_only)
    layout = getattr(repo, "layout", None)
    if isinstance(layout, Layout):
        return layout
    return open_repo(repo, create=not read_only)


def _open_log(layout: Layout, run: str, durability: str) -> LogWriter:
    if durability == "accepted":
        return AcceptedLog(layout, run)
    if durability not in ("written", "durable"):
        raise UsageError(
            f"durability is 'accepted', 'written' or 'durable', not {durability!r}",
            hint="docs/durability.md says what each of them survives.",
        )
    return LogWriter(layout, run, durable=durability == "durable")


def _checked_step(step: Any) -> float:
    number = step if isinstance(step, int | float) else as_number(step)
    if isinstance(number, bool) or number is None:
        raise ValueTypeError(f"a step is a number, not {type(step).__name__}: {step!r}")
    if isinstance(number, float) and number - number != 0.0:
        raise UsageError(f"a step is a finite number, not {number!r}")
    if not _STEPS_START <= number < _STEPS_END:
        raise _odd_step(number)
    return float(number) if isinstance(number, float) else int(number)


def _odd_step(step: float) -> UsageError:
    return UsageError(f"a step, and the one after it, fit into 64 bits; {step} does not")


def _checked_epoch(epoch: Any) -> float | None:
    number = epoch if isinstance(epoch, int | float) else as_number(epoch)
    if number is None:
        raise ValueTypeError(f"an epoch is a number or None, not {type(epoch).__name__}: {epoch!r}")
    if number != number:
        return None
    if not _STEPS_START <= number < _STEPS_END:
        raise UsageError(f"an epoch fits into 64 bits; {number} does not")
    return float(number) if isinstance(number, float) else int(number)


def _checked_context(context: Any) -> dict[Any, Any]:
    found = getattr(context, "_context", context)  # Aim's Context
    if found is None:
        return {}
    try:
        return dict(found)
    except (TypeError, ValueError):
        kind = type(context).__name__
        raise ValueTypeError(
            f"a context is a dictionary, not {kind}: {context!r}", hint='Write context={"subset": "train"}.'
        ) from None


def _after_fork() -> None:
    """In a forked child: another thread of the parent may have held a lock, or been reading the history."""
    for run in list(_bound.values()):
        run._mutex = threading.RLock()
        run._history = None
        if run._records is not None:
            run._records.forget()
        if run._uploads is not None:
            run._uploads.forget()


os.register_at_fork(after_in_child=_after_fork)

__all__ = ["Durability", "Run"]
