"""Many processes, one run: nothing is lost or reordered, and docs/parallel.md says what is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runstone import Image, MissingRunError, Repo, Run, UsageError
from runstone_indexer import Indexer
from runstone_query.verify import verify

TOP = Path(__file__).resolve().parent.parent
QUIET = {"system_tracking_interval": None, "capture_terminal_logs": False}
PAGE = TOP / "docs/parallel.md"
EXAMPLES = (
    re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL) if PAGE.exists() else []
)


def stored(repo, run_hash):
    return Repo(repo, index=False).get_run(run_hash)


def python(script, folder, *arguments, **variables):
    environment = {**os.environ, "PYTHONWARNINGS": "error", **variables}
    command = [sys.executable, script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def ended_well(processes):
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, "")


# -- sharing a hash ------------------------------------------------------------------------------------------------


def test_whoever_comes_first_creates_the_run(tmp_path):
    first = Run("job-17_x", repo=tmp_path, create=True, **QUIET)
    second = Run("job-17_x", repo=tmp_path, create=True, **QUIET)
    first["a"], second["b"] = 1, 2
    assert first[...] == second[...] == {"a": 1, "b": 2}
    first.close()
    assert second.active
    second.close()
    assert stored(tmp_path, "job-17_x").status == "finished"


@pytest.mark.parametrize("run_hash", ["", "a/b", "../x", "-x", "a b", "x" * 129, "ä", ".hidden", 5])
def test_a_hash_is_a_safe_file_name(tmp_path, run_hash):
    with pytest.raises(UsageError, match="not a run hash"):
        Run(run_hash, repo=tmp_path, create=True)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_an_unknown_hash_alone_is_refused_and_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(MissingRunError, match="create=True"):
        Run("job-17", repo=tmp_path)
    with pytest.raises(MissingRunError):
        Run("job-17", repo=tmp_path, create=True, read_only=True)


def test_the_variable_is_taken_where_no_hash_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNSTONE_RUN_HASH", "shared-1")
    with Run(repo=tmp_path, **QUIET) as one, Run(repo=tmp_path, **QUIET) as two:
        assert one.hash == two.hash == "shared-1"
    assert Run(repo=tmp_path, read_only=True).hash == "shared-1"
    with Run("other", repo=tmp_path, create=True, **QUIET) as other:
        assert other.hash == "other"
    with pytest.raises(MissingRunError):
        Run("unknown", repo=tmp_path)


def test_a_variable_that_is_no_hash_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNSTONE_RUN_HASH", "a/b")
    with pytest.raises(UsageError, match="RUNSTONE_RUN_HASH is no run hash: 'a/b'"):
        Run(repo=tmp_path)
    monkeypatch.setenv("RUNSTONE_RUN_HASH", "")
    assert len(Run(repo=tmp_path, **QUIET).hash) == 24


def test_to_read_needs_a_hash(tmp_path):
    with pytest.raises(UsageError, match="which run"):
        Run(repo=tmp_path, read_only=True)


def test_steps_of_a_shared_run_count_from_zero_and_of_a_resumed_one_go_on(tmp_path):
    for create in (True, True, False):
        with Run("r", repo=tmp_path, create=create, **QUIET) as run:
            for _ in range(2):
                run.track(1.0, name="loss")
            run.log_info("step")
    found = stored(tmp_path, "r")
    assert found.get_metric("loss").values.indices_list() == [0, 0, 1, 1, 2, 3]
    writers = found.get_metric("loss").writers
    assert len(set(writers)) == 3
    assert writers == [writers[0], writers[1], writers[0], writers[1], writers[4], writers[4]]
    assert found.get_log_records().values.indices_list() == [0, 0, 1]


# -- many of them --------------------------------------------------------------------------------------------------

WRITER = """
import sys
from runstone import Run
number, events = int(sys.argv[1]), int(sys.argv[2])
run = Run("many", repo=".", create=True, system_tracking_interval=None, capture_terminal_logs=False)
sys.stdin.readline()
for event in range(events):
    if event % 10 == 9:
        run["writer", str(number)] = event
    else:
        run.track(number * 10_000 + event, name="value")
