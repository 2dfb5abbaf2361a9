"""The page: its files are served as they were when the server started, and nothing else is."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runstone_ui.pages import ROUTES
from servers import served

INDEX = """<!doctype html><base href="/__BASE__/"><meta name="csp-nonce" content="__NONCE__">
<script type="module" src="./assets/index-abc.js"></script><div id="root"></div>"""
SCRIPT = b"console.log('here')"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(INDEX)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / ".secret").write_text("hidden")
    (folder / "odd name.js").write_text("odd")
    (folder / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-abc.js.br").write_bytes(b"brotli")
    (folder / "assets" / "index-abc.js.gz").write_bytes(b"gzip")
    (folder / "assets" / "style-abc.css").write_text("body {}")
    (folder / "figure.html").write_text(
        '<script defer nonce="__NONCE__" src="./assets/figure-a_B-1.js"></script>'
    )
    (folder / "assets" / "figure-a_B-1.js").write_text("draw()")
    (folder / "assets" / "streamWorker-a_B-1.js").write_text("listen()")
    (folder / "assets" / "figure-a_B-1.css").write_text("body {}")
    (folder / "assets" / "lone.gz").write_bytes(b"an archive")
    (folder / "linked").symlink_to(folder.parent)
    return folder


@pytest.fixture(scope="module", params=["", "/lab/runs"])
def server(request, page, tmp_path_factory):
    with served(tmp_path_factory.mktemp("repo"), page=str(page), base_path=request.param) as found:
        yield found


@pytest.fixture(scope="module")
def unbuilt(tmp_path_factory):
    with served(tmp_path_factory.mktemp("repo"), page="/nonexistent") as found:
        yield found


@pytest.mark.parametrize("path", [*ROUTES, "/run/abc", "/run/" + "a" * 128])
def test_every_route_of_the_page_is_its_document(server, path):
    reply = server.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert f'<base href="{server.settings.base_path}/">' in reply.text


def test_the_policy_names_the_nonce_that_the_document_has_and_each_has_its_own(server):
    found = set()
    for _ in range(3):
        reply = server.get("/")
        nonce = re.search(r'csp-nonce" content="([A-Za-z0-9_-]{24})"', reply.text)[1]
        policy = reply.headers["content-security-policy"]
        assert f"style-src 'self' 'nonce-{nonce}';" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "base-uri 'self'" in policy
        found.add(nonce)
    assert len(found) == 3


def test_files_have_their_type_and_assets_never_change(server):
    script = server.get("/assets/index-abc.js", headers={"accept-encoding": "identity"})
    assert (script.content, script.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    assert "immutable" in script.headers["cache-control"]
    icon = server.get("/icon.svg")
    assert (icon.headers["content-type"], icon.headers["cache-control"]) == ("image/svg+xml", "no-cache")
    assert icon.headers["content-security-policy"].startswith("default-src 'none'")
    assert server.get("/assets/style-abc.css").headers["content-type"] == "text/css; charset=utf-8"


def test_the_frame_of_a_figure_runs_its_script_and_reaches_nothing(server):
    frame = server.get("/figure.html")
    assert frame.headers["content-type"] == "text/html; charset=utf-8"
    nonce = re.fullmatch(
        r'<script defer nonce="([A-Za-z0-9_-]{24})" src="./assets/figure-a_B-1.js"></script>', frame.text
    )[1]
    assert nonce not in server.get("/figure.html").text
    assert frame.headers["content-security-policy"] == (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
    )
    assert frame.headers["cache-control"] == "no-cache"
    assert frame.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-src 'self';" in server.get("/figures").headers["content-security-policy"]
    script = server.get("/assets/figure-a_B-1.js")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert (script.headers["x-frame-options"], script.text) == ("DENY", "draw()")


def test_the_worker_that_has_the_stream_asks_this_server_and_does_nothing_else(server):
    policy = server.get("/assets/streamWorker-a_B-1.js").headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


FRAME = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}


@pytest.mark.parametrize("headers", [FRAME, {**FRAME, "origin": "null"}, {"origin": "null"}])
def test_only_the_script_of_figures_is_given_to_a_frame_that_has_no_origin(server, headers):
    for method in ("GET", "HEAD"):
        reply = server.http.request(method, "/assets/figure-a_B-1.js", headers=headers)
        assert reply.status_code == 200
        assert not {name for name in reply.headers if name.startswith("access-control")}
    assert server.http.post("/assets/figure-a_B-1.js", json={}, headers=headers).status_code == 403
    others = [
        "/",
        "/figure.html",
        "/assets/index-abc.js",
        "/assets/figure-a_B-1.css",
        "/assets/figure-other.js",
    ]
    for path in [*others, "/assets/figure-a_B-1.js/x", "/api/project"]:
        assert server.get(path, headers=headers).status_code == 403, path


@pytest.mark.parametrize(
    "headers",
    [
        {**FRAME, "origin": "http://evil.example"},
        {**FRAME, "sec-fetch-dest": "document"},
        {**FRAME, "sec-fetch-dest": "iframe"},
        {**FRAME, "sec-fetch-site": "cross-site, same-origin"},
        {"origin": ""},
        {"origin": "null, null"},
    ],
)
def test_the_script_of_figures_is_given_to_no_other_site(server, headers):
    assert server.get("/assets/figure-a_B-1.js", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("br, gzip", b"br"),
        ("gzip", b"gzip"),
        ("br;q=0, gzip;q=0.5", b"gzip"),
        ("identity", None),
        ("", None),
        ("zstd", None),
    ],
)
def test_what_is_packed_already_is_sent_so_to_who_takes_it(server, accepted, coding):
    path = f"{server.settings.base_path}/assets/index-abc.js"
    head, _, body = server.asked(path, f"Accept-Encoding: {accepted}").partition(b"\r\n\r\n")
    named = re.search(rb"content-encoding: (\w+)", head)
    assert (None if named is None else named[1]) == coding
    assert body == {b"br": b"brotli", b"gzip": b"gzip", None: SCRIPT}[coding]
    assert b"vary: accept-encoding" in head


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/.secret",
        "/odd name.js",
        "/assets",
        "/assets/",
        "/assets/index-abc.js.br",
        "/linked",
        "/linked/repo0",
        "/run/",
        "/run/a/b",
        "/run/a.b",
        "/run/" + "a" * 129,
        "/runs/",
        "/nothing",
        "/assets/../index.html",
        "//",
    ],
)
def test_anything_else_is_not_there(server, path):
    reply = server.asked(server.settings.base_path + path.replace(" ", "%20"))
    assert reply.split(b" ", 2)[1] in (b"404", b"421")


def test_a_file_that_comes_later_is_not_served_and_one_that_goes_still_is(page, tmp_path):
    with served(tmp_path, page=str(page)) as server:
        (page / "assets" / "later.js").write_text("later")
        assert server.get("/assets/later.js").status_code == 404
        assert server.get("/assets/lone.gz").content == b"an archive"
        (page / "assets" / "later.js").unlink()


def test_a_source_tree_without_the_page_says_how_to_get_it(unbuilt):
    reply = unbuilt.get("/run/abc")
    assert reply.status_code == 200
    assert "make page" in reply.text
    assert "<script" not in reply.text
    assert "base-uri 'none'" in reply.headers["content-security-policy"]
    links = re.findall(r'href="([^"]+)"', reply.text)
    assert [unbuilt.get(link).status_code for link in links] == [200] * 2


def test_nothing_is_posted_to_the_page(server):
    assert server.post("/", {}).status_code == 405
    assert server.http.head("/").status_code == 200
