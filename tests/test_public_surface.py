"""What `import runstone` offers: exactly what it says, with the signatures that scripts written for Aim expect."""

import inspect
from importlib.metadata import entry_points, version

import pytest

import runstone
from runstone_query.arrays import ArrayView, SequenceData
from runstone_query.collection import Metrics, RunItem
from runstone_query.results import RunResult, SequenceResult
from runstone_query.run import StoredRun

# What Aim 3.29.1 has: parameters in order, those that may only be named behind a "*".
AIM = {
    runstone.Run: {
        "__init__": "run_hash=None, *, repo=None, read_only=False, experiment=None, force_resume=False, "
        "system_tracking_interval=10, log_system_params=False, capture_terminal_logs=True",
        "track": "value, name=None, step=None, epoch=None, *, context=None",
        "set": "key, val, strict=True",
        "get": "key, default=None, strict=True, resolve_objects=False",
        "add_tag": "value",
        "remove_tag": "tag_name",
        "metrics": "",
        "get_metric": "name, context",
        "get_image_sequence": "name, context",
        "get_audio_sequence": "name, context",
        "get_text_sequence": "name, context",
        "get_distribution_sequence": "name, context",
        "get_figure_sequence": "name, context",
        "iter_metrics_info": "",
        "dataframe": "include_props=True, include_params=True",
        "close": "",
    },
    runstone.Repo: {
        "__init__": "path, *, read_only=None, init=False",
        "from_path": "path, read_only=None, init=False",
        "default_repo": "init=False",
        "exists": "path",
        "rm": "path",
        "query_runs": "query='', paginated=False, offset=None, report_mode=1",
        "query_metrics": "query='', report_mode=1",
        "query_images": "query='', report_mode=1",
        "query_audios": "query='', report_mode=1",
        "query_texts": "query='', report_mode=1",
        "query_distributions": "query='', report_mode=1",
        "query_figure_objects": "query='', report_mode=1",
        "get_run": "run_hash",
        "iter_runs": "",
        "run_exists": "run_hash",
        "list_all_runs": "",
        "list_active_runs": "",
        "total_runs_count": "",
        "delete_run": "run_hash",
        "delete_runs": "run_hashes",
        "copy_runs": "run_hashes, dest_repo",
        "move_runs": "run_hashes, dest_repo",
        "delete_experiment": "exp_id",
        "list_corrupted_runs": "",
        "available_sequence_types": "",
        "prune": "",
        "collect_sequence_info": "sequence_types",
        "collect_params_info": "",
        "close": "",
    },
    runstone.Metric: {
        "dataframe": "include_name=False, include_context=False, include_run=False, only_last=False",
        "first_step": "",
        "last_step": "",
        "preload": "",
    },
    runstone.Image: {
        "__init__": "image, caption='', format=None, quality=90, optimize=False",
        "to_pil_image": "",
        "json": "",
    },
    runstone.Audio: {
        "__init__": "data, format='', caption='', rate=None",
        "get": "",
        "to_numpy": "",
        "json": "",
    },
    runstone.Text: {"__init__": "text", "json": ""},
    runstone.Distribution: {
        "__init__": "samples=None, bin_count=64, *, hist=None, bin_range=None",
        "from_histogram": "hist, bin_range",
        "from_samples": "samples, bin_count=64",
        "to_np_histogram": "",
        "json": "",
    },
    runstone.Figure: {"__init__": "obj", "to_plotly_figure": "", "json": ""},
    runstone.CustomObject: {"alias": "name, exist_ok=False", "json": ""},
    runstone.Images: {"first_step": "", "last_step": "", "preload": "", "record_length": ""},
    RunResult: {"iter_runs": "", "iter": ""},
    **{
        one_run: {
            "iter_runs": "",
            "iter": "",
            "dataframe": "only_last=False, include_run=True, include_name=True, include_context=True, "
            "include_props=True, include_params=True",
        }
        for one_run in (Metrics, RunItem)
    },
    SequenceResult: {
        "iter_runs": "",
        "iter": "",
        "dataframe": "only_last=False, include_run=True, include_name=True, include_context=True, "
        "include_props=True, include_params=True",
    },
    ArrayView: dict.fromkeys(
        (
            "keys", "indices", "values", "items", "sparse_list", "indices_list", "values_list", "sparse_numpy",
            "indices_numpy", "values_numpy", "tolist", "first", "first_idx", "first_value", "last", "last_idx",
            "last_value", "__len__", "__iter__",
        ),
        "",
    ),
    SequenceData: dict.fromkeys(
        ("items_list", "values_list", "indices_list", "numpy", "items", "values", "indices", "__iter__"), ""
    )
    | {"view": "columns", "range": "start, stop", "sample": "k"},
}  # fmt: skip
PROPERTIES = {
    runstone.Run: (
        "name", "description", "experiment", "archived", "tags", "creation_time", "end_time", "created_at",
        "finalized_at", "duration", "active", "repo",
    ),
    runstone.Metric: ("name", "context", "values", "epochs", "timestamps", "data"),
    runstone.Image: ("size", "width", "height", "format", "caption"),
    runstone.Audio: ("format", "caption"),
    runstone.Text: ("data",),
    runstone.Distribution: ("bin_count", "range", "weights", "ranges"),
    runstone.Figure: ("data",),
}  # fmt: skip
METHODS = [(owner, name) for owner, methods in AIM.items() for name in methods]


