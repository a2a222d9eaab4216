"""Who is a member of a customer, who is invited, and what is refused of either. Who a person is never comes here."""

from datetime import datetime

import msgspec

from chassis.errors import Conflict, NotAllowed, NotFound
from contracts.access import Role
from contracts.ids import InvitationId, MemberId

MAX_MEMBERS = 1000
"""With invitations that are open."""


class Member(msgspec.Struct, frozen=True):
    """A member: its role, by which address it was found first, and which identity is linked, if any."""

    role: Role
    address: str
    identity: str = ""


class Invitation(msgspec.Struct, frozen=True):
    """An invitation that is neither accepted nor revoked; it may have expired."""

    role: Role
    address: str
    digest: str
    expires_at: datetime


class State(msgspec.Struct, frozen=True):
    """Who is a member, who is invited, which invitations are over (with the member that one made, if any), and who was
    a member (and whether that one is erased).
    """

    members: dict[MemberId, Member] = {}
    invitations: dict[InvitationId, Invitation] = {}
    over: dict[InvitationId, MemberId | None] = {}
    former: dict[MemberId, bool] = {}

    @property
    def owners(self) -> list[MemberId]:
        """All who are owners."""
        return [id for id, member in self.members.items() if member.role == "owner"]


class LastOwner(Conflict):
    """A customer without an owner could never have one again."""

    code, title = "last_owner", "A customer keeps at least one owner"


class OwnersOnly(NotAllowed):
    """What only an owner may do to owners."""

    code, title = "owners_only", "Only an owner makes, changes or removes owners"


class AlreadyMember(Conflict):
    """The address belongs to a member, or an open invitation holds it."""

    code, title = "already_member", "This address is a member's, or is invited already"


class TooManyMembers(Conflict):
    """There are as many as there may be."""

    code, title = "too_many_members", f"A customer has at most {MAX_MEMBERS} members and open invitations"


class InvitationOver(Conflict):
    """Accepted, revoked or expired."""

    code, title = "invitation_over", "The invitation was accepted or revoked, or has expired"


class StillMember(Conflict):
    """Who is a member has a name."""

    code, title = "still_member", "Only who is a member no more can be erased"


class OtherIdentity(NotAllowed):
    """The account is linked to another identity of the provider."""

    code, title = "other_identity", "The account belongs to another identity of the provider"


def find(state: State, id: MemberId) -> Member:
    """One member; raises NotFound."""
    if id not in state.members:
        raise NotFound("no such member")
    return state.members[id]


def open_invitation(state: State, id: InvitationId, *, now: datetime) -> Invitation:
    """One that can still be accepted; raises NotFound, InvitationOver."""
    if id in state.over:
        raise InvitationOver
    if id not in state.invitations:
        raise NotFound("no such invitation")
    if state.invitations[id].expires_at <= now:
        raise InvitationOver
    return state.invitations[id]
