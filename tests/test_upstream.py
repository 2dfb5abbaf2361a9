"""Aim's own tests: the names that they import lead somewhere, and no way of ending otherwise than told is passed over."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

TOP = Path(__file__).resolve().parent.parent
SHIM = TOP / "tests" / "upstream"


@pytest.fixture(scope="module")
def runner():
    spec = importlib.util.spec_from_file_location("upstream_main", TOP / "tools/upstream/main.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLE = {
    "fails": {"a::one": "it wants RocksDB"},
    "skips": {"a::two": "needs torch"},
    "either": {"a::late": "by the clock"},
}


def test_what_the_table_says_is_no_deviation(runner):
    for two, late in (("skipped", "failed"), ("passed", "passed")):
        outcomes = {"a::one": "failed", "a::two": two, "a::late": late, "a::three": "passed"}
        assert runner.deviations(outcomes, TABLE) == []


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"a::three": "failed"}, "fails, and the table does not say why: a::three"),
        ({"a::two": "failed"}, "fails, and the table does not say why: a::two"),
        ({"a::three": "skipped"}, "is skipped, and the table does not say why: a::three"),
        ({"a::one": "skipped"}, "is skipped, and the table does not say why: a::one"),
        ({"a::one": "passed"}, "passes; take it out of the table: a::one"),
        ({"a::late": "skipped"}, "is skipped, and the table does not say why: a::late"),
        ({"a::late": None}, "is in the table, and not there: a::late"),
        ({"a::one": None}, "is in the table, and not there: a::one"),
    ],
)
def test_every_other_end_is_one(runner, changed, text):
    outcomes = {"a::one": "failed", "a::two": "skipped", "a::late": "failed"} | changed
    outcomes = {test: outcome for test, outcome in outcomes.items() if outcome}
    assert runner.deviations(outcomes, TABLE) == [text]


def test_the_table_gives_a_reason_for_each_test(runner):
    table = tomllib.loads((SHIM / "expected.toml").read_text())
    assert set(table) == set(TABLE)
    for test, reason in [item for section in table.values() for item in section.items()]:
        assert test.startswith(runner.FOLDERS)
        assert len(reason) > 10


def test_only_the_tests_that_are_run_are_unpacked(runner, tmp_path):
    import tarfile

    source = tmp_path / "source"
    for name in ("tests/sdk/test_a.py", "tests/storage/test_b.py", "tests/api/test_c.py", "aim/sdk/run.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("")
    with tarfile.open(tmp_path / "aim.tar.gz", "w:gz") as tar:
        tar.add(source, f"aim-{runner.VERSION}")
    runner.unpack(tmp_path / "aim.tar.gz", tmp_path / "to")
    found = {str(path.relative_to(tmp_path / "to")) for path in (tmp_path / "to").rglob("*.py")}
    assert found == {"tests/sdk/test_a.py", "tests/storage/test_b.py"}


def test_a_run_of_tests_tells_how_each_has_ended(runner, tmp_path):
    folder = tmp_path / "tests" / "sdk"
    folder.mkdir(parents=True)
    (tmp_path / "tests" / "storage").mkdir()
    (folder / "test_mine.py").write_text("""\
import pytest
from aim.storage.rockscontainer import RocksContainer
from tests.base import TestBase

class TestMine(TestBase):
    def test_good(self):
        run = self.create_run(system_tracking_interval=None, capture_terminal_logs=False)
        run.track(1.0, name="loss")
        run.close()
        assert [m.run.hash for m in self.repo.query_metrics(self.isolated_query_patch("metric.last == 1"))] == [run.hash]

    def test_bad(self):
        RocksContainer("x")

    @pytest.mark.skip(reason="so")
    def test_left_out(self):
        pass
""")
    (folder / "test_broken.py").write_text("import aim.nothing")
    outcomes = runner.run(tmp_path, verbose=False)
    assert outcomes == {
        "tests/sdk/test_broken.py": "failed",
        "tests/sdk/test_mine.py::TestMine::test_good": "passed",
        "tests/sdk/test_mine.py::TestMine::test_bad": "failed",
        "tests/sdk/test_mine.py::TestMine::test_left_out": "skipped",
    }


def test_a_script_with_aims_imports_runs_on_runstone(tmp_path):
    script = """
import aim_names
aim_names.install()
import aim.sdk.run
from aim import Distribution, Image, Metric, Repo, Run, Text
from aim.sdk.objects.image import Image as Same
from aim.sdk.types import QueryReportMode
from aim.storage.context import Context
from aim.storage.object import CustomObject
import runstone
assert Image is Same is runstone.Image and Repo is runstone.Repo and issubclass(Run, runstone.Run)
assert aim.sdk.run.Run is Run
"""
    path = f"import sys; sys.path.insert(0, {str(SHIM)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", path + script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
