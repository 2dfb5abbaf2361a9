"""The table of what the API has: from it come the routes, what is checked of a request, and openapi.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .schema import Schema

MOST_ROWS = 10_000
LONGEST_QUERY = 4096
MOST_EXPRESSIONS = 100
MOST_EDITED = 1000  # runs in one edit: each is made durable
KINDS = ("images", "audios", "texts", "figures", "distributions")
FORMATS = ("csv", "json", "parquet")
COLUMNS = "application/vnd.runstone.columns"
EVENTS = "text/event-stream"
BYTES = "application/octet-stream"

_HASH = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$",
    "maxLength": 128,
    "description": "The hash of a run: 1 to 128 letters, digits, '_' or '-'.",
}
_DIGEST = {
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
    "maxLength": 64,
    "description": "A SHA-256 as 64 hex digits.",
}
_ID = {"type": "string", "pattern": "^[0-9a-f]{12}$", "maxLength": 12, "description": "12 hex digits."}
_TEXT = {"type": "string", "maxLength": 262_144}
_NAME = {"type": "string", "minLength": 1, "maxLength": 1024}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the query of an address; one with `many` may stand there several times."""

    name: str
    schema: Schema
    default: Any = None
    many: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked. `answer` names it; {placeholders} of `path` are described by `places`."""

    answer: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    method: str = "GET"
    returns: str = "application/json"
    body: Schema | None = None
    is_asked: bool = True  # of the worker processes

    @property
    def places(self) -> dict[str, Schema]:
        """The schema of each placeholder of the path."""
        return {name: schema for name, schema in _PLACES.items() if f"{{{name}}}" in self.path}


_PLACES: dict[str, Schema] = {"hash": _HASH, "digest": _DIGEST, "id": _ID}


def _text(name: str, default: str = "", *, longest: int = LONGEST_QUERY, required: bool = False) -> Parameter:
    return Parameter(name, {"type": "string", "maxLength": longest}, default, required=required)


def _choice(name: str, choices: tuple[str, ...], default: str | None = None) -> Parameter:
    return Parameter(
        name, {"type": "string", "maxLength": 32, "enum": list(choices)}, default, required=default is None
    )


def _count(name: str, default: int, high: int, low: int = 0) -> Parameter:
    return Parameter(name, {"type": "integer", "minimum": low, "maximum": high}, default)


def _number(name: str, default: float | None = None, **bounds: float) -> Parameter:
    return Parameter(name, {"type": "number", **bounds}, default)


def _flag(name: str) -> Parameter:
    return Parameter(name, {"type": "boolean"}, False)


def _expressions(name: str) -> Parameter:
    return Parameter(name, {"type": "string", "maxLength": LONGEST_QUERY}, many=True)


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


_LARGE = 2**53 - 1
_Q = _text("q")
_ORDER = (_text("order_by"), _flag("descending"))
_RANGE = (_number("low"), _number("high"))
_TAGS = {"type": "array", "items": _NAME, "maxItems": 100}

EDIT = _object(
    ("runs",),
    runs={"type": "array", "items": _HASH, "minItems": 1, "maxItems": MOST_EDITED},
    set=_object(
        name=_TEXT,
        description={"type": ["string", "null"], "maxLength": _TEXT["maxLength"]},
        experiment=_TEXT,
        archived={"type": "boolean"},
    ),
    add_tags=_TAGS,
    remove_tags=_TAGS,
    deleted={"type": "boolean"},
)
_ADDRESS = {
    "type": "string",
    "pattern": "^/(?!/)[^\\\\\\x00-\\x1f]*$",
    "minLength": 1,
    "maxLength": 16_384,
    "description": "A path of the page with its query, beginning with one slash.",
}

ENDPOINTS = (
    Endpoint("project", "project", "What is served.", is_asked=False),
    Endpoint("openapi", "openapi.json", "This description.", is_asked=False),
    Endpoint("names", "names", "The parameters, sequences, experiments and tags that there are."),
    Endpoint(
        "check",
        "check",
        "Whether a query can be right.",
        (_Q, _choice("kind", ("runs", "metric", *KINDS), "runs")),
    ),
    Endpoint(
        "runs",
        "runs",
        "The runs that match.",
        (_Q, *_ORDER, _count("offset", 0, _LARGE), _count("limit", 200, MOST_ROWS), _expressions("column")),
    ),
    Endpoint(
        "groups", "groups", "The runs that match, counted by a value.", (_Q, _text("by", required=True))
    ),
    Endpoint(
        "export",
        "export",
        "A file with a row for each match.",
        (_choice("format", FORMATS), _Q, *_ORDER, _expressions("column")),
        returns=BYTES,
    ),
    Endpoint("run", "runs/{hash}", "A run."),
    Endpoint("history", "runs/{hash}/history", "What was changed in a run."),
    Endpoint(
        "terminal",
        "runs/{hash}/terminal",
        "What a run printed.",
        (_count("after", -1, _LARGE, -MOST_ROWS), _count("limit", 1000, MOST_ROWS)),
    ),
    Endpoint(
        "records",
        "runs/{hash}/records",
        "What a run logged as messages.",
        (_count("after", -1, _LARGE, -MOST_ROWS), _count("limit", 1000, MOST_ROWS)),
    ),
    Endpoint(
        "events",
        "runs/{hash}/events",
        "The lines of a log of a run.",
        (_text("log", longest=128), _count("offset", 0, _LARGE), _count("limit", 200, MOST_ROWS)),
    ),
    Endpoint(
        "curves",
        "curves",
        "The metrics that match, as columns of numbers.",
        (
            _Q,
            _text("x", "step", longest=1024),
            _count("points", 600, MOST_ROWS, 2),
            *_RANGE,
            _number("smooth", 0.0, minimum=0, maximum=0.999),
            _count("offset", 0, _LARGE),
            _count("limit", 500, MOST_ROWS),
            _expressions("attribute"),
        ),
        returns=COLUMNS,
    ),
    Endpoint(
        "media",
        "media",
        "The images, recordings, texts, figures or distributions that match.",
        (
            _choice("kind", KINDS),
            _Q,
            *_RANGE,
            _count("density", 50, MOST_ROWS, 1),
            _count("offset", 0, _LARGE),
            _count("limit", 50, MOST_ROWS),
            _expressions("attribute"),
        ),
    ),
    Endpoint("blob", "blobs/{digest}", "The bytes of a blob.", returns=BYTES, is_asked=False),
    Endpoint(
        "artifact",
        "runs/{hash}/artifact",
        "An artifact that is kept in the repository.",
        (_text("name", longest=4096, required=True),),
        returns=BYTES,
        is_asked=False,
    ),
    Endpoint("live", "live", "What changes, as it changes.", returns=EVENTS, is_asked=False),
    Endpoint("edit", "edit", "Change runs.", method="POST", body=EDIT, is_asked=False),
    Endpoint(
        "add_note",
        "runs/{hash}/notes",
        "Put a note to a run.",
        method="POST",
        body=_object(("text",), text=_TEXT),
        is_asked=False,
    ),
    Endpoint(
        "edit_note",
        "runs/{hash}/notes/{id}",
        "Change a note, or take it away.",
        method="POST",
        body=_object(("text",), text={"type": ["string", "null"], "maxLength": _TEXT["maxLength"]}),
        is_asked=False,
    ),
    Endpoint("views", "views", "The saved views.", is_asked=False),
    Endpoint(
        "add_view",
        "views",
        "Save a view.",
        method="POST",
        body=_object(("name", "address"), name=_NAME, address=_ADDRESS),
        is_asked=False,
    ),
    Endpoint(
        "edit_view",
        "views/{id}",
        "Change a view, or take it away.",
        method="POST",
        body=_object(name=_NAME, address=_ADDRESS, deleted={"type": "boolean"}),
        is_asked=False,
    ),
)