run.close()
"""


def many_writers(folder, writers, events):
    """Start them all, let them go at the same moment, and wait."""
    (folder / "writer.py").write_text(WRITER)
    gate, opener = os.pipe()
    command = [sys.executable, "writer.py"]
    processes = [
        subprocess.Popen(
            [*command, str(n), str(events)], cwd=folder, stdin=gate, stderr=subprocess.PIPE, text=True
        )
        for n in range(writers)
    ]
    os.close(gate)
    os.close(opener)  # the end of the pipe is what all of them read
    ended_well(processes)


def check_writers(folder, writers, events, **options):
    found = Repo(folder, **options).get_run("many")
    metric = found.get_metric("value")
    steps, values = metric.values.sparse_list()
    assert len(values) == writers * events * 9 // 10
    by_writer = {}
    for step, value, writer in zip(steps, values, metric.writers, strict=True):
        by_writer.setdefault(writer, []).append((step, value))
    expected = [event for event in range(events) if event % 10 != 9]
    numbers = set()
    for points in by_writer.values():
        number = int(points[0][1]) // 10_000
        numbers.add(number)
        assert points == [(step, number * 10_000 + event) for step, event in enumerate(expected)]
    assert numbers == set(range(writers))
    assert found["writer"] == {str(number): events - 1 for number in range(writers)}
    assert found.status == "finished"


def test_a_few_processes_lose_and_reorder_nothing(tmp_path):
    many_writers(tmp_path, 4, 100)
    check_writers(tmp_path, 4, 100, index=False)


@pytest.mark.slow
def test_64_processes_of_1000_events_lose_and_reorder_nothing(tmp_path):
    many_writers(tmp_path, 64, 1000)
    check_writers(tmp_path, 64, 1000, index=False)
    check_writers(tmp_path, 64, 1000)
    check_writers(tmp_path, 64, 1000)  # from the index that the query before has made


# -- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.checkout
def test_ranks_log_into_one_run(tmp_path):
    (tmp_path / "train.py").write_text(EXAMPLES[0])
    ended_well(
        [
            python("train.py", tmp_path, RUNSTONE_RUN_HASH="exp-1", RANK=str(rank), WORLD_SIZE="3")
            for rank in range(3)
        ]
    )
    found = stored(tmp_path, "exp-1")
    assert found["hparams", "world_size"] == 3
    for rank in range(3):
        steps, values = found.get_metric("loss", {"rank": rank}).values.sparse_list()
        assert (steps, values) == (list(range(5)), [1 / (step + 1) for step in range(5)])
    assert found.status == "finished"


@pytest.mark.checkout
def test_a_requeued_job_finds_its_run(tmp_path):
    (tmp_path / "job.py").write_text(EXAMPLES[1])
    for _ in range(3):
        ended_well([python("job.py", tmp_path, SLURM_JOB_ID="815")])
    assert stored(tmp_path, "job-815").get_metric("loss").values.indices_list() == list(range(9))


@pytest.mark.checkout
def test_workers_of_a_pool_log_into_the_run_of_their_parent(tmp_path):
    (tmp_path / "pool.py").write_text(EXAMPLES[2])
    # From Python 3.12 on, forking beside threads is warned of.
    ended_well([python("pool.py", tmp_path, PYTHONWARNINGS="error,ignore::DeprecationWarning")])
    (found,) = Repo(tmp_path, index=False).iter_runs()
    metrics = [metric for metric in found.metrics() if metric.name == "load_seconds"]
    names = {f"{method}-{number}" for method in ("fork", "spawn") for number in range(4)}
    steps = {metric.context["worker"]: metric.values.indices_list() for metric in metrics}
    assert steps == {name: [0, 1, 2] for name in names}
    assert found.status == "finished"


@pytest.mark.checkout
def test_every_example_of_the_page_was_run():
    assert len(EXAMPLES) == 3


# -- what processes that do not know of each other may do ------------------------------------------------------------


@pytest.mark.parametrize("numbers_first", [True, False])
@pytest.mark.parametrize("indexed", [True, False])
def test_one_name_for_numbers_and_for_images_is_two_sequences(tmp_path, numbers_first, indexed):
    one = Run("shared", repo=tmp_path, create=True, **QUIET)
    other = Run("shared", repo=tmp_path, create=True, **QUIET)
    numbers, images = (one, other) if numbers_first else (other, one)
    for step in range(3):
        numbers.track(step * 0.5, name="loss", step=step)
        images.track(Image(np.full((2, 2), step, np.uint8)), name="loss", step=step)
    numbers.track(9.0, name="only", step=1)
    one.close()
    other.close()
    if indexed:
        Indexer(tmp_path).run_once()
    repo = Repo(tmp_path)
    run = repo.get_run("shared")
    assert run.get_metric("loss").values.sparse_list() == ([0, 1, 2], [0.0, 0.5, 1.0])
    shown = [image.to_pil_image().getpixel((0, 0)) for image in run.get_image_sequence("loss").values]
    assert shown == [0, 1, 2]
    for query, found in (("run.metrics['loss'].last == 1.0", 1), ("run.metrics['loss'].last * 1 == 1.0", 1)):
        assert len(list(repo.query_runs(query))) == found
    assert [m.run.hash for m in repo.query_metrics("metric.last == 1.0")] == ["shared"]
    assert len(list(repo.query_images("images.name == 'loss'"))) == 1
    for value in (4.0, Image(np.zeros((2, 2), np.uint8))):
        again = Run("shared", repo=tmp_path, **QUIET)
        again.track(value, name="loss")
        again.close()
    run = Repo(tmp_path).get_run("shared")
    assert run.get_image_sequence("loss").values.sparse_list()[0] == [0, 1, 2, 3]
    assert run.get_metric("loss").values.sparse_list()[0] == [0, 1, 2, 3]
    assert verify(repo.layout).clean


def test_a_shared_run_that_was_deleted_says_so(tmp_path):
    first = Run("shared", repo=tmp_path, create=True, **QUIET)
    first["a"] = 1
    Repo(tmp_path).delete_run("shared")
    with pytest.warns(RuntimeWarning, match="run shared was deleted.*runstone runs restore shared"):
        second = Run("shared", repo=tmp_path, create=True, **QUIET)
    second.track(1.0, name="loss")
    second.close()
    first.close()
