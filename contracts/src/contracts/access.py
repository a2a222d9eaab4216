"""Who may do what: the scopes that a credential can have, and which of them come with each role of a member.

A scope is `<resource>:read` or `<resource>:write`. An owner and an admin have all of them; what only an owner may do
(make, change and remove owners) is a rule about people, not a scope. The other roles have the least that their work
takes. A new scope is a line here.
"""

from typing import Literal

Role = Literal["owner", "admin", "developer", "analyst", "billing"]
"""What a member is to its customer."""

ROLES: tuple[Role, ...] = ("owner", "admin", "developer", "analyst", "billing")

_BESIDE_ADMINS: dict[str, frozenset[Role]] = {
    "agents:read": frozenset({"developer", "analyst"}),
    "agents:write": frozenset({"developer"}),
    "audit:read": frozenset({"analyst"}),
    "keys:read": frozenset({"developer"}),
    "keys:write": frozenset({"developer"}),
    "knowledge:read": frozenset({"developer", "analyst"}),
    "knowledge:write": frozenset({"developer"}),
    "limits:read": frozenset({"developer", "analyst", "billing"}),
    "limits:write": frozenset(),
    "members:read": frozenset(),
    "members:write": frozenset(),
    "panel_kinds:read": frozenset({"developer", "analyst"}),
    "panel_kinds:write": frozenset({"developer"}),
    "panels:write": frozenset({"developer"}),
    "prices:read": frozenset({"analyst", "billing"}),
    "prices:write": frozenset(),
    "providers:read": frozenset({"developer"}),
    "providers:write": frozenset({"developer"}),
    "sessions:read": frozenset({"developer", "analyst"}),
    "sessions:write": frozenset({"developer"}),
    "templates:read": frozenset({"developer", "analyst"}),
    "templates:write": frozenset({"developer"}),
    "tools:read": frozenset({"developer", "analyst"}),
    "tools:write": frozenset({"developer"}),
    "usage:read": frozenset({"developer", "analyst", "billing"}),
    "webhooks:read": frozenset({"developer"}),
    "webhooks:write": frozenset({"developer"}),
}
"""Every scope, and the roles that have it beside owners and admins."""

SCOPES = frozenset(_BESIDE_ADMINS)
"""Every scope that there is."""

PUBLISHABLE_SCOPES = ["sessions:write"]
"""Of every publishable key; and of what the scope opens, only the start of a session is open to it."""


def scopes_of(role: Role) -> frozenset[str]:
    """What a member of this role may do."""
    if role in ("owner", "admin"):
        return SCOPES
    return frozenset(scope for scope, roles in _BESIDE_ADMINS.items() if role in roles)
