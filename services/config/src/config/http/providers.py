"""/api/provider-credentials: a customer's own keys at providers. What is written here is never given back."""

from typing import Any

import msgspec
from litestar import Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from chassis.errors import NotFound
from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from config.adapters.provider_checks import CredentialRefused, ProviderOutOfReach
from config.domain.provider_credential import Saved
from config.handlers.provider_credentials import CredentialChanged, ProviderCredentials
from config.http.answers import encoded, tagged
from contracts.positions import Position
from contracts.providers import PROVIDERS, ProviderName, provider_named

KeepsCredentials = NamedDependency[ProviderCredentials]


class CredentialRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key, and where it is used: at the provider's own address where `base_url` is empty.

    `base_url` is https: OpenAI's up to `/v1`, Deepgram's up to `/v1/listen`, Cartesia's without a path.
    """

    key: str
    base_url: str = ""


class CredentialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A key of your own as it is in force; `hint` is its end."""

    provider: ProviderName
    hint: str
    base_url: str = ""
    position: str = ""


class CredentialList(msgspec.Struct, frozen=True, kw_only=True):
    """Your own keys: there are few providers, and so one page. Elsewhere the deployment's keys are used."""

    data: list[CredentialAnswer]
    next_cursor: str | None = None


@get("/api/provider-credentials", opt={"scope": "providers:read"})
async def list_provider_credentials(principal: Caller, credentials: KeepsCredentials) -> CredentialList:
    """The providers that are asked with a key of your own."""
    found = await credentials.all_of(principal.customer)
    return CredentialList(data=[credential_answer(name, one.state, one.position) for name, one in found.items()])


@put(
    "/api/provider-credentials/{provider:str}",
    opt={
        "scope": "providers:write",
        "refuses": (CredentialRefused, ProviderOutOfReach, CredentialChanged, BadTag),
        "conditional": True,
        "etag": True,
    },
)
async def save_provider_credential(
    provider: PathId,
    data: JSONBody[CredentialRequest],
    principal: Caller,
    credentials: KeepsCredentials,
    if_match: IfMatch = None,
) -> Response[CredentialAnswer]:
    """Use a key of your own for sessions that start from now on: you pay the provider, and not Baton for it.

    The key is tested by a request to the provider; where that fails nothing changes. Replacing one needs If-Match.
    """
    name = known_provider(provider)
    saved = await credentials.save(principal, name, key=data.key, base_url=data.base_url, check=precondition(if_match))
    return Response(credential_answer(name, saved.state, saved.position), headers=tagged(saved.position))


@get("/api/provider-credentials/{provider:str}", opt={"scope": "providers:read", "etag": True})
async def get_provider_credential(
    provider: PathId, principal: Caller, credentials: KeepsCredentials
) -> Response[CredentialAnswer]:
    """Your own key at a provider, without the key."""
    name = known_provider(provider)
    stream = await credentials.find(principal.customer, name)
    return Response(credential_answer(name, stream.state, stream.position), headers=tagged(stream.position))


@delete("/api/provider-credentials/{provider:str}", opt={"scope": "providers:write", "refuses": (CredentialChanged,)})
async def remove_provider_credential(provider: PathId, principal: Caller, credentials: KeepsCredentials) -> None:
    """Forget your own key: sessions that start from now on use the deployment's. Twice is safe."""
    await credentials.remove(principal, known_provider(provider))


def known_provider(provider: str) -> ProviderName:
    """The provider of that name; raises NotFound."""
    found = provider_named(provider)
    if found is None:
        raise NotFound(f"the providers are {', '.join(PROVIDERS)}")
    return found


def credential_answer(provider: ProviderName, state: Any, position: Position | None) -> CredentialAnswer:
    """A key in force, without the key."""
    assert isinstance(state, Saved)
    return CredentialAnswer(provider=provider, hint=state.hint, base_url=state.base_url, position=encoded(position))


ROUTES = [
    list_provider_credentials,
    save_provider_credential,
    get_provider_credential,
    remove_provider_credential,
]
