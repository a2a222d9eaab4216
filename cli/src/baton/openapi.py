"""The whole API as one OpenAPI 3.1 document, merged from what each service says about itself. Pure.

It is committed as docs/openapi.json, where a difference is a change of the API, and served at `PATH`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from baton.openapi_links import link
from baton.services import bootstrap_of

PATH = "/api/openapi.json"
SERVICES = ("config", "gateway", "panel-bridge", "ledger")
"""Those with an API."""

_DESCRIPTION = """\
Several AI agents that talk to, see and work with a person in real time. Every error is a problem (RFC 9457) whose
`code` is stable. A command's answer has a `position`; a read that is given it as `min_position` is not older.
"""
_FOR_OPERATORS = """\
What the people who run a deployment do with its customers. It is served on a port of its own, with tokens of its own.
"""
_REF = re.compile(r"#/components/schemas/(.+)")


class OneOperationTwice(ValueError):
    """Two services describe the same path, or use one operation id."""


def whole() -> bytes:
    """The document from the handlers of all services, without opening any of them."""
    from chassis.http.app import document_of

    bootstraps = {name: bootstrap_of(name) for name in SERVICES}
    return render(merge({name: document_of(name, one.ROUTES, one.EXAMPLES) for name, one in bootstraps.items()}))


def for_operators() -> bytes:
    """The document of the operators' own API, which is served apart and never merged into the public one."""
    from chassis.http.app import document_of
    from config import admin

    document = merge({admin.NAME: document_of(admin.NAME, admin.ROUTES, admin.EXAMPLES)})
    told = {"title": "Baton for operators", "version": "1", "description": _FOR_OPERATORS}
    return render({**document, "info": told})


def render(document: Mapping[str, Any]) -> bytes:
    """The bytes that are served and committed."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=1) + b"\n"


def merge(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One document of several, by service. A schema whose name means two things is called by its service too.

    The same documents give the same result, in whatever order they come. Raises OneOperationTwice.
    """
    conflicting = _conflicting({name: one["components"]["schemas"] for name, one in documents.items()})
    renamed = {name: _renamed(documents[name], name, conflicting) for name in sorted(documents)}
    paths: dict[str, Any] = {}
    operations: set[str] = set()
    components: dict[str, dict[str, Any]] = defaultdict(dict)
    for document in renamed.values():
        ids = {one["operationId"] for item in document["paths"].values() for one in item.values()}
        if twice := sorted((ids & operations) | (document["paths"].keys() & paths.keys())):
            raise OneOperationTwice(", ".join(twice))
        operations |= ids
        paths |= document["paths"]
        for kind, entries in document["components"].items():
            components[kind] |= entries
    tags = sorted({tag for item in paths.values() for one in item.values() for tag in one["tags"]})
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Baton", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": dict(components),
    }
    link(document)
    return document


def _conflicting(schemas: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The names that do not mean the same everywhere, also because of what they refer to."""
    found: set[str] = set()
    while True:
        meanings: dict[str, set[bytes]] = defaultdict(set)
        for service, components in schemas.items():
            for name, schema in components.items():
                inner = {"schema": schema, "by": service if _refers_to(schema) & found else ""}
                meanings[name].add(msgspec.json.encode(inner, order="sorted"))
        more = {name for name, different in meanings.items() if len(different) > 1}
        if more <= found:
            return found
        found |= more


def _refers_to(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {_REF.sub(r"\1", value["$ref"])} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_refers_to, value.values()))
    return set().union(*map(_refers_to, value)) if isinstance(value, list) else set()


def _renamed(value: Any, service: str, names: set[str]) -> Any:
    """With each of `names`, as a component and where it is referred to, prefixed by the service."""
    if isinstance(value, list):
        return [_renamed(inner, service, names) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {key: _renamed(inner, service, names) for key, inner in value.items()}
    if isinstance(reference := found.get("$ref"), str) and (matched := _REF.fullmatch(reference)):
        found["$ref"] = f"#/components/schemas/{_name(matched[1], service, names)}"
    if isinstance(schemas := found.get("schemas"), dict) and "securitySchemes" in found:
        found["schemas"] = {_name(name, service, names): schema for name, schema in schemas.items()}
    return found


def _name(name: str, service: str, names: set[str]) -> str:
    return f"{service.title().replace('-', '')}{name}" if name in names else name
