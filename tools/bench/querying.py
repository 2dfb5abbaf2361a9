"""The rows about queries: P6 to P11, P13 and P14, warm and in a fresh process, with the answers compared."""

from contextlib import suppress

from comparison import Comparison, Samples
from goals import goal_for
from peer import Peer, PeerError, Process
from questions import QUESTIONS, Question, Truth, difference
from row import OURS, Row
from workload import Workload

TITLES = {
    "P6": "one run of all, hashes out",
    "P7": "range and equality, 2 % match, hashes out",
    "P8": "half of all runs, hashes out",
    "P9": "metrics of 7.7 % of the runs, all points",
    "P10": "two metrics of every run, all points",
    "P11": "every point of long runs, as arrays",
}
WITH_COLD = ("P6", "P9")
WITH_OBJECTS = ("P6", "P8")
MOST = 30
"""Variants asked in one turn at most; a slow store's turn ends with its budget, after one query at least."""


def query_rows(comparison: Comparison, workload: Workload, wanted: set[str]) -> list[Row]:
    """The wanted rows. One process for each store serves all warm rows."""
    rows, examination = [], Examination(comparison, workload)
    with comparison.processes(asked=True) as processes:
        for key in filter(wanted.__contains__, QUESTIONS):
            rows += examination.warm_rows(QUESTIONS[key], processes)
            if key in WITH_COLD:
                rows.append(examination.cold_row(QUESTIONS[key]))
    if "P11" in wanted:
        examination.add_arrays(next(row for row in rows if row.key == "P11"))
    if "P13" in wanted:
        rows += examination.command_rows()
    if "P14" in wanted:
        rows += examination.overlay_rows()
    return rows


class Examination:
    """The questions about one workload, asked of every store that has it."""

    def __init__(self, comparison: Comparison, workload: Workload) -> None:
        self._comparison, self._workload = comparison, workload
        self._repositories = comparison.written(workload)
        self._truth = Truth(workload)
        self._budget = 0.1 if comparison.quick else 0.5

    def warm_rows(self, question: Question, processes: dict[str, Process]) -> list[Row]:
        """Repeated queries in processes that have answered before, a new variant each time."""
        key, name = question.row, self._workload.name
        row = Row(key, TITLES[key], workload=name, goal=goal_for(key, name))
        row.answers = self._compare(question, processes)
        rows = [self._interleave(row, question, question.kind, processes)]
        if OURS in self._repositories:
            rows.append(self._shares(question, processes[OURS]))
        if key in WITH_OBJECTS:
            row = Row(f"{key} objects", "the same as run objects (iter_runs)", workload=name)
            rows.append(self._interleave(row, question, "run_objects", processes))
        return rows

    def add_arrays(self, row: Row) -> None:
        """Give P11 its floor: as many points from files of numpy's own, two for each sequence."""
        workload, ours = self._workload, self._ours()
        asked = {"sequences": workload.total_points // workload.points, "points": workload.points}
        path = self._comparison.repositories.empty(ours)
        row.samples["floor"] = ours.fresh("load_arrays", path=path, **asked)

    def _shares(self, question: Question, process: Process) -> Row:
        """Where the time of a warm query goes, as far as Runstone tells; the rest is loading the answer."""
        variants = question.variants(self._workload, MOST * self._comparison.rounds, 8)
        asked = {"path": self._repositories[OURS].path, "kind": question.kind}
        shares = process.call("shares", queries=[variant.aimql for variant in variants], **asked)
        title = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        return Row(f"{question.row} share", title, workload=self._workload.name)

    def cold_row(self, question: Question) -> Row:
        """From `Repo(path)` to the first answer of a fresh process; files are in the page cache."""
        query = question.make(0, self._workload).aimql

        def sampler(peer: Peer) -> Samples:
            path = self._repositories[peer.name].path
            return lambda: [peer.fresh("first", path=path, kind=question.kind, query=query)]

        row = Row(f"{question.row} cold", "the same, first query of a process", workload=self._workload.name)
        stores = [peer for peer in self._comparison.stores if peer.name in self._repositories]
        return self._comparison.interleave(row, {peer.name: sampler(peer) for peer in stores})

    def command_rows(self) -> list[Row]:
        """P13: `runstone query` as somebody types it; the floor is a Python that only loads what it needs."""
        name, ours = self._workload.name, self._ours()
        path = self._repositories[OURS].path
        query = QUESTIONS["P6"].make(0, self._workload).aimql
        row = Row("P13", "`runstone query` in a fresh process", workload=name, goal=goal_for("P13", name))
        command = ["-m", "runstone", "query", "--repo", path, "--json", query]
        samplers: dict[str, Samples] = {
            OURS: lambda: [ours.python_seconds(*command)],
            "floor": lambda: [ours.python_seconds("-c", "import tantivy, numpy, orjson")],
        }
        return [self._comparison.interleave(row, samplers)]

    def overlay_rows(self) -> list[Row]:
        """P14: what a query costs more if each of 100 open runs has just been written to. It comes last: it adds runs."""
        name, rounds = self._workload.name, self._comparison.rounds
        queries = [QUESTIONS["P6"].make(k, self._workload).aimql for k in range(MOST * rounds)]
        with self._ours().process() as process:
            quiet, busy = process.call("overlay", path=self._repositories[OURS].path, queries=queries)
        row = Row(
            "P14", "added to a query by 100 runs being written", workload=name, goal=goal_for("P14", name)
        )
        row.samples[OURS] = [b - q for q, b in zip(quiet, busy, strict=True)]
        idle = Row("P14 idle", "the same query when nothing has been written", workload=name)
        idle.samples[OURS] = quiet
        return [row, idle]

    def _ours(self) -> Peer:
        return next(peer for peer in self._comparison.stores if peer.name == OURS)

    def _interleave(self, row: Row, question: Question, kind: str, processes: dict[str, Process]) -> Row:
        samplers = {
            store: self._sampler(processes[store], written.path, question, kind)
            for store, written in self._repositories.items()
        }
        return self._comparison.interleave(row, samplers)

    def _sampler(self, process: Process, path: str, question: Question, kind: str) -> Samples:
        """Each turn asks variants that were not asked before."""
        turns = iter(range(self._comparison.rounds))

        def sample() -> list[float]:
            variants = question.variants(self._workload, next(turns) * MOST, MOST)
            queries = [variant.aimql for variant in variants]
            return process.call("ask", path=path, kind=kind, queries=queries, budget=self._budget)

        return sample

    def _compare(self, question: Question, processes: dict[str, Process]) -> str:
        """Hold every store's answers against the truth, which warms the stores up too."""
        wrong = []
        for variant in question.variants(self._workload, 0, 3 if question.kind == "runs" else 1):
            right = self._truth.answer(question.kind, variant)
            for store, written in self._repositories.items():
                asked = {"path": written.path, "kind": question.kind, "query": variant.aimql}
                with suppress(PeerError):  # timing it will fail again, and say so in its row
                    answer = processes[store].call("answer", labels=written.labels, **asked)
                    if problem := difference(answer, right):
                        wrong.append(f"{store}, `{variant.aimql}`: {problem}")
        return "; ".join(wrong) or "equal"
