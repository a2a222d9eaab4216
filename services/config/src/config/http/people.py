"""What the routes about people share: the parts, the bound on who calls without a credential, and the tokens' form."""

from typing import Any, Literal

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from config.adapters.attempts import TooManyAttempts
from config.handlers.people.logins import LoggedIn
from config.handlers.people.parts import LoginsOff, PeopleParts
from config.handlers.people.passwords import PasswordsBusy
from contracts.ids import CustomerId, MemberId

Parts = NamedDependency[PeopleParts]
"""A handler's argument `people: Parts`."""

REFUSES = (LoginsOff, TooManyAttempts)
"""What the routes refuse that take no credential."""

REFUSES_PASSWORDS = (*REFUSES, PasswordsBusy)


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Send `access_token` as `Authorization: Bearer …`; it is good for `expires_in` seconds.

    `refresh_token` is good once, for the next pair: used a second time it ends the login.
    """

    member_id: MemberId
    customer_id: CustomerId
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 (the word of RFC 6750)


def tokens(given: LoggedIn, *, status: int = 200) -> Response[Tokens]:
    """The answer to whoever was let in, which nobody on the way may keep (RFC 6749 §5.1)."""
    told = Tokens(
        member_id=given.member,
        customer_id=given.customer,
        access_token=given.access_token,
        refresh_token=given.refresh_token,
        expires_in=given.expires_in,
    )
    return Response(told, status_code=status, headers={"Cache-Control": "no-store"})


def check_on(people: PeopleParts) -> None:
    """Raise LoginsOff where nobody can log in."""
    if not people.on:
        raise LoginsOff


async def admit(people: PeopleParts, request: Request[Any, Any, Any]) -> None:
    """Count a request that needs no credential; raises LoginsOff, TooManyAttempts."""
    check_on(people)
    await people.attempts.count("caller", _caller_address(request, people.trusted_proxies))


def _caller_address(request: Request[Any, Any, Any], proxies: int) -> str:
    """Where the request comes from, by the word of the outermost proxy that we trust: further left anybody writes."""
    if proxies:
        hops = [hop.strip() for hop in ",".join(request.headers.getall("x-forwarded-for", [])).split(",")]
        if len(hops) >= proxies and hops[-proxies]:
            return hops[-proxies]
    return request.client.host if request.client else ""
