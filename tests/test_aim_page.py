"""The page for people who come from Aim: every name that it says is there is there, and none that it says is not."""

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import runstone
from runstone import Audio, Context, CustomObject, Distribution, Figure, Image, Repo, Run, Text

pytestmark = pytest.mark.checkout

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "aim.md"
TEXT = PAGE.read_text() if PAGE.exists() else ""  # not there where only the wheel is tested
ROWS = [
    (re.findall(r"`([^`]+)`", names), state, remark)
    for names, state, remark in re.findall(r"^\| (`.*) \| (\w+) \| (.*?)\|$", TEXT, re.MULTILINE)
]
NAMES = [(name, state) for names, state, _ in ROWS for name in names if not name.startswith("aim")]
COMMANDS = [(name, state) for names, state, _ in ROWS for name in names if name.startswith("aim")]

SPECIAL = {
    "run[key]": ("run", "__getitem__"),
    "run[key] = value": ("run", "__setitem__"),
    "del run[key]": ("run", "__delitem__"),
    "len(metric)": ("metric", "__len__"),
    "values[step]": ("values", "__getitem__"),
    "len(values)": ("values", "__len__"),
    "SyntaxError": ("runstone", "QueryError"),
}


class Own(CustomObject):
    AIM_NAME = "tests.own"


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """What the page calls `run`, `repo`, `metric`, ...: one of each."""
    plotly = pytest.importorskip("plotly.graph_objects")
    folder = tmp_path_factory.mktemp("aim")
    (folder / "model.pt").write_bytes(b"weights")
    objects = {
        "image": Image(np.zeros((2, 2), np.uint8)),
        "audio": Audio(np.zeros(10, np.float32), rate=8000),
        "text": Text("a"),
        "distribution": Distribution([1.0, 2.0]),
        "figure": Figure(plotly.Figure()),
        "custom": Own(),
    }
    run = Run(repo=folder, system_tracking_interval=None, capture_terminal_logs=False)
    for name, value in objects.items():
        run.track(value, name=name)
    run.track(1.0, name="loss")
    run.log_artifact(folder / "model.pt", block=True)
    run.close()
    repo = Repo(folder)
    stored = repo.get_run(run.hash)
    metric = stored.get_metric("loss")
    return objects | {
        "run": run, "repo": repo, "Repo": Repo, "metric": metric, "values": metric.values, "data": metric.data,
        "result": repo.query_runs(), "sequences": repo.query_metrics(),
        "item": next(repo.query_runs().iter_runs()), "context": Context({}),
        "images": stored.get_image_sequence("image"), "audios": stored.get_audio_sequence("audio"),
        "texts": stored.get_text_sequence("text"), "figures": stored.get_figure_sequence("figure"),
        "distributions": stored.get_distribution_sequence("distribution"),
        "Distribution": Distribution, "CustomObject": CustomObject, "artifact": stored.artifacts["model.pt"],
        "runstone": runstone,
    }  # fmt: skip


def looked_up(name, things):
    """Return (whether there is such a thing, what it is) for a name as the page spells it."""
    owner, attribute = SPECIAL.get(name) or (name.partition("(")[0].rpartition(".")[::2])
    holder = things[owner or "runstone"]
    return hasattr(holder, attribute), getattr(holder, attribute, None)


@pytest.mark.parametrize(("name", "state"), NAMES, ids=[name for name, _ in NAMES])
def test_a_name_is_there_if_the_page_says_so(things, name, state):
    there, thing = looked_up(name, things)
    assert there == (state != "absent")
    keywords = re.findall(r"(\w+)=", name.partition("(")[2])
    if there and keywords:
        taken = inspect.signature(thing).parameters
        assert set(keywords) <= set(taken) or any(p.kind is p.VAR_KEYWORD for p in taken.values())


def test_each_row_says_what_it_has_to_say():
    assert len(ROWS) > 90
    assert {state for _, state, _ in ROWS} == {"works", "differs", "absent"}
    silent = [names for names, state, remark in ROWS if state != "works" and not remark.strip()]
    assert silent == []
    table_lines = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert len(table_lines) == len(ROWS)


def test_no_name_stands_there_twice():
    names = [name.partition("(")[0] for name, _ in NAMES if "=" not in name and name not in SPECIAL]
    names += [name for name, _ in COMMANDS]
    assert len(names) == len(set(names))


def test_every_name_of_aims_that_is_held_elsewhere_is_in_the_table():
    spec = importlib.util.spec_from_file_location("surface", TOP / "tests/test_public_surface.py")
    surface = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(surface)
    spelled = {
        Run: ("run",), Repo: ("repo", "Repo"), runstone.Metric: ("metric",), runstone.Images: ("images", "metric"),
        Image: ("image",), Audio: ("audio",), Text: ("text",), Figure: ("figure",), surface.ArrayView: ("values",),
        Distribution: ("distribution", "Distribution"), surface.SequenceData: ("data",),
        CustomObject: ("custom", "CustomObject"), surface.RunResult: ("result",),
        surface.SequenceResult: ("sequences",), surface.RunItem: ("item",), surface.Metrics: ("item",),
    }  # fmt: skip
    told = {name.partition("(")[0] for name, _ in NAMES}
    for table in (surface.AIM, surface.PROPERTIES):
        for owner, names in table.items():
            public = [name for name in names if not name.startswith("_")]
            assert [n for n in public if not {f"{word}.{n}" for word in spelled[owner]} & told] == []


def test_commands_of_runstone_that_are_named_exist():
    from runstone.cli.main import main

    for command in re.findall(r"`runstone ([a-z]+(?: [a-z]+)?)[` ]", TEXT):
        group = main
        for word in command.split():
            group = group.get_command(None, word)
            assert group is not None, command


def test_the_examples_print_what_stands_behind_them(tmp_path):
    code = "".join(re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONWARNINGS": "error"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == re.findall(r"^# (.*)$", code, re.MULTILINE)
    assert done.stdout
