"""Operations on a repository, each with what has to hold after a kill in the middle of it, and at its end.

What is in the repositories comes from training_script, so that all of it is known, event by event.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import training_script
from sigkill import Check, Scene
from training_script import OPENED, Job, Said

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from journals import assert_no_strays
from runstone import MissingRunError, Repo
from runstone_indexer import Indexer, compaction, hints
from runstone_indexer.indexer import Indexer as IndexerClass
from runstone_query import garbage, transfer, verify
from runstone_query.trash import Trash
from runstone_writer import log, tender
from runstone_writer.layout import open_repo, parse_log_name

LOGGED = 3  # runs that are there
EVENTS = 30
FIRST = 21  # the number of the process that is killed; the next ones are those that go on
LONG_AGO = 40 * 24 * 3600.0


@dataclass(frozen=True)
class Operation:
    """Something that a process does, and may be killed over. Functions take the folder that all of it is in."""

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path], object]
    after: Callable[[Path], list[str]]  # what is wrong after a kill
    end: Callable[[Path], list[str]]  # and after `again` has come to its end
    again: Callable[[Path], object]


def job(folder: Path, who: int, run: str, **options: Any) -> Job:
    return Job(str(folder / "one"), run, who, 5, **{"events": EVENTS, **options})


def write_runs(folder: Path, first: int = 0) -> None:
    """Write three runs, each by two processes; the second repository has one of its own."""
    said = Said(folder / "said", size=99) if not (folder / "said").exists() else Said(folder / "said")
    for number in range(first, first + LOGGED):
        for who in (2 * number + 2, 2 * number + 3):
            training_script.play(job(folder, who, f"run{number}"), said)
    if not first:
        training_script.play(Job(str(folder / "two"), "other", 90, 5, events=EVENTS), said)


def jobs_in(folder: Path, count: int = LOGGED) -> dict[str, list[Job]]:
    """Return what write_runs() has done, by run."""
    return {
        f"run{number}": [job(folder, who, f"run{number}") for who in (2 * number + 2, 2 * number + 3)]
        for number in range(count)
    }


def compared(
    folder: Path, where: str, runs: dict[str, list[Job]], *, optional: tuple[str, ...] = ()
) -> list[str]:
    """Compare the answers of one repository with what has been done to it; and its logs with its index."""
    repo = Repo(folder / where)
    jobs = [one for found in runs.values() for one in found]
    check = Check(Scene(folder / where, 1, 5, jobs, Said(folder / "said")))
    there = set(repo.list_all_runs())
    for name, found in runs.items():
        if name in there or name not in optional:
            check.run(repo.get_run(name), name, found)
    check.failures += [f"{name} is there" for name in there - runs.keys()]
    for problem in [*(verdict := verify.verify(repo.layout)).damage, *verdict.index, *verdict.foreign]:
        check.failures.append(f"fsck: {problem}")
    repo.close()
    return [f"{where}: {failure}" for failure in check.failures]


def is_log(path: str) -> bool:
    """Whether it is a log: the line that a kill has torn stays, and so does a log without a line."""
    return parse_log_name(os.path.basename(path)) is not None


def at_rest(folder: Path, where: str, runs: dict[str, list[Job]], *, index: bool = True) -> list[str]:
    """What compared() finds, and every file that nobody wants or takes away once all has been brought up to date."""
    garbage.LEFTOVER_SECONDS = hints.STALE_SECONDS = -1.0
    repo = Repo(folder / where)
    repo.gc(grace=0)
    if index:
        Indexer(folder / where).run_once()
        assert_no_strays(repo.layout)
    failures = compared(folder, where, runs)
    if index:
        failures += [f"{where}: a hint stays: {name}" for name in os.listdir(repo.layout.live)]
    verdict = verify.verify(repo.layout)
    failures += [f"{where}: it stays: {problem}" for problem in verdict.unfinished]
    failures += [f"{where}: it stays: {tail}" for tail in verdict.tails if not is_log(tail.path)]
    known = {"format.json", "logs", "live", "blobs", "index"}
    return failures + [f"{where}: {name} stays" for name in set(os.listdir(repo.layout.root)) - known]


# -- a training script --------------------------------------------------------------------------------------------------


def _nothing(folder: Path) -> None:
    Said(folder / "said", size=99)


def _writes(*, refuse_at: int = 0, lies: bool = False, **options: Any) -> Callable[[Path], object]:
    """Play a script, as another process each time."""

    def act(folder: Path) -> None:
        said = Said(folder / "said")
        who = FIRST + said.events(0)
        said.say_events(0, said.events(0) + 1)
        tender.SYNC_SECONDS = 0.01
        if refuse_at:
            log._write = _refusing(refuse_at)
        training_script.play(job(folder, who, "run0", lies=lies, **options), said)

    return act


def _refusing(at: int) -> Callable[[int, bytes], int]:
    """A write() that fails once, so that the log goes on in a part of its own."""
    calls = 0

    def write(fd: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)

    return write


def writing(name: str, *, resumes: bool = False, lies: bool = False, **options: Any) -> Operation:
    """A script from its beginning to its end; then another process goes on with the run."""

    def runs(folder: Path) -> dict[str, list[Job]]:
        shown = {key: value for key, value in options.items() if key != "refuse_at"}
        found = jobs_in(folder) if resumes else {"run0": []}
        found["run0"] += [job(folder, who, "run0", **shown) for who in (FIRST, FIRST + 1, FIRST + 2)]
        return found

    def after(folder: Path) -> list[str]:
        is_opened = any(Said(folder / "said").life(who) >= OPENED for who in (FIRST, FIRST + 1, FIRST + 2))
        if not (folder / "one/.runstone/format.json").exists():
            return ["one: lost: there is no repository"] if is_opened else []
        return compared(folder, "one", runs(folder), optional=() if is_opened else ("run0",))

    act = _writes(lies=lies, **options)
    return Operation(
        name,
        write_runs if resumes else _nothing,
        act,
        after,
        lambda folder: at_rest(folder, "one", runs(folder)),
        act,
    )


# -- an indexer ----------------------------------------------------------------------------------------------------------


def _index(folder: Path) -> None:
    Indexer(folder / "one").run_once()


def _merge(folder: Path) -> None:
    compaction.FAN_OUT = 1
    Indexer(folder / "one").run_once()


def _reindex(folder: Path) -> None:
    Indexer(folder / "one").reindex()


def _index_by_hints(folder: Path) -> None:
    Indexer(folder / "one").run_once(full=False)


def _with_more(folder: Path) -> None:
    """Index three runs one by one, and then write three more, and more of the first."""
    write_runs(folder)
    Indexer(folder / "one").run_once()
    write_runs(folder, LOGGED)
    training_script.play(job(folder, 80, "run0"), Said(folder / "said"))


def _with_index(folder: Path) -> None:
    write_runs(folder)
    Indexer(folder / "one").run_once()


def indexing(name: str, prepare: Callable[[Path], None], act: Callable[[Path], object]) -> Operation:
    def runs(folder: Path) -> dict[str, list[Job]]:
        if prepare is not _with_more:
            return jobs_in(folder)
        found = jobs_in(folder, 2 * LOGGED)
        found["run0"].append(job(folder, 80, "run0"))
        return found

    return Operation(
        name, prepare, act,
        lambda folder: compared(folder, "one", runs(folder)),
        lambda folder: at_rest(folder, "one", runs(folder)),
        act,
    )  # fmt: skip


def in_two_steps() -> None:
    """The negative control: publish how far the logs have been read, and the points a moment later."""
    publish = IndexerClass._publish

    def twice(self: IndexerClass) -> None:
        series, known = self._draft.series, self._published.files()
        self._draft.series = [entry for entry in series if entry["file"] in known]
        publish(self)
        self._draft.series = series
        publish(self)

    IndexerClass._publish = twice


# -- what removes, and what copies -----------------------------------------------------------------------------------------


def _age(folder: Path) -> None:
    """Make all blobs old enough for gc."""
    for path in (folder / "one/.runstone/blobs").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - LONG_AGO,) * 2)


def _with_garbage(folder: Path) -> None:
    write_runs(folder)
    Indexer(folder / "one").run_once()
    repo = Repo(folder / "one")
    repo.delete_run("run1")
    shutil.rmtree(repo.layout.live)
    os.mkdir(repo.layout.live)
    repo.delete_run("run2")
    repo.restore_run("run2")
    temporary = Path(repo.layout.log_path("run0", ".temporary"))
    temporary.write_bytes(b"1")
    os.utime(temporary, (0, 0))
    _age(folder)


def _collect(folder: Path) -> None:
    Repo(folder / "one").gc(grace=0)


def _without(folder: Path, *names: str) -> dict[str, list[Job]]:
    return {name: jobs for name, jobs in jobs_in(folder).items() if name not in names}


COLLECTING = Operation(
    "gc", _with_garbage, _collect,
    lambda folder: compared(folder, "one", _without(folder, "run1")),
    lambda folder: at_rest(folder, "one", _without(folder, "run1")),
    _collect,
)  # fmt: skip


def in_place() -> None:
    """The negative control: no rename to the trash, the logs of a run are removed one by one."""

    def remove(self: Trash, run: str, *_: object) -> bool:
        folder = self._layout.run_folder(run)
        for name in sorted(os.listdir(folder), reverse=True):  # what says that it is deleted comes first
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
        return True

    Trash.remove = remove


def _other(folder: Path) -> dict[str, list[Job]]:
    return {"other": [Job(str(folder / "two"), "other", 90, 5, events=EVENTS)]}


def _copy(folder: Path) -> None:
    Repo(folder / "one").copy_run("run1", folder / "two")


def _after_copy(folder: Path) -> list[str]:
    there = _other(folder) | {"run1": jobs_in(folder)["run1"]}
    return compared(folder, "one", jobs_in(folder)) + compared(folder, "two", there, optional=("run1",))


def _end_of_copy(folder: Path) -> list[str]:
    there = _other(folder) | {"run1": jobs_in(folder)["run1"]}
    return at_rest(folder, "one", jobs_in(folder)) + at_rest(folder, "two", there)


COPYING = Operation("copy", _with_index, _copy, _after_copy, _end_of_copy, _copy)


def without_stage() -> None:
    """The negative control: logs are copied to their place byte by byte."""

    def put(source: Any, run: str, sizes: dict[str, int], dest: Any) -> None:
        os.makedirs(dest.run_folder(run), exist_ok=True)
        for name, size in sizes.items():
            data = Path(source.log_path(run, name)).read_bytes()[:size]
            with open(dest.log_path(run, name), "wb", buffering=0) as copy:
                for start in range(0, size, 1000):
                    copy.write(data[start : start + 1000])

    transfer._put_in_place = put


def _move(folder: Path) -> None:
    try:
        Repo(folder / "one").move_run("run1", folder / "two")
    except MissingRunError:  # the first one was killed after that
        assert Repo(folder / "two").run_exists("run1")


def _after_move(folder: Path) -> list[str]:
    there = _other(folder) | {"run1": jobs_in(folder)["run1"]}
    failures = compared(folder, "one", jobs_in(folder), optional=("run1",))
    failures += compared(folder, "two", there, optional=("run1",))
    if not (Repo(folder / "one").run_exists("run1") or Repo(folder / "two").run_exists("run1")):
        failures.append("run1 is lost as a whole: it is in neither")
    return failures


def _end_of_move(folder: Path) -> list[str]:
    there = _other(folder) | {"run1": jobs_in(folder)["run1"]}
    return at_rest(folder, "one", _without(folder, "run1")) + at_rest(folder, "two", there)


MOVING = Operation("move", _with_index, _move, _after_move, _end_of_move, _move)


def _back_up(folder: Path) -> None:
    found = Repo(folder / "one").backup(folder / "three")
    assert not found.problems, found.problems


def _with_backup(folder: Path) -> None:
    write_runs(folder)
    training_script.play(job(folder, 80, "run0", events=7), Said(folder / "said"))
    _back_up(folder)
    write_runs(folder, LOGGED)


def backing_up(name: str, prepare: Callable[[Path], None]) -> Operation:
    def runs(folder: Path) -> dict[str, list[Job]]:
        if prepare is not _with_backup:
            return jobs_in(folder)
        found = jobs_in(folder, 2 * LOGGED)
        found["run0"].append(job(folder, 80, "run0", events=7))
        return found

    def after(folder: Path) -> list[str]:
        failures = compared(folder, "one", runs(folder))
        if (folder / "three/.runstone/format.json").exists():
            failures += _prefixes(folder)
        return failures

    return Operation(
        name, prepare, _back_up, after,
        lambda folder: at_rest(folder, "one", runs(folder)) + at_rest(folder, "three", runs(folder)),
        _back_up,
    )  # fmt: skip


def _prefixes(folder: Path) -> list[str]:
    """What is wrong with a backup that is not complete: each process's events are a beginning of what it did."""
    layout, failures = open_repo(folder / "three"), []
    verdict = verify.verify(layout)
    failures += [f"three: fsck: {problem}" for problem in [*verdict.damage, *verdict.index, *verdict.foreign]]
    for path in Path(layout.logs).rglob("[!.]*.jsonl"):
        whole = folder / "one/.runstone" / path.relative_to(layout.root)
        if not whole.read_bytes().startswith(path.read_bytes()):
            failures.append(f"three: {path.name} is no beginning of what it was copied from")
    return failures


