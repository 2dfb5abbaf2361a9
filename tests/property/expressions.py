"""Random AimQL from the whole grammar, over the keys and values that the runs have."""

from __future__ import annotations

from random import Random
from typing import Any

import values

FUNCTIONS = (
    "len",
    "str",
    "abs",
    "int",
    "float",
    "bool",
    "round",
    "max",
    "min",
    "sum",
    "list",
    "sorted",
    "set",
)
METHODS = ("startswith", "endswith", "lower", "upper", "strip", "count", "find", "split", "isdigit", "nope")
ORDERS = ("==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in")
SUMMARIES = ("first", "last", "min", "max", "mean", "count", "first_step", "last_step", "nope")
PROPERTIES = (
    "name", "experiment", "description", "hash", "tags", "archived", "active", "creation_time", "end_time",
    "created_at", "finalized_at", "duration", "metrics",
)  # fmt: skip


class Grammar:
    """Makes expressions; every one of them is valid AimQL."""

    def __init__(self, random: Random, entity: str | None = None) -> None:
        self._random = random
        self._entity = entity

    def expression(self, depth: int = 3) -> str:
        """Return a condition."""
        random = self._random
        roll = random.random()
        if depth <= 0 or roll < 0.35:
            return self._comparison()
        inner = lambda: self.expression(depth - 1)  # noqa: E731
        if roll < 0.55:
            return f"({inner()} and {inner()})"
        if roll < 0.75:
            return f"({inner()} or {inner()})"
        if roll < 0.87:
            return f"not ({inner()})"
        if roll < 0.91:
            return f"({inner()} if {inner()} else {inner()})"
        if roll < 0.94:
            return f"(({inner()}) == {random.choice(['True', 'False', '1', 'None'])})"
        if roll < 0.95:
            return f"search({self._text()})"
        if roll < 0.97:
            return f"any(x {random.choice(ORDERS[:6])} {self._constant()} for x in {self._collection()})"
        return self._operand()

    def _comparison(self) -> str:
        random = self._random
        roll = random.random()
        if roll < 0.12:
            return self._operand()
        if roll < 0.22:
            elements = ", ".join(self._constant() for _ in range(random.randrange(4)))
            brackets = random.choice(("[]", "()", "{}"))
            comma = "," if brackets == "()" and elements else ""
            text = f"{brackets[0]}{elements}{comma}{brackets[1]}" if elements or brackets != "{}" else "[]"
            return f"{self._operand()} {random.choice(('in', 'not in'))} {text}"
        if roll < 0.3:
            return f"{self._constant()} {random.choice(('in', 'not in'))} {self._collection()}"
        if roll < 0.4:
            return f"{self._constant()} {random.choice(ORDERS[:6])} {self._operand()}"
        if roll < 0.48:
            ops = random.choice((("<", "<="), (">=", ">"), ("<=", "<"), ("==", "==")))
            return f"{self._constant()} {ops[0]} {self._operand()} {ops[1]} {self._constant()}"
        if roll < 0.56:
            return f"{self._operand()}.{random.choice(METHODS)}({self._text()})"
        if roll < 0.62:
            return f"{self._operand()} {random.choice(ORDERS[:6])} {self._operand()}"
        op = random.choice(ORDERS[:8])
        constant = random.choice(("None", "True", "False")) if "is" in op else self._constant()
        return f"{self._operand()} {op} {constant}"

    def _operand(self) -> str:
        random = self._random
        roll = random.random()
        if roll < 0.6:
            return self._path()
        if roll < 0.7:
            return f"run.{random.choice(PROPERTIES)}"
        if roll < 0.76:
            return f"{random.choice(FUNCTIONS)}({self._path()})"
        if roll < 0.83:
            return (
                f"({self._path()} {random.choice('+-*/%')} {random.choice(('1', '2', '0.5', self._path()))})"
            )
        if roll < 0.87:
            return f"{random.choice('+-')}{self._path()}"
        if roll < 0.91:
            return f"{self._path()}[{random.choice(('0', '-1', '0:2', '1', '5'))}]"
        if roll < 0.96 or self._entity is None:
            name = repr(random.choice(values.NAMES))
            context = f", {values.context(random)!r}" if random.random() < 0.3 else ""
            context = "" if "nan" in context or "None" in context else context
            return f"run.metrics[{name}{context}].{random.choice(SUMMARIES)}"
        return self._sequence()

    def _sequence(self) -> str:
        random = self._random
        roll = random.random()
        entity = self._entity
        if roll < 0.4:
            return f"{entity}.name"
        if roll < 0.7:
            return f"{entity}.context[{random.choice(values.CONTEXT_KEYS)!r}]"
        return f"{entity}.{random.choice(SUMMARIES)}"

    def _path(self) -> str:
        random = self._random
        if self._entity is not None and random.random() < 0.35:
            return self._sequence()
        text = random.choice(("run", f"{self._entity}.run")) if self._entity else "run"
        for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
            key = random.choice(values.KEYS)
            if len(repr(key)) > 100:
                text += f"[{key[: random.choice((1, 5000))]!r}]"
            elif (
                isinstance(key, str)
                and key.isidentifier()
                and not key.startswith("_")
                and random.random() < 0.6
            ):
                text += f".{key}" if key != "get" or random.random() < 0.5 else f".get({key!r})"
            elif isinstance(key, str) and random.random() < 0.1:
                text += f".get({key!r})"
            else:
                text += f"[{key!r}]"
        return text

    def _collection(self) -> str:
        return self._random.choice((self._path(), "run.tags", "run.metrics", self._path(), "['a', 'b', 1]"))

    def _text(self) -> str:
        text: str = self._random.choice(values.TEXTS)
        return repr(text[:1000])

    def _constant(self) -> str:
        return literal(values.value(self._random, 3))


def literal(value: Any) -> str:
    """Return AimQL for a value."""
    if isinstance(value, str):
        return repr(value[:1000])
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float({str(value)!r})"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**300:
        return "2 ** 300"
    if isinstance(value, dict | list):
        return "[]"
    return f"({value!r})" if isinstance(value, int | float) and value < 0 else repr(value)
