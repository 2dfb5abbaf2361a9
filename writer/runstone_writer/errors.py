"""Every error that Runstone raises, in one tree:

    RunstoneError                         has .hint: what to do, part of str(error)
    ├── UsageError(ValueError)            the call is wrong; nothing happened
    │   ├── ValueTypeError(TypeError)     a value of a kind that cannot be kept
    │   ├── QueryError(SyntaxError)       AimQL: .lineno, .offset, what is allowed
    │   ├── QueryTimeoutError(TimeoutError)  a query took more time or memory than it was given
    │   └── ReadOnlyError                 a change was asked of a run opened to read
    ├── MissingKeyError(KeyError)         no such parameter
    ├── MissingRunError(RuntimeError)     no run with that hash
    │   └── DeletedRunError               it was deleted, and can still be restored
    ├── StoreError(OSError)               the disk said no; .filename is the place
    │   ├── MissingRepoError              there is no repository here
    │   ├── FormatVersionError            written by a newer Runstone
    │   └── IndexBusyError                another process is indexing this repository
    └── CorruptionError                   .path .start .end .reason; a torn tail is not one
        └── DamagedBlobError              what an image, ... is kept in is missing or damaged

The first line of a message says what happened, with names and position; the second what to do.
"""

from __future__ import annotations


class RunstoneError(Exception):
    """The base of every error raised on purpose by Runstone.

    ``hint`` says what to do about it, and is the second line of the message.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(RunstoneError, ValueError):
    """A call was wrong; nothing happened."""


class ValueTypeError(UsageError, TypeError):
    """A value was of a kind that cannot be kept exactly."""


class ReadOnlyError(UsageError):
    """A change was asked of a run or repository that was opened to be read."""


class QueryError(UsageError, SyntaxError):
    """An AimQL expression cannot be right.

    ``lineno`` and ``offset`` (both from 1) point at the place, as in any SyntaxError.
    """

    def __init__(
        self, message: str, *, line: int = 1, column: int = 1, text: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.msg = message
        self.lineno = line
        self.offset = column
        self.text = text
        self.filename = "<query>"
        self.unknown = ""  # the name that is not known, if that is what is wrong

    def __str__(self) -> str:
        lines, line, column = (self.text or "").splitlines(), self.lineno or 1, self.offset or 1
        picture = f"\n  {lines[line - 1]}\n  {' ' * (column - 1)}^" if line <= len(lines) else ""
        head = f"{self.message} (line {self.lineno}, column {self.offset}){picture}"
        return f"{head}\n{self.hint}" if self.hint else head


class QueryTimeoutError(UsageError, TimeoutError):
    """A query was stopped: it needed more time or memory than it was given."""


class MissingKeyError(RunstoneError, KeyError):
    """A parameter was asked for that the run does not have."""

    def __str__(self) -> str:
        return RunstoneError.__str__(self)


class MissingRunError(RunstoneError, RuntimeError):
    """A run was asked for that the repository does not have (the same class name as in Aim)."""


class DeletedRunError(MissingRunError):
    """A run was asked for that was deleted. Its logs are still there, so the deletion can be undone."""


class StoreError(RunstoneError, OSError):
    """The file system refused something; ``filename`` says where."""

    def __init__(self, message: str, *, path: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.filename = path


class MissingRepoError(StoreError):
    """There is no Runstone repository at a path."""


class FormatVersionError(StoreError):
    """A file was written by a version of Runstone newer than this one."""


class IndexBusyError(StoreError):
    """Another process is indexing this repository."""


class CorruptionError(RunstoneError):
    """Bytes on disk are not what was written.

    ``path``, and the byte range ``start`` to ``end``, say where; ``reason`` says how it was noticed.
    """

    def __init__(self, path: str, start: int, end: int, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{reason} in {path}, bytes {start} to {end}", hint=hint)
        self.path = path
        self.start = start
        self.end = end
        self.reason = reason


class DamagedBlobError(CorruptionError):
    """A blob (the content of an image, a recording, ...) is missing, or is not what was written."""
