"""Changes over the API: events in the logs of runs, as those by Run's properties are."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, files_up_to, without_write_permission
from runstone import Repo, Run
from runstone_writer.layout import open_repo
from servers import served


@pytest.fixture
def runs(tmp_path):
    made = []
    for number in range(3):
        with Run(repo=tmp_path, experiment="digits", **QUIET) as run:
            run.name = f"run {number}"
            run.track(1.0, name="loss")
        made.append(run.hash)
    return made


@pytest.fixture
def server(tmp_path, runs):
    with served(tmp_path) as found:
        yield found


def edited(server, **asked):
    reply = server.post("/api/edit", asked)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_properties_and_tags_of_several_runs_are_changed(server, runs, tmp_path):
    change = {"name": "näme", "description": "a\nb", "experiment": "other", "archived": True}
    found = edited(server, runs=runs[:2], set=change, add_tags=["x", "y", "x"])
    assert found == {"done": runs[:2], "failed": {}}
    for run in map(Repo(tmp_path).get_run, runs[:2]):
        assert (run.name, run.description, run.experiment, run.archived) == ("näme", "a\nb", "other", True)
        assert run.tags == ["x", "y"]
    untouched = Repo(tmp_path).get_run(runs[2])
    assert (untouched.name, untouched.tags) == ("run 2", [])
    edited(server, runs=runs[:1], set={"description": None, "archived": False}, remove_tags=["x", "z"])
    run = Repo(tmp_path).get_run(runs[0])
    assert (run.description, run.archived, run.tags, run.name) == (None, False, ["y"], "näme")


def test_what_one_edit_changes_in_a_run_is_one_log(server, runs, tmp_path):
    folder = open_repo(tmp_path).run_folder(runs[0])
    before = set(os.listdir(folder))
    edited(server, runs=runs[:1], set={"name": "a", "archived": True}, add_tags=["x"])
    (log,) = set(os.listdir(folder)) - before
    lines = Path(folder, log).read_text().splitlines()
    assert '"kind":"edit"' in lines[0]
    assert len(lines) == 5
    edited(server, runs=runs[:1], add_tags=["x"], remove_tags=["not there"])
    assert set(os.listdir(folder)) - before == {log}


def test_a_run_is_deleted_and_brought_back(server, runs, tmp_path):
    edited(server, runs=runs, deleted=True)
    assert Repo(tmp_path).list_all_runs() == []
    found = edited(server, runs=runs, add_tags=["x"])
    assert found["done"] == []
    assert set(found["failed"].values()) == {"there is no such run"}
    told = server.get(f"/api/runs/{runs[0]}")
    assert (told.status_code, told.json()["error"]) == (404, "DeletedRunError")
    assert server.get("/api/runs/nothing").json()["error"] == "MissingRunError"
    edited(server, runs=runs[:1], deleted=False, add_tags=["back"])
    assert server.get(f"/api/runs/{runs[0]}").status_code == 200
    assert Repo(tmp_path).list_all_runs() == runs[:1]
    assert Repo(tmp_path).get_run(runs[0]).tags == ["back"]


def test_what_cannot_be_changed_does_not_keep_the_rest_from_it(server, runs, tmp_path):
    found = edited(server, runs=["nothing", runs[0], "x" * 128], set={"name": "new"})
    assert found["done"] == [runs[0]]
    assert found["failed"] == {"nothing": "there is no such run", "x" * 128: "there is no such run"}
    assert edited(server, runs=["nothing"], deleted=False)["done"] == []
    assert not os.path.exists(open_repo(tmp_path).run_folder("nothing"))


def test_notes_are_added_changed_and_taken_away(server, runs, tmp_path):
    def notes():
        return [(note.id, note.text) for note in Repo(tmp_path).get_run(runs[0]).notes]

    first = server.post(f"/api/runs/{runs[0]}/notes", {"text": "one"}).json()["id"]
    second = server.post(f"/api/runs/{runs[0]}/notes", {"text": "two"}).json()["id"]
    assert notes() == [(first, "one"), (second, "two")]
    assert server.post(f"/api/runs/{runs[0]}/notes/{first}", {"text": "uno"}).json() == {"id": first}
    assert server.post(f"/api/runs/{runs[0]}/notes/{second}", {"text": None}).status_code == 200
    assert notes() == [(first, "uno")]
    for path, status in (
        (f"/api/runs/{runs[0]}/notes/{second}", 404),
        (f"/api/runs/{runs[0]}/notes/000000000000", 404),
        (f"/api/runs/{runs[0]}/notes/nonsense", 404),
        ("/api/runs/nothing/notes", 404),
        ("/api/runs/nothing/notes/000000000000", 404),
    ):
        assert server.post(path, {"text": "x"}).status_code == status, path
    assert server.post(f"/api/runs/{runs[0]}/notes", {"text": None}).status_code == 400
    assert server.post(f"/api/runs/{runs[0]}/notes", {}).status_code == 400


def test_views_are_saved_changed_and_taken_away(server):
    assert server.get("/api/views").json() == {"views": []}
    view = server.post("/api/views", {"name": "Best", "address": "/runs?q=run.best"}).json()["id"]
    (shown,) = server.get("/api/views").json()["views"]
    assert shown.pop("time") > 1.7e9
    assert shown == {"id": view, "name": "Best", "address": "/runs?q=run.best"}
    assert server.post(f"/api/views/{view}", {"name": "Better"}).json() == {"id": view}
    assert server.post(f"/api/views/{view}", {"address": "/metrics"}).status_code == 200
    (shown,) = server.get("/api/views").json()["views"]
    assert (shown["name"], shown["address"]) == ("Better", "/metrics")
    assert server.post(f"/api/views/{view}", {}).status_code == 400
    assert server.post(f"/api/views/{view}", {"deleted": True}).status_code == 200
    assert server.get("/api/views").json() == {"views": []}
    assert server.post(f"/api/views/{view}", {"name": "Again"}).status_code == 404
    for address in (
        "//evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "",
        "/a\nb",
    ):
        assert server.post("/api/views", {"name": "x", "address": address}).status_code == 400


CHANGES = [
    ("/api/edit", {"runs": ["{run}"], "set": {"name": "x"}}),
    ("/api/edit", {"runs": ["{run}"], "deleted": True}),
    ("/api/runs/{run}/notes", {"text": "x"}),
    ("/api/runs/{run}/notes/000000000000", {"text": "x"}),
    ("/api/views", {"name": "x", "address": "/runs"}),
    ("/api/views/000000000000", {"name": "x"}),
]


@pytest.mark.parametrize(("path", "body"), CHANGES)
def test_a_read_only_server_changes_nothing(tmp_path, runs, path, body):
    before = sorted((tmp_path / ".runstone").rglob("*"))
    with served(tmp_path, read_only=True) as server:
        body = {name: [runs[0]] if name == "runs" else value for name, value in body.items()}
        reply = server.post(path.format(run=runs[0]), body)
        assert (reply.status_code, reply.json()["error"]) == (403, "ReadOnlyError")
        assert server.get("/api/project").json()["read_only"] is True
    assert sorted((tmp_path / ".runstone").rglob("*")) == before


def test_a_storage_that_refuses_a_change_is_told_without_paths(tmp_path, runs):
    with served(tmp_path) as server:
        with files_up_to(100):
            found = edited(server, runs=runs[:1], set={"name": "x" * 1000})
            view = server.post("/api/views", {"name": "x" * 200, "address": "/runs"})
        assert found["done"] == []
        assert "cannot write the change" in found["failed"][runs[0]]
        assert (view.status_code, view.json()["error"]) == (503, "StoreError")
        for text in (found["failed"][runs[0]], view.text):
            assert str(tmp_path) not in text
        assert edited(server, runs=runs[:1], set={"name": "now"})["done"] == runs[:1]


def test_a_repository_that_may_not_be_written_is_served_read_only(tmp_path, runs):
    script = """
import sys
from runstone.cli import main
from runstone_ui import serving
serving.Server.run = lambda server: print(server.application.settings.read_only)
main(["up", "--port", "0", "--repo", sys.argv[1]], standalone_mode=False)
"""
    done = without_write_permission(tmp_path / ".runstone", script)
    assert done.stdout.strip() == "True", done.stderr
