"""Attacks on a server, as they became known in products of this kind, each with what has to come of it: nothing.

A check is given the case: a repository with a run, a server of it, and canaries around it (test_up_cves.py).
"""

import ast
import itertools
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
import starlette

sys.path.insert(0, str(Path(__file__).parent))

import runstone_ui
from processes import QUIET
from runstone import Repo, Run
from runstone_query.reply import error_from
from runstone_ui.endpoints import ENDPOINTS
from runstone_ui.refusals import KINDS
from runstone_writer.errors import RunstoneError
from servers import JSON, served, status_of
from test_up_source import found_in, modules

CANARY = b"canary-77c1"
TOKEN = "correct-horse-battery-staple"
SCRIPT = "<script>alert('xss-41')</script>"


# -- queries ---------------------------------------------------------------------------------------------


EVALUATED = (("runs", "q"), ("check", "q"), ("groups", "by"), ("runs", "column"), ("runs", "order_by"))


def refused(*expressions):
    """What has led out of a sandbox is refused wherever an expression may stand, and nothing has happened."""

    def test(case):
        for expression, (path, name) in itertools.product(expressions, EVALUATED):
            reply = case.get(f"/api/{path}", params={name: expression})
            assert reply.status_code == 400, (path, expression)
            assert reply.json()["error"] in ("QueryError", "UsageError"), expression
        assert case.is_untouched

    return test


def harmless(*expressions):
    """What elsewhere led to live objects is a parameter that no run has: true of nothing, and no value."""

    def test(case):
        for expression, (path, name) in itertools.product(expressions, EVALUATED):
            reply = case.get(f"/api/{path}", params={name: expression})
            assert reply.status_code in (200, 400), (path, expression)
            found = reply.json()
            if reply.status_code == 200 and name == "q" and path == "runs":
                assert found["total"] == 0, expression
            if reply.status_code == 200 and name == "column":
                assert found["columns"] == [[None]], expression
            if reply.status_code == 200 and name == "by":
                assert [group["value"] for group in found["groups"]] == [None], expression
        assert not Path("/tmp/runstone-cve-canary").exists()
        assert case.is_untouched

    return test


FRAMES = "[g.gi_frame.f_back.f_globals for g in [(y for y in [1])]]"
FORMATS = ("'{0.__class__}'.format(run)", "'{a.__class__}'.format_map({'a': run})", "str.format('{}', run)")
FORMATTER = ("string.Formatter().format('{0.__class__}', run)", "run.name.format(run)")


def restricted_python_is_new_enough(case):
    assert int(version("RestrictedPython").split(".")[0]) >= 9
    refused("sorted.__self__", "(lambda _getattr_, /: 1)(2)", "(x for x in run).ag_frame")(case)


# -- names and files -------------------------------------------------------------------------------------

WAYS = (
    "../canary",
    "..%2fcanary",
    "%2e%2e/canary",
    "%2e%2e%2f%2e%2e%2fcanary",
    "%252e%252e%252fcanary",
    "..\\canary",
    "..%5ccanary",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "file:%2f%2f%2fetc%2fpasswd",
    "\\\\host\\share",
    "canary%00",
    "x#/../../canary",
    "....//canary",
    "C:/canary",
    "//etc/passwd",
    "~/canary",
    "a/../../../canary",
)


def no_way_out(*paths):
    def test(case):
        for path in paths:
            for way in WAYS:
                reply = case.asked(path.format(run=case.run, way=way))
                assert status_of(reply) in (400, 404, 421), (path, way)
                assert CANARY not in reply
                assert b"root:" not in reply

    return test


STATIC = no_way_out("/{way}", "/assets/{way}", "/static/{way}", "/run/{way}", "/api/{way}")
ARTIFACTS = no_way_out(
    "/api/runs/{run}/artifact?name={way}", "/api/runs/{way}/artifact?name=x", "/api/blobs/{way}"
)


def an_edit_takes_hashes_alone(case):
    for name in (
        "../../canary",
        "../canary",
        str(case.folder / "canary"),
        "*",
        "?" * 24,
        "[a-f]*",
        "a/b",
        ".",
    ):
        for change in ({"deleted": True}, {"deleted": False}, {"set": {"name": "x"}}):
            assert case.post("/api/edit", {"runs": [name], **change}).status_code == 400
            assert case.post("/api/edit", {"runs": [case.run, name], **change}).status_code == 400
    assert case.is_untouched


