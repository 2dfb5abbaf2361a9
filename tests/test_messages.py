"""Log records and reports of progress, as they are written and as they come back."""

import signal
import sys
import time
from enum import Enum
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, Writer
from runstone import ReadOnlyError, Repo, Run, UsageError
from runstone_writer.liveness import status_of


class Colour(Enum):
    RED = 1


def stored(repo, run):
    return Repo(repo, index=False).get_run(run.hash)


# -- log records ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [False, True])
def test_records_come_back_in_order_with_level_arguments_and_time(tmp_path, index):
    before = time.time()
    run = Run(repo=tmp_path, **QUIET)
    run.log_debug("a 100 % message: %s", n=1)
    run.log_info("weird \ud800 text\n", nested={"x": [float("inf"), None]}, big=2**70)
    run.log_warning(OSError("no such file"))
    run.log_error("")
    records = list(Repo(tmp_path, index=index).get_run(run.hash).get_log_records())
    assert [(r.step, r.level, r.message, r.args) for r in records] == [
        (0, "DEBUG", "a 100 % message: %s", {"n": 1}),
        (1, "INFO", "weird \ud800 text\n", {"nested": {"x": [float("inf"), None]}, "big": 2**70}),
        (2, "WARNING", "no such file", {}),
        (3, "ERROR", "", {}),
    ]
    assert all(before - 1 <= r.timestamp <= time.time() + 1 for r in records)
    assert records[0].json() == {
        "message": "a 100 % message: %s",
        "log_level": "DEBUG",
        "timestamp": records[0].timestamp,
        "args": {"n": 1},
    }
    assert [r.message for r in run.get_log_records()] == [r.message for r in records]


def test_a_message_is_never_a_reason_to_stop(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    run.log_info("x", run=run, kind=Run, msg_=object)
    (record,) = run.get_log_records()
    assert record.args == {"run": repr(run), "kind": repr(Run), "msg_": repr(object)}


def test_a_run_that_said_nothing_has_no_records(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    assert run.get_log_records() is None
    assert run.get_terminal_logs() is None


def test_records_are_no_metrics_and_their_name_is_taken(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    run.log_info("x")
    run.track(1.0, name="loss")
    assert [metric.name for metric in run.metrics()] == ["loss"]
    assert len(Repo(tmp_path).query_metrics("metric.last != None")) == 1
    with pytest.raises(UsageError, match="Incompatible data types"):
        run.track(1.0, name="__log_records")
    run.track(1.0, name="__log_records", context={"mine": 1})


def test_a_resumed_run_goes_on_with_the_next_record(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.log_info("a")
        run.log_info("b")
    with Run(run.hash, repo=tmp_path, **QUIET) as again:
        again.log_info("c")
    records = stored(tmp_path, run).get_log_records()
    assert [(r.step, r.message) for r in records] == [(0, "a"), (1, "b"), (2, "c")]


def test_a_closed_run_and_one_that_is_read_take_no_records(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    run.close()
    with pytest.raises(UsageError, match="is closed"):
        run.log_info("x")
    with pytest.raises(ReadOnlyError):
        stored(tmp_path, run).log_info("x")


def test_a_line_that_changed_is_read_once_as_it_was_last(tmp_path, capsys):
    run = Run(repo=tmp_path, system_tracking_interval=None)
    print("first\nsecond")
    for capture in run._extras:
        capture.sync()
    print("\x1b[1A\x1b[2Kchanged\n", end="")
    run.close()
    logs = stored(tmp_path, run).get_terminal_logs()
    assert [(line.step, line.line) for line in logs] == [(0, "first"), (1, "changed")]
    assert len(logs) == 3
    assert str(logs) == "first\nchanged"
    assert capsys.readouterr().out.startswith("first\n")


def test_every_kind_of_sequence_is_listed(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    run.track(1.5, name="loss", context={"a": 1}, step=4)
    run.log_info("x")
    info = [
        (name, context.to_dict()) for name, context, _ in run.iter_sequence_info_by_type("aim.log_record")
    ]
    assert info == [("__log_records", {})]
    info = [name for name, _, of in run.iter_sequence_info_by_type(["float", "log_record"]) if of is run]
    assert info == ["__log_records", "loss"]
    found = run.collect_sequence_info("metric")
    assert [(each["name"], each["context"]) for each in found["metric"]] == [("loss", {"a": 1})]
    assert found["metric"][0]["values"]["last"] == 1.5
    assert found["metric"][0]["values"]["first_step"] == 4
    skipped = run.collect_sequence_info(("metric", "images"), skip_last_value=True)
    assert "last" not in skipped["metric"][0]["values"]
    assert skipped["images"] == []
    with pytest.raises(UsageError, match="unknown sequence type"):
        run.collect_sequence_info("nope")


# -- progress ------------------------------------------------------------------------------------------------------


def test_the_newest_report_counts(tmp_path):
    run = Run(repo=tmp_path, **QUIET)
    assert run.progress is None
    run.report_progress()
    assert (run.progress.expect_next_in, run.progress.overdue, run.progress.finished) == (0, 0.0, False)
    run.report_progress(expect_next_in=1e-6, block=True)
    assert run.progress.overdue > 0
    assert abs(run.progress.reported_at - time.time()) < 60
    run.report_successful_finish()
    assert (run.progress.finished, run.progress.overdue) == (True, 0.0)
    assert stored(tmp_path, run).progress == run.progress


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "5", None])
def test_another_number_of_seconds_is_refused(tmp_path, seconds):
    run = Run(repo=tmp_path, **QUIET)
    with pytest.raises(UsageError, match="expect_next_in is a number of seconds"):
        run.report_progress(expect_next_in=seconds)
    assert run.progress is None


def status_after(repo, run_hash, seconds):
    """The status for somebody who looks that much later than the heart last beat."""
    found = Repo(repo, index=False).get_run(run_hash)
    return status_of(found._layout, found._fresh_state(), time.time() + seconds)


def test_whoever_asked_for_time_is_not_taken_for_crashed_before(tmp_path):
    with Writer(tmp_path) as writer:
        assert status_after(tmp_path, writer.hash, 1000) == "crashed"
        writer.do("run.report_progress(expect_next_in=5000)")
        writer.process.send_signal(signal.SIGSTOP)
        assert status_after(tmp_path, writer.hash, 1000) == "running"
        assert status_after(tmp_path, writer.hash, 6000) == "crashed"
        writer.process.send_signal(signal.SIGCONT)


def test_whoever_was_done_and_was_killed_has_finished(tmp_path):
    with Writer(tmp_path) as writer:
        writer.do("run.report_successful_finish()")
        writer.kill()
        assert status_after(tmp_path, writer.hash, 0) == "running"
        assert status_after(tmp_path, writer.hash, 1000) == "finished"
