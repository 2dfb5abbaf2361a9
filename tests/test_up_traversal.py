"""No name that comes from outside leads out of the repository: a corpus of encodings, for every place that takes one."""

import http.client
import itertools
import random
import sys
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import DEADLINE_SECONDS, QUIET
from runstone import Run
from runstone_ui.endpoints import ENDPOINTS
from servers import served

CANARY = b"canary-2f9d1c"
PASSWORDS = b"root:"
DOTS = [
    "..",
    "%2e%2e",
    "%2e.",
    ".%2e",
    "%2E%2E",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%ef%bc%8e%ef%bc%8e",
    "..;",
    "....",
    "%u002e%u002e",
]
SEPARATORS = [
    "/",
    "%2f",
    "%2F",
    "%252f",
    "\\",
    "%5c",
    "%255c",
    "%c0%af",
    "%e2%88%95",
    "%ef%bc%8f",
    "//",
    "/./",
]
DEPTHS = [1, 2, 3, 8]
PREFIXES = [
    "",
    "/",
    "//",
    "\\\\",
    "%2f",
    "file:",
    "file://",
    "file:%2f%2f",
    "C:",
    "~",
    "~root",
    "a/",
    "%00",
    "./",
    "http://127.0.0.1/",
]
SUFFIXES = ["", "%00", "%00.png", "%23", ";.js", "%20", ".", "%0a", "%0d%0aX:%20y", "/", "%2f", ".json"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A repository with canaries around it, and in it where nobody should look."""
    folder = tmp_path_factory.mktemp("place")
    with Run(repo=folder / "repo", **QUIET) as run:
        run.track(1.0, name="loss")
    for spot in (
        folder,
        folder / "repo",
        folder / "repo" / ".runstone",
        folder / "repo" / ".runstone" / "logs",
    ):
        (spot / "canary").write_bytes(CANARY)
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("<!doctype html>")
    return folder, run.hash


@pytest.fixture(scope="module")
def server(place):
    with served(place[0] / "repo", page=str(place[0] / "page")) as found:
        yield found


@pytest.fixture
def connection(server):
    found = http.client.HTTPConnection("127.0.0.1", server.settings.port, timeout=DEADLINE_SECONDS)
    yield found
    found.close()


def corpus(folder):
    """Ways out of a folder, as they stand in an address."""
    ways = {
        (dots + separator) * depth + target
        for dots, separator, depth in itertools.product(DOTS, SEPARATORS, DEPTHS)
        for target in ("canary",)
    }
    absolute = str(folder / "canary")
    for prefix, suffix in itertools.product(PREFIXES, SUFFIXES):
        ways.add(f"{prefix}../canary{suffix}")
        ways.add(f"{prefix}{absolute}{suffix}")
        ways.add(f"{prefix}{quote(absolute, safe='')}{suffix}")
        ways.add(f"{prefix}etc/passwd{suffix}")
    return sorted(ways)


def places():
    """Every address with something in it that the client names, with `{}` for that."""
    known = {"hash": "abc", "digest": "0" * 64, "id": "0" * 12}
    for endpoint in ENDPOINTS:
        for name in endpoint.places:
            rest = {other: value for other, value in known.items() if other != name}
            yield endpoint.method, "/api/" + endpoint.path.format(**rest, **{name: "{}"})
    for path in ("/{}", "/assets/{}", "/run/{}", "/api/{}", "/api/../{}", "/runs/{}"):
        yield "GET", path


def test_the_corpus_is_large_enough(tmp_path):
    assert len(corpus(tmp_path)) >= 500
    assert len(list(places())) >= 14


@pytest.mark.parametrize(("method", "path"), list(places()))
def test_no_path_leads_out(connection, place, method, path):
    for way in corpus(place[0]):
        target = path.replace("{}", way)
        body = b"{}" if method == "POST" else None
        connection.request(method, target, body, {"content-type": "application/json"})
        reply = connection.getresponse()
        data = reply.read()
        assert reply.status in (400, 404, 405, 421), target
        assert CANARY not in data, target
        assert PASSWORDS not in data, target


@pytest.mark.parametrize("path", ["/api/runs/{run}/artifact?name={}", "/api/runs/{run}/events?log={}"])
def test_no_parameter_leads_out(connection, place, path):
    for way in corpus(place[0]):
        target = path.replace("{run}", place[1]).replace("{}", way.replace("#", "%23"))
        connection.request("GET", target)
        reply = connection.getresponse()
        data = reply.read()
        assert reply.status in (400, 404), target
        assert CANARY not in data, target
        assert PASSWORDS not in data, target


def test_no_run_of_an_edit_leads_out_and_nothing_is_changed(server, place):
    folder = place[0]
    before = sorted(folder.rglob("*"))
    names = [
        "../canary",
        "../../canary",
        "..",
        ".",
        "/etc/passwd",
        str(folder / "canary"),
        "a/b",
        "*",
        "canary\0",
        "-x",
        "",
    ]
    for name in names:
        for body in (
            {"runs": [name], "deleted": True},
            {"runs": [name], "deleted": False},
            {"runs": [name], "add_tags": ["x"]},
        ):
            assert server.post("/api/edit", body).status_code == 400
    for body in ({"runs": ["canary"], "deleted": False}, {"runs": ["canary"], "add_tags": ["x"]}):
        assert server.post("/api/edit", body).json()["done"] == []
    assert sorted(folder.rglob("*")) == before
    assert (folder / "canary").read_bytes() == CANARY


@pytest.mark.slow
def test_no_random_name_leads_out(connection, place):
    dice = random.Random(20261122)
    pieces = [*DOTS, *SEPARATORS, *PREFIXES, *SUFFIXES, "canary", place[1], "abc", "0" * 64]
    for _ in range(10_000):
        if dice.random() < 0.7:
            name = "".join(dice.choice(pieces) for _ in range(dice.randrange(1, 8)))
        else:
            name = quote_from_bytes(dice.randbytes(dice.randrange(1, 40)))
        _, path = dice.choice(GETS)
        connection.request("GET", path.replace("{}", name.replace(" ", "%20")))
        reply = connection.getresponse()
        data = reply.read()
        assert reply.status < 500, (path, name)
        assert CANARY not in data
        assert PASSWORDS not in data


GETS = [case for case in places() if case[0] == "GET"]


def test_what_is_checked_would_be_noticed(place, tmp_path):
    """The canaries can be read, and a server that gave one away would be seen to."""
    assert Path(place[0] / "canary").read_bytes() == CANARY
    assert PASSWORDS in Path("/etc/passwd").read_bytes()
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<!doctype html>")
    (tmp_path / "page" / "canary").write_bytes(CANARY)
    with served(tmp_path / "repo", page=str(tmp_path / "page")) as server:
        assert server.get("/canary").content == CANARY
