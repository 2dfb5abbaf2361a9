"""`Run`: what a training script holds. Every change is an event in the process's own log."""

from __future__ import annotations

import itertools
import os
import threading
import time
import warnings
import weakref
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from . import system, terminal
from .accepted import AcceptedLog
from .errors import MissingKeyError, MissingRunError, ReadOnlyError, UsageError, ValueTypeError
from .identity import sequence_identity
from .layout import Layout, check_hash, find_repo, new_hash, open_repo
from .log import LogWriter
from .tracked import NUMBER, check_kind, checked_number, encoded_value
from .values import as_number, decode, encode, normal_key, show_key

if TYPE_CHECKING:
    from types import TracebackType

    from .history import History
    from .media.blob import Blob
    from .state import RunState

Durability = Literal["accepted", "written", "durable"]
DEFAULT_SYSTEM_TRACKING_INTERVAL = 10.0  # seconds, as in Aim

Extra = terminal.Capture | system.Sampler  # what a run holds besides its log, and closes before it

_MISSING = object()
_STEPS_START, _STEPS_END = -(2**63), 2**63 - 1  # so that the next step fits into 64 bits as well
_bound: weakref.WeakValueDictionary[int, Run] = weakref.WeakValueDictionary()  # by id: two runs may be equal


class _Series:
    """What the writer remembers of a sequence that it has tracked."""

    __slots__ = ("declared", "kind", "next_step", "number")

    def __init__(self, number: int, kind: str, next_step: float) -> None:
        self.number = number
        self.kind = kind
        self.next_step = next_step
        self.declared = 0


