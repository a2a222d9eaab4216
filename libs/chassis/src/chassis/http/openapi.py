"""What a service's application says about itself: OpenAPI 3.1, generated from its handlers and from nothing else.

Everything comes from what a handler is: its name is the operation's id, its docstring the description, the Structs it
takes and gives are the schemas, its ``opt`` says who may call it and what it refuses (see `create_app`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from inspect import cleandoc, getdoc
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.response import Stream
from litestar.routes import HTTPRoute

from chassis.access import CustomerIsSuspended
from chassis.errors import (
    InvalidInput,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Refusal,
    TooLarge,
    TooMany,
    Unavailable,
)
from chassis.http.callers import MODE_HEADER, BadMode
from chassis.http.conditions import NeedsPrecondition, PreconditionFailed
from chassis.http.problems import Problem
from chassis.idempotency import KeyReused, StillRunning
from contracts.ids import ID_PATTERN

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
_REF = "#/components/schemas/{name}"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

Document = dict[str, Any]
"""An OpenAPI document, or a part of one, as plain values."""

Examples = Mapping[str, Mapping[str, Any]]
"""By operation id: `request` and `response`, an example of each body."""


class _Fault(Refusal):
    status, code, title = 500, "internal_error", "Something broke on our side"


class OwnDocument(OpenAPIRenderPlugin):
    """Serves `describe` at /schema/openapi.json, in place of the framework's pages, which load foreign scripts."""

    def __init__(self, *, title: str, examples: Examples) -> None:
        super().__init__(path="/openapi.json", media_type=MediaType.JSON)
        self._title, self._examples = title, examples
        self._made: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document of the application that was asked, made once."""
        if self._made is None:
            self._made = msgspec.json.encode(describe(request.app, title=self._title, examples=self._examples))
        return self._made


def describe(app: Litestar, *, title: str, examples: Examples) -> Document:
    """The document of all handlers of `app` that are not hidden."""
    operations = sorted(_operations(app), key=lambda found: (found[0], found[1]))
    schemas = _schemas([handler for _, _, handler in operations])
    parameters = app.openapi_schema.to_schema()["paths"]
    schemes = {name for _, _, handler in operations for one in _security(handler) for name in one}
    paths: Document = {}
    for path, method, handler in operations:
        known = parameters[path][method].get("parameters", [])
        example = examples.get(handler.handler_name, {})
        paths.setdefault(path, {})[method] = _operation(path, handler, known, schemas, example)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "headers": _HEADERS,
            "securitySchemes": {name: _SCHEMES[name] for name in sorted(schemes)},
        },
    }


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods & set(_METHODS)):
                    if handler.resolve_include_in_schema():
                        yield route.path_format, method.lower(), handler


class _Schemas(msgspec.Struct, frozen=True):
    """JSON Schema by type, and the components that they refer to."""

    of: dict[Any, Document]
    components: dict[str, Document]


def _schemas(handlers: Sequence[HTTPRouteHandler]) -> _Schemas:
    types = [Problem, *filter(None, (found for one in handlers for found in (_taken(one), _given(one))))]
    unique = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(unique, ref_template=_REF, schema_hook=_anything)
    for component in components.values():
        if "description" in component:
            component["description"] = cleandoc(component["description"])
    return _Schemas(dict(zip(unique, schemas, strict=True)), _plain(components))


def _anything(kind: type) -> Document:
    """The schema of `object`, which is whatever JSON can hold; raises NotImplementedError for other types."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON value"}


def _taken(handler: HTTPRouteHandler) -> Any:
    return handler.parsed_data_field.annotation if handler.parsed_data_field else None


def _given(handler: HTTPRouteHandler) -> Any:
    """The Struct of the answer, also of one in a `Response`; None for a stream and for no content."""
    field = handler.parsed_return_field
    if field.annotation is None or field.is_subclass_of(Stream):
        return None
    given = field.inner_types[0].annotation if field.inner_types else field.annotation
    return None if given is type(None) else given


def _operation(
    path: str, handler: HTTPRouteHandler, parameters: Sequence[Document], schemas: _Schemas, example: Mapping[str, Any]
) -> Document:
    description = cleandoc(getdoc(handler.fn) or "")
    found: Document = {
        "operationId": handler.handler_name,
        "summary": _summary(description),
        "description": description,
        "tags": [_tag(path)],
        "security": _security(handler),
        "responses": {
            str(handler.status_code): _success(handler, schemas, example),
            **_problems(handler, bool(parameters)),
        },
    }
    if listed := [*map(_parameter, parameters), *_shared_parameters(handler)]:
        found["parameters"] = listed
    if body := _request_body(handler, schemas, example):
        found["requestBody"] = body
    return found


def _summary(description: str) -> str:
    first = " ".join(description.split("\n\n")[0].split())
    return first.split(". ")[0].split("; ")[0].split(": ")[0].rstrip(".")


