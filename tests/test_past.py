"""`repo.at(time)`: what a query would have answered then."""

import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from journals import EPOCH_MS, Journal, Scribe, hash_of, new_repo, write_run
from processes import QUIET, Writer, without_write_permission
from runstone import ReadOnlyError, Repo, Run, UsageError
from runstone_indexer.indexer import Indexer
from runstone_query.past import moment_of
from runstone_query.verify import compare
from runstone_writer.layout import parse_log_name, writer_time
from runstone_writer.lines import frame

BASE = EPOCH_MS * 1000


def make_run(path, name):
    run = Run(repo=path, experiment="exp", **QUIET)
    run.name = name
    run["lr"] = 0.1
    run.track(1.0, name="loss")
    return run


def last_time(run):
    return max(change.time for change in run.history())


def names(runs):
    return [run.name for run in runs]


# -- one repository and the same, really cut ------------------------------------------------------------------


def cut_copy(layout, into, moment):
    """Copy the logs up to a moment, line by line."""
    copy = new_repo(into)
    for run in layout.runs():
        for name in layout.log_names(run):
            kept = lines_until(Path(layout.log_path(run, name)).read_bytes(), name, moment)
            if kept:
                target = Path(copy.log_path(run, name))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(kept)
    return copy


def lines_until(data, name, moment):
    base, kept, waiting = writer_time(parse_log_name(name)[0]), b"", b""
    if base > moment:
        return b""
    for line in data.splitlines(keepends=True):
        row = orjson.loads(line)
        time = row.get("dt") if isinstance(row, dict) else row[3]
        if time is None:
            waiting += line
        elif base + time > moment:
            return kept
        else:
            kept, waiting = kept + waiting + line, b""
    return data


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), share=st.floats(-0.1, 1.1))
def test_the_past_is_what_a_repository_cut_then_has(tmp_path_factory, seed, share):
    folder = tmp_path_factory.mktemp("repo")
    layout = new_repo(folder / "all")
    scribe = Scribe(layout, seed)
    scribe.act(120)
    moment = BASE + int(share * (scribe._next * 1_000_000 + 60_000))
    then = Repo(cut_copy(layout, folder / "cut", moment), index=False)
    past = Repo(folder / "all").at(moment / 1e6)
    assert past.list_all_runs() == then.list_all_runs()
    assert past.list_active_runs() == then.list_active_runs()
    for run in then.list_all_runs():
        assert compare(past.record(run), then.record(run)) == ""
    assert repr(past.collect_params_info()) == repr(then.collect_params_info())
    assert past.collect_sequence_info("metric") == then.collect_sequence_info("metric")
    for query in ("run.archived or True", "'x' in run.tags", "run.a == 1", "run.active"):
        assert past.query_runs(query).hashes() == then.query_runs(query).hashes()
    for query in ("metric.last > 1", "metric.context.fold == 0"):
        mine, theirs = past.query_metrics(query), then.query_metrics(query)
        assert [repr(m.values.sparse_list()) for m in mine] == [repr(m.values.sparse_list()) for m in theirs]


