"""openapi.json: every route is in it, with what is checked of a request; and docs/api.md speaks of the same."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runstone_ui.endpoints import ENDPOINTS
from runstone_ui.refusals import KINDS
from servers import served

PAGE = Path(__file__).resolve().parent.parent / "docs/api.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("repo"), base_path="/lab") as found:
        yield found


def described(server):
    return server.get("/api/openapi.json").json()


def test_every_route_of_the_router_is_in_it_and_nothing_else(server):
    found = {
        (route.path.removeprefix("/api"), method.lower())
        for route in server.application.asgi._app.router.routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith("/api/")
    }
    paths = described(server)["paths"]
    assert found == {(path, method) for path, operations in paths.items() for method in operations}
    others = [
        route.path
        for route in server.application.asgi._app.router.routes
        if not route.path.startswith("/api/")
    ]
    assert others == ["/{path:path}"]


def test_it_says_where_the_api_is_and_what_every_operation_takes(server):
    found = described(server)
    assert found["servers"] == [{"url": "/lab/api"}]
    operations = {
        operation["operationId"]: operation for path in found["paths"].values() for operation in path.values()
    }
    assert len(operations) == len(ENDPOINTS)
    for endpoint in ENDPOINTS:
        operation = operations[endpoint.answer]
        names = [*endpoint.places, *(parameter.name for parameter in endpoint.parameters)]
        assert [parameter["name"] for parameter in operation["parameters"]] == names
        assert ("requestBody" in operation) == (endpoint.method == "POST")
        assert {"200", "400", "401", "403", "404", "405", "408", "413", "421", "500", "503"} <= operation[
            "responses"
        ].keys()


def test_it_asks_for_a_token_where_the_server_does(server, tmp_path):
    assert "security" not in described(server)
    token = "correct-horse-battery-staple"
    with served(tmp_path, token=token) as other:
        reply = other.get("/api/openapi.json", headers={"authorization": f"Bearer {token}"})
        assert reply.json()["security"] == [{"token": []}]


@pytest.mark.checkout
def test_the_page_has_every_endpoint_with_its_parameters():
    text = PAGE.read_text()
    said = {
        (method, re.sub(r"<[a-z0-9]+>", "{}", path)): set(re.findall(r"[?&]([a-z_]+)=", query))
        for method, path, query in re.findall(
            r"`(GET|POST) ([a-z./<>0-9]+)(\\?[^`]*)?`".replace("\\\\", "\\"), text
        )
    }
    for endpoint in ENDPOINTS:
        key = (endpoint.method, re.sub(r"\{[a-z]+\}", "{}", endpoint.path))
        assert key in said, key
        assert said[key] == {parameter.name for parameter in endpoint.parameters}, key
    assert len(said) == len(ENDPOINTS)


@pytest.mark.checkout
def test_the_page_has_every_kind_of_error_with_its_status():
    rows = re.findall(r"^\| (\d{3}) \| ([A-Za-z, ]+) \|", PAGE.read_text(), re.MULTILINE)
    assert {name: int(status) for status, names in rows for name in names.split(", ")} == KINDS
