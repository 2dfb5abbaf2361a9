"""fsck: every checksum of every log, blob and index file, and whether index and logs say the same."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runstone_indexer.columns import Columns
from runstone_indexer.discovery import hinted, look_into, sweep
from runstone_indexer.generation import Generation, fault_of, open_generation
from runstone_indexer.intake import points_of
from runstone_indexer.manifest import index_folder
from runstone_indexer.parameters import damaged_file, stamp_of
from runstone_writer.errors import CorruptionError
from runstone_writer.layout import Layout, is_link, is_safe_hash, parse_log_name, shard
from runstone_writer.media.blob import StoredBlob
from runstone_writer.media.objects import references
from runstone_writer.media.shelf import PARTIAL, stored_blobs
from runstone_writer.replay import Problem
from runstone_writer.state import RunState
from runstone_writer.views import NO_LOG, Views, view_logs

from .blobs import named_in
from .damaged import bytes_of, set_aside
from .leftovers import leftovers
from .overlay import Tail
from .record import Record
from .trash import Trash

PATIENCE = 100  # attempts to read a run that is being written up to the same place twice
GONE = "indexed, and not there any more"
IMPOSTOR = "it has the name of a log, and is no file: what stood there cannot be read"
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Verdict:
    """What fsck found."""

    runs: int = 0
    logs: int = 0
    blobs: int = 0
    bytes_read: int = 0
    damage: list[Problem] = field(
        default_factory=list
    )  # bytes of logs and blobs that are not what was written
    tails: list[Problem] = field(default_factory=list)  # lines that were never completed: normal after a kill
    foreign: list[Problem] = field(default_factory=list)
    unfinished: list[Problem] = field(
        default_factory=list
    )  # what `gc` or an indexer was killed over, or is at work on
    known: list[Problem] = field(default_factory=list)  # damage that a repair has set aside
    index: list[Problem] = field(default_factory=list)  # the index is damaged or says something else
    lost_bytes: int = 0  # of logs that are damaged, and of which nothing is known
    lost_lines: int = 0  # about how many lines that were
    indexed: int = 0  # runs compared with the index

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong (torn tails are not wrong, nor is what the next `gc` or indexer finishes)."""
        return not (self.damage or self.index)


def verify(layout: Layout, progress: Progress | None = None) -> Verdict:
    """Read everything and compare. Changes nothing. Runs may be written and indexed meanwhile."""
    verdict = Verdict()
    generation = _checked_index(layout, verdict)
    verdict.unfinished += list(_unfinished(layout))
    temporary = {problem.path for problem in verdict.unfinished}
    for problem in _foreign(layout):
        if problem.path not in temporary:
            (verdict.damage if problem.reason == IMPOSTOR else verdict.foreign).append(problem)
    faults: dict[str, Problem] = {}
    blobs = _verify_blobs(layout, verdict, faults)
    runs = list(sweep(layout, lambda error: verdict.damage.append(_unread(error))))
    for count, run in enumerate(runs):
        _verify_run(layout, run, generation, blobs, verdict)
        if progress is not None:
            progress(count + 1, len(runs))
    if generation is not None:
        _verify_runs(layout, set(runs), generation, verdict)
    if faults:
        _weigh(layout, runs, faults, verdict)
    _verify_views(layout, verdict)
    verdict.runs = len(runs)
    _measure(layout, verdict)
    verdict.known, verdict.damage = set_aside(layout, verdict.damage)
    return verdict


def _unread(error: OSError) -> Problem:
    return Problem(str(error.filename), 0, 0, f"cannot be read: {error.strerror}")


def _measure(layout: Layout, verdict: Verdict) -> None:
    """Say how much of the logs cannot be read: what stands there is not known, but how many lines it was."""
    for problem in verdict.damage:
        if problem.end > problem.start and problem.path.startswith(layout.logs):
            verdict.lost_bytes += problem.end - problem.start
            verdict.lost_lines += max(sum(data.count(b"\n") for data in bytes_of(problem)), 1)


def _checked_index(layout: Layout, verdict: Verdict) -> Generation | None:
    """Return the index, if it is there and every checksum in it is right."""
    generation = open_generation(layout)
    if generation is None:
        fault = fault_of(layout)
        if isinstance(fault, CorruptionError):
            verdict.index.append(Problem(fault.path, fault.start, fault.end, fault.reason))
        elif fault is not None:
            verdict.index.append(Problem(index_folder(layout), 0, 0, f"cannot be used: {fault}"))
        return None
    for entry in generation.manifest.states + generation.manifest.series:
        columns = Columns(generation.folder, entry)
        damage = columns.damage()
        if damage is not None:
            verdict.index.append(Problem(columns.path, 0, entry["size"], damage))
    bad = damaged_file(generation.parameters.folder)
    if bad is not None:
        verdict.index.append(Problem(bad, 0, os.stat(bad).st_size, "checksum mismatch"))
    return None if verdict.index else generation


