"""A table of kinds of hostility: for each name a function that is given a `Place` and does it there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hostile_place import Place

Kind = Callable[[Place], None]


class Table:
    """Kinds in the order in which they are added, and what is expected of a repository that has one."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.refused: set[str] = set()  # kinds for which the whole repository is refused, with a reason
        self.quiet: set[str] = set()  # kinds that are right, if odd: nothing has to be told

    def kind(self, name: str, *, refused: bool = False, quiet: bool = False) -> Callable[[Kind], Kind]:
        def register(make: Kind) -> Kind:
            self.kinds[name] = make
            (self.refused if refused else self.quiet if quiet else set()).add(name)
            return make

        return register
