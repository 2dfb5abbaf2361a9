"""Figures of plotly and matplotlib."""

import subprocess
import sys
from pathlib import Path

import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure as MatplotlibFigure

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Figure, Repo, Run, UsageError, ValueTypeError


def plotted():
    figure = MatplotlibFigure()
    figure.add_subplot().plot([1, 2, 3], [4, 5, 6])
    return figure


def stored(path, figure):
    with Run(repo=path, **QUIET) as run:
        run.track(figure, name="x")
    return Repo(path).get_run(run.hash).get_figure_sequence("x").values.first_value()


def test_a_plotly_figure_comes_back(tmp_path):
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3.5, None]), layout={"title": {"text": "é\u2028"}})
    found = stored(tmp_path, Figure(figure))
    assert found.to_plotly_figure() == figure
    assert found.data == figure.to_json()
    assert found.json()["source"] == "plotly"
    assert repr(found) == "<Figure of plotly as plotly>"


def test_a_matplotlib_figure_is_converted_or_kept_as_svg(tmp_path):
    found = stored(tmp_path, Figure(plotted()))
    assert found.json()["source"] == "matplotlib"
    if found.format == "plotly":
        assert list(found.to_plotly_figure().data[0].y) == [4, 5, 6]
    else:
        assert "<svg" in found.data


WITHOUT_PLOTLY = """
import sys
sys.modules["plotly"] = sys.modules["plotly.tools"] = None
from matplotlib.figure import Figure as Plot
import runstone
plot = Plot()
plot.add_subplot().plot([1, 2])
figure = runstone.Figure(plot)
print(figure.format, "<svg" in figure.data)
try:
    figure.to_plotly_figure()
except runstone.UsageError as error:
    print(error.message)
"""


def test_without_plotly_a_matplotlib_figure_is_kept_as_svg():
    done = subprocess.run([sys.executable, "-c", WITHOUT_PLOTLY], capture_output=True, text=True, check=True)
    assert done.stdout == "svg True\nthis figure is kept as svg, which plotly cannot read\n"


@pytest.mark.parametrize("value", [None, 5, {"data": []}, "text"])
def test_what_is_no_figure_is_refused(value):
    with pytest.raises(ValueTypeError, match="cannot be made of"):
        Figure(value)


def test_a_figure_does_not_go_where_another_kind_is(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="x")
        with pytest.raises(UsageError, match="Incompatible data types"):
            run.track(Figure(go.Figure()), name="x")