def test_all_is_what_is_there():
    own = {
        name
        for name, value in vars(runstone).items()
        if getattr(value, "__module__", "").startswith("runstone")
    }
    public = {name for name in own if not name.startswith("_")} | set(runstone._LAZY) | {"__version__"}
    assert sorted(public) == runstone.__all__ == dir(runstone)


@pytest.mark.parametrize("name", runstone.__all__)
def test_every_name_in_all_can_be_had(name):
    assert getattr(runstone, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Rune'"):
        runstone.Rune  # noqa: B018 - the access is the test


def test_importing_everything_by_star_gives_all():
    space = {}
    exec("from runstone import *", space)
    assert set(space) - {"__builtins__"} == set(runstone.__all__)


@pytest.mark.parametrize(
    ("owner", "name"), METHODS, ids=[f"{owner.__name__}.{name}" for owner, name in METHODS]
)
def test_a_method_takes_what_it_takes_in_aim(owner, name):
    """Same parameters in the same order; more may follow, and a parameter may have a default that Aim's has not."""
    aim = inspect.signature(eval(f"lambda {AIM[owner][name]}: None")).parameters
    ours = dict(inspect.signature(getattr(owner, name)).parameters)
    ours.pop("self", None)
    positional = [p for p in ours if ours[p].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    expected = [p for p in aim if aim[p].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional[: len(expected)] == expected
    for parameter in aim.values():
        mine = ours[parameter.name]
        if parameter.default is not inspect.Parameter.empty and parameter.name != "report_mode":
            assert mine.default == parameter.default
    required = [
        p.name for p in ours.values() if p.default is inspect.Parameter.empty and p.kind.name != "VAR_KEYWORD"
    ]
    assert set(required) <= set(aim)


@pytest.mark.parametrize("owner", PROPERTIES, ids=lambda owner: owner.__name__)
def test_properties_have_aims_names(owner):
    for name in PROPERTIES[owner]:
        assert not inspect.isfunction(inspect.getattr_static(owner, name))


def test_a_stored_run_is_a_run_and_an_item_of_a_result_has_one():
    assert issubclass(StoredRun, runstone.Run)
    assert {"run"} <= set(inspect.signature(RunItem).parameters)


@pytest.mark.parametrize("name", [name for name in runstone.__all__ if name.endswith("Error")])
def test_every_error_is_a_runstone_error_with_a_hint(name):
    kind = getattr(runstone, name)
    assert issubclass(kind, runstone.RunstoneError)
    if issubclass(kind, runstone.CorruptionError):
        error = kind("/x", 1, 2, "broken", hint="Do this.")
    else:
        error = kind("it broke", hint="Do this.")
    assert "broke" in str(error).splitlines()[0]
    assert str(error).splitlines()[-1] == "Do this."


def test_errors_are_caught_by_the_names_that_callers_know():
    for ours, known in (
        ("UsageError", ValueError), ("ValueTypeError", TypeError), ("QueryError", SyntaxError),
        ("MissingKeyError", KeyError), ("MissingRunError", RuntimeError), ("StoreError", OSError),
        ("MissingRepoError", OSError), ("FormatVersionError", OSError),
    ):  # fmt: skip
        assert issubclass(getattr(runstone, ours), known)


def test_the_version_is_that_of_the_installed_package():
    assert runstone.__version__ == version("runstone")


def test_the_command_is_installed():
    (command,) = entry_points(group="console_scripts", name="runstone")
    assert command.value == "runstone.cli:main"
