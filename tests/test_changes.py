"""`run.history()`: every value that anything had, with time, writer and host."""

import socket
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, new_repo, writer_id
from processes import QUIET, Writer
from runstone import Repo, Run, UsageError


@pytest.fixture
def run(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        yield run


def values(changes):
    return ["deleted" if change.deleted else change.value for change in changes]


def test_each_value_of_a_parameter_comes_with_time_writer_and_host(run):
    before = time.time()
    run["hparams"] = {"lr": 0.1, "opt": "adam"}
    run["hparams", "lr"] = 0.01
    del run["hparams", "lr"]
    changes = run.history("hparams.lr")
    assert values(changes) == [0.1, 0.01, "deleted"]
    assert [change.value for change in changes] == [0.1, 0.01, None]
    assert before - 1 <= changes[0].time <= changes[1].time <= changes[2].time <= time.time() + 1
    assert {change.host for change in changes} == {socket.gethostname()}
    assert len({change.writer for change in changes}) == 1
    assert {(change.of, change.key) for change in changes} == {("params", ("hparams", "lr"))}
    assert changes[0].when.timestamp() == pytest.approx(changes[0].time)
    assert changes[0].when.tzinfo is not None


def test_a_path_and_a_dotted_name_ask_for_the_same(run):
    run["hparams"] = {"lr": 0.1}
    assert run.history("hparams.lr") == run.history(("hparams", "lr")) != []
    assert values(run.history("hparams")) == [{"lr": 0.1}]


def test_a_parameter_whose_name_has_a_dot_is_meant_by_that_name(run):
    run["a", "b"] = 1
    run["a.b"] = 2
    assert values(run.history("a.b")) == [2]
    assert values(run.history(("a", "b"))) == [1]


def test_a_dotted_name_in_the_dictionary_of_all_parameters_is_found(run):
    run[...] = {"a.b": 1, "a": {"b": 2}}
    assert values(run.history("a.b")) == [1]


def test_what_is_set_above_and_below_counts(run):
    run["a"] = {"b": {"c": 1}}
    run["a", "b", "d"] = 2
    run["a", "x"] = 3
    run["a"] = {"b": 4}
    run["a"] = 5
    run[...] = {"other": 6}
    assert values(run.history("a.b")) == [{"c": 1}, {"c": 1, "d": 2}, 4, "deleted"]
    assert values(run.history("a.b.c")) == [1, "deleted"]
    assert values(run.history(("a", "x"))) == [3, "deleted"]


def test_a_key_that_never_was_has_no_changes(run):
    run["a"] = {"b": 1}
    assert run.history("nothing") == run.history("a.c") == run.history(("a", "b", "c", 1)) == []


def test_list_positions_are_keys(run):
    run["layers"] = [64, 32]
    assert values(run.history(("layers", 1))) == [32]


def test_properties_tags_and_life_have_a_history(tmp_path, run):
    run.name = "first"
    run.add_tag("best")
    run.archived = True
    Repo(tmp_path).get_run(run.hash).name = "second"
    run.remove_tag("best")
    Repo(tmp_path).delete_run(run.hash)
    assert values(run.history("name", of="props")) == ["first", "second"]
    assert values(run.history("archived", of="props")) == [True]
    assert values(run.history("best", of="tags")) == [True, "deleted"]
    assert values(run.history("deleted", of="life")) == [True]
    assert values(run.history("opened", of="life")) == [True]
    assert run.history("ended", of="life") == []
    first, second = run.history("name", of="props")
    assert first.writer != second.writer


def test_without_a_key_there_is_everything_as_it_was_made(run):
    run["hparams"] = {"lr": 0.1}
    run.name = "x"
    del run["hparams", "lr"]
    found = [(change.of, change.key, change.value, change.deleted) for change in run.history()]
    assert found == [
        ("life", ("opened",), True, False),
        ("params", ("hparams",), {"lr": 0.1}, False),
        ("props", ("name",), "x", False),
        ("params", ("hparams", "lr"), None, True),
    ]
    assert [change.of for change in run.history(of="props")] == ["props"]


def test_what_there_cannot_be_is_refused(run):
    with pytest.raises(UsageError, match=r"'metrics'\n.*params, props, tags, life"):
        run.history("x", of="metrics")
    with pytest.raises(UsageError, match=r"'lr' in 'props'\n.*name, description"):
        run.history("lr", of="props")
    with pytest.raises(UsageError, match="A tag is a string"):
        run.history(("a", "b"), of="tags")
    with pytest.raises(UsageError, match="strings or integers"):
        run.history(1.5)


def test_a_stored_run_and_the_running_one_tell_the_same(tmp_path, run):
    run["a"] = {"b": 1}
    run["a"] = {"b": float("inf")}
    stored = Repo(tmp_path).get_run(run.hash)
    assert stored.history("a.b") == run.history("a.b")
    assert values(stored.history("a.b")) == [1, float("inf")]
    assert Run(run.hash, repo=tmp_path, read_only=True).history("a.b") == run.history("a.b")


def test_changes_of_several_processes_are_in_the_order_that_counts(tmp_path, run):
    with Writer(tmp_path, run.hash) as other:
        for number in range(3):
            run["n"] = [number, "here"]
            other.do(f"run['n'] = [{number}, 'there']")
        changes = run.history("n")
        assert values(changes) == [[n, who] for n in range(3) for who in ("here", "there")]
        assert len({change.writer for change in changes}) == 2
        assert run["n"] == changes[-1].value


def test_a_later_stamp_counts_whichever_log_is_read_first(tmp_path):
    layout = new_repo(tmp_path)
    late, early = Journal(layout, "run0000", 2), Journal(layout, "run0000", 1)
    late.set("a", value="late")
    early.set("a", value="early")
    run = Repo(tmp_path).get_run("run0000")
    assert [(c.value, c.writer) for c in run.history("a")] == [
        ("early", writer_id(1)),
        ("late", writer_id(2)),
    ]
    assert run["a"] == "late"


def test_what_was_sent_again_is_told_once(tmp_path):
    layout = new_repo(tmp_path)
    first = Journal(layout, "run0000", 1)
    first.event("open")
    first.set("a", value=1)
    body = Path(first.path).read_bytes().splitlines(keepends=True)[-1]
    second = Journal(layout, "run0000", 1, part=1)
    Path(second.path).unlink()
    header = (
        b'{"event":"log","format":1,"run":"run0000","writer":"%s","part":1,"kind":"run","host":"here","pid":1,'
        b'"from":[0,0],"crc":' % writer_id(1).encode()
    )
    second.line(header)
    second.line(body[: body.rindex(b'"crc":') + 6])
    second.line(b'{"event":"resent","dt":9000,"crc":')
    second.line(b'{"event":"set","dt":9001,"key":["a"],"value":2,"crc":')
    assert values(Repo(tmp_path).get_run("run0000").history("a")) == [1, 2]


def test_a_damaged_line_is_left_out_of_the_history(tmp_path):
    layout = new_repo(tmp_path)
    journal = Journal(layout, "run0000", 1)
    for number in range(5):
        journal.set("a", value=number)
    journal.flip(3)
    assert values(Repo(tmp_path).get_run("run0000").history("a")) == [0, 1, 3, 4]
