"""What the command line sends to a terminal: nothing of what others wrote can harm it, and tables fit."""

import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import RUNSTONE, environment, harmless, lines_of_json, make_run, runstone
from journals import Journal, hash_of, new_repo
from processes import DEADLINE_SECONDS, QUIET
from runstone import Repo, Run

HOSTILE = "[bold]x[/bold] \x1b[31mred\x1b[0m\nsecond\r\tline \u202eright-to-left \u2028 \x9b31m \0 :smile: é"
BROKEN = HOSTILE + "\ud800"  # half of a pair: no UTF-8 can hold it


@pytest.fixture
def hostile(tmp_path):
    """A run in which every text is hostile; returns (path, hash)."""
    with Run(repo=tmp_path, experiment=HOSTILE, **QUIET) as run:
        run.name = BROKEN
        run.description = BROKEN
        run.add_tag(HOSTILE)
        run[HOSTILE] = {BROKEN: [BROKEN]}
        run.track(1.0, name=HOSTILE, context={HOSTILE: HOSTILE})
    return tmp_path, run.hash


@pytest.mark.parametrize(
    "arguments",
    [
        ["query"],
        ["query", "--json"],
        ["query", "--metrics"],
        ["query", "--metrics", "--json"],
        ["query", "--columns", "name,experiment,tags,description"],
        ["query", "run.name[99999] == 1 or 1 / 0"],
        ["runs", "ls"],
        ["runs", "ls", "--json"],
        ["runs", "show", "{run}"],
        ["runs", "show", "{run}", "--json"],
        ["runs", "tag", "\x1b[31m", "{run}"],
        ["tail", "{run}", "--no-follow"],
        ["tail", "{run}", "--no-follow", "--json"],
        ["status"],
        ["fsck"],
        ["runs", "archive", "{run}"],
    ],
)
def test_texts_of_others_are_shown_harmlessly(hostile, arguments):
    path, run_hash = hostile
    for width in ("80", "1000"):
        done = runstone(*(a.format(run=run_hash) for a in arguments), "--repo", path, COLUMNS=width)
        assert harmless(done.stdout), repr(done.stdout)
        assert harmless(done.stderr), repr(done.stderr)
        if arguments == ["query"] and width == "1000":
            assert (
                "[bold]x[/bold] \\x1b[31mred\\x1b[0m\\nsecond\\r\\tline \\u202eright-to-left" in done.stdout
            )
            assert ":smile: é" in done.stdout


def test_json_has_hostile_texts_exactly(hostile):
    path, _ = hostile
    (row,) = lines_of_json(runstone("query", "--json", "--repo", path).stdout)
    readable = HOSTILE + "\\ud800"
    assert (row["name"], row["tags"], row["params"]) == (
        readable,
        [HOSTILE],
        {HOSTILE: {readable: [readable]}},
    )


def test_csv_has_hostile_texts_exactly_in_a_file_and_harmlessly_in_a_terminal(hostile):
    path, _ = hostile
    asked = [RUNSTONE, "query", "--csv", "--columns", "name", "--repo", path]
    done = subprocess.run(asked, capture_output=True, env=environment(), check=True)
    assert (HOSTILE + "\\ud800").encode() in done.stdout
    assert harmless(in_a_terminal(asked))


def in_a_terminal(command):
    """Run a command in a terminal of 80 columns without colors; return what is sent to it."""
    main, sub = pty.openpty()
    try:
        process = subprocess.Popen(command, stdout=sub, stderr=subprocess.DEVNULL, env=environment())
        os.close(sub)
        sent = b""
        while True:
            try:
                data = os.read(main, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not data:
                break
            sent += data
        assert process.wait(DEADLINE_SECONDS) == 0
    finally:
        os.close(main)
    return sent.decode().replace("\r\n", "\n")


def test_a_terminal_whose_encoding_lacks_a_letter_gets_an_escape(tmp_path):
    make_run(tmp_path, "snowman \N{SNOWMAN}")
    done = subprocess.run(
        [RUNSTONE, "query", "--columns", "name", "--repo", tmp_path],
        capture_output=True,
        env=environment(PYTHONIOENCODING="latin-1"),
        check=True,
    )
    assert b"snowman \\u2603" in done.stdout


WIDE = {f"a_parameter_with_a_long_name_{i}": f"value {i} 漢字" for i in range(12)}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_is_as_wide_as_the_terminal_at_most(tmp_path, width):
    for count in range(3):
        make_run(tmp_path, f"{'a rather long name ' * 5}{count}", float(count), **{**WIDE, "differs": count})
    for arguments in (["query"], ["query", "--metrics"], ["runs", "ls"], ["runs", "show", "{run}"]):
        run_hash = Repo(tmp_path).list_all_runs()[0]
        done = runstone(*(a.format(run=run_hash) for a in arguments), "--repo", tmp_path, COLUMNS=str(width))
        assert max(map(columns_of, done.stdout.splitlines())) <= width
        assert done.stdout.count(run_hash[:8]) == 1
    text = runstone("query", "--repo", tmp_path, COLUMNS=str(width))
    assert "differs" in text.stdout
    assert "no space for" in text.stderr


def columns_of(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_nothing_is_cut_in_a_pipe(tmp_path):
    run_hash = make_run(tmp_path, "a rather long name " * 5, **WIDE)
    variables = {key: value for key, value in environment().items() if key != "COLUMNS"}
    done = subprocess.run(
        [RUNSTONE, "query", "--repo", tmp_path],
        capture_output=True,
        encoding="utf-8",
        env=variables,
        check=True,
    )
    assert "…" not in done.stdout
    assert all(value in done.stdout for value in WIDE.values())
    assert run_hash[:8] in done.stdout


def test_the_id_of_a_note_that_somebody_has_forged_does_no_harm(tmp_path):
    """What Runstone writes there are digits; what is in a log may be anything."""
    layout = new_repo(tmp_path)
    journal = Journal(layout, hash_of(1), 1)
    journal.event("note", id="\x1b]0;title\x07", text="a text")
    shown = runstone("runs", "show", hash_of(1), "--repo", str(tmp_path)).stdout
    assert "note \\x1b]0;title\\x07\n  a text" in shown
    assert harmless(shown)


def test_events_that_somebody_has_forged_are_named_and_passed_over(tmp_path):
    layout = new_repo(tmp_path)
    journal = Journal(layout, hash_of(1), 1)
    journal.event("set", key=["before"], value=1)
    journal.line(b'{"event":"set","dt":{"a":1},"key":["lr"],"value":5,"crc":')
    journal.line(b'{"event":"set","dt":3,"key":"lr","value":5,"crc":')
    journal.event("set", key=[], value={"$object": ["custom", {}]})
    journal.event("set", key=["after"], value=2)
    for arguments in (["tail", "--no-follow"], ["runs", "show"], ["query"]):
        run = [] if arguments == ["query"] else [hash_of(1)]
        done = runstone(*arguments, *run, "--repo", str(tmp_path))
        assert "before" in done.stdout, (arguments, done.stderr)
        assert "after" in done.stdout
        assert "Traceback" not in done.stderr
    told = runstone("tail", "--no-follow", hash_of(1), "--repo", str(tmp_path)).stderr
    assert told.count("malformed 'set' event") == 3