def globs_are_literals(case):
    an_edit_takes_hashes_alone(case)
    for name in ("*", "page.*", "?age.html", "[p]age.html"):
        assert case.get(f"/api/runs/{case.run}/artifact", params={"name": name}).status_code == 404
    assert case.get(f"/api/runs/{case.run}/artifact", params={"name": "page.html"}).status_code == 200


def nothing_is_copied_or_received(case):
    """There is no route that takes a file, an archive or a place to put one."""
    changes = {endpoint.path for endpoint in ENDPOINTS if endpoint.method != "GET"}
    assert changes == {"edit", "runs/{hash}/notes", "runs/{hash}/notes/{id}", "views", "views/{id}"}
    for path in (
        "backup",
        "copy",
        "move",
        "upload",
        "runs/upload",
        "import",
        "reports",
        f"runs/{case.run}/backup",
    ):
        assert case.post(f"/api/{path}", {"path": "/tmp/x"}).status_code in (404, 405), path


def a_path_in_json_is_no_path(case):
    nothing_is_copied_or_received(case)
    secret = str(case.folder / "canary")
    for body in (
        {"path": secret},
        {"runs": [case.run], "path": secret},
        {"runs": [{"path": secret}]},
        {"name": {"path": secret}, "address": "/"},
    ):
        for path in ("/api/edit", "/api/views"):
            reply = case.post(path, body)
            assert reply.status_code == 400
            assert CANARY not in reply.content
    assert case.get(f"/api/runs/{case.run}/artifact", params={"name": "outside"}).status_code == 404


def every_field_that_names_something_is_known(case):
    """Who adds a parameter that could be a path has to come by here: these are all that name a thing."""
    texts = {p.name for endpoint in ENDPOINTS for p in endpoint.parameters if p.schema["type"] == "string"}
    names = {"name", "log"}
    assert texts - names == {"q", "kind", "order_by", "column", "by", "format", "x", "attribute"}
    no_way_out("/api/runs/{run}/events?log={way}")(case)
    ARTIFACTS(case)


def no_archive_is_opened(case):
    nothing_is_copied_or_received(case)
    for module in modules():
        assert not {"tarfile", "zipfile", "extractall", "extract", "unpack_archive"} & set(
            found_in(module.read_text())
        )


def nothing_is_unpickled(case):
    for module in modules():
        found = set(found_in(module.read_text()))
        assert not {"pickle", "yaml", "marshal", "allow_pickle=True"} & found
    case.get("/api/project")


def downloads_are_named_by_us(case):
    name = 'x"; filename="../../.bashrc\r\nX-Evil: 1'
    digest = Repo(case.folder / "repo").get_run(case.run).artifacts["page.html"].sha256
    with Run(case.run, repo=case.folder / "repo", **QUIET) as run:
        run._log.append("artifact", name=name, path="x", blob=digest, size=len(SCRIPT))
    reply = case.get(f"/api/runs/{case.run}/artifact", params={"name": name})
    assert reply.headers["content-disposition"] == 'attachment; filename="bashrc-X-Evil-1"'
    assert "x-evil" not in reply.headers


# -- other sites -----------------------------------------------------------------------------------------


def other_sites_change_nothing(case):
    for origin in (
        "https://evil.example",
        "null",
        f"http://localhost:{case.server.settings.port + 1}",
        "http://127.0.0.1",
    ):
        for kind in (
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ):
            reply = case.server.http.post(
                "/api/edit",
                content=orjson.dumps({"runs": [case.run], "deleted": True}),
                headers={"origin": origin, "content-type": kind},
            )
            assert reply.status_code == 403
            assert not {name for name in reply.headers if name.startswith("access-control")}
        for method in ("OPTIONS", "PUT", "DELETE", "PATCH"):
            reply = case.asked(
                "/api/edit", f"Origin: {origin}", "Access-Control-Request-Method: POST", method=method
            )
            assert status_of(reply) in (403, 405)
            assert b"access-control" not in reply.lower()
    assert case.is_untouched


def a_name_that_was_rebound_is_refused(case):
    port = case.server.settings.port
    hosts = (
        "evil.example",
        f"evil.example:{port}",
        f"127.0.0.1.nip.io:{port}",
        f"localhost.evil.example:{port}",
    )
    for path in (
        "/",
        "/assets/x.js",
        "/api/project",
        f"/api/runs/{case.run}",
        "/api/live",
        "/api/blobs/" + "0" * 64,
    ):
        for host in hosts:
            assert status_of(case.asked(path, host=host)) == 421
        assert status_of(case.asked(path, "Host: evil.example")) in (400, 421)
        assert status_of(case.asked(path, host="")) in (400, 421)
        assert status_of(case.asked(f"http://evil.example{path}")) in (400, 421)


