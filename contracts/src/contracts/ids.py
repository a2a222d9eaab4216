"""The ids of Baton's things, as types; and the one rule of what an id may look like.

An id may stand in a NATS subject, so the edge checks it before anything else sees it.
"""

import re
from typing import NewType

CustomerId = NewType("CustomerId", str)
SessionId = NewType("SessionId", str)
TemplateId = NewType("TemplateId", str)
AgentId = NewType("AgentId", str)
ApiKeyId = NewType("ApiKeyId", str)
MemberId = NewType("MemberId", str)
InvitationId = NewType("InvitationId", str)
LoginId = NewType("LoginId", str)
EventId = NewType("EventId", str)
KeyId = NewType("KeyId", str)
TurnId = NewType("TurnId", str)
DocumentId = NewType("DocumentId", str)
PanelId = NewType("PanelId", str)
VersionHash = NewType("VersionHash", str)
"""SHA-256, in lower-case hex, of a published template version."""

DEPLOYMENT = CustomerId("_deployment")
"""Stands where a customer would, for what is the deployment's own. No customer's id begins with a line."""

ID_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
"""The rule as a JSON Schema pattern."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class InvalidId(ValueError):
    """An id that holds a character a subject may not hold, or is empty or longer than 64."""

    code = "invalid_id"


def is_id(text: str) -> bool:
    """Whether `text` matches ``[A-Za-z0-9_-]{1,64}``."""
    return _ID.match(text) is not None


def check_id(text: str) -> str:
    """Return `text` if it matches ``[A-Za-z0-9_-]{1,64}``; raise InvalidId otherwise."""
    if not _ID.match(text):
        shown = text if len(text) <= 80 else text[:77] + "..."
        raise InvalidId(f"{shown!r} is not an id: use 1 to 64 of A-Z a-z 0-9 _ -")
    return text
