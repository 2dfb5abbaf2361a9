"""The installed command, and repositories for it to work on."""

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

from processes import DEADLINE_SECONDS, QUIET
from runstone import Run
from runstone_writer.layout import open_repo

RUNSTONE = Path(sys.executable).with_name("runstone")


def environment(**more):
    return {**os.environ, "COLUMNS": "80", "TZ": "UTC", "NO_COLOR": "1", "PYTHONWARNINGS": "error", **more}


def runstone(*arguments, code=0, cwd=None, text=None, **variables):
    """Run the command; its exit code is `code`, and whatever happens it shows no traceback."""
    done = subprocess.run(
        [RUNSTONE, *map(str, arguments)],
        cwd=cwd,
        input=text,
        capture_output=True,
        encoding="utf-8",
        env=environment(**variables),
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stderr
    return done


def lines_of_json(output):
    return [json.loads(line) for line in output.splitlines()]


def make_run(path, name, rate=0.1, **params):
    with Run(repo=path, experiment="exp", **QUIET) as run:
        run.name = name
        run["hparams"] = {"learning_rate": rate, **params}
        for step in range(3):
            run.track(rate * step, name="loss", context={"subset": "train"})
    return run.hash


def three_runs(path):
    """Make runs called "a", "b" and "c", the newest; return their hashes by name."""
    return {name: make_run(path, name, rate) for name, rate in (("a", 0.1), ("b", 0.2), ("c", 0.3))}


def log_of(path, run_hash):
    layout = open_repo(path)
    return Path(layout.log_path(run_hash, layout.log_names(run_hash)[0]))


def damage(path, run_hash):
    """Put zeros over a point in the middle of a log; return the log and where."""
    log = log_of(path, run_hash)
    data = bytearray(log.read_bytes())
    place = data.index(b"\n[0,1,") + 1
    data[place : place + 3] = b"\0\0\0"
    log.write_bytes(data)
    return log, place


def harmless(text):
    """No control, format or surrogate character but the line break."""
    return all(c == "\n" or (unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029") for c in text)
