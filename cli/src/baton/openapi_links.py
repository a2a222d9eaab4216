"""Links of the document (OpenAPI 3.1, §4.8.20): what an answer names, and which operations take it from there.

They follow from the paths: what is made at ``/api/things`` is found at ``/api/things/{thing_id}`` and below.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_NAMES = ("id", "session_id", "name")
"""By which of its members an answer names what was made: the first that it has."""
_ELSEWHERE = {"/api/session/start": ("/api/session", "/api/sessions")}
"""What is made at these paths is found below those."""


class _Operation(NamedTuple):
    path: str
    method: str
    told: dict[str, Any]


def link(document: dict[str, Any]) -> None:
    """Write into each answer that names a thing which operations take its name."""
    operations = [
        _Operation(path, method, told) for path, item in document["paths"].items() for method, told in item.items()
    ]
    for one in operations:
        for status in {"200", "201", "202"} & one.told["responses"].keys():
            answer = one.told["responses"][status]
            if links := dict(_links(one, _members(answer, document), operations)):
                answer["links"] = links


def _links(
    made: _Operation, members: Mapping[str, Any], operations: list[_Operation]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """By the id of the operation that takes it."""
    for prefix, value in _places(made, members):
        for path, _, told in operations:
            parameter = re.match(re.escape(prefix) + r"/{(\w+)}(?:/|\Z)", path)
            if parameter and told is not made.told:
                id = told["operationId"]
                yield id, {"operationId": id, "parameters": {parameter[1]: value}}


def _places(made: _Operation, members: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Below which paths it is found, and by which expression."""
    named = next((name for name in _NAMES if name in members), None)
    if made.method == "put" and (own := re.fullmatch(r"([^{}]+)/{(\w+)}", made.path)):
        yield own[1], f"$request.path.{own[2]}"
    elif made.method == "post" and named is not None and "{" not in made.path:
        for prefix in _ELSEWHERE.get(made.path, (made.path,)):
            yield prefix, f"$response.body#/{named}"


def _members(answer: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of the answer's JSON object; none where it is something else."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    if reference := schema.get("$ref"):
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    members: Mapping[str, Any] = schema.get("properties", {})
    return members
