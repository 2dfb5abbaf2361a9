"""One run of the benchmark: which stores, how many rounds, and how rounds are interleaved."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from peer import Peer, PeerError, Process
from repositories import Repositories, Written
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn
from row import OURS, Row
from workload import Workload

Samples = Callable[[], list[float]]


@dataclass
class Comparison:
    """The settings that all rows share."""

    stores: list[Peer]
    repositories: Repositories
    rounds: int
    quick: bool
    console: Console
    versions: dict[str, dict[str, str]]
    broken: dict[str, str] = field(default_factory=dict)

    def interleave(self, row: Row, calls: dict[str, Samples]) -> Row:
        """Fill the row: A B A B, so that a machine that slows down slows every store down alike."""
        self.console.print(f"  {row.key} {row.title} {row.workload}", highlight=False)
        for _ in range(self.rounds):
            for store, call in calls.items():
                if store in row.failed:
                    continue
                try:
                    row.samples.setdefault(store, []).extend(call())
                except PeerError as error:
                    row.failed[store] = str(error)
        return row

    @contextmanager
    def processes(self, *, asked: bool) -> Iterator[dict[str, Process]]:
        """A driver of each store (of each that answers queries), for the rows that measure warm processes."""
        with ExitStack() as stack:
            yield {
                peer.name: stack.enter_context(peer.process())
                for peer in self.stores
                if not (asked and peer.no_queries)
            }

    def written(self, workload: Workload) -> dict[str, Written]:
        """Every store's repository of that workload; a store that can't make one is left out and noted."""
        found = {}
        for peer in self.stores:
            if peer.no_queries or (workload.alone and peer.name != OURS):
                continue
            try:
                found[peer.name] = self._written(peer, workload)
            except PeerError as error:
                self.broken[f"{peer.name} {workload.name}"] = str(error)
        return found

    def _written(self, peer: Peer, workload: Workload) -> Written:
        version = self.versions[peer.name].get(peer.name, "")
        columns = (*Progress.get_default_columns(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(f"{peer.name}: write and index {workload.name}", total=workload.runs)
            return self.repositories.written(
                peer, version, workload, lambda done: bar.update(task, completed=done)
            )
