"""Given, when, then: the members of a customer and its invitations."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Conflict, NotFound, Refusal
from config.domain.members import (
    MEMBERS,
    Accept,
    ChangePassword,
    ChangeRole,
    Command,
    Erase,
    Found,
    Invite,
    LinkIdentity,
    Remove,
    RevokeInvitation,
)
from config.domain.membership import (
    MAX_MEMBERS,
    AlreadyMember,
    InvitationOver,
    LastOwner,
    OtherIdentity,
    OwnersOnly,
    StillMember,
    TooManyMembers,
)
from contracts.access import ROLES, Role
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

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OLGA, ADA, BOB = MemberId("mem_olga"), MemberId("mem_ada"), MemberId("mem_bob")
OFFER = InvitationId("inv_1")
OWNER = MemberJoined(member=OLGA, role="owner", address="olga")
ADMIN = MemberJoined(member=ADA, role="admin", address="ada", invitation=InvitationId("inv_0"))
INVITED = InvitationCreated(
    invitation=OFFER, role="developer", address="bob", digest="d", expires_at="2026-12-02T12:00:00.000000Z"
)


def invite(role: Role = "developer", *, address: str = "bob", by: Role = "owner", id: InvitationId = OFFER) -> Invite:
    ends = NOW + timedelta(days=7)
    return Invite(invitation=id, role=role, address=address, digest="d", expires_at=ends, now=NOW, by=by)


def decided(command: Command, *told: EventData) -> list[EventData]:
    return MEMBERS.decide(command, MEMBERS.fold(list(told)))


def accept(*, now: datetime = NOW) -> Accept:
    return Accept(invitation=OFFER, member=BOB, now=now)


def test_a_customer_begins_with_one_owner_and_once() -> None:
    assert decided(Found(member=OLGA, address="olga")) == [OWNER]
    with pytest.raises(Conflict):
        decided(Found(member=ADA, address="ada"), OWNER)


def test_an_invitation_becomes_a_member_in_one_decision() -> None:
    assert decided(invite(), OWNER) == [INVITED]
    joined = MemberJoined(member=BOB, role="developer", address="bob", invitation=OFFER)
    assert decided(accept(), OWNER, INVITED) == [InvitationAccepted(invitation=OFFER, member=BOB), joined]


def test_an_invitation_is_over_once_accepted_revoked_or_expired() -> None:
    accepted = InvitationAccepted(invitation=OFFER, member=BOB)
    for told in ([accepted], [InvitationRevoked(invitation=OFFER)]):
        with pytest.raises(InvitationOver):
            decided(accept(), OWNER, INVITED, *told)
    with pytest.raises(InvitationOver):
        decided(accept(now=NOW + timedelta(days=7)), OWNER, INVITED)
    with pytest.raises(NotFound):
        decided(accept(), OWNER)
    assert decided(RevokeInvitation(OFFER), OWNER, INVITED) == [InvitationRevoked(invitation=OFFER)]
    assert decided(RevokeInvitation(OFFER), OWNER, INVITED, InvitationRevoked(invitation=OFFER)) == []
    with pytest.raises(InvitationOver):
        decided(RevokeInvitation(OFFER), OWNER, INVITED, accepted)
    with pytest.raises(NotFound):
        decided(RevokeInvitation(OFFER), OWNER)


def test_an_address_is_invited_once_and_again_when_that_is_over() -> None:
    for address in ("olga", "bob"):
        with pytest.raises(AlreadyMember):
            decided(invite(address=address), OWNER, INVITED)
    another = InvitationId("inv_2")
    assert decided(invite(id=another), OWNER, INVITED, InvitationRevoked(invitation=OFFER))
    old = INVITED.__class__(
        invitation=OFFER, role="admin", address="bob", digest="d", expires_at="2026-11-25T11:00:00Z"
    )
    assert decided(invite(id=another), OWNER, old)


def test_members_and_open_invitations_are_bounded() -> None:
    crowd = [MemberJoined(member=MemberId(f"mem_{n}"), role="analyst", address=f"a{n}") for n in range(MAX_MEMBERS - 1)]
    with pytest.raises(TooManyMembers):
        decided(invite(), OWNER, *crowd)
    assert decided(invite(), OWNER, *crowd[1:])


@pytest.mark.parametrize("by", [role for role in ROLES if role != "owner"])
def test_only_an_owner_makes_changes_or_removes_owners(by: Role) -> None:
    for command in (
        invite("owner", by=by),
        ChangeRole(ADA, "owner", by),
        ChangeRole(OLGA, "admin", by),
        Remove(OLGA, by),
    ):
        with pytest.raises(OwnersOnly):
            decided(command, OWNER, ADMIN)
    assert decided(ChangeRole(ADA, "owner", "owner"), OWNER, ADMIN)


def test_the_last_owner_stays() -> None:
    for command in (Remove(OLGA, "owner"), ChangeRole(OLGA, "admin", "owner")):
        with pytest.raises(LastOwner):
            decided(command, OWNER, ADMIN)
        second = MemberRoleChanged(member=ADA, role="owner", before="admin")
        assert decided(command, OWNER, ADMIN, second)


def test_a_role_that_is_there_already_changes_nothing() -> None:
    assert decided(ChangeRole(ADA, "admin", "owner"), OWNER, ADMIN) == []
    assert decided(ChangeRole(ADA, "analyst", "admin"), OWNER, ADMIN) == [
        MemberRoleChanged(member=ADA, role="analyst", before="admin")
    ]
    for command in (ChangeRole(BOB, "admin", "owner"), Remove(BOB, "owner"), ChangePassword(BOB)):
        with pytest.raises(NotFound):
            decided(command, OWNER, ADMIN)


def test_who_is_erased_was_a_member_and_is_none() -> None:
    gone = MemberRemoved(member=ADA)
    assert decided(Erase(ADA), OWNER, ADMIN, gone) == [MemberErased(member=ADA)]
    assert decided(Erase(ADA), OWNER, ADMIN, gone, MemberErased(member=ADA)) == []
    with pytest.raises(StillMember):
        decided(Erase(ADA), OWNER, ADMIN)
    with pytest.raises(NotFound):
        decided(Erase(BOB), OWNER, ADMIN)


def test_an_account_has_one_identity_at_most() -> None:
    linked = MemberIdentityLinked(member=ADA, identity="i")
    assert decided(LinkIdentity(ADA, "i"), OWNER, ADMIN) == [linked]
    assert decided(LinkIdentity(ADA, "i"), OWNER, ADMIN, linked) == []
    with pytest.raises(OtherIdentity):
        decided(LinkIdentity(ADA, "another"), OWNER, ADMIN, linked)
    assert decided(ChangePassword(ADA, removed=True), OWNER, ADMIN) == [MemberPasswordChanged(member=ADA, removed=True)]


MEMBER = st.sampled_from([OLGA, ADA, BOB])
ROLE = st.sampled_from(ROLES)
COMMAND = st.one_of(
    st.builds(ChangeRole, MEMBER, ROLE, ROLE),
    st.builds(Remove, MEMBER, ROLE),
    st.builds(invite, ROLE, by=ROLE),
    st.just(accept()),
    st.just(RevokeInvitation(OFFER)),
)


@given(st.lists(COMMAND, max_size=30))
def test_whatever_is_asked_an_owner_is_left_and_only_owners_made_owners(commands: list[Command]) -> None:
    told: list[EventData] = [OWNER, ADMIN]
    for command in commands:
        before = MEMBERS.fold(told)
        try:
            told += MEMBERS.decide(command, before)
        except Refusal:
            continue
        after = MEMBERS.fold(told)
        assert after.owners
        invited_as = before.invitations[OFFER].role if isinstance(command, Accept) else None
        if set(after.owners) != set(before.owners):
            assert getattr(command, "by", invited_as) == "owner"
