"""The gate: who may ask. Every route of the router is held to every combination of hostile headers."""

import asyncio
import itertools
import re
import sys
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runstone_ui.app import Application
from runstone_ui.endpoints import ENDPOINTS
from runstone_ui.gate import LARGEST_BODY, LONGEST_ADDRESS, Pass
from runstone_ui.pages import ROUTES
from runstone_ui.settings import Settings
from runstone_writer.errors import UsageError
from runstone_writer.layout import open_repo
from servers import JSON, served, status_of

PORT = 43800
HERE = f"127.0.0.1:{PORT}"
TOKEN = "correct-horse-battery-staple"
PAGE_CASES = [("GET", "/run/abc"), *(("GET", route) for route in ROUTES)]


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return open_repo(tmp_path_factory.mktemp("repo"), create=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served")) as found:
        yield found


def application(repo, **options):
    options.setdefault("page", "/nonexistent")
    return Application(Settings(repo, index=False, **options).checked())


def ask(app, cases):
    """Send (method, path, headers) to an application, without a network; yield the replies."""

    async def all_of_them():
        transport = httpx.ASGITransport(app=app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HERE}") as client:
            found = []
            for method, path, headers in cases:
                request = client.build_request(method, path, headers=headers)
                found.append(await client.send(request))
                client.cookies.clear()
            return found

    return asyncio.run(all_of_them())


def routes(app):
    """Every (method, path) that the router knows, with something in place of its placeholders."""
    places = {"hash": "abc", "digest": "0" * 64, "id": "0" * 12, "path:path": "assets/a.js"}
    found = []
    for route in app.router.routes:
        path = re.sub(r"\{([a-z:]+)\}", lambda m: places[m[1]], route.path)
        found += [(method, path) for method in sorted(route.methods)]
    return found


def starlette_of(application):
    return application.asgi._app


HOSTS = [
    "evil.example",
    f"evil.example:{PORT}",
    "127.0.0.1.nip.io",
    f"127.0.0.1.nip.io:{PORT}",
    f"localhost.evil.example:{PORT}",
    f"evil.localhost:{PORT}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1:",
    f"127.0.0.1.:{PORT}",
    f"localhost.:{PORT}",
    f"127.1:{PORT}",
    f"2130706433:{PORT}",
    f"0x7f.1:{PORT}",
    f"0.0.0.0:{PORT}",
    f"[::]:{PORT}",
    f"[::ffff:127.0.0.1]:{PORT}",
    f"evil@127.0.0.1:{PORT}",
    f"127.0.0.1:{PORT}@evil.example",
    f"127.0.0.1:{PORT}, evil.example",
    f"127.0.0.1:{PORT}/",
    f"127.0.0.1:{PORT}#",
    f" 127.0.0.1:{PORT}",
    f"http://127.0.0.1:{PORT}",
    "",
    " ",
    f"127.0.0.1:0{PORT}",
    f"localhost:{PORT}0",
]
ORIGINS = [
    "null",
    "http://evil.example",
    f"http://evil.example:{PORT}",
    "http://127.0.0.1",
    "http://127.0.0.1:3000",
    f"http://localhost:{PORT}",
    f"http://127.0.0.1:{PORT}.evil.example",
    f"http://127.0.0.1:{PORT}/",
    f"ftp://127.0.0.1:{PORT}",
    f"http://evil@127.0.0.1:{PORT}",
    f"//127.0.0.1:{PORT}",
    "file://",
    "chrome-extension://abc",
    "",
    f"http://127.0.0.1:0{PORT}",
    f"http://127.0.0.1:{PORT} http://evil.example",
]
SITES = ["cross-site", "same-site", "", "None", "same-origin, cross-site", "null"]


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_name_is_refused_on_every_route(repo, host):
    app = application(repo)
    cases = [(method, path, {"host": host}) for method, path in routes(starlette_of(app)) + PAGE_CASES]
    for case, reply in zip(cases, ask(app, cases), strict=True):
        assert reply.status_code == 421, case


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_is_refused_on_every_route(repo, origin):
    app = application(repo)
    cases = [(method, path, {"origin": origin}) for method, path in routes(starlette_of(app)) + PAGE_CASES]
    for case, reply in zip(cases, ask(app, cases), strict=True):
        assert reply.status_code == 403, case
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    ("site", "mode"), list(itertools.product(SITES, ["no-cors", "cors", "navigate", ""]))
)
def test_a_request_from_another_site_is_refused_on_every_route(repo, site, mode):
    app = application(repo)
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": "empty"}
    cases = [(method, path, headers) for method, path in routes(starlette_of(app)) + PAGE_CASES]
    for case, reply in zip(cases, ask(app, cases), strict=True):
        assert reply.status_code == 403, case


