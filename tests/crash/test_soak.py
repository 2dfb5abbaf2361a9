"""The soak in seconds: nothing is lost over a restart, and a process that grows is seen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import soak
from campaign import Options
from vitals import Chart, Vitals, look_at

MIB = 1024


def chart(start: float, warm: float, end: float, descriptors: int) -> Chart:
    """A process that grows from `start` to `warm` MiB in a third of its time, and then to `end`."""
    looks = []
    for second in range(300):
        held = (
            start + (warm - start) * second / 100
            if second < 100
            else warm + (end - warm) * (second - 100) / 200
        )
        more = descriptors * (second > 200)
        looks.append(Vitals(float(second), int(held * MIB), int(held * MIB), 10 + more, 3, 300, second / 10))
    return Chart("it", looks)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((60, 60, 60, 0), ""),
        ((20, 60, 62, 1), ""),
        ((60, 60, 70, 0), "it grows: memory from 60."),
        ((60, 60, 60, 9), "it grows: descriptors from 10 to 19"),
    ],
)
def test_what_grows_after_the_warm_up_is_seen(given, said):
    growth = chart(*given).growth()
    assert growth.startswith(said)
    assert bool(growth) == bool(said)


def test_a_process_that_has_ended_is_not_looked_at():
    assert look_at(2**22 + 1, 0.0) is None


@pytest.mark.slow
def test_a_soak_of_seconds():
    row = soak.soak(Options(seed=3, trials=1))
    assert (row.failures, row.verdict, row.trials) == ([], "held", 1)
