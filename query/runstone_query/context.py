"""The context of a sequence: an immutable mapping, the same for equal contexts in any order of keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runstone_writer.state import sequence_identity
from runstone_writer.values import encode


class Context(Mapping[str, Any]):
    """What ``track(..., context={...})`` was given. Compares equal to a dictionary, and can be a key."""

    __slots__ = ("_context", "_identity")

    def __init__(self, context: Mapping[str, Any] | None = None) -> None:
        self._context = dict(context or {})
        self._identity = sequence_identity("", encode(self._context))[1]

    def __getitem__(self, key: str) -> Any:
        return self._context[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._context)

    def __len__(self) -> int:
        return len(self._context)

    def to_dict(self) -> dict[str, Any]:
        """Return the context as a dictionary of the caller's own."""
        return dict(self._context)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Mapping):
            other = other if isinstance(other, Context) else Context(other)
            return self._identity == other._identity
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return f"Context({self._context!r})"
