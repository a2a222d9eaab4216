"""/admin/provider-defaults: the deployment's own keys at providers, for sessions of customers who have none there.

They stand in place of those in the runtime's environment, and what they pay for is the deployment's.
"""

from litestar import Response, delete, get, put
from litestar.params import JSONBody

from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from config.adapters.provider_checks import CredentialRefused, ProviderOutOfReach
from config.handlers.provider_credentials import CredentialChanged
from config.http.answers import tagged
from config.http.providers import (
    CredentialAnswer,
    CredentialList,
    CredentialRequest,
    KeepsCredentials,
    credential_answer,
    known_provider,
)
from contracts.ids import DEPLOYMENT


@get("/admin/provider-defaults", opt={"operator": True})
async def list_provider_defaults(credentials: KeepsCredentials) -> CredentialList:
    """The providers at which a key of the deployment is kept; elsewhere that of the environment is used."""
    found = await credentials.all_of(DEPLOYMENT)
    return CredentialList(data=[credential_answer(name, one.state, one.position) for name, one in found.items()])


@put(
    "/admin/provider-defaults/{provider:str}",
    opt={
        "operator": True,
        "refuses": (CredentialRefused, ProviderOutOfReach, CredentialChanged, BadTag),
        "conditional": True,
        "etag": True,
    },
)
async def save_provider_default(
    provider: PathId,
    data: JSONBody[CredentialRequest],
    principal: Caller,
    credentials: KeepsCredentials,
    if_match: IfMatch = None,
) -> Response[CredentialAnswer]:
    """Use a key for the sessions, from the next start on, of all customers who have none of their own there.

    The key is tested by a request to the provider; where that fails nothing changes. Replacing one needs If-Match.
    """
    name = known_provider(provider)
    saved = await credentials.save(principal, name, key=data.key, base_url=data.base_url, check=precondition(if_match))
    return Response(credential_answer(name, saved.state, saved.position), headers=tagged(saved.position))


@delete("/admin/provider-defaults/{provider:str}", opt={"operator": True, "refuses": (CredentialChanged,)})
async def remove_provider_default(provider: PathId, principal: Caller, credentials: KeepsCredentials) -> None:
    """Forget the deployment's key: sessions that start from now on use that of the environment. Twice is safe."""
    await credentials.remove(principal, known_provider(provider))


ROUTES = [list_provider_defaults, save_provider_default, remove_provider_default]
