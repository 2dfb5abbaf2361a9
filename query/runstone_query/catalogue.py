"""What there is in a repository: the parameters and the sequences that any run has, without their values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runstone_writer.errors import UsageError
from runstone_writer.state import Sequence
from runstone_writer.values import decode

from .record import Record
from .sequences import KINDS

EXAMPLE = "__example_type__"


def params_info(records: Iterable[Record]) -> dict[Any, Any]:
    """Return the parameters of all records as one tree; each leaf is {"__example_type__": "<class ...>"}.

    A parameter that is a dictionary in one run and a value in another has both: its keys, and the type.
    """
    tree: dict[Any, Any] = {}
    for record in records:
        _merge(tree, record.params)
    return tree


def _merge(tree: dict[Any, Any], params: dict[Any, Any]) -> None:
    for key, value in params.items():
        below = tree.setdefault(key, {})
        if isinstance(value, dict):
            _merge(below, value)
        else:
            below.setdefault(EXAMPLE, str(type(value)))


def sequence_info(
    records: Iterable[Record], sequence_types: str | tuple[str, ...] | list[str]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return, for each type asked for ("metric", "images", ...), the contexts that each name occurs in.

    Raises UsageError for an unknown type.
    """
    wanted = [sequence_types] if isinstance(sequence_types, str) else list(sequence_types)
    for name in wanted:
        if name not in KINDS:
            raise UsageError(f"unknown sequence type {name!r}", hint=f"The types are {', '.join(KINDS)}.")
    seen: dict[str, dict[tuple[str, str], Sequence]] = {KINDS[name]: {} for name in wanted}
    for record in records:
        for sequence in record.state.sequences:
            if sequence.summary is not None and sequence.kind in seen:
                seen[sequence.kind].setdefault(sequence.identity, sequence)
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in wanted}
    for name in wanted:
        for _, sequence in sorted(seen[KINDS[name]].items()):
            found[name].setdefault(sequence.name, []).append(decode(sequence.context))
    return found
