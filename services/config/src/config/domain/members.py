"""The members of a customer and its invitations: one stream, so that the last owner cannot be lost between two changes.

Who a person is never comes here: an address is a keyed digest, names and addresses are sealed beside the events.
"""

from datetime import datetime
from typing import assert_never

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, NotFound
from config.domain.membership import (
    MAX_MEMBERS,
    AlreadyMember,
    Invitation,
    InvitationOver,
    LastOwner,
    Member,
    OtherIdentity,
    OwnersOnly,
    State,
    StillMember,
    TooManyMembers,
    find,
    open_invitation,
)
from contracts.access import Role
from contracts.envelope import format_time, parse_time
from contracts.events.invitation import InvitationAccepted, InvitationCreated, InvitationRevoked
from contracts.events.member import (
    MemberErased,
    MemberIdentityLinked,
    MemberJoined,
    MemberPasswordChanged,
    MemberRemoved,
    MemberRoleChanged,
)
from contracts.ids import InvitationId, MemberId
from contracts.registry import EventData


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Begin with the owner who registers the customer."""

    member: MemberId
    address: str


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """Offer a role to whoever has the token of `digest`, or proves the address; `by` is the asking one's role."""

    invitation: InvitationId
    role: Role
    address: str
    digest: str
    expires_at: datetime
    now: datetime
    by: Role


class RevokeInvitation(msgspec.Struct, frozen=True):
    """Take an offer back."""

    invitation: InvitationId


class Accept(msgspec.Struct, frozen=True, kw_only=True):
    """Become a member; `identity` is that of an OIDC provider, or empty."""

    invitation: InvitationId
    member: MemberId
    now: datetime
    identity: str = ""


class ChangeRole(msgspec.Struct, frozen=True):
    """Give a member another role; `by` is the asking one's."""

    member: MemberId
    role: Role
    by: Role


class Remove(msgspec.Struct, frozen=True):
    """End a membership; `by` is the asking one's role."""

    member: MemberId
    by: Role


class Erase(msgspec.Struct, frozen=True):
    """Forget what a former member was called."""

    member: MemberId


class ChangePassword(msgspec.Struct, frozen=True):
    """Say that there is another password, or none."""

    member: MemberId
    removed: bool = False


class LinkIdentity(msgspec.Struct, frozen=True):
    """Let an identity of the OIDC provider open the account; it has one at most."""

    member: MemberId
    identity: str


Command = Found | Invite | RevokeInvitation | Accept | ChangeRole | Remove | Erase | ChangePassword | LinkIdentity


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    match event:
        case MemberJoined(member=id, role=role, address=address, identity=identity):
            return _with(state, id, Member(role, address, identity))
        case MemberRoleChanged(member=id, role=role):
            return _with(state, id, msgspec.structs.replace(state.members[id], role=role))
        case MemberIdentityLinked(member=id, identity=identity):
            return _with(state, id, msgspec.structs.replace(state.members[id], identity=identity))
        case MemberRemoved(member=id):
            left = _without(state.members, id)
            return msgspec.structs.replace(state, members=left, former={**state.former, id: False})
        case MemberErased(member=id):
            return msgspec.structs.replace(state, former={**state.former, id: True})
        case InvitationCreated(invitation=offer):
            made = Invitation(event.role, event.address, event.digest, parse_time(event.expires_at))
            return msgspec.structs.replace(state, invitations={**state.invitations, offer: made})
        case InvitationRevoked(invitation=offer):
            return _over(state, offer, None)
        case InvitationAccepted(invitation=offer, member=id):
            return _over(state, offer, id)
        case _:
            return state


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises the refusals above and NotFound."""
    match command:
        case Found():
            if state.members:
                raise Conflict("the customer has members already")
            return [MemberJoined(member=command.member, role="owner", address=command.address)]
        case Invite():
            return _invite(command, state)
        case RevokeInvitation(id):
            return _revoke(id, state)
        case Accept():
            return _accept(command, state)
        case ChangeRole():
            return _change_role(command, state)
        case Remove():
            return _remove(command, state)
        case Erase(id):
            return _erase(id, state)
        case ChangePassword(id, removed):
            find(state, id)
            return [MemberPasswordChanged(member=id, removed=removed)]
        case LinkIdentity(id, identity):
            return _link(find(state, id), id, identity)
        case _:
            assert_never(command)


def _invite(command: Invite, state: State) -> list[EventData]:
    if command.role == "owner" and command.by != "owner":
        raise OwnersOnly
    still_open = [one for one in state.invitations.values() if one.expires_at > command.now]
    taken = {one.address for one in still_open} | {one.address for one in state.members.values()}
    if command.address in taken:
        raise AlreadyMember
    if len(state.members) + len(still_open) >= MAX_MEMBERS:
        raise TooManyMembers
    return [
        InvitationCreated(
            invitation=command.invitation,
            role=command.role,
            address=command.address,
            digest=command.digest,
            expires_at=format_time(command.expires_at),
        )
    ]


def _revoke(id: InvitationId, state: State) -> list[EventData]:
    if id in state.over:
        if state.over[id] is not None:
            raise InvitationOver
        return []
    if id not in state.invitations:
        raise NotFound("no such invitation")
    return [InvitationRevoked(invitation=id)]


def _accept(command: Accept, state: State) -> list[EventData]:
    offer = open_invitation(state, command.invitation, now=command.now)
    joined = MemberJoined(
        member=command.member,
        role=offer.role,
        address=offer.address,
        invitation=command.invitation,
        identity=command.identity,
    )
    return [InvitationAccepted(invitation=command.invitation, member=command.member), joined]


def _change_role(command: ChangeRole, state: State) -> list[EventData]:
    member = find(state, command.member)
    if "owner" in (member.role, command.role) and command.by != "owner":
        raise OwnersOnly
    if member.role == command.role:
        return []
    if state.owners == [command.member]:
        raise LastOwner
    return [MemberRoleChanged(member=command.member, role=command.role, before=member.role)]


def _remove(command: Remove, state: State) -> list[EventData]:
    member = find(state, command.member)
    if member.role == "owner" and command.by != "owner":
        raise OwnersOnly
    if state.owners == [command.member]:
        raise LastOwner
    return [MemberRemoved(member=command.member)]


def _erase(id: MemberId, state: State) -> list[EventData]:
    if id in state.members:
        raise StillMember
    if id not in state.former:
        raise NotFound("no such member")
    return [] if state.former[id] else [MemberErased(member=id)]


def _link(member: Member, id: MemberId, identity: str) -> list[EventData]:
    if member.identity:
        if member.identity != identity:
            raise OtherIdentity
        return []
    return [MemberIdentityLinked(member=id, identity=identity)]


def _with(state: State, id: MemberId, member: Member) -> State:
    return msgspec.structs.replace(state, members={**state.members, id: member})


def _without(known: dict[MemberId, Member], id: MemberId) -> dict[MemberId, Member]:
    return {other: member for other, member in known.items() if other != id}


def _over(state: State, id: InvitationId, member: MemberId | None) -> State:
    left = {other: offer for other, offer in state.invitations.items() if other != id}
    return msgspec.structs.replace(state, invitations=left, over={**state.over, id: member})


MEMBERS: Decider[Command, EventData, State] = Decider(initial=State(), evolve=evolve, decide=decide)