def _tag(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    if parts[0] not in ("api", "admin"):
        return parts[0]
    return "panels" if "panels" in parts else {"session": "sessions"}.get(parts[1], parts[1])


def _parameter(found: Document) -> Document:
    schema = _sendable(found["schema"])
    if found["in"] == "path" and schema.get("type") == "string":
        schema = {"pattern": ID_PATTERN, **schema}
    kept = {"name": found["name"], "in": found["in"], "required": bool(found.get("required")), "schema": _plain(schema)}
    return {**kept, "description": found["description"]} if found.get("description") else kept


def _sendable(schema: Document) -> Document:
    """Without null: an absent parameter is absent, and nobody can send it as anything."""
    kept = {name: value for name, value in schema.items() if name not in ("oneOf", "description")}
    for one in schema.get("oneOf", ()):
        if one.get("type") != "null":
            kept = {**one, **kept}
    if isinstance(kept.get("type"), list):
        (kept["type"],) = [one for one in kept["type"] if one != "null"]
    if "enum" in kept:
        kept["enum"] = [one for one in kept["enum"] if one is not None]
        kept.pop("pattern", None)
    return kept


def _security(handler: HTTPRouteHandler) -> list[Document]:
    """Which credentials open it, each with the scope that it needs; none for what is public."""
    if handler.opt.get("operator"):
        return [{"operator": []}]
    if scope := handler.opt.get("scope"):
        return [{"api_key": [scope]}, {"member": [scope]}]
    return [{"member": []}] if handler.opt.get("member") else []


def _shared_parameters(handler: HTTPRouteHandler) -> list[Document]:
    listed = []
    if _security(handler) and not handler.opt.get("operator"):
        mode = {"type": "string", "enum": ["test", "live"], "default": "test"}
        listed.append({"name": MODE_HEADER, "in": "header", "required": False, "schema": mode})
        listed[-1]["description"] = "What a member works in. An API key has a mode of its own, whatever this says."
    if handler.opt.get("idempotent"):
        told = "Sent again with the same key, the request acts once and the first answer comes back."
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        listed.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": key})
        listed[-1]["description"] = told
    return listed


def _request_body(handler: HTTPRouteHandler, schemas: _Schemas, example: Mapping[str, Any]) -> Document | None:
    if accepts := handler.opt.get("accepts"):
        kinds = (accepts,) if isinstance(accepts, str) else accepts
        return {"required": True, "content": {kind: _raw(kind) for kind in kinds}}
    taken = _taken(handler)
    if taken is None:
        return None
    return {"required": True, "content": {JSON: _content(schemas.of[taken], example.get("request"))}}


def _raw(kind: str) -> Document:
    """A body that the handler reads as it comes; what is not JSON needs no schema (OpenAPI 3.1, §4.8.14.2)."""
    return {"schema": {"type": "object"}} if kind.endswith("json") else {}


def _success(handler: HTTPRouteHandler, schemas: _Schemas, example: Mapping[str, Any]) -> Document:
    names = ["X-Request-Id"]
    names += ["RateLimit-Policy", "RateLimit"] if _security(handler) else []
    names += ["ETag"] if handler.opt.get("etag") else []
    names += ["Idempotent-Replayed"] if handler.opt.get("idempotent") else []
    found: Document = {
        "description": "As asked for",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    given = _given(handler)
    if given is not None:
        found["content"] = {JSON: _content(schemas.of[given], example.get("response"))}
    elif handler.parsed_return_field.is_subclass_of(Stream):
        found["content"] = {str(handler.media_type): {"schema": {"type": "string"}}}
    return found


def _content(schema: Document, example: Any) -> Document:
    return {"schema": schema, "examples": {"usual": {"value": example}}} if example is not None else {"schema": schema}


def _problems(handler: HTTPRouteHandler, has_parameters: bool) -> Document:
    """By status: what every handler of this form can refuse, and what it says itself."""
    refused: list[type[Refusal]] = [*handler.opt.get("refuses", ()), Unavailable, _Fault]
    has_body = handler.parsed_data_field is not None or "accepts" in handler.opt
    if has_parameters or has_body:
        refused.append(InvalidInput)
    if has_body:
        refused.append(TooLarge)
    if _security(handler):
        refused += [NotAuthenticated, NotAllowed, TooMany]
        refused += [] if handler.opt.get("operator") else [CustomerIsSuspended, BadMode]
    if "{" in handler.paths.copy().pop() and _security(handler):
        refused.append(NotFound)
    if handler.opt.get("idempotent"):
        refused += [StillRunning, KeyReused]
    if handler.opt.get("conditional"):
        refused += [PreconditionFailed, NeedsPrecondition]
    by_status: dict[int, dict[str, str]] = {}
    for one in refused:
        by_status.setdefault(one.status, {}).setdefault(one.code, one.title)
    return {str(status): _problem(status, codes) for status, codes in sorted(by_status.items())}


def _problem(status: int, codes: Mapping[str, str]) -> Document:
    told = "; ".join(f"`{code}`: {title}" for code, title in sorted(codes.items()))
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in (409, 429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    schema = {"$ref": _REF.format(name="Problem")}
    return {"description": told, "headers": headers, "content": {PROBLEM_JSON: {"schema": schema}}}


def _header(description: str, schema: Document, **more: Any) -> Document:
    return {"description": description, "schema": schema, **more}


_SCHEMES: Document = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "An API key"},
    "member": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of a member who has logged in; its scopes are those of the member's role",
    },
    "operator": {"type": "http", "scheme": "bearer", "description": "The token of an operator of the deployment"},
}

_HEADERS: Document = {
    "X-Request-Id": _header("Names the request in logs and traces", {"type": "string"}),
    "RateLimit-Policy": _header("What may be asked for in a window: q requests in w seconds", {"type": "string"}),
    "RateLimit": _header("What is left: r requests, and t seconds until all are back", {"type": "string"}),
    "Retry-After": _header("Seconds until asking again may help", {"type": "integer", "minimum": 0}),
    "ETag": _header("The revision, for If-Match", {"type": "string"}),
    "Idempotent-Replayed": _header("`true` on an answer that was given before", {"type": "string", "const": "true"}),
}


def _plain(value: Any) -> Any:
    """As JSON would have it: Structs (defaults) as objects, tuples as arrays, whole numbers without a point."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
