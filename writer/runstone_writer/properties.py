"""What a run is called and what is said of it: name, description, experiment, tags, archived, times, notes."""

from __future__ import annotations

import os
import time
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .errors import MissingKeyError, UsageError, ValueTypeError
from .values import decode, encode

if TYPE_CHECKING:
    from .state import RunState


class Note(NamedTuple):
    """A text that somebody has put to a run. Times are seconds since the epoch."""

    id: str
    text: str
    created: float
    updated: float


class Properties:
    """The part of a run that may be changed at any time, by whoever has the repository."""

    _hash: str

    def _fresh_state(self) -> RunState:
        raise NotImplementedError

    def _edit(self, event: str, **fields: Any) -> None:
        raise NotImplementedError

    @property
    def hash(self) -> str:
        """What the run is found by. It never changes."""
        return self._hash

    @property
    def props(self) -> Self:
        """The run itself: name, tags, notes and the rest are its own attributes. Aim keeps them apart."""
        return self

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
        if value not in (True, False):
            raise ValueTypeError(f"archived is True or False, not {type(value).__name__}: {value!r}")
        self._edit("prop", name="archived", value=bool(value))

    # -- tags ------------------------------------------------------------------------------------------

    @property
    def tags(self) -> list[str]:
        """The tags, in the order in which they were added."""
        return self._fresh_state().tags

    def add_tag(self, value: str) -> None:
        """Put a tag on the run. One that is there already stays, with a warning."""
        text = checked_name(value, "tag of a run")
        if not text:
            raise UsageError("a tag cannot be empty")
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

    # -- notes -----------------------------------------------------------------------------------------

    @property
    def notes(self) -> list[Note]:
        """The notes, in the order in which they were made."""
        marks = self._fresh_state().note_marks.items()
        found = [
            Note(name, decode(text), made / 1e6, stamp[0] / 1e6)
            for name, (made, stamp, text) in marks
            if text is not None
        ]
        return sorted(found, key=lambda note: (note.created, note.id))

    def find_note(self, note_id: str) -> Note | None:
        """Return the note with that id, or None."""
        return next((note for note in self.notes if note.id == note_id), None)

    def add_note(self, content: str) -> str:
        """Put a note to the run; return its id."""
        note_id = os.urandom(6).hex()
        self._edit("note", id=note_id, text=_checked_text("note", content))
        return note_id

    def update_note(self, note_id: str, content: str) -> None:
        """Replace the text of a note. Raises MissingKeyError if there is none with that id."""
        text = _checked_text("note", content)
        self._existing_note(note_id)
        self._edit("note", id=note_id, text=text)

    def remove_note(self, note_id: str) -> None:
        """Take a note away. Raises MissingKeyError if there is none with that id."""
        self._existing_note(note_id)
        self._edit("note", id=note_id, text=None)

    def _existing_note(self, note_id: str) -> None:
        if self.find_note(note_id) is None:
            raise MissingKeyError(
                f"run {self.hash} has no note {note_id!r}",
                hint=f"It has: {', '.join(note.id for note in self.notes) or 'none'}.",
            )

    # -- times -----------------------------------------------------------------------------------------

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
        """Seconds from creation to the end, or to now; none if another host's clock says that it has yet to begin."""
        end = self.end_time
        return max((time.time() if end is None else end) - self.creation_time, 0.0)

    @property
    def active(self) -> bool:
        """Whether no end has been recorded (a crashed run has none either), as in Aim."""
        return self.end_time is None


def checked_name(name: Any, what: str = "name of a sequence") -> str:
    """Return `name`, or raise ValueTypeError if it is not a text that can be written."""
    if not isinstance(name, str):
        raise ValueTypeError(f"the {what} is a string, not {type(name).__name__}: {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueTypeError(f"the {what} cannot be written as UTF-8: {name!r}") from error
    return name


def _checked_text(what: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueTypeError(f"the {what} of a run is a string, not {type(value).__name__}: {value!r}")
    return encode(value)


__all__ = ["Note", "Properties", "checked_name"]