def test_a_link_from_elsewhere_leads_to_the_page_and_to_nothing_else(repo):
    app = application(repo)
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    pages = [("GET", path, link) for _, path in PAGE_CASES]
    assert {reply.status_code for reply in ask(app, pages)} == {200}
    others = [(method, path, link) for method, path in routes(starlette_of(app))]
    assert {reply.status_code for reply in ask(app, others)} == {403}
    for change in (
        {"sec-fetch-dest": "iframe"},
        {"sec-fetch-dest": "script"},
        {"sec-fetch-mode": "no-cors"},
        {"origin": "https://evil.example"},
        {"origin": f"http://{HERE}"},
    ):
        (reply,) = ask(app, [("GET", "/", link | change)])
        assert reply.status_code == 403, change
    (reply,) = ask(app, [("POST", "/", link)])
    assert reply.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": f"http://{HERE}"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}],
)
def test_the_page_itself_and_programs_may_ask(repo, headers):
    app = application(repo)
    cases = [
        ("GET", path, headers) for path in ("/", "/runs", "/api/project", "/api/openapi.json", "/api/views")
    ]
    assert {reply.status_code for reply in ask(app, cases)} == {200}


@pytest.mark.parametrize(
    "host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"]
)
def test_the_server_goes_by_the_names_of_the_loopback_interface(repo, host):
    (reply,) = ask(application(repo), [("GET", "/api/openapi.json", {"host": host})])
    assert reply.status_code == 200


def test_a_host_that_was_allowed_may_be_used_with_our_port_with_none_or_with_its_own(repo):
    app = application(repo, allowed_hosts=("Lab.example", "proxy.example:8443"))
    good = ["lab.example", f"lab.example:{PORT}", "proxy.example:8443"]
    bad = [
        "lab.example:8443",
        "proxy.example",
        "proxy.example:443",
        "xlab.example",
        "lab.example.evil.example",
        "b.example",
    ]
    replies = ask(app, [("GET", "/api/openapi.json", {"host": host}) for host in good + bad])
    assert [reply.status_code for reply in replies] == [200] * len(good) + [421] * len(bad)
    (reply,) = ask(app, [("GET", "/api/views", {"host": "lab.example", "origin": "https://lab.example"})])
    assert reply.status_code == 200


def test_a_request_with_two_hosts_or_none_is_refused(server):
    assert status_of(server.asked("/api/openapi.json")) == 200
    for reply in (
        server.asked("/api/openapi.json", f"Host: {server.host}"),
        server.asked("/api/openapi.json", "Host: evil.example"),
        server.asked("/api/openapi.json", host=""),
        server.raw(b"GET /api/openapi.json HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"),
        server.raw(b"GET /api/openapi.json HTTP/1.0\r\n\r\n"),
    ):
        assert status_of(reply) in (400, 421), reply


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/api/openapi.json",
        "//evil.example/api/openapi.json",
        "http://{host}/api/openapi.json",
        "*",
        "{host}",
    ],
)
def test_an_address_with_a_host_in_it_is_refused(server, target):
    assert status_of(server.asked(target.format(host=server.host))) in (400, 421)


def test_other_methods_than_get_head_and_post_are_refused_without_cors(server):
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "GETX"):
        reply = server.asked(
            "/api/edit", "Origin: http://" + server.host, "Access-Control-Request-Method: POST", method=method
        )
        assert status_of(reply) == 405, method
        assert b"access-control" not in reply.lower()


def test_a_path_says_which_methods_it_has(server):
    for method, path, methods in (
        ("GET", "/api/edit", "POST"),
        ("TRACE", "/api/edit", "POST"),
        ("POST", "/api/runs", "GET, HEAD"),
        ("PUT", "/api/views", "GET, HEAD, POST"),
        ("DELETE", "/api/views/" + "0" * 12, "POST"),
        ("POST", "/api/nothing", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ):
        reply = server.asked(path, "Content-Length: 2", method=method)
        assert status_of(reply) == 405, path
        assert f"\r\nallow: {methods}\r\n".lower().encode() in reply.lower(), path


def test_a_web_socket_is_no_way_around(server):
    upgrade = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
    )
    assert status_of(server.asked("/api/live", *upgrade, host="evil.example")) == 421
    assert status_of(server.asked("/api/openapi.json", *upgrade)) == 200


# -- the token -------------------------------------------------------------------------------------------


def test_with_a_token_everything_but_the_page_asks_for_it(repo):
    app = application(repo, token=TOKEN)
    cases = [(method, path, {}) for method, path in routes(starlette_of(app)) if path != "/assets/a.js"]
    for case, reply in zip(cases, ask(app, cases), strict=True):
        assert reply.status_code == 401, case
        assert reply.headers["www-authenticate"] == "Bearer"
    (page, missing) = ask(app, [("GET", "/", {}), ("GET", "/assets/a.js", {})])
    assert (page.status_code, missing.status_code) == (200, 401)


