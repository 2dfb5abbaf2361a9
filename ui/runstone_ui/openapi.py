"""openapi.json: the API as a machine reads it, from the table by which it is served."""

from __future__ import annotations

from typing import Any

from .endpoints import ENDPOINTS, EVENTS, Endpoint, Parameter
from .refusals import JSON, KINDS
from .settings import Settings

_ERROR = {
    "type": "object",
    "required": ["error", "message", "hint"],
    "properties": {
        "error": {"type": "string", "enum": sorted(KINDS)},
        "message": {"type": "string"},
        "hint": {"type": "string"},
        "line": {"type": "integer"},
        "column": {"type": "integer"},
        "text": {"type": "string"},
    },
}
_STATUS = {
    "400": "A query or a parameter that cannot be right.",
    "401": "No valid token.",
    "403": "From another site, or a change of what is read-only.",
    "404": "There is no such thing.",
    "405": "The path has no such method.",
    "408": "It took too long.",
    "413": "It is too large.",
    "421": "A host name that is not the server's.",
    "500": "A mistake of the server's.",
    "503": "Nobody can answer at present.",
}


def described(settings: Settings) -> dict[str, Any]:
    """Return the description of the API."""
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(f"/{endpoint.path}", {})[endpoint.method.lower()] = _operation(endpoint)
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "runstone up",
            "version": settings.version or "0",
            "description": "What docs/api.md says, for machines.",
        },
        "servers": [{"url": f"{settings.base_path}/api"}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
    if settings.token:
        found["security"] = [{"token": []}]
    return found


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    places = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in endpoint.places.items()
    ]
    found: dict[str, Any] = {
        "operationId": endpoint.answer,
        "summary": endpoint.summary,
        "parameters": places + [_parameter(parameter) for parameter in endpoint.parameters],
        "responses": {"200": _well(endpoint)} | {status: _ill(said) for status, said in _STATUS.items()},
    }
    if endpoint.answer in ("blob", "artifact"):
        found["responses"]["206"] = {**_well(endpoint), "description": "The range that was asked for."}
        found["responses"]["304"] = {"description": "It is there already."}
        found["responses"]["416"] = {"description": "There is no such range."}
    if endpoint.body is not None:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": endpoint.body}}}
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.many:
        schema = {"type": "array", "items": schema}
    found = {"name": parameter.name, "in": "query", "required": parameter.required, "schema": schema}
    return {**found, "style": "form", "explode": True} if parameter.many else found


def _well(endpoint: Endpoint) -> dict[str, Any]:
    schema = {"type": "object"} if endpoint.returns == JSON else {"type": "string"}
    if endpoint.answer in ("blob", "artifact", "export"):  # whose type depends on what it is
        return {"description": endpoint.summary, "content": {"*/*": {}}}
    if endpoint.returns == EVENTS:
        schema = {"type": "string", "description": "Server-sent events: hello, then changed."}
    return {"description": endpoint.summary, "content": {endpoint.returns: {"schema": schema}}}


def _ill(said: str) -> dict[str, Any]:
    return {
        "description": said,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
