"""/api/invitations"""

import asyncio
import datetime
from typing import Any, Literal, cast

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromQuery, JSONBody

from chassis.access import CustomerIsSuspended
from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import PositionText
from config.domain.membership import AlreadyMember, InvitationOver, OwnersOnly, TooManyMembers
from config.handlers.people.invitations import Invited
from config.handlers.people.joining import AddressTaken, UnknownInvitation
from config.handlers.people.parts import PeopleParts
from config.http.answers import encoded
from config.http.auth import Password, Text, Token
from config.http.lists import LISTS, ReadModels
from config.http.members import level
from config.http.people import REFUSES_PASSWORDS, Parts, Tokens, admit, tokens
from config.read_models.people import Row, people_of
from contracts.access import Role
from contracts.envelope import parse_time
from contracts.events.invitation import InvitationCreated, Invitee
from contracts.ids import InvitationId, MemberId

State = Literal["open", "expired", "accepted", "revoked"]


class InvitationRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is invited, and as what."""

    email: Text
    role: Role


class InvitationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is shown this once. Nobody mails it: give it to whom you invite."""

    id: InvitationId
    token: str
    email: str
    role: Role
    expires_at: datetime.datetime
    position: str


class InvitationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation in a list. `email` is null once it is over; `member_id` is whom it made, if anybody."""

    id: InvitationId
    email: str | None
    role: Role
    state: State
    member_id: MemberId | None
    created_at: datetime.datetime
    expires_at: datetime.datetime


class InvitationPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of invitations, by id; `next_cursor` is null on the last."""

    data: list[InvitationSummary]
    next_cursor: str | None = None


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token as it was given, what you are called, and the password that you will log in with."""

    token: Token
    name: Text
    password: Password


@post(
    "/api/invitations",
    opt={"scope": "members:write", "refuses": (OwnersOnly, AlreadyMember, TooManyMembers), "idempotent": True},
)
async def invite_member(data: JSONBody[InvitationRequest], principal: Caller, people: Parts) -> InvitationAnswer:
    """Invite somebody for seven days. Only an owner invites owners."""
    invited = await people.invitations.create(principal, email=data.email, role=data.role)
    return invitation_answer(invited, data.email, data.role)


@get("/api/invitations", opt={"scope": "members:read", "refuses": LISTS})
async def list_invitations(
    principal: Caller,
    people: Parts,
    pool: ReadModels,
    over: FromQuery[bool] = False,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> InvitationPage:
    """Invitations that nobody has answered; those that were accepted or revoked too where `over` is true."""
    await level(pool, min_position)
    after = decode_cursor(cursor, str) or ""
    rows = await people_of(pool, principal.customer, "invitation", all_states=over, after=after, limit=limit + 1)
    data, following = page_of(rows, limit=limit, key=lambda row: row.id)
    now = datetime.datetime.now(datetime.UTC)
    listed = await asyncio.gather(*(_summary(people, row, now) for row in data))
    return InvitationPage(data=listed, next_cursor=following)


@delete("/api/invitations/{invitation_id:str}", opt={"scope": "members:write", "refuses": (InvitationOver,)})
async def revoke_invitation(invitation_id: PathId, principal: Caller, people: Parts) -> None:
    """Take an invitation back; twice is safe."""
    await people.invitations.revoke(principal, InvitationId(invitation_id))


@post(
    "/api/invitations/accept",
    opt={
        "public": True,
        "refuses": (*REFUSES_PASSWORDS, UnknownInvitation, InvitationOver, AddressTaken, CustomerIsSuspended),
    },
)
async def accept_invitation(
    data: JSONBody[Acceptance], request: Request[Any, Any, Any], people: Parts
) -> Response[Tokens]:
    """Become a member, and log in."""
    await admit(people, request)
    given = await people.joining.accept(data.token, name=data.name, password=data.password)
    return tokens(given, status=201)


def invitation_answer(invited: Invited, email: str, role: Role) -> InvitationAnswer:
    """An invitation as it is told to whoever made it."""
    (created,) = [one for one in invited.handled.events if isinstance(one, InvitationCreated)]
    return InvitationAnswer(
        id=invited.id,
        token=invited.token,
        email=email.strip(),
        role=role,
        expires_at=parse_time(created.expires_at),
        position=encoded(invited.handled.position),
    )


async def _summary(people: PeopleParts, row: Row, now: datetime.datetime) -> InvitationSummary:
    id = InvitationId(row.id)
    assert row.expires_at is not None
    opened = await people.sealed.open(row.sealed, id) if row.sealed else None
    expired = row.state == "open" and row.expires_at <= now
    return InvitationSummary(
        id=id,
        email=opened.email if isinstance(opened, Invitee) else None,
        role=msgspec.convert(row.role, Role),
        state="expired" if expired else cast("State", row.state),
        member_id=MemberId(row.member) if row.member else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


ROUTES = [invite_member, list_invitations, revoke_invitation, accept_invitation]