class Run:
    """One training run: parameters, sequences and properties, appended to a log of this process's own.

    Args:
        run_hash: the run to go on with; None makes a new one. An unknown hash raises MissingRunError.
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

    _log: LogWriter | None  # None for a run opened to be read

    def __init__(
        self,
        run_hash: str | None = None,
        *,
        repo: Any = None,
        experiment: str | None = None,
        read_only: bool = False,
        force_resume: bool = False,
        system_tracking_interval: float | None = DEFAULT_SYSTEM_TRACKING_INTERVAL,
        capture_terminal_logs: bool = True,
        log_system_params: bool = False,
        durability: Durability = "written",
    ) -> None:
        del force_resume
        self.hash = new_hash() if run_hash is None else check_hash(run_hash)
        self._bind(_layout_of(repo, read_only), read_only)
        new = run_hash is None
        if not new and not os.path.isdir(self._layout.run_folder(self.hash)):
            raise MissingRunError(
                f"there is no run {self.hash!r} in {self._layout.root}",
                hint="`runstone runs ls` lists the runs; leave run_hash out to start a new one.",
            )
        if read_only:
            return
        self._resumed = not new
        log = self._log = _open_log(self._layout, self.hash, durability)
        self._extras: list[Extra] = []
        self._finalizer = weakref.finalize(self, _end, log, self._extras)
        log.append("open")  # raises StoreError where nothing can ever be written
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
        self._log = None
        _bound[id(self)] = self

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
            checked = [(_checked_name(key), encoded_value(item)) for key, item in value.items()]
        else:
            encoded = encoded_value(value)
            if name is None:
                raise UsageError("'name' should not be None.")
            checked = [(_checked_name(name), encoded)]
        context = _checked_context(context)
        step = None if step is None else _checked_step(step)
        epoch = None if epoch is None else _checked_epoch(epoch)
        with self._mutex:
            places = [self._series_of(key, context, kind) for key, (kind, _, _) in checked]
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

    def _series_of(self, name: str, context: dict[Any, Any], kind: str) -> _Series:
        """Return the series, declared if need be: before its first point, and once more before its second."""
        encoded = encode(context, ("context",))
        identity = sequence_identity(name, encoded)
        series = self._known.get(identity)
        if series is None:
            known = self._fresh_state().find(name, encoded) if self._resumed else None
            start = 0 if known is None or known.summary is None else known.summary + 1
            there = kind if known is None else known.kind
            check_kind(name, there, kind)
            # One step each, so that a signal handler that tracks cannot take the same number in between.
            series = self._known.setdefault(identity, _Series(next(self._numbers), there, start))
        check_kind(name, series.kind, kind)
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

    def set(self, key: Any, value: Any, strict: bool = True) -> None:
        """Set the parameter `key` ("a", ("a", "b") for a nested one, ... for all): what was there is replaced.

        Images and other objects may be parameters, or parts of one. Raises TypeError, naming the key, for a value
        that cannot be kept exactly; with ``strict=False`` its ``repr`` is kept instead.
        """
        path = normal_key(key)
        blobs: list[Blob] = []
        data = encode(value, path, strict, blobs)
        if not path and not isinstance(decode(data), dict):
            raise ValueTypeError(f"all parameters together are a dictionary, not {type(value).__name__}")
        if blobs:
            self._writable().append_with(blobs, "set", key=encode(list(path)), value=data)
        else:
            self._append("set", key=encode(list(path)), value=data)

    def __delitem__(self, key: Any) -> None:
        path = normal_key(key)
        if self._fresh_state().params.get(path, _MISSING) is _MISSING:
            raise MissingKeyError(f"run {self.hash} has no parameter {show_key(path)}")
        self._append("unset", key=encode(list(path)))

    def __getitem__(self, key: Any) -> Any:
        path = normal_key(key)
        value = self._fresh_state().params.get(path, _MISSING)
        if value is _MISSING:
            raise MissingKeyError(
                f"run {self.hash} has no parameter {show_key(path)}",
                hint=f"It has: {', '.join(map(repr, list(self._fresh_state().params.tree())[:20])) or 'none'}.",
            )
        return self._given(value)

    def get(self, key: Any, default: Any = None, strict: bool = True, resolve_objects: bool = False) -> Any:
        """Return the parameter `key`, or `default`. With `resolve_objects`, an object is a dictionary of its state."""
        del strict
        value = self._fresh_state().params.get(normal_key(key), _MISSING)
        if value is _MISSING:
            return default
        return _copied(value) if resolve_objects else self._given(value)

    def _given(self, value: Any) -> Any:
        """Return a copy of what stands in the tree of parameters, with the objects in it."""
        marks = self._fresh_state().params.marks
        if not marks:
            return _copied(value)
        from .media.objects import restore  # noqa: PLC0415 - most runs have no objects

        return restore(self._layout, value, marks)

    # -- properties ------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name; "Run: <hash>" until it is set, as in Aim."""
        return self._fresh_state().name

    @name.setter
    def name(self, value: str) -> None:
        self._edit("prop", name="name", value=_checked_text("name", value))

    @property
    def description(self) -> str | None:
        """A free text, or None."""
        text: str | None = self._fresh_state().prop("description")
        return text

    @description.setter
    def description(self, value: str | None) -> None:
        self._edit(
            "prop", name="description", value=None if value is None else _checked_text("description", value)
        )

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self._fresh_state().experiment

    @experiment.setter
    def experiment(self, value: str) -> None:
        self._edit("prop", name="experiment", value=_checked_text("experiment", value))

    @property
    def archived(self) -> bool:
        """Whether the run is left out of queries that do not ask for archived runs."""
        return self._fresh_state().archived

    @archived.setter
    def archived(self, value: bool) -> None:
        self._edit("prop", name="archived", value=bool(value))

    @property
    def tags(self) -> list[str]:
        """The tags, in the order in which they were added."""
        return self._fresh_state().tags

    def add_tag(self, value: str) -> None:
        """Put a tag on the run. One that is there already stays, with a warning."""
        text = _checked_name(value, "tag of a run")
        if text in self.tags:
            warnings.warn(f"run {self.hash} has the tag {text!r} already", UserWarning, stacklevel=2)
            return
        self._edit("tag", name=text, on=True)

    def remove_tag(self, tag_name: str) -> bool:
        """Take a tag off; return whether it was there."""
        if tag_name not in self.tags:
            return False
        self._edit("tag", name=tag_name, on=False)
        return True

    @property
    def creation_time(self) -> float:
        """When the run was first opened: seconds since the epoch."""
        return self._fresh_state().created / 1e6

    @property
    def end_time(self) -> float | None:
        """When the run was ended: seconds since the epoch, or None while a writer has not ended it."""
        ended = self._fresh_state().ended
        return None if ended is None else ended / 1e6

    @property
    def created_at(self) -> datetime:
        """The creation time as a naive datetime in UTC, as in Aim."""
        return datetime.fromtimestamp(self.creation_time, UTC).replace(tzinfo=None)

    @property
    def finalized_at(self) -> datetime | None:
        """The end time as a naive datetime in UTC, or None, as in Aim."""
        end = self.end_time
        return None if end is None else datetime.fromtimestamp(end, UTC).replace(tzinfo=None)

    @property
    def duration(self) -> float:
        """Seconds from creation to the end, or to now."""
        end = self.end_time
        return (time.time() if end is None else end) - self.creation_time

    @property
    def active(self) -> bool:
        """Whether no end has been recorded (a crashed run has none either), as in Aim."""
        return self.end_time is None

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
        """The same as close(), under the name that older versions of Aim had."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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

    def _start_extras(self, interval: float | None, capture: bool, params: bool) -> None:
        """System metrics, terminal capture and system parameters."""
        assert self._log is not None  # noqa: S101 - only a run opened to write has extras
        if params:
            from . import environment  # noqa: PLC0415 - off by default, and slow to import

            self[environment.PARAMETER] = environment.describe()
        if capture:
            series = _Series(next(self._numbers), terminal.KIND, 0)
            self._known[sequence_identity(terminal.NAME, {})] = series
            first_line = partial(_lines_kept, self._layout, self.hash) if self._resumed else int
            self._extras.append(terminal.Capture(self._log, series.number, first_line))
        sampler = system.start(self, interval)
        if sampler is not None:
            self._extras.append(sampler)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _history(layout: Layout, run: str) -> History:
    from .history import History  # noqa: PLC0415 - many scripts never read what they write

    return History(layout, run)


def _lines_kept(layout: Layout, run: str) -> int:
    """Return the number of the next line that a resumed run prints."""
    lines = _history(layout, run).read().find(terminal.NAME, {})
    return 0 if lines is None or lines.summary is None else int(lines.summary) + 1


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


def _checked_name(name: Any, what: str = "name of a sequence") -> str:
    if not isinstance(name, str):
        raise ValueTypeError(f"the {what} is a string, not {type(name).__name__}: {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueTypeError(f"the {what} cannot be written as UTF-8: {name!r}") from error
    return name


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


def _checked_text(what: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueTypeError(f"the {what} of a run is a string, not {type(value).__name__}: {value!r}")
    return encode(value)


def _after_fork() -> None:
    """In a forked child: another thread of the parent may have held a lock, or been reading the history."""
    for run in list(_bound.values()):
        run._mutex = threading.RLock()
        run._history = None


os.register_at_fork(after_in_child=_after_fork)

__all__ = ["Durability", "Run"]