# -- edits -------------------------------------------------------------------------------------------------------------


def _edit(folder: Path) -> None:
    repo, said = Repo(folder / "one"), Said(folder / "said")
    for number, edit in enumerate(EDITS):
        edit(repo)
        said.say_events(97, number + 1)


EDITS: tuple[Callable[[Repo], object], ...] = (
    lambda repo: repo.delete_run("run2"),
    lambda repo: setattr(repo.get_run("run0"), "description", "edited"),
    lambda repo: repo.get_run("run0").add_tag("2-edited"),
    lambda repo: repo.restore_run("run2"),
)


def _after_edit(folder: Path) -> list[str]:
    done = Said(folder / "said").events(97)
    repo = Repo(folder / "one")
    run = repo.get_run("run0")
    is_there, found = repo.run_exists("run2"), [run.description == "edited", "2-edited" in run.tags]
    failures = []
    for may in (done, min(done + 1, len(EDITS))):
        if (is_there, found) == (may in (0, 4), [may > 1, may > 2]):
            break
    else:
        failures.append(f"lost or wrong after {done} edits: {is_there} {found}")
    verdict = verify.verify(repo.layout)
    return failures + [f"fsck: {problem}" for problem in [*verdict.damage, *verdict.index, *verdict.foreign]]


def _end_of_edit(folder: Path) -> list[str]:
    repo = Repo(folder / "one")
    repo.get_run("run0").remove_tag("2-edited")
    return at_rest(folder, "one", jobs_in(folder))


EDITING = Operation("edit", _with_index, _edit, _after_edit, _end_of_edit, _edit)
