"""Opening a repository: where it is looked for, what is refused, and what may be done when it is read-only."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import without_write_permission
from runs import KINDS, files, make_run, names, six_runs
from runstone import FormatVersionError, MissingRepoError, ReadOnlyError, Repo, Run, StoreError
from runstone_writer.layout import Layout


@pytest.fixture(params=KINDS)
def kind(request):
    """What an answer comes from: the index, the logs alone, or the index for half of the runs."""
    return request.param


@pytest.fixture
def hashes(tmp_path, kind):
    """The hashes of six runs by name."""
    return six_runs(tmp_path, kind)


def test_a_path_is_the_folder_or_what_is_in_it(tmp_path, monkeypatch):
    Repo(tmp_path, init=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    for path in (tmp_path, str(tmp_path), tmp_path / ".runstone", f"~/{tmp_path.name}", ".", None):
        assert Repo(path).path == str(tmp_path)
    assert Repo(Layout(str(tmp_path / ".runstone"))).path == str(tmp_path)


def test_from_path_makes_a_repository_when_asked_to(tmp_path):
    with pytest.raises(MissingRepoError):
        Repo.from_path(tmp_path / "new")
    assert not Repo.exists(tmp_path / "new")
    assert Repo.from_path(tmp_path / "new", init=True).list_all_runs() == []
    assert Repo.exists(tmp_path / "new")
    make_run(tmp_path / "new", "a")
    assert names(Repo.from_path(str(tmp_path / "new"), init=True).iter_runs()) == "a"


def test_the_default_repository_is_the_nearest_one_upwards(tmp_path, monkeypatch):
    Repo(tmp_path, init=True)
    Repo(tmp_path / "a" / "b", init=True)
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    for folder, found in (("a/b/c/d", "a/b"), ("a/b", "a/b"), ("a", "."), (".", ".")):
        monkeypatch.chdir(tmp_path / folder)
        assert Repo.default_repo().path == str((tmp_path / found).resolve())


def test_without_a_default_repository_the_error_says_where_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingRepoError) as raised:
        Repo.default_repo()
    assert str(tmp_path) in str(raised.value)
    assert "runstone init" in raised.value.hint
    assert Repo.default_repo(init=True).path == str(tmp_path)


def test_a_missing_repository_is_told_with_place_and_remedy(tmp_path):
    with pytest.raises(MissingRepoError) as raised:
        Repo(tmp_path / "nowhere")
    assert isinstance(raised.value, OSError)
    assert raised.value.filename == str(tmp_path / "nowhere" / ".runstone")
    assert str(tmp_path / "nowhere") in str(raised.value)
    assert "runstone init" in raised.value.hint
    assert not (tmp_path / "nowhere").exists()


def test_a_newer_repository_is_refused_and_left_alone(tmp_path):
    Repo(tmp_path, init=True)
    version = tmp_path / ".runstone" / "format.json"
    version.write_text('{"format": 99}')
    before = files(tmp_path)
    for opening in (lambda: Repo(tmp_path), lambda: Repo(tmp_path, init=True), lambda: Run(repo=tmp_path)):
        with pytest.raises(FormatVersionError) as raised:
            opening()
        assert "99" in str(raised.value)
        assert raised.value.filename == str(version)
        assert "pip install --upgrade" in raised.value.hint
    assert files(tmp_path) == before


@pytest.mark.parametrize("content", ["", "garbage", "[]", '{"other": 1}'])
def test_a_damaged_format_file_is_told_with_its_remedy(tmp_path, content):
    Repo(tmp_path, init=True)
    (tmp_path / ".runstone" / "format.json").write_text(content)
    with pytest.raises(StoreError) as raised:
        Repo(tmp_path)
    assert str(tmp_path / ".runstone" / "format.json") in str(raised.value)
    assert '{"format":' in raised.value.hint


def test_rm_deletes_the_repository_and_nothing_else(tmp_path):
    make_run(tmp_path, "a")
    (tmp_path / "mine").write_text("kept")
    Repo.rm(tmp_path)
    assert os.listdir(tmp_path) == ["mine"]
    with pytest.raises(MissingRepoError):
        Repo.rm(tmp_path)


# -- read-only ------------------------------------------------------------------------------------------------


def test_a_repo_opened_read_only_answers_and_writes_nothing(tmp_path, hashes):
    before = files(tmp_path)
    repo = Repo(tmp_path, read_only=True)
    assert names(repo.query_runs("run.hparams.lr > 0.2")) == "fed"
    assert [run.status for run in repo.iter_runs()] == ["finished"] * 6
    assert len(repo.query_metrics()) == 12
    assert files(tmp_path) == before


def test_a_repo_opened_read_only_refuses_every_change(tmp_path, hashes):
    repo = Repo(tmp_path, read_only=True)
    before = files(tmp_path)
    run = repo.get_run(hashes["a"])
    for change in (
        lambda: repo.delete_run(hashes["a"]),
        lambda: repo.restore_run(hashes["a"]),
        lambda: setattr(run, "name", "x"),
        lambda: setattr(run, "archived", True),
        lambda: run.add_tag("x"),
    ):
        with pytest.raises(ReadOnlyError, match="read-only"):
            change()
    assert files(tmp_path) == before


READ_ONLY_MEDIUM = """
import sys
from runstone import Repo, StoreError
folder = sys.argv[1]
try:
    open(folder + "/probe", "w")
except PermissionError:
    print("nothing can be written")
repo = Repo(folder)
print("".join(run.name for run in repo.query_runs("run.hparams.lr > 0.2")))
print(*(run.status for run in repo.iter_runs()))
try:
    repo.get_run(repo.list_all_runs()[0]).name = "changed"
except StoreError as error:
    print(error.hint)
print(repo.get_run(repo.list_all_runs()[0]).name)
"""


def test_a_repository_on_a_read_only_medium_answers_and_says_why_it_cannot_be_changed(tmp_path, hashes):
    done = without_write_permission(tmp_path, READ_ONLY_MEDIUM)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "nothing can be written",
        "fed",
        " ".join(["finished"] * 6),
        "Nothing was changed. Look for a full disk or missing permissions.",
        "f",
    ]