@pytest.mark.parametrize(
    "header",
    [
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        "Bearer ",
        "",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer{TOKEN}",
        "Bearer \xff",
    ],
)
def test_another_token_is_refused(repo, header):
    app = application(repo, token=TOKEN)
    bad = {"authorization": header.encode("latin-1")}
    good = {"authorization": f"bearer {TOKEN}"}
    replies = ask(app, [("GET", "/api/openapi.json", bad), ("GET", "/api/openapi.json", good)])
    assert [reply.status_code for reply in replies] == [401, 200]


def test_the_link_puts_the_token_into_a_cookie_and_out_of_the_address(repo):
    app = application(repo, token=TOKEN, base_path="/lab")
    (link, wrong, elsewhere) = ask(
        app,
        [
            ("GET", f"/lab/?token={TOKEN}", {}),
            ("GET", "/lab/?token=x", {}),
            ("GET", f"/lab/api/openapi.json?token={TOKEN}", {}),
        ],
    )
    assert (link.status_code, link.headers["location"], link.content) == (303, "/lab/", b"")
    assert (wrong.status_code, elsewhere.status_code) == (401, 401)
    assert "set-cookie" not in wrong.headers
    cookie, *attributes = link.headers["set-cookie"].split("; ")
    assert TOKEN not in cookie
    assert set(attributes) == {"Path=/lab/", "HttpOnly", "SameSite=Strict"}
    name, _, value = cookie.partition("=")
    cookies = [
        cookie,
        f"a={{bad; {cookie}; b",
        f"{name}={value[:-1]}",
        f"{name}=",
        f"x{cookie}",
        f"other={value}",
    ]
    replies = ask(app, [("GET", "/lab/api/openapi.json", {"cookie": text}) for text in cookies])
    assert [reply.status_code for reply in replies] == [200, 200, 401, 401, 401, 401]


def test_a_browser_that_is_refused_shows_what_to_do(repo):
    app = application(repo, token=TOKEN)
    html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path, status, said in (
        ("/?token=<b>wrong", 401, "printed last"),
        ("/nothing", 401, "Open the address"),
        ("/a%5cb", 404, "nothing at this path"),
    ):
        (page, program) = ask(app, [("GET", path, html), ("GET", path, {"accept": "application/json"})])
        assert (page.status_code, program.status_code) == (status, status)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert said in page.text
        assert "<b>" not in page.text
        assert program.json()["error"] in ("TokenError", "MissingError")


def test_the_cookie_is_only_for_https_where_there_is_https(repo, tmp_path):
    settings = Settings(repo, token=TOKEN, ssl_keyfile="key", ssl_certfile="certificate").checked()
    assert Pass(settings).cookie().endswith("; Secure")
    assert not Pass(Settings(repo, token=TOKEN).checked()).cookie().endswith("; Secure")


def test_two_servers_of_a_host_do_not_use_the_same_cookie(repo):
    one, two = (
        Pass(Settings(repo, token=token).checked()).cookie().split("=")[0] for token in (TOKEN, TOKEN + "2")
    )
    assert one != two


def test_a_link_with_a_token_to_a_server_without_one_leads_to_the_page(repo):
    (reply,) = ask(application(repo), [("GET", "/?token=old", {})])
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert "set-cookie" not in reply.headers


def test_whoever_is_not_on_this_machine_needs_a_token(repo):
    for host in ("127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"):
        assert Settings(repo, host=host).checked().token == "", host
    made = {
        Settings(repo, host=host).checked().token
        for host in ("0.0.0.0", "::", "192.0.2.1", "gpu-7", "localhost.evil.example")
    }
    assert len(made) == 5
    assert all(len(token) >= 43 for token in made)
    for token in ("short", "x" * 15, "white space in it 123", "semi;colon;semi;colon"):
        with pytest.raises(UsageError, match="a token has"):
            Settings(repo, token=token).checked()
    assert TOKEN not in repr(Settings(repo, token=TOKEN))


def test_where_it_listens_on_all_addresses_it_goes_by_that_at_which_a_request_arrived(tmp_path):
    with served(tmp_path, host="0.0.0.0", token=TOKEN) as server:
        port, bearer = server.settings.port, f"Authorization: Bearer {TOKEN}"
        names = [f"127.0.0.1:{port}", f"localhost:{port}", f"{server.settings.name}:{port}"]
        assert [status_of(server.asked("/api/openapi.json", bearer, host=host)) for host in names] == [
            200
        ] * 3
        for host in (f"192.0.2.1:{port}", f"evil.example:{port}", f"127.0.0.1:{port + 1}", f"0.0.0.0:{port}"):
            assert status_of(server.asked("/api/openapi.json", bearer, host=host)) == 421


