"""A tool of a customer's own: a webhook that a model may call. Its signing secret is never part of it."""

import msgspec

from contracts.panels.kind import Schema


class CustomTool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a customer wrote. `parameters` is a JSON Schema (2020-12) of an object.

    `timeout_s` bounds a call with all its attempts; only a call of an `idempotent` tool is tried again once the
    other side may have seen it.
    """

    description: str
    parameters: Schema
    url: str
    timeout_s: int = 10
    idempotent: bool = False


MAX_TIMEOUT_S = 20
"""The longest that a call may take: somebody is waiting for an answer."""
