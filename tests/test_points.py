"""Points: the values, steps, epochs and contexts that `Run.track` takes, and those that it refuses."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runs import points
from runstone import Repo, Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(repo=tmp_path, **QUIET)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, 1),
        (1.5, 1.5),
        (True, 1),
        (math.inf, math.inf),
        (-0.0, -0.0),
        (2**70, 2**70),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int8(3), 3),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
    ],
)
def test_numbers_of_every_kind_are_tracked_exactly(tmp_path: Path, run: Run, value: Any, kept: Any) -> None:
    for _ in range(3):
        run.track(value, name="loss")
    steps, values = points(tmp_path, run)
    assert steps == [0, 1, 2]
    assert [repr(v) for v in values] == [repr(kept)] * 3


def test_nan_is_kept(tmp_path: Path, run: Run) -> None:
    run.track(float("nan"), name="loss")
    assert math.isnan(points(tmp_path, run)[1][0])


@pytest.mark.parametrize("value", ["x", None, 1j, np.zeros(3), object()])
def test_what_is_no_number_is_refused(run: Run, value: Any) -> None:
    with pytest.raises(ValueError, match="neither python number nor AimObject"):
        run.track(value, name="loss")


def test_names_and_dictionaries_of_values_follow_aim(tmp_path: Path, run: Run) -> None:
    with pytest.raises(ValueError, match="'name' should not be None"):
        run.track(1.0)
    with pytest.raises(ValueError, match="'name' should be None"):
        run.track({"a": 1}, name="x")
    run.track({"a": 1, "b": 2.5}, step=4, epoch=2)
    assert points(tmp_path, run, "a") == ([4], [1])
    assert points(tmp_path, run, "b") == ([4], [2.5])


def test_steps_go_on_from_the_highest(tmp_path: Path, run: Run) -> None:
    for step in (None, 10, None, 3, None, -5, 2.5, None):
        run.track(1.0, name="loss", step=step)
    assert points(tmp_path, run)[0] == [-5, 0, 2.5, 3, 10, 11, 12, 13]


@pytest.mark.parametrize("step", ["1", float("nan"), float("inf"), 2**70, True, None.__class__])
def test_a_step_is_a_finite_number(run: Run, step: Any) -> None:
    run.track(1.0, name="loss")
    run.track(1.0, name="loss")
    run.track(1.0, name="loss")
    with pytest.raises((ValueError, TypeError)):
        run.track(1.0, name="loss", step=step)


def test_a_context_is_what_it_holds_in_whatever_order_and_depth(tmp_path: Path, run: Run) -> None:
    for context in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1.0, "b": 2}, {"a": 1, "b": 2}):
        run.track(1.0, name="loss", context=context)
    run.track(2.0, name="loss", context={"deep": {"list": [1, {"x": None}]}})
    run.track(2.0, name="loss", context={"deep": {"list": [1, {"x": None}]}})
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    assert sorted(len(metric.values) for metric in stored.metrics()) == [2, 4]


@pytest.mark.parametrize(
    "step", [-(2**63), -1, 0, 2**63 - 2, 2.5, np.int64(4), np.float32(0.5), np.array([7])]
)
def test_a_step_may_be_any_number_of_64_bits(tmp_path: Path, run: Run, step: Any) -> None:
    for _ in range(3):
        run.track(1.0, name="loss", step=step)
    assert points(tmp_path, run)[0] == [step] * 3


@pytest.mark.parametrize(
    "step", [-(2**63) - 1, 2**63 - 1, 1e300, -1e300, "1", None.__class__, np.bool_(True), 1j]
)
def test_another_step_is_refused_and_counts_for_nothing(tmp_path: Path, run: Run, step: Any) -> None:
    for count in range(4):
        with pytest.raises((ValueError, TypeError)):
            run.track(1.0, name="loss", step=step)
        run.track(1.0, name="loss")
        assert points(tmp_path, run)[0] == list(range(count + 1))


@pytest.mark.parametrize(
    ("epoch", "kept"), [(None, None), (3, 3), (0.5, 0.5), (np.float64(1.5), 1.5), (True, 1)]
)
def test_an_epoch_is_a_number(tmp_path: Path, run: Run, epoch: Any, kept: Any) -> None:
    for _ in range(3):
        run.track(1.0, name="loss", epoch=epoch)
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    metric = stored.get_metric("loss")
    assert metric is not None
    assert [None if epoch != epoch else epoch for epoch in metric.epochs.values_list()] == [kept] * 3


@pytest.mark.parametrize("epoch", [math.inf, "1", 2**70, [1, 2]])
def test_another_epoch_is_refused_and_counts_for_nothing(tmp_path: Path, run: Run, epoch: Any) -> None:
    for _ in range(4):
        with pytest.raises((ValueError, TypeError)):
            run.track(1.0, name="loss", epoch=epoch)
        run.track(1.0, name="loss")
    assert points(tmp_path, run)[0] == [0, 1, 2, 3]


@pytest.mark.parametrize("context", ["train", 5, [1], {"a": object()}, {"a": {1}}, {1.5: 2}])
def test_another_context_is_refused(run: Run, context: Any) -> None:
    for _ in range(4):
        with pytest.raises((ValueError, TypeError)):
            run.track(1.0, name="loss", context=context)
    assert Path(run._log.path()).read_bytes().count(b"sequence") == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "context", [{"a": [1, {"b": None}]}, {"a": {"b": {}}}, {1: 2}, {"a": float("nan")}, {}, None]
)
def test_a_context_may_hold_whatever_a_parameter_may(tmp_path: Path, run: Run, context: Any) -> None:
    for _ in range(5):
        run.track(1.0, name="loss", context=context)
    stored = Repo(tmp_path, index=False).get_run(run.hash)
    assert stored is not None
    (metric,) = stored.metrics()
    assert len(metric.values) == 5


class Tensor:
    """What torch, jax and others have in common."""

    def __init__(self, *values: float) -> None:
        self.values, self.ndim = values, 0 if len(values) == 1 else 1

    def item(self) -> float:
        if len(self.values) > 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.values[0]


def test_a_tensor_of_one_element_is_a_number(tmp_path: Path, run: Run) -> None:
    for _ in range(3):
        run.track(Tensor(2.5), name="loss", step=Tensor(3))  # type: ignore[arg-type]
    run["x"] = Tensor(2.5)
    assert points(tmp_path, run) == ([3] * 3, [2.5] * 3)
    assert run["x"] == 2.5
    with pytest.raises(ValueError, match="neither python number"):
        run.track(Tensor(1, 2), name="loss")


@pytest.mark.parametrize(
    "value", [np.datetime64("2020-01-01", "ns"), np.timedelta64(5, "ns"), np.array([object()])]
)
def test_what_would_come_back_as_something_else_is_refused(run: Run, value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be kept exactly"):
        run["x"] = value
    if value.ndim == 0:
        with pytest.raises(ValueError, match="neither python number"):
            run.track(value, name="loss")
