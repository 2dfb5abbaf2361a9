"""The prefilter held against evaluating every run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import values
from expressions import Grammar

from runstone_indexer.parameters import ParameterReader, ParameterWriter, document
from runstone_query import lower
from runstone_query.aimql import Query, parse
from runstone_query.policy import compile_query
from runstone_query.prefilter import candidates
from runstone_query.record import Record
from runstone_query.views import RunView, SequenceView
from runstone_writer.errors import QueryError
from runstone_writer.state import RunState

Lower = Callable[[Query], lower.Narrowing | None]


@dataclass
class Agreement:
    """What was compared, and where the prefilter lost a match."""

    pairs: int = 0
    narrowed: int = 0
    matches: int = 0
    candidates: int = 0
    refused: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)


def compare(seed: int, queries: int, *, runs: int = 60, narrowing: Lower = lower.narrowing) -> Agreement:
    """Make one random repository, ask it `queries` random questions, and count the matches that are lost."""
    random = Random(seed)
    found = Agreement()
    with tempfile.TemporaryDirectory() as folder:
        writer = ParameterWriter(folder)
        states = [values.run_state(random, number) for number in range(runs)]
        for number, state in enumerate(states):
            writer.put(number, document(state), replaces=False)
            if random.random() < 0.03:
                writer.commit()  # several Tantivy segments, each with columns of other types
        writer.commit()
        writer.close()
        reader = ParameterReader(folder)
        for _ in range(queries):
            entity = random.choice((None, None, "metric"))
            _ask(Grammar(random, entity).expression(), entity, states, reader, narrowing, found)
    return found


def _ask(
    text: str,
    entity: str | None,
    states: list[RunState],
    reader: ParameterReader,
    narrowing: Lower,
    found: Agreement,
) -> None:
    try:
        query = parse(text, entity)
    except QueryError as error:
        found.refused.append(f"{error.message}: {text}")
        return
    found.pairs += 1
    narrowed = narrowing(query)
    passing = None if narrowed is None else candidates(reader, narrowed)
    named = set(range(len(states))) if passing is None else set(passing.tolist())
    found.narrowed += len(named) < len(states)
    found.candidates += len(named)
    holds = predicate_of(query)
    for number, state in enumerate(states):
        if holds(state):
            found.matches += 1
            if number not in named:
                found.misses.append(f"run {number} for {text}")


def predicate_of(query: Query) -> Callable[[RunState], bool]:
    """Return whether a query matches a run, found by evaluation alone."""
    predicate, budget, _ = compile_query(query)

    def holds(state: RunState) -> bool:
        if state.archived and not query.asks_for_archived:
            return False
        record = Record.fresh(None, None, state, {})
        run = RunView(record)
        sequences: list[Any] = [None]
        if query.entity is not None:
            sequences = [SequenceView(record, sequence, run) for sequence in state.sequences]
        for sequence in sequences:
            budget.reset()
            try:
                if predicate(run, sequence):
                    return True
            except Exception:  # skipped, as in a real query
                continue
        return False

    return holds
