"""The process that the hostile expressions are tried on: `hostile_child.py REPOSITORY SABOTAGE`.

Reads [entity, expression] as lines of JSON and answers [outcome, seconds]: of the processor, so that whoever else
uses the machine does not count. At the end of its input it says what
it noticed: reads of the environment, and imports, while queries ran.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, MutableMapping

MEMORY = 64 * 1024 * 1024


class Watched(MutableMapping[str, str]):
    """An environment that remembers whether anybody looked."""

    def __init__(self, real: MutableMapping[str, str], notes: list[str]) -> None:
        self._real = real
        self._notes = notes

    def __getitem__(self, key: str) -> str:
        self._notes.append(f"the environment was read: {key}")
        return self._real[key]

    def __setitem__(self, key: str, value: str) -> None:
        self._notes.append(f"the environment was changed: {key}")

    def __delitem__(self, key: str) -> None:
        self._notes.append(f"the environment was changed: {key}")

    def __iter__(self) -> Iterator[str]:
        self._notes.append("the environment was read")
        return iter(self._real)

    def __len__(self) -> int:
        return len(self._real)


def sabotage(name: str) -> None:
    """Take a guard away, to see whether the campaign notices."""
    from runstone_query import aimql, functions, guards

    if name == "uncounted":
        guards.Budget.make = lambda self, size: None  # type: ignore[method-assign]
        guards.Budget.scan = lambda self, characters: None  # type: ignore[method-assign]
    elif name == "opens files":
        aimql.FUNCTIONS["open"] = aimql.Signature(1, 2)
        plain = functions.Functions.table

        def table(self: functions.Functions) -> dict[str, functions.Function]:
            return {**plain(self), "open": functions.Function("open", open)}

        functions.Functions.table = table  # type: ignore[method-assign]


def mark(what: str) -> None:
    """Leave a trace for strace to see."""
    with contextlib.suppress(OSError):
        os.open(f"/hostile-{what}-here", os.O_RDONLY)


def main() -> None:
    path, name = sys.argv[1:3]
    import psutil

    from runstone import QueryError, Repo
    from runstone_query.confinement import use_one_heap

    use_one_heap()
    repo = Repo(path, read_only=True)
    warming = "matches(run.é, 'x') or datetime.strptime('1', '%d').strftime('%d')"
    len(repo.query_runs(warming))
    len(repo.query_metrics(warming))
    sabotage(name)
    notes: list[str] = []

    def outcome(entity: str | None, text: str) -> str:
        try:
            result = repo.query_runs(text) if entity is None else repo.query_metrics(text)
            len(result)
        except QueryError:
            return "refused"
        except BaseException as error:  # nothing but QueryError may come out
            return type(error).__name__
        if result.skipped:
            return result.first_error.split(": ")[1]
        return "answered" if len(result) else "answered: none"

    def heed(event: str, arguments: tuple[object, ...]) -> None:
        if event == "import":
            notes.append(f"imported: {arguments[0]}")

    replies = os.fdopen(os.dup(1), "w")
    limit = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ = Watched(os.environ, notes)  # type: ignore[assignment]
    sys.addaudithook(heed)
    print("ready", file=replies, flush=True)
    mark("begins")
    for line in sys.stdin:
        entity, text = json.loads(line)
        began = time.process_time()
        found = outcome(entity, text)
        print(json.dumps([found, time.process_time() - began]), file=replies, flush=True)
    mark("ends")
    print(json.dumps(sorted(set(notes))), file=replies, flush=True)


if __name__ == "__main__":
    main()
