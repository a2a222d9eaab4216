"""What a custom tool must be. Pointers go into the tool as its author wrote it."""

import re
from collections.abc import Iterator

from chassis.errors import FieldError
from chassis.guarded_addresses import Permission, UrlRefused, check_url
from config.domain.pointers import outside
from config.domain.schema_rules import schema_errors
from contracts.builtin_tools import BUILTIN_TOOLS
from contracts.custom_tool import MAX_TIMEOUT_S, CustomTool
from contracts.panels.checks import HANDOFF_PREFIX

MAX_DESCRIPTION = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


def name_errors(name: str) -> Iterator[FieldError]:
    """What is wrong with a tool's name, by which agents and models know it."""
    if not _NAME.match(name):
        yield FieldError("/name", "not_a_name", "a name is a-z, 0-9 and _, begins with a letter, and has at most 64")
    elif name in BUILTIN_TOOLS or name.startswith(HANDOFF_PREFIX):
        yield FieldError("/name", "taken", f"{name} is the name of a tool of Baton's own")


def tool_errors(tool: CustomTool, *, allow: Permission | None) -> Iterator[FieldError]:
    """Every mistake of a definition; `allow` is the permission of development, None in production."""
    if not 1 <= len(tool.description.strip()) <= MAX_DESCRIPTION:
        yield FieldError("/description", "length", f"a description has 1 to {MAX_DESCRIPTION} characters")
    yield from outside("/timeout_s", tool.timeout_s, 1, MAX_TIMEOUT_S, unit=" s")
    try:
        check_url(tool.url, allow=allow)
    except UrlRefused as refused:
        yield FieldError("/url", "url_refused", str(refused))
    yield from schema_errors(tool.parameters)