# -- addresses, headers and bodies -----------------------------------------------------------------------


def test_the_base_path_may_be_there_or_have_been_taken_away(repo):
    app = application(repo, base_path="lab/runs/")
    cases = [
        "/lab/runs/",
        "/lab/runs/api/openapi.json",
        "/api/openapi.json",
        "/",
        "/lab/runs/api/nothing",
        "/lab/api/openapi.json",
        "/lab/runsapi/openapi.json",
    ]
    replies = ask(app, [("GET", path, {}) for path in cases])
    assert [reply.status_code for reply in replies] == [200, 200, 200, 200, 404, 404, 404]
    for path in ("/a b", "/..", "/a/../b", "/ä", "/a//b", '/"', "/."):
        with pytest.raises(UsageError, match="base path"):
            Settings(repo, base_path=path).checked()


def test_every_reply_has_the_headers_that_keep_it_from_other_sites(repo):
    app = application(repo)
    cases = [
        (method, path, {})
        for method, path in routes(starlette_of(app))
        if path not in ("/api/live",) and "runs" not in path
    ]
    cases = [case for case in cases if not needs_a_worker(case[1])]
    cases += [
        ("GET", "/", {"host": "evil"}),
        ("GET", "/", {"origin": "null"}),
        ("GET", "/nothing", {}),
        ("PUT", "/", {}),
    ]
    for case, reply in zip(cases, ask(app, cases), strict=True):
        policy = reply.headers["content-security-policy"]
        for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
            assert part in policy, case
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert reply.headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in reply.headers["permissions-policy"]
        assert reply.headers["cache-control"] in ("no-store", "no-cache")
        assert not {name for name in reply.headers if name.startswith("access-control")}
        assert "server" not in reply.headers


def needs_a_worker(path):
    return any(path == f"/api/{endpoint.path}" for endpoint in ENDPOINTS if endpoint.is_asked)


def test_a_reply_to_what_is_no_request_has_them_too(server):
    reply = server.raw(b"\x16\x03\x01 nonsense\r\n\r\n")
    assert status_of(reply) == 400
    assert b"x-content-type-options: nosniff" in reply
    assert b"nonsense" not in reply


def test_an_address_that_is_too_long_is_refused(server):
    assert server.get("/api/check", params={"q": "x" * LONGEST_ADDRESS}).status_code == 413
    assert server.get("/" + "x" * LONGEST_ADDRESS).status_code == 413


def test_too_many_headers_are_refused(server):
    reply = server.asked("/api/openapi.json", *(f"X-{number}: {'x' * 1000}" for number in range(100)))
    assert status_of(reply) in (400, 413)


def test_a_body_that_is_too_large_is_refused_before_it_is_there(server):
    reply = server.asked(
        "/api/edit", "Content-Type: application/json", f"Content-Length: {1 << 30}", method="POST"
    )
    assert status_of(reply) == 413
    for length in (LARGEST_BODY + 1, "9" * 40):
        reply = server.asked(
            "/api/edit", "Content-Type: application/json", f"Content-Length: {length}", method="POST"
        )
        assert status_of(reply) in (400, 413)


def test_a_body_in_chunks_is_refused_once_it_is_too_large(server):
    piece = b"%x\r\n" % (1 << 16) + b" " * (1 << 16) + b"\r\n"
    head = f"POST /api/edit HTTP/1.1\r\nHost: {server.host}\r\nContent-Type: application/json\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"
    with server.connected() as connection:
        connection.sendall(head.encode())
        for _ in range(LARGEST_BODY // (1 << 16) + 1):
            connection.sendall(piece)
        assert status_of(connection.recv(1 << 16)) == 413


def test_a_body_that_is_not_json_is_refused(server):
    for headers in (
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {},
    ):
        assert server.http.post("/api/edit", content=b"{}", headers=headers).status_code == 400
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"runs":[]}',
        b'{"runs":["a"],"x":1}',
        b"\xff",
        b"[" * 100_000,
        b'{"runs":' + b"9" * 100_000 + b"}",
    ):
        reply = server.http.post("/api/edit", content=body, headers=JSON)
        assert (reply.status_code, reply.json()["error"]) == (400, "UsageError"), body[:40]


def test_what_changes_nothing_has_no_body(server):
    assert server.http.request("GET", "/api/openapi.json", content=b"x").status_code == 400
    assert status_of(server.asked("/api/openapi.json", "Transfer-Encoding: chunked")) == 400
    assert server.http.request("GET", "/api/openapi.json", headers={"content-length": "0"}).status_code == 200