def _unfinished(layout: Layout) -> Iterator[Problem]:
    """Yield what killed processes have left for the next `gc`. Others may be at work at this moment."""
    for path, _ in leftovers(layout):
        if not path.endswith(PARTIAL):
            yield Problem(path, 0, 0, "a temporary file: left for a day, `runstone gc` removes it")
    for entry in Trash(layout).entries():
        yield Problem(entry, 0, 0, "a run on its way out: `runstone gc` finishes that, or puts it back")


def _foreign(layout: Layout) -> Iterator[Problem]:
    """Yield what is in the logs' folders and is neither a run's folder nor a log."""
    for folder, folders, files in os.walk(layout.logs):
        parts = os.path.relpath(folder, layout.logs).split(os.sep)
        where = 0 if parts == ["."] else len(parts)
        if where == 2:
            if not is_safe_hash(parts[1]) or shard(parts[1]) != parts[0]:
                yield Problem(folder, 0, 0, "not a run's folder")
                folders.clear()
            else:
                logs = set(layout.log_names(parts[1]))
                yield from _named(folder, [name for name in (*folders, *files) if name not in logs])
                folders.clear()
        else:
            yield from _named(folder, files)


def _named(folder: str, names: list[str]) -> Iterator[Problem]:
    for name in sorted(names):
        reason = "not a log of Runstone's" if parse_log_name(name) is None else IMPOSTOR
        yield Problem(os.path.join(folder, name), 0, 0, reason)


def _verify_blobs(layout: Layout, verdict: Verdict, faults: dict[str, Problem]) -> set[tuple[str, int]]:
    """Read every blob; return the name and size of each, damaged ones included: these are in `faults`."""
    known = set()
    for blob in stored_blobs(layout):
        if isinstance(blob, str):
            if blob.endswith(PARTIAL):
                verdict.tails.append(Problem(blob, 0, 0, "a blob that was never completed"))
            elif blob not in {problem.path for problem in verdict.unfinished}:
                verdict.foreign.append(Problem(blob, 0, 0, "not a blob of Runstone's"))
            continue
        fault = blob.fault()
        if fault:
            faults[blob.digest] = Problem(blob.path, 0, blob.size, fault)
        known.add((blob.digest, blob.size))
        verdict.blobs += 1
        verdict.bytes_read += blob.size
    return known


def _weigh(layout: Layout, runs: list[str], faults: dict[str, Problem], verdict: Verdict) -> None:
    """Tell damaged blobs from those that a power cut has emptied, with the line that was to name them."""
    named: set[str] = set()
    for run in runs:
        try:
            folder = look_into(layout, run)
            for name in folder.sizes:
                named |= named_in(layout.log_path(run, name))
        except OSError:
            named.update(faults)
        else:
            if folder.impostors:
                named.update(faults)  # nobody knows what the logs named that stood there
    for digest, problem in faults.items():
        if digest in named:
            verdict.damage.append(problem)
        else:
            reason = f"{problem.reason}, and no log names it"
            verdict.tails.append(Problem(problem.path, problem.start, problem.end, reason))


def _verify_views(layout: Layout, verdict: Verdict) -> None:
    """Read every log of saved views."""
    if is_link(layout.views):
        verdict.damage.append(Problem(layout.views, 0, 0, "a symbolic link, which nobody follows"))
        return
    for problem in Views(layout).problems():
        if problem.reason.startswith("torn tail"):
            verdict.tails.append(problem)
        elif problem.reason != NO_LOG:
            verdict.damage.append(problem)
        elif parse_log_name(os.path.basename(problem.path)) is None:
            verdict.foreign.append(problem)
        else:
            verdict.damage.append(Problem(problem.path, 0, 0, IMPOSTOR))
    for name in view_logs(layout):
        verdict.logs += 1
        with contextlib.suppress(OSError):
            verdict.bytes_read += os.stat(layout.view_path(name)).st_size


def _verify_references(layout: Layout, record: Record, known: set[tuple[str, int]], verdict: Verdict) -> None:
    """Look whether every blob that a run speaks of is there."""
    for what, digest, size in _references(record):
        if (digest, size) in known:
            continue
        try:
            blob = StoredBlob(layout, digest, size)
            path, fault = blob.path, blob.fault()  # it may have been put there since
        except CorruptionError as error:
            path, fault = error.path, error.reason
        if fault:
            verdict.damage.append(Problem(path, 0, 0, f"{fault}: {what} of run {record.hash} needs it"))
            known.add((digest, size))  # said once


def _references(record: Record) -> Iterator[tuple[str, str, int]]:
    """Yield (what refers to it, digest, size) of each blob that a run speaks of."""
    for row in record.state.params.dump():
        yield from (("a parameter", *found) for found in references(row[3:]))
    for sequence in record.state.sequences:
        if sequence.kind != "number":
            for data in record.chunk(sequence.place).python_values():
                yield from ((f"{sequence.name!r}", *found) for found in references(data, sequence.kind))
    for name, (_, fields) in record.state.artifact_marks.items():
        if isinstance(fields.get("blob"), str) and isinstance(fields.get("size"), int):
            yield f"artifact {name!r}", fields["blob"], fields["size"]


