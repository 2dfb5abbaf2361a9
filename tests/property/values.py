"""Values, keys and runs chosen to be nasty: everything that has ever come back wrong from an index."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from runstone_indexer.fold import fold_points
from runstone_writer.state import RunState
from runstone_writer.values import encode

NUMBERS: list[Any] = [
    0, 1, -1, 2, 17, 0.0, -0.0, 0.1, 0.30000000000000004, 1.0, -1.5, 1e-5, 5e-324, -5e-324, 1e308, -1e308,
    2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64, 2**200, -(2**2000),
    float(2**53), float(2**63), float(2**64), math.inf, -math.inf, math.nan, True, False, 1e16, 123456789.123,
]  # fmt: skip
TEXTS: list[str] = [
    "", "a", "adam", "adamw", "Adam", "sgd", "0", "1", "1.0", "0.005", "true", "True", "None", "nan", "inf",
    "a b", "a\tb", "2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00+00:00", "\x00", "a\x00b", "\x01",
    "é", "e\u0301", "ß", "SS", "日本語", "😀", "\u202e", "\ud800", "a\udfffb", "\\", '"', "'", "AND", "a*",
    "x" * 199, "x" * 200, "x" * 201, "x" * 70_000, "\U0010ffff", " lead", "trail ",
]  # fmt: skip
KEYS: list[Any] = [
    "lr", "bs", "opt", "layers", "name", "tags", "metrics", "keys", "get", "items", "a.b", "a b", "a\\b", "",
    "\x00", "a\x00b", "\x01", "é", "\ud800", "k" * 70_000, "$int", "$", "_hidden", 0, 2, -1, "0", "AND", "run",
]  # fmt: skip
NAMES = ["loss", "acc", "lr", "", "a.b", "é", "\x00"]
CONTEXT_KEYS = ["subset", "fold", "a b", ""]


def value(random: Random, depth: int = 0) -> Any:
    """Return any parameter value."""
    roll = random.random()
    if roll < 0.45:
        return random.choice(NUMBERS) if random.random() < 0.7 else random.uniform(-10, 10)
    if roll < 0.75:
        return random.choice(TEXTS)
    if roll < 0.8 or depth > 2:
        return None
    if roll < 0.9:
        return [value(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): value(random, depth + 1) for _ in range(random.randrange(4))}


def context(random: Random) -> dict[str, Any]:
    """Return the context of a sequence."""
    plain: list[Any] = [
        "train",
        "val",
        "",
        0,
        1,
        1.0,
        True,
        False,
        None,
        math.nan,
        2**64,
        "\ud800",
        [1],
        {"a": 1},
    ]
    return {random.choice(CONTEXT_KEYS): random.choice(plain) for _ in range(random.randrange(3))}


def run_state(random: Random, number: int) -> RunState:
    """Return the state of a run, folded from events as a log has them."""
    state = RunState(f"{number:024x}")
    writer = state.writer(f"{0x18000000000 + number:011x}-{number:012x}")

    def apply(event: str, **fields: Any) -> None:
        state.apply(writer, {"event": event, "dt": 0, **fields})

    apply("log", kind="run", host="h", pid=1, part=0)
    top = {random.choice(KEYS): value(random) for _ in range(random.randrange(8))}
    for key, item in top.items():
        apply("set", key=encode([key]), value=encode(item))
    if random.random() < 0.5:
        key = [random.choice(KEYS), random.choice(KEYS)]
        apply("set", key=encode(key), value=encode(value(random, 2)))
    for name in ("name", "experiment", "description"):
        if random.random() < 0.4:
            apply("prop", name=name, value=encode(random.choice(TEXTS)))
    if random.random() < 0.15:
        apply("prop", name="archived", value=True)
    for tag in random.sample(TEXTS[:12], random.randrange(3)):
        apply("tag", name=tag, on=True)
    if random.random() < 0.6:
        apply("end")
    for place in range(random.randrange(4)):
        apply("sequence", id=place, name=random.choice(NAMES), context=encode(context(random)), type="number")
        points = [[place, i, _point(random), i, 0] for i in range(random.randrange(1, 4))]
        fold_points(state, writer, points, lambda *_: None)
    return state


def _point(random: Random) -> Any:
    number = random.choice(NUMBERS)
    if isinstance(number, float):
        return number if math.isfinite(number) else repr(number)
    return int(number) if -(2**63) <= number < 2**64 else {"$int": hex(number)}