def test_the_end_of_time_is_now(tmp_path):
    layout = new_repo(tmp_path)
    Scribe(layout, 5).act(200)
    now, past = Repo(layout, index=False), Repo(layout).at("9999-01-01")
    assert past.list_all_runs() == now.list_all_runs()
    for run in now.list_all_runs():
        assert compare(past.record(run), now.record(run)) == ""


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("dt", [0, 204, 205, 1100, 2199, 2200, 3300, 4399, 4400, 5500, 6599, 6600])
def test_a_writer_that_went_on_in_another_part_is_cut_like_any_other(tmp_path, dt):
    """The second part begins with lines of the first one: each counts once, and from its own time on."""
    layout, writer = new_repo(tmp_path), "19a0b5c1d2e-00c0ffee0002"
    for name, golden in ((f"{writer}.jsonl", "parts-v1.jsonl"), (f"{writer}.1.jsonl", "parts-v1.1.jsonl")):
        path = Path(layout.log_path("5f1e9c0ffee0ddba11ca5cad", name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((GOLDEN / golden).read_bytes())
    past = Repo(layout).at((writer_time(writer) + dt) / 1e6)
    points = {1100: 0.5, 2200: 0.625, 3300: 0.75, 4400: 0.8125, 5500: 0.875}
    assert len(past.list_all_runs()) == (dt >= 205)
    values = [value for metric in past.query_metrics() for value in metric.values.values_list()]
    assert values == [value for time, value in points.items() if time <= dt]
    assert len(past.list_active_runs()) == (205 <= dt < 6600)


def test_what_is_wrong_with_one_run_keeps_no_other_from_being_asked(tmp_path):
    layout = new_repo(tmp_path)
    write_run(layout, 1)
    newer = Path(write_run(layout, 2).path)
    newer.write_bytes(frame(b'{"event":"log","format":99,"run":"run0002","crc":', 0)[0])
    past = Repo(layout).at("9999-01-01")
    with pytest.warns(RuntimeWarning, match="answers lack what is in .*log format 99"):
        assert past.list_all_runs() == [hash_of(1)]
    assert "log format 99" in past.snapshots.tail(hash_of(2)).problems[0].reason


# -- real runs ------------------------------------------------------------------------------------------------


def test_runs_points_and_parameters_that_came_later_are_not_there(tmp_path):
    with make_run(tmp_path, "old") as run:
        then = last_time(run) + 1e-6
        run.track(2.0, name="loss")
        run.track(2.0, name="later")
        run["lr"] = 0.2
        run["new"] = 1
        run.add_tag("late")
    make_run(tmp_path, "new").close()
    Indexer(tmp_path).run_once()
    past = Repo(tmp_path).at(then)
    (old,) = past.iter_runs()
    assert (old.name, old["lr"], old.tags, old.active, old.end_time) == ("old", 0.1, [], True, None)
    assert old.get("new") is None
    assert [(m.name, m.values.tolist()) for m in past.query_metrics()] in ([], [("loss", [1.0])])
    assert past.query_runs("run.lr == 0.1").hashes() == [run.hash]
    assert past.query_runs("run.lr == 0.2").hashes() == []
    assert past.total_runs_count() == 1
    assert old.status == "running"
    assert old.duration == pytest.approx(then - run.creation_time, abs=2e-6)
    assert len(past.query_runs(f"run.duration < {then - run.creation_time + 0.001}")) == 1
    assert names(Repo(tmp_path).iter_runs()) == ["new", "old"]


def test_a_run_that_was_deleted_later_is_there(tmp_path):
    run = make_run(tmp_path, "gone")
    run.close()
    then = last_time(run)
    repo = Repo(tmp_path)
    repo.delete_run(run.hash)
    assert repo.list_all_runs() == []
    past = repo.at(then)
    assert past.list_all_runs() == [run.hash]
    assert past.get_run(run.hash)["lr"] == 0.1
    assert not past.get_run(run.hash).active
    assert [m.values.tolist() for m in past.query_metrics("metric.name == 'loss'")] == [[1.0]]
    assert repo.at(then + 3600).list_all_runs() == []


def test_archived_is_what_it_was_then(tmp_path):
    with make_run(tmp_path, "a") as run:
        run.archived = True
        archived = last_time(run)
        run.archived = False
    assert Repo(tmp_path).at(archived).query_runs("run.archived").hashes() == [run.hash]
    assert Repo(tmp_path).at(archived).query_runs().hashes() == []
    assert Repo(tmp_path).query_runs().hashes() == [run.hash]


def test_the_history_ends_then(tmp_path):
    with make_run(tmp_path, "a") as run:
        then = last_time(run)
        run["lr"] = 0.2
    assert [change.value for change in Repo(tmp_path).at(then).get_run(run.hash).history("lr")] == [0.1]
    assert [change.value for change in Repo(tmp_path).get_run(run.hash).history("lr")] == [0.1, 0.2]


def test_nothing_can_be_changed_in_the_past(tmp_path):
    with make_run(tmp_path, "a") as run:
        pass
    past = Repo(tmp_path).at("9999-01-01")
    with pytest.raises(ReadOnlyError):
        past.delete_run(run.hash)
    with pytest.raises(ReadOnlyError):
        past.get_run(run.hash).name = "b"


def test_asking_the_past_writes_nothing(tmp_path):
    with make_run(tmp_path, "a"):
        pass
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    past = Repo(tmp_path, read_only=True).at("9999-01-01")
    assert [run.status for run in past.query_runs()] == ["finished"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


ASK_THE_PAST = """
import sys
from runstone import Repo
print([run.name for run in Repo(sys.argv[1]).at("9999-01-01").iter_runs()])
"""


def test_the_past_can_be_asked_on_a_medium_that_cannot_be_written(tmp_path):
    with make_run(tmp_path, "a"):
        pass
    done = without_write_permission(tmp_path, ASK_THE_PAST)
    assert (done.stdout, done.stderr) == ("['a']\n", "")


def test_a_crashed_writer_had_stopped_writing_and_one_that_went_on_had_not(tmp_path):
    layout = new_repo(tmp_path)
    dead, alive = Journal(layout, hash_of(0), 1, hint=False), Journal(layout, hash_of(1), 2, hint=False)
    dead.track(1.0)
    alive.track(1.0)
    alive._dt = 3_600_000_000
    alive.track(2.0)
    repo = Repo(tmp_path)
    half_an_hour = repo.at(BASE / 1e6 + 1800)
    assert half_an_hour.get_run(hash_of(0)).status == "crashed"
    assert half_an_hour.get_run(hash_of(1)).status == "running"
    assert repo.at(BASE / 1e6 + 10).get_run(hash_of(0)).status == "running"


def test_what_is_written_meanwhile_is_in_a_moment_that_is_not_over(tmp_path):
    with Writer(tmp_path) as writer:
        past = Repo(tmp_path).at("9999-01-01")
        for step in range(3):
            writer.do(f"run.track({step}.5, name='live', step={step})")
            (metric,) = past.query_metrics("metric.name == 'live'")
            assert metric.values.values_list() == [at + 0.5 for at in range(step + 1)]


def test_an_explanation_of_the_past_says_what_was_asked(tmp_path):
    write_run(new_repo(tmp_path), 1)
    how = Repo(tmp_path).at("9999-01-01").explain("run.lr > 0")
    assert "9999-01-01" in how.prefilter
    assert (how.runs, how.from_logs, how.matched) == (1, 1, 1)


# -- times ----------------------------------------------------------------------------------------------------


def test_a_moment_is_given_in_many_ways():
    moment = 1_795_000_000_123_456
    aware = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    local = aware.astimezone().replace(tzinfo=None)
    for time in (aware, local, aware.isoformat(), local.isoformat(), str(local), moment / 1e6):
        assert moment_of(time) == moment
    assert moment_of(1_795_000_000) == 1_795_000_000_000_000
    midnight = datetime(2026, 11, 22).astimezone()
    assert moment_of(date(2026, 11, 22)) == moment_of("2026-11-22") == midnight.timestamp() * 1e6


@given(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)))
def test_a_datetime_is_exact_to_the_microsecond(when):
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment_of(when)) == when


@pytest.mark.parametrize("time", ["yesterday", "", float("nan"), float("inf"), True, None, [1]])
def test_what_is_no_time_is_refused(tmp_path, time):
    new_repo(tmp_path)
    with pytest.raises(UsageError, match="time"):
        Repo(tmp_path).at(time)


def test_times_of_a_log_are_not_read_in_an_order_of_chance(tmp_path):
    """The same question at random moments, one after the other on one repository."""
    layout = new_repo(tmp_path)
    journal = write_run(layout, 0, points=50, end=False)
    repo, rng = Repo(tmp_path), random.Random(3)
    for _ in range(20):
        steps = rng.randrange(50)
        (line,) = [
            row for row in map(orjson.loads, Path(journal.path).read_bytes().splitlines())
            if isinstance(row, list) and row[0] == 0 and row[1] == steps
        ]  # fmt: skip
        past = repo.at((BASE + line[3]) / 1e6)
        assert past.get_run(hash_of(0)).get_metric("loss").last_step() == steps
