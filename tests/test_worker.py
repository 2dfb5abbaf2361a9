"""The worker: answers, deadlines that hold inside C code, limits, and a process that can do nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
import answering
from runstone import QueryError, Repo, Run
from runstone_indexer import Indexer
from runstone_query import confinement
from runstone_query.reply import described, error_from
from runstone_query.worker import QueryWorker, SequenceKey
from runstone_writer import errors
from runstone_writer.errors import MissingRepoError, QueryTimeoutError, RunstoneError, UsageError

FILTERED = pytest.mark.skipif(
    os.uname().machine not in confinement._ARCHITECTURES, reason="there is no filter for this machine"
)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="system call filters are Linux's")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("worker")
    names = aimql_repo.build(path)
    Indexer(path).run_once()
    return path, names


@pytest.fixture(scope="module")
def worker(written: tuple[Path, dict[str, str]]) -> Iterator[QueryWorker]:
    with QueryWorker(written[0], seconds=60) as made:
        yield made


def test_it_answers_as_the_repository_does(worker: QueryWorker, written: tuple[Path, dict[str, str]]) -> None:
    repo = Repo(written[0])
    for query in ("", "run.lr > 0.05", "run.archived", "run.opt == 'adam' or run.nope"):
        assert worker.run_hashes(query) == repo.query_runs(query).hashes()
    query = "metric.name == 'loss' and metric.last > 0.5"
    expected = [SequenceKey(s.run.hash, s.name, dict(s.context)) for s in repo.query_metrics(query)]
    assert worker.sequence_keys("metric", query) == expected != []
    assert [key.name for key in worker.sequence_keys("figures", "")] == ["fig"]


def test_one_process_answers_many_queries(worker: QueryWorker) -> None:
    pid = worker.pid
    assert [len(worker.run_hashes(f"run.seed == {n}")) for n in range(6, 10)] == [0, 1, 1, 0]
    assert worker.pid == pid


def test_it_sees_runs_that_are_written_later(tmp_path: Path) -> None:
    aimql_repo.build(tmp_path, names="eve")
    with QueryWorker(tmp_path, seconds=60) as worker:
        assert len(worker.run_hashes("")) == 1
        aimql_repo.build(tmp_path, names="ada")
        assert len(worker.run_hashes("")) == 2


def test_a_query_error_says_the_same_as_without_a_worker(worker: QueryWorker) -> None:
    with pytest.raises(QueryError) as raised:
        worker.run_hashes("run.lr = 1 and\n lenn(run.x)")
    assert (raised.value.lineno, raised.value.offset) == (2, 2)
    assert "Did you mean `len`?" in str(raised.value)


def test_skipped_candidates_are_counted(worker: QueryWorker) -> None:
    answer = worker.run_hashes("1 / run.hparams.zero > 1")
    assert (answer, answer.skipped) == ([], 1)
    assert "ZeroDivisionError" in answer.first_error


def test_an_unknown_entity_is_refused(worker: QueryWorker) -> None:
    with pytest.raises(UsageError, match="unknown sequence type"):
        worker.sequence_keys("close", "")


def test_a_process_that_does_nothing_any_more_is_replaced(written: tuple[Path, dict[str, str]]) -> None:
    """A stopped process stands for any single call that never comes back."""
    with QueryWorker(written[0], seconds=60) as worker:
        assert len(worker.run_hashes("run.seed == 7")) == 1
        old = worker.pid
        os.kill(old, signal.SIGSTOP)
        worker.seconds = 0.3
        with pytest.raises(QueryTimeoutError, match=r"longer than 0\.3 s"):
            worker.run_hashes("run.seed == 7")
        worker.seconds = 60
        assert len(worker.run_hashes("run.seed == 7")) == 1
        assert worker.pid != old
        assert worker.restarts == 1


def test_a_process_that_dies_is_replaced(written: tuple[Path, dict[str, str]]) -> None:
    with QueryWorker(written[0], seconds=60) as worker:
        worker.run_hashes("")
        os.kill(worker.pid, signal.SIGSEGV)
        with pytest.raises(QueryTimeoutError, match=f"exit code -{signal.SIGSEGV.value}"):
            worker.run_hashes("run.seed == 7")
        assert len(worker.run_hashes("run.seed == 7")) == 1


@pytest.mark.slow
def test_a_query_that_is_slow_for_every_run_is_stopped(tmp_path: Path) -> None:
    """Each evaluation stays within its budget; together they do not."""
    for number in range(200):
        with Run(repo=str(tmp_path), system_tracking_interval=None, capture_terminal_logs=False) as run:
            run["n"] = number
    Indexer(tmp_path).run_once()
    slow = "sum(run.n * x * y for x in range(100) for y in range(100)) < 0"
    with QueryWorker(tmp_path, seconds=60) as worker:
        assert len(worker.run_hashes("run.n < 5")) == 5
        worker.seconds = 0.1
        with pytest.raises(QueryTimeoutError):
            worker.run_hashes(slow)
        worker.seconds = 60
        assert len(worker.run_hashes("run.n < 5")) == 5


def test_memory_is_limited(written: tuple[Path, dict[str, str]]) -> None:
    with QueryWorker(written[0], seconds=60, memory=1 << 20) as worker:
        answer = worker.run_hashes("('\U0001f600' * 1900000 + run.name).endswith('#')")
        assert answer == []
        assert (answer.skipped, answer.first_error.split(": ")[1]) == (5, "MemoryError")
        assert len(worker.run_hashes("run.seed == 7")) == 1
    with QueryWorker(written[0], seconds=60) as worker:
        assert worker.run_hashes("('\U0001f600' * 1900000 + run.name).endswith('#')").skipped == 0


MIB = 1 << 20


@pytest.fixture
def asked(written: tuple[Path, dict[str, str]]) -> Iterator[QueryWorker]:
    """A worker that answers what stands in answering.py."""
    with QueryWorker(written[0], seconds=60, memory=64 * MIB, answers="answering") as made:
        yield made


def test_any_module_can_have_questions_answered(asked: QueryWorker) -> None:
    reply = asked.ask("echo", {"text": "Größe 😀 \ud800\n", "size": 0})
    assert (reply.header, reply.body) == ({"text": "Größe 😀 \ud800\n", "was_warmed": True}, b"")


@pytest.mark.parametrize("size", [1, 65_536, 30 * MIB + 1])
def test_a_reply_of_any_size_comes_as_it_is(asked: QueryWorker, size: int) -> None:
    for _ in range(2):
        assert asked.ask("echo", {"text": "a", "size": size}).body == answering.body(size)
    assert asked.restarts == 0


def test_a_question_that_nobody_knows_is_refused(asked: QueryWorker) -> None:
    with pytest.raises(UsageError, match="no answer to 'nothing'"):
        asked.ask("nothing", {})
    assert asked.restarts == 0


def test_a_question_may_have_a_time_of_its_own(asked: QueryWorker) -> None:
    asked.ask("echo", {"text": "", "size": 0})
    with pytest.raises(QueryTimeoutError, match=r"longer than 0\.2 s"):
        asked.ask("spin", {}, seconds=0.2)
    assert asked.ask("echo", {"text": "a", "size": 0}).header["text"] == "a"


@pytest.mark.parametrize(
    "error",
    [
        UsageError("u", hint="h"),
        errors.ValueTypeError("v"),
        QueryError("q", line=2, column=3, text="a\nb", hint="h"),
        errors.MissingRunError("m", hint="h"),
        errors.StoreError("s", path="/p", hint="h"),
        errors.MissingRepoError("r", path="/p"),
        errors.CorruptionError("/p", 1, 2, "because", hint="h"),
        errors.DamagedBlobError("/p", 1, 2, "because"),
        RunstoneError("plain"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_as_what_it_was(error: RunstoneError) -> None:
    back = error_from(described(error))
    assert type(back) is type(error)
    assert (str(back), back.hint, vars(back)) == (str(error), error.hint, vars(error))


def test_an_error_of_an_answer_is_raised_where_it_was_asked(asked: QueryWorker) -> None:
    with pytest.raises(errors.DamagedBlobError) as raised:
        asked.ask("damaged", {})
    assert (raised.value.path, raised.value.end, raised.value.reason) == ("/a/blob", 7, "it is gone")
    with pytest.raises(RunstoneError, match="the query failed: ZeroDivisionError") as failed:
        asked.ask("broken", {})
    assert "answering.py" in failed.value.__notes__[0]  # whoever has to put it right is told where
    assert asked.restarts == 0


def test_a_question_that_fills_the_memory_is_stopped(asked: QueryWorker) -> None:
    assert asked.ask("fill", {"size": 32 * MIB}).header == {"filled": 32 * MIB}
    with pytest.raises(QueryTimeoutError, match="more than 64 MiB"):
        asked.ask("fill", {"size": 256 * MIB})
    assert asked.ask("fill", {"size": 32 * MIB}).header == {"filled": 32 * MIB}


@LINUX
def test_files_that_are_mapped_do_not_count_as_memory(asked: QueryWorker, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(4096 * MIB)
    for count in range(1, 4):
        assert asked.ask("map", {"path": str(large)}).header == {"mapped": count * 4096 * MIB}
    assert asked.restarts == 0


@LINUX
def test_a_process_that_has_used_up_its_memory_is_replaced_before_a_question_suffers(
    asked: QueryWorker,
) -> None:
    for _ in range(8):
        assert asked.ask("keep", {"size": 24 * MIB}).header["kept"] <= 4 * 24 * MIB
    assert 1 <= asked.restarts <= 4


def test_a_worker_may_be_interrupted_from_another_thread(asked: QueryWorker) -> None:
    asked.ask("echo", {"text": "", "size": 0})
    stopped: list[BaseException] = []

    def ask() -> None:
        try:
            asked.ask("spin", {})
        except QueryTimeoutError as error:
            stopped.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive():  # it takes effect once the question is being answered
        asked.interrupt()
        thread.join(0.01)
    assert len(stopped) == 1
    asked.interrupt()  # which does nothing: nobody is asking
    assert asked.ask("echo", {"text": "a", "size": 0}).header["text"] == "a"
    assert asked.restarts == 1


def test_a_process_that_could_not_start_is_started_again(tmp_path: Path) -> None:
    aimql_repo.build(tmp_path, names="eve")
    with QueryWorker(tmp_path, seconds=60) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(RunstoneError, match="did not start"):
            worker.run_hashes("")
        assert len(worker.run_hashes("")) == 1


def test_closing_ends_a_question_that_is_being_answered(asked: QueryWorker) -> None:
    asked.ask("echo", {"text": "", "size": 0})
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            asked.ask("spin", {})
        except UsageError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    asked.close()
    thread.join(60)
    assert not thread.is_alive()
    assert len(raised) == 1  # it was stopped, or came too late
    with pytest.raises(UsageError, match="closed"):
        asked.ask("spin", {})


def test_a_repository_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(MissingRepoError):
        QueryWorker(tmp_path / "nowhere")


def test_a_closed_worker_says_so(written: tuple[Path, dict[str, str]]) -> None:
    worker = QueryWorker(written[0])
    worker.close()
    worker.close()
    with pytest.raises(UsageError, match="closed"):
        worker.run_hashes("")


@LINUX
def test_the_process_has_no_environment(worker: QueryWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.run_hashes("")
    assert Path(f"/proc/{worker.pid}/environ").read_bytes() == b""


@LINUX
@FILTERED
def test_the_process_is_confined(worker: QueryWorker) -> None:
    worker.run_hashes("")
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    limits = Path(f"/proc/{worker.pid}/limits").read_text()
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert "Max file size             0 " in limits
    assert "Max data size             unlimited" not in limits
    assert "Max cpu time              unlimited" not in limits
    assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text() == "1000\n"  # it goes before the server


ATTEMPTS = """
    import ctypes, os, socket, subprocess, sys
    from runstone_query import confinement

    victim = sys.argv[1]
    def tried(attempt):
        try:
            attempt()
        except OSError as error:
            return type(error).__name__
        return "done"

    {confine}
    for attempt in (
        os.fork,
        lambda: os.execv("/bin/true", ["true"]),
        lambda: subprocess.run(["true"]),
        lambda: os.posix_spawn("/bin/true", ["true"], {{}}),
        socket.socket,
        lambda: os.kill(os.getppid(), 0),
        lambda: open(victim, "w"),
        lambda: open(victim, "a"),
        lambda: os.unlink(victim),
        lambda: os.rename(victim, victim + "2"),
        lambda: os.mkdir(victim + "3"),
        lambda: os.truncate(victim, 0),
        lambda: os.chmod(victim, 0o777),
        lambda: os.symlink(victim, victim + "4"),
    ):
        print(tried(attempt))
