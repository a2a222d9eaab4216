"""Invitations to become a member, in the stream of the customer's members.

The token that accepts one is never here: `digest` is HMAC-SHA-256 (hex) of it under the deployment's pepper.
"""

from contracts.access import Role
from contracts.ids import InvitationId, MemberId
from contracts.registry import EventData, Personal, event


class Invitee(Personal, frozen=True, kw_only=True):
    """Who is invited."""

    email: str


@event("invitation.created", personal=Invitee)
class InvitationCreated(EventData, frozen=True, kw_only=True):
    """Whoever has the token, or proves the address, may become a member until `expires_at` (RFC 3339 UTC)."""

    invitation: InvitationId
    role: Role
    address: str
    digest: str
    expires_at: str


@event("invitation.revoked")
class InvitationRevoked(EventData, frozen=True, kw_only=True):
    """It can no longer be accepted."""

    invitation: InvitationId


@event("invitation.accepted")
class InvitationAccepted(EventData, frozen=True, kw_only=True):
    """It made `member`, and makes nobody else."""

    invitation: InvitationId
    member: MemberId


InvitationEvent = InvitationCreated | InvitationRevoked | InvitationAccepted
