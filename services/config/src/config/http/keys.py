"""/api/keys"""

import msgspec
from litestar import delete, post
from litestar.params import JSONBody

from chassis.errors import NotAllowed
from chassis.http.app import Caller, PathId
from config.http.answers import ConfigEntities
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
async def issue_key(data: JSONBody[KeyRequest], principal: Caller, entities: ConfigEntities) -> KeyAnswer:
    """Issue a key with some of the asking key's scopes, test or live as the asking key is."""
    beyond = sorted(set(data.scopes) - principal.scopes)
    if beyond:
        raise NotAllowed(f"this key cannot grant {', '.join(beyond)}")
    id, key = await entities.issue_key(principal, scopes=data.scopes, livemode=principal.livemode)
    return KeyAnswer(id=id, key=key, scopes=sorted(data.scopes))


@delete("/api/keys/{key_id:str}", opt={"scope": "keys:write"})
async def revoke_key(key_id: PathId, principal: Caller, entities: ConfigEntities) -> None:
    """Revoke a key; from now on it opens nothing."""
    await entities.revoke_key(principal, ApiKeyId(key_id))


ROUTES = [issue_key, revoke_key]