"""


def attempts(tmp_path: Path, confine: str) -> list[str]:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    code = textwrap.dedent(ATTEMPTS).format(confine=confine)
    done = subprocess.run(
        [sys.executable, "-c", code, str(victim)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["victim"]
    assert victim.read_text() == "untouched"
    return done.stdout.split()


@LINUX
@FILTERED
def test_the_system_call_filter_refuses_processes_network_and_changes(tmp_path: Path) -> None:
    assert set(attempts(tmp_path, "assert confinement.confine_calls()")) == {"PermissionError"}


def test_the_audit_hook_refuses_the_same_to_python_code(tmp_path: Path) -> None:
    assert set(attempts(tmp_path, "confinement.confine_python()")) == {"PermissionError"}


@LINUX
def test_threads_are_still_possible() -> None:
    code = """
        import threading
        from runstone_query import confinement
        confinement.confine_calls()
        confinement.confine_python()
        thread = threading.Thread(target=lambda: print("ran"))
        thread.start()
        thread.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ran\n", done.stderr


def test_a_process_that_cannot_open_a_newer_index_is_replaced(tmp_path: Path) -> None:
    """On a file system of other hosts it would have to write copies of the index's files."""

    def answered(worker: QueryWorker) -> tuple[int, int]:
        page = json.loads(worker.ask("runs", {}).body)
        return page["from_index"], page["from_logs"]

    aimql_repo.build(tmp_path, names="ada")
    Indexer(tmp_path).run_once()
    with QueryWorker(tmp_path, seconds=60, answers="answering_remotely") as worker:
        assert [answered(worker), answered(worker)] == [(1, 0), (1, 0)]
        assert worker.restarts == 0
        aimql_repo.build(tmp_path, names="eve")
        assert (answered(worker), worker.restarts) == ((1, 1), 0)
        Indexer(tmp_path).run_once()
        assert [answered(worker), answered(worker)] == [(2, 0), (2, 0)]
        assert worker.restarts == 1
