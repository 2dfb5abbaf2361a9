"""`runstone runs` and `runstone tail`, as they are installed."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import (
    RUNSTONE,
    damage,
    environment,
    harmless,
    lines_of_json,
    log_of,
    make_run,
    runstone,
    three_runs,
)
from processes import DEADLINE_SECONDS, QUIET, Writer, without_write_permission
from runstone import Image, Repo, Run, Text
from runstone_writer.layout import open_repo
from runstone_writer.lines import claimed, frame


@pytest.fixture
def repo(tmp_path):
    """A repository with three runs, the newest of which is called "c"; returns (path, hashes by name)."""
    return tmp_path, three_runs(tmp_path)


def test_runs_ls_lists_all_runs_newest_first(repo):
    path, hashes = repo
    Repo(path).get_run(hashes["b"]).archived = True
    done = runstone("runs", "ls", "--repo", path)
    assert [line.split()[:3] for line in done.stdout.splitlines()[2:]] == [
        [hashes[n][:8], "finished", n] for n in "cba"
    ]
    rows = lines_of_json(runstone("runs", "ls", "--json", "--limit", "2", "--repo", path).stdout)
    assert [(row["hash"], row["archived"]) for row in rows] == [(hashes["c"], False), (hashes["b"], True)]
    assert rows[0]["duration"] == rows[0]["end_time"] - rows[0]["creation_time"]


def test_runs_ls_finds_by_status(repo):
    path, _ = repo
    with Writer(path) as writer:
        (running,) = lines_of_json(
            runstone("runs", "ls", "--status", "running", "--json", "--repo", path).stdout
        )
        assert (running["hash"], running["duration"]) == (writer.hash, None)
        assert (
            len(
                lines_of_json(runstone("runs", "ls", "--status", "finished", "--json", "--repo", path).stdout)
            )
            == 3
        )
        assert runstone("runs", "ls", "--status", "crashed", "--json", "--repo", path).stdout == ""


def test_runs_show_tells_all_of_one_run(repo):
    path, hashes = repo
    text = runstone("runs", "show", hashes["b"], "--repo", path).stdout
    for word in (hashes["b"], "finished", "exp", "hparams.learning_rate", "0.2", "loss", "subset=train"):
        assert word in text
    (told,) = lines_of_json(runstone("runs", "show", hashes["b"], "--json", "--repo", path).stdout)
    assert (told["hash"], told["status"], told["params"]) == (
        hashes["b"],
        "finished",
        {"hparams": {"learning_rate": 0.2}},
    )
    assert told["metrics"][0]["name"] == "loss"


def bodies_of(log):
    """The lines of a log up to where their CRCs begin."""
    return [line[: claimed(line)[0]] for line in log.read_bytes().splitlines(keepends=True)]


@pytest.fixture
def alike(tmp_path):
    """A repository with runs whose hashes are abc1, abc2, abcd and x."""
    for name in ("abc1", "abc2", "abcd", "x"):
        make_run(tmp_path, name)
        folder = Path(open_repo(tmp_path).run_folder(Repo(tmp_path, index=False).list_all_runs()[0]))
        target = Path(open_repo(tmp_path).run_folder(name))
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)
        log = next(target.iterdir())
        bodies = [body.replace(folder.name.encode(), name.encode()) for body in bodies_of(log)]
        crc, data = 0, b""
        for body in bodies:
            line, crc = frame(body, crc)
            data += line
        log.write_bytes(data)
    shutil.rmtree(tmp_path / ".runstone" / "live")
    (tmp_path / ".runstone" / "live").mkdir()
    return tmp_path


def test_a_beginning_that_only_one_run_has_stands_for_it(alike):
    for text, found in (("abc1", "abc1"), ("abcd", "abcd"), ("x", "x")):
        (told,) = lines_of_json(runstone("runs", "show", text, "--json", "--repo", alike).stdout)
        assert told["hash"] == found
    runstone("runs", "rm", "abc1", "--yes", "--repo", alike)
    runstone("runs", "rm", "abc2", "--yes", "--repo", alike)
    (told,) = lines_of_json(runstone("runs", "show", "ab", "--json", "--repo", alike).stdout)
    assert told["hash"] == "abcd"


def test_an_ambiguous_beginning_is_refused_with_the_choice(alike):
    for command in (
        ["runs", "show", "abc"],
        ["runs", "rm", "abc", "--yes"],
        ["tail", "abc"],
        ["runs", "tag", "t", "abc"],
    ):
        done = runstone(*command, "--repo", alike, code=2)
        assert done.stdout == ""
        assert done.stderr == "runstone: 'abc' is the beginning of 3 runs\nThey are abc1, abc2, abcd.\n"
    assert len(Repo(alike).list_all_runs()) == 4


@pytest.mark.parametrize("text", ["nothing", "", "..", "../logs", "a/b", "\x1b[31m"])
def test_a_run_that_is_not_there_is_told(repo, text):
    for command in (
        ["runs", "show"],
        ["runs", "rm", "--yes"],
        ["runs", "archive"],
        ["tail"],
    ):
        done = runstone(*command, "--repo", repo[0], "--", text, code=1)
        assert done.stderr.startswith(f"runstone: there is no run {text!r}")
        assert "`runstone runs ls` lists the runs." in done.stderr
    done = runstone("runs", "restore", "--repo", repo[0], "--", text, code=1)
    assert done.stderr.startswith(f"runstone: there is no deleted run {text!r}")


def test_a_run_that_was_deleted_is_told_to_be_so_by_its_hash_or_the_beginning_of_it(repo):
    path, hashes = repo
    runstone("runs", "rm", hashes["a"], "--yes", "--repo", path)
    for text in (hashes["a"], hashes["a"][:12]):
        for command in (["runs", "show"], ["runs", "rm", "--yes"], ["runs", "archive"], ["history"]):
            done = runstone(*command, "--repo", path, "--", text, code=1)
            assert done.stderr.startswith(f"runstone: run {hashes['a']} in ")
            assert f"was deleted\n`runstone runs restore {hashes['a']}` brings it back." in done.stderr


def test_runs_rm_asks_and_deletes(repo):
    path, hashes = repo
    refused = runstone("runs", "rm", hashes["a"], hashes["b"], "--repo", path, text="n\n", code=1)
    assert hashes["a"] in refused.stderr
    assert "Delete these 2 runs?" in refused.stderr
    assert refused.stdout == ""
    runstone("runs", "rm", hashes["a"], "--repo", path, text="", code=1)
    assert len(Repo(path).list_all_runs()) == 3
    done = runstone("runs", "rm", hashes["a"], hashes["b"][:10], "--repo", path, text="y\n")
    assert done.stdout == f"deleted {hashes['a']}\ndeleted {hashes['b']}\n"
    assert Repo(path).list_all_runs() == [hashes["c"]]


def test_runs_rm_deletes_nothing_if_one_of_the_runs_is_not_there(repo):
    path, hashes = repo
    runstone("runs", "rm", hashes["a"], "nothing", "--yes", "--repo", path, code=1)
    assert len(Repo(path).list_all_runs()) == 3


def test_runs_restore_brings_back_what_was_deleted(repo):
    path, hashes = repo
    runstone("runs", "rm", hashes["a"], "--yes", "--repo", path)
    done = runstone("runs", "restore", hashes["a"][:10], "--json", "--repo", path)
    assert lines_of_json(done.stdout) == [{"hash": hashes["a"], "done": "restored"}]
    assert len(Repo(path).list_all_runs()) == 3


def test_runs_archive_and_undo(repo):
    path, hashes = repo
    assert runstone("runs", "archive", hashes["a"], "--repo", path).stdout == f"archived {hashes['a']}\n"
    assert Repo(path).query_runs().hashes() == [hashes["c"], hashes["b"]]
    done = runstone("runs", "archive", hashes["a"], "--undo", "--json", "--repo", path)
    assert lines_of_json(done.stdout) == [{"hash": hashes["a"], "done": "unarchived"}]
    assert len(Repo(path).query_runs()) == 3


def test_runs_tag_puts_tags_on_and_takes_them_off(repo):
    path, hashes = repo
    for _ in range(2):
        done = runstone("runs", "tag", "best", hashes["a"], hashes["b"], "--repo", path)
        assert done.stdout == f"{hashes['a']}: best\n{hashes['b']}: best\n"
        assert done.stderr == ""
    done = runstone("runs", "tag", "best", hashes["a"], "--remove", "--json", "--repo", path)
    assert lines_of_json(done.stdout) == [{"hash": hashes["a"], "tags": []}]
    assert Repo(path).query_runs("'best' in run.tags").hashes() == [hashes["b"]]


EDIT_WITHOUT_PERMISSION = """
import subprocess, sys
done = subprocess.run({command!r} + ["--repo", sys.argv[1]], capture_output=True, text=True)
print(done.returncode, done.stdout)
print(done.stderr)
"""


def test_an_edit_that_the_storage_refuses_is_told(repo):
    path, hashes = repo
    command = [str(RUNSTONE), "runs", "tag", "best", hashes["a"]]
    done = without_write_permission(path, EDIT_WITHOUT_PERMISSION.format(command=command))
    assert done.stdout.startswith("1 \nrunstone: cannot write the change")
    assert "Traceback" not in done.stdout


def test_tail_prints_what_a_run_has_logged(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["lr"] = 0.1
        del run["lr"]
        run.name = "first"
        run.add_tag("x")
        run.track(1 / 3, name="loss", step=7, epoch=2, context={"subset": "val"})
    Repo(tmp_path).get_run(run.hash).remove_tag("x")
    done = runstone("tail", run.hash[:8], "--no-follow", "--repo", tmp_path)
    lines = [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", line) for line in done.stdout.splitlines()]
    assert lines == [
        "open",
        "lr = 0.1",
        "lr deleted",
        "name is 'first'",
        "tag 'x' added",
        "loss{subset=val} step 7 = 0.333333",
        "end",
        "tag 'x' removed",
        "end",
    ]
    events = lines_of_json(runstone("tail", run.hash, "--no-follow", "--json", "--repo", tmp_path).stdout)
    assert [event["event"] for event in events] == [
        "open",
        "set",
        "unset",
        "prop",
        "tag",
        "point",
        "end",
        "tag",
        "end",
    ]
    point = events[5]
    assert (point["name"], point["context"], point["step"], point["epoch"]) == (
        "loss",
        {"subset": "val"},
        7,
        2,
    )
    assert point["value"] == 1 / 3
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert len({event["writer"] for event in events}) == 2


def test_tail_follows_all_processes_that_write_a_run(tmp_path):
    Repo(tmp_path, init=True)
    with Writer(tmp_path) as one, Writer(tmp_path, one.hash) as other:
        process = subprocess.Popen(
            [RUNSTONE, "tail", one.hash, "--json", "--repo", tmp_path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=environment(),
            # A shell's background job inherits an ignored SIGINT, and so would everything below it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        try:
            for step in range(3):
                for number, writer in enumerate((one, other)):
                    writer.do(f"run.track({number}, name='loss', step={step})")
                    event = {"event": ""}
                    while event["event"] != "point":
                        event = json.loads(process.stdout.readline())
                    assert (event["step"], event["value"]) == (step, number)
            process.send_signal(signal.SIGINT)
            rest, notes = process.communicate(timeout=DEADLINE_SECONDS)
            assert (process.returncode, rest, notes) == (0, "", "")
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def test_tail_goes_on_behind_damage_and_tells_of_it(repo):
    path, hashes = repo
    log, place = damage(path, hashes["a"])
    done = runstone("tail", hashes["a"], "--no-follow", "--json", "--repo", path, cwd=path)
    events = lines_of_json(done.stdout)
    assert [event["step"] for event in events if event["event"] == "point"] == [0, 2]
    assert f"{log.relative_to(path)}: checksum mismatch, bytes {place} to " in done.stderr


def test_tail_passes_over_a_log_that_it_cannot_read_and_tells_of_it(repo):
    path, hashes = repo
    log = log_of(path, hashes["a"])
    header = b'{"event":"log","format":99,"run":"x","writer":"00000000001-000000000001","crc":'
    log.with_name("00000000001-000000000001.jsonl").write_bytes(frame(header, 0)[0])
    done = runstone("tail", hashes["a"], "--no-follow", "--json", "--repo", path)
    assert len([event for event in lines_of_json(done.stdout) if event["event"] == "point"]) == 3
    assert "log format 99" in done.stderr


def test_tail_prints_once_what_a_writer_had_to_send_again(repo):
    path, hashes = repo
    log = log_of(path, hashes["a"])
    bodies = bodies_of(log)
    header = json.loads(bodies[0] + b"0}") | {"part": 1, "from": [0, 0]}
    del header["crc"]
    crc, data = 0, b""
    for body in [
        json.dumps(header, separators=(",", ":")).encode()[:-1] + b',"crc":',
        *bodies[1:],
        b"[0,3,9.5,99999999,",
    ]:
        line, crc = frame(body, crc)
        data += line
    log.with_name(f"{log.stem}.1.jsonl").write_bytes(data)
    once = lines_of_json(runstone("tail", hashes["a"], "--no-follow", "--json", "--repo", path).stdout)
    assert [event["step"] for event in once if event["event"] == "point"] == [0, 1, 2, 3]
    assert [event["event"] for event in once if event["event"] != "point"].count("prop") == 2


def test_notes_artifacts_and_log_records_are_shown(tmp_path):
    (tmp_path / "m.pt").write_bytes(b"12345")
    with Run("said", repo=tmp_path, create=True, **QUIET) as run:
        note = run.add_note("first line\nsecond \x1b[31mline")
        run.log_artifact(tmp_path / "m.pt", block=True)
        run.log_error("it broke", where=5)
        run.report_progress(expect_next_in=60)
        run.report_successful_finish()
        run.remove_note(run.add_note("x"))
    shown = runstone("runs", "show", "said", "--repo", tmp_path).stdout
    assert f"note {note}\n  first line\n  second \\x1b[31mline\n" in shown
    assert "m.pt" in shown
    (data,) = lines_of_json(runstone("runs", "show", "said", "--json", "--repo", tmp_path).stdout)
    assert [(each["id"], each["text"][:10]) for each in data["notes"]] == [(note, "first line")]
    assert [(each["name"], each["size"], each["error"]) for each in data["artifacts"]] == [("m.pt", 5, None)]
    tail = runstone("tail", "said", "--no-follow", "--repo", tmp_path).stdout
    for text in (
        "note: first line\\nsecond \\x1b[31mline", "artifact 'm.pt' stored, 5 bytes", "ERROR: it broke (where=5)",
        "reports progress, and again within 60 seconds", "reports that it is done", "note removed",
    ):  # fmt: skip
        assert text in tail


def test_objects_are_shown_by_what_is_known_of_them(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["sample"] = Image(np.zeros((2, 3), np.uint8), caption="c\x1b[31m")
        run["deep"] = {"texts": [Text("t")]}
        run.track([Text("a"), Text("b")], name="texts")
    known = {"type": "image", "caption": "c\x1b[31m", "format": "png", "width": 3, "height": 2}
    for command in (["runs", "show", run.hash], ["query", "run.sample.width == 3"]):
        (told,) = lines_of_json(runstone(*command, "--json", cwd=tmp_path).stdout)
        assert told["params"] == {"sample": known, "deep": {"texts": [{"type": "text"}]}}
        table = runstone(*command, cwd=tmp_path, COLUMNS="200").stdout
        assert "<Image 3x2 png" in table
        assert harmless(table)
    text, data = (
        runstone("tail", run.hash, "--no-follow", *option, cwd=tmp_path).stdout
        for option in ((), ("--json",))
    )
    assert "sample = <Image 3x2 png 'c\\x1b[31m'>\n" in text
    assert "texts{} step 0 = [Text('a'), Text('b')]\n" in text
    assert '"type":"text","step":0,"value":[{"data":"a"},{"data":"b"}]' in data
    assert harmless(text)
    assert harmless(data)


def test_of_a_long_list_of_objects_tail_shows_the_first_and_json_all(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track([Text(str(number)) for number in range(1500)], name="texts")
    text = runstone("tail", run.hash, "--no-follow", "--repo", tmp_path).stdout
    assert "texts{} step 0 = [Text('0'), Text('1'), Text('2'), and 1,497 more]\n" in text
    events = lines_of_json(runstone("tail", run.hash, "--no-follow", "--json", "--repo", tmp_path).stdout)
    (point,) = (event for event in events if event["event"] == "point")
    assert point["value"] == [{"data": str(number)} for number in range(1500)]


def test_runs_show_has_the_sequences_of_objects(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
        for step in (2, 5):
            run.track([Image(np.zeros((2, 3), np.uint8))], name="faces", step=step, context={"subset": "val"})
        run.track(Text("t"), name="guess")
        run.log_info("not an object of anybody's")
    (told,) = lines_of_json(runstone("runs", "show", run.hash, "--json", "--repo", tmp_path).stdout)
    faces = {"name": "faces", "type": "image", "context": {"subset": "val"}}
    guess = {"name": "guess", "type": "text", "context": {}}
    assert told["sequences"] == [
        faces | {"count": 2, "first_step": 2, "last_step": 5},
        guess | {"count": 1, "first_step": 0, "last_step": 0},
    ]
    rows = [
        line.split() for line in runstone("runs", "show", run.hash, "--repo", tmp_path).stdout.splitlines()
    ]
    assert ["faces", "image", "subset=val", "2", "5"] in rows
    assert ["guess", "text", "-", "1", "0"] in rows


def test_runs_show_has_the_metrics_of_the_system_behind_the_others(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(5.0, name="__system__cpu")
        run.track(1.0, name="zeta")
    shown = runstone("runs", "show", run.hash, "--repo", tmp_path).stdout
    assert shown.index("\nzeta") < shown.index("\n__system__cpu")


def test_deleted_runs_are_listed_until_they_are_restored(repo):
    path, hashes = repo
    for name in ("b", "a"):
        runstone("runs", "rm", hashes[name], "--yes", "--repo", path)
    told = lines_of_json(runstone("runs", "ls", "--deleted", "--json", "--repo", path).stdout)
    assert [(row["hash"], row["name"]) for row in told] == [(hashes["a"], "a"), (hashes["b"], "b")]
    assert all(row["deleted_time"] > row["creation_time"] for row in told)
    assert hashes["a"][:8] in runstone("runs", "ls", "--deleted", "--limit", "1", "--repo", path).stdout
    for name in ("b", "a"):
        runstone("runs", "restore", hashes[name], "--repo", path)
    assert runstone("runs", "ls", "--deleted", "--json", "--repo", path).stdout == ""
    done = runstone("runs", "restore", hashes["a"][:12], "--repo", path, code=2)
    assert done.stderr == f"runstone: run {hashes['a']} is not deleted\n"
    runstone("runs", "ls", "--deleted", "--status", "running", "--repo", path, code=2)
