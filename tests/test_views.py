"""What `run`, `metric` and their kin hand out inside a query."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from evaluation import HASH, record_of, value_of, views_of
from runstone_query.views import PROPERTIES, SUMMARIES, MetricsView, RunView, reader, summary_value

PARAMS = {
    "lr": 0.5,
    "layers": [1, [2, 3]],
    "h": {"a": {"b": 1}, "none": None, 5: "five"},
    "name": "a parameter",
    "metrics": 3,
}


@pytest.fixture
def run() -> RunView:
    return views_of(record_of(PARAMS, name="ada"))[0]


def test_an_attribute_is_a_property_or_else_a_parameter(run: RunView) -> None:
    assert run.attribute("name") == "ada"
    assert run.attribute("lr") == 0.5
    assert run.attribute("nope") is None
    assert isinstance(run.attribute("metrics"), MetricsView)


def test_an_item_is_always_a_parameter(run: RunView) -> None:
    assert run.item("name") == "a parameter"
    assert run.item("metrics") == 3
    assert run.item("hash") is None
    assert run.item(("h", "a", "b")) == 1
    assert run.item(("h", 5)) == "five"
    assert run.item(("layers", 1, -1)) == 3
    for key in (("h", "x", "y"), ("layers", 9), ("lr", "x"), ["lr"], ("h", ["a"]), None, 5):
        assert run.item(key) is None


def test_get_takes_a_default_for_what_is_not_there(run: RunView) -> None:
    assert run.call("get", "lr", 5) == 0.5
    assert run.call("get", "nope", 5) == 5
    assert run.call("get", ("h", "none"), 5) is None
    assert run.call("get", ("h", "nope"), 5) == 5
    assert run.call("get") is None
    assert run.call("items") is None


def test_a_run_contains_its_parameters(run: RunView) -> None:
    assert run.contains("lr")
    assert run.contains(("h", "none"))
    assert not run.contains("hash")
    assert not run.contains(("lr", "x"))
    assert not run.contains([1])
    assert not run.contains(())
    assert run.elements() == list(PARAMS)
    assert run.length() == len(PARAMS)


def test_reading_a_path_at_once_is_the_same_as_step_by_step(run: RunView) -> None:
    for path in (
        ("lr",), ("nope",), ("h", "a"), ("h", "a", "b"), ("h", "a", "b", "c"), ("h", 5), ("layers", 1, 0),
        ("layers", "x"), ("lr", "x"), ("nope", "x", "y"), ("name",), ("name", 0), (5,), (None,),
    ):  # fmt: skip
        assert reader(path[0], path[1:])(run) == run.item(path), path


def test_every_property_is_a_plain_value() -> None:
    record = record_of(PARAMS, name="ada", experiment="e", description="d", archived=True)
    run = RunView(record)
    plain = {name: run.attribute(name) for name in PROPERTIES if name != "metrics"}
    assert plain["hash"] == HASH
    assert (plain["name"], plain["experiment"], plain["description"], plain["archived"]) == (
        "ada",
        "e",
        "d",
        True,
    )
    assert (plain["tags"], plain["active"]) == ([], False)
    assert plain["created_at"] == datetime.fromtimestamp(plain["creation_time"], UTC).replace(tzinfo=None)
    assert plain["finalized_at"] >= plain["created_at"]
    assert plain["duration"] == plain["end_time"] - plain["creation_time"]
    kinds = {str, float, bool, list, datetime, type(None)}
    assert {type(value) for value in plain.values()} <= kinds


def test_a_run_that_goes_on_has_no_end_and_a_duration_that_grows() -> None:
    run = RunView(record_of(ended=False))
    assert run.attribute("active") is True
    assert run.attribute("end_time") is None
    assert run.attribute("finalized_at") is None
    assert run.attribute("duration") > 0


def test_metrics_are_found_by_name_and_context(run: RunView) -> None:
    metrics = run.attribute("metrics")
    assert metrics.item(("loss", {"subset": "train"})).attribute("last") == 2.0
    assert metrics.item("loss") is None
    assert metrics.item("imgs").attribute("count") == 2
    for key in (
        ("loss", {"subset": "val"}),
        ("loss", None),
        ("loss", {}, 1),
        5,
        ("loss", {5: 5}),
        ("loss", {"a": {1}}),
    ):
        assert metrics.item(key) is None
    assert metrics.elements() == ["imgs", "loss"]
    assert metrics.length() == 2
    assert metrics.contains("loss")
    assert metrics.contains(("loss", {"subset": "train"}))
    assert not metrics.contains("acc")
    assert metrics.attribute("imgs") == metrics.item("imgs")


def test_a_context_that_is_too_long_to_be_remembered_is_compared_all_the_same() -> None:
    run = RunView(record_of())
    metrics = run.attribute("metrics")
    assert metrics.item(("loss", {"subset": "train" + "x" * 1000})) is None
    assert metrics.item(("l" * 1000, {})) is None
    assert metrics.item(("loss", {"subset": "train", "n": [1]})) is None


def test_a_sequence_has_name_context_run_and_summaries() -> None:
    run, metric = views_of(record_of(PARAMS))
    assert metric.attribute("name") == "loss"
    assert metric.attribute("context") == {"subset": "train"}
    assert metric.attribute("run") is run
    values = [metric.attribute(name) for name in SUMMARIES]
    assert values == [4.0, 2.0, 2.0, 4.0, 3.0, 3, 0, 2]
    assert metric.attribute("values") is None
    assert metric.item("name") == "loss"
    assert metric.item(("context", "subset")) == "train"
    assert metric.item(("run", "lr")) == 0.5
    assert metric.item(("run", "name")) == "a parameter"
    assert metric.item(()) is None
    assert metric.item(5) is None
    with pytest.raises(TypeError, match="no length"):
        metric.length()


def test_what_is_no_number_has_no_smallest() -> None:
    record = record_of()
    images = record.state.sequences[1]
    assert [summary_value(images, name) for name in SUMMARIES] == [None] * 5 + [2, 0, 1]
    images.summary = None
    assert summary_value(images, "count") is None


def test_views_of_one_thing_are_equal() -> None:
    record = record_of()
    run, metric = views_of(record)
    again, same = views_of(record)
    assert run == again
    assert metric == same
    assert hash(run) == hash(again)
    assert hash(metric) == hash(same)
    assert run != metric
    assert len({run, again, metric, same}) == 2
    assert value_of("metric == run.metrics[metric.name, metric.context]", entity="metric") is True
    assert value_of("run.metrics['imgs'].run == run") is True


def test_views_show_what_they_are_without_an_address() -> None:
    assert value_of("str(run)") == f"<run {HASH}>"
    assert value_of("str(run.metrics)") == f"<metrics of run {HASH}>"
    assert value_of("str([metric])", entity="metric") == "[<sequence loss>]"


def test_the_values_of_a_run_are_not_copied_or_changed(run: RunView) -> None:
    before: Any = run.item("h")
    assert value_of("sorted(run.layers[1], reverse=True) + run.layers", PARAMS) == [3, 2, 1, [2, 3]]
    assert run.item("h") is before
