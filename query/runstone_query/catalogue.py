"""What there is in a repository: the parameters and the sequences that any run has, without their values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runstone_writer.errors import UsageError
from runstone_writer.state import Sequence
from runstone_writer.values import decode

from .record import Record
from .results import sequences_of
from .sequences import KINDS
from .views import SUMMARIES

if TYPE_CHECKING:
    from .run import StoredRun

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
    wanted = _known_types(sequence_types)
    seen: dict[str, dict[tuple[str, str, str], Sequence]] = {KINDS[name]: {} for name in wanted}
    for record in records:
        for sequence in record.state.sequences:
            if sequence.summary is not None and sequence.kind in seen:
                seen[sequence.kind].setdefault(sequence.identity, sequence)
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in wanted}
    for name in wanted:
        for _, sequence in sorted(seen[KINDS[name]].items()):
            found[name].setdefault(sequence.name, []).append(decode(sequence.context))
    return found


def run_sequence_info(
    run: StoredRun, sequence_types: str | tuple[str, ...] | list[str], skip_last_value: bool
) -> dict[str, list[dict[str, Any]]]:
    """Return name, context and summary of each sequence of one run, for each type asked for."""
    names = [name for name in SUMMARIES if name != "last" or not skip_last_value]
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in _known_types(sequence_types):
        found[kind] = [
            {
                "name": sequence.name,
                "context": sequence.context.to_dict(),
                "values": {name: sequence.summary(name) for name in names},
            }
            for sequence in sequences_of(run, kind)
        ]
    return found


def _known_types(sequence_types: str | tuple[str, ...] | list[str]) -> list[str]:
    wanted = [sequence_types] if isinstance(sequence_types, str) else list(sequence_types)
    for name in wanted:
        if name not in KINDS:
            raise UsageError(f"unknown sequence type {name!r}", hint=f"The types are {', '.join(KINDS)}.")
    return wanted