def _verify_run(
    layout: Layout, run: str, generation: Generation | None, blobs: set[tuple[str, int]], verdict: Verdict
) -> None:
    tail = Tail(layout, run, None)
    tail.update()
    verdict.logs += len(tail.positions())
    verdict.bytes_read += tail.bytes_read
    verdict.damage += tail.problems
    verdict.tails += tail.tails
    _verify_references(layout, tail.record(), blobs, verdict)
    if generation is None:
        return
    indexed = Tail(layout, run, generation)
    if indexed.number is None:
        return
    indexed.update()
    if not _at_one_place(tail, indexed):
        return
    difference = compare(tail.record(), indexed.record())
    if indexed.base is None:
        difference = "it was made from other logs, which are not there any more"
    if difference:
        folder = layout.run_folder(run)
        verdict.index.append(
            Problem(folder, 0, 0, f"the index says something else than the logs: {difference}")
        )
    verdict.indexed += 1


def _at_one_place(one: Tail, other: Tail) -> bool:
    """Read on in both until both have read the same: the run may be being written."""
    for _ in range(PATIENCE):
        if one.positions() == other.positions():
            return True
        one.update()
        other.update()
    return False


def _verify_runs(layout: Layout, runs: set[str], generation: Generation, verdict: Verdict) -> None:
    """Compare which runs there are: in the logs, in the state files and in the Tantivy index."""
    documents = dict(zip(*(found.tolist() for found in generation.parameters.documents()), strict=True))
    pointed_to = hinted(layout)
    # Asked for last: the stamp that a reader knows is older than what it has, if an indexer committed meanwhile.
    is_newer = stamp_of(generation.parameters.folder) != generation.manifest.parameters
    for file, rows in generation.locate(None):
        for row in rows.tolist():
            run, number = file.hash(row), int(file.run[row])
            if run not in runs and not os.path.isdir(layout.run_folder(run)):
                if run in pointed_to:  # then it is in no answer, and the next pass of the indexer looks at it
                    problem = Problem(layout.run_folder(run), 0, 0, f"{GONE}: `runstone index` is enough")
                    verdict.unfinished.append(problem)
                else:
                    points = points_of(file.load(row).state)
                    verdict.index.append(Problem(layout.run_folder(run), 0, 0, f"{GONE}: {points:,} points"))
            if documents.pop(number, None) != int(file.column("document")[row]) and not is_newer:
                verdict.index.append(
                    Problem(layout.run_folder(run), 0, 0, "its parameters are indexed wrong")
                )
    if documents and not is_newer:
        count = f"parameters of {len(documents):,} runs that there are not are indexed"
        verdict.index.append(Problem(generation.parameters.folder, 0, 0, count))


def compare(one: Record, other: Record) -> str:
    """Return in what two records of a run differ, down to each point; empty if in nothing."""
    a, b = _facts(one.state), _facts(other.state)
    for what in (*a, *b):
        if a.get(what) != b.get(
            what
        ):  # there may be a writer, or a sequence, of which the other knows nothing
            return f"{what}: {a.get(what)!r} and {b.get(what)!r}"
    if repr(one.state.params.tree()) != repr(other.state.params.tree()):  # repr: NaN is not equal to itself
        return "the order of parameters"
    twins = {sequence.identity: sequence for sequence in other.state.sequences}
    for sequence in one.state.sequences:
        if not _same_points(one.points(sequence.place), other.points(twins[sequence.identity].place)):
            return f"the points of {sequence.name!r}"
    return ""


def _facts(state: RunState) -> dict[str, Any]:
    """Everything in a state, without the order in which logs were read."""
    names = [sequence.identity for sequence in state.sequences]
    facts = {
        what: getattr(state, what)
        for what in (
            "run",
            "known",
            "props",
            "tags",
            "deleted_mark",
            "note_marks",
            "artifact_marks",
            "created",
            "ended",
        )
    }
    facts["parameters"] = sorted(map(repr, state.params.dump()))
    for writer in state.writers.values():
        *life, parts, declared, orphans = writer.dump()
        offsets = [
            part[0] for part in parts
        ]  # behind damage, whether the CRC is known depends on where one began
        known = sorted((number, names[place]) for number, place in declared)
        facts[f"writer {writer.writer}"] = (life, offsets, known, repr(orphans))
    facts["sequences"] = sorted(names)
    for sequence in state.sequences:
        summary = None if sequence.summary is None else repr(sequence.summary.dump())
        what = (sequence.kind, sequence.context, summary)
        facts[f"sequence {sequence.identity}"] = what
    return facts


def _same_points(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> bool:
    (a, writers_a, by_a), (b, writers_b, by_b) = one, other
    if writers_a != writers_b or not _same(a.steps, b.steps) or not _same(by_a, by_b):
        return False
    same_values = repr(a.python_values()) == repr(b.python_values())
    return same_values and _same(a.times, b.times) and _same(a.epochs, b.epochs)


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype == np.float64)
