"""What a panel kind of a customer's own must be. Pointers go into the file as its author wrote it.

Its schemas are held against what models and participants make up, inside a live call: beside the rules of every kind
there are no regular expressions, which no time limit can stop, and sets are small, since comparing all with all is not.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

import jsonschema
import msgspec

from chassis.errors import FieldError
from chassis.guarded_addresses import Permission, UrlRefused, check_url
from config.domain.pointers import pointer
from config.domain.schema_rules import MAX_NESTED, NOT_OFFERED, too_deep
from contracts.builtin_tools import BUILTIN_TOOLS
from contracts.panels.checks import kind_mistakes, schema_parts, schemas_of
from contracts.panels.kind import PanelKind, Schema
from contracts.panels.refusals import BadPanelKind
from contracts.panels.tools import panel_tools

MAX_BYTES = 48 * 1024
"""Of a file as JSON: with its envelope it must fit an event."""
MAX_MISTAKES = 50
MAX_SET = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
_META = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)

Builtin = Mapping[str, PanelKind]


def kind_name_errors(name: str, builtin: Builtin) -> Iterator[FieldError]:
    """What is wrong with the name under which a kind shall be kept."""
    if not _NAME.match(name):
        yield FieldError("/kind", "not_a_name", "a name is a-z, 0-9 and _, begins with a letter, and has at most 48")
    elif name in builtin:
        yield FieldError("/kind", "taken", f"{name} is a panel kind of Baton's own")


def kind_errors(kind: PanelKind, builtin: Builtin, *, allow: Permission | None) -> list[FieldError]:
    """Every mistake of a kind, at most MAX_MISTAKES; `allow` is the permission of development, None in production."""
    if len(msgspec.json.encode(kind)) > MAX_BYTES:
        return [FieldError("", "too_large", f"a panel kind has at most {MAX_BYTES} bytes")]
    found = {(error.pointer, error.code): error for error in _errors(kind, builtin, allow)}
    return list(islice(found.values(), MAX_MISTAKES))


def _errors(kind: PanelKind, builtin: Builtin, allow: Permission | None) -> Iterator[FieldError]:
    yield from _url(kind, allow)
    for mistake in kind_mistakes(kind):
        yield FieldError(mistake.path, "bad_panel_kind", mistake.problem)
    for path, schema in schemas_of(kind):
        yield from _schema(schema, path)
    yield from _taken(kind, builtin)


def _url(kind: PanelKind, allow: Permission | None) -> Iterator[FieldError]:
    if not kind.url:
        yield FieldError("/url", "required", "the page that shows the panel")
        return
    try:
        check_url(kind.url, allow=allow)
    except UrlRefused as refused:
        yield FieldError("/url", "url_refused", str(refused))


def _schema(schema: Schema, path: str) -> Iterator[FieldError]:
    if too_deep(schema):
        yield FieldError(path, "too_deep", f"nested deeper than {MAX_NESTED}")
        return
    try:
        for where, part in schema_parts(schema, path):
            yield from _keywords(part, where)
    except BadPanelKind:
        return  # Too deep to be looked at, and said so already.
    for error in islice(_META.iter_errors(schema), MAX_MISTAKES):
        where = path + pointer(*error.absolute_path)
        yield FieldError(where, "not_a_schema", f"not JSON Schema 2020-12: breaks the rule {error.validator}")


def _keywords(part: Mapping[str, object], where: str) -> Iterator[FieldError]:
    for keyword in NOT_OFFERED:
        if keyword in part:
            yield FieldError(f"{where}/{keyword}", "not_offered", f"{keyword} is not offered in a panel kind")
    if part.get("uniqueItems") is True:
        items, most = part.get("items"), part.get("maxItems")
        scalars = isinstance(items, dict) and items.get("type") in ("string", "integer")
        if not scalars or not isinstance(most, int) or most > MAX_SET:
            detail = f"a set is of text or of integers, and says maxItems, at most {MAX_SET}"
            yield FieldError(f"{where}/uniqueItems", "not_offered", detail)


def _taken(kind: PanelKind, builtin: Builtin) -> Iterator[FieldError]:
    theirs = {tool.name for known in builtin.values() for tool in panel_tools(known)} | BUILTIN_TOOLS
    named = {tool.name: f"/tools/{place}/name" for place, tool in enumerate(kind.tools)}
    for tool in panel_tools(kind):
        if tool.name in theirs:
            where = named.get(tool.name, "/kind")
            yield FieldError(where, "taken", f"{tool.name} is the name of a tool of Baton's own")
