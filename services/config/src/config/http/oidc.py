"""/api/auth/oidc: logging in by the deployment's identity provider."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody, QueryParameter

from chassis.access import CustomerIsSuspended
from config.adapters.openid import ProviderRefused, ProviderUnavailable
from config.domain.membership import InvitationOver, OtherIdentity
from config.handlers.people.joining import AddressTaken
from config.handlers.people.oidc import BadState, NotInvited, OidcOff
from config.http.people import REFUSES, Parts, Tokens, admit, tokens

_REFUSES = (
    *REFUSES,
    *(OidcOff, BadState, NotInvited, OtherIdentity, ProviderRefused, ProviderUnavailable),
    *(InvitationOver, AddressTaken, CustomerIsSuspended),
)
Given = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
Code = Annotated[str, QueryParameter(min_length=1, max_length=2048)]
State = Annotated[str, QueryParameter(name="state", min_length=1, max_length=2048)]


class OidcStart(msgspec.Struct, frozen=True, kw_only=True):
    """Send the person to `url` within ten minutes, and keep `state`.

    Whoever comes back must bring the state that this page kept: a page that does not compare the two can be made to log
    its user in as somebody else.
    """

    url: str
    state: str


class OidcReturn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the provider added to the redirect URL."""

    code: Given
    state: Given


@get("/api/auth/oidc/start", opt={"public": True, "refuses": (*REFUSES, OidcOff, ProviderUnavailable)})
async def start_oidc(request: Request[Any, Any, Any], people: Parts) -> OidcStart:
    """Begin a login by the identity provider."""
    await admit(people, request)
    begun = await people.oidc.begin()
    return OidcStart(url=begun.url, state=begun.state)


@post("/api/auth/oidc/callback", opt={"public": True, "refuses": _REFUSES}, status_code=200)
async def finish_oidc(data: JSONBody[OidcReturn], request: Request[Any, Any, Any], people: Parts) -> Response[Tokens]:
    """Finish it: for members, and for who was invited under an address that the provider has verified."""
    await admit(people, request)
    return tokens(await people.oidc.finish(code=data.code, state=data.state))


@get("/api/auth/oidc/callback", opt={"public": True, "refuses": _REFUSES})
async def return_from_oidc(
    request: Request[Any, Any, Any], people: Parts, code: Code, returned: State
) -> Response[Tokens]:
    """As the POST, for a provider that sends people straight here."""
    await admit(people, request)
    return tokens(await people.oidc.finish(code=code, state=returned))


ROUTES = [start_oidc, finish_oidc, return_from_oidc]
