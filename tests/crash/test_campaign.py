"""What the crash campaigns say of themselves."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import campaign
from campaign import Options, Row

HELD = {"trials": 3, "control": "checksums off", "controls": 2, "caught": 1}


@pytest.mark.parametrize(
    ("verdict", "fields"),
    [
        ("held", HELD),
        ("held", {"trials": 1}),
        ("failed", {**HELD, "failures": ["seed 7: a point is gone"]}),
        ("proves nothing", {**HELD, "caught": 0}),
        ("proves nothing", {}),
        ("not run", {"skipped": "it needs root"}),
    ],
)
def test_a_verdict_needs_trials_a_control_that_was_caught_and_no_failure(verdict, fields):
    assert Row("R0", "a campaign", **fields).verdict == verdict


@pytest.mark.parametrize(("failures", "code"), [([], 0), (["a point is gone"], 1)])
def test_the_exit_code_and_the_file_say_what_was_found(failures, code, monkeypatch, tmp_path):
    asked = []

    def run(options: Options) -> Row:
        asked.append(options)
        return Row("R0", "a campaign", trials=options.count(1000), failures=failures)

    found = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["x", "--seed", "7", "--trials", "3", "--json", str(found)])
    assert campaign.main("", {"one": run}) == code
    assert asked == [Options(seed=7, trials=3)]
    (row,) = json.loads(found.read_text())
    assert (row["trials"], row["failures"]) == (3, failures)
    assert campaign.from_json(row).failures == failures


def test_what_was_found_before_it_is_interrupted_is_not_lost(monkeypatch, tmp_path):
    def run(options: Options) -> Row:
        row = Row("R0", "a campaign of hours")
        for number in range(1000):
            row.trials += 1
            if number == 41:
                raise KeyboardInterrupt
        return row

    found = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["x", "--json", str(found)])
    assert campaign.main("", {"one": run, "two": run}) == 1
    (row,) = json.loads(found.read_text())
    assert (row["trials"], row["verdict"]) == (42, "interrupted")
    assert Row("R0", "another", failures=["a point is gone"], is_interrupted=True).verdict == "failed"


def test_what_failed_is_printed_with_what_repeats_it_and_the_rest_counted():
    out = io.StringIO()
    row = Row("R0", "a campaign", trials=99, failures=[f"seed [{n}]" for n in range(campaign.SHOWN + 2)])
    campaign.show(Console(file=out, width=120), [row])
    assert "R0: seed [0]" in out.getvalue()
    assert "and 2 more" in out.getvalue()


def test_what_cannot_be_run_here_is_no_failure():
    assert campaign.lacking("no-such-tool-of-all", "sh") == "there is no no-such-tool-of-all"
    assert campaign.lacking("sh") == ""
