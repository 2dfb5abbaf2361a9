"""What the logs of one run say so far: for a script that asks its own run, or goes on with an old one."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import TYPE_CHECKING, Any

from .replay import Problem, Replay, replay, with_unwritten
from .state import RunState, WriterState

if TYPE_CHECKING:
    from .layout import Layout
    from .log import LogWriter

END_BYTES = 256  # has the event "end"
HEADER_BYTES = 1024  # has the kind of a log, wherever its host's name is not absurdly long
ATTEMPTS = 2  # what a file server has refused once, it gives when it is asked again


def warn_if_deleted(layout: Layout, run: str) -> None:
    """Warn of a run that nothing shows. Deleting is an edit, so none but the small logs of edits are read."""
    state = RunState(run)
    with contextlib.suppress(OSError):  # whoever asks for what the logs say is told that they cannot be read
        replay(layout, state, [name for name in layout.log_names(run) if is_edit(layout, run, name)], _ignore)
    if state.deleted:
        warnings.warn(
            f"run {run} was deleted: what it logs is kept, but nothing shows it. "
            f"`runstone runs restore {run}` brings it back.",
            RuntimeWarning,
            stacklevel=3,
        )


def is_edit(layout: Layout, run: str, name: str) -> bool | None:
    """Tell from its header whether a log was written by somebody else than the run; None where that is not known."""
    try:
        fd = os.open(layout.log_path(run, name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(fd, "rb", buffering=0) as file:
            header = file.read(HEADER_BYTES)
    except OSError:
        return None
    return b'"kind":"edit"' in header if header else None


def has_ended(layout: Layout, run: str, writer: str) -> bool:
    """Tell from its last line whether a writer's log says that it has ended. As far as can be seen: nothing is verified."""
    try:
        parts = [name for name in layout.log_names(run) if name.startswith(writer)]
        fd = os.open(layout.log_path(run, parts[-1]), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(fd, "rb", buffering=0) as file:
            file.seek(max(os.fstat(fd).st_size - END_BYTES, 0))
            lines = file.read(END_BYTES).splitlines(keepends=True)
    except (OSError, IndexError):  # there is none yet
        return False
    return bool(lines) and lines[-1].startswith(b'{"event":"end"') and lines[-1].endswith(b"\n")


def _ignore(state: RunState, writer: WriterState, points: list[list[Any]]) -> None:
    """Take no points."""


class History:
    """The state of a run, brought up to date whenever it is asked for. One thread at a time.

    Training goes on where a log cannot be read: a warning says so once, and which one it is.
    """

    def __init__(self, layout: Layout, run: str) -> None:
        self._layout = layout
        self._run = run
        self._state: RunState | None = None
        self._warned = False

    def read(self, log: LogWriter | None = None) -> RunState:
        """Return the state with all that any log of the run has, and what `log` could not write yet.

        The summary of a sequence is its highest step.
        """
        unwritten = [] if log is None else log.unwritten()
        # Taken away while it is worked on: an exception in the middle would leave half of a batch in it.
        state, self._state = self._state or RunState(self._run), None
        for _ in range(ATTEMPTS):
            state, unread = self._brought_up(state)
            if not unread:
                break
        else:
            self._warn_of(unread[0])
        self._state = state
        return with_unwritten(state, log.writer, unwritten, _keep_last_steps) if log and unwritten else state

    def _brought_up(self, state: RunState) -> tuple[RunState, list[Problem]]:
        """Read on. Return the state, and what could not be read."""
        try:
            done = self._replay(state)
            if done.stale:
                state = RunState(self._run)
                done = self._replay(state)
        except OSError as error:  # the folder itself: nothing has been read
            path = self._layout.run_folder(self._run)
            return state, [Problem(path, 0, 0, f"cannot be read: {error.strerror}")]
        return state, done.unread

    def _warn_of(self, problem: Problem) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"cannot read all of what run {self._run} has in {problem.path}: {problem.reason}\nTraining goes on. "
                "Steps that are counted go on from what could be read, and parameters are shown as that says.",
                RuntimeWarning,
                stacklevel=6,
            )

    def _replay(self, state: RunState) -> Replay:
        return replay(self._layout, state, self._layout.log_names(self._run), _keep_last_steps)


def _keep_last_steps(state: RunState, writer: WriterState, points: list[list[Any]]) -> None:
    for row in points:
        sequence = state.sequences[writer.declared[row[0]]]
        if sequence.summary is None or row[1] > sequence.summary:
            sequence.summary = row[1]
