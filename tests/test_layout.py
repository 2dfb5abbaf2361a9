"""The house rules: who may import whom, what a training script pays for, how long a module may be."""

import ast
import importlib
import inspect
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

TOP = Path(__file__).resolve().parent.parent
# Each room, in the order of dependence, and the third parties that its modules may import when they are loaded.
# Whatever else it uses is imported inside the function that needs it.
ROOMS = {
    "writer/runstone_writer": {"orjson"},
    "indexer/runstone_indexer": {"numpy", "orjson", "tantivy", "watchdog"},
    "query/runstone_query": {"RestrictedPython", "numpy", "orjson", "tantivy"},
    "ui/runstone_ui": {"numpy", "orjson", "starlette", "uvicorn"},
    "sdk/runstone": {"click", "orjson", "rich"},
}
PACKAGES = [Path(room).name for room in ROOMS]
HEAVY = (
    "tantivy", "RestrictedPython", "watchdog", "numpy", "click", "rich", "pandas", "psutil", "PIL", "matplotlib",
    "plotly", "boto3", "polars", "pyarrow", "starlette", "uvicorn",
)  # fmt: skip
NO_NOUNS = {"base", "common", "helpers", "misc", "util", "utils"}
LONGEST = 600
# What a user of the library meets: every public name in these has a docstring.
PUBLIC = [
    "runstone",
    "runstone_indexer.indexer",
    "runstone_query.arrays",
    "runstone_query.backup",
    "runstone_query.catalogue",
    "runstone_query.collection",
    "runstone_query.context",
    "runstone_query.frames",
    "runstone_query.garbage",
    "runstone_query.health",
    "runstone_query.past",
    "runstone_query.messages",
    "runstone_query.repo",
    "runstone_query.report",
    "runstone_query.results",
    "runstone_query.run",
    "runstone_query.sequences",
    "runstone_query.snapshot",
    "runstone_query.verify",
    "runstone_writer.changes",
    "runstone_writer.artifacts",
    "runstone_writer.errors",
    "runstone_writer.media.audio",
    "runstone_writer.media.custom",
    "runstone_writer.media.distribution",
    "runstone_writer.media.figure",
    "runstone_writer.media.image",
    "runstone_writer.media.text",
    "runstone_writer.messages",
    "runstone_writer.properties",
    "runstone_writer.run",
]


def modules() -> list[str]:
    return sorted(str(path.relative_to(TOP)) for room in ROOMS for path in (TOP / room).rglob("*.py"))


def room_of(module: str) -> str:
    return next(room for room in ROOMS if module.startswith(f"{room}/"))


def imports(tree: ast.AST, *, lazy: bool) -> Iterator[str]:
    """Yield the top-level names that a module imports; with `lazy` also inside functions and for types alone."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() if not lazy:
                continue
            case ast.If(test=ast.Name("TYPE_CHECKING")) if not lazy:
                yield from (name for other in node.orelse for name in imports(other, lazy=False))
            case _:
                yield from imports(node, lazy=lazy)


def parsed(module: str) -> ast.Module:
    return ast.parse((TOP / module).read_text())


@pytest.mark.parametrize("module", modules())
def test_imports_go_from_sdk_to_query_to_indexer_to_writer_only(module):
    allowed = set(PACKAGES[: PACKAGES.index(Path(room_of(module)).name) + 1])
    found = set(imports(parsed(module), lazy=True)) & {*PACKAGES, "tests", "tools"}
    assert found <= allowed


@pytest.mark.parametrize("module", modules())
def test_a_module_loads_only_the_third_parties_of_its_room(module):
    own = {*PACKAGES, *sys.stdlib_module_names}
    assert set(imports(parsed(module), lazy=False)) - own <= ROOMS[room_of(module)]


def test_a_writer_that_imported_the_indexer_would_be_found():
    source = "def late():\n    import runstone_indexer.fold\n    from tantivy import Index"
    assert set(imports(ast.parse(source), lazy=True)) == {"runstone_indexer", "tantivy"}
    assert set(imports(ast.parse(source), lazy=False)) == set()
    source = "import os.path\nif True:\n    import numpy as np\nif TYPE_CHECKING:\n    import pandas"
    assert set(imports(ast.parse(source), lazy=False)) == {"os", "numpy"}


@pytest.mark.parametrize("module", modules())
def test_a_module_is_named_after_a_noun_and_is_not_too_long(module):
    assert not NO_NOUNS & set(Path(module).with_suffix("").parts)
    assert len((TOP / module).read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name):
    module = importlib.import_module(name)
    bare = [] if module.__doc__ else [name]
    for key, value in vars(module).items():
        if key.startswith("_") or getattr(value, "__module__", None) != name:
            continue
        if inspect.isfunction(value) and not value.__doc__:
            bare.append(key)
        if inspect.isclass(value):
            bare += [] if value.__doc__ else [key]
            methods = [attribute for attribute in vars(value) if not attribute.startswith("_")]
            bare += [f"{key}.{m}" for m in methods if is_method(value, m) and not doc_of(value, m)]
    assert bare == []


def is_method(owner: type, name: str) -> bool:
    found = inspect.getattr_static(owner, name)
    return (
        isinstance(found, property | classmethod | staticmethod) or callable(found) or hasattr(found, "func")
    )


def doc_of(owner: type, name: str) -> str | None:
    """The docstring of a method, property or cached property; an override may leave it to the base class."""
    found = (inspect.getdoc(vars(base)[name]) for base in owner.__mro__ if name in vars(base))
    return next(filter(None, found), None)


FRESH = """
import sys
{code}
print(" ".join(sorted({heavy!r} & sys.modules.keys())))
"""


def loaded_by(code: str, folder: Path) -> str:
    script = FRESH.format(code=code, heavy=set(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_importing_run_loads_nothing_heavy(tmp_path):
    assert loaded_by("import runstone\nrunstone.Run", tmp_path) == ""


def test_logging_a_run_loads_nothing_heavy(tmp_path):
    code = """
import runstone
with runstone.Run(system_tracking_interval=None, capture_terminal_logs=False) as run:
    run["hparams"] = {"lr": 0.1}
    run.track(1.0, name="loss")
    run.name = "first"
"""
    assert loaded_by(code, tmp_path) == ""


def test_logging_a_text_loads_nothing_heavy(tmp_path):
    code = """
import runstone
with runstone.Run(system_tracking_interval=None, capture_terminal_logs=False) as run:
    run.track(runstone.Text("a" * 100_000), name="sample")
"""
    assert loaded_by(code, tmp_path) == ""


def test_a_repo_loads_what_it_needs_when_it_is_used(tmp_path):
    loaded = loaded_by("import runstone\nrunstone.Repo", tmp_path).split()
    assert {"tantivy", "RestrictedPython"} <= set(loaded)
    assert not {"watchdog", "click", "rich", "pandas", "polars", "pyarrow"} & set(loaded)


@pytest.mark.slow
def test_the_wheel_has_the_documented_packages_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, TOP]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("runstone-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    described = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    assert len(described) == 1
    assert {name.partition("/")[0] for name in names} - described == set(PACKAGES)
    packed = {name for name in names if name.endswith(".py")}
    assert packed == {module.partition("/")[2] for module in modules()}
    assert any(name.endswith("licenses/LICENSE") for name in names)