def nothing_executes(case):
    other_sites_change_nothing(case)
    for path in (
        "exec",
        "run",
        "assistant",
        "shell",
        "ajax-api",
        "eval",
        "command",
        "rpc",
        "graphql",
        "terminal",
    ):
        assert case.post(f"/api/{path}", {}).status_code in (404, 405)


def what_a_user_wrote_is_data(case):
    """Names, parameters and texts come as JSON that no browser takes for anything else."""
    for path in (
        "/api/runs",
        f"/api/runs/{case.run}",
        "/api/names",
        "/api/media?kind=texts",
        f"/api/runs/{case.run}/events",
    ):
        reply = case.get(path)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    web = Path(runstone_ui.__file__).parent.parent / "web" / "src"
    for source in web.rglob("*.ts*"):
        for way in (
            "dangerouslySetInnerHTML",
            ".innerHTML",
            ".outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ):
            assert way not in source.read_text(), source


def a_file_is_never_shown_as_a_document(case):
    digest = Repo(case.folder / "repo").get_run(case.run).artifacts["page.html"].sha256
    for path in (f"/api/blobs/{digest}", f"/api/runs/{case.run}/artifact?name=page.html"):
        reply = case.get(path)
        assert reply.content == SCRIPT.encode()
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"].startswith("attachment")
        assert reply.headers["content-security-policy"].startswith("sandbox;")
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"


def the_page_runs_nothing_but_its_files(case):
    what_a_user_wrote_is_data(case)
    policy = dict(
        part.strip().split(" ", 1) for part in case.get("/").headers["content-security-policy"].split(";")
    )
    assert (
        policy["script-src"]
        == policy["connect-src"]
        == policy["worker-src"]
        == policy["default-src"]
        == "'self'"
    )
    assert "unsafe" not in str(policy)
    assert policy["object-src"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"


def nothing_is_reflected(case):
    marks = {
        "Content-Type": SCRIPT,
        "X-Forwarded-Host": SCRIPT,
        "User-Agent": SCRIPT,
        "Accept": SCRIPT,
        "Range": SCRIPT,
        "Cookie": SCRIPT,
    }
    headers = [f"{name}: {value}" for name, value in marks.items()]
    for path in (
        "/",
        "/api/project",
        "/api/nothing",
        f"/{quote(SCRIPT)}",
        f"/api/runs/{quote(SCRIPT)}",
        f"/api/project?{quote(SCRIPT)}=1",
    ):
        for method in ("GET", "POST"):
            reply = case.asked(path, *headers, method=method)
            assert b"xss-41" not in reply
    reply = case.get("/api/check", params={"q": SCRIPT})
    assert (reply.status_code, reply.headers["content-type"]) == (400, "application/json")


def no_redirect_leads_elsewhere(case):
    for path in (
        "//evil.example",
        "//evil.example/%2f..",
        "/\\evil.example",
        "/%5cevil.example",
        "/?token=x&next=//evil.example",
        "/login?next=//evil.example",
        "/?next=https://evil.example",
        "/?token=//evil.example",
        "/lab?url=//evil.example",
        "/api/",
        "/api",
        "/runs/",
        "/?url=evil.example&token=",
    ):
        reply = case.asked(path)
        locations = [
            line
            for line in reply.split(b"\r\n\r\n")[0].split(b"\r\n")
            if line.lower().startswith(b"location")
        ]
        assert locations in ([], [b"location: /"]), path


def no_parameter_of_debugging(case):
    for name in ("_trace", "debug", "_debug", "trace", "profile", "callback", "jsonp", "_method", "format"):
        reply = case.get("/api/runs", params={name: SCRIPT})
        assert reply.status_code == 400
        assert "xss-41" not in reply.text


# -- addresses, headers, bodies --------------------------------------------------------------------------


def nothing_is_fetched(case):
    """An address in a log leads the server nowhere: nobody connects to where it points."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/x"
        with Run(case.run, repo=case.folder / "repo", **QUIET) as run:
            run["hparams", "remote"] = address
            run._log.append("artifact", name="remote", path="x", uri=address, size=1, sha256="0" * 64)
        for path in (
            f"runs/{case.run}/artifact?name=remote",
            f"runs/{case.run}",
            "runs",
            f"check?q={quote(address)}",
        ):
            case.get(f"/api/{path}")
        case.post("/api/views", {"name": "x", "address": address})
        with pytest.raises(BlockingIOError):
            trap.accept()
    for module in modules():
        assert not {"urllib.request", "http.client", "requests", "httpx", "boto3"} & set(
            found_in(module.read_text())
        )


def there_are_only_the_names_of_the_table(case):
    for name in (
        "run_hashes",
        "__class__",
        "delete_run",
        "ANSWERS",
        "warm",
        "os.system",
        "runs.__init__",
        "get_run",
    ):
        for method in ("GET", "POST"):
            assert status_of(case.asked(f"/api/{name}", method=method)) in (400, 404, 405), name


def answers_come_in_pages(case):
    for path in (
        "runs?limit=1000000",
        "curves?limit=1000000",
        "curves?points=1000000",
        "media?kind=texts&limit=1000000",
        "media?kind=texts&density=1000000",
    ):
        assert case.get(f"/api/{path}").status_code == 400
    assert case.get("/api/runs?" + "column=run.name&" * 101).status_code == 400
    assert case.post("/api/edit", {"runs": ["a"] * 1001, "deleted": True}).status_code == 400


def a_body_has_a_limit(case):
    for length in ((1 << 20) + 1, 1 << 30, 1 << 50):
        reply = case.asked(
            "/api/edit", "Content-Type: application/json", f"Content-Length: {length}", method="POST"
        )
        assert status_of(reply) == 413


def bodies_are_json_as_it_stands(case):
    """No form is parsed, nothing is unpacked."""
    bodies = {
        "multipart/form-data; boundary=" + "x" * 1000: b"--" + b"x" * 1000 + b"\r\n" * 1000,
        "application/x-www-form-urlencoded": b"a=1&" * 10_000,
        "application/zip": b"PK\x03\x04",
    }
    for kind, data in bodies.items():
        assert (
            case.server.http.post("/api/edit", content=data, headers={"content-type": kind}).status_code
            == 400
        )
    packed = {**JSON, "content-encoding": "gzip"}
    assert (
        case.server.http.post("/api/edit", content=b"\x1f\x8b\x08" + bytes(100), headers=packed).status_code
        == 400
    )


def a_range_of_many_is_one_reply(case):
    digest = Repo(case.folder / "repo").get_run(case.run).artifacts["page.html"].sha256
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(5000))
    assert case.get(f"/api/blobs/{digest}", headers={"range": ranges}).content == SCRIPT.encode()


def a_host_decides_nothing_but_whether_to_answer(case):
    assert tuple(map(int, starlette.__version__.split(".")[:3])) >= (1, 0, 1)
    for host in (
        f"127.0.0.1:{case.server.settings.port}/api/edit?",
        "x/../../api/edit",
        "127.0.0.1/api/openapi.json#",
    ):
        assert status_of(case.asked("/nothing", host=host)) in (400, 421)
    for path in Path(runstone_ui.__file__).parent.rglob("*.py"):
        names = [
            n
            for n in ast.walk(ast.parse(path.read_text()))
            if isinstance(n, ast.Attribute) and n.attr in ("url", "base_url", "url_for")
        ]
        assert not names, path


def tokens_are_in_no_log(case, tmp_path, caplog, monkeypatch):
    with served(tmp_path, token=TOKEN) as server:
        for path in (
            f"/?token={TOKEN}",
            f"/api/project?token={TOKEN}",
            f"/api/{TOKEN}",
            f"/?token={TOKEN}%00",
            f"/run/x?token={TOKEN}",
        ):
            server.asked(path)
            server.asked(path, f"Authorization: Bearer {TOKEN}", f"Cookie: x={TOKEN}")
        monkeypatch.setattr("runstone_ui.project.encodable", lambda text: 1 / 0)
        for _ in range(20):
            reply = server.asked("/api/project", f"Authorization: Bearer {TOKEN}")
            assert status_of(reply) == 500
            assert TOKEN.encode() not in reply
    assert caplog.text.count("ZeroDivisionError") >= 20
    assert TOKEN not in caplog.text


def errors_are_named_from_a_table(case):
    replies = [
        case.get(path) for path in ("/api/nothing", "/api/runs?q=(", "/api/runs?limit=x", "/api/runs/nothing")
    ]
    assert all(reply.json()["error"] in KINDS for reply in replies)
    for name in ("os.system", "SystemExit", "builtins.exec", "Refused", "__class__"):
        found = error_from({"error": name, "message": "x", "hint": "", "where": ""})
        assert type(found) is RunstoneError
