"""What an expression is for one run that exists only in memory."""

from __future__ import annotations

from typing import Any

from runstone_indexer.fold import fold_points
from runstone_query.aimql import parse
from runstone_query.policy import compile_query
from runstone_query.record import Record
from runstone_query.views import RunView, SequenceView
from runstone_writer.state import RunState
from runstone_writer.values import encode

HASH = "0123456789abcdef01234567"
LOSS, TRAIN = [4.0, 3.0, 2.0], {"subset": "train"}


def record_of(params: dict[str, Any] | None = None, *, ended: bool = True, **props: Any) -> Record:
    """Return a run with parameters, properties, a metric `loss` in {"subset": "train"} and images `imgs`."""
    state = RunState(HASH)
    writer = state.writer(f"{0x18000000000:011x}-{1:012x}")

    def apply(event: str, **fields: Any) -> None:
        state.apply(writer, {"event": event, "dt": 0, **fields})

    apply("log", kind="run", host="h", pid=1, part=0)
    for key, value in (params or {}).items():
        apply("set", key=[key], value=encode(value))
    for name, value in props.items():
        apply("prop", name=name, value=encode(value))
    apply("sequence", id=0, name="loss", context=TRAIN, type="number")
    apply("sequence", id=1, name="imgs", context={}, type="image")
    fold_points(state, writer, [[0, i, value, i, 0] for i, value in enumerate(LOSS)], lambda *_: None)
    fold_points(state, writer, [[1, i, {"x": 1}, i, 0] for i in range(2)], lambda *_: None)
    if ended:
        apply("end")
    return Record.fresh(None, None, state, {})


def views_of(record: Record) -> tuple[RunView, SequenceView]:
    """Return the views of a run and of its first sequence."""
    run = RunView(record)
    return run, SequenceView(record, record.state.sequences[0], run)


def value_of(
    expression: str, params: dict[str, Any] | None = None, entity: str | None = None, **more: Any
) -> Any:
    """Return what an expression is, or raise what its evaluation raises."""
    predicate, *_ = compile_query(parse(expression, entity))
    return predicate(*views_of(record_of(params, **more)))
