"""Which scopes each role has: enough for its work, and no more."""

import re

import pytest

from contracts.access import PUBLISHABLE_SCOPES, ROLES, SCOPES, scopes_of

pytestmark = pytest.mark.unit


def test_a_scope_is_a_resource_and_what_is_done_to_it() -> None:
    assert all(re.fullmatch(r"[a-z_]+:(read|write)", scope) for scope in SCOPES)
    assert set(PUBLISHABLE_SCOPES) <= SCOPES


def test_owners_and_admins_have_every_scope_and_no_other_role_has() -> None:
    assert [role for role in ROLES if scopes_of(role) == SCOPES] == ["owner", "admin"]
    for role in ROLES:
        assert scopes_of(role) <= SCOPES


def test_nobody_but_owners_and_admins_reaches_people_prices_or_limits_to_change_them() -> None:
    for role in ("developer", "analyst", "billing"):
        assert not scopes_of(role) & {"members:read", "members:write", "prices:write", "limits:write"}


def test_analysts_and_billing_change_nothing_and_billing_reads_no_session() -> None:
    for role in ("analyst", "billing"):
        assert all(scope.endswith(":read") for scope in scopes_of(role))
    assert scopes_of("billing") == {"usage:read", "prices:read", "limits:read"}
    assert "sessions:read" in scopes_of("analyst")
    assert "audit:read" not in scopes_of("developer")
