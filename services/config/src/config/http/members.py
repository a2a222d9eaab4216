"""/api/members"""

import asyncio
import datetime

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import FromQuery, JSONBody

from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from chassis.http.pages import DEFAULT_LIMIT, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import PositionText, position
from chassis.postgres.pool import Pool
from chassis.postgres.wait import wait_for_position
from config.domain.membership import LastOwner, Member, OwnersOnly, StillMember
from config.handlers.people.parts import PeopleParts
from config.http.answers import encoded, tagged
from config.http.lists import LISTS, ReadModels
from config.http.people import Parts
from config.read_models.entity_index import SERVICE
from config.read_models.people import People, Row, people_of
from contracts.access import Role
from contracts.events.member import MemberJoined, Person
from contracts.ids import CustomerId, MemberId
from contracts.positions import Position

_WAIT_S = 2.0


class MemberSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A member in a list. `name` and `email` are null where they were erased; `removed` ones are members no more."""

    id: MemberId
    name: str | None
    email: str | None
    role: Role
    has_password: bool
    has_identity: bool
    removed: bool
    joined_at: datetime.datetime
    updated_at: datetime.datetime


class MemberPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of members, by id, which is as they joined; `next_cursor` is null on the last."""

    data: list[MemberSummary]
    next_cursor: str | None = None


class MemberAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A member as it now stands."""

    id: MemberId
    name: str | None
    email: str | None
    role: Role
    position: str


class RoleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The role that the member shall have."""

    role: Role


@get("/api/members", opt={"scope": "members:read", "refuses": LISTS})
async def list_members(
    principal: Caller,
    people: Parts,
    pool: ReadModels,
    removed: FromQuery[bool] = False,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> MemberPage:
    """Your members; those who were removed too where `removed` is true."""
    await level(pool, min_position)
    after = decode_cursor(cursor, str) or ""
    rows = await people_of(pool, principal.customer, "member", all_states=removed, after=after, limit=limit + 1)
    data, following = page_of(rows, limit=limit, key=lambda row: row.id)
    return MemberPage(data=await asyncio.gather(*(_summary(people, row) for row in data)), next_cursor=following)


@get("/api/members/{member_id:str}", opt={"scope": "members:read", "etag": True})
async def get_member(member_id: PathId, principal: Caller, people: Parts) -> Response[MemberAnswer]:
    """One member. The ETag is that of all your members: any change among them makes another."""
    id = MemberId(member_id)
    member, stream = await people.roster.member(principal.customer, id)
    return await _answer(people, principal.customer, id, member, stream.position)


@put(
    "/api/members/{member_id:str}",
    opt={
        "scope": "members:write",
        "refuses": (OwnersOnly, LastOwner, BadTag),
        "conditional": True,
        "etag": True,
    },
)
async def change_role(
    member_id: PathId,
    data: JSONBody[RoleChange],
    principal: Caller,
    people: Parts,
    if_match: IfMatch = None,
) -> Response[MemberAnswer]:
    """Give a member another role; it acts at once. Only an owner makes or changes owners, and the last one stays."""
    id, check = MemberId(member_id), precondition(if_match)
    handled = await people.membership.change_role(principal, id, data.role, check=check)
    return await _answer(people, principal.customer, id, handled.state.members[id], handled.position)


@delete("/api/members/{member_id:str}", opt={"scope": "members:write", "refuses": (OwnersOnly, LastOwner)})
async def remove_member(member_id: PathId, principal: Caller, people: Parts) -> None:
    """End a membership, at once and with all its logins. Keys that the member made stay: revoke them apart."""
    await people.membership.remove(principal, MemberId(member_id))


@post("/api/members/{member_id:str}/erase", opt={"scope": "members:write", "refuses": (StillMember,)}, status_code=204)
async def erase_member(member_id: PathId, principal: Caller, people: Parts) -> None:
    """Forget name and address of a former member for good; what it did stays, under its id. Twice is safe."""
    await people.membership.erase(principal, MemberId(member_id))


async def level(pool: Pool, min_position: str | None) -> None:
    """Wait a little for the lists of people to reach a position; raises BadPosition, Behind, PositionOfAnotherLog."""
    if (wanted := position(min_position, name="min_position")) is not None:
        await wait_for_position(pool, SERVICE, People.name, wanted, timeout_s=_WAIT_S)


async def _summary(people: PeopleParts, row: Row) -> MemberSummary:
    id = MemberId(row.id)
    opened = await people.sealed.open(row.sealed, id) if row.sealed else None
    person = opened if isinstance(opened, Person) else None
    return MemberSummary(
        id=id,
        name=person.name if person else None,
        email=person.email if person else None,
        role=msgspec.convert(row.role, Role),
        has_password=row.has_password,
        has_identity=row.has_identity,
        removed=row.state == "removed",
        joined_at=row.created_at,
        updated_at=row.updated_at,
    )


async def _answer(
    people: PeopleParts, customer: CustomerId, id: MemberId, member: Member, at: Position | None
) -> Response[MemberAnswer]:
    joined = await people.roster.beginning(customer, MemberJoined, id)
    opened = await people.sealed.open(joined, id) if joined else None
    person = opened if isinstance(opened, Person) else None
    told = MemberAnswer(
        id=id,
        name=person.name if person else None,
        email=person.email if person else None,
        role=member.role,
        position=encoded(at),
    )
    return Response(told, headers=tagged(at))


ROUTES = [list_members, get_member, change_role, remove_member, erase_member]
