"""The context of a sequence: an immutable mapping, the same for equal contexts in any order of keys."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from runstone_writer.errors import UsageError
from runstone_writer.state import sequence_identity
from runstone_writer.values import decode, encode


class Context(Mapping[str, Any]):
    """What ``track(..., context={...})`` was given. Compares equal to a dictionary, and can be a key.

    As in Aim, 1, 1.0 and True are the same in a context, and so are a tuple and a list. Raises
    ValueTypeError for a value that a context cannot hold.
    """

    __slots__ = ("_context", "_identity")

    def __init__(self, context: Mapping[str, Any] | None = None) -> None:
        encoded = encode(dict(context or {}), ("context",))
        self._identity = sequence_identity("", encoded)[1]
        self._context: dict[str, Any] = decode(encoded)  # nothing of the caller's is shared

    def __getitem__(self, key: str) -> Any:
        return copy.deepcopy(self._context[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._context)

    def __len__(self) -> int:
        return len(self._context)

    @property
    def idx(self) -> int:
        """A number of 64 bits, the same for equal contexts in every process. (Aim computes others.)"""
        digest = hashlib.blake2b(self._identity.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the context as a dictionary of the caller's own."""
        return copy.deepcopy(self._context)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        try:
            other = other if isinstance(other, Context) else Context(other)
        except UsageError:  # what cannot be a context is not equal to one
            return False
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return f"Context({self._context!r})"
