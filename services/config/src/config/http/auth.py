"""/api/auth: registering, logging in and out, and what a member does with its own account."""

import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody

from chassis.access import CustomerIsSuspended
from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, BadCursor, CursorText, PageLimit, decode_cursor, page_of
from chassis.principal import Principal
from config.adapters.attempts import TooManyAttempts
from config.adapters.logins import Login
from config.domain.customer import Known
from config.handlers.people.entry import BadCredentials
from config.handlers.people.joining import AddressTaken, Newcomer, RegistrationClosed
from config.handlers.people.logins import BadRefreshToken, RefreshReused
from config.handlers.people.membership import NoPassword, WrongPassword
from config.handlers.people.parts import LoginsOff, PeopleParts
from config.handlers.people.passwords import PasswordsBusy
from config.http.people import REFUSES_PASSWORDS, Parts, Tokens, admit, check_on, tokens
from contracts.access import Role
from contracts.events.login import LoginEnd, Proof
from contracts.events.member import MemberJoined, Person
from contracts.ids import CustomerId, LoginId, MemberId

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new customer and its owner. A password has 12 to 128 characters."""

    email: Text
    password: Password
    name: Text
    customer_name: Text


class LoginRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail address, in any spelling, and its password."""

    email: Text
    password: Password


class RefreshRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token of the last answer."""

    refresh_token: Token


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password in force, and the one that replaces it."""

    current: Password
    new: Password


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """A member as it is itself. `name` and `email` are null where they were erased."""

    id: MemberId
    name: str | None
    email: str | None
    role: Role
    scopes: list[str]
    customer_id: CustomerId
    customer_name: str


class LoginSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A login that is open: by what it was proved, and whether it is the asking one."""

    id: LoginId
    proof: Proof
    opened_at: datetime.datetime
    last_used_at: datetime.datetime
    expires_at: datetime.datetime
    current: bool


class LoginPage(msgspec.Struct, frozen=True, kw_only=True):
    """Open logins, oldest first; `next_cursor` is null on the last page."""

    data: list[LoginSummary]
    next_cursor: str | None = None


@post("/api/auth/register", opt={"public": True, "refuses": (*REFUSES_PASSWORDS, RegistrationClosed, AddressTaken)})
async def register_customer(
    data: JSONBody[Registration], request: Request[Any, Any, Any], people: Parts
) -> Response[Tokens]:
    """Become a customer, and its owner; where the deployment lets anybody."""
    await admit(people, request)
    who = Newcomer(email=data.email, name=data.name, password=data.password)
    return tokens(await people.joining.register(who, company=data.customer_name), status=201)


@post(
    "/api/auth/login",
    opt={"public": True, "refuses": (*REFUSES_PASSWORDS, BadCredentials, CustomerIsSuspended)},
    status_code=200,
)
async def log_in(data: JSONBody[LoginRequest], request: Request[Any, Any, Any], people: Parts) -> Response[Tokens]:
    """Log in by password. An address that nobody has is refused as a wrong password is."""
    await admit(people, request)
    return tokens(await people.entry.by_password(data.email, data.password))


@post(
    "/api/auth/refresh",
    opt={"public": True, "refuses": (LoginsOff, BadRefreshToken, RefreshReused, CustomerIsSuspended)},
    status_code=200,
)
async def refresh_login(data: JSONBody[RefreshRequest], people: Parts) -> Response[Tokens]:
    """Change a refresh token for new tokens; it is good once."""
    check_on(people)
    return tokens(await people.logins.refresh(data.refresh_token))


@post("/api/auth/logout", opt={"member": True}, status_code=204)
async def log_out(principal: Caller, people: Parts) -> None:
    """End this login: its tokens open nothing from here on."""
    await _end(people, principal, LoginId(principal.login))


@get("/api/auth/me", opt={"member": True})
async def get_me(principal: Caller, people: Parts) -> Me:
    """Who you are, and what you may."""
    person = await _person(people, principal)
    customer = (await people.customers.find(principal.customer)).state
    assert isinstance(customer, Known)
    assert principal.role is not None
    return Me(
        id=MemberId(principal.actor),
        name=person.name if person else None,
        email=person.email if person else None,
        role=principal.role,
        scopes=sorted(principal.scopes),
        customer_id=principal.customer,
        customer_name=customer.name,
    )


@get("/api/auth/sessions", opt={"member": True, "refuses": (BadCursor,)})
async def list_logins(
    principal: Caller, people: Parts, cursor: CursorText = None, limit: PageLimit = DEFAULT_LIMIT
) -> LoginPage:
    """Your logins that are open, on whatever device."""
    after = decode_cursor(cursor, str) or ""
    found = await people.logins.of(principal.customer, MemberId(principal.actor), after=after, limit=limit + 1)
    data, following = page_of(found, limit=limit, key=lambda one: one.id)
    return LoginPage(data=[_summary(one, principal) for one in data], next_cursor=following)


@delete("/api/auth/sessions/{login_id:str}", opt={"member": True})
async def end_login(login_id: PathId, principal: Caller, people: Parts) -> None:
    """End one of your logins."""
    await _end(people, principal, LoginId(login_id), revoked=True)


@post(
    "/api/auth/password",
    opt={"member": True, "refuses": (WrongPassword, NoPassword, TooManyAttempts, PasswordsBusy)},
    status_code=204,
)
async def change_password(data: JSONBody[PasswordChange], principal: Caller, people: Parts) -> None:
    """Change your password; your other logins end."""
    person = await _person(people, principal)
    email = person.email if person else ""
    await people.membership.change_password(principal, email, current=data.current, new=data.new)


async def _end(people: PeopleParts, principal: Principal, login: LoginId, *, revoked: bool = False) -> None:
    member = MemberId(principal.actor)
    why: LoginEnd = "revoked" if revoked else "logged_out"
    await people.logins.end(principal.customer, member, login, why=why, actor=member)


async def _person(people: PeopleParts, principal: Principal) -> Person | None:
    member = MemberId(principal.actor)
    joined = await people.roster.beginning(principal.customer, MemberJoined, member)
    opened = await people.sealed.open(joined, member) if joined else None
    return opened if isinstance(opened, Person) else None


def _summary(login: Login, principal: Principal) -> LoginSummary:
    return LoginSummary(
        id=login.id,
        proof=login.proof,
        opened_at=login.opened_at,
        last_used_at=login.used_at,
        expires_at=login.expires_at,
        current=login.id == principal.login,
    )


ROUTES = [register_customer, log_in, refresh_login, log_out, get_me, list_logins, end_login, change_password]
