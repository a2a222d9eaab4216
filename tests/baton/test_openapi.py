"""The one document of the API: what every operation says, and how several documents become one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from baton import edge, openapi
from baton.services import bootstrap_of
from contracts.access import SCOPES
from contracts.ids import ID_PATTERN

pytestmark = pytest.mark.unit

ALIAS = "^[a-z][a-z0-9_-]{0,31}$"

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
PUBLIC = {
    *("issue_token", "get_public_key", "livekit_webhook", "report_log"),
    *("register_customer", "log_in", "refresh_login", "accept_invitation"),
    *("start_oidc", "finish_oidc", "return_from_oidc"),
}
"""Operations that need no API key: each has a credential of its own, or nothing to hide."""

_ORIGIN = "urn:openapi"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(openapi.whole())
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def test_the_committed_document_is_the_one_that_is_generated() -> None:
    assert COMMITTED.read_bytes() == openapi.whole(), "run `make contracts`"


def test_every_operation_is_named_once_and_told_in_words(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for _, _, operation in operations(document):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation["operationId"])
        assert 5 <= len(operation["summary"]) <= 120, operation["operationId"]
        assert operation["description"].startswith(operation["summary"][:10])
        assert len(operation["tags"]) == 1
        assert {"name": operation["tags"][0]} in document["tags"]


def test_every_operation_asks_for_a_key_or_is_public_on_purpose(document: dict[str, Any]) -> None:
    public = {operation["operationId"] for _, _, operation in operations(document) if operation["security"] == []}
    assert public == PUBLIC
    for _, _, operation in operations(document):
        schemes = [next(iter(one)) for one in operation["security"]]
        if operation["operationId"] not in PUBLIC:
            assert schemes in (["api_key", "member"], ["member"])
            assert set(schemes) <= document["components"]["securitySchemes"].keys()
        if "api_key" in schemes:
            scopes = [next(iter(one.values())) for one in operation["security"]]
            assert scopes[0] == scopes[1]
            assert re.fullmatch(r"[a-z_]+:(read|write)", scopes[0][0])


def test_every_scope_opens_something_and_nothing_asks_for_another(document: dict[str, Any]) -> None:
    asked = [one for _, _, operation in operations(document) for one in operation["security"] if "api_key" in one]
    assert {one["api_key"][0] for one in asked} == SCOPES


def test_every_operation_has_one_success_and_a_problem_for_every_error(document: dict[str, Any]) -> None:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path, _, operation in operations(document):
        answers = operation["responses"]
        assert len([status for status in answers if status < "300"]) == 1
        errors = {status: answer for status, answer in answers.items() if status >= "400"}
        assert {"500", "503"} <= errors.keys()
        assert all(answer["content"] == {"application/problem+json": problem} for answer in errors.values())
        assert all(re.match(r"`\w+`: ", answer["description"]) for answer in errors.values())
        if operation["security"]:
            assert {"401", "403", "429"} <= errors.keys()
            assert ("404" in errors) >= ("{" in path)
        if "requestBody" in operation:
            assert {"400", "413"} <= errors.keys()


def test_ids_in_paths_are_patterns_and_all_of_them_are_declared(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        in_path = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "path"}
        assert set(re.findall(r"{(\w+)}", path)) == in_path.keys()
        assert all(one["required"] for one in in_path.values())
        schemas = [one["schema"] for one in in_path.values()]
        assert all(one["type"] == "integer" or one["pattern"] in (ID_PATTERN, ALIAS) for one in schemas)


def test_every_reference_leads_somewhere_and_every_schema_is_one(document: dict[str, Any]) -> None:
    for reference in set(refs(document)):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_example_is_valid_and_every_json_body_has_one(document: dict[str, Any]) -> None:
    registry: Any = Registry().with_resource(_ORIGIN, DRAFT202012.create_resource(document))
    without = []
    for _, _, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            content = body.get("content", {}).get("application/json", {})
            schema = json.loads(json.dumps(content.get("schema", {})).replace('"#/', f'"{_ORIGIN}#/'))
            for example in content.get("examples", {}).values():
                jsonschema.Draft202012Validator(schema, registry=registry).validate(example["value"])
        asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if asked is not None and not asked.get("examples"):
            without.append(operation["operationId"])
    assert without == []


def test_no_example_is_of_an_operation_that_is_not_there(document: dict[str, Any]) -> None:
    ids = {operation["operationId"] for _, _, operation in operations(document)}
    assert {id for name in openapi.SERVICES for id in bootstrap_of(name).EXAMPLES} <= ids


def test_the_edge_sends_every_documented_path_to_the_service_that_documents_it() -> None:
    from chassis.http.app import document_of

    for name in openapi.SERVICES:
        own = bootstrap_of(name)
        for path in document_of(name, own.ROUTES, own.EXAMPLES)["paths"]:
            assert edge.service_of(re.sub(r"{\w+}", "x", path)) == name, path


def test_the_operators_document_is_committed_and_apart_from_the_public_one(document: dict[str, Any]) -> None:
    committed = COMMITTED.with_name("openapi-admin.json").read_bytes()
    assert committed == openapi.for_operators(), "run `make contracts`"
    own: dict[str, Any] = json.loads(committed)
    assert not own["paths"].keys() & document["paths"].keys()
    assert list(own["components"]["securitySchemes"]) == ["operator"]
    for path, _, operation in operations(own):
        assert path.startswith("/admin/")
        assert edge.service_of(re.sub(r"{\w+}", "x", path)) is None, "nothing public leads there"
        assert operation["security"] == [{"operator": []}]
        assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys()
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        assert content is None or content["examples"]


# Merging.


def a_document(path: str, schemas: dict[str, Any], *, id: str = "") -> dict[str, Any]:
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    operation = {"operationId": id or path.strip("/"), "tags": ["x"], "responses": {"200": answer}}
    components = {"schemas": schemas, "securitySchemes": {"api_key": {"type": "http"}}}
    return {"paths": {path: {"get": operation}}, "components": components}


def test_a_schema_that_is_the_same_everywhere_is_there_once() -> None:
    thing = {"Thing": {"type": "string"}}
    merged = openapi.merge({"a": a_document("/one", thing), "b": a_document("/two", thing)})
    assert list(merged["components"]["schemas"]) == ["Thing"]
    assert list(merged["paths"]) == ["/one", "/two"]


def test_a_name_that_means_two_things_is_called_by_its_service_also_where_it_is_only_referred_to() -> None:
    thing = {"type": "object", "properties": {"part": {"$ref": "#/components/schemas/Part"}}}
    one = a_document("/one", {"Thing": thing, "Part": {"type": "string"}, "Same": {"type": "null"}})
    two = a_document("/two", {"Thing": thing, "Part": {"type": "integer"}, "Same": {"type": "null"}})
    merged = openapi.merge({"a": one, "panel-bridge": two})
    schemas = merged["components"]["schemas"]
    assert sorted(schemas) == ["APart", "AThing", "PanelBridgePart", "PanelBridgeThing", "Same"]
    assert schemas["PanelBridgeThing"]["properties"]["part"]["$ref"].endswith("/PanelBridgePart")
    assert all(reference.removeprefix("#/components/schemas/") in schemas for reference in refs(merged))
    assert openapi.render(merged) == openapi.render(openapi.merge({"panel-bridge": two, "a": one}))


@pytest.mark.parametrize(("path", "id"), [("/one", "two"), ("/two", "one")])
def test_one_operation_in_two_services_is_refused(path: str, id: str) -> None:
    with pytest.raises(openapi.OneOperationTwice):
        openapi.merge({"a": a_document("/one", {}), "b": a_document(path, {}, id=id)})


def test_what_is_made_is_linked_to_whatever_takes_its_name(document: dict[str, Any]) -> None:
    takes = {
        operation["operationId"]: {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        for path, _, operation in operations(document)
        if "{" in path
    }
    links = {
        operation["operationId"]: answer["links"]
        for _, _, operation in operations(document)
        for answer in operation["responses"].values()
        if "links" in answer
    }
    for one in links.values():
        for link in one.values():
            assert link["parameters"].keys() <= takes[link["operationId"]]
    assert {"get_session", "read_state", "end_session", "list_panels"} & links["start_session"].keys()
    assert links["create_agent"]["get_agent"]["parameters"] == {"agent_id": "$response.body#/id"}
    assert links["write_agent"]["get_agent"]["parameters"] == {"agent_id": "$request.path.agent_id"}


def test_patterns_are_written_in_the_dialect_that_the_document_promises(document: dict[str, Any]) -> None:
    r"""ECMA 262 (JSON Schema 2020-12, §6.3.3), in which Python's `\Z` and `(?P<` are errors."""
    patterns = set(re.findall(r'"pattern":"((?:[^"\\]|\\.)*)"', json.dumps(document, separators=(",", ":"))))
    assert len(patterns) >= 5
    assert [one for one in patterns if re.search(r"\\\\[AZ]|\(\?P|\(\?<[=!]|\(\?[aiLmsux]", one)] == []
