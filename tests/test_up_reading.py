"""GET changes nothing: no byte and no time stamp in the repository, whatever is asked; also not where it cannot."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Run, Text
from runstone_indexer.indexer import Indexer
from runstone_ui.endpoints import ENDPOINTS
from runstone_ui.parameters import parsed_query
from servers import served

EXAMPLES = {
    "q": ["", "run.hparams.lr > 0", "metric.name == 'loss'", "run.archived or True", "(", "run.nothing.x"],
    "by": ["run.hparams.lr", "("],
    "kind": ["runs", "metric", "images", "texts", "nonsense"],
    "format": ["csv", "json", "parquet"],
    "column": ["run.hparams.lr", "1/0"],
    "name": ["file.txt", "nothing"],
    "after": ["-1", "-10", "5"],
    "x": ["step", "time", "metric:loss", "nonsense"],
    "smooth": ["0.9"],
    "log": ["", "nothing", "../../format.json"],
    "order_by": ["run.hparams.lr"],
}


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reading")
    (folder / "file.txt").write_text("an artifact")
    with Run(repo=folder / "repo", **QUIET) as run:
        run["hparams"] = {"lr": 0.1}
        for step in range(5):
            run.track(step / 10, name="loss", step=step)
        run.track(Text("x" * 40_000), name="texts")
        run.log_artifact(folder / "file.txt", block=True)
        run.add_note("a note")
    return folder / "repo", run.hash


def tree(folder):
    """Everything that can be known of a folder, but for when it was read."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in [".", *folders, *files]:
            path = os.path.join(place, name)
            status = os.lstat(path)
            data = b"" if os.path.isdir(path) else open_bytes(path)
            kept = (
                status.st_mode,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_nlink,
            )
            found[os.path.relpath(path, folder)] = (kept, hashlib.sha256(data).hexdigest())
    return found


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def addresses(run, blobs):
    """Every GET of the table, with some of each of its parameters."""
    places = {"hash": [run, "nothing"], "digest": [*blobs, "0" * 64], "id": ["0" * 12]}
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET" or endpoint.answer == "live":
            continue
        paths = [endpoint.path]
        for name in endpoint.places:
            paths = [path.replace(f"{{{name}}}", value) for path in paths for value in places[name]]
        required = {p.name: EXAMPLES[p.name][0] for p in endpoint.parameters if p.required}
        for path in paths:
            yield path, required
            for parameter in endpoint.parameters:
                for value in EXAMPLES.get(parameter.name, ["1", "-1"]):
                    yield path, {**required, parameter.name: value}


@pytest.mark.parametrize("kind", ["logs", "index"])
@pytest.mark.parametrize("read_only", [False, True])
def test_no_get_changes_anything(repo, kind, read_only):
    folder, run = repo
    if kind == "index":
        Indexer(folder).run_once()
    blobs = [path.name for path in (folder / ".runstone" / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) == 2
    before = tree(folder)
    statuses = {}
    with served(folder, read_only=read_only) as server:
        for path, parameters in addresses(run, blobs):
            reply = server.get(f"/api/{path}", params=parameters)
            statuses.setdefault(path, set()).add(reply.status_code)
            assert reply.status_code in (200, 400, 404), (path, parameters, reply.text)
        with server.http.stream("GET", "/api/live") as stream:
            assert "hello" in next(stream.iter_text())
        for path in ("/", "/runs", "/nothing"):
            server.get(path)
    assert tree(folder) == before
    well = {path for path, found in statuses.items() if 200 in found}
    assert len(well) >= len([endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]) - 1


def test_a_change_would_be_noticed(tmp_path):
    (tmp_path / "file").write_text("x")
    before = tree(tmp_path)
    os.utime(tmp_path / "file")
    assert tree(tmp_path) != before
    assert parsed_query(ENDPOINTS[0], b"") == {}
