"""Parameters and bodies: read as the table of endpoints says, bounded, and never taken for something else."""

import itertools
from urllib.parse import urlencode

import orjson
import pytest

from runstone_ui.endpoints import ENDPOINTS, LONGEST_QUERY, MOST_EXPRESSIONS, MOST_ROWS
from runstone_ui.parameters import MOST_FIELDS, parsed_body, parsed_places, parsed_query
from runstone_ui.refusals import RefusedError
from runstone_writer.errors import UsageError

BY_NAME = {endpoint.answer: endpoint for endpoint in ENDPOINTS}
RUNS, CURVES, EDIT = BY_NAME["runs"], BY_NAME["curves"], BY_NAME["edit"]


def parsed(endpoint, fields):
    return parsed_query(endpoint, urlencode(fields).encode())


def test_what_is_not_given_has_its_default():
    assert parsed(RUNS, {}) == {
        "q": "",
        "order_by": "",
        "descending": False,
        "offset": 0,
        "limit": 200,
        "column": [],
    }


def test_a_field_that_was_left_empty_is_as_if_it_were_not_there():
    assert parsed(CURVES, {"low": "", "high": "", "points": "", "q": ""}) == parsed(CURVES, {})


def test_values_have_their_types():
    fields = [
        ("descending", "1"),
        ("limit", "5"),
        ("column", "run.a"),
        ("column", "ä + 'b'"),
        ("q", "a+b c%"),
    ]
    found = parsed(RUNS, fields)
    assert (found["descending"], found["limit"], found["q"]) == (True, 5, "a+b c%")
    assert found["column"] == ["run.a", "ä + 'b'"]
    found = parsed(CURVES, {"low": "-1e3", "high": ".5", "smooth": "0.9"})
    assert (found["low"], found["high"], found["smooth"]) == (-1000.0, 0.5, 0.9)


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": MOST_ROWS + 1},
        {"limit": -1},
        {"limit": "1.0"},
        {"limit": "1_0"},
        {"limit": "0x1"},
        {"limit": " 1"},
        {"limit": "\u0661"},
        {"limit": "9" * 19},
        {"offset": -1},
        {"offset": 2**53},
        {"descending": "yes"},
        {"descending": "2"},
        {"q": "x" * (LONGEST_QUERY + 1)},
        {"order_by": "x" * (LONGEST_QUERY + 1)},
        {"column": "x" * (LONGEST_QUERY + 1)},
        {"unknown": "1"},
        {"_trace": "1"},
        {"path": "/etc/passwd"},
        {"token": "x"},
        [("q", "a"), ("q", "b")],
        [("column", "a")] * (MOST_EXPRESSIONS + 1),
        [("column", "a")] * (MOST_FIELDS + 1),
    ],
)
def test_what_cannot_be_is_refused(fields):
    with pytest.raises(UsageError):
        parsed(RUNS, fields)


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "1e999", "Infinity", "1,5", "--1", "1e", "0x1p3", "1" * 500]
)
def test_a_number_is_finite_and_decimal(value):
    with pytest.raises(UsageError):
        parsed(CURVES, {"low": value})


@pytest.mark.parametrize("query", [b"q=%ff", b"q=\xff", b"%80=1", "q=ä".encode()])
def test_what_is_not_utf8_is_refused(query):
    with pytest.raises(UsageError):
        parsed_query(RUNS, query)


def test_a_required_parameter_is_required():
    for name in ("groups", "export", "media", "artifact"):
        with pytest.raises(UsageError, match="missing"):
            parsed(BY_NAME[name], {})


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a/b", "a.b", "-a", "a" * 129, "a\n", "ä", "a b", "*", "?", "[a]", "~", "$(id)", "a\0"],
)
def test_what_cannot_be_a_name_is_not_there(text):
    for endpoint, place in (
        (BY_NAME["run"], "hash"),
        (BY_NAME["blob"], "digest"),
        (BY_NAME["edit_view"], "id"),
    ):
        with pytest.raises(RefusedError) as caught:
            parsed_places(endpoint, {place: text})
        assert caught.value.status == 404


def test_a_body_is_held_to_its_schema():
    good = b'{"runs":["abc"],"set":{"name":"x","description":null,"archived":true},"add_tags":["t"],"deleted":false}'
    assert parsed_body(good, EDIT.body)["set"]["description"] is None
    bad = [
        {"runs": "abc"},
        {"runs": []},
        {"runs": [1]},
        {"runs": ["../x"]},
        {"runs": ["a"] * 1001},
        {"runs": ["a"], "set": []},
        {"runs": ["a"], "set": {"name": None}},
        {"runs": ["a"], "set": {"archived": 1}},
        {"runs": ["a"], "set": {"hash": "x"}},
        {"runs": ["a"], "set": {"name": "x" * 262_145}},
        {"runs": ["a"], "add_tags": [""]},
        {"runs": ["a"], "add_tags": ["t"] * 101},
        {"runs": ["a"], "deleted": "yes"},
        {"runs": ["a"], "deleted": 1},
        {"runs": ["a"], "path": "/etc/passwd"},
        {},
        [],
        None,
        1,
    ]
    for body in bad:
        with pytest.raises(UsageError):
            parsed_body(orjson.dumps(body), EDIT.body)


def test_every_parameter_and_every_field_has_a_bound():
    schemas = [parameter.schema for endpoint in ENDPOINTS for parameter in endpoint.parameters]
    schemas += [schema for endpoint in ENDPOINTS for schema in endpoint.places.values()]
    schemas += [endpoint.body for endpoint in ENDPOINTS if endpoint.body is not None]
    for schema in itertools.chain.from_iterable(map(inner, schemas)):
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if "string" in kinds:
            assert "maxLength" in schema, schema
        if "array" in kinds:
            assert "maxItems" in schema, schema
        if "integer" in kinds:
            assert {"minimum", "maximum"} <= schema.keys(), schema
        if "object" in kinds:
            assert schema["additionalProperties"] is False, schema


def inner(schema):
    yield schema
    if "items" in schema:
        yield from inner(schema["items"])
    for value in schema.get("properties", {}).values():
        yield from inner(value)
