"""The people of a customer: all its members are in one stream, so that no two changes can leave it without an owner.

An `address` is a keyed digest of a normalised e-mail address, by which a person is found; an `identity` one of what an
OIDC provider calls the person. Passwords are never here: config keeps their hashes beside the log.
"""

from contracts.access import Role
from contracts.ids import InvitationId, MemberId
from contracts.registry import EventData, Personal, event


class Person(Personal, frozen=True, kw_only=True):
    """What a person is called, and where they are written to."""

    name: str
    email: str


@event("member.joined", personal=Person)
class MemberJoined(EventData, frozen=True, kw_only=True):
    """A person is now one of the customer's: by an invitation, or, where that is empty, as who registered it."""

    member: MemberId
    role: Role
    address: str
    invitation: InvitationId = InvitationId("")
    identity: str = ""


@event("member.role_changed")
class MemberRoleChanged(EventData, frozen=True, kw_only=True):
    """What the member may do from now on; `before` is the role that it had."""

    member: MemberId
    role: Role
    before: Role


@event("member.password_changed")
class MemberPasswordChanged(EventData, frozen=True, kw_only=True):
    """The member has another password, or, where `removed`, none: it logs in by OIDC only."""

    member: MemberId
    removed: bool = False


@event("member.identity_linked")
class MemberIdentityLinked(EventData, frozen=True, kw_only=True):
    """From now on the OIDC provider's word for this identity opens the member's account."""

    member: MemberId
    identity: str


@event("member.removed")
class MemberRemoved(EventData, frozen=True, kw_only=True):
    """The member is none any more, and nothing of its opens anything."""

    member: MemberId


@event("member.erased")
class MemberErased(EventData, frozen=True, kw_only=True):
    """The key that opens what a former member was called is destroyed."""

    member: MemberId


MemberEvent = (
    MemberJoined | MemberRoleChanged | MemberPasswordChanged | MemberIdentityLinked | MemberRemoved | MemberErased
)
