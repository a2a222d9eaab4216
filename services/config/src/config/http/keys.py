"""/api/keys"""

import msgspec
from litestar import delete, post

from chassis.api_keys import Principal
from chassis.errors import NotAllowed
from config.entities import Entities
from config.http.answers import path_id
from contracts.ids import ApiKeyId


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scopes of the new key: never more than the asking key has."""

    scopes: list[str]


class KeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is shown this once."""

    id: ApiKeyId
    key: str
    scopes: list[str]


@post("/api/keys", opt={"scope": "keys:write"})
async def issue_key(data: KeyRequest, principal: Principal, entities: Entities) -> KeyAnswer:
    """Issue a key with some of the asking key's scopes, test or live as the asking key is."""
    beyond = sorted(set(data.scopes) - principal.scopes)
    if beyond:
        raise NotAllowed(f"this key cannot grant {', '.join(beyond)}")
    id, key = await entities.issue_key(principal, scopes=data.scopes, livemode=principal.livemode)
    return KeyAnswer(id=id, key=key, scopes=sorted(data.scopes))


@delete("/api/keys/{key_id:str}", opt={"scope": "keys:write"})
async def revoke_key(key_id: str, principal: Principal, entities: Entities) -> None:
    """Revoke a key; from now on it opens nothing."""
    await entities.revoke_key(principal, ApiKeyId(path_id(key_id)))


ROUTES = [issue_key, revoke_key]
