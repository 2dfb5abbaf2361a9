"""What may be tracked, and where: kinds do not mix, and a wrong call changes nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Image, Repo, Run, Text, UsageError

PIXELS = np.zeros((2, 2), np.uint8)
VALUES = {
    "number": 0.5,
    "integer": 3,
    "image": Image(PIXELS),
    "text": Text("t"),
    "texts": [Text("a"), Text("b")],
}


@pytest.fixture
def run(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        yield run


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    ("first", "second"),
    [("number", "image"), ("image", "number"), ("image", "text"), ("texts", "integer"), ("integer", "texts")],
)
def test_kinds_do_not_mix(tmp_path, run, first, second, resumed, times):
    for _ in range(times):
        run.track(VALUES[first], name="x")
    if resumed:
        run.close()
        run = Run(run.hash, repo=tmp_path, **QUIET)
    with pytest.raises(UsageError, match=r"Cannot log value .* on sequence .x."):
        run.track(VALUES[second], name="x")
    run.track(VALUES[first], name="x")
    run.close()
    assert len(Repo(tmp_path).get_run(run.hash).get_sequence("x")) == times + 1


def test_one_and_several_objects_do_mix(run):
    for value in (Text("a"), [Text("b")], (Text("c"), Text("d")), []):
        run.track(value, name="x")
    values = run.get_text_sequence("x").values.values_list()
    assert values == [Text("a"), [Text("b")], [Text("c"), Text("d")], []]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([Text("a"), Image(PIXELS)], "text and image: incompatible data types"),
        ([Text("a"), 5], "5 stands in a list of objects"),
        ([], "empty list"),
        ([1.0, 2.0], "neither python number nor AimObject"),
        ([1.0], "neither python number nor AimObject\nNumbers are tracked one by one"),
        ({"a": (1.0,)}, "neither python number nor AimObject"),
        ("text", "neither python number nor AimObject"),
        (np.zeros(3), "neither python number nor AimObject"),
        ({"a": 1.0, "b": "text"}, "neither python number nor AimObject"),
        ({"a": Text("a"), "b": object()}, "neither python number nor AimObject"),
    ],
)
def test_what_cannot_be_tracked_is_refused_and_nothing_is_written(run, value, text):
    name = None if isinstance(value, dict) else "x"
    with pytest.raises(UsageError, match=text):
        run.track(value, name=name)
    assert run.get_sequence("x") is run.get_sequence("a") is None
    assert not Path(run._layout.blobs).exists()


def test_a_dictionary_of_which_one_does_not_fit_is_refused_whole(run):
    run.track(1.0, name="b")
    with pytest.raises(UsageError, match="Incompatible data types"):
        run.track({"a": Text("a"), "b": Text("b")})
    assert run.get_sequence("a") is None


def test_an_empty_list_does_not_go_where_numbers_are(run):
    for _ in range(3):
        run.track(1.0, name="x")
    with pytest.raises(UsageError, match="empty list"):
        run.track([], name="x")


@pytest.mark.parametrize("times", [0, 1, 3])
@pytest.mark.parametrize("first", [1.0, Text("a")], ids=["number", "text"])
def test_a_list_of_numbers_is_no_number(run, first, times):
    run.track(first, name="x")
    for _ in range(times):
        run.track(first, name="x")
    with pytest.raises(UsageError) as error:
        run.track([1], name="x")
    assert error.value.message == "Cannot log value '[1]' on sequence 'x'. Incompatible data types."
    assert len(run.get_sequence("x")) == times + 1


def test_steps_epochs_and_contexts_are_those_of_numbers(run):
    run.track(Text("a"), name="x", step=5, epoch=2, context={"subset": {"deep": 1}})
    run.track(Text("b"), name="x", context={"subset": {"deep": 1}})
    run.track(Text("c"), name="x")
    found = run.get_text_sequence("x", {"subset": {"deep": 1}})
    assert found.values.sparse_list() == ([5, 6], [Text("a"), Text("b")])
    assert found.epochs.values_list() == [2.0, None]
    with pytest.raises(UsageError, match="'name' should not be None"):
        run.track(Text("a"))
    with pytest.raises(UsageError, match="a step is"):
        run.track(Text("a"), name="x", step="one")


def test_what_a_process_prints_is_no_sequence_for_objects(tmp_path, capsys):
    with Run(repo=tmp_path, system_tracking_interval=None) as run:
        with pytest.raises(UsageError, match="Incompatible data types"):
            run.track(Text("a"), name="logs")
        with pytest.raises(UsageError, match="Incompatible data types"):
            run.track([], name="logs")


def test_a_context_or_a_name_is_no_place_for_objects(run):
    with pytest.raises(UsageError, match="cannot be kept"):
        run.track(1.0, name="x", context={"image": Image(PIXELS)})


def test_a_closed_run_takes_no_objects(run):
    run.close()
    with pytest.raises(UsageError, match="is closed"):
        run.track(Text("a"), name="x")
    with pytest.raises(UsageError, match="is closed"):
        run["x"] = Image(PIXELS)
