"""Logins: a member's being let in on one device, from its proof to its end. One stream each, of one or two events."""

from typing import Literal

from contracts.ids import MemberId
from contracts.registry import EventData, event

Proof = Literal["password", "oidc", "invitation", "registration"]
"""How the member showed who it is."""

LoginEnd = Literal["logged_out", "revoked", "refresh_reused", "password_changed", "identity_linked", "member_removed"]


@event("login.opened")
class LoginOpened(EventData, frozen=True, kw_only=True):
    """The member was given tokens."""

    member: MemberId
    by: Proof


@event("login.ended")
class LoginEnded(EventData, frozen=True, kw_only=True):
    """Its tokens open nothing from here on. A login that merely expires has no such event."""

    member: MemberId
    why: LoginEnd


LoginEvent = LoginOpened | LoginEnded
